"""What loads what: the light parts load NumPy alone, and imports between the package's parts go one way."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import rnncourse

PACKAGE = Path(rnncourse.__file__).parent

#: Which parts of the package a part may import, at the top of a module or inside a function. Data flows downwards.
ALLOWED: dict[str, set[str]] = {
    "_checks": set(),
    "_registry": set(),
    "_machine": set(),
    "data": {"_checks"},
    "reference": {"_checks"},
    "ops": {"_checks"},
    "nn": {"_checks", "ops"},
    "models": {"_checks", "data", "reference", "nn"},
    "training": {"_checks", "_machine", "data", "models"},
    "analysis": {"_checks", "reference"},
    "results": {"_checks"},
    "figures": {"_checks", "results"},
    "experiments": {
        "_checks",
        "_machine",
        "_registry",
        "data",
        "reference",
        "nn",
        "models",
        "training",
        "analysis",
        "results",
    },
    "benchmarks": {"_checks", "_registry", "data", "reference", "results", "experiments"},
    "exercises": {"_checks", "data", "reference"},
    "widgets": {"_checks", "data", "reference", "analysis", "results", "experiments"},
    "claims": {"_checks", "results"},
    "claims_page": {"claims"},
    "book": {"_checks", "data", "results", "figures", "exercises", "claims", "claims_page", "widgets"},
    "doctor": {"_machine", "data"},
    "cli": {
        "_checks",
        "analysis",
        "data",
        "doctor",
        "figures",
        "models",
        "training",
        "results",
        "experiments",
        "benchmarks",
        "claims",
        "claims_page",
        "widgets",
    },
    "__main__": {"cli"},
}


def _modules() -> Iterator[Path]:
    yield from sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def _part(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_parts(source: str, package: tuple[str, ...]) -> set[str]:
    """The parts of rnncourse that a module's source imports.

    Args:
        source: the module's text.
        package: names of the packages it lies in, as ("rnncourse", "reference").
    """
    found = set()
    for node in ast.walk(ast.parse(source)):
        names: list[tuple[str, ...]] = []
        if isinstance(node, ast.Import):
            names = [tuple(alias.name.split(".")) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            full = (*base, *(node.module.split(".") if node.module else ()))
            names = [(*full, alias.name) for alias in node.names]
        found |= {name[1] for name in names if name[0] == "rnncourse" and len(name) > 1}
    return found - {"__version__"}


def test_every_part_has_a_rule() -> None:
    assert {_part(path) for path in _modules()} == set(ALLOWED)


@pytest.mark.parametrize("path", list(_modules()), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_one_way(path: Path) -> None:
    part = _part(path)
    package = ("rnncourse", *path.relative_to(PACKAGE).parts[:-1])
    assert imported_parts(path.read_text(encoding="utf-8"), package) <= ALLOWED[part] | {part}


def test_the_rules_have_no_cycle() -> None:
    def reach(part: str, seen: tuple[str, ...] = ()) -> None:
        assert part not in seen, f"{' imports '.join((*seen, part))}"
        for other in ALLOWED[part]:
            reach(other, (*seen, part))

    for part in ALLOWED:
        reach(part)


@pytest.mark.parametrize(
    ("source", "parts"),
    [
        ("import rnncourse.book", {"book"}),
        ("from rnncourse import book, data", {"book", "data"}),
        ("from rnncourse.reference.rnn import rnn_forward", {"reference"}),
        ("from .losses import softmax", {"reference"}),
        ("from .. import book", {"book"}),
        ("from ..data import load_text", {"data"}),
        ("def f():\n    from rnncourse.nn import RNN", {"nn"}),
        ("import numpy\nfrom rnncourse import __version__", set()),
    ],
)
def test_imported_parts(source: str, parts: set[str]) -> None:
    assert imported_parts(source, ("rnncourse", "reference")) == parts


def _loaded(statement: str) -> set[str]:
    """Third-party packages that are loaded after a statement in a fresh interpreter."""
    code = (
        "import sys; before = set(sys.modules)\n"
        f"{statement}\n"
        "print(*{name.partition('.')[0] for name in set(sys.modules) - before})"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stderr
    return {
        name
        for name in result.stdout.split()
        if name not in {*sys.stdlib_module_names, "rnncourse", "cython_runtime"} and not name.startswith("_")
    }


@pytest.mark.parametrize(
    ("statement", "packages"),
    [
        ("import rnncourse", set()),
        ("import rnncourse.book", set()),
        ("import rnncourse.reference", {"numpy"}),
        ("import rnncourse.data", {"numpy"}),
        ("import rnncourse.exercises; rnncourse.exercises.known_ids()", {"numpy"}),
        ("import rnncourse.figures", {"numpy"}),
        ("import rnncourse.widgets", {"numpy"}),
        ("import rnncourse.results", set()),
        ("import rnncourse.doctor", set()),
        ("import rnncourse.claims as c; c.load(); c.stored(); import rnncourse.claims_page", set()),
    ],
)
def test_light_parts_load_numpy_alone(statement: str, packages: set[str]) -> None:
    assert _loaded(statement) <= packages


def test_loaded_sees_third_parties() -> None:
    assert "typer" in _loaded("import typer")


def test_the_default_text_needs_numpy_alone() -> None:
    """load_text("numpy-docs") downloads nothing; pooch, torch and matplotlib stay out."""
    assert _loaded("import rnncourse.data as d; d.load_text('numpy-docs')") == {"numpy"}
