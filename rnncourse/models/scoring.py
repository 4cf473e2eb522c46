"""A model's log-probabilities: normalised, checked, and those of a given text."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from rnncourse._checks import check_ids, check_number
from rnncourse.models._tensors import check_id_tensor
from rnncourse.models.interface import Predictor, State


def log_probs(model: Predictor, ids: Tensor, state: State) -> tuple[Tensor, State]:
    r"""Read symbols and normalise the scores: :math:`\log p_t = z_t - \log \sum_w \exp z_{t,w}`.

    Args:
        model: any model.
        ids: int64 of shape (T, B).
        state: before the first of them.

    Returns:
        Log-probabilities of the symbol after each, float64 of shape (T, B, V), and the state after the last.

    Raises:
        ValueError: the model returned scores of another shape, NaN or +inf, or -inf for all symbols of a row.
    """
    scores, state = model(ids, state)
    return normalised(scores, (*ids.shape, model.vocab_size)), state


def normalised(scores: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Log-probabilities from scores, float64, after a look at what the model returned.

    Args:
        scores: up to a constant a row.
        shape: what they must have, (T, B, V).

    Raises:
        ValueError: another shape, NaN or +inf, or -inf for all symbols of a row.
    """
    if tuple(scores.shape) != shape:
        raise ValueError(f"the model's scores must have shape (T, B, V) = {shape}, got {tuple(scores.shape)}")
    log_p = scores.double().log_softmax(-1)
    if log_p.sum().isnan():  # of a row with NaN or +inf, or with -inf alone, log_softmax makes NaN
        t, b, _ = (int(i) for i in log_p.isnan().nonzero()[0])
        raise ValueError(
            "the model's scores must not be NaN or +inf, and some of each row must be above -inf, got the maximum "
            f"{float(scores[t, b].max())} at t={t}, b={b}"
        )
    return log_p


@torch.no_grad()
def surprise(model: Predictor, ids: np.ndarray, *, chunk: int = 256) -> float:
    r"""The sum that `score` gives, negated, of a text that need not fit into memory: :math:`-\sum_t \log p_t`.

    Args:
        model: any model, on the processor.
        ids: the text, integers of shape (N,), N at least 2; a memory map is read piece by piece.
        chunk: as for `score`.

    Returns:
        Nats.

    Raises:
        TypeError: `ids` is not an array of integers.
        ValueError: what `score` refuses.

    Source: chapter 01.
    """
    check_ids("ids", ids, ("N",), model.vocab_size)
    if len(ids) < 2:
        raise ValueError(f"ids must hold at least 2 symbols, one to be read and one to be scored, got {len(ids)}")
    check_number("chunk", chunk, at_least=1, integer=True)
    state, total = model.initial_state(1), 0.0
    for start in range(0, len(ids) - 1, chunk):
        piece = torch.from_numpy(ids[start : start + chunk + 1].astype(np.int64))
        log_p, state = log_probs(model, piece[:-1, None], state)
        total -= log_p[:, 0].gather(1, piece[1:, None]).sum().item()
    return total + 0.0  # not -0.0


@torch.no_grad()
def score(model: Predictor, ids: Tensor, *, chunk: int = 256) -> Tensor:
    r"""Log-probability of each symbol of a text given those before it, :math:`\log p(i_{t+1} \mid i_1 \dots i_t)`.

    Args:
        model: any model.
        ids: the text, int64 of shape (N,), N at least 2, on the model's device.
        chunk: how many symbols are read in one call: it changes memory, T * V numbers at a time, not the result.

    Returns:
        float64 of shape (N - 1,), in nats: all symbols but the first. Minus its mean is the cross-entropy.

    Raises:
        TypeError: `ids` is not an int64 tensor, `chunk` not an integer.
        ValueError: a symbol out of range, fewer than two symbols, `chunk` below 1, and what `log_probs` refuses.
    """
    check_id_tensor("ids", ids, ("N",), model.vocab_size)
    if len(ids) < 2:
        raise ValueError(f"ids must hold at least 2 symbols, one to be read and one to be scored, got {len(ids)}")
    check_number("chunk", chunk, at_least=1, integer=True)
    state, scores = model.initial_state(1), []
    for start in range(0, len(ids) - 1, chunk):
        x = ids[start : min(start + chunk, len(ids) - 1), None]
        log_p, state = log_probs(model, x, state)
        scores.append(log_p[:, 0].gather(1, ids[start + 1 : start + 1 + len(x), None]).squeeze(1))
    return torch.cat(scores)
