"""Every page of the built site, on a desktop and a phone, in light and dark."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from .conftest import Mode, Visit

pytestmark = pytest.mark.site

Opened = Callable[[str, Mode], Visit]


def test_nothing_goes_wrong_and_nothing_leaves_the_machine(visit: Opened, page_name: str, mode: Mode) -> None:
    seen = visit(page_name, mode)
    assert seen.outside == [], "requests that leave the machine"
    assert seen.console == [], "errors and warnings in the browser's console"
    assert seen.failed == [], "requests that failed"


def test_maths_is_set(visit: Opened, page_name: str, mode: Mode) -> None:
    seen = visit(page_name, mode).seen
    assert seen["rendered"] == seen["formulas"], "formulas that MathJax did not set"
    assert seen["errors"] == [], "TeX errors"
    assert seen["raw"] == [], "raw TeX in the text"
    assert seen["fonts"] == [], "MathJax fonts that did not load"


def test_references_resolve(visit: Opened, page_name: str) -> None:
    seen = visit(page_name, Mode(1440, 900, "light")).seen
    assert seen["unresolved"] == []
    assert [text for text in seen["equationLinks"] if not re.fullmatch(r"\(\d+(\.\d+)?\)", text)] == []


def test_images_load_and_are_described(visit: Opened, page_name: str, mode: Mode) -> None:
    for image in visit(page_name, mode).seen["images"]:
        assert (image["alt"] or "").strip(), f"{image['src']} has no alt text"
        assert not image["alt"].startswith(".."), f"{image['src']} has its path for alt text"
        assert image["width"] > 0, f"{image['src']} does not load"
        assert image["shown"] <= mode.width, f"{image['src']} is wider than the window"


def test_no_horizontal_overflow(visit: Opened, page_name: str, mode: Mode) -> None:
    seen = visit(page_name, mode).seen
    assert seen["overflow"] <= 0, f"the page is {seen['overflow']} px too wide: {seen['culprits']}"


def test_text_stands_out(visit: Opened, page_name: str, mode: Mode) -> None:
    seen = visit(page_name, mode).seen
    assert seen["theme"] == mode.scheme
    low = [entry for entry in seen["contrasts"] if entry[0] < 4.5]
    assert low == [], "text below WCAG's contrast of 4.5 to 1"


def test_the_page_names_itself(visit: Opened, page_name: str) -> None:
    seen = visit(page_name, Mode(1440, 900, "light")).seen
    assert seen["title"]
    assert seen["lang"] == "en"
    assert seen["headings"] == 1
