"""Sizes that fit a text, a time and a machine, each with its reason."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np

from ..models import LanguageModelConfig
from .config import TrainingConfig
from .evaluate import evaluate
from .run import seed_model
from .trainer import Trainer

__all__ = ["pick", "steps_for"]

WIDTHS = ((20_000, 64), (200_000, 128), (5_000_000, 256))  # symbols of text, hidden units
TRIAL = 8  # updates timed before training


def pick(symbols: int, vocab_size: int, *, gpu: bool = False, **wanted: Any) -> tuple[dict[str, Any], list[str]]:
    """Sizes for a text.

    Args:
        symbols: the training text's length.
        vocab_size: V.
        gpu: whether training runs on one.
        wanted: what the user has chosen, under the names of `LanguageModelConfig` and `TrainingConfig`; None: not
            chosen.

    Returns:
        All sizes by name, and a line for each that was picked here, with the reason.

    Raises:
        ValueError: a text of fewer than 3 symbols.
    """
    if symbols < 3:
        raise ValueError(f"the training text must have at least 3 symbols, got {symbols}")
    chosen = {name: value for name, value in wanted.items() if value is not None}
    reasons = []

    def choose(name: str, value: Any, reason: str) -> None:
        if name not in chosen:
            chosen[name] = value
            reasons.append(f"{name} = {value}: {reason}")

    width = next((width for limit, width in WIDTHS if symbols < limit), 512)
    choose("hidden_size", 2 * width if gpu else width, f"for {symbols:,} symbols of training text")
    choose("embedding_size", max(16, min(chosen["hidden_size"] // 4, vocab_size)), f"for {vocab_size} symbols")
    # A window takes T * B + 1 symbols; a short text gets narrow batches, then short windows.
    T = chosen.get("T", min(64, max(1, (symbols - 1) // 4)))
    choose("T", T, "steps that gradients go back" + ("" if T == 64 else ", all that so short a text has room for"))
    B = chosen.get("B", min(64 if gpu else 16, max(1, (symbols - 1) // (4 * chosen["T"]))))
    choose("B", B, "streams side by side" + ("" if B >= 16 else ", so that an epoch has several windows"))
    return chosen, reasons


def steps_for(
    seconds: float, model: LanguageModelConfig, config: TrainingConfig, train: np.ndarray, validation: np.ndarray
) -> int:
    """How many updates fit into a time, by a short trial on a model that is thrown away.

    Args:
        seconds: the time, for updates and evaluations together; the trial is taken off.
        model: the model's shape.
        config: how to train; `steps` does not matter.
        train: the training ids.
        validation: the validation ids.

    Returns:
        At least as many as `config.evaluations`.
    """
    from .run import _streams

    start = time.perf_counter()
    trainer = Trainer(seed_model(model, config.seed), train, replace(config, steps=10**6))
    trainer.step()  # the first one allocates
    times = []
    for _ in range(TRIAL):
        before = time.perf_counter()
        trainer.step()
        times.append(time.perf_counter() - before)
    part = validation[: 1 + len(validation) // 4]
    before = time.perf_counter()
    evaluate(trainer.model, part, streams=_streams(len(part)))
    evaluation = (time.perf_counter() - before) * len(validation) / len(part)
    left = seconds - (time.perf_counter() - start) - config.evaluations * evaluation
    return max(config.evaluations, int(left / float(np.mean(times))))
