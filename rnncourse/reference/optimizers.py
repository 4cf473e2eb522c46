"""Optimisers. Each changes the parameters it was given, in place, as torch.optim does."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .._checks import check_array, check_number


class SGD:
    r"""Gradient descent: :math:`\theta \leftarrow \theta - \eta\, g`.

    Args:
        params: arrays by name; `step` changes them in place.
        lr: the learning rate eta, at least 0. May be set between steps (`optimizer.lr = …`).

    Source: Robbins and Monro (1951); chapter 04.
    """

    def __init__(self, params: dict[str, np.ndarray], lr: float) -> None:
        self.params = check_params(params)
        self.lr = check_number("lr", lr, at_least=0)

    def step(self, grads: Mapping[str, np.ndarray]) -> None:
        """Move every parameter once.

        Args:
            grads: gradients under the keys of `params`, each of its parameter's shape and dtype.

        Raises:
            ValueError: other keys, a wrong shape, NaN or infinity. Then nothing has moved.
        """
        check_grads(self.params, grads)
        for name, p in self.params.items():
            p -= self.lr * grads[name]


class Adam:
    r"""Adam: each parameter's step is scaled by running averages of its gradient and of the gradient's square.

    .. math::
        m &\leftarrow \beta_1 m + (1-\beta_1) g, & \hat m &= m / (1 - \beta_1^k) \\
        v &\leftarrow \beta_2 v + (1-\beta_2) g^2, & \hat v &= v / (1 - \beta_2^k) \\
        \theta &\leftarrow \theta - \eta\, \hat m / (\sqrt{\hat v} + \epsilon)

    with k the number of steps so far; the same numbers as `torch.optim.Adam`.

    Args:
        params: arrays by name; `step` changes them in place.
        lr: the learning rate eta, at least 0. May be set between steps.
        betas: (beta_1, beta_2), each in [0, 1).
        eps: epsilon, at least 0.

    Source: Kingma and Ba (2015), algorithm 1; chapter 04.
    """

    def __init__(
        self,
        params: dict[str, np.ndarray],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ) -> None:
        self.params = check_params(params)
        self.lr = check_number("lr", lr, at_least=0)
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


def check_params(params: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return `params` if it is a dict of arrays, else raise TypeError."""
    if not isinstance(params, dict) or not all(isinstance(p, np.ndarray) for p in params.values()):
        raise TypeError(f"params must be a dict of numpy arrays, such as model.params, got {type(params).__name__}")
    return params


def check_grads(params: Mapping[str, np.ndarray], grads: Mapping[str, np.ndarray]) -> None:
    """Raise unless `grads` holds, for every parameter, a finite gradient of its shape and dtype."""
    if set(grads) != set(params):
        missing, extra = sorted(set(params) - set(grads)), sorted(set(grads) - set(params))
        raise ValueError(f"grads must have the keys of params, got {missing} missing and {extra} too many")
    for name, p in params.items():
        check_array(f"grads[{name!r}]", grads[name], p.shape, like=p)
