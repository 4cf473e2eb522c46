"""The claims ledger: what the articles say, and the verdict that the book's cells compute.

`claims.toml` holds one entry for each statement. A statement has parts, sentences that can be true or false, phrased in
its own sense. A chapter's cell computes for each part an outcome: True, False, or None where the runs do not tell. The
verdict follows from the outcomes alone (`verdict`), and `settle` fails when it is not the one on record.
Standard library only.
"""

from __future__ import annotations

import difflib
import json
import keyword
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

__all__ = [
    "BOOK_PARTS",
    "RECORD",
    "VERDICTS",
    "Claim",
    "ClaimError",
    "LedgerError",
    "Part",
    "Settled",
    "chapters_folder",
    "get",
    "load",
    "records",
    "settle",
    "stored",
    "verdict",
    "word",
]

#: The four verdicts, from the strongest support to none.
VERDICTS = ("holds", "holds with limits", "does not hold", "not settled")

#: The parts of the book that a statement may belong to.
BOOK_PARTS = {
    1: "The mathematics of recurrent networks",
    2: "Gradient problems",
    3: "LSTM and GRU",
    4: "Optimisation",
    5: "Attention",
    6: "Against the Transformer",
    7: "Appendix",
}

#: The name under which a notebook stores what a claim's cell computed is this and the claim's id.
RECORD = "claim:"

_PACKAGE = Path(__file__).resolve().parent
_LEDGER = _PACKAGE / "claims.toml"
_ID = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_SOURCE = re.compile(r"00[0-4] (?:§\d+(?:\.\d+){0,2}|FAQ|conclusion|references)")
_REQUIRED = ("id", "sources", "statement", "expected", "settled_by", "book_part")
_WHEN_SETTLED = ("verdict", "page", "parts")
_OPTIONAL = ("expected_note",)


class LedgerError(ValueError):
    """The file claims.toml is not as it should be; the message names the claim and the field."""


class ClaimError(Exception):
    """A claim's cell does not support what is on record."""


@dataclass(frozen=True)
class Part:
    """One testable part of a statement.

    Attributes:
        key: its name in claims.toml and in the cell's call.
        text: a sentence that can be true or false; True speaks for the statement.
    """

    key: str
    text: str


@dataclass(frozen=True)
class Claim:
    """One statement of the articles, as claims.toml has it.

    Attributes:
        id: its name, lower case with hyphens.
        sources: where the articles say it, such as "000 §3.2".
        statement: what they say, in English.
        expected: the verdict that the literature leads one to expect.
        settled_by: the least that settles it.
        book_part: the part of the book that it belongs to, a key of `BOOK_PARTS`.
        expected_note: where the parts are expected to differ, or "".
        verdict: the verdict on record, or "" while the statement is open.
        page: the notebook whose cell computes the verdict, without .ipynb, or "".
        parts: its testable parts, none while it is open.
    """

    id: str
    sources: tuple[str, ...]
    statement: str
    expected: str
    settled_by: str
    book_part: int
    expected_note: str = ""
    verdict: str = ""
    page: str = ""
    parts: tuple[Part, ...] = ()

    @property
    def documents(self) -> tuple[str, ...]:
        """The articles that make the statement, such as ("000", "003")."""
        return tuple(sorted({source[:3] for source in self.sources}))

    @property
    def settled(self) -> bool:
        """Whether a cell of the book has put the statement to the test."""
        return bool(self.verdict)

    @property
    def surprising(self) -> bool:
        """Whether the verdict is another than the expected one."""
        return self.settled and self.verdict != self.expected


@dataclass(frozen=True)
class Settled:
    """What a cell computed for a claim.

    Attributes:
        claim: the statement.
        verdict: computed from the outcomes.
        outcomes: for each part True, False or None.
        evidence: for each part the sentence with the measured figure.
    """

    claim: Claim
    verdict: str
    outcomes: dict[str, bool | None]
    evidence: dict[str, str]

    def to_json(self) -> str:
        """The record that the notebook stores."""
        return json.dumps(
            {
                "id": self.claim.id,
                "verdict": self.verdict,
                "outcomes": self.outcomes,
                "evidence": self.evidence,
            },
            ensure_ascii=False,
        )


def verdict(outcomes: Iterable[bool | None]) -> str:
    """The verdict that outcomes give.

    All True: "holds". All False: "does not hold". Both True and False among them: "holds with limits". Otherwise, that
    is when something is undecided and the rest agrees: "not settled".

    Args:
        outcomes: one for each part of a statement: True, False or None (undecided).

    Raises:
        ValueError: there is no outcome.
        TypeError: an outcome is none of the three.

    Examples:
        >>> verdict([True, True]), verdict([True, False, None]), verdict([False, None])
        ('holds', 'holds with limits', 'not settled')
    """
    found = [_outcome("an outcome", outcome) for outcome in outcomes]
    if not found:
        raise ValueError("a verdict needs at least one outcome")
    if True in found and False in found:
        return "holds with limits"
    if None in found:
        return "not settled"
    return "holds" if found[0] else "does not hold"


def load(path: Path | None = None) -> dict[str, Claim]:
    """Read and check the ledger.

    Args:
        path: a TOML file; without it, the one of the package.

    Returns:
        The claims by id, in the file's order.

    Raises:
        LedgerError: an entry is incomplete, unknown, repeated or contradicts itself.
    """
    text = (path or _LEDGER).read_text(encoding="utf-8")
    return dict(_parsed(text))


def get(id: str) -> Claim:
    """One claim of the package's ledger.

    Args:
        id: its name, such as "elman-equations".

    Raises:
        KeyError: there is no such claim; the message names the closest.
    """
    claims = load()
    if id not in claims:
        close = difflib.get_close_matches(str(id), claims, n=1)
        raise KeyError(f"there is no claim {id!r}." + (f" Did you mean {close[0]!r}?" if close else ""))
    return claims[id]


def settle(id: str, /, **parts: tuple[bool | None, str]) -> Settled:
    """Compute a claim's verdict from what a cell found, and compare it with the one on record.

    Args:
        id: the claim's name in claims.toml.
        parts: for each part of the claim its outcome (True, False, or None for undecided) and the evidence, one
            sentence with the figure that was measured.

    Returns:
        The verdict with its outcomes and evidence, in the order of claims.toml.

    Raises:
        KeyError: there is no such claim.
        TypeError: a part is no pair, an outcome none of the three, or an evidence no text.
        ClaimError: the claim is open, parts are missing or unknown, an evidence is empty, or the outcomes give another
            verdict than the one on record.
    """
    claim = get(id)
    if not claim.settled:
        raise ClaimError(f"claim {id}: it is open in claims.toml: add verdict, page and [claim.parts] there")
    _check_keys(claim, parts)
    outcomes, evidence = {}, {}
    for part in claim.parts:
        outcomes[part.key], evidence[part.key] = _pair(f"claim {id}, part {part.key}", parts[part.key])
    computed = verdict(outcomes.values())
    if computed != claim.verdict:
        raise ClaimError(_disagreement(claim, computed, outcomes, evidence))
    return Settled(claim, computed, outcomes, evidence)


def chapters_folder() -> Path:
    """The folder of the book's notebooks: of the checkout, or the copy that an installed package carries."""
    inside, beside = _PACKAGE / "chapters", _PACKAGE.parent / "chapters"
    return inside if inside.is_dir() else beside


def stored(folder: Path | None = None) -> dict[str, list[tuple[str, Settled]]]:
    """What the claims' cells computed when the notebooks were last executed, read from their stored outputs.

    Args:
        folder: where the notebooks lie; without it, the book's own.

    Returns:
        For each claim id pairs of the page and what its cell stored: one pair if all is well.

    Raises:
        LedgerError: a stored record belongs to no claim of the ledger or cannot be read.
    """
    claims = load()
    found: dict[str, list[tuple[str, Settled]]] = {}
    for path in sorted((folder or chapters_folder()).glob("*.ipynb")):
        for settled in records(json.loads(path.read_text(encoding="utf-8")), claims, path.name):
            found.setdefault(settled.claim.id, []).append((path.stem, settled))
    return found


def records(notebook: Mapping[str, Any], claims: Mapping[str, Claim], name: str = "the notebook") -> list[Settled]:
    """What the claims' cells of one notebook stored.

    Args:
        notebook: the notebook's JSON.
        claims: the ledger that the records refer to.
        name: the notebook's name, for the message.

    Raises:
        LedgerError: a record belongs to no claim of the ledger or cannot be read.
    """
    found = []
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            key = output.get("metadata", {}).get("scrapbook", {}).get("name", "")
            if not key.startswith(RECORD):
                continue
            try:
                text = "".join("".join(part) for part in output["data"].values())
                record = json.loads(text)
                claim = claims[record["id"]]
                settled = Settled(claim, record["verdict"], dict(record["outcomes"]), dict(record["evidence"]))
            except (KeyError, TypeError, ValueError) as error:
                raise LedgerError(
                    f"{name} stores the record {key!r}, which does not fit claims.toml: run tools/execute.py"
                ) from error
            found.append(settled)
    return found


def _outcome(name: str, value: Any) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    # NumPy's own truth values, without importing NumPy.
    if any(base.__module__ == "numpy" and base.__name__ in ("bool", "bool_") for base in type(value).__mro__):
        return bool(value)
    raise TypeError(f"{name} must be True, False or None (undecided), got {type(value).__name__} {value!r}")


def _pair(name: str, value: Any) -> tuple[bool | None, str]:
    if not isinstance(value, tuple) or len(value) != 2:
        raise TypeError(f"{name} must be a pair (outcome, evidence), got {type(value).__name__} {value!r}")
    outcome = _outcome(f"{name}: the outcome", value[0])
    if not isinstance(value[1], str):
        raise TypeError(f"{name}: the evidence must be text, got {type(value[1]).__name__} {value[1]!r}")
    text = value[1].strip()
    if len(text.splitlines()) != 1:
        raise ClaimError(f"{name}: the evidence must be one line of text, got {value[1]!r}")
    return outcome, text


def _check_keys(claim: Claim, parts: Mapping[str, Any]) -> None:
    known = [part.key for part in claim.parts]
    missing, unknown = [key for key in known if key not in parts], [key for key in parts if key not in known]
    complaints = []
    if missing:
        complaints.append(f"no outcome for {', '.join(missing)}")
    if unknown:
        complaints.append(f"claims.toml has no part {', '.join(unknown)}")
    if complaints:
        raise ClaimError(f"claim {claim.id}: {'; '.join(complaints)}. Its parts are {', '.join(known)}")


#: For a recorded verdict: which outcomes speak against it, and what is to be said when none does.
_AGAINST = {
    "holds": ((False, None), ""),
    "does not hold": ((True, None), ""),
    "holds with limits": ((), "needs a part that is true and one that is false"),
    "not settled": ((), "needs a part that is undecided, and the others of one kind"),
}


def _disagreement(claim: Claim, computed: str, outcomes: Mapping[str, bool | None], evidence: Mapping[str, str]) -> str:
    against, needs = _AGAINST[claim.verdict]
    lines = [
        f"claim {claim.id}: {claim.statement}",
        f"  on record: {claim.verdict}; computed: {computed}" + (f" ({claim.verdict!r} {needs})" if needs else ""),
    ]
    for part in claim.parts:
        outcome = outcomes[part.key]
        mark = "  <- changed" if outcome in against else ""
        lines.append(f"  {part.key}: {word(outcome)} ({part.text}): {evidence[part.key]}{mark}")
    lines.append("  Find out why before you change the verdict in claims.toml.")
    return "\n".join(lines)


def word(outcome: bool | None) -> str:
    """An outcome in words: "true", "false" or "undecided".

    Args:
        outcome: True, False or None.
    """
    return {True: "true", False: "false", None: "undecided"}[outcome]


# Reading the file.


@cache
def _parsed(text: str) -> dict[str, Claim]:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise LedgerError(f"claims.toml is not valid TOML: {error}") from error
    if set(document) != {"claim"} or not isinstance(document["claim"], list):
        raise LedgerError(f"claims.toml must hold [[claim]] entries and nothing else, got {', '.join(document) or '∅'}")
    claims: dict[str, Claim] = {}
    for number, entry in enumerate(document["claim"], start=1):
        claim = _claim(number, entry)
        if claim.id in claims:
            raise LedgerError(f"claim {claim.id}: the id stands twice")
        claims[claim.id] = claim
    return claims


def _claim(number: int, entry: Any) -> Claim:
    name = f"claim {entry['id']}" if isinstance(entry, dict) and isinstance(entry.get("id"), str) else f"claim {number}"
    if not isinstance(entry, dict):
        raise LedgerError(f"{name}: an entry must be a table [[claim]]")
    missing = [key for key in _REQUIRED if key not in entry]
    unknown = [key for key in entry if key not in (*_REQUIRED, *_OPTIONAL, *_WHEN_SETTLED)]
    if missing:
        raise LedgerError(f"{name}: {', '.join(missing)} is missing")
    if unknown:
        raise LedgerError(f"{name}: unknown field {', '.join(unknown)}")
    if not isinstance(entry["id"], str) or not _ID.fullmatch(entry["id"]):
        raise LedgerError(f"{name}: id must be lower-case words joined by hyphens, got {entry['id']!r}")
    for key in ("statement", "settled_by", "expected_note"):
        if key in entry:
            _check_text(f"{name}: {key}", entry[key])
    for key in ("expected", "verdict"):
        if key in entry and entry[key] not in VERDICTS:
            raise LedgerError(f"{name}: {key} must be one of {', '.join(VERDICTS)}, got {entry[key]!r}")
    if isinstance(entry["book_part"], bool) or entry["book_part"] not in BOOK_PARTS:
        raise LedgerError(f"{name}: book_part must be 1 … {max(BOOK_PARTS)}, got {entry['book_part']!r}")
    return Claim(
        **{key: entry[key] for key in (*_REQUIRED, *_OPTIONAL) if key in entry and key != "sources"},
        sources=_sources(name, entry["sources"]),
        **_settled_fields(name, entry),
    )


def _sources(name: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise LedgerError(f'{name}: sources must be a list such as ["000 §3.2"], got {value!r}')
    for source in value:
        if not isinstance(source, str) or not _SOURCE.fullmatch(source):
            raise LedgerError(
                f'{name}: a source must look like "000 §3.2", "000 FAQ", "001 conclusion" or "003 references", '
                f"got {source!r}"
            )
    if len(set(value)) < len(value):
        raise LedgerError(f"{name}: a source stands twice")
    return tuple(value)


def _settled_fields(name: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    given = [key for key in _WHEN_SETTLED if key in entry]
    if not given:
        return {}
    if len(given) < len(_WHEN_SETTLED):
        lacking = ", ".join(key for key in _WHEN_SETTLED if key not in given)
        raise LedgerError(f"{name}: a settled claim has verdict, page and [claim.parts]; it lacks {lacking}")
    _check_text(f"{name}: page", entry["page"])
    if not _ID.fullmatch(entry["page"]):
        raise LedgerError(f"{name}: page must be a notebook's name without .ipynb, got {entry['page']!r}")
    if not isinstance(entry["parts"], dict) or not entry["parts"]:
        raise LedgerError(f"{name}: [claim.parts] must hold at least one part")
    for key, text in entry["parts"].items():
        if key in (*_REQUIRED, *_OPTIONAL, *_WHEN_SETTLED):
            raise LedgerError(f"{name}: {key} stands below [claim.parts], which must come last")
        if not re.fullmatch(r"[a-z][a-z0-9_]*", key) or keyword.iskeyword(key):
            raise LedgerError(f"{name}: a part's key must be a lower-case Python name, got {key!r}")
        _check_text(f"{name}: the part {key}", text)
    parts = tuple(Part(key, text) for key, text in entry["parts"].items())
    return {"verdict": entry["verdict"], "page": entry["page"], "parts": parts}


def _check_text(name: str, value: Any) -> None:
    if not isinstance(value, str) or len(value.strip().splitlines()) != 1:
        raise LedgerError(f"{name} must be one line of text, got {value!r}")
