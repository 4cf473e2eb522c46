"""Multiplicative attention: the score is a product of query and key. Luong, Pham and Manning (2015)."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .._checks import check_choice, check_params
from ._attend import (
    AttendCache,
    allowed_keys,
    attend_backward,
    attend_forward,
    attention_cotangents,
    check_attention,
    score_units,
)
from .additive_attention import additive_attention_backward, additive_attention_forward
from .scan import Params


class MultiplicativeAttentionCache(NamedTuple):
    """What `multiplicative_attention_backward` needs; for "concat" `attend` is the additive form's cache."""

    queries: np.ndarray
    keys: np.ndarray
    attend: AttendCache | Any
    params: Params
    score: str


def multiplicative_attention_forward(
    queries: np.ndarray,
    keys: np.ndarray,
    values: np.ndarray,
    params: Params,
    *,
    score: str = "general",
    mask: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, MultiplicativeAttentionCache]:
    r"""Mix the values, each by how well its key answers the query, under one of Luong's three scores.

    .. math::
        e_{ti} = \begin{cases}
        q_t^\top k_i & \text{"dot"} \\
        q_t^\top W k_i & \text{"general"} \\
        v^\top \tanh(W [q_t; k_i]) & \text{"concat"}
        \end{cases} \qquad
        \alpha_{ti} = \frac{e^{e_{ti}}}{\sum_j e^{e_{tj}}}, \qquad
        c_t = \sum_i \alpha_{ti} v_i

    The first two need one product of matrices for all pairs of a query and a key. The third is the additive score of
    Bahdanau et al. with :math:`W = [W_q \; W_k]`; Luong et al. list it beside the two. Their query is the decoder's
    new state, after its step and not before it.

    Args:
        queries: q, of shape (T, B, Q).
        keys: k, of shape (S, B, K); K = Q for "dot".
        values: the :math:`v_i`, of shape (S, B, V).
        params: nothing for "dot"; `weight` of shape (Q, K) for "general"; `weight` of shape (A, Q + K) and `v` of
            shape (A,) for "concat".
        score: "dot", "general" or "concat".
        mask: booleans of shape (S, B): True where key s of sequence b exists and may be looked at. None: all do.

    Returns:
        The context c, of shape (T, B, V); the weights alpha, of shape (B, T, S); the cache for
        `multiplicative_attention_backward`.

    Raises:
        TypeError: an argument of another type, or arrays of different dtypes.
        ValueError: a wrong shape, NaN or infinity, a sequence whose keys are all masked, an unknown score.

    Source: Luong, Pham and Manning (2015); chapter 24.
    """
    check_choice("score", score, ("dot", "general", "concat"))
    check_attention(queries, keys, values)
    T, B, Q = queries.shape
    S, _, K = keys.shape
    if score == "concat":
        A = score_units(params)
        check_params(params, {"weight": (A, Q + K), "v": (A,)}, queries)
        W_q, W_k = np.split(params["weight"], [Q], axis=1)
        parts = {"weight_q": W_q, "weight_k": W_k, "v": params["v"]}
        context, weights, additive = additive_attention_forward(queries, keys, values, parts, mask=mask)
        return context, weights, MultiplicativeAttentionCache(queries, keys, additive, params, score)
    check_params(params, {"weight": (Q, K)} if score == "general" else {}, queries)
    if score == "dot" and Q != K:
        raise ValueError(f"keys must be as wide as queries for the score 'dot', Q={Q}, got K={K}")
    allowed = allowed_keys(mask, T, S, B)

    q, k = queries.swapaxes(0, 1), keys.swapaxes(0, 1)
    qW = q @ params["weight"] if score == "general" else q
    context, weights, attend = attend_forward(qW @ k.swapaxes(1, 2), values.swapaxes(0, 1), allowed)
    return context.swapaxes(0, 1), weights, MultiplicativeAttentionCache(queries, keys, attend, params, score)


def multiplicative_attention_backward(
    d_context: np.ndarray | None, d_weights: np.ndarray | None, cache: MultiplicativeAttentionCache
) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    r"""Backward pass of `multiplicative_attention_forward`.

    For "general", with :math:`de_{ti}` from the softmax ("dot" is the same with the identity for W):

    .. math::
        dW = \sum_{t,i} de_{ti} \, q_t k_i^\top, \qquad
        dk_i = W^\top \sum_t de_{ti} \, q_t, \qquad
        dq_t = W \sum_i de_{ti} \, k_i

    Args:
        d_context: the loss's derivative by the context, of shape (T, B, V). None: zero.
        d_weights: its derivative by the weights, of shape (B, T, S), in addition to what comes through the context.
            None: zero.
        cache: what `multiplicative_attention_forward` returned.

    Returns:
        `d_queries` (T, B, Q), `d_keys` (S, B, K), `d_values` (S, B, V), and `grads` under the keys of `params`.

    Raises:
        TypeError: another dtype than the forward pass had.
        ValueError: a wrong shape, NaN or infinity.

    Source: chapter 24.
    """
    queries, keys, attend, params, score = cache
    if score == "concat":
        *d_arrays, parts = additive_attention_backward(d_context, d_weights, attend)
        return *d_arrays, {"weight": np.hstack([parts["weight_q"], parts["weight_k"]]), "v": parts["v"]}
    de, d_values = attend_backward(*attention_cotangents(d_context, d_weights, attend), attend)
    de_k = (de @ keys.swapaxes(0, 1)).swapaxes(0, 1)
    de_q = (de.swapaxes(1, 2) @ queries.swapaxes(0, 1)).swapaxes(0, 1)
    d_values = d_values.swapaxes(0, 1)
    if score == "dot":
        return de_k, de_q, d_values, {}
    W = params["weight"]
    return de_k @ W.T, de_q @ W, d_values, {"weight": np.einsum("tbq,tbk->qk", queries, de_k)}
