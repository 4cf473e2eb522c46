"""The standard that every notebook in chapters/ keeps, one function a rule.

A rule takes a `Notebook` and returns its complaints, each a sentence for the author. `RULES` hold for every notebook,
`CHAPTER_RULES` for numbered chapters besides. tests/test_chapters.py applies them and proves that each can fail.
"""

from __future__ import annotations

import ast
import html
import re
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import nbformat
from IPython.core.inputtransformer2 import TransformerManager
from nbformat import NotebookNode

from rnncourse import claims
from tools.execute import sanitising_patterns

ROOT = Path(__file__).resolve().parent.parent

FIRST_CELL = textwrap.dedent("""\
    try:
        from rnncourse import book
    except ModuleNotFoundError:  # on Colab, say: install the course's package first
        %pip install --quiet rnncourse
        from rnncourse import book

    book.setup()""")

#: The second-level headings that a chapter must have, in this order; others may stand between them.
HEADINGS = (
    "The question",
    "Back to the quiz",
    "What goes wrong in practice",
    "Exercises",
    "Looking back",
    "Summary",
    "Further reading",
)
BOXES = ("objectives", "prerequisites", "quiz", "summary")
WORDS = (2000, 4000)

# "About": a tenth more or less is still about as long.
_MARGIN = 0.1
_IMAGES = ("image/png", "image/svg+xml", "image/jpeg")
_RECORD = "application/papermill.record/text/plain"
_SANITISE = sanitising_patterns((ROOT / "tests" / "sanitize.cfg").read_text(encoding="utf-8"))


@dataclass
class Box:
    """A directive in Markdown: ``:::{name} argument`` with its class, options and body."""

    name: str
    argument: str
    options: dict[str, str]
    body: str
    position: tuple[int, int]

    @property
    def classes(self) -> list[str]:
        return self.options.get("class", "").split()


@dataclass
class Notebook:
    """A notebook with the views on it that the rules need."""

    name: str
    cells: list[NotebookNode]
    metadata: dict = field(default_factory=dict)
    folder: Path = ROOT / "chapters"
    citations: frozenset[str] = frozenset()
    ledger: Mapping[str, claims.Claim] = field(default_factory=claims.load)

    @classmethod
    def read(cls, path: Path) -> Notebook:
        notebook = nbformat.read(path, as_version=4)
        bibliography = ROOT / "references.bib"
        keys = re.findall(r"^@\w+\{\s*([^,\s]+)", bibliography.read_text(encoding="utf-8"), re.MULTILINE)
        return cls(path.name, notebook.cells, notebook.metadata, path.parent, frozenset(keys))

    @property
    def number(self) -> str:
        """The chapter's two digits, or "" for the other pages."""
        found = re.match(r"(\d\d)-", self.name)
        return found.group(1) if found else ""

    @cached_property
    def code(self) -> list[NotebookNode]:
        return [cell for cell in self.cells if cell.cell_type == "code" and cell.source.strip()]

    @cached_property
    def exact(self) -> list[NotebookNode]:
        return [cell for cell in self.code if "nbval-ignore-output" not in tags(cell)]

    @cached_property
    def markdown(self) -> list[str]:
        return [cell.source for cell in self.cells if cell.cell_type == "markdown"]

    @cached_property
    def headings(self) -> list[tuple[int, str]]:
        found = []
        for text in self.markdown:
            for mark, title in re.findall(r"^(#{1,6}) +(.+?)\s*$", without_code(text), re.MULTILINE):
                found.append((len(mark), title))
        return found

    @cached_property
    def boxes(self) -> list[Box]:
        return [
            box
            for index, cell in enumerate(self.cells)
            if cell.cell_type == "markdown"
            for box in directives(cell.source, index)
        ]

    def boxes_of(self, class_or_name: str) -> list[Box]:
        return [box for box in self.boxes if class_or_name in (*box.classes, box.name)]

    @cached_property
    def captions(self) -> list[str]:
        return [str(figure(cell).get("caption", "")) for cell in self.code if figure(cell)]

    @cached_property
    def prose(self) -> list[str]:
        return [prose(text) for text in [*self.markdown, *self.captions]]

    @cached_property
    def glued(self) -> list[tuple[str, NotebookNode]]:
        """Names glued by the stored outputs, digests and claims left out, each with its cell."""
        return [(name, cell) for name, cell in self.records if not name.startswith(("digest:", claims.RECORD))]

    @cached_property
    def records(self) -> list[tuple[str, NotebookNode]]:
        return [
            (output.metadata["scrapbook"]["name"], cell)
            for cell in self.code
            for output in cell.outputs
            if "scrapbook" in output.get("metadata", {})
        ]

    @cached_property
    def variables(self) -> dict[str, bool]:
        """Names that the notebook binds (not by import), and whether something other than constants is behind them."""
        computed: dict[str, bool] = {}
        for cell in self.code:
            for name, value in _bindings(cell):
                inner = [part.id for part in ast.walk(value) if isinstance(part, ast.Name)] if value else []
                constant = value is not None and all(
                    name in ("bool", "int", "float", "not") or computed.get(name) is False for name in inner
                )
                computed[name] = computed.get(name, False) or not constant
        return computed

    @cached_property
    def used(self) -> list[str]:
        """Names that prose and captions take from glue."""
        return re.findall(r"\{glue(?::\w*)?\}`([^`]+)`", "\n".join([*self.markdown, *self.captions]))

    @cached_property
    def exact_text(self) -> str:
        """Sources and stored outputs of the exact cells: where a number may be taken from."""
        return "\n".join(cell.source + "\n" + output_text(cell) for cell in self.exact)


def tags(cell: NotebookNode) -> list[str]:
    return list(cell.metadata.get("tags", []))


def figure(cell: NotebookNode) -> dict:
    return cell.metadata.get("mystnb", {}).get("figure", {})


def alt(cell: NotebookNode) -> str:
    return str(cell.metadata.get("mystnb", {}).get("image", {}).get("alt", ""))


def images(cell: NotebookNode) -> list[str]:
    return [mime for output in cell.outputs for mime in output.get("data", {}) if mime in _IMAGES]


def output_text(cell: NotebookNode) -> str:
    parts = []
    for output in cell.outputs:
        parts.append(str(output.get("text", "")))
        parts += [
            str(data) for mime, data in output.get("data", {}).items() if mime.startswith("text/") or mime == _RECORD
        ]
    return "\n".join(parts)


def tree(cell: NotebookNode) -> ast.Module:
    """The cell as Python: magics become calls."""
    return ast.parse(TransformerManager().transform_cell(cell.source))


def calls(cell: NotebookNode, name: str) -> list[ast.Call]:
    """Calls of a function by its last name: ``glue(...)`` and ``book.glue(...)``."""
    return [
        node
        for node in ast.walk(tree(cell))
        if isinstance(node, ast.Call) and name == (getattr(node.func, "id", None) or getattr(node.func, "attr", None))
    ]


def checks(cell: NotebookNode) -> list[tuple[str, bool]]:
    """Exercises that a cell checks, and whether the answer is left open."""
    found = []
    for node in calls(cell, "check"):
        if node.args and isinstance(node.args[0], ast.Constant):
            found.append((str(node.args[0].value), re.search(r"(=|,)\s*\.\.\.", cell.source) is not None))
    return found


def directives(text: str, cell_index: int) -> Iterator[Box]:
    """All directives of a Markdown text, nested ones too, with colons or backticks."""
    lines = text.split("\n")
    for i, line in enumerate(lines):
        opening = re.match(r"\s*(:{3,}|`{3,})\{([\w:-]+)\}\s*(.*)$", line)
        if not opening:
            continue
        fence, name, argument = opening.groups()
        body = []
        for later in lines[i + 1 :]:
            if later.strip() == fence:
                break
            body.append(later)
        options = {}
        while body and (option := re.match(r"\s*:([\w-]+):\s*(.*)$", body[0])):
            options[option.group(1)] = option.group(2)
            body.pop(0)
        yield Box(name, argument.strip(), options, "\n".join(body), (cell_index, i))


def without_code(text: str) -> str:
    """Markdown without fenced code, comments and inline code; directives stay."""
    text = re.sub(r"^(`{3,}|~{3,})(?!\{).*?^\1\s*$", "", text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"^(`{3,})\{code[\w-]*\}.*?^\1\s*$", "", text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"<!--.*?-->|^%.*?$", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"(?<![`}])(`+)(?!`)(.+?)(?<!`)\1(?!`)", "", text)


def without_maths(text: str) -> str:
    text = re.sub(r"(?<!\\)\$\$.*?\$\$(\s*\([\w-]+\))?", " ", text, flags=re.DOTALL)
    text = re.sub(r"\\begin\{(\w+\*?)\}.*?\\end\{\1\}", " ", text, flags=re.DOTALL)
    text = re.sub(r"^(`{3,}|:{3,})\{math\}.*?^\1\s*$", " ", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"(?<!\\)\$[^$]+\$", " ", text)


def maths(text: str) -> list[str]:
    """All formulas of a Markdown text."""
    text = without_code(text)
    displayed = re.findall(r"(?<!\\)\$\$(.*?)\$\$", text, flags=re.DOTALL)
    displayed += [body for _, body in re.findall(r"\\begin\{(\w+\*?)\}(.*?)\\end\{\1\}", text, flags=re.DOTALL)]
    displayed += [box.body for box in directives(text, 0) if box.name == "math"]
    inline = re.findall(r"(?<!\\)\$([^$]+)\$", re.sub(r"\$\$.*?\$\$", " ", text, flags=re.DOTALL))
    return displayed + inline


def prose(text: str) -> str:
    """What a reader reads as sentences: no code, maths, roles, link targets, options, headings, list numbers."""
    text = without_maths(without_code(text))
    text = re.sub(r"\{[\w:-]+\}`[^`]*`", " ", text)
    text = re.sub(r"^\s*(?::{3,}|`{3,})(\{[\w:-]+\})?\s*(?P<title>.*)$", r"\g<title>", text, flags=re.MULTILINE)
    text = re.sub(r"^\s*:[\w-]+:.*$", " ", text, flags=re.MULTILINE)
    text = re.sub(r"^\(.+\)=\s*$", " ", text, flags=re.MULTILINE)
    text = re.sub(r"^#{1,6} .*$", " ", text, flags=re.MULTILINE)
    text = re.sub(r"\]\([^)]*\)|<https?://[^>]*>|https?://\S+", "] ", text)
    text = re.sub(r"<[^>\n]+>", " ", text)
    return re.sub(r"^\s*\d+[.)] ", " ", text, flags=re.MULTILINE)


_ALLOWED = re.compile(
    r"""\b(?:[Cc]hapters?|[Pp]arts?|[Ss]ections?|[Aa]ppendix)\s\d+(?:\.\d+)*(?:(?:,\s|\sto\s|\sand\s|\sor\s|–)\d+(?:\.\d+)*)*
      | \b(?:Python|NumPy|PyTorch|Torch|torch|CC\ BY(?:-SA)?|[Vv]ersion|CUDA)\ \d+(?:\.\d+)*
      | \b(?:19\d\d|20[0-2]\d|2030)s?\b(?!\.\d|,\d)
      | (?<=[A-Za-z][A-Za-z])-\d+\b
    """,
    re.VERBOSE,
)
_UNIT = (
    r"(?:\s|\u00a0|\u202f)?(?:%|per\ cent\b|[mµ]?s\b|seconds?\b|minutes?\b|hours?\b"
    r"|[kMG]i?B\b|[x×](?!\w)|nats?\b|bits?\b|characters?/s\b)"
)
_NUMBER = re.compile(rf"(?<![\w.])(\d+(?:[,.]\d+)*(?:[eE][-−+]?\d+)?)({_UNIT})?(?!\w)", re.VERBOSE)


def literal_numbers(text: str) -> list[str]:
    """Numbers in a piece of prose that ought to be glued."""
    found = []
    for match in _NUMBER.finditer(_ALLOWED.sub(" ", text)):
        number, unit = match.groups()
        if unit or not number.isdigit() or int(number) > 12:
            found.append(match.group().strip())
    return found


# Rules for every notebook.


def is_valid(notebook: Notebook) -> list[str]:
    """Valid nbformat, the python3 kernel, cells with distinct ids."""
    node = nbformat.from_dict(
        {"cells": notebook.cells, "metadata": notebook.metadata, "nbformat": 4, "nbformat_minor": 5}
    )
    try:
        nbformat.validate(node)
    except nbformat.ValidationError as error:
        return [f"not a valid notebook: {error.message}"]
    if notebook.metadata.get("kernelspec", {}).get("name") != "python3":
        return ["metadata.kernelspec.name must be python3: run tools/execute.py"]
    return []


def was_executed(notebook: Notebook) -> list[str]:
    """Run from top to bottom, without errors and without anything on stderr."""
    problems = []
    counts = [cell.execution_count for cell in notebook.code]
    if counts != list(range(1, len(counts) + 1)):
        problems.append(f"execution counts must be 1 … {len(counts)}, got {counts}: run tools/execute.py")
    for cell in notebook.code:
        for output in cell.outputs:
            if output.output_type == "error":
                problems.append(f"an error is stored in the output of {_start(cell)}")
            if output.get("name") == "stderr":
                problems.append(f"stderr is stored in the output of {_start(cell)}")
    return problems


def starts_with_setup(notebook: Notebook) -> list[str]:
    """The first code cell imports or installs the package; it is the same everywhere, and the only %pip."""
    problems = []
    if not notebook.code or notebook.code[0].source.strip() != FIRST_CELL:
        problems.append(f"the first code cell must be exactly:\n{FIRST_CELL}")
    for cell in notebook.code[1:]:
        if re.search(r"^\s*[%!]\s*(pip|conda)|^\s*!", cell.source, re.MULTILINE):
            problems.append(f"no shell or pip command beyond the first cell: {_start(cell)}")
    return problems


def ignored_output_is_asserted(notebook: Notebook) -> list[str]:
    """A cell whose output is not compared asserts something, and glues nothing."""
    problems = []
    for cell in notebook.code:
        ignored = "nbval-ignore-output" in tags(cell)
        if ignored != ("asserted" in tags(cell)):
            problems.append(f"nbval-ignore-output and asserted go together: {_start(cell)}")
        if not ignored:
            continue
        if not any(isinstance(node, ast.Assert) for node in ast.walk(tree(cell))):
            problems.append(f"an asserted cell needs an assert: {_start(cell)}")
        if calls(cell, "glue"):
            problems.append(f"glue only in compared cells: {_start(cell)}")
    return problems


def nothing_else_escapes_comparison(notebook: Notebook) -> list[str]:
    """No other tag or comment that nbval obeys, and at most half of the cells uncompared."""
    problems = []
    for cell in notebook.code:
        if {"nbval-skip", "raises-exception", "nbval-raises-exception", "nbval-check-output"} & set(tags(cell)):
            problems.append(f"a tag that switches checking off: {_start(cell)}")
        if re.search(r"#\s*(NBVAL_|PYTEST_VALIDATE)", cell.source):
            problems.append(f"use tags, not nbval's comments: {_start(cell)}")
    ignored = len(notebook.code) - len(notebook.exact)
    if ignored * 2 > len(notebook.code):
        problems.append(f"{ignored} of {len(notebook.code)} code cells are not compared: at most half may be")
    return problems


def measured_prints_a_measure(notebook: Notebook) -> list[str]:
    """A measured cell prints a time or a rate that the sanitiser knows; a compared cell without the tag does not."""
    problems = []
    for cell in notebook.exact:
        hit = any(re.search(regex, output_text(cell)) for regex, _ in _SANITISE)
        if "measured" in tags(cell) and not hit:
            problems.append(f"nothing that sanitize.cfg knows is printed by the measured cell {_start(cell)}")
        if "measured" not in tags(cell) and hit:
            problems.append(f"a time or a rate is printed: tag it measured: {_start(cell)}")
    return problems


def glue_resolves(notebook: Notebook) -> list[str]:
    """Each name in the prose is glued once by a compared cell; a chapter uses all that it glues."""
    problems = []
    counts = Counter(name for name, _ in notebook.records)
    problems += [f"{name} is glued {count} times" for name, count in counts.items() if count > 1]
    exact = {name for name, cell in notebook.glued if "nbval-ignore-output" not in tags(cell)}
    for name in notebook.used:
        if "::" in name:
            problems += _elsewhere(notebook, name)
        elif ":" in name:
            problems.append(f"format {name} where it is glued, not in the prose")
        elif name not in exact:
            problems.append(f"{name} is used in the prose and glued by no compared cell")
    if notebook.number:
        problems += [f"{name} is glued and never used" for name in sorted(exact - set(notebook.used))]
    return problems


def _elsewhere(notebook: Notebook, name: str) -> list[str]:
    other, key = name.split("::", 1)
    path = notebook.folder / other
    if not path.is_file():
        return [f"glue from {other}: there is no such notebook"]
    there = Notebook.read(path)
    keys = {name for name, cell in there.glued if cell in there.exact}
    return [] if key in keys else [f"{other} glues no {key} in a compared cell"]


def numbers_are_glued(notebook: Notebook) -> list[str]:
    """No literal decimal, no integer above 12 and no number with a unit stands in prose or captions."""
    return [
        f"{number} stands in the prose: glue it, or put a setting into maths: …{_around(text, number)}…"
        for text in notebook.prose
        for number in literal_numbers(text)
    ]


def numbers_in_maths_are_computed(notebook: Notebook) -> list[str]:
    """A number with three or more decimals in a formula, or any decimal in an alt text, is in a compared cell."""
    problems = []
    for text in [*notebook.markdown, *notebook.captions]:
        for formula in maths(text):
            for number in re.findall(r"\d+\.\d{3,}", re.sub(r"\{,\}|\\,", "", formula)):
                if not _occurs(number, notebook.exact_text):
                    problems.append(f"{number} in the formula {formula.strip()[:60]} is in no compared cell")
    for cell in notebook.code:
        for number in re.findall(r"\d+\.\d+", alt(cell)):
            if not _occurs(number, notebook.exact_text):
                problems.append(f"{number} in the alt text of {figure(cell).get('name')} is in no compared cell")
    return problems


def claims_are_computed(notebook: Notebook) -> list[str]:
    """A claim's cell is compared, ends with its one claim, computes each outcome, and has stored its record."""
    problems = []
    for cell in notebook.code:
        found = calls(cell, "claim")
        records = [name for name, other in notebook.records if other is cell and name.startswith(claims.RECORD)]
        if not found and not records:
            continue
        if "nbval-ignore-output" in tags(cell):
            problems.append(f"a claim stands in a compared cell: {_start(cell)}")
        last = tree(cell).body[-1]
        if len(found) != 1 or not isinstance(last, ast.Expr) or ast.dump(last.value) != ast.dump(found[0]):
            problems.append(f"one call of claim in a cell, as its last statement: {_start(cell)}")
            continue
        problems += _claim_call(notebook, found[0])
        id_ = getattr(found[0].args[0], "value", None) if found[0].args else None
        problems += _claim_record(notebook, str(id_), records)
    return problems


def _claim_call(notebook: Notebook, call: ast.Call) -> list[str]:
    if len(call.args) != 1 or not isinstance(call.args[0], ast.Constant):
        return ["claim's first argument is the claim's id, written out"]
    problems = []
    for keyword in call.keywords:
        where = f"claim {call.args[0].value}, part {keyword.arg}"
        if keyword.arg is None or not isinstance(keyword.value, ast.Tuple) or len(keyword.value.elts) != 2:
            problems.append(f"{where}: write the pair (outcome, evidence) there")
            continue
        outcome, evidence = keyword.value.elts
        if not _is_computed(outcome, notebook.variables):
            problems.append(f"{where}: the outcome {ast.unparse(outcome)} is not computed by this notebook")
        typed = [node.value for node in ast.walk(evidence) if isinstance(node, ast.Constant)]
        for number in re.findall(r"\d+\.\d{3,}", " ".join(text for text in typed if isinstance(text, str))):
            problems.append(f"{where}: {number} is typed into the evidence: format it from what was computed")
    return problems


def _claim_record(notebook: Notebook, id_: str, records: list[str]) -> list[str]:
    claim = notebook.ledger.get(id_)
    if claim is None or not claim.settled:
        return [f"claims.toml has no settled claim {id_}"]
    if f"{claim.page}.ipynb" != notebook.name:
        return [f"claims.toml says that claim {id_} stands in {claim.page}"]
    if records != [claims.RECORD + id_]:
        return [f"the cell of claim {id_} stored {records or 'no record'}: run tools/execute.py"]
    stored = claims.records({"cells": notebook.cells}, notebook.ledger, notebook.name)
    settled = next(one for one in stored if one.claim.id == id_)
    if list(settled.outcomes) != [part.key for part in claim.parts] or list(settled.evidence) != list(settled.outcomes):
        return [f"the stored parts of claim {id_} are not those of claims.toml: run tools/execute.py"]
    computed = claims.verdict(settled.outcomes.values())
    if not computed == settled.verdict == claim.verdict:
        return [f"claim {id_}: the stored outcomes give {computed!r}, claims.toml says {claim.verdict!r}"]
    return []


def _is_computed(node: ast.expr, variables: Mapping[str, bool]) -> bool:
    """Whether an outcome depends on something that the notebook computed, and no constant decides it."""
    if isinstance(node, ast.IfExp):  # True if low > 0 else None
        branches = [node.body, node.orelse]
        return _is_computed(node.test, variables) and all(
            isinstance(branch, ast.Constant) or _is_computed(branch, variables) for branch in branches
        )
    if isinstance(node, ast.BoolOp):
        return all(_is_computed(value, variables) for value in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitAnd | ast.BitOr | ast.BitXor):
        return _is_computed(node.left, variables) and _is_computed(node.right, variables)
    return any(isinstance(part, ast.Name) and variables.get(part.id, False) for part in ast.walk(node))


def _bindings(cell: NotebookNode) -> Iterator[tuple[str, ast.expr | None]]:
    """Names that a cell binds, each with the expression behind it; None for loops, functions and the like."""
    for node in ast.walk(tree(cell)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name, None
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.NamedExpr | ast.For | ast.withitem):
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            if isinstance(node, ast.withitem):
                targets = [node.optional_vars]
            value = getattr(node, "value", None)
            for target in targets:
                for part in ast.walk(target) if target is not None else ():
                    if isinstance(part, ast.Name):
                        yield part.id, value


def figures_are_described(notebook: Notebook) -> list[str]:
    """Each picture has a name, a caption and an alt text that says what is seen; one picture a cell."""
    problems = []
    for cell in notebook.code:
        if not images(cell):
            if figure(cell):
                problems.append(f"figure metadata without a picture: {_start(cell)}")
            continue
        name = str(figure(cell).get("name", ""))
        if not name.startswith("fig-"):
            problems.append(f'a figure needs mystnb.figure.name "fig-…", got {name!r}: {_start(cell)}')
        caption = str(figure(cell).get("caption", ""))
        if len(caption) < 20:
            problems.append(f"a figure needs a caption of a sentence, got {caption!r}: {_start(cell)}")
        if len(alt(cell)) < 40:
            problems.append(f"a figure needs alt text of 40 characters, got {alt(cell)!r}: {_start(cell)}")
        if alt(cell).strip().rstrip(".") == caption.strip().rstrip("."):
            problems.append(f"alt text says what is seen and is not the caption again: {_start(cell)}")
        shown = [o for o in cell.outputs if "data" in o and "scrapbook" not in o.get("metadata", {})]
        if len(shown) > 1:
            problems.append(f"one picture and nothing else is displayed by a figure's cell: {_start(cell)}")
    for text in notebook.markdown:
        if re.search(r"!\[\s*\]\(", without_code(text)):
            problems.append("an image in Markdown needs alt text")
    for box in notebook.boxes:
        if box.name in ("image", "figure") and len(box.options.get("alt", "")) < 40:
            problems.append(f"{box.argument} needs :alt: of 40 characters")
    return problems


def widgets_are_described(notebook: Notebook) -> list[str]:
    """An interactive figure has a compared cell of its own, words for its picture, and files that exist."""
    problems = []
    for cell in notebook.code:
        found = calls(cell, "widget")
        if not found:
            continue
        if "nbval-ignore-output" in tags(cell):
            problems.append(f"a widget stands in a compared cell: {_start(cell)}")
        last = tree(cell).body[-1]
        if len(found) != 1 or not isinstance(last, ast.Expr) or ast.dump(last.value) != ast.dump(found[0]):
            problems.append(f"one call of widget in a cell, as its last statement: {_start(cell)}")
            continue
        name = getattr(found[0].args[0], "value", None) if found[0].args else None
        words = next((getattr(k.value, "value", None) for k in found[0].keywords if k.arg == "alt"), None)
        if not isinstance(name, str) or not isinstance(words, str):
            problems.append(f"a widget's name and alt are written out: {_start(cell)}")
            continue
        if len(words) < 40:
            problems.append(f"widget {name} needs alt text of 40 characters, got {words!r}")
        if literal_numbers(words):
            problems.append(
                f"the alt text of widget {name} has numbers that nothing computes: {literal_numbers(words)}"
            )
        text = output_text(cell)
        if f'data-widget="{name}"' not in text or f'alt="{html.escape(words)}"' not in text:
            problems.append(f"the stored output of widget {name} is another: run tools/execute.py")
        for file in re.findall(r'(?:src|href)="(\.\./widgets/[^"]+)"', text):
            if not (ROOT / "extra" / file.removeprefix("../")).is_file():
                problems.append(f"widget {name} needs extra/{file.removeprefix('../')}, which is not there")
    return problems


def plots_are_digested(notebook: Notebook) -> list[str]:
    """What a compared cell plots as PNG is digested, under the figure's name; SVG holds drawings alone."""
    problems = []
    for cell in notebook.exact:
        if "image/png" not in images(cell):
            continue
        wanted = f"digest:{figure(cell).get('name')}"
        if wanted not in [name for name, other in notebook.records if other is cell]:
            problems.append(f'the cell of a plot needs digest("{wanted[7:]}", data…): {_start(cell)}')
    return problems


def pictures_are_small(notebook: Notebook) -> list[str]:
    """No stored picture above 160 kB."""
    problems = []
    for cell in notebook.code:
        for output in cell.outputs:
            for mime in set(output.get("data", {})) & set(_IMAGES):
                size = len(output.data[mime]) * (0.75 if mime != "image/svg+xml" else 1)
                if size > 160_000:
                    problems.append(f"{size / 1000:.0f} kB for {figure(cell).get('name')}: 160 at most")
    return problems


def nothing_of_this_machine(notebook: Notebook) -> list[str]:
    """No absolute path in text, code or stored output."""
    pattern = re.compile(r"(?<![\w.:/])/(?:home|root|tmp|work|usr|opt|Users|private|mnt)/\w|\b[A-Z]:\\\\?\w")
    problems = []
    for cell in notebook.cells:
        texts = [cell.source] + ([output_text(cell)] if cell.cell_type == "code" else [])
        problems += [f"absolute path {found.group()}… in {_start(cell)}" for t in texts if (found := pattern.search(t))]
    return problems


def citations_exist(notebook: Notebook) -> list[str]:
    """Every key that is cited is in references.bib."""
    cited = {
        key.strip()
        for keys in re.findall(r"\{cite(?::\w+)?\}`([^`]+)`", "\n".join([*notebook.markdown, *notebook.captions]))
        for key in keys.split(",")
    }
    return [f"{key} is cited and not in references.bib" for key in sorted(cited - notebook.citations)]


def links_exist(notebook: Notebook) -> list[str]:
    """Every relative link leads to a file."""
    problems = []
    for text in notebook.markdown:
        for target in re.findall(r"\]\(\s*<?([^)\s>]+)", without_maths(without_code(text))):
            path = target.split("#")[0]
            if not path or re.match(r"[a-z][a-z+.-]*:", target):
                continue
            if not any((notebook.folder / f"{path}{suffix}").exists() for suffix in ("", ".ipynb", ".md")):
                problems.append(f"the link to {target} leads nowhere")
    return problems


def labels_are_well_named(notebook: Notebook) -> list[str]:
    """Labels of a chapter carry its number and occur once."""
    found = labels(notebook)
    problems = [f"the label {label} occurs {n} times" for label, n in Counter(found).items() if n > 1]
    if notebook.number:
        for label in found:
            if not re.fullmatch(rf"(eq|fig|sec|ex|tab|alg|thm)-{notebook.number}-[a-z0-9-]+", label):
                problems.append(f"the label {label} must look like eq-{notebook.number}-…, fig-…, sec-…, ex-…")
    return problems


def labels(notebook: Notebook) -> list[str]:
    """All labels that a notebook defines."""
    found = []
    for text in notebook.markdown:
        text = without_code(text)
        found += re.findall(r"\$\$\s*\(([\w-]+)\)", text)
        found += re.findall(r"^\(([\w-]+)\)=\s*$", text, re.MULTILINE)
    found += [box.options[key] for box in notebook.boxes for key in ("label", "name") if key in box.options]
    found += [str(figure(cell)["name"]) for cell in notebook.code if figure(cell).get("name")]
    return found


# Rules for numbered chapters.


def has_the_headings(notebook: Notebook) -> list[str]:
    """One title without a number, and the required sections in order."""
    problems = []
    titles = [title for level, title in notebook.headings if level == 1]
    if len(titles) != 1 or re.match(r"(Chapter )?\d", titles[0]):
        problems.append(f"one first-level heading without a number is needed, got {titles}")
    sections = [title for level, title in notebook.headings if level == 2]
    missing = [title for title in HEADINGS if title not in sections]
    if missing:
        problems.append(f"missing sections: {', '.join(missing)}")
    elif [title for title in sections if title in HEADINGS] != list(HEADINGS):
        problems.append(f"sections must come once and in this order: {', '.join(HEADINGS)}")
    return problems


def has_the_boxes(notebook: Notebook) -> list[str]:
    """Objectives, prerequisites, quiz and summary, once each; the quiz makes two or three statements."""
    problems = []
    for name in BOXES:
        if len(notebook.boxes_of(name)) != 1:
            problems.append(f"one admonition of class {name} is needed, got {len(notebook.boxes_of(name))}")
    for box in notebook.boxes_of("quiz"):
        statements = re.findall(r"^\s*\d+[.)] ", box.body, re.MULTILINE)
        if len(statements) not in (2, 3):
            problems.append(f"the quiz makes 2 or 3 numbered statements, got {len(statements)}")
    return problems


def summary_mirrors_objectives(notebook: Notebook) -> list[str]:
    """As many points in the summary as there are objectives: three to six."""
    counts = {}
    for name in ("objectives", "summary"):
        bodies = [box.body for box in notebook.boxes_of(name)]
        counts[name] = sum(len(re.findall(r"^\s{0,1}[-*] ", body, re.MULTILINE)) for body in bodies)
    if counts["objectives"] != counts["summary"] or not 3 <= counts["objectives"] <= 6:
        return [f"objectives and summary have the same 3 to 6 points, got {counts}"]
    return []


def predicts_then_reveals(notebook: Notebook) -> list[str]:
    """At least two predictions, each answered before the next one by something the reader opens."""
    events = [(box.position, "predict") for box in notebook.boxes_of("predict")]
    events += [(box.position, "reveal") for box in notebook.boxes_of("reveal") if "dropdown" in box.classes]
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type == "code" and {"hide-output", "hide-cell"} & set(tags(cell)):
            events.append(((index, 0), "reveal"))
    order = [kind for _, kind in sorted(events)]
    problems = []
    if order.count("predict") < 2:
        problems.append(f"at least two admonitions of class predict are needed, got {order.count('predict')}")
    for i, kind in enumerate(order):
        if kind == "predict" and order[i + 1 : i + 2] != ["reveal"]:
            problems.append("a prediction is not answered: add a reveal dropdown or tag its cell hide-output")
    return problems


def has_equations(notebook: Notebook) -> list[str]:
    """At least one equation is numbered."""
    if any(label.startswith("eq-") for label in labels(notebook)):
        return []
    return ["at least one numbered equation is needed: $$ … $$ (eq-NN-…)"]


def has_figures(notebook: Notebook) -> list[str]:
    """Three to six figures."""
    count = sum(bool(images(cell)) for cell in notebook.code)
    return [] if 3 <= count <= 6 else [f"3 to 6 figures are wanted, got {count}"]


def word_count(notebook: Notebook) -> int:
    """Words of prose: code, formulas and markup are not counted."""
    return sum(len(re.findall(r"[A-Za-zÀ-ɏ][\w’'-]*", text)) for text in notebook.prose)


def has_the_length(notebook: Notebook) -> list[str]:
    """About 2,000 to 4,000 words."""
    words = word_count(notebook)
    if WORDS[0] * (1 - _MARGIN) <= words <= WORDS[1] * (1 + _MARGIN):
        return []
    return [f"about {WORDS[0]} to {WORDS[1]} words are wanted, got {words}"]


def has_exercises(notebook: Notebook) -> list[str]:
    """Three to six exercises, each with an open cell to answer in and a hidden solution that its check accepts."""
    number = notebook.number
    exercises = [box.options.get("label", "") for box in notebook.boxes if box.name in ("exercise", "exercise-start")]
    problems = []
    if not 3 <= len(exercises) <= 6:
        problems.append(f"3 to 6 exercises are wanted, got {len(exercises)}")
    solutions = {box.argument: box for box in notebook.boxes if box.name == "solution-start"}
    ends = [box.position for box in notebook.boxes if box.name == "solution-end"]
    for label in exercises:
        if not re.fullmatch(rf"ex-{number}-\d", label):
            problems.append(f"an exercise's label must look like ex-{number}-1, got {label!r}")
            continue
        exercise = label.removeprefix("ex-")
        if label not in solutions or "dropdown" not in solutions[label].classes:
            problems.append(f"{label} needs :::{{solution-start}} {label} with :class: dropdown")
            continue
        begin = solutions[label].position
        end = min((position for position in ends if position > begin), default=begin)
        inside = [cell for i, cell in enumerate(notebook.cells) if begin[0] < i < end[0] and cell.cell_type == "code"]
        before = [cell for cell in notebook.cells[: begin[0]] if cell.cell_type == "code"]
        if not any(
            (exercise, True) in checks(cell) and f"{exercise}: not" in output_text(cell)
            for cell in before
            if cell.source.strip()
        ):
            problems.append(
                f'{label} needs a cell before its solution with answer = ... and check("{exercise}", answer)'
            )
        if not any(exercise in dict(checks(cell)) and f"{exercise}: right." in output_text(cell) for cell in inside):
            problems.append(f'the solution of {label} needs check("{exercise}", …) that prints "{exercise}: right."')
    return problems


Rule = Callable[[Notebook], list[str]]

RULES: tuple[Rule, ...] = (
    is_valid,
    was_executed,
    starts_with_setup,
    ignored_output_is_asserted,
    nothing_else_escapes_comparison,
    measured_prints_a_measure,
    glue_resolves,
    numbers_are_glued,
    numbers_in_maths_are_computed,
    claims_are_computed,
    figures_are_described,
    widgets_are_described,
    plots_are_digested,
    pictures_are_small,
    nothing_of_this_machine,
    citations_exist,
    links_exist,
    labels_are_well_named,
)
CHAPTER_RULES: tuple[Rule, ...] = (
    has_the_headings,
    has_the_boxes,
    summary_mirrors_objectives,
    predicts_then_reveals,
    has_equations,
    has_figures,
    has_the_length,
    has_exercises,
)


def _start(cell: NotebookNode) -> str:
    return repr(cell.source.strip().split("\n")[0][:70])


def _around(text: str, number: str) -> str:
    flat = " ".join(text.split())
    at = flat.find(number)
    return flat[max(0, at - 30) : at + len(number) + 30]


def _occurs(number: str, text: str) -> bool:
    return re.search(rf"(?<![\d.]){re.escape(number)}(?!\d)", text) is not None
