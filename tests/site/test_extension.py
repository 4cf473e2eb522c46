"""The book's Sphinx extension, without building the book."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import NamedTuple

import pytest
import yaml

from .conftest import ROOT

pytest.importorskip("sphinx_external_toc", reason="needs the book's packages: pip install rnncourse[book]")


def _load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def extension() -> ModuleType:
    return _load("book_extension")


@pytest.fixture(scope="module")
def api_extension() -> ModuleType:
    return _load("api_extension")


def test_mathjax_is_complete(extension: ModuleType) -> None:
    files = dict(extension.mathjax_files())
    assert all(path.is_file() for path in files.values())
    assert "tex-chtml.js" in files
    assert "output/chtml/fonts/woff-v2/MathJax_Main-Regular.woff" in files
    assert "input/tex/extensions/cancel.js" in files
    assert sum(path.stat().st_size for path in files.values()) < 4_000_000


def test_no_repository_no_links(extension: ModuleType) -> None:
    config = SimpleNamespace(html_theme_options={"repository_url": "", "launch_buttons": {"colab_url": ""}})
    extension.enable_repository_links(None, config)
    assert config.html_theme_options == {"launch_buttons": {}}


def test_repository_brings_colab(extension: ModuleType) -> None:
    url = "https://github.com/someone/rnncourse"
    config = SimpleNamespace(html_theme_options={"repository_url": url, "launch_buttons": {"colab_url": ""}})
    extension.enable_repository_links(None, config)
    assert config.html_theme_options["launch_buttons"]["colab_url"] == "https://colab.research.google.com"
    assert config.html_theme_options["use_repository_button"]


def test_scripts_are_kept_once(extension: ModuleType) -> None:
    def script(filename: str | None, body: str = "") -> SimpleNamespace:
        return SimpleNamespace(filename=filename, attributes={"body": body})

    scripts = [
        script("_static/doctools.js?v=1"),
        script("_static/doctools.js"),
        script("mathjax/tex-chtml.js"),
        script("_static/mathjax/tex-chtml.js?v=2"),
        script(None, body="const THEBE_JS_URL = 1"),
        script("_static/sphinx-thebe.js"),
        script(None, body="let a = 1"),
        script(None, body="let b = 1"),
    ]
    context = {"script_files": list(scripts)}
    extension.keep_scripts_once(None, "page", "page.html", context, None)
    assert context["script_files"] == [scripts[0], scripts[2], scripts[6], scripts[7]]


def test_every_page_of_the_contents_exists() -> None:
    contents = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    chapters = [chapter for part in contents["parts"] for chapter in part["chapters"]]
    sections = [section["file"] for chapter in chapters for section in chapter.get("sections", [])]
    names = [contents["root"]] + [chapter["file"] for chapter in chapters] + sections
    found = [*(ROOT / "chapters").glob("*.*"), *(ROOT / "chapters").glob("api/*.*")]
    pages = {p.relative_to(ROOT).with_suffix("").as_posix() for p in found}
    assert sorted(names) == sorted(pages)


def test_links_in_outputs_lead_to_pages(extension: ModuleType) -> None:
    from docutils import nodes

    html = '<a href="claims.ipynb#row-x">x</a> <a href="02-a.ipynb">a</a> <a href="https://b.org/c.ipynb">c</a> d.ipynb'
    document = nodes.document(None, None)
    document += [nodes.raw(text=html, format="html"), nodes.raw(text=html, format="latex"), nodes.literal(text=html)]
    extension.link_outputs_to_pages(None, document, "chapters/x")
    first, *others = document.children
    assert first.astext() == (
        '<a href="claims.html#row-x">x</a> <a href="02-a.html">a</a> <a href="https://b.org/c.ipynb">c</a> d.ipynb'
    )
    assert [node.astext() for node in others] == [html, html]


def test_a_docstring_becomes_fields(api_extension: ModuleType) -> None:
    docstring = """Do it: twice.

    Note what follows:
    a paragraph.

    Args:
        x, y: numbers; and what they
            mean: a second line.
        more (optional): others.

    Returns:
        `a`, the first: a number;
        `b`.

    Raises:
        ValueError: never.

    Source: Elman (1990),
    figure 2; chapter 02.

    >>> 1
    1"""
    assert api_extension.write_fields(inspect.cleandoc(docstring).split("\n")) == [
        "Do it: twice.",
        "",
        "Note what follows:",
        "a paragraph.",
        "",
        ":Parameters:",
        "    - ``x``, ``y``: numbers; and what they",
        "      mean: a second line.",
        "    - ``more`` (optional): others.",
        ":Returns:",
        "    `a`, the first: a number;",
        "    `b`.",
        ":Raises:",
        "    - ``ValueError``: never.",
        ":Source:",
        "    Elman (1990),",
        "    figure 2; chapter 02.",
        "",
        ">>> 1",
        "1",
    ]


def test_fields_stand_apart_from_text_without_empty_lines(api_extension: ModuleType) -> None:
    assert api_extension.write_fields(["Do it.", "Args:", "    x: a number.", "That is all."]) == [
        "Do it.",
        "",
        ":Parameters:",
        "    - ``x``: a number.",
        "",
        "That is all.",
    ]
    assert api_extension.write_fields(["Nothing.", ""]) == ["Nothing.", ""]


def test_chapters_are_linked_when_they_are_there(api_extension: ModuleType, tmp_path: Path) -> None:
    for name in ("03-a.ipynb", "08-b.ipynb"):
        (tmp_path / name).touch()
    lines = ["Source: X (1990); chapters 03, 08 and 16.", "See chapter 03: chapter 99, chapter 3."]
    assert api_extension.link_chapters(lines, tmp_path) == [
        "Source: X (1990); chapters :doc:`03 </chapters/03-a>`, :doc:`08 </chapters/08-b>` and 16.",
        "See chapter :doc:`03 </chapters/03-a>`: chapter 99, chapter 3.",
    ]


def test_fields_of_a_record_are_not_listed_twice(api_extension: ModuleType) -> None:
    class Record(NamedTuple):
        x: int

        def method(self) -> int:
            """Return it."""
            return self.x

        @property
        def twice(self) -> int:
            """Twice x."""
            return 2 * self.x

    skip = api_extension.skip_attributes
    assert skip(None, "class", "x", Record.x, False, None) is True
    assert skip(None, "class", "method", Record.method, False, None) is None
    assert skip(None, "class", "twice", Record.twice, False, None) is None
