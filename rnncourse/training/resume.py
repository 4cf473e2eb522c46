"""A trainer to tensors and JSON, and back, so that training goes on to the very same numbers."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from .config import TrainingConfig
from .trainer import Trainer

__all__ = ["restore", "snapshot"]


def snapshot(trainer: Trainer) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """All that the next update depends on, and the average.

    Returns:
        Tensors by name: `model.…`, `average.…` where there is one, `optimizer.INDEX.…`, `state.PART.INDEX`, `rng.…`;
        what JSON can hold: `done` and `config`.
    """
    tensors = {f"model.{name}": value for name, value in trainer.model.state_dict().items()}
    if trainer.averaged is not trainer.model:
        tensors |= {f"average.{name}": value for name, value in trainer.averaged.state_dict().items()}
    for index, values in trainer.optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": value for name, value in values.items()}
    for part, state in enumerate(trainer.states):
        tensors |= {f"state.{part}.{k}": value for k, value in enumerate(state)}
    tensors |= {f"rng.{name}": value for name, value in trainer.rng_states.items()}
    return tensors, {"done": trainer.done, "config": trainer.config.to_json()}


def restore(trainer: Trainer, tensors: dict[str, Tensor], meta: dict[str, Any]) -> None:
    """Put a snapshot into a trainer of the same model, text and configuration.

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
    for part, before in enumerate(trainer.states):
        trainer.states[part] = tuple(carried[f"{part}.{k}"].to(old.device) for k, old in enumerate(before))
    trainer.rng_states = _part(tensors, "rng")
    trainer.done = meta["done"]


def _part(tensors: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    return {key.removeprefix(f"{name}."): value for key, value in tensors.items() if key.startswith(f"{name}.")}
