"""Softmax and the cross-entropy, forward and backward by hand."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .._checks import check_array, check_ids, check_mask, check_number


def log_softmax(logits: np.ndarray) -> np.ndarray:
    r"""Log-probabilities from scores: :math:`\log p_v = z_v - \log \sum_u e^{z_u}`, along the last axis.

    Args:
        logits: the scores z, unnormalised, of shape (…, V). -inf rules a symbol out.

    Returns:
        Natural logarithms of probabilities, of shape (…, V).

    Raises:
        TypeError: not a floating-point array.
        ValueError: no axis, or V = 0; NaN, infinity, or nothing but -inf.

    Source: chapter 02.

    >>> np.exp(log_softmax(np.array([0.0, np.log(3.0)])))
    array([0.25, 0.75])
    """
    if not isinstance(logits, np.ndarray) or not np.issubdtype(logits.dtype, np.floating):
        raise TypeError(f"logits must be a floating-point numpy.ndarray, got {getattr(logits, 'dtype', type(logits))}")
    if logits.ndim == 0 or logits.shape[-1] == 0:
        raise ValueError(f"logits must have shape (…, V) with V >= 1, got {logits.shape}")
    top = logits.max(axis=-1, keepdims=True)
    if not np.isfinite(top).all():
        raise ValueError(f"logits must have a finite maximum along the last axis, got {top[~np.isfinite(top)][0]}")
    # Subtracting the largest score changes nothing but keeps exp from overflowing.
    z = logits - top
    return z - np.log(np.exp(z).sum(axis=-1, keepdims=True))


def softmax(logits: np.ndarray) -> np.ndarray:
    r"""Probabilities from scores: :math:`p_v = e^{z_v} / \sum_u e^{z_u}`, along the last axis.

    Args:
        logits: the scores z, unnormalised, of shape (…, V). -inf rules a symbol out.

    Returns:
        Probabilities, of shape (…, V), each last axis summing to 1.

    Raises:
        TypeError: not a floating-point array.
        ValueError: no axis, or V = 0; NaN, infinity, or nothing but -inf.

    Source: chapter 02.
    """
    return np.exp(log_softmax(logits))


class CrossEntropyCache(NamedTuple):
    """What `cross_entropy_backward` needs."""

    log_p: np.ndarray
    targets: np.ndarray
    mask: np.ndarray
    weight: np.ndarray
    label_smoothing: float
    N: float


def cross_entropy_forward(
    logits: np.ndarray,
    targets: np.ndarray,
    mask: np.ndarray | None = None,
    *,
    weight: np.ndarray | None = None,
    label_smoothing: float = 0.0,
) -> tuple[float, CrossEntropyCache]:
    r"""Mean negative log-probability of the targets: :math:`L = -\frac{1}{N} \sum_{t,b} m_{tb} \log p_{tb}(y_{tb})`.

    With class weights w and label smoothing epsilon, the target's certainty gives way to a distribution q:

    .. math::
        q_{tb}(v) = (1 - \epsilon)\, [v = y_{tb}] + \epsilon / V, \qquad
        L = -\frac{1}{N} \sum_{t,b} m_{tb} \sum_v w_v\, q_{tb}(v) \log p_{tb}(v), \qquad
        N = \sum_{t,b} m_{tb}\, w_{y_{tb}}

    Same numbers as `torch.nn.functional.cross_entropy` with `reduction="mean"`, where the mask is its `ignore_index`.
    Its N counts the weights of the targets alone, also under smoothing.

    Args:
        logits: scores, of shape (T, B, V).
        targets: the symbols that came, integers in 0 … V-1, of shape (T, B).
        mask: booleans of shape (T, B); False leaves a position (padding) out. None: all count.
        weight: w, how much each class counts, of shape (V,), at least 0. None: 1 each, and N counts positions.
        label_smoothing: epsilon in [0, 1], the share of the target that is spread evenly over all V classes.

    Returns:
        The loss in nats a symbol, and the cache for `cross_entropy_backward`.

    Raises:
        TypeError: logits or weight not floating point or of different dtypes, targets not integers, mask not boolean.
        ValueError: a wrong shape, a target out of range, NaN or infinity, a mask without a True, a negative weight,
            weights that are zero for all targets, or label smoothing outside [0, 1].

    Source: Szegedy et al. (2016) for the smoothing; chapters 02 and 20.
    """
    mask, weight = check_classification(logits, targets, mask, weight)
    check_number("label_smoothing", label_smoothing, at_least=0, at_most=1)
    eps, V = float(label_smoothing), logits.shape[2]
    log_p = log_softmax(logits)
    w_y = weight[targets]
    weighted = (1 - eps) * w_y * np.take_along_axis(log_p, targets[:, :, None], axis=2)[:, :, 0]
    if eps:
        weighted += eps / V * (log_p @ weight)
    N = float(w_y[mask].sum(dtype=np.float64))
    loss = -float(weighted[mask].sum(dtype=np.float64)) / N
    return loss, CrossEntropyCache(log_p, targets, mask, weight, eps, N)


def cross_entropy_backward(cache: CrossEntropyCache) -> np.ndarray:
    r"""The loss's derivative by the logits: :math:`dz_{tb} = \frac{m_{tb}}{N} (p_{tb} - e_{y_{tb}})`.

    With weights and smoothing:

    .. math::
        dz_{tb}(v) = \frac{m_{tb}}{N} \Bigl( p_{tb}(v) \sum_u w_u q_{tb}(u) - w_v q_{tb}(v) \Bigr)

    Args:
        cache: what `cross_entropy_forward` returned.

    Returns:
        Of shape (T, B, V).

    Source: chapters 03 and 20.
    """
    log_p, targets, mask, weight, eps, N = cache
    T, B, V = log_p.shape
    w_y = weight[targets]
    wq_sum = (1 - eps) * w_y + eps * weight.mean()
    d_logits = np.exp(log_p) * wq_sum[:, :, None]
    if eps:
        d_logits -= eps / V * weight
    d_logits[np.arange(T)[:, None], np.arange(B), targets] -= (1 - eps) * w_y
    d_logits *= mask[:, :, None] / log_p.dtype.type(N)
    return d_logits


def check_classification(
    logits: np.ndarray, targets: np.ndarray, mask: np.ndarray | None, weight: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return mask and class weights, ones where None, if they, logits and targets fit together; else raise.

    Raises:
        TypeError: an argument of another type or dtype.
        ValueError: a wrong shape, a value out of range, or nothing that counts.
    """
    check_array("logits", logits, ("T", "B", "V"))
    T, B, V = logits.shape
    check_ids("targets", targets, (T, B), V)
    mask = positions_mask(mask, T, B)
    if weight is None:
        return mask, np.ones(V, logits.dtype)
    check_array("weight", weight, (V,), like=logits)
    if weight.min() < 0:
        raise ValueError(f"weight must be at least 0, got {weight.min()}")
    if not weight[targets[mask]].any():
        raise ValueError("weight must be above 0 for at least one target that counts, got 0 for all")
    return mask, weight


def positions_mask(mask: np.ndarray | None, T: int, B: int) -> np.ndarray:
    """Return a mask of positions, all True where None, if it is boolean, of shape (T, B) and keeps something.

    Raises:
        TypeError: not a boolean array.
        ValueError: another shape, or no True.
    """
    if mask is None:
        mask = np.ones((T, B), bool)
    check_mask("mask", mask, (T, B))
    if not mask.any():
        raise ValueError("mask must keep at least one position, got none (or logits of size 0)")
    return mask
