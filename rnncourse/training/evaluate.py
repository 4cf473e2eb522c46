"""The one measure of a language model: nats a symbol over a whole text, the state carried."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from .._checks import check_ids, check_number

__all__ = ["evaluate"]

SCORES = 2**22  # held at once


@torch.no_grad()
def evaluate(model: Any, ids: np.ndarray, *, streams: int = 1, chunk: int | None = None) -> float:
    r"""Mean cross-entropy of each symbol, given all before it.

    .. math:: -\frac{1}{N - 1} \sum_{t=1}^{N-1} \log p(s_{t+1} \mid s_1 \ldots s_t)

    Args:
        model: a language model with a `loss`, as `rnncourse.models.LanguageModel`; in training mode or not, it is
            evaluated without dropout and left as it was.
        ids: a text, integers of shape (N,), N at least 2.
        streams: 1 for the measure as defined, that of `rnncourse.models.score`. More is faster on a small model, and
            gives the first symbols of each piece less context.
        chunk: how many steps are read at once; the state is carried, so it does not change the result. None: at most
            1,024, and so many that their scores, chunk * streams * V numbers, take little memory.

    Returns:
        Nats a symbol.

    Raises:
        TypeError: `ids` is not an array of integers.
        ValueError: fewer than 2 symbols, or fewer than `streams` + 1.

    Source: chapter 01.
    """
    check_ids("ids", ids, ("N",), np.iinfo(np.int64).max)
    check_number("streams", streams, at_least=1, integer=True)
    if chunk is None:
        chunk = max(1, min(1024, SCORES // (streams * model.vocab_size)))
    check_number("chunk", chunk, at_least=1, integer=True)
    if len(ids) <= streams:
        raise ValueError(f"ids must hold at least {streams + 1} symbols, got {len(ids)}")
    device = next(model.parameters()).device
    length = (len(ids) - 1) // streams
    was_training = model.training
    model.eval()
    state, total = model.initial_state(streams), 0.0
    starts = np.arange(streams) * length
    try:
        for t in range(0, length, chunk):
            steps = np.arange(t, min(t + chunk, length))[:, None] + starts
            x, y = (torch.from_numpy(np.asarray(ids[steps + k], np.int64)).to(device) for k in (0, 1))
            summed, state = model.loss(x, y, state)
            total += summed.item()
    finally:
        model.train(was_training)
    return total / (length * streams)
