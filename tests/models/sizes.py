"""How large the tensors are that a call keeps for its backward pass."""

from __future__ import annotations

from collections.abc import Callable

import torch


def largest_kept(call: Callable[[], object]) -> int:
    """The number of entries of the largest tensor that a call keeps."""
    largest = 0

    def pack(t: torch.Tensor) -> torch.Tensor:
        nonlocal largest
        largest = max(largest, t.numel())
        return t

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        call()
    return largest
