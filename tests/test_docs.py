"""Public names have docstrings whose parameters are the signature's. Their examples run as doctests (make test)."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import rnncourse


def _modules() -> Iterator[str]:
    yield "rnncourse"
    for module in pkgutil.walk_packages(rnncourse.__path__, "rnncourse."):
        if not any(part.startswith("_") for part in module.name.split(".")[1:]):
            yield module.name


MODULES = list(_modules())


def _public() -> dict[str, Any]:
    """Functions and classes named in some __all__, each once, under the module that defines it."""
    found = {}
    for name in MODULES:
        module = importlib.import_module(name)
        for public in getattr(module, "__all__", ()):
            thing = getattr(module, public)
            if inspect.isfunction(thing) or inspect.isclass(thing):
                found[f"{thing.__module__}.{thing.__qualname__}"] = thing
                if inspect.isclass(thing):
                    for attribute, member in vars(thing).items():
                        if inspect.isfunction(member) and not attribute.startswith("_"):
                            found[f"{thing.__module__}.{member.__qualname__}"] = member
    return dict(sorted(found.items()))


PUBLIC = _public()


def documented(docstring: str, section: str = "Args") -> list[str] | None:
    """The names in a section of a Google-style docstring, or None when there is no such section."""
    found = re.search(rf"^( *){section}:\n((?:\1 +.*\n?|\s*\n)*)", inspect.cleandoc(docstring), re.MULTILINE)
    if not found:
        return None
    lines = found.group(2).rstrip().split("\n")
    indent = min(len(line) - len(line.lstrip()) for line in lines if line.strip())
    heads = [line[indent:] for line in lines if line[indent : indent + 1].strip()]
    names = []
    for head in heads:
        match = re.match(r"((?:\*{0,2}\w+)(?:, \*{0,2}\w+)*)(?: \([^)]*\))?:", head)
        names += [name.lstrip("*") for name in match.group(1).split(", ")] if match else [head]
    return names


def parameters(thing: Callable[..., Any]) -> list[str]:
    """Names of the parameters, without self."""
    return [name for name in inspect.signature(thing).parameters if name not in ("self", "cls")]


def complaint(thing: Any) -> str:
    """What is wrong with a docstring, or ""."""
    docstring = vars(thing).get("__doc__") if inspect.isclass(thing) else thing.__doc__
    if not docstring or not docstring.strip():
        return "no docstring"
    if not re.match(r"[A-Z`\"].*[.:)?]$", inspect.cleandoc(docstring).split("\n\n")[0].replace("\n", " ")):
        return "the docstring must begin with a sentence"
    if inspect.isclass(thing) and issubclass(thing, BaseException) and "__init__" not in vars(thing):
        return ""
    # A protocol says what others have: nobody makes one.
    names, wanted = documented(docstring), [] if getattr(thing, "_is_protocol", False) else parameters(thing)
    if inspect.isclass(thing) and names is None and (attributes := documented(docstring, "Attributes")):
        required = wanted if dataclasses.is_dataclass(thing) else []
        source = inspect.getsource(thing)
        unknown = [name for name in attributes if len(re.findall(rf"\b{name}\b", source)) < 2]
        lacking = [name for name in required if name not in attributes]
        return "".join(f"Attributes: lacks {name}. " for name in lacking) + "".join(
            f"Attributes: documents {name}, which is not there. " for name in unknown
        )
    if names is None:
        return "" if len(wanted) < 2 else f"Args: is missing, the parameters are {', '.join(wanted)}"
    if names != wanted:
        return f"Args: documents {', '.join(names)}, the parameters are {', '.join(wanted)}"
    return ""


@pytest.mark.parametrize("name", MODULES)
def test_modules_are_documented_and_say_what_is_public(name: str) -> None:
    module = importlib.import_module(name)
    assert module.__doc__
    defined = [
        key
        for key, value in vars(module).items()
        if not key.startswith("_")
        and (inspect.isfunction(value) or inspect.isclass(value))
        and value.__module__ == name
    ]
    public = getattr(module, "__all__", None)
    # A module inside a sub-package is made public by the sub-package's __all__; the command line is no API.
    own = name.count(".") < 2 and name != "rnncourse.cli"
    assert public is not None or not defined or not own, f"{name} needs __all__"
    assert sorted(public or []) == list(dict.fromkeys(sorted(public or []))), "a name twice in __all__"
    assert [key for key in public or [] if not hasattr(module, key)] == []


@pytest.mark.parametrize("name", PUBLIC)
def test_docstring_matches_signature(name: str) -> None:
    assert complaint(PUBLIC[name]) == ""


def test_something_is_public() -> None:
    assert {"rnncourse.book.glue", "rnncourse.reference.rnn.rnn_backward"} <= set(PUBLIC)


def _good(x: int, *more: int, flag: bool = False) -> None:
    """Do it.

    Args:
        x: a number,
            on two lines.
        more: others.
        flag: or not.

    Raises:
        ValueError: never.
    """


def _swapped(x: int, y: int) -> None:
    """Do it.

    Args:
        y: one.
        x: another.
    """


def _stale(x: int, y: int) -> None:
    """Do it.

    Args:
        x: one.
        z: gone.
    """


def _short(x: int, y: int) -> None:
    """Do it."""


def _silent() -> None:
    pass


class _Attributes:
    """Do it.

    Attributes:
        size: how many.
        gone: no longer there.
    """

    def __init__(self, size: int) -> None:
        self.size = size


@dataclasses.dataclass
class _Fields:
    """Do it.

    Attributes:
        x: one.
    """

    x: int
    y: int


def test_complaints() -> None:
    assert "documents gone" in complaint(_Attributes)
    assert "lacks y" in complaint(_Fields)
    assert complaint(_good) == ""
    assert "documents y, x" in complaint(_swapped)
    assert "documents x, z" in complaint(_stale)
    assert "Args: is missing" in complaint(_short)
    assert complaint(_silent) == "no docstring"
