"""The plots of training runs and of units over a text."""

from __future__ import annotations

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex

from rnncourse import figures

matplotlib.use("Agg")

HISTORY = [
    {"step": 10, "epoch": 0.5, "train_loss": 3.0, "validation_loss": 2.5, "rate": 0.01, "seconds": 1.0},
    {"step": 20, "epoch": 1.0, "train_loss": 2.0, "validation_loss": 2.25, "rate": 0.005, "seconds": 3.0},
    {"step": 30, "epoch": 1.5, "train_loss": 1.5, "validation_loss": 2.75, "rate": 0.0, "seconds": 4.0},
]


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def curves(ax):
    return [(list(line.get_xdata()), list(line.get_ydata())) for line in ax.get_lines()]


def test_a_run():
    loss, rate = figures.plot_run(HISTORY).axes
    steps = [10, 20, 30]
    assert curves(loss) == [(steps, [3.0, 2.0, 1.5]), (steps, [2.5, 2.25, 2.75])]
    assert curves(rate) == [(steps, [0.01, 0.005, 0.0])]
    assert [text.get_text() for text in loss.get_legend().get_texts()] == [
        "training",
        "validation, best 2.2500 after 20 updates",
    ]
    with pytest.raises(ValueError, match="history must have at least one row"):
        figures.plot_run([])


def test_several_runs():
    names = [f"run {k}" for k in range(8)]
    figure = figures.plot_runs({name: HISTORY[: k % 4] for k, name in enumerate(names)})
    updates, seconds = figure.axes
    for k, (by_update, by_second) in enumerate(zip(curves(updates), curves(seconds), strict=True)):
        losses = [2.5, 2.25, 2.75][: k % 4]
        assert by_update == ([10, 20, 30][: k % 4], losses)
        assert by_second == ([1.0, 3.0, 4.0][: k % 4], losses)
    looks = {(to_hex(line.get_color()), line.get_linestyle()) for line in updates.get_lines()}
    assert len(looks) == len(names)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == names
    with pytest.raises(ValueError, match="nothing was evaluated yet"):
        figures.plot_runs({"a": [], "b": []})


@pytest.mark.parametrize("name, low, high", [("f", 0, 1), ("z", 0, 1), ("g", -1, 1), ("h", -1, 1), ("c", -3, 3)])
def test_activations(name, low, high):
    values = np.random.default_rng(0).uniform(-1, 1, (3, 5))
    if name == "c":
        values[1, 2] = -3
    ax = figures.plot_activations(values, "a \n", name=name)
    (image,) = ax.get_images()
    np.testing.assert_array_equal(image.get_array(), values.T)
    assert image.get_clim() == (low, high)
    assert image.get_cmap().name == ("cividis" if low == 0 else "PuOr_r")
    assert [label.get_text() for label in ax.get_xticklabels()] == ["a", "\u2423", "\u21b5"]


def test_labels_that_no_font_has():
    text = "$\x00\U0010ffff$"
    ax = figures.plot_activations(np.zeros((4, 1)), text)
    assert [label.get_text() for label in ax.get_xticklabels()] == ["$", "0000", "10FFFF", "$"]
    assert [label.get_rotation() for label in ax.get_xticklabels()] == [0, 90, 90, 0]
    ax.figure.canvas.draw()  # "$…$" is no formula


def test_units_are_ordered_by_one_part():
    f = np.array([[0.1, 0.9, 0.5], [0.3, 0.9, 0.5]])
    i = np.array([[0.0, 0.2, 0.4], [0.0, 0.2, 0.4]])
    figure = figures.plot_units_by_text({"i": i, "f": f}, "ab", by="f")
    first, second = (ax.get_images()[0].get_array() for ax in figure.axes[:2])
    np.testing.assert_array_equal(first, i.T[[1, 2, 0]])
    np.testing.assert_array_equal(second, f.T[[1, 2, 0]])
    assert figure.axes[1].get_xlabel().endswith("units by their mean $f$, the largest on top")


def test_titles():
    parts = {"z": np.zeros((2, 1)), "n": np.zeros((2, 1))}
    figure = figures.plot_units_by_text(parts, "ab", by="z", titles={"z": "another"})
    titles = [ax.get_title(loc="left") or ax.get_title() for ax in figure.axes[:2]]
    assert titles == ["another", "candidate $n$: what would come in"]


def test_what_is_refused():
    with pytest.raises(ValueError, match=r"values must have shape \(3, H\), got \(2, 4\)"):
        figures.plot_activations(np.zeros((2, 4)), "abc")
    with pytest.raises(ValueError, match="by must be one of 'h', got 'c'"):
        figures.plot_units_by_text({"h": np.zeros((2, 4))}, "ab", by="c")
