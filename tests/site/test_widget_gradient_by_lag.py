"""The widget gradient-by-lag in Chromium: its numbers are NumPy's, and all can use it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnncourse.analysis import input_gradient_by_lag, spectral_norm
from rnncourse.reference.rnn import NONLINEARITIES, RNNCache
from rnncourse.reference.stacked import StackedRNNCache, layer_params, stacked_rnn_backward
from rnncourse.widgets import export
from rnncourse.widgets import gradient_by_lag as widget

from . import widget_checks

pytestmark = pytest.mark.site

NAME = "gradient-by-lag"
Live = Callable[..., Any]
Settings = dict[str, Any]

RADII, SHEARS, DEPTHS = (0.5, 1.0, 1.5, 3.0), (0.0, 1.0, 3.0), (1, 2, 5, 8)
GRID = [
    dict(zip(("radius", "shear", "depth", "nonlinearity"), values, strict=True))
    for values in itertools.product(RADII, SHEARS, DEPTHS, widget.NONLINEARITIES)
]

PREPARE = """() => {
  window.core = rnnWidgets.widgets["gradient-by-lag"].core;
  window.net = core.network(rnnWidgets.data["gradient-by-lag"]);
}"""
COMPUTE = """settings => {
  const {logs, ...rest} = core.compute(net, settings);
  for (const name of ["mean", "radius", "paths", "low", "high"]) rest[name] = [...rest[name]];
  return {...rest, logs: logs.map(one => [...one])};
}"""


def prepared(live: Live) -> Any:
    """The widget's page, its core and network at hand."""
    page = live(NAME)
    page.evaluate(PREPARE)
    return page


def log_gradients(result: dict[str, Any]) -> np.ndarray:
    """Natural logarithms of the norms, of shape (lags + 1, sequences)."""
    return np.array(result["logs"]).T * np.log(10)


def is_chaotic(result: dict[str, Any]) -> bool:
    """Whether rounding errors grow: no two programs then have the same states after a hundred steps."""
    own = result["slope"] - (result["pathsSlope"] - result["radiusSlope"])
    return result["settings"]["nonlinearity"] in ("tanh", "sigmoid") and own > 0.05


def test_the_gradients_are_numpys(live: Live) -> None:
    page, compared, largest = prepared(live), 0, 0.0
    for settings in GRID:
        result = page.evaluate(COMPUTE, settings)
        if is_chaotic(result):
            continue
        expected = np.log(widget.network().curves(**settings))
        difference = np.abs(np.expm1(log_gradients(result) - expected)).max()
        assert difference < 1e-6, settings
        compared, largest = compared + 1, max(largest, difference)
    print(f"{compared} of {len(GRID)} settings compared, largest relative difference {largest:.1e}")
    assert compared > 0.8 * len(GRID)


@pytest.mark.parametrize("depth", [1, 5, 8])
@pytest.mark.parametrize(("radius", "shear"), [(3.0, 1.0), (3.0, 3.0), (1.5, 3.0)])
def test_chaotic_states_are_right_step_by_step_and_the_gradient_over_them(
    live: Live, radius: float, shear: float, depth: int
) -> None:
    page, net = prepared(live), widget.network()
    settings = {"radius": radius, "shear": shear, "depth": depth, "nonlinearity": "tanh"}
    result = page.evaluate(COMPUTE, settings)
    assert is_chaotic(result)
    states = np.array(page.evaluate("settings => [...core.forward(net, settings)]", settings))
    h = states.reshape(widget.STEPS + 1, depth, widget.SEQUENCES, widget.HIDDEN_SIZE)

    params = net.parameters(radius=radius, shear=shear, depth=depth)
    layers, below = [], net.x
    for l in range(depth):
        own = layer_params(params, l)
        step = NONLINEARITIES["tanh"].phi(below @ own["weight_ih_l0"].T + h[:-1, l] @ own["weight_hh_l0"].T)
        assert np.abs(step - h[1:, l]).max() < 1e-12
        layers.append(RNNCache(below, h[:, l], own, "tanh", None))
        below = h[1:, l]
    d_output = np.zeros_like(below)
    d_output[-1] = net.Q[depth - 1] @ net.derivative
    dx, _, _ = stacked_rnn_backward(d_output, None, StackedRNNCache(tuple(layers)))
    expected = np.linalg.norm(dx[::-1][: widget.LAGS + 1], axis=2)
    np.testing.assert_allclose(np.exp(log_gradients(result)), expected, rtol=1e-6)


def test_the_figures_beside_the_plot_are_numpys(live: Live) -> None:
    page, net, lags = prepared(live), widget.network(), np.arange(widget.LAGS + 1)
    for settings in GRID[::7]:
        result = page.evaluate(COMPUTE, settings)
        logs = log_gradients(result)
        mean = logs.mean(axis=1)
        assert result["slope"] == pytest.approx(np.polyfit(lags[50:], mean[50:], 1)[0], abs=1e-9)
        assert result["radiusSlope"] == np.log(settings["radius"])
        matrix = net.parameters(radius=settings["radius"], shear=settings["shear"], depth=1)["weight_hh_l0"]
        assert result["norm"] == pytest.approx(spectral_norm(matrix), rel=1e-9)
        np.testing.assert_allclose(np.array(result["low"]) * np.log(10), logs.min(axis=1), atol=1e-9)
        np.testing.assert_allclose(np.array(result["high"]) * np.log(10), logs.max(axis=1), atol=1e-9)
        assert result["peak"] == mean.argmax()
        enough = np.flatnonzero(mean >= mean.max() - np.log(100))
        assert result["onePercent"] == (None if enough[-1] == widget.LAGS else enough[-1] + 1)

        shape = (widget.STEPS + 1, settings["depth"], widget.SEQUENCES, widget.HIDDEN_SIZE)
        h = np.array(page.evaluate("settings => [...core.forward(net, settings)]", settings)).reshape(shape)
        slopes = NONLINEARITIES[settings["nonlinearity"]].dphi(h[-widget.LAGS - 1 :])
        steepest = 0.25 if settings["nonlinearity"] == "sigmoid" else 1
        assert result["flat"] == pytest.approx((slopes < steepest / 10).mean(), abs=1e-12)


def test_the_paths_are_counted(live: Live) -> None:
    page = prepared(live)
    one = page.evaluate(COMPUTE, {"radius": 0.9, "shear": 0.5, "depth": 1, "nonlinearity": "linear"})
    deep = page.evaluate(COMPUTE, {"radius": 0.9, "shear": 0.5, "depth": 8, "nonlinearity": "linear"})
    paths = np.array(deep["paths"]) - np.array(deep["radius"])
    np.testing.assert_allclose(np.array(deep["mean"]) - one["mean"], paths, atol=1e-9)
    assert 10 ** paths[2] == pytest.approx(36)  # two steps back and seven layers down, in any order: 9! / (2! 7!)


def test_a_gradient_too_small_for_its_square_is_still_a_number(live: Live) -> None:
    """At radius 0.1 the sigmoid's gradient at lag 100 is about 1e-163: NumPy's norm needs it scaled up."""
    page, net = prepared(live), widget.network()
    settings = {"radius": 0.1, "shear": 0.0, "depth": 1, "nonlinearity": "sigmoid"}
    result = page.evaluate(COMPUTE, settings)
    d_output_last = np.tile(1e150 * net.Q[0] @ net.derivative, (widget.SEQUENCES, 1))
    h_0 = np.zeros((1, widget.SEQUENCES, widget.HIDDEN_SIZE))
    params = net.parameters(radius=0.1, shear=0.0, depth=1)
    scaled = input_gradient_by_lag(net.x, h_0, params, d_output_last, nonlinearity="sigmoid")[: widget.LAGS + 1]
    np.testing.assert_allclose(log_gradients(result), np.log(scaled) - 150 * np.log(10), rtol=1e-9)
    assert result["mean"][-1] < -160


def test_the_largest_gradients_are_numbers(live: Live) -> None:
    settings = {"radius": 3.0, "shear": 3.0, "depth": 8, "nonlinearity": "linear"}
    result = prepared(live).evaluate(COMPUTE, settings)
    assert np.isfinite(result["logs"]).all()
    assert result["mean"][-1] > 50


@pytest.mark.parametrize(("silent", "shown"), [(120, "at every lag"), (60, "from lag 60 on")])
def test_a_gradient_that_is_exactly_zero_is_said_to_be(live: Live, silent: int, shown: str) -> None:
    """ReLU units with nothing to read are off, and no gradient passes: here in the first steps, or in all."""
    page = live(NAME)
    page.evaluate(
        """silent => {
          const data = rnnWidgets.data["gradient-by-lag"], bytes = atob(data.inputs);
          const size = silent * data.sequences * data.hiddenSize, root = document.createElement("div");
          root.className = "rnn-live";
          document.querySelector(".rnn-live").replaceWith(root);
          const inputs = btoa("\\0".repeat(size) + bytes.slice(size));
          rnnWidgets.widgets["gradient-by-lag"].build(root, {...data, inputs}, rnnWidgets.tools);
        }""",
        silent,
    )
    page.get_by_label("Nonlinearity").select_option("relu")
    page.get_by_text(f"the gradient is exactly zero {shown}").wait_for()
    assert page.locator("svg .zero").text_content() == f"exactly zero {shown}"
    assert page.get_by_text("no gradient", exact=True).count() == 1
    assert "NaN" not in page.locator(".rnn-widget").inner_html()


def test_a_move_shows_at_once(live: Live) -> None:
    page = live(NAME)
    status, curve = page.locator("p[role=status]"), page.locator("svg .curve.measured")
    status.get_by_text("With tanh, 1 layer, radius 1.00, shear 1.0").wait_for()
    before = curve.get_attribute("d")
    assert page.locator("svg .curve").count() == 2
    page.get_by_label("Layers").fill("4")
    page.locator("svg .curve.paths").wait_for()
    assert curve.get_attribute("d") != before
    status.get_by_text("With tanh, 4 layers").wait_for()
    assert "176,851 paths" in status.text_content()  # (100 + 3)! / (100! 3!)
    page.get_by_label("Nonlinearity").select_option("sigmoid")
    page.locator("svg .note", has_text="below float32").wait_for()


def test_the_sentence_says_what_the_figures_say(live: Live) -> None:
    page = prepared(live)
    for settings in GRID[::11]:
        result = page.evaluate(COMPUTE, settings)
        text = page.evaluate("settings => core.summary(core.compute(net, settings))", settings)
        if abs(result["slope"]) >= 0.005:
            how = "falls" if result["slope"] < 0 else "grows"
            assert f"the gradient {how} by {abs(result['slope']):.2f} nats a step;" in text
        if result["onePercent"] is not None:
            assert f"From lag {result['onePercent']} on, less than 1\u00a0%" in text
        assert "NaN" not in text
        assert "undefined" not in text


def test_it_is_used_by_keyboard_alone(live: Live) -> None:
    page = live(NAME)
    page.get_by_label("Spectral radius").focus()
    page.keyboard.press("ArrowRight")
    page.locator("p[role=status]").get_by_text("radius 1.05").wait_for()
    page.keyboard.press("Tab")
    page.keyboard.press("Home")
    page.keyboard.press("Tab")
    page.keyboard.press("End")
    page.locator("p[role=status]").get_by_text("8 layers, radius 1.05, shear 0.0").wait_for()
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    page.locator("p[role=status]").get_by_text("With ReLU").wait_for()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.locator("svg .curve.kept").wait_for()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.locator("p[role=status]").get_by_text("With tanh, 1 layer, radius 1.00, shear 1.0").wait_for()
    assert "Kept: ReLU, 8 layers, radius 1.05, shear 0.0" in page.locator("p[role=status]").text_content()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.locator("table").wait_for()
    row = page.locator("tbody tr").last.text_content()
    assert row.startswith("100")
    assert "·10" in row


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_readable_and_reachable(live: Live, width: int, scheme: str) -> None:
    page = live(NAME, width=width, height=844, scheme=scheme)
    for settings in (
        {"Layers": "1"},
        {"Layers": "8", "Spectral radius": "0.3"},
        {"Spectral radius": "3", "Shear": "3"},
    ):
        for label, value in settings.items():
            page.get_by_label(label, exact=True).fill(value)
        page.wait_for_timeout(400)
        assert widget_checks.contrast(page) == []
        assert widget_checks.overflow(page) == []
        inside = """() => { const svg = document.querySelector(".plot svg"), all = svg.getBoundingClientRect();
          return [...svg.querySelectorAll("text")].filter(e => { const r = e.getBoundingClientRect();
            return r.left < all.left - 1 || r.right > all.right + 1 || r.top < all.top - 1 || r.bottom > all.bottom + 1;
          }).map(e => e.textContent); }"""
        assert page.evaluate(inside) == [], "labels cut off"
    page.get_by_text("Keep this curve").click()
    page.get_by_text("The curves as a table").click()
    assert widget_checks.contrast(page) == []
    assert widget_checks.overflow(page) == []
    assert widget_checks.small_targets(page) == []
    assert widget_checks.nameless(page) == []
    assert widget_checks.tab_through(page) == []


def test_labels_at_the_ends_of_the_curves_do_not_overlap(live: Live) -> None:
    page = live(NAME, width=390, height=844)
    page.get_by_text("Keep this curve").click()
    page.get_by_label("Layers").fill("2")
    for radius in ("0.1", "0.5", "0.8", "1", "1.5", "3"):
        page.get_by_label("Spectral radius").fill(radius)
        page.wait_for_timeout(100)
        boxes = [label.bounding_box() for label in page.locator("svg .label").all()]
        assert len(boxes) == 4
        boxes.sort(key=lambda box: box["y"])
        for upper, lower in itertools.pairwise(boxes):
            assert upper["y"] + upper["height"] <= lower["y"] + 5  # boxes have room above and below


@pytest.mark.parametrize("width", [1440, 390])
def test_without_javascript_there_is_a_picture(live: Live, width: int) -> None:
    page = live(NAME, width=width, height=844, javascript=False)
    image = page.locator(".rnn-still img")
    assert image.is_visible()
    assert len(image.get_attribute("alt")) > 100
    assert page.locator(".rnn-live").count() == 0
    assert image.bounding_box()["width"] <= width


def test_depth_8_is_computed_in_milliseconds(live: Live) -> None:
    settings = {"radius": 1.0, "shear": 1.0, "depth": 8, "nonlinearity": "tanh"}
    times = prepared(live).evaluate(
        """settings => Array.from({length: 7}, () => {
          const start = performance.now();
          core.compute(net, settings);
          return performance.now() - start;
        })""",
        settings,
    )
    print(f"median {np.median(times):.0f} ms")
    assert min(times) < 300


def test_a_network_of_the_readers_own(live: Live, tmp_path: Path) -> None:
    export(NAME, tmp_path, seed=3)
    page = live(NAME, folder=tmp_path)
    page.evaluate(PREPARE)
    settings = {"radius": 0.9, "shear": 1.0, "depth": 2, "nonlinearity": "tanh"}
    expected = np.log(widget.network(3).curves(**settings))
    np.testing.assert_allclose(log_gradients(page.evaluate(COMPUTE, settings)), expected, atol=1e-6)
