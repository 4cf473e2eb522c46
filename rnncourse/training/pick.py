"""Sizes that fit a text, a time and a machine, each with its reason."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch

from ..models import LanguageModelConfig, TransformerLMConfig
from .config import TrainingConfig
from .evaluate import evaluate
from .run import seed_model, streams
from .trainer import Trainer
from .world import World

__all__ = ["Fits", "pick", "steps_for"]

WIDTHS = ((20_000, 64), (200_000, 128), (5_000_000, 256))  # symbols of text, hidden units
TRIAL = 16  # updates timed before training
READ = 20_000  # validation symbols read in the trial
EVALUATING = 0.2  # of the time, at most, unless it is too short for
LEAST = 1000  # validation symbols
MANY = 2000  # symbols, from which an adaptive softmax pays
EPOCHS = 40  # times that a text is read at most; after that, a longer training only learns it by heart


class Fits(NamedTuple):
    """What fits into a time.

    Attributes:
        steps: updates.
        threads: of the processor.
        watched: validation symbols that each evaluation reads.
    """

    steps: int
    threads: int
    watched: int


def pick(
    symbols: int,
    vocab_size: int,
    *,
    by_frequency: bool = False,
    gpu: bool = False,
    multiple: int = 1,
    **wanted: Any,
) -> tuple[dict[str, Any], list[str]]:
    """Sizes for a text.

    Args:
        symbols: the training text's length.
        vocab_size: V.
        by_frequency: whether the frequent symbols come first, as words do.
        gpu: whether training runs on one.
        multiple: what the number of streams must be a multiple of: the processes times the parts of each.
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
    if chosen.get("cell") == "transformer":
        heads = 2 * chosen.get("num_heads", 4)
        choose("embedding_size", -(-max(32, width // 2) // heads) * heads, f"for {symbols:,} symbols of training text")
        choose("num_layers", 4, "a Transformer's depth does what a recurrence does by going on")
        choose("learning_rate", 2e-3, "a Transformer takes smaller steps")
        choose("context", 64, "symbols that a layer looks at")
        longest = chosen["context"]
    else:
        if by_frequency and vocab_size >= MANY and not chosen.get("tied"):
            cutoffs = (vocab_size // 8, vocab_size // 2)
            choose("cutoffs", cutoffs, "where rarer words begin: an adaptive softmax is several times faster")
            choose("embedding_size", width // 2, f"for {vocab_size:,} symbols")
            choose("dropout", 0.3, "there are few examples for each of many symbols")
        if chosen.get("tied") and "embedding_size" in chosen:
            choose("hidden_size", chosen["embedding_size"], "tied weights have one width")
        choose("hidden_size", 2 * width if gpu else width, f"for {symbols:,} symbols of training text")
        if chosen.get("tied"):
            choose("embedding_size", chosen["hidden_size"], "tied weights have one width")
        choose("embedding_size", max(16, min(chosen["hidden_size"] // 4, vocab_size)), f"for {vocab_size} symbols")
        longest = 32
    # A window takes T * B + 1 symbols; a short text gets narrow batches, then short windows.
    T = min(longest, max(1, (symbols - 1) // 4))
    choose("T", T, "steps that gradients go back" + ("" if longest == T else ", all that so short a text has room for"))
    B = min(64 if gpu else 16, max(1, (symbols - 1) // (4 * chosen["T"])))
    B = max(1, B // multiple) * multiple
    choose("B", B, "streams side by side" + ("" if B >= 16 else ", so that an epoch has several windows"))
    if symbols < 200_000:
        choose("dropout", 0.3, "a short text is read many times")
    return chosen, reasons


def steps_for(
    seconds: float,
    model: LanguageModelConfig | TransformerLMConfig,
    config: TrainingConfig,
    train: np.ndarray,
    validation: np.ndarray,
    *,
    threads: Sequence[int],
    world: World,
) -> Fits:
    """How many updates fit into a time, by a short trial on a model that is thrown away.

    Args:
        seconds: the time, for updates and evaluations together; the trial is taken off, but half is left for updates.
        model: the model's shape.
        config: how to train; `steps` does not matter.
        train: the training ids.
        validation: the validation ids.
        threads: numbers of processor threads to try, the same in all processes.
        world: the processes that train together, all of which must call it; the first one's clock counts.

    Returns:
        The number of updates, at least `config.evaluations`, at most `EPOCHS` epochs; the number of threads that is the
        fastest; and how many validation symbols, at least 1,000, all evaluations together can read in a fifth of the
        time.
    """
    start = time.perf_counter()
    trainer = Trainer(seed_model(model, config.seed).to(world.device), train, replace(config, steps=10**6), world)
    costs = {}
    part = validation[:READ]
    for n in threads:
        torch.set_num_threads(n)
        trainer.step()  # the first one allocates
        update = float(np.percentile([_seconds(trainer.step) for _ in range(TRIAL)], 75))
        reading = _seconds(lambda: evaluate(trainer.model, part, streams=streams(len(part))))
        costs[n] = update, reading / len(part)
    best = min(costs, key=lambda n: costs[n][0])
    update, reading = costs[best]
    watched = min(len(validation), max(LEAST, int(EVALUATING * seconds / (config.evaluations * reading))))
    left = max(seconds / 2, seconds - (time.perf_counter() - start) - config.evaluations * watched * reading)
    updates = max(config.evaluations, min(int(left / update), EPOCHS * len(trainer.windows)))
    fits = Fits(*(int(value) for value in world.agree(updates, best, watched)))
    torch.set_num_threads(fits.threads)
    return fits


def _seconds(call: Callable[[], Any]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start
