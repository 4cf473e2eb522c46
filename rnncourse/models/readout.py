"""From features to scores of all symbols, or straight to the loss: a linear map, or an adaptive softmax."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from .._checks import check_number

DIV_VALUE = 4  # each further class of rare symbols is seen through so many times fewer features


def check_cutoffs(cutoffs: Any, vocab_size: int, width: int, *, tied: bool) -> tuple[int, ...]:
    """Return the cutoffs as a tuple (JSON gives a list) if they fit, else raise.

    Args:
        cutoffs: of `torch.nn.AdaptiveLogSoftmaxWithLoss`; none: an ordinary softmax.
        vocab_size: V.
        width: H, of the features.
        tied: whether the readout's weight is to be the embedding's.

    Raises:
        TypeError: no sequence, or an entry that is no integer.
        ValueError: not rising within 1 … V - 1, too many for H, together with `tied`.
    """
    if not isinstance(cutoffs, (tuple, list)):
        raise TypeError(f"cutoffs must be a tuple of integers, got {cutoffs!r}")
    for k, cutoff in enumerate(cutoffs):
        check_number(f"cutoffs[{k}]", cutoff, at_least=1, at_most=vocab_size - 1, integer=True)
    if any(b <= a for a, b in pairwise(cutoffs)):
        raise ValueError(f"cutoffs must rise, got {tuple(cutoffs)}")
    if width < DIV_VALUE ** len(cutoffs):
        raise ValueError(
            f"{len(cutoffs)} cutoffs need features of at least {DIV_VALUE ** len(cutoffs)} units, got {width}"
        )
    if tied and cutoffs:
        raise ValueError(f"tied weights and cutoffs do not combine: give one of them, got cutoffs={tuple(cutoffs)}")
    return tuple(cutoffs)


def make_readout(width: int, vocab_size: int, cutoffs: Sequence[int], *, bias: bool = True, **made: Any) -> nn.Module:
    """A linear map, or with cutoffs torch's adaptive softmax.

    Args:
        width: H.
        vocab_size: V.
        cutoffs: what `check_cutoffs` returned.
        bias: whether the linear map has a bias; an adaptive softmax has none.
        made: device and dtype.
    """
    if cutoffs:
        return nn.AdaptiveLogSoftmaxWithLoss(width, vocab_size, cutoffs, div_value=DIV_VALUE, **made)
    return nn.Linear(width, vocab_size, bias, **made)


def read_out(readout: nn.Module, h: Tensor) -> Tensor:
    """Scores of shape (T, B, V), of an adaptive softmax log-probabilities, from features of shape (T, B, H)."""
    if isinstance(readout, nn.Linear):
        return readout(h)
    with torch.autocast(h.device.type, enabled=False):  # which torch's adaptive softmax does not know of
        log_p = readout.log_prob(h.flatten(0, 1).to(readout.head.weight.dtype))
    return log_p.unflatten(0, h.shape[:2])


def readout_loss(readout: nn.Module, h: Tensor, targets: Tensor) -> Tensor:
    """Summed negative log-likelihood of targets of shape (T, B), given features of shape (T, B, H).

    An adaptive softmax computes the scores of a rare class only where the target is in it.

    Raises:
        ValueError: targets of another shape than the symbols that were read.
        IndexError: a target out of range.
        RuntimeError: the same, with an adaptive softmax.
    """
    if targets.shape != h.shape[:2]:
        raise ValueError(f"targets must have shape {tuple(h.shape[:2])}, like ids, got {tuple(targets.shape)}")
    if isinstance(readout, nn.Linear):
        scores = readout(h).flatten(0, 1)
        scores = scores.to(torch.promote_types(scores.dtype, torch.float32))
        return nn.functional.cross_entropy(scores, targets.flatten(), reduction="sum")
    with torch.autocast(h.device.type, enabled=False):
        log_p, _ = readout(h.flatten(0, 1).to(readout.head.weight.dtype), targets.flatten())
    return -log_p.sum()
