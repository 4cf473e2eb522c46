"""Every notebook in chapters/ keeps the standard of tests/chapter_rules.py, and every rule can fail."""

from __future__ import annotations

import copy
import json
import os
import re
import subprocess
import sys
import textwrap
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

from rnncourse.claims import Claim, Part
from tests import chapter_rules as rules
from tests.chapter_rules import CHAPTER_RULES, FIRST_CELL, ROOT, RULES, Notebook, Rule
from tools import execute

NOTEBOOKS = sorted((ROOT / "chapters").glob("*.ipynb"))
CHAPTERS = [path for path in NOTEBOOKS if re.match(r"\d\d-", path.name)]


@pytest.fixture(scope="module")
def notebooks() -> dict[Path, Notebook]:
    return {path: Notebook.read(path) for path in NOTEBOOKS}


def test_there_are_chapters() -> None:
    assert {path.name[:2] for path in CHAPTERS} >= {"02", "03", "04"}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook(path: Path, rule: Rule, notebooks: dict[Path, Notebook]) -> None:
    assert rule(notebooks[path]) == []


@pytest.mark.parametrize("rule", CHAPTER_RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_chapter(path: Path, rule: Rule, notebooks: dict[Path, Notebook]) -> None:
    assert rule(notebooks[path]) == []


def test_labels_are_unique_in_the_book(notebooks: dict[Path, Notebook]) -> None:
    counts = Counter(label for notebook in notebooks.values() for label in rules.labels(notebook))
    assert [label for label, count in counts.items() if count > 1] == []


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_exercises_are_the_registered_ones(path: Path, notebooks: dict[Path, Notebook]) -> None:
    from rnncourse.exercises import known_ids

    in_text = [box.options["label"].removeprefix("ex-") for box in notebooks[path].boxes if box.name == "exercise"]
    assert sorted(in_text) == [name for name in known_ids() if name.startswith(path.name[:2])]


# A small notebook that keeps every rule, and what each rule must object to.


def _figure(name: str, mime: str = "image/png") -> tuple[dict, list]:
    metadata = {
        "mystnb": {
            "figure": {"name": name, "caption": "The state decays. Each step multiplies it by the same factor."},
            "image": {"alt": "A falling curve from one to nearly zero over twenty steps, value 0.8483 first."},
        }
    }
    outputs = [new_output("display_data", data={mime: "iVBOR", "text/plain": "<Figure>"})]
    if mime == "image/png":
        outputs.insert(0, _record(f"digest:{name}", "'shape (3,)'"))
    return metadata, outputs


def _record(name: str, text: str):
    scrapbook = {"name": name, "mime_prefix": "application/papermill.record/"}
    return new_output(
        "display_data", data={"application/papermill.record/text/plain": text}, metadata={"scrapbook": scrapbook}
    )


def _say(text: str) -> list:
    return [new_output("stream", name="stdout", text=text + "\n")]


LEDGER = {
    id_: Claim(
        id_, ("000 §1",), "It decays.", "holds", "A run.", 1, "", verdict, page, (Part("a", "A"), Part("b", "B"))
    )
    for id_, verdict, page in (
        ("it-decays", "holds with limits", "02-good"),
        ("elsewhere", "holds with limits", "03-other"),
        ("it-grows", "holds", "02-good"),
    )
}
CLAIM = """\
from rnncourse.book import claim

claim(
    "it-decays",
    a=(h < 1, f"the state is {h:.3f}"),
    b=(False if h > 0.5 else None, f"the gradient is {h:.3f}"),
)"""


WIDGET = """\
from rnncourse.book import widget

widget("char-model", alt="A text that a model has typed, and its state as a grid of coloured cells.")"""


def _widget_output(name: str = "char-model", file: str = "common.js"):
    alt = "A text that a model has typed, and its state as a grid of coloured cells."
    html = f'<div data-widget="{name}"><img alt="{alt}"></div><script src="../widgets/{file}"></script>'
    return new_output("display_data", data={"text/html": html, "text/plain": "<interactive figure>"})


def _claim_output(id_: str = "it-decays", verdict: str = "holds with limits", **outcomes: bool | None):
    outcomes = outcomes or {"a": True, "b": False}
    evidence = {key: "the state is 0.848" for key in outcomes}
    text = json.dumps({"id": id_, "verdict": verdict, "outcomes": outcomes, "evidence": evidence})
    return _record(f"claim:{id_}", text)


def _exercise(k: int) -> list:
    directive = f":::{{exercise}} One step\n:label: ex-02-{k}\n:class: level-compute\nCompute $h_1$.\n:::"
    start = f":::{{solution-start}} ex-02-{k}\n:class: dropdown\n:::"
    return [
        new_markdown_cell(directive),
        new_code_cell(f'answer = ...\ncheck("02-{k}", answer)', outputs=_say(f"02-{k}: not answered yet: …")),
        new_markdown_cell(start),
        new_code_cell(f'check("02-{k}", 1.0)', outputs=_say(f"02-{k}: right.")),
        new_markdown_cell(":::{solution-end}\n:::"),
    ]


def _box(class_: str, body: str) -> str:
    return f":::{{admonition}} Title\n:class: {class_}\n{body}\n:::\n"


def _good() -> Notebook:
    """A chapter that every rule accepts. Its cells are named by `metadata.cell` for the faults to find them."""
    points = "- one\n- two\n- three"
    png, png_outputs = _figure("fig-02-loss")
    live, live_outputs = _figure("fig-02-live")
    drawing, drawing_outputs = _figure("fig-02-drawn", "image/svg+xml")
    text = textwrap.dedent("""\
        ## Deriving it

        $$
        h_1 = \\tanh(w h_0) = 0.8483
        $$ (eq-02-step)

        In 1990, {cite:t}`elman1990` wrote on it; see chapter 08, chapters 02 to 04 and section 3.1. You need
        Python 3.11, SHA-256, `0.123` and $w = 0.5$. It reaches {glue:text}`h_one`, after 3 steps of 12.
        [Next](other.md), [elsewhere](https://example.org/1.25).

        """)
    cells = [
        new_markdown_cell("# The recurrent network\n\n" + _box("objectives", points) + _box("prerequisites", "None.")),
        new_code_cell(FIRST_CELL),
        new_markdown_cell("## The question\n\n" + _box("quiz", "1. The state grows.\n2. It shrinks.")),
        new_markdown_cell(text + "word " * 2500, metadata={"cell": "text"}),
        new_code_cell(
            "h = decay(0.5)\nglue(h_one=f'{h:.4f}')",
            outputs=[*_say("h_one = 0.8483"), _record("h_one", "'0.8483'")],
            metadata={"cell": "glue"},
        ),
        new_markdown_cell(_box("predict", "Up or down?") + _box("reveal dropdown", "Up.")),
        new_code_cell("plt.show()", outputs=png_outputs, metadata={**png, "cell": "png"}),
        new_markdown_cell(_box("predict", "And now?"), metadata={"cell": "predict"}),
        new_code_cell(
            "train()\nassert loss < 2",
            outputs=live_outputs[1:],
            metadata={**live, "tags": ["asserted", "nbval-ignore-output", "hide-output"], "cell": "live"},
        ),
        new_code_cell("svg(f)", outputs=drawing_outputs, metadata=drawing),
        new_code_cell(
            "print(t)", outputs=_say("took 12.3 s, 4,567 it/s"), metadata={"tags": ["measured"], "cell": "time"}
        ),
        new_code_cell(CLAIM, outputs=[_claim_output()], metadata={"cell": "claim"}),
        new_code_cell(WIDGET, outputs=[_widget_output()], metadata={"cell": "widget"}),
        new_markdown_cell("## Back to the quiz\n\n## What goes wrong in practice\n\n## Exercises"),
        *[cell for k in (1, 2, 3) for cell in _exercise(k)],
        new_markdown_cell("## Looking back\n\n## Summary\n\n" + _box("summary", points) + "\n## Further reading"),
    ]
    for count, cell in enumerate((cell for cell in cells if cell.cell_type == "code"), start=1):
        cell.execution_count = count
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return Notebook("02-good.ipynb", cells, metadata, citations=frozenset({"elman1990"}), ledger=LEDGER)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "other.md").write_text("# Other")
    return tmp_path


@pytest.mark.parametrize("rule", [*RULES, *CHAPTER_RULES], ids=lambda rule: rule.__name__)
def test_a_good_notebook_passes(rule: Rule, folder: Path) -> None:
    notebook = _good()
    notebook.folder = folder
    assert rule(notebook) == []


def _edit(cell: str, old: str, new: str) -> Callable[[Notebook], None]:
    def change(notebook: Notebook) -> None:
        found = _cell(notebook, cell)
        assert old in found.source
        found.source = found.source.replace(old, new, 1)

    return change


def _prose(sentence: str) -> Callable[[Notebook], None]:
    return _edit("text", "## Deriving it\n", f"## Deriving it\n\n{sentence}\n")


def _anywhere(old: str, new: str) -> Callable[[Notebook], None]:
    def change(notebook: Notebook) -> None:
        found = [cell for cell in notebook.cells if old in cell.source]
        assert found
        found[0].source = found[0].source.replace(old, new, 1)

    return change


def _tags(cell: str, *tags: str) -> Callable[[Notebook], None]:
    def change(notebook: Notebook) -> None:
        _cell(notebook, cell).metadata["tags"] = list(tags)

    return change


def _output(cell: str, text: str, *, name: str = "stdout") -> Callable[[Notebook], None]:
    def change(notebook: Notebook) -> None:
        _cell(notebook, cell).outputs = [new_output("stream", name=name, text=text)]

    return change


def _add(*cells) -> Callable[[Notebook], None]:
    def change(notebook: Notebook) -> None:
        for cell in cells:
            if cell.cell_type == "code":
                cell.execution_count = len(notebook.code) + 1
                notebook.__dict__.pop("code", None)
            notebook.cells.append(copy.deepcopy(cell))

    return change


def _meta(cell: str, part: str, key: str, value: str) -> Callable[[Notebook], None]:
    def change(notebook: Notebook) -> None:
        _cell(notebook, cell).metadata["mystnb"][part][key] = value

    return change


def _drop(cell: str, index: int) -> Callable[[Notebook], None]:
    def change(notebook: Notebook) -> None:
        del _cell(notebook, cell).outputs[index]

    return change


def _uncounted(notebook: Notebook) -> None:
    notebook.cells[-5].execution_count = None
    notebook.code[2].execution_count = 7


def _another_kernel(notebook: Notebook) -> None:
    notebook.metadata = {"kernelspec": {"name": "venv", "display_name": "x"}}


def _not_a_notebook(notebook: Notebook) -> None:
    notebook.cells[1].pop("outputs")


def _mostly_ignored(notebook: Notebook) -> None:
    for cell in notebook.code[1:]:
        cell.metadata["tags"] = ["asserted", "nbval-ignore-output"]
        cell.source += "\nassert True"


def _large_picture(notebook: Notebook) -> None:
    _cell(notebook, "png").outputs[1].data["image/png"] = "A" * 300_000


def _error_output(notebook: Notebook) -> None:
    _cell(notebook, "glue").outputs = [new_output("error", ename="ValueError", evalue="x", traceback=[])]


def _failed_solution(notebook: Notebook) -> None:
    cell = next(cell for cell in notebook.code if cell.source == 'check("02-2", 1.0)')
    cell.outputs = _say("02-2: not yet. The sum is before tanh.")


def _short(notebook: Notebook) -> None:
    cell = _cell(notebook, "text")
    cell.source = cell.source.replace("word " * 1000, "")


def _four_exercises_too_many(notebook: Notebook) -> None:
    notebook.cells += [cell for k in (4, 5, 6, 7) for cell in _exercise(k)]


def _fewer_figures(notebook: Notebook) -> None:
    notebook.cells = [cell for cell in notebook.cells if cell.metadata.get("cell") != "png"]


def _stored(*outputs, cell: str = "claim") -> Callable[[Notebook], None]:
    def change(notebook: Notebook) -> None:
        _cell(notebook, cell).outputs = list(outputs)

    return change


def _outcome(expression: str, *, before: str = "") -> Callable[[Notebook], None]:
    """The claim's first outcome replaced, and a line set before the call."""

    def change(notebook: Notebook) -> None:
        _edit("claim", "h < 1", expression)(notebook)
        _edit("claim", "import claim\n", f"import claim\n{before}\n")(notebook)

    return change


def _cell(notebook: Notebook, name: str):
    return next(cell for cell in notebook.cells if cell.metadata.get("cell") == name)


FAULTS: Sequence[tuple[Rule, Callable[[Notebook], None]]] = (
    (rules.is_valid, _another_kernel),
    (rules.is_valid, _not_a_notebook),
    (rules.was_executed, _uncounted),
    (rules.was_executed, _error_output),
    (rules.was_executed, _output("glue", "a warning", name="stderr")),
    (rules.starts_with_setup, _anywhere("book.setup()", "book.setup()\nimport torch")),
    (rules.starts_with_setup, _add(new_code_cell("%pip install something"))),
    (rules.starts_with_setup, _add(new_code_cell("!ls"))),
    (rules.ignored_output_is_asserted, _tags("live", "nbval-ignore-output")),
    (rules.ignored_output_is_asserted, _tags("live", "asserted")),
    (rules.ignored_output_is_asserted, _edit("live", "assert loss < 2", "# assert loss < 2")),
    (rules.ignored_output_is_asserted, _edit("live", "train()", "book.glue(loss='1')")),
    (rules.nothing_else_escapes_comparison, _tags("glue", "nbval-skip")),
    (rules.nothing_else_escapes_comparison, _tags("glue", "raises-exception")),
    (rules.nothing_else_escapes_comparison, _edit("glue", "glue", "# NBVAL_IGNORE_OUTPUT\nglue")),
    (rules.nothing_else_escapes_comparison, _mostly_ignored),
    (rules.measured_prints_a_measure, _output("time", "took a while")),
    (rules.measured_prints_a_measure, _tags("time")),
    (rules.glue_resolves, _prose("And {glue:text}`missing`.")),
    (rules.glue_resolves, _prose("And {glue:text}`h_one:.2f`.")),
    (rules.glue_resolves, _prose("And {glue:text}`other.ipynb::h_one`.")),
    (rules.glue_resolves, _edit("text", "{glue:text}`h_one`", "it")),
    (rules.glue_resolves, _tags("glue", "asserted", "nbval-ignore-output")),
    (rules.glue_resolves, _add(new_code_cell("again()", outputs=[_record("h_one", "'1'")]))),
    (rules.numbers_are_glued, _prose("The loss falls to 1.73.")),
    (rules.numbers_are_glued, _prose("There are 65 symbols.")),
    (rules.numbers_are_glued, _prose("There are 1,115,394 characters.")),
    (rules.numbers_are_glued, _prose("It takes 8 s.")),
    (rules.numbers_are_glued, _prose("It is 5 % better, and 3x as fast.")),
    (rules.numbers_are_glued, _prose("The error is below 1e-10.")),
    (rules.numbers_are_glued, _prose("A width of 2048 is large.")),
    (rules.numbers_are_glued, _prose(":::{note} The loss is 1.73\nSo.\n:::")),
    (rules.numbers_are_glued, _prose("| loss |\n|---|\n| 1.73 |")),
    (rules.numbers_are_glued, _meta("png", "figure", "caption", "The loss falls to 1.73 after training.")),
    (rules.numbers_in_maths_are_computed, _edit("text", "0.8483\n", "0.8484\n")),
    (rules.numbers_in_maths_are_computed, _prose("So $h = 0.123$.")),
    (rules.numbers_in_maths_are_computed, _meta("png", "image", "alt", "A curve that falls to 1.73 at its right end.")),
    (rules.claims_are_computed, _tags("claim", "asserted", "nbval-ignore-output")),
    (rules.claims_are_computed, _edit("claim", "import claim\n", "import claim\nclaim('it-decays')\n")),
    (rules.claims_are_computed, _edit("claim", "    b=", "    **more,\n    b=")),
    (rules.claims_are_computed, _edit("claim", '(h < 1, f"the state is {h:.3f}")', "a")),
    (rules.claims_are_computed, _edit("claim", '"it-decays"', "name")),
    (rules.claims_are_computed, _edit("claim", "the state is {h:.3f}", "the state is 0.848")),
    *[
        (rules.claims_are_computed, _outcome(expression, before=before))
        for expression, before in (
            ("True", ""),
            ("False", ""),
            ("None", ""),
            ("not False", ""),
            ("bool(1)", ""),
            ("1 < 2", ""),
            ("ok", "ok = True"),
            ("ok", "ok = sure = not False"),
            ("wide < 5", "narrow = 3\nwide = narrow + 1"),
            ("h < 1 or True", ""),
            ("(h < 1) | True", ""),
            ("True if 1 else h", ""),
            ("np.bool_(True)", "import numpy as np"),
            ("all([True])", ""),
        )
    ],
    (rules.claims_are_computed, _stored()),
    (rules.claims_are_computed, _stored(_claim_output(), _claim_output())),
    (rules.claims_are_computed, _stored(_claim_output("it-grows"))),
    (rules.claims_are_computed, _stored(_claim_output(a=True, b=True))),
    (rules.claims_are_computed, _stored(_claim_output("it-decays", "holds", a=True, b=True))),
    (rules.claims_are_computed, _stored(_claim_output(a=True, c=False))),
    (rules.claims_are_computed, _edit("claim", "it-decays", "elsewhere")),
    (rules.claims_are_computed, _edit("claim", "it-decays", "unknown")),
    (rules.claims_are_computed, _add(new_code_cell("show()", outputs=[_claim_output("it-grows")]))),
    (rules.figures_are_described, _meta("png", "figure", "name", "loss")),
    (rules.figures_are_described, _meta("png", "figure", "caption", "Loss.")),
    (rules.figures_are_described, _meta("png", "image", "alt", "A plot")),
    (
        rules.figures_are_described,
        _meta("png", "image", "alt", "The state decays. Each step multiplies it by the same factor."),
    ),
    (rules.figures_are_described, _prose("![](picture.png)")),
    (rules.figures_are_described, _prose("```{figure} picture.png\n:name: fig-02-x\n```")),
    (rules.figures_are_described, _drop("png", 1)),
    (rules.widgets_are_described, _tags("widget", "asserted", "nbval-ignore-output")),
    (rules.widgets_are_described, _edit("widget", "widget(", "x = widget(")),
    (rules.widgets_are_described, _edit("widget", 'widget("char-model"', "widget(name")),
    (rules.widgets_are_described, _edit("widget", ", and its state as a grid of coloured cells", "")),
    (rules.widgets_are_described, _edit("widget", "a grid", "a grid of 384")),
    (rules.widgets_are_described, _edit("widget", "coloured cells", "many coloured cells")),
    (rules.widgets_are_described, _stored(cell="widget")),
    (rules.widgets_are_described, _stored(_widget_output("gradient-by-lag"), cell="widget")),
    (rules.widgets_are_described, _stored(_widget_output(file="absent.js"), cell="widget")),
    (rules.plots_are_digested, _drop("png", 0)),
    (rules.plots_are_digested, _tags("live")),
    (rules.pictures_are_small, _large_picture),
    (rules.nothing_of_this_machine, _output("glue", "saved in /home/me/x")),
    (rules.nothing_of_this_machine, _edit("glue", "glue", "open('/tmp/x')\nglue")),
    (rules.citations_exist, _prose("{cite:p}`elman1990, nobody2001`")),
    (rules.links_exist, _prose("[x](09-missing.ipynb)")),
    (rules.labels_are_well_named, _edit("text", "eq-02-step", "eq-03-step")),
    (rules.labels_are_well_named, _meta("png", "figure", "name", "fig-02-live")),
    (rules.has_the_headings, _anywhere("# The recurrent", "# 2 The recurrent")),
    (rules.has_the_headings, _anywhere("## Looking back", "## Looking forward")),
    (rules.has_the_headings, _anywhere("## Back to the quiz\n\n## What goes wrong", "## What goes wrong")),
    (rules.has_the_headings, _edit("text", "## Deriving it", "## Summary")),
    (rules.has_the_boxes, _anywhere(":class: prerequisites", ":class: note")),
    (rules.has_the_boxes, _anywhere("2. It shrinks.", "")),
    (rules.summary_mirrors_objectives, _anywhere("- three", "")),
    (rules.predicts_then_reveals, _edit("predict", ":class: predict", ":class: note")),
    (rules.predicts_then_reveals, _tags("live", "asserted", "nbval-ignore-output")),
    (rules.predicts_then_reveals, _anywhere(":class: reveal dropdown", ":class: reveal")),
    (rules.has_equations, _edit("text", " (eq-02-step)", "")),
    (rules.has_figures, _fewer_figures),
    (rules.has_the_length, _short),
    (rules.has_the_length, _edit("text", "word", "word " * 3000)),
    (rules.has_exercises, _anywhere(":label: ex-02-1\n", ":label: ex-02-one\n")),
    (rules.has_exercises, _anywhere('check("02-1", answer)', "answer")),
    (rules.has_exercises, _anywhere("answer = ...", "answer = 0.8")),
    (rules.has_exercises, _anywhere(":::{solution-start} ex-02-3\n:class: dropdown", ":::{solution-start} ex-02-3")),
    (rules.has_exercises, _anywhere('check("02-3", 1.0)', "h = 1.0")),
    (rules.has_exercises, _failed_solution),
    (rules.has_exercises, _four_exercises_too_many),
)


@pytest.mark.parametrize(
    ("rule", "fault"), FAULTS, ids=[f"{rule.__name__}-{number}" for number, (rule, _) in enumerate(FAULTS)]
)
def test_a_planted_fault_is_found(rule: Rule, fault: Callable[[Notebook], None], folder: Path) -> None:
    notebook = _good()
    notebook.folder = folder
    fault(notebook)
    fresh = Notebook(notebook.name, notebook.cells, notebook.metadata, folder, notebook.citations, notebook.ledger)
    assert rule(fresh) != []


@pytest.mark.parametrize(
    ("expression", "before"),
    [
        ("bool(np.all(h < 1))", "import numpy as np"),
        ("all(s['loss'] < 1 for s in record['seeds'])", "record = results.load('x')"),
        ("record['conclusion']['shrinks'] and h < 1", "record = results.load('x')"),
        ("True if h < 1 else False if h > 2 else None", ""),
        ("None if h > 9 else h < 1", ""),
        ("not shrinks(h)", "def shrinks(h): return h < 1"),
        ("shrinks()", "def shrinks(): return decay(0.5) < 1"),
        ("difference < 1e-10", "difference = abs(decay(0.5) - 0.4)"),
        ("low > margin", "margin = 0.1\nlow, high = interval(h)"),
        ("failed and 'softmax' in message", "try: run()\nexcept TypeError as e: failed, message = True, str(e)"),
    ],
)  # fmt: skip
def test_outcomes_that_are_computed_pass(expression: str, before: str) -> None:
    notebook = _good()
    _outcome(expression, before=before)(notebook)
    assert rules.claims_are_computed(notebook) == []


def test_every_rule_has_a_planted_fault() -> None:
    assert {rule for rule, _ in FAULTS} == {*RULES, *CHAPTER_RULES}


# Executing and comparing.


def _write(path: Path, *cells) -> Path:
    import nbformat

    notebook = nbformat.v4.new_notebook(cells=list(cells))
    execute.normalise(notebook)
    path.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")
    return path


def _nbval(path: Path) -> subprocess.CompletedProcess[str]:
    options = ["--nbval", f"--nbval-sanitize-with={ROOT / 'tests' / 'sanitize.cfg'}", "--nbval-current-env"]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "0", *options, str(path)]
    return subprocess.run(
        command, cwd=path.parent, capture_output=True, text=True, timeout=300, env={**os.environ, "COLUMNS": "200"}
    )


@pytest.mark.slow
def test_a_second_run_changes_nothing_and_a_failing_cell_leaves_the_file(tmp_path: Path) -> None:
    source = [
        "import sys, time\nimport matplotlib.pyplot as plt\nfrom rnncourse import book\nbook.setup()",
        "t = time.perf_counter()\nprint('a', flush=True); print(f'{time.perf_counter() - t:.6f} s, loss 1.25')",
        "book.glue(x='1.50')\nbook.digest('fig-01-x', [1, 2])\nplt.plot([1, 2])\nplt.show()",
        "book.svg(plt.figure())",
    ]
    path = _write(tmp_path / "x.ipynb", *map(new_code_cell, source))
    assert execute.run(path, 60, True)[:2] == (True, "")
    first = path.read_bytes()
    assert execute.run(path, 60, True)[:2] == (False, "")
    assert path.read_bytes() == first
    assert "/" not in "".join(json.loads(first)["metadata"]["kernelspec"].values())

    _write(path, new_code_cell("1/0"))
    before = path.read_bytes()
    changed, message, _ = execute.run(path, 60, True)
    assert not changed
    assert "ZeroDivisionError" in message and "1/0" in message
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.slow
@pytest.mark.skipif(not CHAPTERS, reason="no chapters yet")
def test_a_planted_wrong_number_breaks_nbval(tmp_path: Path) -> None:
    """One digit of one compared output is altered in a copy of the quickest chapter; nbval must object to that cell."""
    path = min(CHAPTERS, key=lambda path: path.stat().st_size)
    notebook = json.loads(path.read_text(encoding="utf-8"))
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    for cell in code:
        ignored = {"nbval-ignore-output", "measured"} & set(cell["metadata"].get("tags", []))
        digits = [
            o for o in cell["outputs"] if o["output_type"] == "stream" and re.search(r"\d\.\d", "".join(o["text"]))
        ]
        if digits and not ignored:
            break
    else:
        pytest.fail(f"{path.name} prints no decimal in a compared cell")
    text = "".join(digits[0]["text"])
    at = re.search(r"\d\.\d", text).end() - 1
    digits[0]["text"] = text[:at] + str((int(text[at]) + 1) % 10) + text[at + 1 :]
    # Later cells are of no interest here, and may take long.
    last = notebook["cells"].index(cell)
    notebook["cells"] = notebook["cells"][: last + 1]
    copy_ = tmp_path / path.name
    copy_.write_text(json.dumps(notebook), encoding="utf-8")
    result = _nbval(copy_)
    assert result.returncode == 1, result.stdout + result.stderr
    assert re.findall(r"FAILED \S+::Cell (\d+)", result.stdout) == [str(code.index(cell))], result.stdout


@pytest.mark.slow
def test_nbval_compares_glue_digest_source_and_drawing(tmp_path: Path) -> None:
    cells = [
        "from rnncourse.book import digest, glue, show_source, svg\nimport matplotlib.pyplot as plt",
        "glue(loss='1.234')",
        "digest('fig-01-x', [1.0, 2.0])",
        "show_source(show_source)",
        "svg(plt.figure())",
    ]
    path = _write(tmp_path / "x.ipynb", *map(new_code_cell, cells))
    assert execute.run(path, 60, True)[1] == ""
    assert _nbval(path).returncode == 0
    text = path.read_text(encoding="utf-8")
    for old, new in (
        ("'1.234'\"", "'1.235'\""),
        ("mean 1.5", "mean 1.6"),
        ("_head(", "_tail("),
        ("<svg ", "<svg x='' "),
    ):
        assert old in text
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")
    result = _nbval(path)
    assert re.findall(r"FAILED \S+::Cell (\d+)", result.stdout) == ["1", "2", "3", "4"], result.stdout


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("took 12.3 s", True),
        ("took 0.45 ms and 3.1 µs", True),
        ("1,234 steps/s, 1.2 characters/s", True),
        ("1.4 times as fast", True),
        (" 45%|████▌     | 45/100 [00:01<00:01, 43.21it/s]", True),
        ("loss 1.234 sum 5", False),
        ("1.234 nats per symbol", False),
        ("12 steps, 3.5 states", False),
        ("T = 12.5, s = 3", False),
        ("h = [0.1 0.2 0.3]", False),
    ],
)
def test_the_sanitiser_touches_times_and_rates_alone(before: str, after: bool) -> None:
    assert (execute.sanitise(before) != before) is after
    if after:
        assert not re.search(r"[1-9]", execute.sanitise(before).replace("µ", ""))


def test_streams_are_joined_whole() -> None:
    parts = [new_output("stream", name="stdout", text=text) for text in ("a", "b\r", "c\n")]
    assert [output.text for output in execute.join_streams(parts)] == ["c\n"]
