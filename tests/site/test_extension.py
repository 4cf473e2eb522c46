"""The book's Sphinx extension, without building the book."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType, SimpleNamespace

import pytest
import yaml

from .conftest import ROOT

pytest.importorskip("sphinx_external_toc", reason="needs the book's packages: pip install rnncourse[book]")


@pytest.fixture(scope="module")
def extension() -> ModuleType:
    spec = importlib.util.spec_from_file_location("book_extension", ROOT / "tools" / "book_extension.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["book_extension"] = module
    spec.loader.exec_module(module)
    return module


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
    names = [contents["root"]] + [c["file"] for part in contents["parts"] for c in part["chapters"]]
    pages = {p.relative_to(ROOT).with_suffix("").as_posix() for p in (ROOT / "chapters").glob("*.*")}
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
