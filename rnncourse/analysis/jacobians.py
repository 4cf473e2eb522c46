r"""The chain of state Jacobians, :math:`J_t = \partial h_t / \partial h_{t-1}`, and what its products do.

A gradient that goes k steps back is multiplied by :math:`J_{T-k+1}^\top \cdots J_T^\top`; a disturbance of the state
that goes k steps forward by the same matrices, untransposed. Chapter 08.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .._checks import check_array, check_number
from ..reference.rnn import NONLINEARITIES, RNNCache


def state_jacobians(cache: RNNCache) -> np.ndarray:
    r"""Each step's derivative of the new state by the old one.

    .. math::
        J_t = \frac{\partial h_t}{\partial h_{t-1}} = \operatorname{diag}(\phi'(a_t))\, W_{hh}

    Args:
        cache: what `rnn_forward` returned.

    Returns:
        Of shape (T, B, H, H). Entry [t, b, i, j] is the derivative of unit i after step t + 1 by unit j before it. The
        identity where a sequence has ended.

    Raises:
        TypeError: not a cache of `rnn_forward`.

    Source: Pascanu, Mikolov and Bengio (2013); chapter 08.
    """
    _check_cache(cache)
    dphi = NONLINEARITIES[cache.nonlinearity].dphi(cache.h[1:])
    J = dphi[..., None] * cache.params["weight_hh_l0"]
    if cache.mask is not None:
        J = np.where(cache.mask[..., None], J, np.eye(J.shape[-1], dtype=J.dtype))
    return J


def product_singular_values(J: np.ndarray, lags: Sequence[int]) -> np.ndarray:
    r"""Logarithms of the singular values of :math:`J_T J_{T-1} \cdots J_{T-k+1}`, the last k Jacobians.

    The largest is the most by which a gradient can grow on its way k steps back, the others say how the other
    directions fare. The product is rescaled as it grows, so that nothing overflows.

    Args:
        J: one sequence's Jacobians in the order of time, of shape (T, H, H).
        lags: the k's wanted, each in 0 … T.

    Returns:
        Of shape (len(lags), H), natural logarithms, largest first. NaN where a singular value is so much smaller than
        the largest that its digits are rounding (below H times the machine's epsilon, relatively).

    Raises:
        TypeError: not a floating-point array, or a lag that is not an integer.
        ValueError: a wrong shape, a lag out of range, NaN or infinity.

    Source: Pascanu, Mikolov and Bengio (2013); chapter 08.
    """
    T, H = _check_chain(J)
    for k in lags:
        check_number("lags", k, at_least=0, integer=True)
        if k > T:
            raise ValueError(f"lags must lie in 0 … {T}, the number of Jacobians, got {k}")
    product, log_scale = np.eye(H, dtype=J.dtype), 0.0
    found = {}
    for k in range(max(lags, default=0) + 1):
        if k in lags:
            found[k] = _log_singular_values(product) + log_scale
        if k < T:
            product = product @ J[T - 1 - k]
            size = np.abs(product).max()
            if size > 0:
                product, log_scale = product / size, log_scale + np.log(size)
    return np.array([found[k] for k in lags]).reshape(len(lags), H)


def lyapunov_exponents(J: np.ndarray) -> np.ndarray:
    r"""The average rates, in nats a step, at which the chain of Jacobians stretches H directions.

    The first is the rate of the state's response to a small disturbance, and of the gradient, over many steps:

    .. math::
        \lambda_1 = \lim_{T \to \infty} \frac{1}{T} \log \lVert J_T \cdots J_1 \rVert

    below 0 gradients vanish, above 0 they explode and the state, if it stays bounded, is chaotic. For J_t = W, always
    the same, it is the logarithm of the spectral radius. The directions are kept apart by a QR decomposition at every
    step.

    Args:
        J: one sequence's Jacobians in the order of time, of shape (T, H, H), T at least 1. What stands before the
            states have forgotten their beginning is better left out.

    Returns:
        Of shape (H,), largest first; minus infinity for a direction that is lost altogether.

    Raises:
        TypeError: not a floating-point array.
        ValueError: a wrong shape, NaN or infinity.

    Source: Benettin, Galgani, Giorgilli and Strelcyn (1980); chapter 08.

    >>> lyapunov_exponents(np.tile(np.diag([0.5, 2.0]), (10, 1, 1))).round(4)
    array([ 0.6931, -0.6931])
    """
    T, H = _check_chain(J)
    if T == 0 or H == 0:
        raise ValueError(f"J must have T >= 1 and H >= 1, got shape {J.shape}")
    Q, total = np.eye(H, dtype=J.dtype), np.zeros(H)
    with np.errstate(divide="ignore"):
        for J_t in J:
            Q, R = np.linalg.qr(J_t @ Q)
            total += np.log(np.abs(np.diag(R)))
    return np.sort(total / T)[::-1]


def _log_singular_values(matrix: np.ndarray) -> np.ndarray:
    values = np.linalg.svd(matrix, compute_uv=False)
    resolved = values > values[0] * len(values) * np.finfo(matrix.dtype).eps
    with np.errstate(divide="ignore"):
        return np.where(resolved, np.log(values), -np.inf if values[0] == 0 else np.nan)


def _check_cache(cache: RNNCache) -> None:
    if not isinstance(cache, RNNCache):
        raise TypeError(f"cache must be what rnn_forward returned, got {type(cache).__name__}")


def _check_chain(J: np.ndarray) -> tuple[int, int]:
    check_array("J", J, ("T", "H", "H"))
    if J.shape[1] != J.shape[2]:
        raise ValueError(f"J must hold square matrices, one a step, got shape {J.shape}")
    return J.shape[0], J.shape[1]
