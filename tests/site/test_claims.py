"""The claims ledger on the built site: filter, links between rows and boxes, phone, dark, no script, no server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rnncourse import claims

from .conftest import LOOK, MODES, Mode, settle

pytestmark = pytest.mark.site

LEDGER = claims.load()
ADDRESS = "chapters/claims.html"


@pytest.fixture
def opened(browser: Any, server: str) -> Any:
    """Opens a page of the site in a mode; closes what was opened."""
    contexts = []

    def open_(address: str = ADDRESS, mode: Mode = MODES[0], **options: Any) -> Any:
        context = browser.new_context(
            viewport={"width": mode.width, "height": mode.height}, color_scheme=mode.scheme, **options
        )
        contexts.append(context)
        page = context.new_page()
        page.goto(address if "://" in address else server + address)
        if options.get("java_script_enabled", True):
            settle(page)
        return page

    yield open_
    for context in contexts:
        context.close()


def shown(page: Any) -> set[str]:
    """The ids of the rows in sight."""
    rows = page.locator("table.ledger tr[data-verdict]")
    return {
        row.removeprefix("row-")
        for row in rows.evaluate_all("all => all.filter(r => r.checkVisibility()).map(r => r.id)")
    }


def chosen(keep: Callable[[claims.Claim], bool]) -> set[str]:
    return {claim.id for claim in LEDGER.values() if keep(claim)}


def count(page: Any) -> str:
    return page.locator(".ledger-filter output").inner_text()


def test_it_begins_with_every_row(opened: Any) -> None:
    page = opened()
    assert shown(page) == set(LEDGER)
    assert count(page) == f"{len(LEDGER)} of {len(LEDGER)} statements"


def test_the_filter_by_verdict_article_and_part(opened: Any, mode: Mode) -> None:
    page = opened(mode=mode)
    form = page.locator(".ledger-filter")
    for verdict in {claim.verdict or "open" for claim in LEDGER.values()}:
        form.get_by_label("Verdict").select_option(verdict)
        assert shown(page) == chosen(lambda claim, wanted=verdict: (claim.verdict or "open") == wanted)
    form.get_by_label("Verdict").select_option("settled")
    assert shown(page) == chosen(lambda claim: claim.settled)
    form.get_by_label("Article").select_option("002")
    assert shown(page) == chosen(lambda claim: claim.settled and "002" in claim.documents)
    form.get_by_role("button", name="Show all").click()
    page.wait_for_function("document.querySelectorAll('table.ledger tr[data-verdict]:not([hidden])').length > 60")
    assert shown(page) == set(LEDGER)
    form.get_by_label("Part of the book").select_option(label="Part 2 · Gradient problems")
    wanted = chosen(lambda claim: claim.book_part == 2)
    assert shown(page) == wanted
    assert count(page) == f"{len(wanted)} of {len(LEDGER)} statements"
    heads = page.locator("table.ledger .ledger-part")
    assert heads.evaluate_all("all => all.filter(h => h.checkVisibility()).map(h => h.innerText.trim())") == [
        "Part 2 · Gradient problems"
    ]


def test_the_filter_by_words_and_by_surprise(opened: Any) -> None:
    page = opened()
    form = page.locator(".ledger-filter")
    form.get_by_label("Containing").fill("GRADIENT vanishing")
    found = shown(page)
    assert "deeper-fixes-vanishing" in found and "references" not in found
    form.get_by_label("Containing").press("Enter")
    assert page.url.endswith("claims.html") and shown(page) == found, "Enter sends the form nowhere"
    form.get_by_label("Containing").fill("no such words")
    assert shown(page) == set() and count(page) == "No statement matches."
    form.get_by_label("Containing").fill("")
    form.get_by_label("not as expected").check()
    assert shown(page) == chosen(lambda claim: claim.surprising)


def test_the_filter_by_keyboard(opened: Any) -> None:
    page = opened()
    page.locator(".ledger-filter select").first.focus()
    page.keyboard.type("op")  # the only choice that begins so
    assert shown(page) == chosen(lambda claim: not claim.settled)
    names = []
    for _ in range(6):
        names.append(page.evaluate("document.activeElement.name || document.activeElement.textContent"))
        page.keyboard.press("Tab")
    assert names == ["verdict", "article", "part", "words", "surprise", "Show all"]
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.parentElement.open")


def test_it_stays_within_the_window_and_is_legible_when_all_is_open(opened: Any, mode: Mode) -> None:
    page = opened(mode=mode)
    page.locator("table.ledger details").evaluate_all("all => all.forEach(one => { one.open = true; })")
    seen = page.evaluate(LOOK)
    assert seen["overflow"] <= 0, seen["culprits"]
    assert [entry for entry in seen["contrasts"] if entry[0] < 4.5] == []
    table = page.locator("table.ledger")
    assert table.evaluate("t => t.scrollWidth <= t.parentElement.clientWidth"), "the table scrolls sideways"
    cards = table.locator("tr[data-verdict]").first.evaluate("row => getComputedStyle(row).display") == "block"
    assert cards is (mode.width < 700)
    heights = page.locator(".ledger-filter select, .ledger-filter input[type=search], .ledger-filter button")
    assert min(heights.evaluate_all("all => all.map(one => one.getBoundingClientRect().height)")) >= 24


def test_without_script_every_row_shows(opened: Any) -> None:
    page = opened(java_script_enabled=False)
    assert page.locator("table.ledger tr[data-verdict]").count() == len(LEDGER)
    assert page.locator("table.ledger tr[data-verdict] .claim-badge:visible").count() == len(LEDGER)
    assert page.locator(".ledger-filter").count() == 0
    page.locator("table.ledger summary").first.click()
    assert page.locator("table.ledger details").first.locator("p, ul").first.is_visible()


def test_the_filter_works_without_a_server(opened: Any, site: Path) -> None:
    page = opened((site / ADDRESS).as_uri())
    page.locator(".ledger-filter").get_by_label("Verdict").select_option("open")
    assert shown(page) == chosen(lambda claim: not claim.settled)


def test_rows_lead_to_boxes_and_boxes_to_rows(opened: Any, site: Path) -> None:
    settled = [claim for claim in LEDGER.values() if claim.settled]
    page = opened()
    for claim in settled:
        page.goto(page.url.partition("#")[0])
        row = page.locator(f"#row-{claim.id}")
        row.locator("summary").click()
        row.get_by_role("link", name="Where it is computed").click()
        page.wait_for_url(f"**/chapters/{claim.page}.html#claim-{claim.id}")
        box = page.locator(f"#claim-{claim.id}")
        assert box.count() == 1 and box.is_visible()
        assert box.locator(".claim-badge").inner_text().strip().endswith(claim.verdict)
        box.get_by_role("link", name="in the claims ledger").click()
        page.wait_for_url(f"**/{ADDRESS}#row-{claim.id}")
        settle(page)
        assert row.locator("details").evaluate("one => one.open"), "the row is opened"


def test_a_link_to_a_hidden_row_shows_it(opened: Any) -> None:
    page = opened()
    page.locator(".ledger-filter").get_by_label("Containing").fill("no such words")
    page.evaluate("location.hash = '#row-history'")
    page.wait_for_function("document.querySelector('#row-history details').open")
    assert "history" in shown(page)
    page.evaluate("location.hash = '#row-that-is-not'")
    assert "history" in shown(page)


def test_boxes_are_legible(opened: Any, mode: Mode) -> None:
    for name in sorted({claim.page for claim in LEDGER.values() if claim.settled}):
        page = opened(f"chapters/{name}.html", mode)
        boxes = page.locator(".claim-box")
        assert boxes.count() == sum(claim.page == name for claim in LEDGER.values())
        for number in range(boxes.count()):
            box = boxes.nth(number)
            assert box.evaluate("b => b.scrollWidth <= b.clientWidth + 1")
            assert (box.get_attribute("aria-label") or "").startswith("Claim ")
