"""RMSProp: a rate of its own for every weight, by its recent gradients."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .._checks import check_choice, check_number
from .optimizers import check_grads, check_parameters


class RMSProp:
    r"""RMSProp: each parameter's step is divided by the root of a running average of its squared gradients.

    .. math::
        g &\leftarrow g + \lambda \theta \\
        s &\leftarrow \alpha s + (1 - \alpha) g^2 \\
        m &\leftarrow \alpha m + (1 - \alpha) g \qquad \text{if centred, else } m = 0 \\
        v &\leftarrow \mu v + g / (\sqrt{s - m^2} + \epsilon) \\
        \theta &\leftarrow \theta - \eta\, v

    s, m and v start at zero; the same numbers as `torch.optim.RMSprop`. Unlike Adagrad's sum, the average forgets.
    Unlike Adam's, it is not corrected for its start at zero, so the first step is
    :math:`1 / \sqrt{1 - \alpha}` times as long.

    Args:
        params: arrays by name; `step` changes them in place.
        lr: the learning rate eta, at least 0. May be set between steps.
        alpha: how much of the average is kept, in [0, 1).
        eps: epsilon, above 0: a weight whose gradient has always been 0 must not become 0 / 0.
        weight_decay: lambda, at least 0.
        momentum: mu, in [0, 1).
        centered: divide by the gradient's running standard deviation instead of its root mean square.

    Attributes:
        s, m, v: the running averages and the velocities.

    Raises:
        TypeError: params that are no dict of floating-point arrays, or an argument that is no number.
        ValueError: NaN or infinity in params, or an argument out of its range.

    Source: Tieleman and Hinton (2012), lecture 6.5; Graves (2013) for the centred form with momentum; chapter 16.

    >>> params = {"w": np.array([1.0, 1.0])}
    >>> RMSProp(params, lr=0.01, alpha=0.99).step({"w": np.array([1000.0, -0.001])})
    >>> params["w"].round(3)
    array([0.9, 1.1])
    """

    def __init__(
        self,
        params: dict[str, np.ndarray],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
    ) -> None:
        self.params = check_parameters(params)
        self.lr = check_number("lr", lr, at_least=0)
        self.alpha = check_number("alpha", alpha, at_least=0, below=1)
        self.eps = check_number("eps", eps, above=0)
        self.weight_decay = check_number("weight_decay", weight_decay, at_least=0)
        self.momentum = check_number("momentum", momentum, at_least=0, below=1)
        self.centered = bool(check_choice("centered", centered, (True, False)))
        self.s = {name: np.zeros_like(p) for name, p in params.items()}
        self.m = {name: np.zeros_like(p) for name, p in params.items()}
        self.v = {name: np.zeros_like(p) for name, p in params.items()}

    def step(self, grads: Mapping[str, np.ndarray]) -> None:
        """Move every parameter once.

        Args:
            grads: gradients under the keys of `params`, each of its parameter's shape and dtype.

        Raises:
            TypeError: not a mapping of floating-point arrays, or another dtype. Then nothing has moved.
            ValueError: other keys, a wrong shape, NaN or infinity. Then nothing has moved.
        """
        check_grads(self.params, grads)
        for name, p in self.params.items():
            s, m, v = self.s[name], self.m[name], self.v[name]
            g = grads[name] + self.weight_decay * p
            s += (1 - self.alpha) * (g * g - s)
            if self.centered:
                m += (1 - self.alpha) * (g - m)
            # s - m^2 is a variance, so never negative but for rounding, where torch's root would give NaN.
            v *= self.momentum
            v += g / (np.sqrt(np.maximum(s - m * m, 0)) + self.eps)
            p -= self.lr * v
