"""GPT-2: embeddings, learned positions, pre-norm blocks that look only back, and a readout tied to the embedding."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from .._checks import check_array, check_ids, check_number
from .embedding import EmbeddingCache, embedding_backward, embedding_forward
from .layer_norm import LayerNormCache, layer_norm_backward, layer_norm_forward
from .multihead_attention import KeyValue
from .positions import LearnedPositionsCache, learned_positions_backward, learned_positions_forward
from .scan import Params
from .transformer_block import (
    TransformerBlockCache,
    block_shapes,
    transformer_block_backward,
    transformer_block_forward,
)

# A block's parameters, by GPT-2's name: ours. GPT-2 stores its matrices as (in, out), ours are (out, in); a vector's
# transpose is itself.
_BLOCK = {
    "ln_1.weight": "norm1.weight",
    "ln_1.bias": "norm1.bias",
    "attn.c_attn.weight": "self_attn.in_proj_weight",
    "attn.c_attn.bias": "self_attn.in_proj_bias",
    "attn.c_proj.weight": "self_attn.out_proj.weight",
    "attn.c_proj.bias": "self_attn.out_proj.bias",
    "ln_2.weight": "norm2.weight",
    "ln_2.bias": "norm2.bias",
    "mlp.c_fc.weight": "linear1.weight",
    "mlp.c_fc.bias": "linear1.bias",
    "mlp.c_proj.weight": "linear2.weight",
    "mlp.c_proj.bias": "linear2.bias",
}


class GPT2Cache(NamedTuple):
    """What `gpt2_backward` needs; `blocks[i].attention.weights` is there to be looked at."""

    embedding: EmbeddingCache
    positions: LearnedPositionsCache
    blocks: tuple[TransformerBlockCache, ...]
    norm: LayerNormCache
    y: np.ndarray
    params: Params


def gpt2_forward(
    ids: np.ndarray, params: Params, *, num_heads: int, past: tuple[KeyValue, ...] | None = None
) -> tuple[np.ndarray, tuple[KeyValue, ...], GPT2Cache]:
    r"""Scores for the symbol after each position, from all symbols up to it.

    .. math::
        x_t = E^\top e_{i_t} + p_t, \qquad x \leftarrow \mathrm{block}_l(x) \quad (l = 0 \dots L-1), \qquad
        z_t = E \, N(x_t)

    Pre-norm blocks with causal attention and GELU's tanh form, a last normalisation N, and the embedding E once more as
    readout, without a bias. The names are those of OpenAI's weights as the `transformers` library spells them, matrices
    inside the blocks stored as (in, out).

    Args:
        ids: symbols, integers in 0 … V-1, of shape (T, B).
        params: see `gpt2_shapes`.
        num_heads: heads in each block, a divisor of E.
        past: the state that an earlier call returned, for decoding: `ids` then goes on where that call ended. None: at
            position 0.

    Returns:
        `logits`, of shape (T, B, V); `state`, keys and values of every block so far, as the next call's `past`; the
        cache for `gpt2_backward`.

    Raises:
        TypeError: an argument of another type.
        ValueError: a wrong shape, a symbol out of range, missing or superfluous parameters, NaN or infinity, more
            symbols than there are positions.

    Source: Radford et al. (2019); chapter 28.
    """
    L = check_gpt2_params(params)
    wte = params["wte.weight"]
    check_ids("ids", ids, ("T", "B"), len(wte))
    if past is not None and (not isinstance(past, tuple) or len(past) != L):
        got = f"{len(past)} entries" if isinstance(past, tuple) else type(past).__name__
        raise TypeError(f"past must be what gpt2_forward returned, one entry for each of {L} blocks, got {got}")

    x, embedding = embedding_forward(ids, wte)
    start = 0 if past is None else len(past[0].k)
    x, positions = learned_positions_forward(x, params["wpe.weight"], start=start)
    state, blocks = [], []
    for i in range(L):
        block = {ours: params[f"h.{i}.{name}"].T for name, ours in _BLOCK.items()}
        options = {"num_heads": num_heads, "norm_first": True, "activation": "gelu_tanh", "causal": True}
        x, kept, cache = transformer_block_forward(x, block, past=None if past is None else past[i], **options)
        state.append(kept)
        blocks.append(cache)
    y, norm = layer_norm_forward(x, params["ln_f.weight"], params["ln_f.bias"])
    return y @ wte.T, tuple(state), GPT2Cache(embedding, positions, tuple(blocks), norm, y, params)


def gpt2_backward(d_logits: np.ndarray, cache: GPT2Cache) -> dict[str, np.ndarray]:
    r"""Backward pass of `gpt2_forward`.

    The embedding is used twice, at the bottom and as the readout, and its gradient is the sum of both:
    :math:`dE = \sum_{t,b} dz_{tb} \, N(x_{tb})^\top + \sum_{t,b} e_{i_{tb}} \, dx_{tb}^\top`.

    Args:
        d_logits: the loss's derivative by the logits, of shape (T, B, V).
        cache: what `gpt2_forward` returned, called without `past`.

    Returns:
        The gradients under the keys of `params`.

    Raises:
        TypeError: another dtype than the parameters'.
        ValueError: a wrong shape, NaN or infinity, or a forward pass with `past`.

    Source: chapter 28.
    """
    embedding, positions, blocks, norm, y, params = cache
    wte = params["wte.weight"]
    check_array("d_logits", d_logits, (*y.shape[:2], len(wte)), like=wte)
    d_wte = np.tensordot(d_logits, y, ([0, 1], [0, 1]))
    dx, ln_f = layer_norm_backward(d_logits @ wte, norm)
    grads = {f"ln_f.{name}": g for name, g in ln_f.items()}
    for i in reversed(range(len(blocks))):
        dx, found = transformer_block_backward(dx, blocks[i])
        grads |= {f"h.{i}.{name}": found[ours].T for name, ours in _BLOCK.items()}
    dx, wpe = learned_positions_backward(dx, positions)
    grads["wpe.weight"] = wpe["weight"]
    grads["wte.weight"] = d_wte + embedding_backward(dx, embedding)["weight"]
    return grads


def gpt2_shapes(vocab_size: int, n_positions: int, n_embd: int, n_layer: int) -> dict[str, tuple[int, ...]]:
    """The shapes of the parameters, by name."""
    V, N, E = vocab_size, n_positions, n_embd
    shapes = {"wte.weight": (V, E), "wpe.weight": (N, E)}
    block = block_shapes(E, 4 * E)
    for i in range(n_layer):
        shapes |= {f"h.{i}.{name}": block[ours][::-1] for name, ours in _BLOCK.items()}
    return shapes | {"ln_f.weight": (E,), "ln_f.bias": (E,)}


def init_gpt2(
    rng: np.random.Generator,
    vocab_size: int,
    n_positions: int,
    n_embd: int,
    n_layer: int,
    dtype: Any = np.float64,
) -> dict[str, np.ndarray]:
    r"""Parameters for `gpt2_forward`, drawn as GPT-2's were.

    Matrices come from :math:`N(0, 0.02^2)`; those that write into the bypass, `c_proj` of the 2 L parts, from
    :math:`N(0, 0.02^2 / 2L)`, so that the sum of all parts does not grow with L. Biases are 0, normalisations the
    identity.

    Args:
        rng: the generator to draw from.
        vocab_size: V, at least 1.
        n_positions: N, the longest sequence, at least 1.
        n_embd: E, at least 1.
        n_layer: L, at least 1.
        dtype: float32 or float64.

    Returns:
        Arrays by name, of the shapes of `gpt2_shapes`.

    Source: Radford et al. (2019); chapter 28.
    """
    sizes = {"vocab_size": vocab_size, "n_positions": n_positions, "n_embd": n_embd, "n_layer": n_layer}
    for name, size in sizes.items():
        check_number(name, size, at_least=1, integer=True)
    if np.dtype(dtype) not in (np.float32, np.float64):
        raise TypeError(f"dtype must be float32 or float64, got {np.dtype(dtype)}")
    params = {}
    for name, shape in gpt2_shapes(**sizes).items():
        if len(shape) == 2:
            std = 0.02 / math.sqrt(2 * n_layer) if name.endswith("c_proj.weight") else 0.02
            params[name] = (std * rng.standard_normal(shape)).astype(dtype)
        else:
            params[name] = np.full(shape, name.endswith("weight"), dtype)
    return params


def check_gpt2_params(params: Params) -> int:
    """Raise unless `params` holds a GPT-2's arrays, of shapes that fit and one dtype; return the number of blocks."""
    if not isinstance(params, Mapping):
        raise TypeError(f"params must be a mapping of names to arrays, got {type(params).__name__}")
    L = max(1, sum(name.endswith(".ln_1.weight") for name in params))
    names = set(gpt2_shapes(1, 1, 1, L))
    missing, extra = sorted(names - set(params)), sorted(set(params) - names)
    if missing or extra:
        raise ValueError(f"params must have the keys of gpt2_shapes, got {missing} missing and {extra} too many")
    wte = check_array("params['wte.weight']", params["wte.weight"], ("V", "E"))
    wpe = check_array("params['wpe.weight']", params["wpe.weight"], ("N", "E"), like=wte)
    for name, shape in gpt2_shapes(len(wte), len(wpe), wte.shape[1], L).items():
        check_array(f"params[{name!r}]", params[name], shape, like=wte)
    return L
