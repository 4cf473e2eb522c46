"""Text from GPT-2: each symbol is read once, since the keys and values of the earlier ones are kept."""

from __future__ import annotations

import numpy as np

from .._checks import check_ids, check_number, check_rng
from .gpt2 import gpt2_forward
from .gpt2_params import check_gpt2_params
from .sampling import draw
from .scan import Params


def gpt2_generate(
    prompt: np.ndarray,
    length: int,
    params: Params,
    *,
    num_heads: int,
    temperature: float = 1.0,
    rng: np.random.Generator,
) -> np.ndarray:
    r"""Continue prompts, one symbol at a time, each drawn from :math:`\mathrm{softmax}(z_t / \tau)`.

    Args:
        prompt: symbols to read first, of shape (T, B), with T and B at least 1.
        length: how many symbols to draw, at least 0; T + length - 1 positions are needed.
        params: those of `gpt2_forward`.
        num_heads: heads in each block.
        temperature: tau, at least 0. Below 1 favours the likely symbols, above 1 evens them out; 0 always takes the
            likeliest.
        rng: the generator to draw from.

    Returns:
        The drawn symbols, without the prompts, of shape (length, B).

    Raises:
        TypeError: an argument of another type.
        ValueError: what `gpt2_forward` refuses, an empty prompt, a negative length or temperature.

    Source: Radford et al. (2019); chapter 28.
    """
    check_gpt2_params(params)
    check_ids("prompt", prompt, ("T", "B"), len(params["wte.weight"]))
    if prompt.size == 0:
        raise ValueError(f"prompt must have T >= 1 and B >= 1, got shape {prompt.shape}")
    check_number("length", length, at_least=0, integer=True)
    check_number("temperature", temperature, at_least=0)
    check_rng(rng)
    T, N = len(prompt), len(params["wpe.weight"])
    if T + length - 1 > N:
        raise ValueError(f"length must leave T + length - 1 within the N={N} positions, got T={T} and length={length}")
    drawn = np.empty((length, prompt.shape[1]), np.int64)
    ids, past = prompt, None
    for t in range(length):
        logits, past, _ = gpt2_forward(ids, params, num_heads=num_heads, past=past)
        drawn[t] = draw(logits[-1].astype(np.float64), temperature, rng)
        ids = drawn[t : t + 1]
    return drawn
