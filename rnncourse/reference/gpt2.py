"""GPT-2: embeddings, learned positions, pre-norm blocks that look only back, and a readout tied to the embedding."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .._checks import check_array, check_ids
from .embedding import EmbeddingCache, embedding_backward, embedding_forward
from .gpt2_params import BLOCK, check_gpt2_params
from .layer_norm import LayerNormCache, layer_norm_backward, layer_norm_forward
from .multihead_attention import KeyValue, check_past
from .positions import LearnedPositionsCache, learned_positions_backward, learned_positions_forward
from .scan import Params
from .transformer_block import TransformerBlockCache, transformer_block_backward, transformer_block_forward


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
    for i, entry in enumerate(past or ()):
        check_past(entry, ids.shape[1], wte.shape[1], like=wte, name=f"past[{i}]")
    start, N = 0 if past is None else len(past[0].k), len(params["wpe.weight"])
    if start + len(ids) > N:
        raise ValueError(f"ids must end within the N={N} positions of wpe.weight, got {start} + T={len(ids)}")

    x, embedding = embedding_forward(ids, wte)
    x, positions = learned_positions_forward(x, params["wpe.weight"], start=start)
    state, blocks = [], []
    for i in range(L):
        block = {ours: params[f"h.{i}.{name}"].T for name, ours in BLOCK.items()}
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
        grads |= {f"h.{i}.{name}": found[ours].T for name, ours in BLOCK.items()}
    dx, wpe = learned_positions_backward(dx, positions)
    grads["wpe.weight"] = wpe["weight"]
    grads["wte.weight"] = d_wte + embedding_backward(dx, embedding)["weight"]
    return grads
