"""A training run in a folder: text, model, checkpoints, history; it can be stopped at any moment and taken up again."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..data import Codec, vocabulary_from_json
from ..models import (
    LanguageModel,
    LanguageModelConfig,
    MixtureModel,
    TransformerLM,
    TransformerLMConfig,
    build,
    config_from_json,
    config_to_json,
)
from .checkpoint import Checkpoint, CheckpointError, load_latest, save_checkpoint
from .companion import COMPANION, Companion
from .config import TrainingConfig
from .evaluate import evaluate
from .history import Row, write_history
from .interrupt import between_updates
from .resume import restore, snapshot
from .trainer import Step, Trainer, TrainingError
from .world import World

__all__ = ["CHECKPOINT", "Row", "Run", "load_model", "load_predictor", "seed_model", "streams"]

Network = LanguageModel | TransformerLM
CHECKPOINT = "checkpoint.safetensors"


@dataclass
class Run:
    """Everything a run is made of.

    Attributes:
        folder: where checkpoint and history are written, by the world's first process. None: nowhere.
        text: what the text is: name, SHA-256 and so on, written beside the weights and compared when resuming.
        vocabulary: which symbol an id is.
        train, validation: the ids.
        model: what is trained.
        config: how.
        world: the processes that train together.
        every: seconds between checkpoints; one is written at each evaluation besides.
        history: a row for each evaluation.
        best: the lowest validation loss so far and the update that reached it; `best_weights` are the weights then.

    Besides, `seconds` is the time that its updates took, and `saved` how many of them the last checkpoint holds, None
    before the first.
    """

    folder: Path | None
    text: dict[str, Any]
    vocabulary: Codec
    train: np.ndarray
    validation: np.ndarray
    model: Network
    config: TrainingConfig
    world: World = field(default_factory=World)
    every: float = 30.0
    history: list[Row] = field(default_factory=list)
    best: dict[str, float] | None = None

    def __post_init__(self) -> None:
        self.trainer = Trainer(self.model, self.train, self.config, self.world)
        self.best_weights: dict[str, Tensor] = {}
        self.bad, self.running, self.seconds = 0, [0.0, 0], 0.0
        self.saved: int | None = None

    @property
    def finished(self) -> bool:
        """Whether all updates are done, or `patience` has ended the run."""
        impatient = self.config.patience is not None and self.bad >= self.config.patience
        return impatient or self.trainer.done >= self.config.steps

    def go(self, *, on_step: Callable[[Step], None] | None = None, on_row: Callable[[Row], None] | None = None) -> None:
        """Train to the end. Interrupted or asked to end (SIGINT, SIGTERM), it finishes the update and writes a
        checkpoint; a second time, it stops at once.

        Args:
            on_step: called after each update.
            on_row: called after each evaluation.

        Raises:
            TrainingError: a loss that is not finite.
            CheckpointError: a checkpoint that cannot be written.
            KeyboardInterrupt: the user's, once the checkpoint is written.
        """
        saved = time.monotonic()
        with between_updates() as interrupted:
            while not self.finished:
                start = time.monotonic()
                step = self.trainer.step()
                now = time.monotonic()
                self.seconds += now - start
                self.running = [self.running[0] + step.loss, self.running[1] + 1]
                if on_step:
                    on_step(step)
                evaluated = self.config.evaluates(step.number)
                if evaluated:
                    self._evaluate(step)
                # All processes stop or save together, whichever was interrupted and whatever their clocks say.
                stop, due = self.world.any(interrupted(), now - saved > self.every)
                if stop or due or evaluated:
                    self.save()
                    saved = time.monotonic()
                if evaluated and on_row:
                    on_row(self.history[-1])
                if stop:
                    raise KeyboardInterrupt

    def save(self) -> None:
        """Write checkpoint and history.

        Raises:
            CheckpointError: the disk is full, say; then the checkpoint before is whole. It is raised in all processes.
        """
        if self.folder is None:
            return
        tensors, meta = snapshot(self.trainer)
        failed = None
        if self.world.first:
            try:
                self._write(tensors, meta)
            except CheckpointError as error:
                failed = error
        if self.world.any(failed is not None)[0]:
            raise failed or CheckpointError("process 0 could not write the checkpoint")
        self.saved = self.trainer.done

    def _write(self, tensors: dict[str, Tensor], meta: dict[str, Any]) -> None:
        tensors |= {f"best.{name}": value for name, value in self.best_weights.items()}
        meta |= {
            "text": self.text,
            "vocabulary": self.vocabulary.to_json(),
            "model": config_to_json(self.model.config),
            "history": self.history,
            "best": self.best,
            "bad": self.bad,
            "running": self.running,
            "seconds": self.seconds,
        }
        save_checkpoint(self.folder / CHECKPOINT, tensors, meta)
        write_history(self.folder, self.history)

    def take_up(self, checkpoint: Checkpoint) -> None:
        """Go on from a checkpoint of this very run.

        Raises:
            CheckpointError: it is of another text or another configuration.
        """
        meta = checkpoint.meta
        before, now = (
            {k: v for k, v in said.items() if k not in ("name", "origin")} for said in (meta["text"], self.text)
        )
        if before != now:
            text, other = (f"{said['name']} ({said['sha256'][:12]})" for said in (meta["text"], self.text))
            raise CheckpointError(f"{checkpoint.path} was trained on {text}, got another text: {other}")
        try:
            restore(self.trainer, checkpoint.tensors, meta)
        except ValueError as error:
            raise CheckpointError(f"{checkpoint.path}: {error}") from error
        self.best_weights = _weights(checkpoint, "best")
        self.history, self.best = list(meta["history"]), meta["best"]
        self.bad, self.running, self.seconds = meta["bad"], list(meta["running"]), meta["seconds"]
        self.saved = self.trainer.done

    def _evaluate(self, step: Step) -> None:
        loss = 0.0
        if self.world.first:
            loss = evaluate(self.trainer.averaged, self.validation, streams=streams(len(self.validation)))
        (loss,) = self.world.agree(loss)
        if not math.isfinite(loss):
            raise TrainingError(
                f"the validation loss is {loss} after update {step.number}. Try a learning rate of "
                f"{self.config.learning_rate / 4:.2g}."
            )
        self.history.append(
            {
                "step": step.number,
                "epoch": step.number / len(self.trainer.windows),
                "train_loss": self.running[0] / self.running[1],
                "validation_loss": loss,
                "rate": step.rate,
                "seconds": self.seconds,
            }
        )
        self.running = [0.0, 0]
        if self.best is None or loss < self.best["loss"]:
            self.best, self.bad = {"loss": loss, "step": step.number}, 0
            self.best_weights = {name: value.clone() for name, value in self.trainer.averaged.state_dict().items()}
        else:
            self.bad += 1


def load_model(folder: Path) -> tuple[Network, Codec, Checkpoint]:
    """The best model that a run's folder holds, ready to be used.

    Args:
        folder: what `rnncourse train` wrote.

    Returns:
        The model in evaluation mode, its vocabulary, and the checkpoint, whose `meta` has the history.

    Raises:
        CheckpointError: there is no whole checkpoint.
    """
    checkpoint = load_latest(folder / CHECKPOINT)
    model = seed_model(config_from_json(checkpoint.meta["model"]), 0)
    weights = next(part for name in ("best", "average", "model") if (part := _weights(checkpoint, name)))
    model.load_state_dict(weights)
    return model.eval(), vocabulary_from_json(checkpoint.meta["vocabulary"]), checkpoint


def seed_model(config: LanguageModelConfig | TransformerLMConfig, seed: int) -> Network:
    """A model whose initial weights depend on the seed alone; the global generator stays as it was.

    Args:
        config: the model's shape.
        seed: at least 0.

    Returns:
        The model, in training mode.
    """
    with torch.random.fork_rng([]):
        torch.default_generator.manual_seed(seed)
        return build(config)


def load_predictor(folder: Path) -> tuple[Network | MixtureModel, Codec, Checkpoint]:
    """What a run's folder predicts best with: the network, mixed with its companion where there is one.

    Args:
        folder: what `rnncourse train` wrote.

    Returns:
        The model, its vocabulary, and the checkpoint.

    Raises:
        CheckpointError: there is no whole checkpoint, or the companion is damaged.
    """
    model, vocabulary, checkpoint = load_model(folder)
    if (folder / COMPANION).exists():
        return Companion.load(folder).beside(model), vocabulary, checkpoint
    return model, vocabulary, checkpoint


def _weights(checkpoint: Checkpoint, part: str) -> dict[str, Tensor]:
    return {name.removeprefix(f"{part}."): t for name, t in checkpoint.tensors.items() if name.startswith(f"{part}.")}


def streams(length: int) -> int:
    """How many pieces the validation text is read in at once: of at least 1,000 symbols, so that few lack context."""
    return max(1, min(64, length // 1000))
