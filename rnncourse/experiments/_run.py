"""Runs an experiment seed by seed, keeps what is done, and writes the record."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rnncourse.experiments import load
from rnncourse.experiments._record import (
    RecordError,
    check_writable,
    code_state,
    environment,
    now,
    read_json,
    write_json,
)

Tick = Callable[[str], None]


def run(
    name: str,
    *,
    seeds: int | None = None,
    quick: bool = False,
    output: Path | None = None,
    keep: bool = False,
    bar: bool = True,
) -> dict[str, Any]:
    """Run the experiment `name` and return its record.

    After each seed the results so far go to `OUTPUT.partial`; the same call takes them up again after an interrupt. The
    file is removed when the record is written.

    Args:
        name: a key of `rnncourse.experiments.EXPERIMENTS`.
        seeds: run the seeds 0 … seeds-1. None: as many as the experiment says (one if `quick`).
        quick: a run of seconds on data at hand, to see that everything works. Its figures mean nothing.
        output: the file to write. None: write nothing, and keep nothing after an interrupt.
        keep: take the seeds that the record in `output` holds already, and run only the others. Each seed's entry
            names the commit that ran it.
        bar: show a progress bar on the standard error.

    Raises:
        KeyError: no such experiment.
        ValueError: `seeds` is below 1.
        RecordError: the output cannot be written; partial results there, or the record to be kept, are of other
            settings or other data; there is no record to keep.
    """
    from tqdm import tqdm

    module = load(name)
    if seeds is None:
        seeds = 1 if quick else module.SEEDS
    if seeds < 1:
        raise ValueError(f"--seeds must be at least 1, got {seeds}")
    if output is not None:
        check_writable(output)
    settings = module.settings(quick)
    inputs, data = module.prepare(settings)
    same = {"experiment": name, "quick": quick, "settings": settings, "data": data}
    partial = None if output is None else output.with_name(output.name + ".partial")
    kept = _resume(partial, same)
    if keep:
        kept = _extend(output, same, kept)

    common_steps, seed_steps = module.steps(settings, inputs)
    todo = [seed for seed in range(seeds) if str(seed) not in kept["seeds"]]
    total = seed_steps * len(todo) + (0 if "common" in kept else common_steps)
    with tqdm(total=total, desc=name, disable=not bar, unit="step", mininterval=0.5) as progress:
        if len(todo) < seeds:
            progress.write(f"{name}: {seeds - len(todo)} of {seeds} seeds were done before", file=sys.stderr)

        def tick(text: str) -> None:
            progress.set_postfix_str(text, refresh=False)
            progress.update()

        def measure(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
            start = time.perf_counter()
            values = work()
            return {**values, "seconds": time.perf_counter() - start, "date": now(), **code_state()}

        if "common" not in kept:
            kept["common"] = measure(lambda: module.common(settings, inputs, tick))
            _keep(partial, kept)
        for seed in todo:
            kept["seeds"][str(seed)] = measure(lambda seed=seed: module.one_seed(seed, settings, inputs, tick))
            _keep(partial, kept)

    results = [{"seed": seed, **kept["seeds"][str(seed)]} for seed in range(seeds)]
    record = {
        "experiment": name,
        "question": module.QUESTION,
        "decision_rule": module.DECISION_RULE,
        "conclusion": module.conclude(kept["common"], results),
        "provenance": {
            "command": f"rnncourse experiment {name} --seeds {seeds}" + " --quick" * quick + " --keep" * keep,
            "date": now(),
            **code_state(),
            "seconds": [result["seconds"] for result in results],
            "data": data,
            **environment(torch="torch" in sys.modules),
        },
        "settings": settings,
        "common": kept["common"],
        "seeds": results,
    }
    if output is not None:
        write_json(output, record)
        partial.unlink(missing_ok=True)
    return record


def _resume(partial: Path | None, same: dict[str, Any]) -> dict[str, Any]:
    """What an interrupted run left, or a fresh start."""
    if partial is None or not partial.exists():
        return {"of": same, "seeds": {}}
    kept = read_json(partial)
    if kept.get("of") != same:
        raise RecordError(
            f"{partial} holds the results of a run with other settings or other data: remove it to start again, "
            "or choose another --output"
        )
    return kept


def _extend(output: Path | None, same: dict[str, Any], kept: dict[str, Any]) -> dict[str, Any]:
    """What was kept, with the seeds of the record in `output` that are not in it."""
    if output is None or not output.is_file():
        raise RecordError(f"--keep needs a record to add to, and there is none at {output or 'an --output FILE'}")
    record = read_json(output)
    found = {key: record.get(key) for key in ("experiment", "settings")} | {"data": record["provenance"]["data"]}
    if found != {key: same[key] for key in found}:
        raise RecordError(f"{output} holds a record of other settings or other data: --keep cannot add to it")
    seeds = {str(entry["seed"]): {k: v for k, v in entry.items() if k != "seed"} for entry in record["seeds"]}
    return {"of": same, "common": record["common"], "seeds": seeds} | kept | {"seeds": seeds | kept["seeds"]}


def _keep(partial: Path | None, kept: dict[str, Any]) -> None:
    if partial is not None:
        write_json(partial, kept, digits=None)
