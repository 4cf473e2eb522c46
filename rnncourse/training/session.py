"""A run from end to end: begin it on a text, picking what the user did not choose; take it up again; finish it."""

from __future__ import annotations

import dataclasses
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .._checks import check_choice, check_number
from .._machine import cores
from ..data import TEXT_NAMES, Corpus, DataError, batches, load_corpus, vocabulary_from_json
from ..models import NGramModel, config_from_json
from ..models.build import TRANSFORMER, config_class
from ..models.language_model import CELLS
from .checkpoint import CheckpointError, load_latest, previous
from .companion import COMPANION, MEASURED, Companion, Measured, fit_companion, measure, set_apart
from .config import TrainingConfig
from .pick import EPOCHS, pick, steps_for
from .run import CHECKPOINT, Run, load_model, seed_model
from .world import World

__all__ = ["begin", "finish", "read_again", "take_up"]

ORDER = 7
COUNTING = 4  # how many times counting once takes what stands beside it: counting twice, weights, reading
SHORT = 50  # symbols, below which there is nothing to count
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
        ngram: order of the counts that stand beside the network; 0: none, as for texts of fewer than 50 symbols.
        seconds: the time that reading, trial, updates and evaluations may take, 60 if neither it nor `steps` is given;
            what `finish` does comes after it. A quarter of it at least is for updates, however long the rest takes.
        steps: how many updates instead.
        threads: of the processor; None: with a time what a trial finds faster, with `steps` 1.
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
        OSError: the folder cannot be made or written.
    """
    start = time.perf_counter()
    world = world or World()
    check_number("validation", validation, above=0, below=1)
    check_number("ngram", ngram, at_least=0, integer=True)
    for name, value in (("steps", steps), ("threads", threads)):
        if value is not None:
            check_number(name, value, at_least=1, integer=True)
    if seconds is not None:
        check_number("seconds", seconds, above=0)
        if steps is not None:
            raise ValueError(f"seconds must not be given together with steps, got {seconds:g} and {steps}")
    if not overwrite and any(path.exists() for path in _checkpoints(folder)):
        raise CheckpointError(
            f"{folder} holds a run: go on with --resume, begin anew with --overwrite, or name another --output"
        )
    if sizes.get("cell") is not None:
        check_choice("cell", sizes["cell"], (*CELLS, TRANSFORMER))
    corpus = load_corpus(text, unit=unit, size=size, validation=validation)
    V = len(corpus.vocabulary)
    apart = set_apart(corpus.train) if ngram and len(corpus.train) >= SHORT else None
    train = apart.network if apart else corpus.train
    if len(train) < 3 or len(corpus.validation) < 2:
        raise DataError(
            f"{corpus.name} is too short: {len(train)} {unit} to train on and {len(corpus.validation)} to validate; at "
            "least 3 and 2 are needed."
        )
    multiple = world.size * (sizes.get("accumulate") or 1)
    gpu = world.device.type == "cuda"
    chosen, reasons = pick(len(train), V, by_frequency=unit == "words", gpu=gpu, multiple=multiple, **sizes)
    say(f"{corpus.name}: {len(train):,} {unit} to train on, {len(corpus.validation):,} to validate, {V:,} kinds")
    for reason in reasons:
        say(f"  {reason}")
    model, config = _configured(V, chosen, steps)
    if apart:
        kept = len(apart.held_out)
        say(f"  ngram = {ngram}: counts are mixed in; their weight is found on {kept:,} {unit} kept apart")
    if world.first:  # now, not after a minute of training
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    watched = min(len(corpus.validation), MEASURED)
    if steps is None:
        budget = 60.0 if seconds is None else seconds
        most = int(world.agree(max(1, cores() // world.beside))[0])
        after = COUNTING * _seconds_of_counting(apart.counted, V, ngram) if apart else 0.0
        left = max(budget / 2, budget - after - (time.perf_counter() - start))
        trial = (threads,) if threads else tuple(sorted({1, most}))
        fits = steps_for(left, model, config, train, corpus.validation, threads=trial, world=world)
        config, watched = dataclasses.replace(config, steps=fits.steps), fits.watched
        threads, reason = fits.threads, "as asked for" if threads else "the faster in a short trial"
        say(f"  steps = {config.steps:,}: {_why(fits.steps, config, budget, train)}")
        say(f"  threads = {threads}: {reason}")
    if watched < len(corpus.validation):
        say(f"  while it trains, the first {watched:,} {unit} of the validation split are read")
    torch.set_num_threads(threads or 1)
    said = {
        **_name(corpus, text),
        "validation": validation,
        "unit": unit,
        "ngram": ngram if apart else 0,
        "threads": threads or 1,
        "watched": watched,
    }
    net = seed_model(model, config.seed).to(world.device)
    say(f"  {sum(p.numel() for p in net.parameters()):,} parameters")
    if world.first:  # what is left of a run that is given up
        for path in (*_checkpoints(folder), folder / COMPANION, folder / "history.json", folder / "history.csv"):
            path.unlink(missing_ok=True)
    return Run(folder, said, corpus.vocabulary, train, corpus.validation[:watched], net, config, world)


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
    said, validation = {**before, **_name(corpus, text)}, corpus.validation[: before["watched"]]
    run = Run(folder, said, corpus.vocabulary, train, validation, model, config, world)
    run.take_up(checkpoint)
    say(f"{corpus.name}: going on after {run.trainer.done:,} of {config.steps:,} updates")
    return run


def finish(run: Run) -> tuple[Companion | None, Measured]:
    """Put counts beside a finished run, if it is to have some, and measure what there is.

    Args:
        run: whose checkpoint is written.

    Returns:
        The companion, kept in the run's folder, or None; and what network, counts and both are worth.

    Raises:
        DataError: the text is no longer there, or it has changed.
        CheckpointError: the companion cannot be written.
    """
    network, _, checkpoint = load_model(run.folder)
    corpus = read_again(checkpoint.meta, run.text["origin"])
    if corpus.sha256 != run.text["sha256"]:
        raise DataError(
            f"{run.text['origin']} has changed since the training began: no counts are put beside the network."
        )
    companion = None
    if order := run.text["ngram"]:
        companion = fit_companion(network, corpus.train, order=order)
        companion.save(run.folder)
    return companion, measure(network, companion, corpus.validation)


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


def _checkpoints(folder: Path) -> tuple[Path, Path]:
    return folder / CHECKPOINT, previous(folder / CHECKPOINT)


def _configured(vocab_size: int, chosen: dict[str, Any], steps: int | None) -> tuple[Any, TrainingConfig]:
    """What was chosen, as the shape of the network and the way to train it."""
    shape = config_class(chosen.get("cell", ""))
    names = {field.name for field in dataclasses.fields(shape)}
    how = {field.name for field in dataclasses.fields(TrainingConfig)}
    if foreign := chosen.keys() - names - how - {"cell"}:
        raise ValueError(f"{min(foreign)} must not be given: a network of this kind has no such size")
    model = shape(vocab_size, **{k: v for k, v in chosen.items() if k in names})
    options = {k: v for k, v in chosen.items() if k in how}
    options["evaluations"] = min(options.get("evaluations", 5), steps or SOON)
    return model, TrainingConfig(**options | {"steps": steps or SOON})


def _why(steps: int, config: TrainingConfig, seconds: float, train: np.ndarray) -> str:
    """What decided the number of updates."""
    if steps == EPOCHS * len(batches(train, config.T, config.B)):
        return f"{EPOCHS} epochs, in less than {seconds:g} seconds; `steps` is for more"
    if steps == config.evaluations:
        return f"no more fit into {seconds:g} seconds here; that is hardly training"
    return f"what fits into {seconds:g} seconds here"


def _name(corpus: Corpus, text: str) -> dict[str, str]:
    """Which text it is, and where."""
    origin = text if text in TEXT_NAMES else str(Path(text).resolve())
    return {"name": corpus.name, "origin": origin, "sha256": corpus.sha256}


def _seconds_of_counting(ids: np.ndarray, vocab_size: int, order: int) -> float:
    start = time.perf_counter()
    NGramModel.fit(ids, order=order, vocab_size=vocab_size, modified=True)
    return time.perf_counter() - start
