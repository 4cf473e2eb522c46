"""What a reader does on the built site: search, open a solution, download, follow links, read it without a server."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import nbformat
import pytest

from .conftest import ROOT, built_pages, settle

pytestmark = pytest.mark.site


class Links(HTMLParser):
    """The addresses a page refers to, and the anchors it offers."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.anchors: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for name, value in attributes:
            if name == "id" and value:
                self.anchors.add(value)
            if name in ("href", "src") and value:
                self.addresses.append(value)


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[str, Links]:
    return {name: Links((site / name).read_text(encoding="utf-8")) for name in built_pages()}


@pytest.fixture
def page(browser: Any, server: str) -> Any:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, base_url=server)
    yield context.new_page()
    context.close()


def test_internal_links_resolve(site: Path, pages: dict[str, Links]) -> None:
    broken = []
    for name, links in pages.items():
        for address in links.addresses:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            target = (site / name).parent / unquote(parts.path) if parts.path else site / name
            if not target.resolve().is_file():
                broken.append(f"{name}: {address}")
            elif parts.fragment and target.suffix == ".html":
                other = target.resolve().relative_to(site).as_posix()
                anchors = pages[other].anchors if other in pages else Links(target.read_text("utf-8")).anchors
                if unquote(parts.fragment) not in anchors and parts.fragment != "":
                    broken.append(f"{name}: {address} (no such anchor)")
    assert broken == []


def test_external_links_are_https(pages: dict[str, Links]) -> None:
    external = {a for links in pages.values() for a in links.addresses if urlsplit(a).scheme not in ("", "data")}
    assert [address for address in sorted(external) if not address.startswith(("https://", "mailto:"))] == []


def test_scripts_and_styles_are_loaded_once(site: Path) -> None:
    for name in built_pages():
        html = (site / name).read_text(encoding="utf-8")
        assert "thebe" not in html.lower(), name
        loaded = re.findall(r'<script[^>]* src="([^"?]*)|<link rel="stylesheet"[^>]* href="([^"?]*)', html)
        assert sorted(loaded) == sorted(set(loaded)), name


def test_first_page_is_reached_from_the_root(page: Any) -> None:
    page.goto("/")
    page.wait_for_url("**/chapters/intro.html")


def test_search_finds(page: Any) -> None:
    page.goto("/chapters/intro.html")
    page.keyboard.press("Control+k")
    page.locator("dialog input[type=search], .search-button__search-container input").first.fill("backpropagation")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?q=backpropagation*")
    hits = page.locator("#search-results ul.search > li > a")
    hits.first.wait_for()
    assert any("03-backpropagation-through-time" in href for href in hits.evaluate_all("all => all.map(a => a.href)"))
    hits.first.click()
    page.wait_for_url("**/chapters/*.html*")


def test_a_solution_opens(page: Any, site: Path) -> None:
    with_solutions = [n for n in built_pages() if "solution dropdown admonition" in (site / n).read_text("utf-8")]
    assert with_solutions, "no page has a hidden solution"
    for name in with_solutions:
        page.goto(f"/{name}")
        settle(page)
        solutions = page.locator(".solution.dropdown.admonition")
        for number in range(solutions.count()):
            solution = solutions.nth(number)
            content = solution.locator(":scope > :not(.admonition-title)").first
            assert not content.is_visible(), f"solution {number + 1} of {name} is open from the start"
            solution.locator(".admonition-title").click(position={"x": 5, "y": 8})
            assert content.is_visible(), f"solution {number + 1} of {name} does not open"


def test_colours_can_be_switched(page: Any) -> None:
    page.goto("/chapters/intro.html")
    grounds = set()
    for _ in range(3):  # automatic, light, dark
        page.locator("button.theme-switch-button").first.click()
        grounds.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert len(grounds) == 2


def test_notebooks_can_be_downloaded(site: Path, pages: dict[str, Links]) -> None:
    for notebook in sorted((ROOT / "chapters").glob("*.ipynb")):
        links = pages[f"chapters/{notebook.stem}.html"]
        assert f"../_sources/chapters/{notebook.name}" in links.addresses, f"no download button for {notebook.name}"
        served = (site / "_sources" / "chapters" / notebook.name).read_text(encoding="utf-8")
        assert served == notebook.read_text(encoding="utf-8")
        nbformat.validate(nbformat.from_dict(json.loads(served)))


def test_colab_follows_the_repository(pages: dict[str, Links]) -> None:
    import yaml

    url = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["repository"]["url"]
    for name, links in pages.items():
        offered = [a for a in links.addresses if "colab.research.google.com" in a]
        has_notebook = (ROOT / name).with_suffix(".ipynb").exists()
        assert bool(offered) == bool(url and has_notebook), name


def test_citations_lead_to_the_bibliography(pages: dict[str, Links]) -> None:
    known = pages["chapters/bibliography.html"].anchors
    cited = {
        urlsplit(address).fragment
        for links in pages.values()
        for address in links.addresses
        if address.startswith("bibliography.html#")
    }
    assert cited, "no chapter cites anything"
    assert cited <= known


def test_the_site_reads_without_a_server(page: Any, site: Path) -> None:
    page.goto((site / "chapters" / "03-backpropagation-through-time.html").as_uri())
    settle(page)
    assert page.locator("article mjx-container").count() > 0
    assert page.locator("article img").count() > 0


def test_unknown_addresses_have_a_page(site: Path) -> None:
    html = (site / "404.html").read_text(encoding="utf-8")
    addresses = [a for a in Links(html).addresses if not a.startswith("data:")]
    assert addresses == ["/"], "the page stands at any depth, so nothing in it may be relative"
