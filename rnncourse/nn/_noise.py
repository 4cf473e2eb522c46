"""What is random in training: masks for dropout, for dropped weights and for zoneout.

Masks come from uniform numbers in float32, whatever the dtype of what they multiply, in the order in which the modules'
`forward` says it draws. They multiply; nothing random happens in evaluation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from .._checks import check_number


def uniform(shape: Sequence[int], like: Tensor, generator: torch.Generator | None) -> Tensor:
    """Numbers in [0, 1) on the device of `like`."""
    return torch.rand(tuple(shape), generator=generator, device=like.device, dtype=torch.float32)


def drop(x: Tensor, p: float, generator: torch.Generator | None, *, shape: Sequence[int] | None = None) -> Tensor:
    """Zero entries with probability p and scale the others by 1 / (1 - p).

    Args:
        x: of any shape.
        p: in [0, 1]; with 1 nothing is left. 0 draws nothing.
        generator: where the mask comes from; None: torch's own.
        shape: the mask's: an axis of 1 shares a draw. None: each entry has its own.
    """
    if p == 0:
        return x
    stays = uniform(x.shape if shape is None else shape, x, generator) >= p
    return x * (stays.to(x.dtype) / (1 - p) if p < 1 else torch.zeros_like(stays, dtype=x.dtype))


def locked_drop(x: Tensor, p: float, generator: torch.Generator | None) -> Tensor:
    """The same with one mask for all steps of x, which is of shape (T, B, H)."""
    return drop(x, p, generator, shape=(1, *x.shape[1:]))


def zoneout_keep(
    rates: tuple[float, ...], x: Tensor, sizes: Sequence[int], generator: torch.Generator | None, training: bool
) -> tuple[Tensor | float, ...] | None:
    """The share of the old state that stays at each step: in training drawn, in evaluation the rate.

    Args:
        rates: one for each tensor of the state.
        x: inputs, of shape (T, B, I).
        sizes: the width of each tensor of the state.
        generator: where masks come from; None: torch's own.
        training: whether to draw. A rate of 0 draws nothing.
    """
    if not any(rates):
        return None
    if not training:
        return rates
    T, B, _ = x.shape
    return tuple(
        (uniform((T, B, size), x, generator) < rate).to(x.dtype) if rate else 0.0
        for rate, size in zip(rates, sizes, strict=True)
    )


def check_rate(name: str, value: Any) -> float:
    """Return `value` as a float if it is a number in [0, 1), else raise TypeError or ValueError."""
    return float(check_number(name, value, at_least=0, below=1))


def check_zoneout(value: Any, parts: Sequence[str]) -> tuple[float, ...]:
    """Return one rate for each part of the state; `value` is one number for all, or a sequence of as many."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        return (check_rate("zoneout", value),) * len(parts)
    if len(value) != len(parts):
        raise ValueError(f"zoneout must be a number or {len(parts)} of them, for {' and '.join(parts)}, got {value!r}")
    return tuple(check_rate(f"zoneout[{k}]", rate) for k, rate in enumerate(value))
