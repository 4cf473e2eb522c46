"""Multi-head attention: several attentions side by side, each in its own slice of the features."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .._checks import check_array, check_choice, check_number, check_params
from ._attend import allowed_keys
from .linear import LinearCache, linear_backward, linear_forward
from .scaled_dot_product import ScaledDotProductCache, scaled_dot_product_backward, scaled_dot_product_forward
from .scan import Params


class KeyValue(NamedTuple):
    """What a decoder keeps between steps: the projected keys and values of all steps so far.

    Attributes:
        k: keys, of shape (S, B, E).
        v: values, of shape (S, B, E).

    Source: chapter 28.
    """

    k: np.ndarray
    v: np.ndarray


class MultiheadAttentionCache(NamedTuple):
    """What `multihead_attention_backward` needs; `weights`, of shape (B, N, T, S), is there to be looked at."""

    query: np.ndarray
    key: np.ndarray
    value: np.ndarray
    heads: ScaledDotProductCache
    joined: np.ndarray
    params: Params
    past: KeyValue | None

    @property
    def weights(self) -> np.ndarray:
        """How much of each key every query took, of shape (B, N, T, S): the last axis sums to 1."""
        return self.heads.attend.weights


def multihead_attention_forward(
    query: np.ndarray,
    key: np.ndarray,
    value: np.ndarray,
    params: Params,
    *,
    num_heads: int,
    causal: bool = False,
    mask: np.ndarray | None = None,
    past: KeyValue | None = None,
) -> tuple[np.ndarray, KeyValue, MultiheadAttentionCache]:
    r"""N attentions, each in its own D = E / N dimensions of projected queries, keys and values.

    .. math::
        Q = \mathrm{query}\, W_q^\top + b_q, \quad K = \mathrm{key}\, W_k^\top + b_k, \quad
        V = \mathrm{value}\, W_v^\top + b_v, \qquad
        C_n = \mathrm{softmax}\Bigl( \frac{Q_n K_n^\top}{\sqrt{D}} \Bigr) V_n, \qquad
        \mathrm{output} = [C_1, \dots, C_N]\, W_o^\top + b_o

    Names, packing (:math:`W_q, W_k, W_v` stacked) and numbers are those of `torch.nn.MultiheadAttention`; its
    `key_padding_mask` is this mask turned, `~mask.T`. Self-attention takes the same x three times, and its derivative
    is the sum of the three.

    Args:
        query: of shape (T, B, E).
        key: of shape (S, B, E).
        value: of shape (S, B, E).
        params: `in_proj_weight` (3E, E), `in_proj_bias` (3E,), `out_proj.weight` (E, E) and `out_proj.bias` (E,).
        num_heads: N, a divisor of E.
        causal: whether a query may look only at its own step and earlier ones; query and key are then equally long.
        mask: booleans of shape (P + S, B): True where key s of sequence b exists and may be looked at. None: all do.
        past: the state that an earlier call returned, of P steps: its keys and values come before these. For decoding
            step by step, which must not read everything anew; there is no backward pass through it. None: P = 0.

    Returns:
        `output`, of shape (T, B, E); the keys and values so far, as the next call's `past`; the cache for
        `multihead_attention_backward`.

    Raises:
        TypeError: an argument of another type, or arrays of different dtypes.
        ValueError: a wrong shape, NaN or infinity, a query whose keys are all masked, E not divisible by N.

    Source: Vaswani et al. (2017), section 3.2.2; chapter 28.
    """
    check_array("query", query, ("T", "B", "E"))
    T, B, E = query.shape
    if query.size == 0:
        raise ValueError(f"query must have no empty axis, got shape {query.shape}")
    check_choice("causal", causal, (True, False))
    check_array("key", key, (T if causal else "S", B, E), like=query)
    check_array("value", value, key.shape, like=query)
    if check_number("num_heads", num_heads, at_least=1, integer=True) > E or E % num_heads:
        raise ValueError(f"num_heads must divide E={E}, got {num_heads}")
    shapes = {"in_proj_weight": (3 * E, E), "in_proj_bias": (3 * E,), "out_proj.weight": (E, E), "out_proj.bias": (E,)}
    check_params(params, shapes, query)

    weights, biases = np.split(params["in_proj_weight"], 3), np.split(params["in_proj_bias"], 3)
    q, k, v = (x @ W.T + b for x, W, b in zip((query, key, value), weights, biases, strict=True))
    if past is not None:
        check_past(past, B, E, like=query)
        k, v = np.concatenate([past.k, k]), np.concatenate([past.v, v])
    if not len(k):
        raise ValueError(f"key must have S >= 1, got shape {key.shape}")
    allowed = allowed_keys(mask, T, len(k), B, causal=causal)
    context, heads = scaled_dot_product_forward(
        *(_split(x, num_heads) for x in (q, k, v)), None if allowed is None else allowed[:, None]
    )
    joined = _join(context)
    output, _ = linear_forward(joined, params["out_proj.weight"], params["out_proj.bias"])
    return output, KeyValue(k, v), MultiheadAttentionCache(query, key, value, heads, joined, params, past)


def multihead_attention_backward(
    d_output: np.ndarray, cache: MultiheadAttentionCache
) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    r"""Backward pass of `multihead_attention_forward`: its four affine maps and its N attentions, the last first.

    .. math::
        dC = do\, W_o, \qquad (dQ_n, dK_n, dV_n) = \mathrm{attention}^\top(dC_n), \qquad
        d\mathrm{query} = dQ\, W_q, \quad d\mathrm{key} = dK\, W_k, \quad d\mathrm{value} = dV\, W_v

    with `scaled_dot_product_backward` for each head n; the gradients of the maps are those of `linear_backward`.

    Args:
        d_output: the loss's derivative by `output`, of shape (T, B, E).
        cache: what `multihead_attention_forward` returned, called without `past`.

    Returns:
        `d_query` (T, B, E), `d_key` and `d_value` (S, B, E), and `grads` under the keys of `params`.

    Raises:
        TypeError: another dtype than the forward pass had.
        ValueError: a wrong shape, NaN or infinity, or a forward pass with `past`.

    Source: chapter 28.
    """
    query, key, value, heads, joined, params, past = cache
    if past is not None:
        raise ValueError("cache must come from a forward pass without past: differentiate the whole sequence at once")
    check_array("d_output", d_output, query.shape, like=query)
    d_joined, out = linear_backward(d_output, LinearCache(joined, params["out_proj.weight"]))
    N = heads.q.shape[1]
    d_projected = map(_join, scaled_dot_product_backward(_split(d_joined, N), heads))
    weights = np.split(params["in_proj_weight"], 3)
    parts = [
        linear_backward(d, LinearCache(x, W)) for d, x, W in zip(d_projected, (query, key, value), weights, strict=True)
    ]
    grads = {f"in_proj_{name}": np.concatenate([g[name] for _, g in parts]) for name in ("weight", "bias")}
    return *(dx for dx, _ in parts), grads | {f"out_proj.{name}": g for name, g in out.items()}


def check_past(past: KeyValue, B: int, E: int, *, like: np.ndarray, name: str = "past") -> None:
    """Raise unless `past` holds keys and values of the same steps, each of shape (P, B, E), in `like`'s dtype."""
    if not isinstance(past, KeyValue):
        raise TypeError(f"{name} must be a KeyValue that an earlier call returned, got {type(past).__name__}")
    check_array(f"{name}.k", past.k, ("P", B, E), like=like)
    check_array(f"{name}.v", past.v, past.k.shape, like=like)


def _split(x: np.ndarray, num_heads: int) -> np.ndarray:
    """(T, B, E) as (B, N, T, D): each head's own slice of the features."""
    T, B, E = x.shape
    return x.reshape(T, B, num_heads, E // num_heads).transpose(1, 2, 0, 3)


def _join(heads: np.ndarray) -> np.ndarray:
    """The inverse of `_split`."""
    B, N, T, D = heads.shape
    return heads.transpose(2, 0, 1, 3).reshape(T, B, N * D)
