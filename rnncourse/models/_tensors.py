"""Argument errors for tensors, as `rnncourse._checks` has them for arrays."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def check_id_tensor(name: str, value: Any, axes: tuple[str | int, ...], size: int) -> Tensor:
    """Return `value` if it is an int64 tensor with those axes and entries in [0, size), else raise.

    Raises:
        TypeError: not an int64 tensor.
        ValueError: another shape, or an entry out of range.
    """
    shown = f"({', '.join(map(str, axes))}{',' if len(axes) == 1 else ''})"
    if not isinstance(value, Tensor) or value.dtype != torch.int64:
        got = f"dtype {value.dtype}" if isinstance(value, Tensor) else type(value).__name__
        raise TypeError(f"{name} must be an int64 tensor of shape {shown}, got {got}")
    fits = value.dim() == len(axes) and all(
        isinstance(axis, str) or axis == got for axis, got in zip(axes, value.shape, strict=True)
    )
    if not fits:
        raise ValueError(f"{name} must have shape {shown}, got {tuple(value.shape)}")
    if value.numel():
        low, high = (int(bound) for bound in value.aminmax())
        if low < 0 or high >= size:
            raise ValueError(f"{name} must lie in 0 … {size - 1}, got {low if low < 0 else high}")
    return value


def check_generator(generator: Any) -> torch.Generator:
    """Return `generator` if it is a torch.Generator, else raise TypeError."""
    if not isinstance(generator, torch.Generator):
        raise TypeError(
            f"generator must be a torch.Generator, such as torch.Generator().manual_seed(0), got {generator!r}"
        )
    return generator
