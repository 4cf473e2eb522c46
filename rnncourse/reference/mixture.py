r"""Several models in one: linear interpolation, its weights found by expectation and maximisation.

.. math::
    p(x_n) = \sum_k \lambda_k\, p_k(x_n), \qquad \lambda_k \ge 0, \quad \sum_k \lambda_k = 1

Fit the weights on text that no model was trained on: on training text, the model that knows it by heart wins all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .._checks import check_array, check_number


class MixtureFit(NamedTuple):
    """What `fit_mixture` found.

    Attributes:
        weights: lambda, float64 of shape (K,).
        losses: nats a symbol with the weights at the start and after every step; they never rise, but for rounding.
        gap: by how much, at most, the last of them is above the loss of the best weights there are.

    Source: Jelinek and Mercer (1980); chapter 01.
    """

    weights: np.ndarray
    losses: np.ndarray
    gap: float


def mix(probabilities: Sequence[np.ndarray], weights: np.ndarray) -> np.ndarray:
    r"""Interpolate: :math:`p = \sum_k \lambda_k\, p_k`.

    Args:
        probabilities: one array a model, all of one shape: (N,), those of the symbols that came, or (N, V), those of
            all symbols.
        weights: lambda, of shape (K,), none negative, with sum 1.

    Returns:
        Of the shape and dtype of each of `probabilities`.

    Raises:
        TypeError: arrays that are not floating point or of different dtypes.
        ValueError: no model, different shapes, an entry outside 0 … 1, or weights that do not sum to 1.

    Source: Jelinek and Mercer (1980); chapter 01.

    >>> mix([np.array([0.5, 0.1]), np.array([0.1, 0.3])], np.array([0.75, 0.25]))
    array([0.4 , 0.15])
    """
    p = _stack(probabilities)
    _check_weights(weights, len(p))
    return np.tensordot(weights.astype(p.dtype), p, 1)


def mixture_loss(probabilities: Sequence[np.ndarray], weights: np.ndarray) -> float:
    r"""Mean negative log-probability of a text: :math:`-\frac{1}{N} \sum_n \log \sum_k \lambda_k\, p_k(x_n)`.

    Args:
        probabilities: one array a model, of shape (N,): the probabilities of the symbols that came.
        weights: lambda, of shape (K,), none negative, with sum 1.

    Returns:
        The loss in nats a symbol; infinite where every model that has a weight ruled out a symbol that came.

    Raises:
        TypeError: arrays that are not floating point or of different dtypes.
        ValueError: no model, a wrong shape, no symbol, an entry outside 0 … 1, or weights that do not sum to 1.

    Source: Jelinek and Mercer (1980); chapter 01.
    """
    p = _observed(probabilities)
    _check_weights(weights, len(p))
    with np.errstate(divide="ignore"):
        return -float(np.log(weights @ p).mean())


def fit_mixture(
    probabilities: Sequence[np.ndarray],
    weights: np.ndarray | None = None,
    *,
    tolerance: float = 1e-6,
    steps: int = 1000,
) -> MixtureFit:
    r"""The weights under which a held-out text is most probable, by expectation and maximisation.

    .. math::
        r_{nk} = \frac{\lambda_k\, p_k(x_n)}{\sum_j \lambda_j\, p_j(x_n)}, \qquad
        \lambda_k \leftarrow \frac{1}{N} \sum_n r_{nk}

    r is the share of model k in having produced symbol n, and the new weight its mean share. No step can raise the
    loss L, which is convex in lambda: a local minimum is the global one. With
    :math:`G_k = -\partial L / \partial \lambda_k` a step is :math:`\lambda_k \leftarrow \lambda_k G_k`, and as
    :math:`\sum_k \lambda_k G_k = 1` convexity gives

    .. math::
        L(\lambda) - L(\lambda^*) \le \sum_k (\lambda^*_k - \lambda_k)\, G_k \le \max_k G_k - 1

    which tells how far above the best loss this one can still be.

    Args:
        probabilities: one array a model, of shape (N,): the probabilities of the symbols that came.
        weights: where to start, of shape (K,), all above 0 (a weight of 0 would stay 0). None: all alike.
        tolerance: stop when that bound is at most this, in nats a symbol, at least 0.
        steps: stop after so many in any case, at least 1. See `gap` in the result.

    Returns:
        The weights, the losses on the way, and the bound at the end.

    Raises:
        TypeError: arrays that are not floating point or of different dtypes.
        ValueError: no model, a wrong shape, no symbol, an entry outside 0 … 1, weights that are not all above 0 or do
            not sum to 1, or a symbol that every model rules out.

    Source: Jelinek and Mercer (1980); Dempster, Laird and Rubin (1977) for the method; chapter 01.

    >>> fit = fit_mixture([np.array([0.9, 0.1, 0.9]), np.array([0.1, 0.9, 0.1])])
    >>> fit.weights.round(3), bool((np.diff(fit.losses) <= 0).all())
    (array([0.708, 0.292]), True)
    """
    p = _observed(probabilities)
    K = len(p)
    if weights is None:
        weights = np.full(K, 1 / K)
    _check_weights(weights, K)
    if not (weights > 0).all():
        raise ValueError(f"weights must all be above 0 to start, got {weights.min()}")
    weights = weights.astype(np.float64)
    impossible = np.flatnonzero(weights @ p == 0)
    if impossible.size:
        raise ValueError(f"probabilities must not all be 0 for a symbol, got 0 from every model at n = {impossible[0]}")
    check_number("tolerance", tolerance, at_least=0)
    check_number("steps", steps, at_least=1, integer=True)

    losses = []
    for step in range(steps + 1):
        mixed = weights @ p
        losses.append(-float(np.log(mixed).mean()))
        G = (p / mixed).mean(axis=1)
        gap = max(float(G.max()) - 1, 0.0)
        if gap <= tolerance or step == steps:
            break
        weights = weights * G  # the mean over n of r_nk
        weights /= weights.sum()  # 1 but for rounding
    return MixtureFit(weights, np.array(losses), gap)


def _stack(probabilities: Sequence[np.ndarray]) -> np.ndarray:
    """The models' arrays as one of shape (K, …)."""
    if not isinstance(probabilities, Sequence):
        raise TypeError(f"probabilities must be a sequence of one array a model, got {type(probabilities).__name__}")
    if len(probabilities) == 0:
        raise ValueError("probabilities must hold at least one model's array, got none")
    first = probabilities[0]
    shape = getattr(first, "shape", ("N",))
    if len(shape) not in (1, 2):
        raise ValueError(f"probabilities[0] must have shape (N,) or (N, V), got {shape}")
    for k, p in enumerate(probabilities):
        check_array(f"probabilities[{k}]", p, shape, like=first if k else None)
        wrong = p[(p < 0) | (p > 1 + 1e-5)]  # a sum of rounded numbers may be a little above 1
        if wrong.size:
            raise ValueError(f"probabilities[{k}] must lie in 0 … 1, got {wrong[0]}")
    return np.stack(probabilities)


def _observed(probabilities: Sequence[np.ndarray]) -> np.ndarray:
    """The models' arrays as one of shape (K, N), in float64: sums over a long text lose digits in float32."""
    p = _stack(probabilities)
    if p.ndim != 2 or p.shape[1] == 0:
        raise ValueError(f"probabilities[0] must have shape (N,) with N >= 1, got {p.shape[1:]}")
    return p.astype(np.float64)


def _check_weights(weights: np.ndarray, K: int) -> None:
    check_array("weights", weights, (K,))
    if weights.min() < 0 or abs(weights.sum(dtype=np.float64) - 1) > 1e-5:
        raise ValueError(f"weights must not be negative and must sum to 1, got {weights.tolist()}")
