"""How claims look: the box in a chapter and the ledger of them all, as HTML and as text.

Colours come from the site's style sheet alone. Without it, in JupyterLab or on paper, every verdict and outcome stands
in words. Links lead to notebooks (`claims.ipynb`); building the site turns them into links to its pages.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from html import escape

from rnncourse.claims import BOOK_PARTS, VERDICTS, Claim, LedgerError, Settled, verdict, word

__all__ = [
    "LEDGER",
    "MARKS",
    "STATUSES",
    "badge",
    "box_html",
    "box_text",
    "counts_text",
    "css_class",
    "detail_text",
    "ledger_html",
    "ledger_text",
    "one_cell_each",
    "parts_html",
]

#: What a row of the ledger can be: settled with one of the verdicts, or open.
STATUSES = (*VERDICTS, "open")

#: The notebook of the ledger, without .ipynb.
LEDGER = "claims"

#: A sign beside each verdict and outcome, so that colour is never alone.
MARKS = {
    "holds": "✓",
    "holds with limits": "±",
    "does not hold": "✗",
    "not settled": "?",
    "open": "…",
    "true": "✓",
    "false": "✗",
    "undecided": "?",
}


def css_class(status: str) -> str:
    """The class of a verdict or outcome in the style sheet, such as "is-holds-with-limits".

    Args:
        status: a verdict, "open", or an outcome in words.
    """
    return "is-" + status.replace(" ", "-")


def badge(status: str) -> str:
    """A verdict as HTML, its sign and its words.

    Args:
        status: a verdict or "open".
    """
    return (
        f'<span class="claim-badge {css_class(status)}"><span aria-hidden="true">{MARKS[status]}</span> '
        f"{escape(status)}</span>"
    )


def parts_html(settled: Settled) -> str:
    """The parts of a claim as an HTML list: outcome, sentence, evidence.

    Args:
        settled: what the claim's cell computed.
    """
    items = []
    for part in settled.claim.parts:
        outcome = word(settled.outcomes[part.key])
        items.append(
            f'<li class="{css_class(outcome)}"><span class="claim-outcome"><span aria-hidden="true">{MARKS[outcome]}'
            f'</span> {outcome}:</span> {escape(part.text)}<br>\n<span class="claim-evidence">'
            f"{escape(settled.evidence[part.key])}</span></li>"
        )
    return '<ul class="claim-parts">\n' + "\n".join(items) + "\n</ul>"


def box_html(settled: Settled) -> str:
    """The box of a claim in its chapter; its anchor is claim-ID.

    Args:
        settled: what the claim's cell computed.
    """
    claim = settled.claim
    return "\n".join(
        [
            f'<div class="claim-box {css_class(settled.verdict)}" id="claim-{claim.id}" role="group" '
            f'aria-label="Claim {claim.id}: {settled.verdict}">',
            '<p class="claim-head"><strong>Claim</strong> '
            f'<span class="claim-sources">in {escape(_sources(claim))}</span> {badge(settled.verdict)}</p>',
            f'<p class="claim-statement">{escape(claim.statement)}</p>',
            parts_html(settled),
            *_surprise_html(claim),
            f'<p class="claim-link"><a href="{LEDGER}.ipynb#row-{claim.id}">'
            f"<code>{claim.id}</code> in the claims ledger</a></p>",
            "</div>",
        ]
    )


def ledger_html(claims: Iterable[Claim], found: Mapping[str, Settled]) -> str:
    """The whole ledger as an HTML table, a group of rows for each part of the book; a row's anchor is row-ID.

    Every row stands in it; the site's script adds the filter.

    Args:
        claims: the rows.
        found: for each settled claim what its cell computed, see `one_cell_each`.
    """
    groups: dict[int, list[str]] = {number: [] for number in BOOK_PARTS}
    for claim in claims:
        groups[claim.book_part].append(_row_html(claim, found.get(claim.id)))
    lines = [
        '<table class="ledger" role="table" aria-label="The claims ledger">',
        '<thead role="rowgroup"><tr role="row">'
        + "".join(f'<th role="columnheader" scope="col">{name}</th>' for name in ("statement", "expected", "verdict"))
        + "</tr></thead>",
    ]
    for number, rows in groups.items():
        if rows:
            lines += [
                f'<tbody role="rowgroup" data-title="{escape(_part_title(number))}">',
                f'<tr role="row" class="ledger-part"><th role="rowheader" scope="rowgroup" colspan="3">'
                f"{escape(_part_title(number))}</th></tr>",
                *rows,
                "</tbody>",
            ]
    return "\n".join([*lines, "</table>"])


def _row_html(claim: Claim, settled: Settled | None) -> str:
    status = claim.verdict or "open"
    note = f'<span class="claim-note">{escape(claim.expected_note)}</span>' if claim.expected_note else ""
    surprise = '<span class="claim-surprise">not as expected</span>' if claim.surprising else ""
    if settled is None:
        more = f"<details>\n<summary>What would settle it</summary>\n<p>{escape(claim.settled_by)}</p>\n</details>"
    else:
        more = (
            f"<details>\n<summary>Evidence: {_counted(settled)}</summary>\n{parts_html(settled)}\n"
            f'<p>Asked for: {escape(claim.settled_by)}</p>\n</details>\n<p class="claim-link">'
            f'<a href="{claim.page}.ipynb#claim-{claim.id}">'
            f"Where it is computed: {escape(_page_title(claim.page))}</a></p>"
        )
    return "\n".join(
        [
            f'<tr role="row" id="row-{claim.id}" class="{css_class(status)}" data-verdict="{status}" '
            f'data-articles="{" ".join(claim.documents)}" data-surprise="{"yes" if claim.surprising else "no"}">',
            f'<td role="cell"><p class="claim-head"><code>{claim.id}</code> '
            f'<span class="claim-sources">{escape(_sources(claim))}</span></p>',
            f'<p class="claim-statement">{escape(claim.statement)}</p>\n{more}</td>',
            f'<td role="cell" data-label="expected">{claim.expected}{note}</td>',
            f'<td role="cell" data-label="verdict">{badge(status)}{surprise}</td></tr>',
        ]
    )


def one_cell_each(
    claims: Mapping[str, Claim], found: Mapping[str, Sequence[tuple[str, Settled]]]
) -> dict[str, Settled]:
    """Check that each settled claim was computed once, on its page, with its verdict.

    Args:
        claims: the ledger.
        found: what the notebooks stored, as `rnncourse.claims.stored` reads it.

    Returns:
        For each settled claim what its cell computed.

    Raises:
        LedgerError: a cell is missing, stands twice or on another page, or its outcomes give another verdict.
    """
    complaints = []
    for claim in claims.values():
        cells = found.get(claim.id, ())
        pages = [page for page, _ in cells]
        if pages != ([claim.page] if claim.settled else []):
            wanted = f"one cell in {claim.page}" if claim.settled else "no cell, since it is open"
            complaints.append(f"{claim.id} must have {wanted}, got {', '.join(pages) or 'none'}")
            continue
        for _, settled in cells:
            if list(settled.outcomes) != [part.key for part in claim.parts]:
                complaints.append(f"{claim.id}: the cell's parts are not those of claims.toml")
            elif verdict(settled.outcomes.values()) != claim.verdict:
                complaints.append(f"{claim.id}: the stored outcomes do not give {claim.verdict!r}")
    if complaints:
        raise LedgerError("; ".join(complaints) + ". Run tools/execute.py on the page")
    return {id_: cells[0][1] for id_, cells in found.items()}


def _surprise_html(claim: Claim) -> list[str]:
    if not claim.surprising:
        return []
    note = f" ({claim.expected_note})" if claim.expected_note else ""
    return [f'<p class="claim-surprise">Not as expected: the literature suggests "{claim.expected}"{escape(note)}.</p>']


def box_text(settled: Settled, width: int = 100) -> str:
    """The same as plain text.

    Args:
        settled: what the claim's cell computed.
        width: characters a line.
    """
    claim = settled.claim
    surprise = f", not as expected ({claim.expected})" if claim.surprising else ""
    lines = [f"Claim {claim.id} (in {_sources(claim)}): {settled.verdict}{surprise}"]
    lines += _wrapped(claim.statement, width, initial_indent="  ", subsequent_indent="  ")
    for part in claim.parts:
        mark = f"  [{word(settled.outcomes[part.key])}] "
        lines += _wrapped(part.text, width, initial_indent=mark, subsequent_indent=" " * 4)
        lines += _wrapped(settled.evidence[part.key], width, initial_indent=" " * 4, subsequent_indent=" " * 4)
    return "\n".join(lines)


def ledger_text(claims: Iterable[Claim], width: int = 100) -> str:
    """Rows of the ledger as a table for a terminal: verdict, id, statement.

    Args:
        claims: the rows.
        width: characters a line; where three columns do not fit, a row takes two paragraphs.
    """
    rows = [
        (claim.verdict or "open", claim.id + (" *" if claim.surprising else ""), claim.statement) for claim in claims
    ]
    if not rows:
        return "No statement matches."
    first, second = (max(len(row[column]) for row in rows) for column in (0, 1))
    indent = first + second + 4
    lines = []
    for status, name, statement in rows:
        if width < indent + 24:
            lines += _wrapped(f"{name}: {status}", width, subsequent_indent="  ")
            lines += _wrapped(statement, width, initial_indent="  ", subsequent_indent="  ")
        else:
            start = f"{status:<{first}}  {name:<{second}}  "
            lines += _wrapped(statement, width, initial_indent=start, subsequent_indent=" " * indent)
    if any(name.endswith("*") for _, name, _ in rows):
        legend = "* not the verdict that the literature leads one to expect"
        lines += ["", *_wrapped(legend, width, subsequent_indent="  ")]
    return "\n".join(lines)


def counts_text(claims: Iterable[Claim]) -> str:
    """How many statements there are, in all and by verdict.

    Args:
        claims: the rows.
    """
    statuses = [claim.verdict or "open" for claim in claims]
    counted = ", ".join(f"{status} {statuses.count(status)}" for status in STATUSES if status in statuses)
    return f"{len(statuses)} {'statement' if len(statuses) == 1 else 'statements'}: {counted or 'none'}."


def detail_text(claim: Claim, settled: Settled | None, width: int = 100) -> str:
    """One row of the ledger in full, as plain text.

    Args:
        claim: the row.
        settled: what its cell computed, or None when the claim is open or the notebooks are not at hand.
        width: characters a line.
    """
    expected = claim.expected + (f" ({claim.expected_note})" if claim.expected_note else "")
    lines = [claim.id, ""]
    lines += _field("statement", claim.statement, width)
    lines += _field("in", _sources(claim), width)
    lines += _field("book", _part_title(claim.book_part), width)
    lines += _field("expected", expected, width)
    lines += _field("asked for", claim.settled_by, width)
    lines += _field("verdict", (claim.verdict or "open") + (", not as expected" if claim.surprising else ""), width)
    if not claim.settled:
        return "\n".join(lines)
    lines += _field(
        "cell", f"chapters/{claim.page}.ipynb; on the site chapters/{claim.page}.html#claim-{claim.id}", width
    )
    for part in claim.parts:
        outcome = f"[{word(settled.outcomes[part.key])}] " if settled else "- "
        lines += ["", *_wrapped(outcome + part.text, width, subsequent_indent="    ")]
        if settled:
            evidence = settled.evidence[part.key]
            lines += _wrapped(evidence, width, initial_indent="    ", subsequent_indent="    ")
    if settled is None:
        lines += ["", "Its outcomes and evidence are in the book's notebooks, which are not at hand."]
    return "\n".join(lines)


def _wrapped(text: str, width: int, *, initial_indent: str = "", subsequent_indent: str = "") -> list[str]:
    return textwrap.wrap(
        text,
        width,
        initial_indent=initial_indent,
        subsequent_indent=subsequent_indent,
        break_on_hyphens=False,
        break_long_words=False,
    )


def _field(name: str, text: str, width: int) -> list[str]:
    return _wrapped(text, max(width, 40), initial_indent=f"{name:<11}", subsequent_indent=" " * 11)


def _counted(settled: Settled) -> str:
    words = [word(outcome) for outcome in settled.outcomes.values()]
    noun = "part" if len(words) == 1 else "parts"
    return f"{len(words)} {noun}, " + ", ".join(
        f"{words.count(w)} {w}" for w in ("true", "false", "undecided") if w in words
    )


def _part_title(number: int) -> str:
    return f"Part {number} · {BOOK_PARTS[number]}" if number < max(BOOK_PARTS) else BOOK_PARTS[number]


def _page_title(page: str) -> str:
    number = page.partition("-")[0]
    return f"chapter {number}" if number.isdigit() else page.replace("-", " ")


def _sources(claim: Claim) -> str:
    noun = "article" if len(claim.documents) == 1 else "articles"
    return f"{noun} {', '.join(claim.sources)}"
