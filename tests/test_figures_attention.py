"""The plot of a Transformer's attention."""

from __future__ import annotations

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

from rnncourse import figures

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def weights(L, N, T, context=None):
    """Causal, within a window."""
    found = np.random.default_rng(0).uniform(0.1, 1, (L, N, T, T))
    t, s = np.indices((T, T))
    found = found * (s <= t) * (s > t - (context or T))
    return found / found.sum(-1, keepdims=True)


def maps(figure):
    """Title and image of each map; the last axes are the colour bar's."""
    return [(ax.get_title(loc="left"), ax.get_images()[0]) for ax in figure.axes[:-1]]


def columns(figure):
    return figure.axes[0].get_gridspec().ncols


@pytest.mark.parametrize("L, N, layer", [(2, 3, None), (1, 1, None), (3, 2, 1), (2, 11, 2)])
def test_a_map_a_head(L, N, layer):
    values = weights(L, N, 4)
    figure = figures.plot_attention(values, "ab c", layer=layer)
    layers = range(L) if layer is None else [layer - 1]
    expected = {f"layer {l + 1}, head {n + 1}": values[l, n] for l in layers for n in range(N)}
    found = maps(figure)
    assert [title for title, _ in found] == list(expected)
    for title, image in found:
        np.testing.assert_array_equal(image.get_array().filled(0), expected[title])
        assert image.get_clim() == (0, 1)
        assert image.get_cmap().name == "cividis"
    assert columns(figure) == {1: 1, 2: 2, 3: 3, 11: 6}[N]
    at = [(bool(len(ax.get_xticks())), bool(len(ax.get_yticks()))) for ax in figure.axes[:-1]]
    assert at == [(k + columns(figure) >= len(found), k % columns(figure) == 0) for k in range(len(found))]


@pytest.mark.parametrize("L, N, heads", [(4, 4, True), (2, 8, True), (16, 1, True), (17, 2, False), (3, 6, False)])
def test_of_many_heads_the_mean(L, N, heads):
    values = weights(L, N, 3)
    figure = figures.plot_attention(values, "abc")
    found = maps(figure)
    if heads:
        assert [title for title, _ in found] == [f"layer {l + 1}, head {n + 1}" for l in range(L) for n in range(N)]
        assert columns(figure) == (8 if N == 1 else N)
        return
    assert columns(figure) == {17: 6, 3: 3}[L]
    assert [title for title, _ in found] == [f"layer {l + 1}, mean of {N} heads" for l in range(L)]
    for l, (_, image) in enumerate(found):
        np.testing.assert_allclose(image.get_array().filled(0), values[l].mean(0))


def test_what_is_not_looked_at_is_white():
    figure = figures.plot_attention(weights(1, 2, 6, context=3), "abcdef")
    t, s = np.indices((6, 6))
    for _, image in maps(figure):
        np.testing.assert_array_equal(image.get_array().mask, (s > t) | (s <= t - 3))


def test_axes_and_labels():
    """Characters stand at the cells' middle, a row is what is read."""
    text = "a \n汉$"
    figure = figures.plot_attention(weights(2, 2, 5), text)
    figure.canvas.draw()  # "$" is no formula
    assert (figure.get_supxlabel(), figure.get_supylabel()) == ("looks at", "read at")
    assert figure.axes[-1].get_ylabel() == "share of the attention; a row adds up to 1"
    ax = figure.axes[2]
    shown = figures.plot_activations(np.zeros((5, 1)), text)
    names = [label.get_text() for label in shown.get_xticklabels()]
    for axis in (ax.xaxis, ax.yaxis):
        assert [label.get_text() for label in axis.get_ticklabels()] == names
        assert list(axis.get_ticklocs()) == [1, 2, 3, 4, 5]
    assert ax.get_images()[0].get_extent() == [0.5, 5.5, 5.5, 0.5]


@pytest.mark.parametrize("N, T, fit", [(4, 35, True), (1, 40, True), (1, 200, False), (8, 20, True), (8, 40, False)])
def test_characters_where_they_fit_else_positions(N, T, fit):
    figure = figures.plot_attention(weights(1, N, T), "x" * T)
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert (labels == ["x"] * T) == fit
    assert figure.get_supxlabel() == ("looks at" if fit else "looks at, position from 1")
    width, height = figure.get_size_inches()
    assert width <= 18 and height <= 18


def test_what_is_refused():
    for shape in [(2, 3, 3), (1, 1, 3, 4), (1, 1, 4, 4), (0, 1, 3, 3)]:
        with pytest.raises(ValueError, match=r"weights must have shape \(L, N, 3, 3\)"):
            figures.plot_attention(np.ones(shape), "abc")
    with pytest.raises(ValueError, match="layer must be at most 2, got 3"):
        figures.plot_attention(weights(2, 1, 3), "abc", layer=3)
    with pytest.raises(ValueError, match="layer must be at least 1, got 0"):
        figures.plot_attention(weights(2, 1, 3), "abc", layer=0)
