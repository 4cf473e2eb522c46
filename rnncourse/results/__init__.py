"""Recorded experiments and benchmarks, one JSON file each.

Written by `rnncourse experiment NAME` and `rnncourse bench NAME`. The book's figures of long runs come from here.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

__all__ = ["load", "names"]

_FOLDER = Path(__file__).resolve().parent


def names() -> list[str]:
    """The names of the recorded results, sorted."""
    return sorted(path.stem for path in _FOLDER.glob("*.json"))


def load(name: str) -> dict[str, Any]:
    """Read a recorded result.

    Args:
        name: such as "char_rnn_numpy" or "bench_reference".

    Returns:
        The record: `provenance` says with what and on what it was made, `settings` what was chosen.

    Raises:
        KeyError: there is no such record; the message lists those there are.
    """
    if name not in names():
        raise KeyError(f"there is no recorded result {name!r}: choose one of {', '.join(names()) or '(none yet)'}")
    return json.loads((_FOLDER / f"{name}.json").read_text(encoding="utf-8"))
