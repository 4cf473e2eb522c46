"""Additive attention: a small network scores every pair of a query and a key. Bahdanau, Cho and Bengio (2015)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .._checks import check_params
from ._attend import (
    AttendCache,
    allowed_keys,
    attend_backward,
    attend_forward,
    attention_cotangents,
    check_attention,
    score_units,
)
from .scan import Params


class AdditiveAttentionCache(NamedTuple):
    """What `additive_attention_backward` needs; `h` is the tanh, of shape (B, T, S, A)."""

    queries: np.ndarray
    keys: np.ndarray
    h: np.ndarray
    attend: AttendCache
    params: Params


def additive_attention_forward(
    queries: np.ndarray, keys: np.ndarray, values: np.ndarray, params: Params, *, mask: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, AdditiveAttentionCache]:
    r"""Mix the values, each by how well its key answers the query.

    .. math::
        e_{ti} = v^\top \tanh(W_q q_t + W_k k_i), \qquad
        \alpha_{ti} = \frac{e^{e_{ti}}}{\sum_j e^{e_{tj}}}, \qquad
        c_t = \sum_i \alpha_{ti} v_i

    In the translator of Bahdanau et al. the query is the decoder's previous state, and the encoder's outputs are keys
    and values both: pass them twice, and add up the two derivatives.

    Args:
        queries: q, of shape (T, B, Q).
        keys: k, of shape (S, B, K).
        values: the :math:`v_i`, of shape (S, B, V).
        params: `weight_q` of shape (A, Q), `weight_k` of shape (A, K), and `v` of shape (A,).
        mask: booleans of shape (S, B): True where key s of sequence b exists and may be looked at. None: all do.

    Returns:
        The context c, of shape (T, B, V); the weights alpha, of shape (B, T, S), one matrix a sequence as
        `torch.nn.MultiheadAttention` returns them; the cache for `additive_attention_backward`.

    Raises:
        TypeError: an argument of another type, or arrays of different dtypes.
        ValueError: a wrong shape, NaN or infinity, a sequence whose keys are all masked.

    Source: Bahdanau, Cho and Bengio (2015); chapter 24.
    """
    check_attention(queries, keys, values)
    T, B, Q = queries.shape
    S, _, K = keys.shape
    check_additive_params(params, Q, K, like=queries)
    allowed = allowed_keys(mask, T, S, B)

    W_q, W_k, v = params["weight_q"], params["weight_k"], params["v"]
    q, k = (queries @ W_q.T).swapaxes(0, 1), (keys @ W_k.T).swapaxes(0, 1)
    h = np.tanh(q[:, :, None] + k[:, None])  # every query meets every key: (B, T, S, A)
    context, weights, attend = attend_forward(h @ v, values.swapaxes(0, 1), allowed)
    return context.swapaxes(0, 1), weights, AdditiveAttentionCache(queries, keys, h, attend, params)


def additive_attention_backward(
    d_context: np.ndarray | None, d_weights: np.ndarray | None, cache: AdditiveAttentionCache
) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    r"""Backward pass of `additive_attention_forward`.

    With :math:`h_{ti}` for the tanh and :math:`de_{ti}` from the softmax:

    .. math::
        dv = \sum_{t,i} de_{ti} \, h_{ti}, \qquad da_{ti} = de_{ti} \, v \odot (1 - h_{ti}^2), \qquad
        dq_t = W_q^\top \sum_i da_{ti}, \qquad dk_i = W_k^\top \sum_t da_{ti}

    Args:
        d_context: the loss's derivative by the context, of shape (T, B, V). None: zero.
        d_weights: its derivative by the weights, of shape (B, T, S), in addition to what comes through the context.
            None: zero.
        cache: what `additive_attention_forward` returned.

    Returns:
        `d_queries` (T, B, Q), `d_keys` (S, B, K), `d_values` (S, B, V), and `grads` under the keys of `params`.

    Raises:
        TypeError: another dtype than the forward pass had.
        ValueError: a wrong shape, NaN or infinity.

    Source: chapter 24.
    """
    queries, keys, h, attend, params = cache
    d_scores, d_values = attend_backward(*attention_cotangents(d_context, d_weights, attend), attend)
    de = d_scores[..., None]
    da = de * params["v"] * (1 - h * h)
    dq, dk = da.sum(2).swapaxes(0, 1), da.sum(1).swapaxes(0, 1)
    grads = {
        "weight_q": np.einsum("tba,tbq->aq", dq, queries),
        "weight_k": np.einsum("sba,sbk->ak", dk, keys),
        "v": (de * h).sum((0, 1, 2)),
    }
    return dq @ params["weight_q"], dk @ params["weight_k"], d_values.swapaxes(0, 1), grads


def check_additive_params(params: Params, query_size: int, key_size: int, *, like: np.ndarray) -> None:
    """Raise unless `params` holds `weight_q`, `weight_k` and `v` in shapes that fit, and in `like`'s dtype."""
    A = score_units(params)
    check_params(params, {"weight_q": (A, query_size), "weight_k": (A, key_size), "v": (A,)}, like)
