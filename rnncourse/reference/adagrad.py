"""Adagrad: a rate of its own for every weight, by all its gradients so far."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .._checks import check_number
from .optimizers import check_grads, check_parameters


class Adagrad:
    r"""Adagrad: each parameter's step is divided by the root of the sum of all its squared gradients.

    .. math::
        g &\leftarrow g + \lambda \theta \\
        s &\leftarrow s + g^2 \\
        \theta &\leftarrow \theta - \frac{\eta}{1 + (k - 1) \delta}\, g / (\sqrt{s} + \epsilon)

    with k the number of this step, from 1; the same numbers as `torch.optim.Adagrad`. A weight whose gradient is rarely
    other than zero (a rare word's embedding) keeps a high rate. The sum never falls, so every rate does.

    Args:
        params: arrays by name; `step` changes them in place.
        lr: the learning rate eta, at least 0. May be set between steps.
        lr_decay: delta, at least 0.
        weight_decay: lambda, at least 0.
        initial_accumulator_value: what s starts at, at least 0.
        eps: epsilon, above 0: a weight whose gradient has always been 0 must not become 0 / 0.

    Attributes:
        s: the sums of squares.
        k: steps so far.

    Raises:
        TypeError: params that are no dict of floating-point arrays, or an argument that is no number.
        ValueError: NaN or infinity in params, or an argument out of its range.

    Source: Duchi, Hazan and Singer (2011), the diagonal form; chapter 16.

    >>> params = {"w": np.array([1.0, 1.0])}
    >>> Adagrad(params, lr=0.1).step({"w": np.array([1000.0, -0.001])})
    >>> params["w"].round(4)
    array([0.9, 1.1])
    """

    def __init__(
        self,
        params: dict[str, np.ndarray],
        lr: float = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
    ) -> None:
        self.params = check_parameters(params)
        self.lr = check_number("lr", lr, at_least=0)
        self.lr_decay = check_number("lr_decay", lr_decay, at_least=0)
        self.weight_decay = check_number("weight_decay", weight_decay, at_least=0)
        start = check_number("initial_accumulator_value", initial_accumulator_value, at_least=0)
        self.eps = check_number("eps", eps, above=0)
        self.s = {name: np.full_like(p, start) for name, p in params.items()}
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
        self.k += 1
        lr = self.lr / (1 + (self.k - 1) * self.lr_decay)
        for name, p in self.params.items():
            s = self.s[name]
            g = grads[name] + self.weight_decay * p
            s += g * g
            p -= lr * g / (np.sqrt(s) + self.eps)
