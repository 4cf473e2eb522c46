"""The default text: NumPy's own docstrings, about a million characters of technical English, without a download.

Every installation of the course has NumPy, so every reader has this text, offline, in well under a second.

How it is made:

1. Walk a fixed list of NumPy's modules and take the docstrings of their public classes, functions and ufuncs, and
   of the public methods and attributes of those classes.
2. Leave out what differs between machines: the concrete number types (which C type `int64` stands for depends on
   the platform). Leave out lines with a character that is not printable ASCII (18 lines in NumPy 2.4.6), so that the
   alphabet is small: printable ASCII and the newline, 96 symbols.
3. Drop near-duplicates. NumPy says many things twice: `numpy.ma.zeros` repeats `numpy.zeros`, six families of
   polynomials share one set of docstrings. A docstring is dropped when it shares at least half of its five-word
   phrases, or half of the other's, with one that was kept before.
4. Assign whole docstrings to training or validation by a hash of their names.

Steps 3 and 4 are what gives the validation loss a meaning. If near-duplicates stayed, a docstring in the validation
split would often have its twin in the training split, and a model that memorised the twin would look as if it had
learnt English. Without step 3, more than half of the five-word phrases in the validation split stand in the training
split too; with it, less than a quarter. And if validation were simply the end of the alphabet (`numpy.random` to
`numpy.zeros`), it would be about other things than training, and the loss would measure the change of subject.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import importlib.util
import inspect
import re
import textwrap
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import chain
from types import ModuleType
from typing import Any

import numpy as np

__all__ = ["PINNED_NUMPY", "PINNED_SHA256", "documents", "split"]

PINNED_NUMPY = "2.4.6"
"""The NumPy whose docstrings the book's figures were computed on."""

PINNED_SHA256 = "05d54e6c0db7fe2a41c0e6d3fc6295f254aabffecc2d85bed257b2422c4129ab"
"""SHA-256 of training + validation (10 % of the docstrings), UTF-8, with that NumPy."""

PHRASE = 5
"""Length, in words, of the phrases by which two docstrings are compared."""

MAX_SHARED = 0.5
"""A docstring is a near-duplicate if it shares at least this part of the shorter one's phrases."""

_SEPARATOR = "\n\n\n"

# A fixed list: what is found must not depend on what else was imported. Left out are modules that import a lot
# (testing, f2py), that wrap C's types (ctypeslib), serve annotations (typing) or are on their way out (char).
_MODULES = (
    "numpy",
    "numpy.dtypes",
    "numpy.exceptions",
    "numpy.fft",
    "numpy.lib",
    "numpy.lib.array_utils",
    "numpy.lib.format",
    "numpy.lib.introspect",
    "numpy.lib.mixins",
    "numpy.lib.npyio",
    "numpy.lib.recfunctions",
    "numpy.lib.scimath",
    "numpy.lib.stride_tricks",
    "numpy.linalg",
    "numpy.ma",
    "numpy.ma.extras",
    "numpy.polynomial",
    "numpy.polynomial.chebyshev",
    "numpy.polynomial.hermite",
    "numpy.polynomial.hermite_e",
    "numpy.polynomial.laguerre",
    "numpy.polynomial.legendre",
    "numpy.polynomial.polynomial",
    "numpy.polynomial.polyutils",
    "numpy.random",
    "numpy.rec",
    "numpy.strings",
)


@functools.cache
def documents() -> dict[str, str]:
    """The docstrings that are kept, by qualified name, in the order of the names.

    Returns:
        Name (such as "numpy.linalg.svd") to docstring. Computed once a process; do not change it.
    """
    return _without_near_duplicates(_distinct_docstrings())


def split(validation: float) -> tuple[str, str]:
    """Training and validation text.

    A docstring goes to validation if the hash of its name, read as a number in [0, 1), is below `validation`: it
    stays on its side when others are added or dropped. One exception: if it has a character that training lacks, it
    goes to training, so that a vocabulary built there can encode all of validation.

    Args:
        validation: the part of the docstrings held out, in [0, 1).

    Returns:
        (training, validation), docstrings in the order of their names, two empty lines after each.
    """
    docs = documents()
    held_out = {name for name in docs if _fraction(name) < validation}
    known = set().union(*(docs[name] for name in docs if name not in held_out))
    held_out = {name for name in held_out if known.issuperset(docs[name])}
    parts: tuple[list[str], list[str]] = ([], [])
    for name, doc in docs.items():
        parts[name in held_out].append(doc + _SEPARATOR)
    return "".join(parts[0]), "".join(parts[1])


def _distinct_docstrings() -> dict[str, str]:
    """All docstrings, cleaned, in the order of their names; equal ones once, under the first of their names."""
    found = {}
    for module_name in filter(importlib.util.find_spec, _MODULES):  # NumPy 2.0 has not all of them
        for name, doc in _docstrings(importlib.import_module(module_name)):
            found.setdefault(name, _clean(doc))
    first_name: dict[str, str] = {}
    for name in sorted(found):
        first_name.setdefault(found[name], name)
    return {name: doc for doc, name in first_name.items()}


def _docstrings(module: ModuleType) -> Iterator[tuple[str, str]]:
    """Name and raw docstring of the module, of what it exports, and of the members of the classes it exports."""
    if module.__doc__:
        yield module.__name__, module.__doc__
    # vars, not getattr: getattr would import sub-modules that NumPy loads lazily.
    exported = getattr(module, "__all__", None) or [name for name in vars(module) if not name.startswith("_")]
    for name in exported:
        value = vars(module).get(name)
        if inspect.isclass(value):
            yield from _class_docstrings(f"{module.__name__}.{name}", value)
        elif _is_numpy(value) and isinstance(value.__doc__, str):
            yield f"{module.__name__}.{name}", value.__doc__


def _class_docstrings(name: str, cls: type) -> Iterator[tuple[str, str]]:
    is_concrete_number = issubclass(cls, np.number) and cls in np.sctypeDict.values()
    if is_concrete_number or not cls.__module__.startswith("numpy"):
        return
    # vars again: an inherited docstring may be Python's own, and another Python words it differently.
    if "__doc__" in vars(cls) and isinstance(cls.__doc__, str):
        yield name, cls.__doc__
    for member, value in vars(cls).items():
        documented = inspect.isroutine(value) or inspect.isdatadescriptor(value)
        if documented and not member.startswith("_") and isinstance(value.__doc__, str):
            yield f"{name}.{member}", value.__doc__


def _is_numpy(value: Any) -> bool:
    """Whether NumPy wrote the docstring: constants such as `numpy.pi` would show that of Python's float."""
    if inspect.isroutine(value):
        return True
    return not inspect.ismodule(value) and type(value).__module__.partition(".")[0] == "numpy"


def _clean(doc: str) -> str:
    # Python 3.13 strips the indentation when it compiles, older ones do not: cleandoc makes them equal.
    lines = [line.rstrip() for line in inspect.cleandoc(doc.replace("\r\n", "\n")).split("\n")]
    return _straighten("\n".join(line for line in lines if _is_plain(line)).strip("\n"))


def _straighten(doc: str) -> str:
    """Undo the extra indentation of pasted passages.

    NumPy pastes some passages into docstrings after Python has compiled these. Where 3.13 had already stripped the
    docstring, the passage keeps four spaces too many: a parameter's description, or all from a heading on.
    """
    doc = re.sub(r"(?m)^(\S.* : .*\n)((?: {8}.*\n)+)", lambda m: m[1] + re.sub(r"(?m)^ {4}", "", m[2]), doc)
    heading = re.search(r"(?m)^ {4}(?:Notes|Examples)\n {4}-+$", doc)
    return doc[: heading.start()] + textwrap.dedent(doc[heading.start() :]) if heading else doc


def _is_plain(line: str) -> bool:
    return line.isascii() and line.isprintable()


def _without_near_duplicates(docs: dict[str, str]) -> dict[str, str]:
    """Of docstrings that share too many phrases, the first is kept; those under `PHRASE` words go too."""
    kept: dict[str, str] = {}
    sizes: dict[str, int] = {}
    holders: defaultdict[tuple[str, ...], list[str]] = defaultdict(list)  # phrase -> the kept ones that contain it
    for name, doc in docs.items():
        phrases = _phrases(doc)
        shared = Counter(chain.from_iterable(holders[phrase] for phrase in phrases & holders.keys()))
        if not phrases or any(n >= MAX_SHARED * min(len(phrases), sizes[other]) for other, n in shared.items()):
            continue
        kept[name], sizes[name] = doc, len(phrases)
        for phrase in phrases:
            holders[phrase].append(name)
    return kept


def _phrases(doc: str) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", doc.lower())
    return set(zip(*(words[i:] for i in range(PHRASE)), strict=False))


def _fraction(name: str) -> float:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:6], "big") / 2**48
