"""The plots of `gradient_by_lag`, drawn from the record."""

from __future__ import annotations

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

from rnncourse import figures, results

matplotlib.use("Agg")


@pytest.fixture(scope="module")
def record():
    return results.load("gradient_by_lag")


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def line(ax, label):
    return next(line for line in ax.get_lines() if line.get_label() == label)


def band(ax, n):
    """Lower and upper edge of the n-th band, by x."""
    points = ax.collections[n].get_paths()[0].vertices
    return [[pick(points[np.isclose(points[:, 0], x), 1]) for x in np.unique(points[:, 0])] for pick in (min, max)]


def test_rate_by_radius(record):
    ax = figures.plot_rate_by_radius(record)
    slopes = np.array([seed["radius"]["tanh"]["slope"] for seed in record["seeds"]])
    np.testing.assert_allclose(line(ax, "tanh").get_ydata(), slopes.mean(0))
    np.testing.assert_allclose(band(ax, 1), [slopes.min(0), slopes.max(0)])
    np.testing.assert_allclose(line(ax, "log of the radius").get_ydata(), np.log(record["common"]["radii"]))
    exponents = np.mean([seed["radius"]["linear"]["lyapunov"] for seed in record["seeds"]], axis=0)
    np.testing.assert_allclose(line(ax, "Lyapunov exponent").get_ydata(), exponents)


def test_lags_begin_at_one(record):
    ax = figures.plot_lags_by_radius(record, "relu", [0.9, 2.0])
    logs = np.array([seed["radius"]["relu"]["log10"][2] for seed in record["seeds"]])
    drawn = line(ax, "radius 0.9")
    np.testing.assert_array_equal(drawn.get_xdata(), [0, *record["common"]["lags"]])
    np.testing.assert_allclose(drawn.get_ydata(), [1, *10 ** logs.mean(0)])
    assert ax.get_yscale() == "log"
    short = figures.plot_lags_by_radius(record, "relu", [0.9], up_to=20)
    np.testing.assert_array_equal(line(short, "radius 0.9").get_xdata(), [0, 1, 2, 5, 10, 20])


def test_initialisers(record):
    ax = figures.plot_lags_by_initialiser(record, "relu", ["identity"])
    place = record["common"]["recipes_with"]["relu"].index("identity")
    logs = np.array([seed["initialisers"]["relu"]["log10"][place] for seed in record["seeds"]])
    np.testing.assert_allclose(line(ax, "identity").get_ydata()[1:], 10 ** logs.mean(0))
    assert len(figures.plot_lags_by_initialiser(record).get_lines()) == 9


def test_depth_relative_and_absolute(record):
    place = record["common"]["depths"].index(4)
    found = [seed["depth"]["near one"] for seed in record["seeds"]]
    logs = np.array([seed["log10"][place] for seed in found])
    drawn = line(figures.plot_lags_by_depth(record, "near one"), "4 layers").get_ydata()
    np.testing.assert_allclose(drawn, [1, *10 ** logs.mean(0)])
    shift = np.array([seed["log10_at_0"][place] - seed["log10_at_0"][0] for seed in found])
    drawn = line(figures.plot_lags_by_depth(record, "near one", relative=False), "4 layers").get_ydata()
    np.testing.assert_allclose(drawn, [10 ** shift.mean(), *10 ** (logs + shift[:, None]).mean(0)])


def test_rate_by_depth(record):
    ax = figures.plot_rate_by_depth(record, ["equal parameters"])
    slopes = [seed["depth"]["equal parameters"]["slope"] for seed in record["seeds"]]
    np.testing.assert_allclose(ax.get_lines()[1].get_ydata(), np.mean(slopes, axis=0))


def test_pruning_begins_dense(record):
    ax = figures.plot_pruning(record, "chaotic", ["shrunk"])
    place = record["common"]["methods"]["slope"].index("shrunk")
    entries = [seed["pruning"]["chaotic"] for seed in record["seeds"]]
    slopes = np.array([[entry["dense"]["slope"], *entry["slope"][place]] for entry in entries])
    np.testing.assert_allclose(ax.get_lines()[1].get_ydata(), slopes.mean(0))


def test_a_lost_gradient_ends_the_line(record):
    ax = figures.plot_pruning(record, "unbounded", ["units"])
    assert np.isnan(ax.get_lines()[1].get_ydata()[-1])


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("plot_rate_by_radius", {"rows": ["sine"]}, "rows must be one of 'tanh'"),
        ("plot_lags_by_radius", {"nonlinearity": "linear"}, "nonlinearity must be one of"),
        ("plot_lags_by_radius", {"radii": [0.8]}, r"radii must be of 0\.5, 0\.7.*got 0\.8"),
        ("plot_lags_by_initialiser", {"names": ["zeros"]}, "names must be of torch"),
        ("plot_lags_by_depth", {"row": "deep"}, "row must be one of"),
        ("plot_rate_by_depth", {"rows": ["deep"]}, "rows must be one of"),
        ("plot_pruning", {"network": "large"}, "network must be one of"),
        ("plot_pruning", {"methods": ["none"]}, "methods must be of magnitude"),
    ],
)
def test_refuses_what_is_not_there(record, name, arguments, message):
    with pytest.raises(ValueError, match=message):
        getattr(figures, name)(record, **arguments)
