"""AdamW: Adam whose weight decay does not pass through the gradient."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .._checks import check_number
from .optimizers import Adam, check_grads


class AdamW(Adam):
    r"""Adam with decoupled weight decay: the weights shrink by themselves, not by way of the gradient.

    .. math::
        \theta \leftarrow (1 - \eta \lambda)\, \theta, \qquad \text{then a step of Adam}

    A decay added to the gradient, as in `SGD`, would be divided by Adam's :math:`\sqrt{\hat v}`: weights with large
    gradients would decay least. The same numbers as `torch.optim.AdamW`.

    Args:
        params: arrays by name; `step` changes them in place.
        lr: the learning rate eta, at least 0. May be set between steps.
        betas: (beta_1, beta_2), each in [0, 1).
        eps: epsilon, at least 0.
        weight_decay: lambda, at least 0.

    Raises:
        TypeError: params that are no dict of floating-point arrays, or an argument that is no number.
        ValueError: NaN or infinity in params, or an argument out of its range.

    Source: Loshchilov and Hutter (2019), algorithm 2, whose lambda is our eta lambda; chapter 16.

    >>> params = {"w": np.array([1.0])}
    >>> AdamW(params, lr=0.1, weight_decay=0.5).step({"w": np.array([0.0])})
    >>> params["w"]
    array([0.95])
    """

    def __init__(
        self,
        params: dict[str, np.ndarray],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ) -> None:
        super().__init__(params, lr, betas, eps)
        self.weight_decay = check_number("weight_decay", weight_decay, at_least=0)

    def step(self, grads: Mapping[str, np.ndarray]) -> None:
        """Move every parameter once.

        Args:
            grads: gradients under the keys of `params`, each of its parameter's shape and dtype.

        Raises:
            TypeError: not a mapping of floating-point arrays, or another dtype. Then nothing has moved.
            ValueError: other keys, a wrong shape, NaN or infinity. Then nothing has moved.
        """
        check_grads(self.params, grads)
        for p in self.params.values():
            p *= 1 - self.lr * self.weight_decay
        super().step(grads)
