"""Modules listed by name: the experiments and the benchmarks."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from types import ModuleType


def load_listed(kind: str, package: str, listed: Mapping[str, str], name: str) -> ModuleType:
    """The module `name` of `package`, imported now and not before.

    Args:
        kind: what it is, for the message: "experiment".
        package: the package's full name.
        listed: the names there are, each with its summary.
        name: the one that is wanted.

    Raises:
        KeyError: there is no such module; the message lists those there are.
    """
    if name not in listed:
        raise KeyError(f"there is no {kind} {name!r}: choose one of {', '.join(sorted(listed))}")
    return importlib.import_module(f"{package}.{name}")
