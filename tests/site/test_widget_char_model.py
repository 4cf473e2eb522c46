"""Chapter 04's widget in Chromium: its numbers against NumPy's on the same weights, and all that a reader does."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnncourse import widgets
from rnncourse.data import Vocabulary
from rnncourse.reference import RNNLanguageModel, rnn_forward, sample, softmax
from rnncourse.widgets import char_model

from .conftest import ROOT, Mode
from .widget_checks import contrast, nameless, overflow, small_targets, tab_through

pytestmark = pytest.mark.site

NAME = "char-model"
PASSAGE = "KEEPER:\nWho walks so late beneath the castle wall?\nStand still, and let me look upon thy face.\n"
Live = Callable[..., Any]

# What `core` computes from the page's own data.
WITH_MODEL = """x => {
  const {widgets, data, tools} = rnnWidgets, core = widgets["char-model"].core;
  const model = core.load(data["char-model"], tools.unpack);
  return (%s)(x, core, model, tools);
}"""


def compute(page: Any, function: str, value: Any = None) -> Any:
    return page.evaluate(WITH_MODEL % function, value)


@pytest.fixture(scope="module")
def own() -> tuple[RNNLanguageModel, Vocabulary]:
    return char_model.from_data(widgets.read(NAME))


def characters(page: Any, selector: str) -> str:
    """The text of the spans, without the signs for line ends."""
    texts = page.locator(selector).all_text_contents()
    return "".join(texts).replace("↵", "")


def text_of(page: Any) -> str:
    """What has been read and typed."""
    return characters(page, ".char-text > span")


def typed(page: Any) -> str:
    return characters(page, ".char-typed")


def button(page: Any, name: str) -> Any:
    return page.get_by_role("button", name=name, exact=True)


def steps(page: Any, count: int) -> str:
    page.evaluate(
        "n => { const step = [...document.querySelectorAll('button')].find(b => b.textContent === 'Step');"
        "       for (let i = 0; i < n; i++) step.click(); }",
        count,
    )
    return typed(page)


# ---- the numbers


def test_states_scores_and_probabilities_are_numpys(live: Live, own: tuple[RNNLanguageModel, Vocabulary]) -> None:
    model, vocabulary = own
    ids = vocabulary.encode(PASSAGE)
    page = live(NAME)
    trace = compute(page, "(ids, core, model) => core.trace(model, ids)", ids.tolist())
    logits, *_ = model.forward(ids[:, None], model.initial_state(1))
    params = {key[4:]: value for key, value in model.params.items() if key.startswith("rnn.")}
    states = rnn_forward(model.params["embedding.weight"][ids[:, None]], model.initial_state(1), params)[0][:, 0]
    differences = [
        np.abs(np.array(trace["states"]) - states).max(),
        np.abs(np.array(trace["logits"]) - logits[:, 0]).max(),
    ]
    for temperature in (0.2, 0.8, 1.5):
        p = compute(
            page,
            "([z, t], core) => Array.from(core.probabilities(Float64Array.from(z), t))",
            [trace["logits"][-1], temperature],
        )
        differences.append(np.abs(np.array(p) - softmax(logits[-1, 0] / temperature)).max())
    print("largest differences of states, scores, probabilities:", *(f"{d:.1e}" for d in differences))
    assert max(differences) < 1e-9  # the course asks for 1e-3


def test_greedy_text_is_numpys(live: Live, own: tuple[RNNLanguageModel, Vocabulary]) -> None:
    model, vocabulary = own
    drawn = sample(model, vocabulary.encode("KEEPER:\n"), 200, temperature=0, rng=np.random.default_rng(0))
    page = live(NAME)
    text = compute(page, "(x, core, model) => core.sample(model, 'KEEPER:\\n', 200, 0, () => 0.5)")
    assert text == vocabulary.decode(drawn)
    page.get_by_label("Temperature").fill("0")
    assert steps(page, 200) == text


def test_sampled_text_is_numpys(live: Live, own: tuple[RNNLanguageModel, Vocabulary]) -> None:
    """The same generator in Python, put where `sample` takes NumPy's."""
    model, vocabulary = own
    page = live(NAME)
    for seed in (1, 7, 4294967295):
        numbers = page.evaluate("s => { const r = rnnWidgets.tools.random(s); return [r(), r(), r()]; }", seed)
        generator = char_model.uniform(seed)
        assert numbers == [generator.random() for _ in range(3)]
    page.get_by_label("Temperature").fill("1.5")
    page.get_by_label("Seed").fill("7")
    expected = sample(model, vocabulary.encode("KEEPER:\n"), 150, temperature=1.5, rng=char_model.uniform(7))
    assert steps(page, 150) == vocabulary.decode(expected)


def test_shown_values_are_the_models(live: Live, own: tuple[RNNLanguageModel, Vocabulary]) -> None:
    model, vocabulary = own
    page = live(NAME)
    logits, h, _ = model.forward(vocabulary.encode("KEEPER:\n")[:, None], model.initial_state(1))
    p = softmax(logits[-1, 0] / 0.8)
    shares = page.locator(".char-share").all_text_contents()
    assert shares == [f"{100 * x:.1f} %" if x >= 0.001 else "< 0.1 %" for x in np.sort(p)[::-1][:8]]
    symbols = page.locator(".char-symbol").all_text_contents()
    likeliest = [vocabulary.symbols[i] for i in np.argsort(-p, kind="stable")[:8]]
    assert [{"␣": " ", "↵": "\n"}.get(symbol, symbol) for symbol in symbols] == likeliest
    page.locator(".char-cell").nth(100).hover()
    assert f"Unit 100: {h[0, 100]:.2f}".replace("-", "−") in page.locator(".char-said").inner_text()
    assert page.locator(".char-cell").count() == model.hidden_size


@pytest.mark.parametrize("nonlinearity", ["relu", "sigmoid", "linear"])
def test_a_readers_own_model(live: Live, tmp_path: Path, nonlinearity: str) -> None:
    vocabulary = Vocabulary.from_text("\nab é")
    model = RNNLanguageModel(5, 3, 10, nonlinearity=nonlinearity, rng=np.random.default_rng(3))
    widgets.export(NAME, tmp_path, model=model, vocabulary=vocabulary, prompt="ab")
    packed, _ = char_model.from_data(widgets.read(NAME, tmp_path))
    page = live(NAME, folder=tmp_path)
    ids = vocabulary.encode("ab é\nba")
    trace = compute(page, "(ids, core, model) => core.trace(model, ids)", ids.tolist())
    logits = packed.forward(ids[:, None], packed.initial_state(1))[0][:, 0]
    assert np.abs(np.array(trace["logits"]) - logits).max() < 1e-9
    assert "Units to try" not in page.locator(".rnn-live").inner_text()
    assert len(steps(page, 20)) == 20


# ---- what a reader does


def test_same_seed_same_text_another_seed_another(live: Live) -> None:
    page = live(NAME)
    first = steps(page, 80)
    button(page, "Clear").click()
    assert typed(page) == ""
    assert steps(page, 80) == first
    page.get_by_label("Seed").fill("2")
    assert typed(page) == "", "a new seed begins anew"
    assert steps(page, 80) != first


def test_it_types_by_itself_and_pauses(live: Live) -> None:
    page = live(NAME)
    page.get_by_label("Speed").select_option("fast")
    button(page, "Type").click()
    page.wait_for_function("document.querySelectorAll('.char-typed').length > 12")
    button(page, "Pause").click()
    count = len(typed(page))
    page.wait_for_timeout(200)
    assert len(typed(page)) == count
    assert button(page, "Type").is_visible()
    spoken = page.locator("[aria-live=polite]").inner_text()
    assert spoken.strip() == typed(page).strip(), "what was typed is told when it pauses"


def test_nothing_moves_before_the_reader_asks(live: Live) -> None:
    for motion in ("no-preference", "reduce"):
        page = live(NAME, motion=motion)
        page.wait_for_timeout(300)
        assert typed(page) == ""
        assert page.evaluate("document.getAnimations().length") == 0


def test_unknown_characters_are_told_and_skipped(live: Live) -> None:
    page = live(NAME)
    page.get_by_label("Prompt").fill("Zoë 4 you\n")
    note = page.locator(".char-note")
    assert note.inner_text() == "Not among the model's 65 characters, skipped: ë 4"
    assert text_of(page) == "Zo  you\n"
    page.get_by_label("Prompt").fill("ë")
    assert "Nothing to read: begun with a line end." in note.inner_text()
    assert len(steps(page, 5)) == 5
    page.get_by_label("Prompt").fill("Good")
    assert note.inner_text() == ""


def test_the_reader_may_choose_the_next_character(live: Live) -> None:
    page = live(NAME)
    third = page.locator(".char-next").nth(2)
    name = third.locator(".char-symbol").text_content()
    third.click()
    assert typed(page) == name
    assert page.locator(".char-next").nth(2).get_attribute("aria-label")


def test_a_unit_colours_the_text(live: Live, own: tuple[RNNLanguageModel, Vocabulary]) -> None:
    page = live(NAME)
    steps(page, 40)
    grounds = "[...document.querySelectorAll('.char-text > span')].map(e => getComputedStyle(e).backgroundColor)"
    assert len(set(page.evaluate(grounds))) == 1
    page.locator(".char-cell").nth(262).click()
    assert len(set(page.evaluate(grounds))) > 2
    model, vocabulary = own
    ids = vocabulary.encode(text_of(page))
    params = {key[4:]: value for key, value in model.params.items() if key.startswith("rnn.")}
    h = rnn_forward(model.params["embedding.weight"][ids[:, None]], model.initial_state(1), params)[0][:, 0, 262]
    titles = page.evaluate("[...document.querySelectorAll('.char-text > span')].map(e => e.title)")
    assert titles == [f"unit 262: {value:.2f}".replace("-", "−") for value in h]
    assert page.get_by_label("Colour by unit").input_value() == "262"
    button(page, "No colour").click()
    assert len(set(page.evaluate(grounds))) == 1
    page.get_by_label("Units to try").select_option(index=1)
    assert "correlation" in page.locator(".char-said").inner_text()
    assert len(set(page.evaluate(grounds))) > 2


def test_keyboard_alone(live: Live) -> None:
    page = live(NAME)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.tagName") == "TEXTAREA"
    page.keyboard.press("Control+a")
    page.keyboard.type("The king")
    page.keyboard.press("Tab")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    assert page.locator("output").inner_text() == "0.95"
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowUp")
    assert page.get_by_label("Seed").input_value() == "2"
    page.keyboard.press("Tab")
    page.keyboard.press("f")
    assert page.get_by_label("Speed").input_value() == "fast"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelectorAll('.char-typed').length > 5")
    page.keyboard.press("Enter")
    assert text_of(page).startswith("The king")
    count = len(typed(page))
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    assert len(typed(page)) == count + 1
    for _ in range(3):
        page.keyboard.press("Tab")  # Clear, the text, the grid
    assert page.evaluate("document.activeElement.getAttribute('role')") == "listbox"
    for key in ("Home", "ArrowDown", "ArrowRight", "ArrowRight", "ArrowLeft"):
        page.keyboard.press(key)
    assert page.locator(".char-said").inner_text().startswith("Unit 25: ")
    active = page.locator(".char-grid").get_attribute("aria-activedescendant")
    assert page.locator(f"#{active}").get_attribute("data-unit") == "25"
    page.keyboard.press("Enter")
    assert page.locator(f"#{active}").get_attribute("aria-selected") == "true"
    assert "coloured by unit 25" in page.locator(".char-said").inner_text()
    page.keyboard.press("Escape")
    assert page.locator("[aria-selected=true]").count() == 0


def test_every_control_is_reached_named_and_seen(live: Live) -> None:
    page = live(NAME)
    assert tab_through(page) == []
    assert nameless(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_readable_and_large_enough(live: Live, width: int, scheme: str) -> None:
    page = live(NAME, width=width, height=844, scheme=scheme)
    steps(page, 150)
    page.locator("summary").click()
    for unit in ("", "262"):
        page.get_by_label("Colour by unit").fill(unit)
        assert contrast(page) == []
    assert overflow(page) == []
    assert small_targets(page) == []


def test_the_look_follows_the_courses_theme(live: Live) -> None:
    page = live(NAME)
    ground = "getComputedStyle(document.querySelector('.char-cell')).backgroundColor"
    before = page.evaluate(ground)
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    assert page.evaluate(ground) != before


def test_without_javascript_a_picture_stands_there(live: Live) -> None:
    page = live(NAME, javascript=False)
    picture = page.locator(".rnn-still img")
    assert picture.is_visible()
    assert len(picture.get_attribute("alt")) > 40
    assert picture.bounding_box()["width"] > 300
    assert "interactive figure" in page.locator(".rnn-note").inner_text()
    assert page.locator(".rnn-live").count() == 0


def test_on_paper_the_picture_stands_there(live: Live) -> None:
    page = live(NAME)
    assert not page.locator(".rnn-still img").is_visible()
    page.emulate_media(media="print")
    assert page.locator(".rnn-still img").is_visible()
    assert not page.locator(".char-grid").is_visible()


def test_a_fault_leaves_the_picture(live: Live, tmp_path: Path, browser: Any) -> None:
    widgets.export(NAME, tmp_path)
    data = tmp_path / f"{NAME}.data.js"
    data.write_text(data.read_text("utf-8").replace('"readout.weight"', '"absent"'), "utf-8")
    page = browser.new_page()
    page.goto((tmp_path / f"{NAME}.html").as_uri())
    page.locator(".is-broken").wait_for()
    assert page.locator(".rnn-still img").is_visible()
    assert "could not start" in page.locator(".rnn-widget").inner_text()
    page.close()


def test_scripts_may_come_in_any_order_and_twice(live: Live, tmp_path: Path) -> None:
    page = widgets.export(NAME, tmp_path)
    html = page.read_text("utf-8")
    scripts = re.findall(r"<script.*?</script>\n?", html)
    rest = html.replace("".join(scripts), "@")
    for order in ([2, 1, 0], [1, 0, 2, 0, 1]):
        page.write_text(rest.replace("@", "\n".join(scripts[i].strip() for i in order)), "utf-8")
        assert live(NAME, folder=tmp_path).locator(".rnn-live").count() == 1


# ---- in the built chapter


def test_the_chapter_shows_it(visit: Callable[[str, Mode], Any], server: str, browser: Any) -> None:
    name = "chapters/04-character-model-numpy.html"
    if "char-model" not in (ROOT / "_build" / "html" / name).read_text("utf-8"):
        pytest.fail(f"{name} has no widget")
    page = browser.new_page(viewport={"width": 390, "height": 844})
    outside: list[str] = []
    page.on("request", lambda r: r.url.startswith((server, "data:", "blob:")) or outside.append(r.url))
    page.goto(server + name)
    page.locator("[data-widget=char-model].is-live").wait_for()
    assert len(steps(page, 10)) == 10
    assert outside == []
    assert small_targets(page) == []
    page.close()
