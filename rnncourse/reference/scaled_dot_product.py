"""Scaled dot-product attention: what a Transformer does with queries, keys and values."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from .._checks import check_array
from ._attend import AttendCache, attend_backward, attend_forward


class ScaledDotProductCache(NamedTuple):
    """What `scaled_dot_product_backward` needs."""

    q: np.ndarray
    k: np.ndarray
    attend: AttendCache


def scaled_dot_product_forward(
    q: np.ndarray, k: np.ndarray, v: np.ndarray, allowed: np.ndarray | None = None
) -> tuple[np.ndarray, ScaledDotProductCache]:
    r"""Mix the values by how well their keys answer each query: :math:`C = \mathrm{softmax}(Q K^\top / \sqrt{D}) \, V`.

    A dot product of D independent terms of variance 1 has variance D; the scale undoes that, and keeps the softmax from
    saturating when D is large. The same numbers as `torch.nn.functional.scaled_dot_product_attention`.

    Args:
        q: queries, of shape (…, T, D).
        k: keys, of shape (…, S, D).
        v: values, of shape (…, S, V).
        allowed: booleans whose shape broadcasts to (…, T, S): whether query t may look at key s. Every query needs one
            key at least. None: all may look at all.

    Returns:
        The context C, of shape (…, T, V), and the cache for `scaled_dot_product_backward`; `cache.attend.weights`, of
        shape (…, T, S), is how much each query took of each key.

    Raises:
        TypeError: an argument of another type, or arrays of different dtypes.
        ValueError: a wrong shape, NaN or infinity, a query that may look at nothing.

    Source: Vaswani et al. (2017), section 3.2.1; chapter 28.
    """
    check_array("q", q, (..., "T", "D"))
    check_array("k", k, (*q.shape[:-2], "S", q.shape[-1]), like=q)
    check_array("v", v, (*k.shape[:-1], "V"), like=q)
    if q.size == 0 or k.size == 0:
        raise ValueError(f"q and k must have no empty axis, got shapes {q.shape} and {k.shape}")
    scores = q @ k.swapaxes(-1, -2) / math.sqrt(q.shape[-1])
    if allowed is not None:
        _check_allowed(allowed, scores.shape)
    context, _, attend = attend_forward(scores, v, allowed)
    return context, ScaledDotProductCache(q, k, attend)


def scaled_dot_product_backward(
    d_context: np.ndarray, cache: ScaledDotProductCache
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    r"""Backward pass of `scaled_dot_product_forward`.

    With A for the weights and dE for the derivative by the softmax's argument:

    .. math::
        dV = A^\top dC, \qquad dA = dC \, V^\top, \qquad
        dE_{ti} = A_{ti} \Bigl( dA_{ti} - \sum_j A_{tj} \, dA_{tj} \Bigr), \qquad
        dK = \frac{dE^\top Q}{\sqrt{D}}, \qquad dQ = \frac{dE \, K}{\sqrt{D}}

    Args:
        d_context: the loss's derivative by the context, of shape (…, T, V).
        cache: what `scaled_dot_product_forward` returned.

    Returns:
        dq, dk, dv, of the shapes of q, k, v.

    Raises:
        TypeError: another dtype than the forward pass had.
        ValueError: a wrong shape, NaN or infinity.

    Source: chapter 28.
    """
    q, k, attend = cache
    check_array("d_context", d_context, (*q.shape[:-1], attend.values.shape[-1]), like=q)
    dE, dv = attend_backward(d_context, None, attend)
    dE = dE / math.sqrt(q.shape[-1])
    return dE @ k, dE.swapaxes(-1, -2) @ q, dv


def _check_allowed(allowed: np.ndarray, shape: tuple[int, ...]) -> None:
    if not isinstance(allowed, np.ndarray) or allowed.dtype != bool:
        got = f"dtype {allowed.dtype}" if isinstance(allowed, np.ndarray) else type(allowed).__name__
        raise TypeError(f"allowed must be a boolean numpy.ndarray, got {got}")
    if allowed.ndim != len(shape) or any(n not in (1, size) for n, size in zip(allowed.shape, shape, strict=True)):
        raise ValueError(f"allowed must have shape {shape}, or 1 in place of an entry, got {allowed.shape}")
    without = np.argwhere(~allowed.any(-1))
    if len(without):
        raise ValueError(f"allowed must leave every query a key, got none at {without[0].tolist()}")
