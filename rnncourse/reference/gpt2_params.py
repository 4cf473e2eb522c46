"""GPT-2's parameters: their names, their shapes and their first values."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._checks import check_array, check_dtype, check_mapping, check_number, check_rng
from .scan import Params
from .transformer_block import block_shapes

# A block's parameters, by GPT-2's name: the name in `transformer_block`. GPT-2 stores its matrices as (in, out), the
# block as (out, in); a vector's transpose is itself.
BLOCK = {
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


def gpt2_shapes(vocab_size: int, n_positions: int, n_embd: int, n_layer: int) -> dict[str, tuple[int, ...]]:
    """The parameters of `gpt2_forward`: their names and shapes.

    Args:
        vocab_size: V.
        n_positions: N, the longest sequence.
        n_embd: E; a block's feed-forward part is 4 E wide inside.
        n_layer: L, the number of blocks.

    Returns:
        Shapes by name: `wte.weight` (V, E), `wpe.weight` (N, E), for each block i from 0 `h.{i}.ln_1.weight` and so on,
        `ln_f.weight` and `ln_f.bias` (E,).
    """
    V, N, E = vocab_size, n_positions, n_embd
    shapes = {"wte.weight": (V, E), "wpe.weight": (N, E)}
    block = block_shapes(E, 4 * E)
    for i in range(n_layer):
        shapes |= {f"h.{i}.{name}": block[ours][::-1] for name, ours in BLOCK.items()}
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

    Raises:
        TypeError: a size that is no integer, or another dtype.
        ValueError: a size below 1.

    Source: Radford et al. (2019); chapter 28.
    """
    sizes = {"vocab_size": vocab_size, "n_positions": n_positions, "n_embd": n_embd, "n_layer": n_layer}
    for name, size in sizes.items():
        check_number(name, size, at_least=1, integer=True)
    check_dtype(dtype)
    check_rng(rng)
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
    check_mapping("params", params)
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
