"""The book's own Sphinx extension: what jupyter-book leaves to be wished for.

- MathJax is served with the site, so that formulas are readable without a network (`copy_mathjax`).
- Nothing on a page points to another machine: Thebe, which would load itself from a CDN, is taken out
  (`remove_thebe`), and no script is loaded twice (`keep_scripts_once`).
- "Open in Colab" and the links to the source appear when `repository: url` is set in `_config.yml`, and only then
  (`enable_repository_links`).
- Citations in the text stand in round brackets: Elman (1990), (Elman, 1990) (`AuthorYearRound`).
- Links from a cell's HTML output to a notebook lead to its page (`link_outputs_to_pages`).
- Chapters carry the number of their file name, so that equations and figures of `03-….ipynb` are numbered (3.1), (3.2)
  whatever chapters stand before it (`number_chapters_by_file_name`).
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
import re
import shutil
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError
from sphinx_external_toc.collectors import TocTreeCollectorWithStyles
from sphinxcontrib.bibtex.plugin import register_plugin
from sphinxcontrib.bibtex.style.referencing import BracketStyle
from sphinxcontrib.bibtex.style.referencing.author_year import AuthorYearReferenceStyle

MATHJAX_PACKAGE = "sphinx-mathjax-offline"
MATHJAX_FOLDER = "static/mathjax/"
# The page's script, what it loads on demand (TeX extensions such as \cancel, the fonts), and the speech rules that a
# reader may switch on in MathJax's menu: 3 of the package's 25 MB.
MATHJAX_PARTS = (
    "tex-chtml.js",
    "input/tex/extensions/",
    "output/chtml/fonts/woff-v2/",
    "a11y/",
    "sre/mathmaps/base.json",
    "sre/mathmaps/en.json",
)
MATHJAX_NOTICE = """MathJax 3 (https://www.mathjax.org), copyright The MathJax Consortium, under the Apache License 2.0:
https://www.apache.org/licenses/LICENSE-2.0. Copied unchanged from the Python package sphinx-mathjax-offline.
"""
OUTPUT_LINK = re.compile(r"(?<=\shref=\")([\w.-]+)\.ipynb(?=[\"#])")
CHAPTER_FILE = re.compile(r"chapters/(\d\d)-")


def mathjax_files() -> list[tuple[str, Path]]:
    """The parts of MathJax that the site needs, as pairs (path below the site's MathJax folder, installed file)."""
    try:
        installed = importlib.metadata.distribution(MATHJAX_PACKAGE).files or []
    except importlib.metadata.PackageNotFoundError as error:
        raise ExtensionError(
            f"the book needs the package {MATHJAX_PACKAGE}: pip install -r requirements.txt"
        ) from error
    found = []
    for file in installed:
        _, folder, part = file.as_posix().partition(MATHJAX_FOLDER)
        if folder and part.startswith(MATHJAX_PARTS):
            found.append((part, Path(str(file.locate()))))
    if "tex-chtml.js" not in [part for part, _ in found]:
        raise ExtensionError(f"{MATHJAX_PACKAGE} carries no {MATHJAX_FOLDER}tex-chtml.js; expected version 0.0.2")
    return found


def copy_mathjax(app: Sphinx, exception: Exception | None) -> None:
    """Put MathJax into the built site, below `_static` where `mathjax_path` expects it."""
    if exception is not None or app.builder.format != "html":
        return
    target = Path(app.outdir) / "_static" / "mathjax"
    for part, source in mathjax_files():
        destination = target / part
        if not destination.exists():
            destination.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, destination)
    (target / "NOTICE.txt").write_text(MATHJAX_NOTICE, encoding="utf-8")


def remove_thebe(app: Sphinx) -> None:
    """Disconnect sphinx-thebe, which jupyter-book always loads: its scripts come from a CDN and run on Binder."""
    for listeners in app.events.listeners.values():
        listeners[:] = [one for one in listeners if one.handler.__module__ != "sphinx_thebe"]


def _script_key(script: Any) -> Any:
    filename = getattr(script, "filename", None) or (script if isinstance(script, str) else None)
    if filename:
        return str(filename).partition("?")[0].removeprefix("_static/")
    return str(getattr(script, "attributes", {}).get("body", "")) or id(script)


def keep_scripts_once(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Drop Thebe's files and every second registration of a script or a style sheet."""
    for kind in ("script_files", "css_files"):
        seen: dict[Any, Any] = {}
        for script in context.get(kind, []):
            key = _script_key(script)
            if "thebe" not in str(key).lower():
                seen.setdefault(key, script)
        if kind in context:
            context[kind][:] = list(seen.values())


def enable_repository_links(app: Sphinx, config: Any) -> None:
    """Offer Colab and the source on each page when the repository's URL is known."""
    options = config.html_theme_options
    if options.get("repository_url"):
        options["launch_buttons"] = {
            **options.get("launch_buttons", {}),
            "colab_url": "https://colab.research.google.com",
        }
        options["use_repository_button"] = True
        options["use_issues_button"] = True
    else:
        options.pop("repository_url", None)
        options["launch_buttons"] = {}


def _round_brackets() -> BracketStyle:
    return BracketStyle(left="(", right=")")


@dataclasses.dataclass
class AuthorYearRound(AuthorYearReferenceStyle):
    """Author and year, in round brackets."""

    bracket_parenthetical: BracketStyle = dataclasses.field(default_factory=_round_brackets)
    bracket_textual: BracketStyle = dataclasses.field(default_factory=_round_brackets)
    bracket_author: BracketStyle = dataclasses.field(default_factory=_round_brackets)
    bracket_label: BracketStyle = dataclasses.field(default_factory=_round_brackets)
    bracket_year: BracketStyle = dataclasses.field(default_factory=_round_brackets)


def link_outputs_to_pages(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Turn `href="x.ipynb#y"` in a cell's HTML output, which serves in JupyterLab, into the link to the built page."""
    for node in doctree.findall(nodes.raw):
        if "html" not in node.get("format", "").split():
            continue
        text = OUTPUT_LINK.sub(r"\1.html", node.astext())
        if text != node.astext():
            node.children = []
            node += nodes.Text(text)


def number_chapters_by_file_name() -> None:
    """Let the sections be numbered as always, then replace each chapter's number by the one in its file name."""
    assign = TocTreeCollectorWithStyles.assign_section_numbers
    if getattr(assign, "by_file_name", False):
        return

    def assign_section_numbers(self: TocTreeCollectorWithStyles, env: BuildEnvironment) -> list[str]:
        rewritten = assign(self, env)
        for docname, numbers in env.toc_secnumbers.items():
            match = CHAPTER_FILE.match(docname)
            if not match:
                continue
            chapter = int(match.group(1))
            for anchor, number in numbers.items():
                if number:
                    numbers[anchor] = (chapter, *number[1:])
            for node in (env.titles[docname], *env.tocs[docname].findall(nodes.reference)):
                if node.get("secnumber"):
                    node["secnumber"] = [chapter, *node["secnumber"][1:]]
        return rewritten

    assign_section_numbers.by_file_name = True  # type: ignore[attr-defined]
    TocTreeCollectorWithStyles.assign_section_numbers = assign_section_numbers


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension with Sphinx."""
    app.config.mathjax_path = "mathjax/tex-chtml.js"
    number_chapters_by_file_name()
    register_plugin("sphinxcontrib.bibtex.style.referencing", "author_year_round", AuthorYearRound)
    app.connect("config-inited", enable_repository_links)
    app.connect("builder-inited", remove_thebe)
    # After the theme's own handlers (500, 501), which register scripts a second time.
    app.connect("html-page-context", keep_scripts_once, priority=900)
    app.connect("doctree-resolved", link_outputs_to_pages)
    app.connect("build-finished", copy_mathjax)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
