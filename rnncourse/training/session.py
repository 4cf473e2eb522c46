"""A run from end to end: begin it on a text, picking what the user did not choose; take it up again; finish it."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..data import TEXT_NAMES, Corpus, DataError, load_corpus, vocabulary_from_json
from ..models import NGramModel, config_from_json
from ..models.build import config_class
from .checkpoint import CheckpointError, load_latest
from .companion import Companion, Measured, fit_companion, measure, set_apart
from .config import TrainingConfig
from .pick import EPOCHS, pick, steps_for
from .run import CHECKPOINT, Run, load_model, seed_model
from .world import World

__all__ = ["begin", "cores", "finish", "read_again", "take_up"]

ORDER = 7
COUNTING = 4  # how many times counting once takes what stands beside it: counting twice, weights, reading
SOON = 10**6  # steps, before it is known how many fit


def begin(
    text: str,
    folder: Path,
    *,
    unit: str = "characters",
    size: int | None = None,
    validation: float = 0.1,
    ngram: int = ORDER,
    seconds: float | None = None,
    steps: int | None = None,
    threads: int | None = None,
    overwrite: bool = False,
    world: World | None = None,
    say: Callable[[str], None] = print,
    **sizes: Any,
) -> Run:
    """A new run on a text.

    Args:
        text: a name or a file, as `rnncourse.data.load_corpus` takes.
        folder: where it is kept; it is made.
        unit: "characters", "words" or "subwords".
        size: the greatest V of words and subwords.
        validation: the part of the text held out.
        ngram: order of the counts that stand beside the network; 0: none.
        seconds: the time that all may take, 60 if neither it nor `steps` is given.
        steps: how many updates instead.
        threads: of the processor; None: what a trial finds faster.
        overwrite: whether a run in that folder is given up.
        world: the processes that train together.
        say: told what was picked, and why.
        sizes: what the user has chosen, under the names of `LanguageModelConfig` or, where `cell` is "transformer", of
            `TransformerLMConfig`, and of `TrainingConfig`; None: not chosen.

    Returns:
        The run, of which nothing is done yet.

    Raises:
        ValueError: a size out of range; both `seconds` and `steps`.
        DataError: a text that cannot be read or is too short.
        CheckpointError: the folder holds a run.
    """
    start = time.perf_counter()
    world = world or World()
    if seconds and steps:
        raise ValueError(f"seconds and steps must not both be given, got {seconds:g} and {steps}")
    if (folder / CHECKPOINT).exists() and not overwrite:
        raise CheckpointError(
            f"{folder} holds a run: go on with --resume, begin anew with --overwrite, or name another --output"
        )
    corpus = load_corpus(text, unit=unit, size=size, validation=validation)
    if len(corpus.train) < 3 or len(corpus.validation) < 2:
        raise DataError(
            f"{corpus.name} is too short: {len(corpus.train)} {unit} to train on and {len(corpus.validation)} to "
            "validate; at least 3 and 2 are needed."
        )
    V = len(corpus.vocabulary)
    apart = set_apart(corpus.train) if ngram else None
    train = apart.network if apart else corpus.train
    chosen, reasons = pick(
        len(train), V, by_frequency=unit == "words", gpu=world.device.type == "cuda", multiple=world.size, **sizes
    )
    say(f"{corpus.name}: {len(train):,} {unit} to train on, {len(corpus.validation):,} to validate, {V:,} kinds")
    for reason in reasons:
        say(f"  {reason}")
    shape = config_class(chosen.get("cell", ""))
    names = {field.name for field in dataclasses.fields(shape)}
    how = {field.name for field in dataclasses.fields(TrainingConfig)}
    if foreign := chosen.keys() - names - how - {"cell"}:
        raise ValueError(f"{min(foreign)} must not be given: a network of this kind has no such size")
    model = shape(V, **{k: v for k, v in chosen.items() if k in names})
    options = {k: v for k, v in chosen.items() if k in how}
    options["evaluations"] = min(options.get("evaluations", 5), steps or SOON)
    config = TrainingConfig(**options | {"steps": steps or SOON})
    if apart:
        kept = len(apart.held_out)
        say(f"  ngram = {ngram}: counts are mixed in; their weight is found on {kept:,} {unit} kept apart")
    trial = (threads,) if threads else tuple(sorted({1, cores() // world.beside}))
    if steps:
        best = max(trial)
    else:
        budget = seconds or 60.0
        after = COUNTING * _seconds_of_counting(apart.counted, V, ngram) if apart else 0.0
        left = budget - after - (time.perf_counter() - start)
        fits, best = steps_for(left, model, config, train, corpus.validation, threads=trial, world=world)
        config = dataclasses.replace(config, steps=fits)
        say(f"  steps = {fits:,}: what fits into {budget:g} seconds here, or {EPOCHS} epochs")
        say(f"  threads = {best}: " + ("as asked for" if threads else "the faster in a short trial"))
    torch.set_num_threads(best)
    folder.mkdir(parents=True, exist_ok=True)
    said = {
        "name": corpus.name,
        "origin": text if text in TEXT_NAMES else str(Path(text).resolve()),
        "sha256": corpus.sha256,
        "validation": validation,
        "unit": unit,
        "ngram": ngram,
        "threads": best,
    }
    net = seed_model(model, config.seed).to(world.device)
    say(f"  {sum(p.numel() for p in net.parameters()):,} parameters")
    return Run(folder, said, corpus.vocabulary, train, corpus.validation, net, config, world)


def take_up(text: str, folder: Path, *, world: World | None = None, say: Callable[[str], None] = print) -> Run:
    """The run that a folder holds, where its last checkpoint left it.

    Args:
        text: the same text.
        folder: the run's.
        world: the processes that train together; they may be more or fewer than before.
        say: told how far it has come.

    Raises:
        DataError: a text that cannot be read.
        CheckpointError: no checkpoint there, or it is of another text.
    """
    world = world or World()
    checkpoint = load_latest(folder / CHECKPOINT)
    before = checkpoint.meta["text"]
    corpus = read_again(checkpoint.meta, text)
    train = set_apart(corpus.train).network if before["ngram"] else corpus.train
    torch.set_num_threads(before["threads"])  # another number would round differently
    config = TrainingConfig(**checkpoint.meta["config"])
    model = seed_model(config_from_json(checkpoint.meta["model"]), config.seed).to(world.device)
    said = {**before, "sha256": corpus.sha256}
    run = Run(folder, said, corpus.vocabulary, train, corpus.validation, model, config, world)
    run.take_up(checkpoint)
    say(f"{corpus.name}: going on after {run.trainer.done:,} of {config.steps:,} updates")
    return run


def finish(run: Run) -> tuple[Companion | None, Measured]:
    """Put counts beside a finished run, if it is to have some, and measure what there is.

    Args:
        run: whose checkpoint is written.

    Returns:
        The companion, kept in the run's folder, or None; and what network, counts and both are worth.
    """
    network, _, checkpoint = load_model(run.folder)
    companion = None
    if order := run.text["ngram"]:
        companion = fit_companion(network, read_again(checkpoint.meta).train, order=order)
        companion.save(run.folder)
    return companion, measure(network, companion, run.validation)


def read_again(meta: dict[str, Any], text: str | None = None) -> Corpus:
    """The text of a run, with the vocabulary that the run has.

    Args:
        meta: of the run's checkpoint.
        text: where it is now. None: where it was.

    Raises:
        DataError: it cannot be read.
    """
    said, vocabulary = meta["text"], vocabulary_from_json(meta["vocabulary"])
    return load_corpus(text or said["origin"], validation=said["validation"], vocabulary=vocabulary)


def cores() -> int:
    """How many processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _seconds_of_counting(ids: np.ndarray, vocab_size: int, order: int) -> float:
    start = time.perf_counter()
    NGramModel.fit(ids, order=order, vocab_size=vocab_size, modified=True)
    return time.perf_counter() - start
