"""What the tests of the built site share: a local server, headless Chromium, and one visit to each page in each mode.

They need `_build/html` (`make book`) and Chromium from the system's packages; `make site-test` runs them.
"""

from __future__ import annotations

import dataclasses
import functools
import http.server
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILT = ROOT / "_build" / "html"
WIDGETS = ROOT / "extra" / "widgets"
SCREENSHOTS = ROOT / "_build" / "screenshots"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclasses.dataclass(frozen=True)
class Mode:
    """A window and a colour scheme."""

    width: int
    height: int
    scheme: str

    def __str__(self) -> str:
        return f"{'phone' if self.width < 600 else 'desktop'}-{self.scheme}"


MODES = [Mode(1440, 900, "light"), Mode(1440, 900, "dark"), Mode(390, 844, "light"), Mode(390, 844, "dark")]


@dataclasses.dataclass
class Visit:
    """What happened while a page was open: see `LOOK` for the page's own part."""

    page: str
    mode: Mode
    console: list[str] = dataclasses.field(default_factory=list)
    outside: list[str] = dataclasses.field(default_factory=list)
    failed: list[str] = dataclasses.field(default_factory=list)
    seen: dict[str, Any] = dataclasses.field(default_factory=dict)


# Run in the page when it has settled. Contrast is WCAG's ratio of the text to what lies under it.
LOOK = r"""
() => {
  const luminance = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 1;
  const context = canvas.getContext("2d", {willReadFrequently: true});
  const paint = colours => {           // from the page's ground up to the element's own background
    context.clearRect(0, 0, 1, 1);
    for (const colour of colours) { context.fillStyle = colour; context.fillRect(0, 0, 1, 1); }
    return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const contrast = element => {
    const grounds = [];
    for (let e = element; e; e = e.parentElement) grounds.unshift(getComputedStyle(e).backgroundColor);
    grounds.unshift("white");
    const [a, b] = [luminance(paint([...grounds, getComputedStyle(element).color])), luminance(paint(grounds))];
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  };
  const article = document.querySelector("article.bd-article") || document.body;
  const width = document.documentElement.clientWidth;
  const scrolls = element => {
    for (let e = element.parentElement; e && e !== document.body; e = e.parentElement)
      if (["auto", "scroll", "hidden", "clip"].includes(getComputedStyle(e).overflowX)) return true;
    return false;
  };
  const text = [...article.querySelectorAll(".math, p, li, td, figcaption")].filter(e => !e.closest("pre, code"));
  return {
    title: document.title,
    lang: document.documentElement.lang,
    theme: document.documentElement.dataset.theme,
    headings: article.querySelectorAll("h1").length,
    overflow: document.documentElement.scrollWidth - width,
    culprits: [...document.body.querySelectorAll("*")]
      .filter(e => e.getBoundingClientRect().right > width + 1 && !scrolls(e)
                   && getComputedStyle(e).position !== "fixed")
      .slice(0, 5).map(e => `${e.tagName.toLowerCase()}.${e.className}`),
    images: [...article.querySelectorAll("img")].map(e => ({
      src: e.getAttribute("src"), alt: e.getAttribute("alt"), width: e.naturalWidth, shown: e.clientWidth})),
    formulas: article.querySelectorAll("span.math, div.math").length,
    rendered: [...article.querySelectorAll("span.math, div.math")].filter(e => e.querySelector("mjx-container")).length,
    fonts: [...document.fonts].filter(f => f.family.startsWith("MJX") && f.status === "error").map(f => f.family),
    errors: [...article.querySelectorAll("mjx-merror, [data-mjx-error]")].map(e => e.textContent.slice(0, 120)),
    raw: text.filter(e => /\\frac|\\begin|\\\(|\\\[|\$\$|\\mathbb/.test(
        [...e.childNodes].filter(n => n.nodeType === 3).map(n => n.data).join("")))
      .map(e => e.textContent.slice(0, 120)),
    unresolved: text.filter(e => /\?\?|\{(eq|numref|ref|cite|glue|doc)(:[a-z]+)?\}/.test(e.textContent))
      .map(e => e.textContent.slice(0, 120)),
    equationLinks: [...article.querySelectorAll('a[href*="#equation-"].reference')].map(e => e.textContent),
    contrasts: [...article.querySelectorAll(
        "p, li, h1, h2, h3, figcaption .caption-text, code, .admonition-title, td, th, pre span, summary, .eqno, a")]
      .filter(e => e.textContent.trim() && e.checkVisibility())
      .map(e => [contrast(e), `${e.tagName.toLowerCase()}.${e.className}: ${e.textContent.trim().slice(0, 40)}`])
      .sort((a, b) => a[0] - b[0]).slice(0, 3),
  };
}
"""


def built_pages() -> list[str]:
    """The book's pages, as paths below the built site."""
    return sorted(path.relative_to(BUILT).as_posix() for path in BUILT.glob("chapters/**/*.html"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each page of the site (and each mode)."""
    if "page_name" in metafunc.fixturenames:
        metafunc.parametrize("page_name", built_pages() or ["no page is built"])
    if "mode" in metafunc.fixturenames:
        metafunc.parametrize("mode", MODES, ids=str)


@pytest.fixture(scope="session")
def site() -> Path:
    """The built site's folder."""
    if not built_pages():
        pytest.fail("_build/html holds no pages: run `make book` first")
    return BUILT


@pytest.fixture(scope="session")
def server(site: Path) -> Iterator[str]:
    """The site on a free local port; gives its address."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(site))) as served:
        thread = threading.Thread(target=served.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{served.server_port}/"
        served.shutdown()
        thread.join()


def chromium_path() -> str:
    """Chromium from the environment variable CHROMIUM or from the system."""
    named = os.environ.get("CHROMIUM")
    if named:
        if not shutil.which(named):
            pytest.fail(f"CHROMIUM={named} is not a program that can be run")
        return named
    for name in BROWSERS:
        found = shutil.which(name)
        if found:
            return found
    pytest.fail(
        "Chromium is needed to test the site. Install your system's package (Debian, Ubuntu: "
        "apt-get install chromium), or set CHROMIUM to the program's path."
    )


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Headless Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=chromium_path(), args=FLAGS)
        yield chromium
        chromium.close()


def settle(page: Any) -> None:
    """Wait until the page's maths is set and its fonts are there."""
    page.wait_for_load_state("networkidle")
    page.evaluate(
        "async () => { if (window.MathJax?.startup) await MathJax.startup.promise; await document.fonts.ready; }"
    )
    page.wait_for_load_state("networkidle")


@pytest.fixture(scope="session")
def visit(browser: Any, server: str) -> Callable[[str, Mode], Visit]:
    """Opens a page in a mode, once, writes down what happened, and keeps a screenshot."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)

    @functools.cache
    def opened(name: str, mode: Mode) -> Visit:
        result = Visit(name, mode)
        context = browser.new_context(viewport={"width": mode.width, "height": mode.height}, color_scheme=mode.scheme)
        page = context.new_page()
        page.on("console", lambda m: m.type in ("error", "warning") and result.console.append(f"{m.type}: {m.text}"))
        page.on("pageerror", lambda error: result.console.append(f"uncaught: {error}"))
        page.on("requestfailed", lambda request: result.failed.append(request.url))
        page.on("response", lambda r: r.status >= 400 and result.failed.append(f"{r.status} {r.url}"))

        def only_here(route: Any) -> None:
            if route.request.url.startswith((server, "data:", "blob:")):
                route.continue_()
            else:
                result.outside.append(route.request.url)
                route.abort()

        page.route("**/*", only_here)
        page.goto(server + name)
        settle(page)
        result.seen = page.evaluate(LOOK)
        page.screenshot(path=SCREENSHOTS / f"{Path(name).stem}-{mode}.png", full_page=True)
        context.close()
        return result

    return opened


@pytest.fixture
def live(browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens a widget's own page, extra/widgets/NAME.html, from the file: no book is built for it.

    At the end the test fails if a page logged an error or asked for anything outside the widgets' folder.
    """
    contexts: list[Any] = []
    wrong: list[str] = []
    here = WIDGETS.as_uri() + "/"

    def opened(
        name: str,
        *,
        width: int = 1440,
        height: int = 900,
        scheme: str = "light",
        javascript: bool = True,
        motion: str = "no-preference",
        folder: Path = WIDGETS,
    ) -> Any:
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,
            java_script_enabled=javascript,
            reduced_motion=motion,
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda m: m.type in ("error", "warning") and wrong.append(f"{m.type}: {m.text}"))
        page.on("pageerror", lambda error: wrong.append(f"uncaught: {error}"))
        page.on("requestfailed", lambda request: wrong.append(f"failed: {request.url}"))
        allowed = (here, folder.as_uri() + "/", "data:", "blob:")
        page.on("request", lambda r: r.url.startswith(allowed) or wrong.append(f"outside: {r.url}"))
        page.goto((folder / f"{name}.html").as_uri())
        if javascript:
            page.locator(f'[data-widget="{name}"].is-live').wait_for()
        return page

    yield opened
    for context in contexts:
        context.close()
    assert wrong == []
