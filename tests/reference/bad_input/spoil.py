"""Spoiling arguments one at a time, each in every way that fits its kind, and judging the error that comes of it."""

from __future__ import annotations

import dataclasses
import fnmatch
import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from rnncourse.reference import Cell

# What is left alone: caches, which nobody makes by hand, and what only a class of its own stands for.
CACHES = re.compile(r"cache")


@dataclasses.dataclass
class Entry:
    """Arguments that a callable takes, and what it lets through all the same.

    Attributes:
        call: the callable, which takes every argument by its name.
        arguments: valid ones. Models, optimisers and functions are left as they are: what has the attributes will do.
        free: a reason by pattern, `"x: axis 0 *"`, of what is legitimate: each must let something through.
        called: what an inner function calls the argument: a replacement by regular expression. The error must then
            have a note that says where it comes from.
        open: a reason by pattern of what is still to be mended: a list to be emptied.
        left: a reason by argument for not spoiling it at all.
    """

    call: Callable[..., Any]
    arguments: dict[str, Any]
    free: dict[str, str] = dataclasses.field(default_factory=dict)
    called: dict[str, str] = dataclasses.field(default_factory=dict)
    open: dict[str, str] = dataclasses.field(default_factory=dict)
    left: dict[str, str] = dataclasses.field(default_factory=dict)


def complaints(entry: Entry) -> list[str]:
    """Run every spoiled call; say what passed, what was refused without naming the argument, and idle reasons."""
    found, used = [], set()
    for argument, value in entry.arguments.items():
        if argument in entry.left:
            continue
        for label, path, whose, spoiled in spoil(argument, value, _optional(entry.call, argument)):
            fault = _fault(entry, entry.arguments | {argument: spoiled}, path, whose)
            excuses = [p for p in entry.free if _matches(label, p)] if fault in ("", "let through") else []
            excuses += [p for p in entry.open if _matches(label, p)]
            if fault:
                used |= set(excuses)
                found += [] if excuses else [f"{label}: {fault}"]
    return found + [f"{p}: an excuse for nothing" for p in (*entry.free, *entry.open) if p not in used]


def _matches(label: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(label, pattern.replace("[", "[[]"))


def _fault(entry: Entry, arguments: dict[str, Any], path: str, whose: str) -> str:
    """What is wrong with how a call refuses its arguments, or "".

    The error begins with the argument's path or, where the fault lies between two arguments, with that of any.
    """
    try:
        with np.errstate(all="raise"):
            entry.call(**arguments)
    except (TypeError, ValueError) as error:
        message = str(error)
        noted = hasattr(error, "__notes__")
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    else:
        return "let through"
    paths = {path} if whose == "its own" else set(arguments)
    if noted:
        paths |= {re.sub(mine, theirs, p) for p in paths for mine, theirs in entry.called.items()}
    if not any(message.startswith(p) and not message[len(p) : len(p) + 1].isalnum() for p in paths):
        return f"does not begin with the argument's name: {message}"
    if not re.search(r"\b(must|needs?)\b", message):
        return f"does not say what was expected: {message}"
    return "" if re.search(r"\bgot\b", message) else f"does not say what was received: {message}"


def _optional(call: Callable[..., Any], argument: str) -> bool:
    return "None" in str(inspect.signature(call).parameters[argument].annotation)


_KINDS = (np.ndarray, np.random.Generator, Cell, Mapping, tuple, list, type, str, int, float)


def spoil(path: str, value: Any, optional: bool = False) -> Iterator[tuple[str, str, str, Any]]:
    """Yield (label, path, whose name the error must give, the spoiled value)."""
    if CACHES.match(path):
        return
    for name, whose, spoiled in _ways(value):
        if not (name == "None" and optional):
            yield f"{path}: {name}", path, whose, spoiled
    if path in ("lengths", "input_lengths"):
        yield f"{path}: zero", path, "its own", _with(value, 0)
    if isinstance(value, Cell):
        return
    if isinstance(value, Mapping):
        for key, part in value.items():
            for label, inner, whose, spoiled in spoil(f"{path}[{key!r}]", part):
                yield label, inner, whose, {**value, key: spoiled}
    elif isinstance(value, tuple) and hasattr(value, "_fields"):
        for field, part in zip(value._fields, value, strict=True):
            for label, inner, whose, spoiled in spoil(f"{path}.{field}", part):
                yield label, inner, whose, value._replace(**{field: spoiled})
    elif isinstance(value, (tuple, list)):
        for k, part in enumerate(value):
            for label, inner, whose, spoiled in spoil(f"{path}[{k}]", part):
                yield label, inner, whose, type(value)([*value[:k], spoiled, *value[k + 1 :]])


def _ways(value: Any) -> Iterator[tuple[str, str, Any]]:
    if isinstance(value, _KINDS):
        yield "None", "its own", None
    match value:
        case np.ndarray():
            yield from _arrays(value)
        case bool():
            yield from (("text", "its own", "no"), ("a number", "its own", 2))
        case int():
            yield from (("negative", "its own", -1), ("bool", "its own", True), ("float", "its own", value + 0.5))
            yield from (("text", "its own", str(value)), ("list", "its own", [value]))
        case float():
            yield from (("NaN", "its own", np.nan), ("infinity", "its own", np.inf), ("negative", "its own", -0.5))
            yield from (("text", "its own", str(value)), ("bool", "its own", True), ("list", "its own", [value]))
        case str():
            yield from (("unknown", "its own", "unknown"), ("a number", "its own", 3))
        case np.random.Generator():
            yield from (("a seed", "its own", 0), ("the old kind", "its own", np.random.RandomState(0)))
        case type():
            yield from (("integer", "its own", np.int64), ("complex", "its own", np.complex128))
            yield "text", "its own", "unknown"
        case Cell():
            yield "its forward alone", "its own", value.forward
        case Mapping():
            yield "a key too many", "all", {**value, "unknown": next(iter(value.values()), np.ones(2))}
            for key in value:
                yield f"without {key!r}", "all", {k: v for k, v in value.items() if k != key}
            yield "list of pairs", "its own", list(value.items())
        case tuple() if hasattr(value, "_fields"):
            yield "a plain list", "its own", list(value)
        case tuple() | list():
            yield "one too few", "all", type(value)(value[:-1])
            yield "one too many", "all", type(value)([*value, value[-1]])
            yield "a number", "its own", 3


def _arrays(a: np.ndarray) -> Iterator[tuple[str, str, Any]]:
    yield "list", "its own", a.tolist()
    yield "an axis before", "all", a[None]
    yield "an axis behind", "all", a[..., None]
    yield "object", "its own", a.astype(object)
    if a.ndim:
        yield "first entry alone", "all", np.asarray(a[0])
        yield "flat", "all", a.ravel() if a.ndim > 1 else a[:, None]
    for axis, size in enumerate(a.shape):
        yield f"axis {axis} longer", "all", np.concatenate([a, a.take([-1], axis)], axis)
        if size > 1:  # NumPy would broadcast it
            yield f"axis {axis} of one", "all", a.take([0], axis)
    if np.issubdtype(a.dtype, np.floating):
        yield "float32", "all", a.astype(np.float32)
        yield "integer", "its own", a.astype(np.int64)
        yield "complex", "its own", a.astype(np.complex128)
        yield "NaN", "its own", _with(a, np.nan)
        yield "infinity", "its own", _with(a, np.inf)
    elif np.issubdtype(a.dtype, np.integer):
        yield "float", "its own", a.astype(np.float64)
        yield "bool", "its own", a.astype(bool)
        yield "negative", "its own", _with(a, -1)
        yield "too large", "its own", _with(a, min(10**6, np.iinfo(a.dtype).max))
    elif a.dtype == bool:
        yield "integer", "its own", a.astype(np.int64)
        yield "float", "its own", a.astype(np.float64)


def _with(a: np.ndarray, value: Any) -> np.ndarray:
    spoiled = a.copy()
    spoiled.flat[-1] = value
    return spoiled
