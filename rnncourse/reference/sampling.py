"""Drawing text from a model."""

from __future__ import annotations

import numpy as np

from .._checks import check_ids, check_number, check_rng
from .cross_entropy import softmax
from .language_model import RNNLanguageModel


def sample(
    model: RNNLanguageModel,
    prompt: np.ndarray,
    length: int,
    *,
    temperature: float = 1.0,
    rng: np.random.Generator,
) -> np.ndarray:
    r"""Continue a prompt, one symbol at a time, each drawn from :math:`\mathrm{softmax}(z_t / \tau)`.

    Args:
        model: the language model.
        prompt: symbols to read first, integers of shape (N,), with N at least 1.
        length: how many symbols to draw, at least 0.
        temperature: tau, at least 0. Below 1 favours the likely symbols, above 1 evens them out; 0 always takes the
            likeliest.
        rng: the generator to draw from.

    Returns:
        The drawn symbols, without the prompt, of shape (length,).

    Raises:
        TypeError: an argument of another type.
        ValueError: an empty prompt, a symbol out of range, a negative length or temperature.

    Source: chapter 04.
    """
    check_ids("prompt", prompt, ("N",), model.vocab_size)
    if not len(prompt):
        raise ValueError("prompt must hold at least one symbol, got none")
    check_number("length", length, at_least=0, integer=True)
    check_number("temperature", temperature, at_least=0)
    check_rng(rng)
    drawn = np.empty(length, np.int64)
    ids, h = prompt[:, None], model.initial_state(1)
    for i in range(length):
        logits, h, _ = model.forward(ids, h)
        drawn[i] = draw(logits[-1].astype(np.float64), temperature, rng)[0]
        ids = drawn[i : i + 1, None]
    return drawn


def draw(logits: np.ndarray, temperature: float, rng: np.random.Generator) -> np.ndarray:
    """One symbol a row from softmax(z / temperature), for logits z of shape (B, V)."""
    if temperature == 0:
        return logits.argmax(1)
    # The largest score is taken off first, so that a tiny temperature gives -inf and not NaN.
    with np.errstate(over="ignore"):
        cumulative = softmax((logits - logits.max(1, keepdims=True)) / temperature).cumsum(1)
    u = rng.random((len(logits), 1)) * cumulative[:, -1:]
    return (cumulative[:, :-1] <= u).sum(1)
