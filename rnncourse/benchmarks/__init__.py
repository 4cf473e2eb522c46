"""Timings of our code beside PyTorch's on the same machine: one file a comparison.

`rnncourse bench` lists them, `rnncourse bench NAME` runs one. Each module offers `run(quick)`, which returns a record
for JSON, and `table(record)`, the same as text. Nothing is timed before it agrees with PyTorch.
"""

from __future__ import annotations

import importlib
from types import ModuleType

__all__ = ["BENCHMARKS", "load"]

BENCHMARKS = {
    "reference": "the NumPy Elman network, forward and backward, beside torch.nn.RNN on the processor",
}


def load(name: str) -> ModuleType:
    """The module of the benchmark `name`, imported now and not before.

    Raises:
        KeyError: there is no such benchmark; the message lists those there are.
    """
    if name not in BENCHMARKS:
        raise KeyError(f"there is no benchmark {name!r}: choose one of {', '.join(sorted(BENCHMARKS))}")
    return importlib.import_module(f"rnncourse.benchmarks.{name}")
