"""The API pages hold every public name once, and the reference's docstrings say what a reader needs to know.

The pages are made from the docstrings when the book is built (tools/api_extension.py): here it is the sources that are
read, so that nothing but the package is needed.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from rnncourse import analysis, data, models, nn, ops, reference, training
from rnncourse.reference import schedules

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "chapters" / "api"
PAGES = sorted(FOLDER.glob("*.md"))
MODULES = (reference, schedules, data, analysis, ops, nn, models, training)

# Records and errors: they hold what an equation elsewhere gives.
NO_EQUATION = {
    "GradientError": "an error",
    "Hypothesis": "a record; beam_search has the equation of its score",
    "KeyValue": "a record; multihead_attention_forward has the equations of both",
    "Labelling": "a record; ctc_greedy and ctc_beam_search have the equations",
    "MixtureFit": "a record; fit_mixture has the equation",
    "RunningStatistics": "a record; batch_norm_forward has the equations",
    "ONNXLayer": "a record; the operators' equations are ONNX's",
    "from_keras": "permutes and transposes arrays, by the table of its module",
    "from_onnx": "permutes and joins arrays, by the table of its module",
    "from_torch": "renames arrays",
    "join_layers": "renames arrays",
    "layer_params": "renames arrays",
    "reorder_gates": "permutes blocks of rows",
    "split_layers": "renames arrays",
    "to_keras": "permutes and transposes arrays, by the table of its module",
    "to_onnx": "permutes and joins arrays, by the table of its module",
    "to_torch": "renames arrays",
}
# Written by hand on its page: autodoc would show the docstring of dict.
DATA = {"GATE_ORDERS"}


def entries(page: Path) -> list[str]:
    """The full names that a page has autodoc document."""
    found = []
    module = ""
    for directive, name in re.findall(r"^\.\. (\w+):: +(\S+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE):
        if directive == "currentmodule":
            module = name
        elif directive.startswith("auto"):
            found.append(name if name.startswith("rnncourse.") else f"{module}.{name}")
    return found


def wanted() -> list[str]:
    """The full names of everything public; what `schedules` adds to `reference` is not importable from there."""
    return [f"{module.__name__}.{name}" for module in MODULES for name in module.__all__ if name not in DATA]


def test_data_are_described_by_hand() -> None:
    pages = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert all(pages.count(f".. py:data:: {name}\n") == 1 for name in DATA)


def test_every_public_name_stands_on_one_page() -> None:
    found = Counter(name for page in PAGES for name in entries(page))
    missing = sorted(set(wanted()) - set(found))
    assert missing == [], "public names that no page in chapters/api/ has: add `.. autofunction:: NAME`"
    assert [name for name, times in found.items() if times > 1] == [], "names that stand twice"
    assert sorted(set(found) - set(wanted())) == [], "names that are not public"


def test_the_directive_fits_the_thing() -> None:
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for name in entries(page):
            module, _, public = name.rpartition(".")
            thing = getattr(importlib.import_module(module), public)
            if inspect.isclass(thing):
                kind = "autoexception" if issubclass(thing, BaseException) else "autoclass"
            else:
                kind = "autofunction" if inspect.isfunction(thing) else "autodata"
            assert f".. {kind}:: {public}\n" in text, f"{page.name}: {name} needs {kind}"


def test_every_page_is_in_the_contents_and_in_the_index() -> None:
    contents = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    chapters = [chapter for part in contents["parts"] for chapter in part["chapters"]]
    (api,) = [chapter for chapter in chapters if chapter["file"] == "chapters/api"]
    names = {page.stem for page in PAGES}
    assert {section["file"].removeprefix("chapters/api/") for section in api["sections"]} == names
    index = (FOLDER.parent / "api.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\(api/([\w-]+)\.md\)", index)) == names


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_introduces_its_groups_in_words(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    groups = re.split(r"^#{1,2} .*$", text, flags=re.MULTILINE)[1:]
    assert len(groups) > 1
    assert all(re.match(r"\s*[A-Z`{]", group) for group in groups), "a heading without a sentence below it"


def checks(thing: Any) -> bool:
    """Whether a function, or a class when it is made, looks at its arguments and may refuse them."""
    if inspect.isclass(thing):
        thing = vars(thing).get("__init__")
        if not inspect.isfunction(thing):
            return False
    source = inspect.getsource(thing).replace(thing.__doc__ or "no docstring", "")
    return bool(re.search(r"\b_?check\w*\(|\braise\b", source))


def issubclass_error(thing: Any) -> bool:
    """Whether it is an exception, which takes any arguments."""
    return inspect.isclass(thing) and issubclass(thing, BaseException)


def complaints(name: str, thing: Any) -> list[str]:
    """What a docstring of the reference lacks."""
    text = inspect.getdoc(thing) or ""
    error = issubclass_error(thing)
    parameters = [] if error else [p for p in inspect.signature(thing).parameters if p != "self"]
    lacks = []
    if parameters and not re.search(r"^(Args|Attributes):$", text, re.MULTILINE):
        lacks.append("Args: (of a class Args: or Attributes:)")
    if inspect.isfunction(thing):
        returns = inspect.signature(thing).return_annotation
        if returns not in (None, "None") and not re.search(r"^(Returns|Yields):$", text, re.MULTILINE):
            lacks.append("Returns:")
    if parameters and checks(thing) and not re.search(r"^Raises:$", text, re.MULTILINE):
        lacks.append("Raises:")
    source = re.search(r"^Source: (?:.+\n?)+", text, re.MULTILINE)
    if not source:
        lacks.append("Source:")
    elif source and not re.search(r"\bchapters? \d\d", source[0].replace("\n", " ")):
        lacks.append("a chapter in Source:")
    if not re.search(r"\.\. math::|:math:`", text) and name not in NO_EQUATION:
        lacks.append("an equation, .. math:: or :math:")
    return lacks


REFERENCE = {
    f"{m.__name__.rpartition('.')[2]}.{n}": getattr(m, n) for m in MODULES[:2] for n in m.__all__ if n not in DATA
}


@pytest.mark.parametrize("name", sorted(REFERENCE))
def test_the_reference_says_all_that_a_reader_needs(name: str) -> None:
    assert complaints(name.rpartition(".")[2], REFERENCE[name]) == []


def misaligned(text: str) -> list[str]:
    """Displayed equations of one line with an `&`, which Sphinx puts into no environment that aligns."""
    found = []
    for block in re.findall(r"\.\. math::(.*?)(?=\n\n|\Z)", text, flags=re.DOTALL):
        bare = re.sub(r"\\begin\{(\w+)\}.*?\\end\{\1\}", "", block, flags=re.DOTALL)
        if "&" in bare and "\\\\" not in bare:
            found.append(block.strip())
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_equations_are_aligned_as_sphinx_can(page: Path) -> None:
    for name in entries(page):
        module, _, public = name.rpartition(".")
        assert misaligned(inspect.getdoc(getattr(importlib.import_module(module), public)) or "") == [], name


def test_misaligned_equations_are_found() -> None:
    assert misaligned(".. math:: a &= b") == ["a &= b"]
    assert misaligned(".. math::\n    a &= b \\\\\n    e &= f\n\nText & more") == []
    assert misaligned(".. math::\n    a &= b \\\\\n    c &= \\begin{cases} x & y \\\\ z & w \\end{cases}") == []


def test_the_exceptions_are_needed() -> None:
    things = {name.rpartition(".")[2]: thing for name, thing in REFERENCE.items()}
    for name in NO_EQUATION:
        assert ".. math::" not in things[name].__doc__, f"{name} has an equation: take it off the list"


def _bare(x: int) -> int:
    """Do it."""
    if x < 0:
        raise ValueError("x must not be negative")
    return x


def _sourceless(x: int) -> int:
    """Return :math:`x`.

    Args:
        x: a number.

    Returns:
        It.

    Source: Elman (1990).
    """
    return x


def test_complaints_are_made() -> None:
    assert len(complaints("_bare", _bare)) == 5
    assert complaints("_sourceless", _sourceless) == ["a chapter in Source:"]


# Sources -------------------------------------------------------------------------------------------------------------


def bibliography() -> dict[str, tuple[str, str]]:
    """Key: (first author's surname, year) of each entry of references.bib, without accents' braces."""
    found = {}
    for entry in re.split(r"\n(?=@)", (ROOT / "references.bib").read_text(encoding="utf-8")):
        key = re.match(r"@\w+\{([\w-]+),", entry)
        author = re.search(r"author\s*=\s*\{(.+)\},\n", entry)
        year = re.search(r"year\s*=\s*\{(\d{4})\}", entry)
        assert key and author and year, entry
        found[key[1]] = (re.sub(r"[{}\\\"']", "", author[1].split(",")[0]), year[1])
    return found


# "Gers et al. (2000)", "Kuhn and De Mori (1990)", "Han, Pool, Tran and Dally (2015)", "van den Oord et al. (2016)".
_NAME = r"(?:van den |De )?[A-Z]\w+"
CITATION = re.compile(rf"({_NAME})(?:(?:, {_NAME})* and {_NAME}| et\s+al\.)? \((\d{{4}})\)")


def sources(thing: Any) -> set[tuple[str, str]]:
    """First author and year of each paper that the source line names."""
    source = re.search(r"^Source: (?:.+\n?)+", inspect.getdoc(thing) or "", re.MULTILINE)
    return set(CITATION.findall(re.sub(r"\s+", " ", source[0]))) if source else set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_a_docstring_cites_is_in_the_bibliography_and_on_its_page(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    known = bibliography()
    cited = {known[key] for key in re.findall(r"\{cite:t\}`(\w+)`", text)}
    for name in entries(page):
        module, _, public = name.rpartition(".")
        lacking = sources(getattr(importlib.import_module(module), public)) - cited
        assert lacking == set(), f"{name} cites what the list of sources on {page.name} lacks"


def test_citations_are_found() -> None:
    def thing() -> None:
        """Do it.

        Source: Kuhn and De Mori (1990), the window; Han, Pool, Tran and Dally (2015); van den Oord et
        al. (2016); Elman (1990); chapter 01.
        """

    assert sources(thing) == {
        ("Kuhn", "1990"),
        ("Han", "2015"),
        ("van den Oord", "2016"),
        ("Elman", "1990"),
    }


def test_bibliography_can_be_read() -> None:
    """As the book's builder reads it: a brace too few stops the build."""
    pybtex = pytest.importorskip("pybtex.database")
    assert set(pybtex.parse_file(str(ROOT / "references.bib")).entries) == set(bibliography())


def test_bibliography_has_each_work_once() -> None:
    text = (ROOT / "references.bib").read_text(encoding="utf-8")
    keys = re.findall(r"^@\w+\{([\w-]+),", text, flags=re.MULTILINE)
    titles = [re.sub(r"\W", "", t).lower() for t in re.findall(r"^ *title *= \{(.+)\},$", text, flags=re.MULTILINE)]
    assert len(keys) == len(set(keys)) == len(titles) == len(set(titles))
