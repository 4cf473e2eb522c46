"""One style, one colour a model, drawings that are the same everywhere."""

from __future__ import annotations

import inspect
import re
from itertools import combinations

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest

from rnncourse import figures


def _linear(colour: str) -> np.ndarray:
    channels = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


# Viénot, Brettel and Mollon (1999): what a reader without red, or without green, receptors sees of linear RGB.
_VISION = {
    "all receptors": np.eye(3),
    "no red": np.array([[0.1124, 0.8876, 0.0], [0.1124, 0.8876, 0.0], [0.0040, -0.0040, 1.0]]),
    "no green": np.array([[0.2920, 0.7079, 0.0], [0.2920, 0.7079, 0.0], [-0.0223, 0.0223, 1.0]]),
}


def _lab(linear: np.ndarray) -> np.ndarray:
    matrix = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = matrix @ linear / np.array([0.9505, 1.0, 1.089])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("vision", _VISION)
def test_models_can_be_told_apart(vision: str) -> None:
    models = ("rnn", "lstm", "gru", "transformer", "ngram")
    seen = {model: _lab(np.clip(_VISION[vision] @ _linear(figures.colour(model)), 0, 1)) for model in models}
    for a, b in combinations(models, 2):
        assert np.linalg.norm(seen[a] - seen[b]) > 10, (a, b)


def test_colours() -> None:
    assert all(re.fullmatch(r"#[0-9A-F]{6}", colour) for colour in figures.COLOURS.values())
    assert len(set(figures.COLOURS.values())) == len(figures.COLOURS)
    assert figures.colour("lstm") == figures.COLOURS["lstm"]
    with pytest.raises(ValueError, match=r"model must be one of 'rnn', .*, got 'perceptron'"):
        figures.colour("perceptron")
    with pytest.raises(TypeError):
        figures.COLOURS["lstm"] = "#000000"


def test_style_is_known_to_matplotlib() -> None:
    with matplotlib.rc_context(dict(figures.STYLE)):
        figure = plt.figure()
        plt.close(figure)
        assert figure.dpi == figures.STYLE["figure.dpi"]


def test_axes() -> None:
    ax = plt.figure().subplots()
    assert figures.axes(ax) is ax
    new = figures.axes(figsize=(3, 2))
    assert new is not ax and tuple(new.figure.get_size_inches()) == (3, 2)
    plt.close("all")


def _drawing(shift: float = 0.0) -> str:
    figure, ax = plt.subplots()
    ax.plot([0, 1 / 3 + shift, 1], [0.1, 0.2, 1e3 / 7], "o-", label="$h_t$")
    ax.imshow(np.eye(2), clip_on=True)
    ax.legend()
    text = figures.save_svg(figure)
    plt.close(figure)
    return text


def test_svg_depends_on_the_drawing_alone() -> None:
    first = _drawing()
    np.random.default_rng().normal()
    plt.close(plt.figure())
    assert _drawing() == first
    # What another processor may change: far below what is drawn.
    assert _drawing(1e-7) == first
    assert _drawing(0.1) != first


def test_svg_is_clean_and_consistent() -> None:
    import xml.etree.ElementTree

    text = _drawing()
    xml.etree.ElementTree.fromstring(text)
    assert not re.search(r"<!--|<metadata|[Mm]atplotlib|\d{4}-\d\d-\d\d", text)
    defined = set(re.findall(r'\bid="([^"]+)"', text))
    used = set(re.findall(r'(?:href="#|url\(#)([^")]+)', text))
    assert used and used <= defined
    assert all(re.fullmatch(r"e\d+", name) for name in defined)


def test_letters_of_an_svg_keep_their_size() -> None:
    """Matplotlib scales glyphs by 1/64; rounded to two decimals, letters would overlap."""
    figure = plt.figure()
    figure.text(0.5, 0.5, "h")
    text = figures.save_svg(figure)
    plt.close(figure)
    assert "scale(0.015625)" in text


def test_plot_functions_take_axes() -> None:
    """``plot_x(data, ..., ax=None) -> ax``; what fills a figure by itself (panels, diagrams) returns the figure."""
    for name in figures.__all__:
        if not name.startswith(("plot_", "draw_")):
            continue
        signature = inspect.signature(getattr(figures, name))
        if signature.return_annotation != "Figure":
            assert name.startswith("plot_") and signature.return_annotation == "Axes", name
            assert signature.parameters["ax"].default is None, name


@pytest.mark.parametrize("name", [name for name in figures.__all__ if name.startswith("draw_")])
def test_diagrams_are_the_same_each_time(name: str) -> None:
    draw = getattr(figures, name)
    if any(p.default is p.empty for p in inspect.signature(draw).parameters.values()):
        pytest.skip(f"{name} needs arguments")
    texts = []
    for _ in range(2):
        figure = draw()
        texts.append(figures.save_svg(figure))
        plt.close(figure)
    assert texts[0] == texts[1]
    assert len(texts[0]) < 160_000
