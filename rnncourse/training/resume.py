"""A trainer to tensors and JSON, and back, so that training goes on to the very same numbers."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .config import TrainingConfig
from .trainer import Trainer

__all__ = ["restore", "snapshot"]


def snapshot(trainer: Trainer) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """All that the next update depends on, and the average. With several processes, all must call it.

    Returns:
        Tensors by name: `model.…`, `average.…` where there is one, `optimizer.INDEX.…`, and `state.INDEX`, the carried
        state of all B streams; what JSON can hold: `done` and `config`.
    """
    tensors = {f"model.{name}": value for name, value in trainer.model.state_dict().items()}
    if trainer.averaged is not trainer.model:
        tensors |= {f"average.{name}": value for name, value in trainer.averaged.state_dict().items()}
    for index, values in trainer.optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": value for name, value in values.items()}
    for k, (dim, parts) in enumerate(zip(_stream_axes(trainer), zip(*trainer.states, strict=True), strict=True)):
        tensors[f"state.{k}"] = trainer.world.gather(torch.cat(parts, dim), dim)
    return tensors, {"done": trainer.done, "config": trainer.config.to_json()}


def restore(trainer: Trainer, tensors: dict[str, Tensor], meta: dict[str, Any]) -> None:
    """Put a snapshot into a trainer of the same model, text and configuration; the number of processes may differ.

    Args:
        trainer: a new one.
        tensors: what `snapshot` returned first.
        meta: what it returned second.

    Raises:
        ValueError: the snapshot is of another configuration.
        RuntimeError: it is of another model.
    """
    if TrainingConfig(**meta["config"]) != trainer.config:
        raise ValueError(f"the checkpoint was made with {meta['config']}, got {trainer.config.to_json()}")
    trainer.model.load_state_dict(_part(tensors, "model"))
    if trainer.averaged is not trainer.model:
        trainer.averaged.load_state_dict(_part(tensors, "average"))
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in _part(tensors, "optimizer").items():
        index, key = name.split(".", 1)
        state.setdefault(int(index), {})[key] = value
    groups = trainer.optimizer.state_dict()["param_groups"]
    trainer.optimizer.load_state_dict({"state": state, "param_groups": groups})
    carried = _part(tensors, "state")
    own, pieces = trainer.world.columns(trainer.config.B), []
    for k, dim in enumerate(_stream_axes(trainer)):
        streams = carried[str(k)].to(trainer.device).narrow(dim, own.start, own.stop - own.start)
        pieces.append([piece.contiguous() for piece in streams.chunk(trainer.config.accumulate, dim)])
    trainer.states = [tuple(parts) for parts in zip(*pieces, strict=True)]
    trainer.done = meta["done"]


def _stream_axes(trainer: Trainer) -> list[int]:
    """For each tensor of a state, the axis of its streams: the one that grows with their number."""
    two, three = (trainer.model.initial_state(B) for B in (2, 3))
    return [
        [m == n for m, n in zip(a.shape, b.shape, strict=True)].index(False) for a, b in zip(two, three, strict=True)
    ]


def _part(tensors: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    return {key.removeprefix(f"{name}."): value for key, value in tensors.items() if key.startswith(f"{name}.")}
