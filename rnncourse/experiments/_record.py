"""Recorded results: a JSON file that says what was measured, with what, on what.

Shared by `rnncourse.experiments` and `rnncourse.benchmarks`. Files are written whole or not at all.
"""

from __future__ import annotations

import datetime
import json
import math
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import rnncourse
from rnncourse._machine import cores

PACKAGE = Path(rnncourse.__file__).resolve().parent
RESULTS = PACKAGE / "results"


class RecordError(Exception):
    """A result cannot be read or written; the message says what to do."""


def default_output(name: str) -> Path:
    """Where a recorded result belongs: `rnncourse/results/NAME.json` of the checkout.

    Raises:
        RecordError: the package is installed, not checked out, so its results folder is not the user's to change.
    """
    if not (PACKAGE.parent / "pyproject.toml").is_file():
        raise RecordError("rnncourse is installed here, not checked out: say where to write with --output FILE")
    return RESULTS / f"{name}.json"


def check_writable(path: Path) -> None:
    """Raise now, before hours of work, if `path` cannot be written.

    Raises:
        RecordError: `path` is a folder, or its folder is missing or does not take files.
    """
    if path.is_dir():
        raise RecordError(f"--output must name a file, got the folder {path}")
    if path.exists() and not path.is_file():
        raise RecordError(f"--output must name a file, got {path}, which is a device, a pipe or a socket")
    if not path.parent.is_dir():
        raise RecordError(f"--output must lie in an existing folder, got {path}: create {path.parent} first")
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise RecordError(f"--output must be writable, got {path}: {error.strerror}") from error


def write_json(path: Path, value: Mapping[str, Any], *, digits: int | None = 6) -> None:
    """Write `value` to `path` in one step: a reader sees the old file or the new one, never a part.

    Args:
        path: the file.
        value: of dicts, lists, strings, numbers, booleans and None.
        digits: floats are rounded to so many significant digits. None: not at all.

    Raises:
        RecordError: the file cannot be written.
        ValueError: NaN or infinity, which JSON does not have.
    """
    text = to_json(value if digits is None else rounded(value, digits)) + "\n"
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        scratch.write_text(text, encoding="utf-8")
        scratch.replace(path)
    except OSError as error:
        raise RecordError(f"cannot write {path}: {error.strerror}") from error
    finally:
        scratch.unlink(missing_ok=True)


def read_json(path: Path) -> dict[str, Any]:
    """Read what `write_json` wrote.

    Raises:
        RecordError: the file cannot be read or is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecordError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise RecordError(f"{path} is not JSON ({error}): remove it and run again") from error


def rounded(value: Any, digits: int) -> Any:
    """`value` with every float in it rounded to `digits` significant digits.

    >>> rounded({"loss": [1.23456789, 12345.6789], "steps": 1234567}, 4)
    {'loss': [1.235, 12350.0], 'steps': 1234567}
    """
    if isinstance(value, Mapping):
        return {key: rounded(item, digits) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(item, digits) for item in value]
    if isinstance(value, float) and value and math.isfinite(value):
        return round(float(value), digits - 1 - math.floor(math.log10(abs(value))))
    return value


def to_json(value: Any, indent: str = "") -> str:
    """JSON with one line for each list of plain values, so that a file stays short and its diff readable."""
    inner = indent + "  "
    if isinstance(value, Mapping) and value:
        items = [f"{inner}{json.dumps(str(key))}: {to_json(item, inner)}" for key, item in value.items()]
        return "{\n" + ",\n".join(items) + f"\n{indent}}}"
    if isinstance(value, Sequence) and any(isinstance(item, (Mapping, list, tuple)) for item in value):
        return "[\n" + ",\n".join(inner + to_json(item, inner) for item in value) + f"\n{indent}]"
    return json.dumps(value, allow_nan=False, ensure_ascii=False)


def now() -> str:
    """The date and time in UTC, to the second."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def code_state() -> dict[str, Any]:
    """Which code is running.

    Returns:
        `commit`: the checkout's commit, None outside one. `modified`: those of the package's loaded modules whose file
        differs from that commit (an empty list is a clean state).
    """
    commit = _git("rev-parse", "HEAD")
    if commit is None:
        return {"commit": None, "modified": []}
    files = {getattr(m, "__file__", None) for name, m in list(sys.modules.items()) if name.split(".")[0] == "rnncourse"}
    status = _git("status", "--porcelain", "--untracked-files=all", "--", *sorted(f for f in files if f))
    return {"commit": commit, "modified": sorted(line[3:] for line in (status or "").splitlines())}


def environment(*, torch: bool = False) -> dict[str, Any]:
    """Versions and hardware.

    Args:
        torch: add PyTorch's version and thread count; it must be imported already.

    Returns:
        `versions` and `hardware`: the processor's name, how many of its cores this process may use, and the number of
        threads that the environment gives to NumPy's BLAS ("default" where it does not say).
    """
    import numpy as np

    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    versions = {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "blas": f"{blas.get('name', '?')} {blas.get('version', '?')}",
        "rnncourse": rnncourse.__version__,
    }
    threads = next((os.environ[v] for v in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS") if v in os.environ), "default")
    hardware = {"system": platform.system(), "cpu": _cpu(), "cores": cores(), "threads": threads}
    if torch:
        versions["torch"] = sys.modules["torch"].__version__
    return {"versions": versions, "hardware": hardware}


def _cpu() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass  # not Linux
    return platform.processor() or platform.machine()


def _git(*arguments: str) -> str | None:
    """Output of a git command in the checkout that holds the package; None where there is no such checkout."""
    if not (PACKAGE.parent / ".git").exists():
        return None
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=PACKAGE.parent, capture_output=True, text=True, check=False, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.rstrip("\n") if done.returncode == 0 else None
