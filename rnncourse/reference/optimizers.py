"""Optimisers. Each changes the parameters it was given, in place, as torch.optim does.

Here are SGD, Adam and the checks that all share; `adagrad`, `rmsprop` and `adamw` are files of their own. The state of
an optimiser is in its attributes, arrays under the keys of `params`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from .._checks import check_array, check_choice, check_mapping, check_number


class Optimizer(Protocol):
    """What every optimiser has: the arrays it moves, in place, and a step."""

    params: dict[str, np.ndarray]

    def step(self, grads: Mapping[str, np.ndarray]) -> None:
        """Move every parameter once."""


class SGD:
    r"""Gradient descent, with momentum if wanted: the same numbers as `torch.optim.SGD` without dampening.

    .. math::
        g &\leftarrow g + \lambda \theta \\
        v &\leftarrow \mu v + g \\
        \theta &\leftarrow \theta - \eta\, v \qquad \text{or, by Nesterov,} \qquad
        \theta \leftarrow \theta - \eta\, (g + \mu v)

    The velocity v starts at zero. Papers put the rate inside of v; the two forms part when the rate changes.

    Args:
        params: arrays by name; `step` changes them in place.
        lr: the rate eta, at least 0. May be set between steps (`optimizer.lr = …`).
        momentum: mu, in [0, 1). 0: none, v is the gradient. May be set between steps.
        weight_decay: lambda, at least 0: the loss plus lambda / 2 times the squared norm of all parameters.
        nesterov: look ahead along the velocity; needs a momentum.

    Attributes:
        v: the velocities.

    Raises:
        TypeError: params that are no dict of floating-point arrays, or an argument that is no number.
        ValueError: NaN or infinity in params, or an argument out of its range; nesterov without momentum.

    Source: Robbins and Monro (1951), chapter 04; Polyak (1964) for momentum; Nesterov (1983) in the form of Sutskever
    et al. (2013), chapter 16.

    >>> params = {"w": np.array([1.0])}
    >>> optimizer = SGD(params, lr=0.1, momentum=0.5)
    >>> for _ in range(2):
    ...     optimizer.step({"w": np.array([1.0])})
    ...     print(params["w"].round(4))
    [0.9]
    [0.75]
    """

    def __init__(
        self,
        params: dict[str, np.ndarray],
        lr: float,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        self.params = check_parameters(params)
        self.lr = check_number("lr", lr, at_least=0)
        self.momentum = check_number("momentum", momentum, at_least=0, below=1)
        self.weight_decay = check_number("weight_decay", weight_decay, at_least=0)
        self.nesterov = bool(check_choice("nesterov", nesterov, (True, False)))
        if self.nesterov and momentum == 0:
            raise ValueError("nesterov needs a momentum above 0, got momentum=0")
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
            v = self.v[name]
            g = grads[name] + self.weight_decay * p
            v *= self.momentum
            v += g
            p -= self.lr * (g + self.momentum * v if self.nesterov else v)


class Adam:
    r"""Adam: each parameter's step is scaled by running averages of its gradient and of the gradient's square.

    .. math::
        m &\leftarrow \beta_1 m + (1-\beta_1) g, & \hat m &= m / (1 - \beta_1^k) \\
        v &\leftarrow \beta_2 v + (1-\beta_2) g^2, & \hat v &= v / (1 - \beta_2^k) \\
        \theta &\leftarrow \theta - \eta\, \hat m / (\sqrt{\hat v} + \epsilon)

    with k the number of this step, counted from 1; the same numbers as `torch.optim.Adam`.

    Args:
        params: arrays by name; `step` changes them in place.
        lr: the learning rate eta, at least 0. May be set between steps.
        betas: (beta_1, beta_2), each in [0, 1).
        eps: epsilon, at least 0.

    Attributes:
        m, v: the running averages.
        k: steps so far.

    Raises:
        TypeError: params that are no dict of floating-point arrays, or an argument that is no number.
        ValueError: NaN or infinity in params, or an argument out of its range.

    Source: Kingma and Ba (2015), algorithm 1; chapter 04.
    """

    def __init__(
        self,
        params: dict[str, np.ndarray],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ) -> None:
        self.params = check_parameters(params)
        self.lr = check_number("lr", lr, at_least=0)
        if not isinstance(betas, Sequence) or len(betas) != 2:
            raise TypeError(f"betas must be two numbers, (beta_1, beta_2), got {betas!r}")
        self.betas = (
            check_number("betas[0]", betas[0], at_least=0, below=1),
            check_number("betas[1]", betas[1], at_least=0, below=1),
        )
        self.eps = check_number("eps", eps, at_least=0)
        self.m = {name: np.zeros_like(p) for name, p in params.items()}
        self.v = {name: np.zeros_like(p) for name, p in params.items()}
        self.k = 0

    def step(self, grads: Mapping[str, np.ndarray]) -> None:
        """Move every parameter once.

        Args:
            grads: gradients under the keys of `params`, each of its parameter's shape and dtype.

        Raises:
            TypeError: not a mapping of floating-point arrays, or another dtype. Then nothing has moved.
            ValueError: other keys, a wrong shape, NaN or infinity. Then nothing has moved.
        """
        check_grads(self.params, grads)
        beta_1, beta_2 = self.betas
        self.k += 1
        for name, p in self.params.items():
            g, m, v = grads[name], self.m[name], self.v[name]
            m += (1 - beta_1) * (g - m)
            v += (1 - beta_2) * (g * g - v)
            m_hat = m / (1 - beta_1**self.k)
            v_hat = v / (1 - beta_2**self.k)
            p -= self.lr * m_hat / (np.sqrt(v_hat) + self.eps)


def check_parameters(params: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return `params` if it is a dict of finite floating-point arrays, else raise TypeError or ValueError."""
    if not isinstance(params, dict):
        raise TypeError(f"params must be a dict of numpy arrays, such as model.params, got {type(params).__name__}")
    for name, p in params.items():
        check_array(f"params[{name!r}]", p, (...,))
    return params


def check_grads(params: Mapping[str, np.ndarray], grads: Mapping[str, np.ndarray]) -> None:
    """Raise unless `grads` holds, for every parameter, a finite gradient of its shape and dtype."""
    check_mapping("grads", grads)
    if set(grads) != set(params):
        missing, extra = sorted(set(params) - set(grads)), sorted(set(grads) - set(params))
        raise ValueError(f"grads must have the keys of params, got {missing} missing and {extra} too many")
    for name, p in params.items():
        check_array(f"grads[{name!r}]", grads[name], p.shape, like=p)
