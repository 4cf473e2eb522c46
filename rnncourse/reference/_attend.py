"""What all forms of attention share: who may look where, weights by softmax, and a weighted mean of the values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from .._checks import check_array, check_mask, cotangent
from .cross_entropy import softmax
from .scan import Params


class AttendCache(NamedTuple):
    """What `attend_backward` needs."""

    weights: np.ndarray
    values: np.ndarray


def attend_forward(
    scores: np.ndarray, values: np.ndarray, allowed: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, AttendCache]:
    r"""Mix the values by the softmax of the scores: :math:`c_t = \sum_i \alpha_{ti} v_i` with
    :math:`\alpha_{ti} = e^{e_{ti}} / \sum_j e^{e_{tj}}`.

    Args:
        scores: e, of shape (…, T, S).
        values: v, of shape (…, S, V).
        allowed: booleans that broadcast to the scores, at least one True for every query; where False the weight is
            0. None: every query may look at every key.

    Returns:
        The context c, of shape (…, T, V); the weights, of shape (…, T, S); the cache.
    """
    weights = softmax(scores if allowed is None else np.where(allowed, scores, -np.inf))
    return weights @ values, weights, AttendCache(weights, values)


def attend_backward(
    d_context: np.ndarray, d_weights: np.ndarray | None, cache: AttendCache
) -> tuple[np.ndarray, np.ndarray]:
    r"""Backward pass of `attend_forward`.

    .. math::
        dv_i = \sum_t \alpha_{ti} \, dc_t, \qquad d\alpha_{ti} \mathrel{+}= dc_t \cdot v_i, \qquad
        de_{ti} = \alpha_{ti} \Bigl( d\alpha_{ti} - \sum_j \alpha_{tj} \, d\alpha_{tj} \Bigr)

    Args:
        d_context: the loss's derivative by the context, of shape (…, T, V).
        d_weights: its derivative by the weights, of shape (…, T, S), in addition to what comes through the context.
            None: zero.
        cache: what `attend_forward` returned.

    Returns:
        Derivatives by the scores (0 where not allowed, since the weight is) and by the values.
    """
    weights, values = cache
    d_values = weights.swapaxes(-1, -2) @ d_context
    d_weights = d_context @ values.swapaxes(-1, -2) + (0 if d_weights is None else d_weights)
    return weights * (d_weights - (weights * d_weights).sum(-1, keepdims=True)), d_values


def allowed_keys(mask: np.ndarray | None, T: int, S: int, B: int, *, causal: bool = False) -> np.ndarray | None:
    """Which query may look at which key.

    Args:
        mask: booleans of shape (S, B): True where key s of sequence b exists. None: all do.
        T: the number of queries.
        S: the number of keys.
        B: the number of sequences.
        causal: whether query t is the key S - T + t and may look at no later one.

    Returns:
        Booleans of shape (B or 1, T or 1, S), or None: everything is allowed.

    Raises:
        TypeError: a mask that is not an array of booleans.
        ValueError: a mask of another shape, or one that leaves a query without a key.
    """
    allowed = np.tri(T, S, S - T, dtype=bool)[None] if causal else None
    if mask is None:
        return allowed
    check_mask("mask", mask, (S, B))
    allowed = mask.T[:, None] if allowed is None else mask.T[:, None] & allowed
    without = np.argwhere(~allowed.any(-1))
    if len(without):
        b, t = map(int, without[0])
        raise ValueError(f"mask must leave every query a key to look at, got none for query {t} of sequence {b}")
    return allowed


def check_attention(queries: np.ndarray, keys: np.ndarray, values: np.ndarray) -> None:
    """Raise unless queries are (T, B, Q), keys (S, B, K) and values (S, B, V), with no axis empty."""
    check_array("queries", queries, ("T", "B", "Q"))
    check_array("keys", keys, ("S", queries.shape[1], "K"), like=queries)
    check_array("values", values, (len(keys), queries.shape[1], "V"), like=queries)
    for name, array in {"queries": queries, "keys": keys, "values": values}.items():
        if array.size == 0:
            raise ValueError(f"{name} must have no empty axis, got shape {array.shape}")


def score_units(params: Params) -> int | str:
    """A, the length of `v`; where that is no vector, a letter for the check of the parameters to show."""
    v = params.get("v") if isinstance(params, Mapping) else None
    return len(v) if isinstance(v, np.ndarray) and v.ndim == 1 else "A"


def attention_cotangents(
    d_context: np.ndarray | None, d_weights: np.ndarray | None, cache: AttendCache
) -> tuple[np.ndarray, np.ndarray]:
    """The derivatives by context (T, B, V) and weights (B, T, S), checked, None as zeros; both with the batch first."""
    weights, values = cache
    B, T, S = weights.shape
    d_context = cotangent("d_context", d_context, (T, B, values.shape[-1]), weights)
    return d_context.swapaxes(0, 1), cotangent("d_weights", d_weights, (B, T, S), weights)
