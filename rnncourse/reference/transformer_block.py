"""One layer of a Transformer: self-attention, then two affine maps at each position, each part with a bypass."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .._checks import check_array, check_choice, check_number, check_params
from .layer_norm import LayerNormCache, layer_norm_backward, layer_norm_forward
from .mlp import ACTIVATIONS, MLPCache, hidden_units, mlp_backward, mlp_forward, mlp_shapes
from .multihead_attention import (
    KeyValue,
    MultiheadAttentionCache,
    multihead_attention_backward,
    multihead_attention_forward,
)
from .scan import Params


class TransformerBlockCache(NamedTuple):
    """What `transformer_block_backward` needs; `attention.weights` is there to be looked at."""

    norm1: LayerNormCache
    attention: MultiheadAttentionCache
    norm2: LayerNormCache
    mlp: MLPCache
    norm_first: bool


def transformer_block_forward(
    x: np.ndarray,
    params: Params,
    *,
    num_heads: int,
    norm_first: bool = False,
    activation: str = "relu",
    causal: bool = False,
    mask: np.ndarray | None = None,
    past: KeyValue | None = None,
    eps: float = 1e-5,
) -> tuple[np.ndarray, KeyValue, TransformerBlockCache]:
    r"""Self-attention mixes the steps, the feed-forward part F works on each alone; each is added to what it read.

    .. math::
        F(x) &= W_2 \, \phi(W_1 x + b_1) + b_2 \\
        \text{post-norm:} \quad u &= N_1(x + A(x)), & y &= N_2(u + F(u)) \\
        \text{pre-norm:} \quad u &= x + A(N_1(x)), & y &= u + F(N_2(u))

    with A the self-attention and N the layer normalisations. Post-norm is the published Transformer; with pre-norm
    (GPT-2) x reaches y without passing a normalisation, and gradients reach the first layer unscaled. Names and numbers
    are those of `torch.nn.TransformerEncoderLayer` without dropout.

    Args:
        x: of shape (T, B, E).
        params: `self_attn.in_proj_weight` (3E, E), `self_attn.in_proj_bias` (3E,), `self_attn.out_proj.weight` (E, E),
            `self_attn.out_proj.bias` (E,), `linear1.weight` (F, E), `linear1.bias` (F,), `linear2.weight` (E, F),
            `linear2.bias` (E,), and `weight` and `bias` (E,) of `norm1` and `norm2`.
        num_heads: N, a divisor of E.
        norm_first: pre-norm (True) or post-norm (False).
        activation: phi: "relu", "gelu" or "gelu_tanh".
        causal: whether a step may look only at itself and at earlier ones.
        mask: booleans of shape (P + T, B): True where the step exists and may be looked at. None: all do.
        past: the state that an earlier call returned, of P steps, for decoding step by step. None: P = 0.
        eps: the normalisations' epsilon, above 0.

    Returns:
        y, of shape (T, B, E); the keys and values so far, as the next call's `past`; the cache for
        `transformer_block_backward`.

    Raises:
        TypeError: an argument of another type, or arrays of different dtypes.
        ValueError: a wrong shape, NaN or infinity, a step that may look at nothing, E not divisible by N.

    Source: Vaswani et al. (2017); Xiong et al. (2020) on where to normalise; chapter 28.
    """
    check_array("x", x, ("T", "B", "E"))
    if x.size == 0:
        raise ValueError(f"x must have no empty axis, got shape {x.shape}")
    check_params(params, block_shapes(x.shape[2], hidden_units(params)), x)
    check_choice("norm_first", norm_first, (True, False))
    check_choice("activation", activation, tuple(ACTIVATIONS))
    check_number("eps", eps, above=0)
    attention_params = {name.split(".", 1)[1]: p for name, p in params.items() if name.startswith("self_attn.")}
    mlp_params = {name: p for name, p in params.items() if name.startswith("linear")}

    def norm(layer: str, x: np.ndarray) -> tuple[np.ndarray, LayerNormCache]:
        return layer_norm_forward(x, params[f"{layer}.weight"], params[f"{layer}.bias"], eps)

    def attend(x: np.ndarray) -> tuple[np.ndarray, KeyValue, MultiheadAttentionCache]:
        options = {"num_heads": num_heads, "causal": causal, "mask": mask, "past": past}
        return multihead_attention_forward(x, x, x, attention_params, **options)

    if norm_first:
        x_1, norm1 = norm("norm1", x)
        A, state, attention = attend(x_1)
        u = x + A
        u_1, norm2 = norm("norm2", u)
        F, mlp = mlp_forward(u_1, mlp_params, activation=activation)
        y = u + F
    else:
        A, state, attention = attend(x)
        u, norm1 = norm("norm1", x + A)
        F, mlp = mlp_forward(u, mlp_params, activation=activation)
        y, norm2 = norm("norm2", u + F)
    return y, state, TransformerBlockCache(norm1, attention, norm2, mlp, norm_first)


def transformer_block_backward(
    dy: np.ndarray, cache: TransformerBlockCache
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    r"""Backward pass of `transformer_block_forward`; a bypass hands its derivative on and adds the part's own.

    .. math::
        \text{post-norm:} \quad ds &= N_2^\top(dy), & du &= ds + F^\top(ds), &
        dr &= N_1^\top(du), & dx &= dr + A^\top(dr) \\
        \text{pre-norm:} \quad du &= dy + N_2^\top(F^\top(dy)), & dx &= du + N_1^\top(A^\top(du))

    where :math:`F^\top` stands for the backward pass of F, and so on.

    Args:
        dy: the loss's derivative by y, of shape (T, B, E).
        cache: what `transformer_block_forward` returned, called without `past`.

    Returns:
        dx, of shape (T, B, E), and `grads` under the keys of `params`.

    Raises:
        TypeError: another dtype than the forward pass had.
        ValueError: a wrong shape, NaN or infinity, or a forward pass with `past`.

    Source: chapter 28.
    """
    check_array("dy", dy, cache.attention.query.shape, like=cache.attention.query)
    grads: dict[str, np.ndarray] = {}

    def norm(layer: str, dy: np.ndarray, cache: LayerNormCache) -> np.ndarray:
        dx, found = layer_norm_backward(dy, cache)
        grads.update({f"{layer}.{name}": g for name, g in found.items()})
        return dx

    def attend(d_output: np.ndarray) -> np.ndarray:
        d_query, d_key, d_value, found = multihead_attention_backward(d_output, cache.attention)
        grads.update({f"self_attn.{name}": g for name, g in found.items()})
        return d_query + d_key + d_value

    def feed_forward(dy: np.ndarray) -> np.ndarray:
        dx, found = mlp_backward(dy, cache.mlp)
        grads.update(found)
        return dx

    if cache.norm_first:
        du = dy + norm("norm2", feed_forward(dy), cache.norm2)
        dx = du + norm("norm1", attend(du), cache.norm1)
    else:
        ds = norm("norm2", dy, cache.norm2)
        du = ds + feed_forward(ds)
        dr = norm("norm1", du, cache.norm1)
        dx = dr + attend(dr)
    return dx, grads


def block_shapes(E: int, F: int | str) -> dict[str, tuple[int | str, ...]]:
    """The shapes of a block's parameters, E wide and F wide inside its feed-forward part."""
    return {
        "self_attn.in_proj_weight": (3 * E, E),
        "self_attn.in_proj_bias": (3 * E,),
        "self_attn.out_proj.weight": (E, E),
        "self_attn.out_proj.bias": (E,),
        **mlp_shapes(E, F),
        **{f"{norm}.{name}": (E,) for norm in ("norm1", "norm2") for name in ("weight", "bias")},
    }
