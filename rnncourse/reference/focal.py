r"""The focal loss: a cross-entropy that easy examples hardly move."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .._checks import check_number
from .cross_entropy import check_classification, log_softmax


class FocalCache(NamedTuple):
    """What `focal_backward` needs."""

    log_p: np.ndarray
    targets: np.ndarray
    mask: np.ndarray
    w_y: np.ndarray
    gamma: float
    N: float


def focal_forward(
    logits: np.ndarray,
    targets: np.ndarray,
    mask: np.ndarray | None = None,
    *,
    gamma: float = 2.0,
    weight: np.ndarray | None = None,
) -> tuple[float, FocalCache]:
    r"""Cross-entropy with each position scaled down by how sure the model already is of its target.

    .. math::
        L = -\frac{1}{N} \sum_{t,b} m_{tb}\, w_{y_{tb}} (1 - p_{tb}(y_{tb}))^\gamma \log p_{tb}(y_{tb}), \qquad
        N = \sum_{t,b} m_{tb}\, w_{y_{tb}}

    The multi-class form, over a softmax. With gamma = 0 it is `cross_entropy_forward` with the same mask and weights.
    The factor is not part of N, so a larger gamma also makes the loss smaller: Lin et al. divide by the number of
    objects likewise, whatever gamma is.

    Args:
        logits: scores, of shape (T, B, V).
        targets: the classes that came, integers in 0 … V-1, of shape (T, B).
        mask: booleans of shape (T, B); False leaves a position (padding) out. None: all count.
        gamma: how strongly sure positions are scaled down, at least 0.
        weight: w, how much each class counts (the paper's alpha), of shape (V,), at least 0. None: 1 each.

    Returns:
        The loss, and the cache for `focal_backward`.

    Raises:
        TypeError: logits or weight not floating point or of different dtypes, targets not integers, mask not boolean.
        ValueError: a wrong shape, a target out of range, NaN or infinity, a mask without a True, a negative gamma or
            weight, or weights that are zero for all targets.

    Source: Lin et al. (2017), equation 5; chapter 20.

    >>> logits = np.log(np.array([[[0.9, 0.1], [0.5, 0.5]]]))  # an easy and a hard position
    >>> _, cache = focal_forward(logits, np.array([[0, 0]]), gamma=2)
    >>> focal_backward(cache).round(4)  # cross-entropy would give -0.05 and -0.25
    array([[[-0.0014,  0.0014], [-0.1491,  0.1491]]])
    """
    mask, weight = check_classification(logits, targets, mask, weight)
    check_number("gamma", gamma, at_least=0)
    gamma = float(gamma)
    log_p = log_softmax(logits)
    w_y = weight[targets]
    log_p_y = np.take_along_axis(log_p, targets[:, :, None], axis=2)[:, :, 0]
    focused = w_y * (-np.expm1(log_p_y)) ** gamma * log_p_y
    N = float(w_y[mask].sum(dtype=np.float64))
    loss = -float(focused[mask].sum(dtype=np.float64)) / N
    return loss, FocalCache(log_p, targets, mask, w_y, gamma, N)


def focal_backward(cache: FocalCache) -> np.ndarray:
    r"""The loss's derivative by the logits.

    With p short for :math:`p_{tb}(y_{tb})`:

    .. math::
        f_{tb} &= (1 - p)^\gamma - \gamma\, p\, (1 - p)^{\gamma - 1} \log p \\
        dz_{tb}(v) &= \frac{m_{tb}\, w_{y_{tb}}}{N}\, f_{tb}\, (p_{tb}(v) - [v = y_{tb}])

    Args:
        cache: what `focal_forward` returned.

    Returns:
        Of shape (T, B, V).

    Source: Lin et al. (2017), appendix B; chapter 20.
    """
    log_p, targets, mask, w_y, gamma, N = cache
    T, B = targets.shape
    log_p_y = np.take_along_axis(log_p, targets[:, :, None], axis=2)[:, :, 0]
    one_minus_p = -np.expm1(log_p_y)
    # (1 - p)^(gamma - 1) may be infinite where p = 1; log p / (1 - p) tends to -1 there, and that form stays finite.
    ratio = np.divide(log_p_y, one_minus_p, out=np.full_like(log_p_y, -1), where=one_minus_p > 0)
    f = one_minus_p**gamma * (1 - gamma * np.exp(log_p_y) * ratio)

    d_logits = np.exp(log_p)
    d_logits[np.arange(T)[:, None], np.arange(B), targets] -= 1
    d_logits *= (mask * w_y * f / log_p.dtype.type(N))[:, :, None]
    return d_logits
