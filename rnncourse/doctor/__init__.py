"""What this machine and its software are good for: each finding with what is slow or impossible, why, and what helps.

Loads nothing by itself: what is examined is imported by the check that examines it, and may be missing or broken.
"""

from __future__ import annotations

from collections.abc import Callable

from . import accelerator, machine, software, speed, texts
from .finding import MISSING, OK, SLOW, Finding

__all__ = ["MISSING", "OK", "SLOW", "Finding", "examine"]


def examine(threads_asked_for: str | None = None) -> list[Finding]:
    """Look at everything; takes a few seconds, most of them to import PyTorch.

    Args:
        threads_asked_for: OMP_NUM_THREADS as the user set it, before anything else did; None: not set.

    Returns:
        The findings, in the order in which a reader wants them.
    """
    checks: dict[str, Callable[[], list[Finding]]] = {
        "Python": software.python,
        "rnncourse": software.course,
        "NumPy": software.numpy,
        "PyTorch": software.torch,
        "GPU": accelerator.gpu,
        "bfloat16": accelerator.bfloat16,
        "threads": lambda: machine.threads(threads_asked_for),
        "speed": lambda: speed.threads(threads_asked_for),
        "memory": machine.memory,
        "cache": machine.cache,
        "texts": texts.texts,
        "packages": software.packages,
    }
    found = []
    for name, check in checks.items():
        try:
            found += check()
        except Exception as error:  # the doctor outlives whatever the patient has
            found.append(Finding(name, MISSING, f"could not be examined: {type(error).__name__}: {error}"))
    return found
