"""Timings of our code beside PyTorch's on the same machine: one file a comparison.

`rnncourse bench` lists them, `rnncourse bench NAME` runs one. Each module offers `run(quick)`, which returns a record
for JSON, and `table(record)`, the same as text. Nothing is timed before it agrees with PyTorch.
"""

from __future__ import annotations

from types import ModuleType

from .._registry import load_listed

__all__ = ["BENCHMARKS", "load"]

BENCHMARKS = {
    "reference": "the NumPy LSTM, GRU, Elman network and Transformer block beside torch.nn on the processor",
}


def load(name: str) -> ModuleType:
    """The module of the benchmark `name`, imported now and not before.

    Raises:
        KeyError: there is no such benchmark; the message lists those there are.
    """
    return load_listed("benchmark", __name__, BENCHMARKS, name)
