"""The losses of a run as tables that other programs read."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

from .checkpoint import CheckpointError

__all__ = ["Row", "write_history"]

Row = dict[str, float | int]


def write_history(folder: Path, history: list[Row]) -> None:
    """The history as JSON and CSV, each whole or not at all.

    Args:
        folder: of the run.
        history: a row for each evaluation; without any, nothing is written.

    Raises:
        CheckpointError: it cannot be written.
    """
    if not history:
        return
    files = {"history.json": json.dumps(history, indent=1) + "\n"}
    rows = [list(history[0]), *(list(row.values()) for row in history)]
    for name in (*files, "history.csv"):
        scratch = folder / f".{name}.{os.getpid()}"
        try:
            with open(scratch, "w", encoding="utf-8", newline="") as file:
                if name in files:
                    file.write(files[name])
                else:
                    csv.writer(file).writerows(rows)
            scratch.replace(folder / name)
        except OSError as error:
            raise CheckpointError(f"cannot write {folder / name}: {error.strerror}") from error
        finally:
            scratch.unlink(missing_ok=True)
