"""The claims ledger: the file, the verdicts, the box, the page, the command line; and that a flipped outcome fails."""

from __future__ import annotations

import dataclasses
import itertools
import json
import re
from collections import Counter
from collections.abc import Iterator
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
import yaml
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from typer.testing import CliRunner

from rnncourse import book, claims, claims_page, cli
from rnncourse.claims import VERDICTS, Claim, ClaimError, LedgerError, Settled

ROOT = Path(__file__).resolve().parent.parent
CHAPTERS = ROOT / "chapters"
LEDGER = claims.load()
SETTLED = [claim for claim in LEDGER.values() if claim.settled]

#: The statements that the course owes an answer. Rows may be added, none may go.
OWED = [
    "memory-of-past", "ngram-vs-neural", "combine-classical", "generation-and-labelling", "elman-equations",
    "truncation-helps-gradients", "gru-is-an-optimizer", "gates-generalise", "gates-cure-gradients",
    "lstm-outremembers-gru", "sgd-updates-faster", "auxiliary-kl-loss", "attention-helps",
    "truncate-is-challenge", "big-models-need-regularisation", "imbalance", "deeper-fixes-vanishing",
    "more-layers-overfit", "interpretability", "history", "deep-replaced-classical", "softmax-of-distribution",
    "loop-through-output", "rnn-1d-cnn-2d", "captures-long-dependencies", "data-quality-quantity",
    "learns-representations", "code-001", "gradients-exponential", "early-parameters", "lstm-equations",
    "gru-simpler", "dropout-and-norms", "seq2seq-uses", "code-002-rnn", "code-002-lstm", "applications",
    "pretrained-init", "edge-deployment", "peephole-lstm", "gru-has-a-cell", "lr-decay-cures-vanishing",
    "batchnorm-cures-vanishing", "pruning-cures-gradients", "pruning-is-faster", "init-matters",
    "classify-sequences", "hidden-is-mean", "layers-by-validation", "smarter-optimisers", "gpt2-is-rnn",
    "gru-gate-names", "gru-gate-count", "lstm-four-gates", "keras-code", "pytorch-code-000",
    "transformer-parallel", "parallel-hence-long-range", "pretraining", "multimodal", "finite-length-only",
    "recursion-is-slow", "embedding-128-512", "quality-text", "references",
]  # fmt: skip

#: What the chapters that stand have settled. An experiment may be inconclusive, but not missing.
SETTLED_SO_FAR = [
    "elman-equations", "loop-through-output", "finite-length-only", "memory-of-past", "softmax-of-distribution",
    "code-001", "code-002-rnn", "gradients-exponential", "early-parameters", "deeper-fixes-vanishing",
    "lr-decay-cures-vanishing", "pruning-cures-gradients", "ngram-vs-neural",
]  # fmt: skip

SAMPLE = """
[[claim]]
id = "it-decays"
sources = ["000 §2.1", "003 FAQ"]
statement = "The <state> decays & is forgotten."
expected = "holds"
settled_by = "A run."
book_part = 2
verdict = "holds with limits"
page = "02-sample"
[claim.parts]
state = "the state <shrinks>"
gradient = "the gradient shrinks"

[[claim]]
id = "it-grows"
sources = ["001 conclusion"]
statement = "It grows."
expected = "does not hold"
expected_note = "at first it does"
settled_by = "Another run."
book_part = 7
"""


@pytest.fixture
def sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The sample in the place of the package's ledger."""
    path = tmp_path / "claims.toml"
    path.write_text(SAMPLE, encoding="utf-8")
    monkeypatch.setattr(claims, "_LEDGER", path)
    return path


@pytest.fixture
def shell() -> Iterator[Any]:
    """An IPython shell in this process, as a notebook has."""
    yield InteractiveShell.instance()
    InteractiveShell.clear_instance()


GOOD = {"state": (True, "it falls to 0.8"), "gradient": (False, "it stays")}


# The file.


def test_every_statement_that_is_owed_has_a_row() -> None:
    assert set(OWED) - set(LEDGER) == set()
    assert len(OWED) == len(set(OWED)) == 65
    assert len(LEDGER) > len(OWED), "reading the articles adds rows"


def test_what_the_chapters_owe_is_settled() -> None:
    assert [id_ for id_ in SETTLED_SO_FAR if not LEDGER[id_].settled] == []


def test_the_file_is_in_english_and_quotes_nothing() -> None:
    for claim in LEDGER.values():
        texts = [claim.statement, claim.settled_by, claim.expected_note, *(part.text for part in claim.parts)]
        assert not re.search(r"[\u3000-\u9fff]", " ".join(texts)), claim.id
        for sentence in (claim.statement, claim.settled_by):
            assert sentence[0].isupper() and sentence.endswith("."), claim.id
        assert "\\" not in "".join(texts) and "$" not in "".join(texts), f"{claim.id}: the text is shown as it stands"


def test_the_pages_of_the_rows_are_in_the_book() -> None:
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    files = {chapter["file"] for part in toc["parts"] for chapter in part["chapters"]}
    assert {f"chapters/{claim.page}" for claim in SETTLED} <= files
    assert f"chapters/{claims_page.LEDGER}" in files


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('id = "it-grows"', 'id = "it-decays"', "claim it-decays: the id stands twice"),
        ('id = "it-grows"', 'id = "It grows"', "lower-case words joined by hyphens, got 'It grows'"),
        ('id = "it-grows"', "id = 3", "claim 2: id must be"),
        ('id = "it-grows"\n', "", "claim 2: id is missing"),
        ('statement = "It grows."\n', "", "claim it-grows: statement is missing"),
        ('statement = "It grows."', 'statement = "  "', "claim it-grows: statement must be one line of text"),
        ('settled_by = "Another run."', 'settled_by = """a\nb"""', "claim it-grows: settled_by must be one line"),
        ('expected = "does not hold"', 'expected = "no"', "it-grows: expected must be one of holds, .*, got 'no'"),
        ('verdict = "holds with limits"', 'verdict = "maybe"', "it-decays: verdict must be one of .*, got 'maybe'"),
        ('verdict = "holds with limits"\n', "", "it-decays: a settled claim has .*; it lacks verdict"),
        ('page = "02-sample"\n', "", "it-decays: .* lacks page"),
        ('page = "02-sample"', 'page = "chapters/02-sample.ipynb"', "it-decays: page must be a notebook's name"),
        ("[claim.parts]\n", "", "it-decays: unknown field state, gradient"),
        ('state = "the state <shrinks>"\ngradient = "the gradient shrinks"', "", "it-decays: .* at least one part"),
        ('gradient = "the', 'Gradient = "the', "it-decays: a part's key must be a lower-case Python name"),
        ('gradient = "the', 'lambda = "the', "it-decays: a part's key .* got 'lambda'"),
        ('gradient = "the gradient shrinks"', "gradient = true", "it-decays: the part gradient must be one line"),
        ('gradient = "the', 'verdict = "the', "it-decays: verdict stands below .*, which must come last"),
        ('book_part = 7\n', "book_part = 8\n", "it-grows: book_part must be 1 … 7, got 8"),
        ('book_part = 7\n', "book_part = true\n", "it-grows: book_part must be 1 … 7, got True"),
        ('book_part = 7\n', "book_part = 7\ncolour = 1\n", "it-grows: unknown field colour"),
        ('["001 conclusion"]', "[]", "it-grows: sources must be a list"),
        ('["001 conclusion"]', '"001 conclusion"', "it-grows: sources must be a list"),
        ('["001 conclusion"]', '["005 §1"]', "it-grows: a source must look like .*, got '005 §1'"),
        ('["001 conclusion"]', '["001 3.2"]', "it-grows: a source must look like .*, got '001 3.2'"),
        ('["001 conclusion"]', '["001 FAQ", "001 FAQ"]', "it-grows: a source stands twice"),
        ("[[claim]]\nid = \"it-grows\"", "[[claims]]\nid = \"it-grows\"", "must hold .* entries and nothing else"),
        ("[[claim]]", "[[claim]", "not valid TOML"),
    ],
)  # fmt: skip
def test_a_malformed_row_is_refused(sample: Path, old: str, new: str, message: str) -> None:
    assert SAMPLE.count(old) >= 1
    sample.write_text(SAMPLE.replace(old, new), encoding="utf-8")
    with pytest.raises(LedgerError, match=message):
        claims.load(sample)


def test_the_sample_is_read(sample: Path) -> None:
    decays, grows = claims.load(sample).values()
    assert (decays.documents, decays.settled, decays.surprising) == (("000", "003"), True, True)
    assert (grows.documents, grows.settled, grows.surprising, grows.parts) == (("001",), False, False, ())
    assert list(claims.load()) == ["it-decays", "it-grows"]


# The verdict.


@pytest.mark.parametrize("length", [1, 2, 3, 4])
def test_the_verdict_follows_from_the_outcomes(length: int) -> None:
    for outcomes in itertools.product([True, False, None], repeat=length):
        computed = claims.verdict(outcomes)
        assert computed == claims.verdict(reversed(outcomes))
        kinds = set(outcomes)
        assert (computed == "holds") == (kinds == {True})
        assert (computed == "does not hold") == (kinds == {False})
        assert (computed == "holds with limits") == ({True, False} <= kinds)
        assert (computed == "not settled") == (kinds in ({None}, {True, None}, {False, None}))


@pytest.mark.parametrize("outcome", [np.True_, np.bool_(True), np.array([1, 2]).all(), np.float64(1) < 2])
def test_numpy_truth_values_are_outcomes(outcome: Any) -> None:
    assert claims.verdict([outcome]) == "holds"
    assert claims.verdict([~outcome]) == "does not hold"


@pytest.mark.parametrize(
    ("outcome", "name"),
    [
        (1, "int"),
        (0.0, "float"),
        (float("nan"), "float nan"),
        (np.float64("nan"), "float64"),
        ("True", "str"),
        ("holds", "str"),
        ([True], "list"),
        (np.array(True), "ndarray"),
        (np.array([True, False]), "ndarray"),
        (..., "ellipsis"),
    ],
)
def test_other_outcomes_are_refused_by_name(sample: Path, outcome: Any, name: str) -> None:
    with pytest.raises(TypeError, match=f"must be True, False or None .*, got {name}"):
        claims.verdict([True, outcome])
    with pytest.raises(TypeError, match=f"claim it-decays, part gradient: the outcome must be .*, got {name}"):
        claims.settle("it-decays", state=(True, "so"), gradient=(outcome, "so"))


def test_a_verdict_needs_an_outcome() -> None:
    with pytest.raises(ValueError, match="at least one outcome"):
        claims.verdict([])


# Settling.


def test_settle(sample: Path) -> None:
    settled = claims.settle("it-decays", gradient=(np.False_, "  it stays "), state=(True, "it falls"))
    assert settled.verdict == "holds with limits"
    assert settled.outcomes == {"state": True, "gradient": False}
    assert list(settled.outcomes) == ["state", "gradient"], "in the file's order"
    assert settled.evidence == {"state": "it falls", "gradient": "it stays"}
    assert json.loads(settled.to_json())["outcomes"] == {"state": True, "gradient": False}


@pytest.mark.parametrize(
    ("parts", "error", "message"),
    [
        ({"state": (True, "so")}, ClaimError, "no outcome for gradient. Its parts are state, gradient"),
        ({**GOOD, "speed": (True, "so")}, ClaimError, "claims.toml has no part speed"),
        ({"stat": (True, "so")}, ClaimError, "no outcome for state, gradient; claims.toml has no part stat"),
        ({}, ClaimError, "no outcome for state, gradient"),
        ({**GOOD, "state": True}, TypeError, r"part state must be a pair \(outcome, evidence\), got bool True"),
        ({**GOOD, "state": (True,)}, TypeError, "part state must be a pair"),
        ({**GOOD, "state": [True, "so"]}, TypeError, "part state must be a pair"),
        ({**GOOD, "state": ("so", True)}, TypeError, "part state: the outcome must be"),
        ({**GOOD, "state": (True, 0.8)}, TypeError, "part state: the evidence must be text, got float 0.8"),
        ({**GOOD, "state": (True, "")}, ClaimError, "part state: the evidence must be one line of text"),
        ({**GOOD, "state": (True, " \n")}, ClaimError, "part state: the evidence must be one line of text"),
        ({**GOOD, "state": (True, "a\u2028b")}, ClaimError, "part state: the evidence must be one line of text"),
        ({**GOOD, "state": (True, "a\nb")}, ClaimError, "part state: the evidence must be one line of text"),
    ],
)
def test_settle_refuses(sample: Path, parts: dict, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        claims.settle("it-decays", **parts)


def test_an_open_or_unknown_claim_cannot_be_settled(sample: Path) -> None:
    with pytest.raises(ClaimError, match=r"it-grows: it is open in claims.toml: add verdict, page and \[claim.parts\]"):
        claims.settle("it-grows", state=(True, "so"))
    with pytest.raises(KeyError, match=r"there is no claim 'it-decay'\. Did you mean 'it-decays'\?"):
        claims.settle("it-decay", **GOOD)
    with pytest.raises(KeyError, match="there is no claim 'zebra'"):
        claims.settle("zebra", **GOOD)
    with pytest.raises(SyntaxError, match="keyword argument repeated"):
        compile("settle('it-decays', state=(a, 'x'), state=(b, 'y'))", "cell", "eval")


def test_the_message_says_statement_verdicts_and_the_part_that_changed(sample: Path) -> None:
    sample.write_text(SAMPLE.replace('verdict = "holds with limits"', 'verdict = "holds"'), encoding="utf-8")
    with pytest.raises(ClaimError) as caught:
        claims.settle("it-decays", **GOOD)
    text = str(caught.value)
    assert "The <state> decays & is forgotten." in text
    assert "on record: holds; computed: holds with limits" in text
    assert [line.split(":")[0].strip() for line in text.splitlines() if line.endswith("<- changed")] == ["gradient"]
    assert "it stays" in text
    sample.write_text(SAMPLE, encoding="utf-8")
    with pytest.raises(ClaimError, match="'holds with limits' needs a part that is true and one that is false"):
        claims.settle("it-decays", state=(True, "so"), gradient=(True, "so"))


# The box.


def test_the_box_shows_all_and_stores_a_record(sample: Path, shell: Any) -> None:
    with capture_output() as captured:
        assert book.claim("it-decays", state=(True, "it <b>falls</b> & stays"), gradient=GOOD["gradient"]) is None
    assert captured.stdout == ""
    box, record = captured.outputs
    html, text = box.data["text/html"], box.data["text/plain"]
    assert 'id="claim-it-decays"' in html and 'href="claims.ipynb#row-it-decays"' in html
    assert "<b>" not in html and "<state>" not in html and "<shrinks>" not in html, "what is given is escaped"
    for shown in (unescape(html), text):
        for words in ("The <state> decays & is forgotten.", "articles 000 §2.1, 003 FAQ", "holds with limits"):
            assert words in shown
        for words in ("the state <shrinks>", "it <b>falls</b> & stays", "true", "it stays", "false"):
            assert words in shown
    assert "Not as expected" in html and "not as expected (holds)" in text
    assert record.metadata["scrapbook"]["name"] == "claim:it-decays"
    (stored,) = record.data.values()
    assert json.loads(stored) == {
        "id": "it-decays",
        "verdict": "holds with limits",
        "outcomes": {"state": True, "gradient": False},
        "evidence": {"state": "it <b>falls</b> & stays", "gradient": "it stays"},
    }


def test_a_failing_claim_shows_and_stores_nothing(sample: Path, shell: Any) -> None:
    with capture_output() as captured, pytest.raises(ClaimError):
        book.claim("it-decays", state=(True, "so"), gradient=(True, "so"))
    assert captured.stdout == "" and captured.outputs == []


def test_the_box_in_a_plain_session(sample: Path, capsys: pytest.CaptureFixture[str]) -> None:
    book.claim("it-decays", **GOOD)
    assert capsys.readouterr().out.splitlines() == [
        "Claim it-decays (in articles 000 §2.1, 003 FAQ): holds with limits, not as expected (holds)",
        "  The <state> decays & is forgotten.",
        "  [true] the state <shrinks>",
        "    it falls to 0.8",
        "  [false] the gradient shrinks",
        "    it stays",
    ]


def test_every_verdict_and_outcome_has_a_sign_words_and_a_colour() -> None:
    css = (ROOT / "_static" / "course.css").read_text(encoding="utf-8")
    for status in (*claims_page.STATUSES, "true", "false", "undecided"):
        assert claims_page.MARKS[status]
        assert f".{claims_page.css_class(status)}" in css
    for status in claims_page.STATUSES:
        assert status in claims_page.badge(status)


class Table(HTMLParser):
    """The rows of a ledger by anchor, each with its attributes and text; and that every tag is closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.rows: dict[str, dict[str, str]] = {}
        self.texts: dict[str, str] = {}
        self.links: dict[str, list[str]] = {}
        self.open: list[str] = []
        self.row = ""
        self.feed(html)
        self.close()
        assert self.open == [], "tags that are not closed"

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attributes}
        if tag == "tr" and "id" in found:
            self.row = found["id"]
            assert self.row not in self.rows
            self.rows[self.row], self.texts[self.row], self.links[self.row] = found, "", []
        if "href" in found:
            self.links[self.row].append(found["href"])
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.row:
            self.texts[self.row] += data


def test_the_table_of_the_sample(sample: Path) -> None:
    rows = claims.load()
    found = {"it-decays": Settled(rows["it-decays"], "holds with limits", {"state": True, "gradient": False},
                                  {"state": "it <falls>", "gradient": "it stays"})}  # fmt: skip
    table = Table(claims_page.ledger_html(rows.values(), found))
    assert list(table.rows) == ["row-it-decays", "row-it-grows"]
    decays, grows = table.rows.values()
    assert (decays["data-verdict"], decays["data-articles"], decays["data-surprise"]) == (
        "holds with limits",
        "000 003",
        "yes",
    )
    assert (grows["data-verdict"], grows["data-articles"], grows["data-surprise"]) == ("open", "001", "no")
    assert table.links == {"row-it-decays": ["02-sample.ipynb#claim-it-decays"], "row-it-grows": []}
    for words in (
        "The <state> decays",
        "it <falls>",
        "Evidence: 2 parts, 1 true, 1 false",
        "not as expected",
        "A run.",
    ):
        assert words in table.texts["row-it-decays"]
    for words in ("at first it does", "Another run.", "… open"):
        assert words in table.texts["row-it-grows"]


# What the notebooks have stored.


def _notebook(*records: str) -> dict:
    return {"cells": [{"outputs": [_record(text)]} for text in records]}


def _record(text: str, name: str = "claim:it-decays") -> dict:
    metadata = {"scrapbook": {"name": name, "mime_prefix": "application/papermill.record/"}}
    return {"metadata": metadata, "data": {"application/papermill.record/text/plain": text}}


STORED = json.dumps(
    {
        "id": "it-decays",
        "verdict": "holds with limits",
        "outcomes": {"state": True, "gradient": False},
        "evidence": {"state": "a", "gradient": "b"},
    }
)


def test_records_are_read_back(sample: Path, tmp_path: Path) -> None:
    (tmp_path / "02-sample.ipynb").write_text(json.dumps(_notebook(STORED)), encoding="utf-8")
    found = claims.stored(tmp_path)
    ((page, settled),) = found["it-decays"]
    assert page == "02-sample" and settled.evidence == {"state": "a", "gradient": "b"}
    assert list(claims_page.one_cell_each(claims.load(), found)) == ["it-decays"]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"id": "unknown"}', STORED.replace("it-decays", "it-shrinks")])
def test_a_record_that_does_not_fit_is_refused(sample: Path, text: str) -> None:
    with pytest.raises(LedgerError, match="the notebook stores the record 'claim:it-decays', which does not fit"):
        claims.records(_notebook(text), claims.load())


def _pairs(*pages: str, outcomes: dict | None = None) -> dict[str, list[tuple[str, Settled]]]:
    claim = claims.load()["it-decays"]
    outcomes = outcomes or {"state": True, "gradient": False}
    return {"it-decays": [(page, Settled(claim, "holds", outcomes, dict.fromkeys(outcomes, "x"))) for page in pages]}


def test_each_settled_claim_has_one_cell(sample: Path) -> None:
    rows = claims.load()
    for found, message in (
        ({}, "it-decays must have one cell in 02-sample, got none"),
        (_pairs("02-sample", "02-sample"), "it-decays must have one cell in 02-sample, got 02-sample, 02-sample"),
        (_pairs("03-other"), "it-decays must have one cell in 02-sample, got 03-other"),
        (_pairs("02-sample", outcomes={"state": True, "gradient": True}), "do not give 'holds with limits'"),
        (_pairs("02-sample", outcomes={"state": False, "speed": True}), "parts are not those"),
        ({"it-grows": _pairs("02-sample")["it-decays"]}, "it-grows must have no cell, since it is open"),
    ):
        with pytest.raises(LedgerError, match=message):
            claims_page.one_cell_each(rows, found)


# The book.


@pytest.fixture(scope="module")
def stored() -> dict[str, list[tuple[str, Settled]]]:
    return claims.stored(CHAPTERS)


def test_every_settled_row_has_its_cell_and_every_cell_its_row(stored: dict) -> None:
    assert set(claims_page.one_cell_each(LEDGER, stored)) == {claim.id for claim in SETTLED}


def _flips(claim: Claim, outcomes: dict[str, bool | None]) -> Iterator[tuple[str, dict[str, bool | None]]]:
    for key, now in outcomes.items():
        for other in {True, False, None} - {now}:
            yield key, {**outcomes, key: other}


@pytest.mark.parametrize("claim", SETTLED, ids=lambda claim: claim.id)
def test_a_flipped_outcome_fails(claim: Claim, stored: dict) -> None:
    """Every part of every claim, flipped: if the verdict changes, the cell fails; some flip changes it."""
    ((_, now),) = stored[claim.id]
    claims.settle(claim.id, **{key: (outcome, "as stored") for key, outcome in now.outcomes.items()})
    changed = 0
    for key, outcomes in _flips(claim, now.outcomes):
        parts = {name: (outcome, "flipped") for name, outcome in outcomes.items()}
        computed = claims.verdict(outcomes.values())
        if computed == claim.verdict:
            claims.settle(claim.id, **parts)
            continue
        changed += 1
        with pytest.raises(ClaimError) as caught:
            claims.settle(claim.id, **parts)
        assert claim.statement in str(caught.value)
        assert f"on record: {claim.verdict}; computed: {computed}" in str(caught.value)
        assert key in str(caught.value)
    many = Counter(now.outcomes.values())
    if claim.verdict == "not settled" and many[None] > 1:  # one decided part does not settle it, all of them do
        for other in (True, False):
            decided = {key: other if now.outcomes[key] is None else now.outcomes[key] for key in now.outcomes}
            with pytest.raises(ClaimError, match=re.escape(f"computed: {claims.verdict(decided.values())}")):
                claims.settle(claim.id, **{key: (outcome, "flipped") for key, outcome in decided.items()})
        return
    assert changed or (claim.verdict == "holds with limits" and min(many[True], many[False]) > 1)


@pytest.mark.parametrize("claim", SETTLED, ids=lambda claim: claim.id)
def test_a_flipped_verdict_in_the_file_fails(claim: Claim, stored: dict) -> None:
    for other in set(VERDICTS) - {claim.verdict}:
        flipped = {**LEDGER, claim.id: dataclasses.replace(claim, verdict=other)}
        with pytest.raises(LedgerError, match=f"{claim.id}: the stored outcomes do not give '{other}'"):
            claims_page.one_cell_each(flipped, stored)


@pytest.mark.parametrize("claim", SETTLED, ids=lambda claim: claim.id)
def test_a_flipped_verdict_fails_the_cell_itself(
    claim: Claim, stored: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The verdict is altered in a copy of claims.toml, and the cell's call is made with what it computed."""
    text = (ROOT / "rnncourse" / "claims.toml").read_text(encoding="utf-8")
    start = text.index(f'id = "{claim.id}"')
    at = text.index("verdict = ", start)
    other = next(one for one in VERDICTS if one != claim.verdict)
    end = text.index("\n", at)
    path = tmp_path / "claims.toml"
    path.write_text(f'{text[:at]}verdict = "{other}"{text[end:]}', encoding="utf-8")
    monkeypatch.setattr(claims, "_LEDGER", path)
    ((_, now),) = stored[claim.id]
    with pytest.raises(ClaimError, match=f"on record: {other}; computed: {claim.verdict}"):
        book.claim(claim.id, **{key: (now.outcomes[key], now.evidence[key]) for key in now.outcomes})


# The ledger's page.


@pytest.fixture(scope="module")
def page() -> nbformat.NotebookNode:
    return nbformat.read(CHAPTERS / f"{claims_page.LEDGER}.ipynb", as_version=4)


def test_every_row_stands_in_the_stored_page(page: nbformat.NotebookNode, stored: dict) -> None:
    (html,) = [
        output.data["text/html"]
        for cell in page.cells
        for output in cell.get("outputs", [])
        if "text/html" in output.get("data", {})
    ]
    table = Table(html)
    assert set(table.rows) == {f"row-{id_}" for id_ in LEDGER}
    for claim in LEDGER.values():
        text, row = table.texts[f"row-{claim.id}"], table.rows[f"row-{claim.id}"]
        assert row["data-verdict"] == (claim.verdict or "open")
        for words in (claim.statement, claim.expected, claim.settled_by, *claim.sources):
            assert words in text, f"{claim.id}: the page does not say {words!r}: run tools/execute.py"
        assert ("not as expected" in text) is claim.surprising
        if claim.settled:
            ((where, settled),) = stored[claim.id]
            assert all(evidence in text for evidence in settled.evidence.values()), claim.id
            assert table.links[f"row-{claim.id}"] == [f"{where}.ipynb#claim-{claim.id}"]
    assert html == claims_page.ledger_html(LEDGER.values(), claims_page.one_cell_each(LEDGER, stored))


def test_the_page_counts_right(page: nbformat.NotebookNode) -> None:
    printed = dict(
        line.split(" = ")
        for cell in page.cells
        for output in cell.get("outputs", [])
        if output.output_type == "stream"
        for line in output.text.splitlines()
    )
    counts = Counter(claim.verdict or "open" for claim in LEDGER.values())
    assert printed == {
        "statements": str(len(LEDGER)),
        "settled": str(len(SETTLED)),
        "holds": str(counts["holds"]),
        "limits": str(counts["holds with limits"]),
        "fails": str(counts["does not hold"]),
        "undecided": str(counts["not settled"]),
        "still_open": str(counts["open"]),
        "surprises": str(sum(claim.surprising for claim in SETTLED)),
    }


# The command line.


def _run(*arguments: str, columns: int = 100) -> Any:
    return CliRunner().invoke(cli.build_app(), ["claims", *arguments], env={"COLUMNS": str(columns)})


def test_cli_lists_all() -> None:
    done = _run()
    assert done.exit_code == 0
    for id_ in LEDGER:
        assert re.search(rf"\b{id_}\b", done.output)
    assert f"{len(LEDGER)} statements: " in done.output


@pytest.mark.parametrize("columns", [40, 69, 70, 100, 200])
def test_cli_keeps_to_the_width(columns: int) -> None:
    longest = max(map(len, _run(columns=columns).output.splitlines()))
    assert longest <= columns


@pytest.mark.parametrize(
    ("options", "chosen"),
    [
        (["--verdict", "does not hold"], lambda claim: claim.verdict == "does not hold"),
        (["--document", "003"], lambda claim: "003" in claim.documents),
        (["--open"], lambda claim: not claim.settled),
        (["--open", "--document", "004"], lambda claim: not claim.settled and "004" in claim.documents),
        (["--verdict", "holds", "--document", "000"], lambda one: one.verdict == "holds" and "000" in one.documents),
    ],
)  # fmt: skip
def test_cli_filters(options: list[str], chosen: Any) -> None:
    done = _run(*options, columns=200)
    assert done.exit_code == 0
    wanted = {claim.id for claim in LEDGER.values() if chosen(claim)}
    assert {id_ for id_ in LEDGER if re.search(rf"(?m)^[a-z ]+  {id_}( \*)?  ", done.output)} == wanted
    if not wanted:
        assert "No statement matches." in done.output


@pytest.mark.parametrize("claim", LEDGER.values(), ids=lambda claim: claim.id)
def test_cli_shows_one(claim: Claim, stored: dict) -> None:
    done = _run(claim.id)
    assert done.exit_code == 0
    flat = " ".join(done.output.split())
    for words in (claim.statement, claim.settled_by, claim.expected, claim.verdict or "open", *claim.sources):
        assert words in flat
    if claim.settled:
        assert f"#claim-{claim.id}" in flat and claim.page in flat
        for evidence in stored[claim.id][0][1].evidence.values():
            assert " ".join(evidence.split()) in flat


def test_cli_shows_a_row_whose_notebook_is_not_at_hand(sample: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "chapters_folder", lambda: sample.parent / "nowhere")
    done = _run("it-decays")
    assert done.exit_code == 0
    assert "- the state <shrinks>" in done.output and "which are not at hand" in done.output
    assert "verdict    holds with limits, not as expected" in done.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["elman-equation"], "there is no claim 'elman-equation'. Did you mean elman-equations"),
        (["zzz"], "there is no claim 'zzz'. `rnncourse claims` lists them."),
        (["--verdict", "hold"], "--verdict must be one of 'holds', .*, got 'hold'. Did you mean 'holds'?"),
        (["--document", "3"], "--document must be one of 000, 001, 002, 003, 004, got '3'"),
        (["--document", "005"], "--document must be one of"),
        (["--open", "--verdict", "holds"], "--verdict and --open do not go together"),
        (["elman-equations", "--open"], "an id and a filter do not go together"),
        (["one", "two"], "unexpected extra argument"),
        (["--colour"], "No such option"),
    ],
)
def test_cli_refuses(arguments: list[str], message: str) -> None:
    done = _run(*arguments)
    assert done.exit_code == 2
    assert re.search(message, " ".join(done.output.split()))
    assert "Traceback" not in done.output


def test_cli_says_when_nothing_matches(sample: Path) -> None:
    done = _run("--verdict", "holds")
    assert (done.exit_code, done.output) == (0, "No statement matches.\n")


def test_cli_reports_a_broken_file(sample: Path) -> None:
    sample.write_text(SAMPLE.replace('expected = "holds"', 'expected = "no"'), encoding="utf-8")
    done = _run()
    assert done.exit_code == 2
    assert "rnncourse: claim it-decays: expected must be one of" in done.output
