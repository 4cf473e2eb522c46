"""How claims look: the box in a chapter, as HTML and as text.

Colours come from the site's style sheet alone. Without it, in JupyterLab or on paper, every verdict and outcome stands
in words. Links lead to notebooks (`claims.ipynb`); building the site turns them into links to its pages.
"""

from __future__ import annotations

import textwrap
from html import escape

from rnncourse.claims import Claim, Settled, word

__all__ = ["LEDGER", "MARKS", "box_html", "box_text", "css_class"]

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
            f'<p class="claim-head"><strong>Claim</strong> <span class="claim-sources">{escape(_sources(claim))}</span>'
            f" {badge(settled.verdict)}</p>",
            f'<p class="claim-statement">{escape(claim.statement)}</p>',
            parts_html(settled),
            f'<p class="claim-link"><a href="{LEDGER}.ipynb#row-{claim.id}">'
            f"<code>{claim.id}</code> in the claims ledger</a></p>",
            "</div>",
        ]
    )


def box_text(settled: Settled, width: int = 100) -> str:
    """The same as plain text.

    Args:
        settled: what the claim's cell computed.
        width: characters a line.
    """
    claim = settled.claim
    lines = [f"Claim {claim.id} ({_sources(claim)}): {settled.verdict}"]
    lines += textwrap.wrap(claim.statement, width, initial_indent="  ", subsequent_indent="  ")
    for part in claim.parts:
        mark = f"  [{word(settled.outcomes[part.key])}] "
        lines += textwrap.wrap(part.text, width, initial_indent=mark, subsequent_indent=" " * 4)
        lines += textwrap.wrap(settled.evidence[part.key], width, initial_indent=" " * 4, subsequent_indent=" " * 4)
    return "\n".join(lines)


def _sources(claim: Claim) -> str:
    return ", ".join(claim.sources)
