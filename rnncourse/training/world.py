"""The processes that train one model together: one alone, or those that `torchrun` started."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch import distributed as dist

__all__ = ["World", "join"]


def _own_device() -> torch.device:
    return torch.device("cuda") if torch.cuda.is_available() else torch.device("cpu")


@dataclass(frozen=True)
class World:
    """This process among those that train together; alone, every method gives back what it got.

    Methods that speak with the others must be called by all of them, in the same order.

    Attributes:
        rank: this process's number, from 0.
        size: how many there are.
        device: what it computes on.
        beside: how many of them share this machine.
    """

    rank: int = 0
    size: int = 1
    beside: int = 1
    device: torch.device = field(default_factory=_own_device)

    @property
    def first(self) -> bool:
        """Whether this is process 0, which alone prints and writes."""
        return self.rank == 0

    def columns(self, B: int) -> slice:
        """Which of B streams are this process's, next to one another.

        Args:
            B: a multiple of `size`.
        """
        width = B // self.size
        return slice(self.rank * width, (self.rank + 1) * width)

    def sum(self, *values: float) -> tuple[float, ...]:
        """Each value summed over the processes, in float64.

        Args:
            values: this process's; as many from each.
        """
        if self.size == 1:
            return values
        summed = torch.tensor(values, dtype=torch.float64, device=self.device)
        dist.all_reduce(summed)
        return tuple(summed.tolist())

    def any(self, *flags: bool) -> tuple[bool, ...]:
        """For each flag, whether any process raised it."""
        return tuple(count > 0 for count in self.sum(*map(float, flags)))

    def agree(self, *values: float) -> tuple[float, ...]:
        """Process 0's values, on all."""
        return self.sum(*(value if self.first else 0.0 for value in values))

    def gather(self, tensor: Tensor, dim: int) -> Tensor:
        """The processes' tensors one behind the other.

        Args:
            tensor: this process's; all have one shape.
            dim: the axis along which they are joined.
        """
        if self.size == 1:
            return tensor
        parts = [torch.empty_like(tensor, memory_format=torch.contiguous_format) for _ in range(self.size)]
        dist.all_gather(parts, tensor.contiguous())
        return torch.cat(parts, dim)


def _check_device(device: str | None) -> None:
    if device is None or device == "cpu":
        return
    if device.partition(":")[0] != "cuda":
        raise ValueError(f"device must be cpu, cuda or cuda:0 and so on, got {device!r}")
    if not torch.cuda.is_available():
        raise ValueError(f"device must be cpu where PyTorch finds no GPU, got {device!r}: `rnncourse doctor` says why")


@contextmanager
def join(device: str | None = None) -> Iterator[World]:
    """Find the other processes, where `torchrun` has started some; without it, this one is alone.

    NCCL connects GPUs where each process has one of its own, Gloo connects everything else.

    Args:
        device: "cpu", "cuda" or such. None: a GPU where there is one for each process of this machine.

    Yields:
        The world that this process belongs to.

    Raises:
        ValueError: a device that this PyTorch does not have.
        RuntimeError: another process does not answer.

    Source: Li et al. (2020); chapter 32.
    """
    _check_device(device)
    if "RANK" not in os.environ or "WORLD_SIZE" not in os.environ:
        yield World(device=torch.device(device) if device else _own_device())
        return
    rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    local, beside = int(os.environ.get("LOCAL_RANK", rank)), int(os.environ.get("LOCAL_WORLD_SIZE", size))
    if device is None:
        device = "cuda" if torch.cuda.is_available() and torch.cuda.device_count() >= beside else "cpu"
    own = torch.device(device, local) if device == "cuda" else torch.device(device)
    if own.type == "cuda":
        torch.cuda.set_device(own)
    dist.init_process_group("nccl" if own.type == "cuda" else "gloo", rank=rank, world_size=size)
    try:
        yield World(rank, size, beside, own)
    finally:
        dist.destroy_process_group()
