"""The plots of `long_lag_training`, drawn from a quick run."""

from __future__ import annotations

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

from rnncourse import figures
from rnncourse.experiments import _run

matplotlib.use("Agg")


@pytest.fixture(scope="module")
def record():
    return _run.run("long_lag_training", quick=True, bar=False, seeds=3)


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


@pytest.mark.parametrize("what", ["ratio", "loss"])
def test_course_shows_the_median(record, what):
    names = ["long constant clipped", "long exponential free"]
    ax = figures.plot_long_lag_course(record, what, names)
    curves = [line for line in ax.get_lines() if len(line.get_xdata()) == 4]
    for line, name in zip(curves, names, strict=True):
        place = record["common"]["conditions"].index(name)
        key = {"ratio": "log_ratio", "loss": "probe_loss"}[what]
        values = np.median([seed[key][place] for seed in record["seeds"]], axis=0)
        np.testing.assert_allclose(line.get_ydata(), 10**values if what == "ratio" else values)
        np.testing.assert_array_equal(line.get_xdata(), record["common"]["moments"]["long"])


def test_course_with_a_diverged_run(record):
    seeds = [dict(seed) for seed in record["seeds"]]
    place = record["common"]["conditions"].index("edge constant free")
    for seed in seeds:
        seed["log_ratio"] = list(seed["log_ratio"])
        seed["log_ratio"][place] = [-1.0, -1.0, None, None]
    ax = figures.plot_long_lag_course(record | {"seeds": seeds}, conditions=["edge constant free"])
    np.testing.assert_allclose(ax.get_lines()[0].get_ydata(), [0.1, 0.1])


def test_ends_are_each_runs_own(record):
    names = ["long constant clipped", "long exponential free"]
    places = [record["common"]["conditions"].index(name) for name in names]
    seeds = [seed | {"final_loss": list(seed["final_loss"])} for seed in record["seeds"]]
    seeds[2]["final_loss"][places[0]] = None  # diverged
    ax = figures.plot_long_lag_ends(record | {"seeds": seeds}, names)
    dots = [line for line in ax.get_lines() if line.get_marker() == "o"]
    for line, place, filled in zip(dots, places, (True, False), strict=True):
        np.testing.assert_allclose(line.get_ydata(), [10 ** seed["log_ratio"][place][-1] for seed in seeds])
        errors = np.array([seed["final_loss"][place] for seed in seeds], dtype=float)
        np.testing.assert_allclose(line.get_xdata(), errors)
        assert (line.get_markerfacecolor() != "none") == filled
    assert np.isnan(dots[0].get_xdata()[2])
    level = next(line for line in ax.get_lines() if len(set(line.get_ydata())) == 1 and line not in dots)
    starts = [seed["log_ratio"][place][0] for seed in seeds for place in places]
    np.testing.assert_allclose(level.get_ydata()[0], 10 ** np.median(starts))
    with pytest.raises(ValueError, match="of one regime, got edge, long"):
        figures.plot_long_lag_ends(record, ["long constant free", "edge constant free"])


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"what": "norm"}, "what must be one of"),
        ({"conditions": ["long none"]}, "condition must be one of"),
        ({"conditions": ["long constant free", "edge constant free"]}, "of one regime, got edge, long"),
    ],
)
def test_course_names_what_is_wrong(record, arguments, message):
    with pytest.raises(ValueError, match=message):
        figures.plot_long_lag_course(record, **arguments)


@pytest.mark.parametrize("regime", ["short", "long", "edge"])
def test_solved_has_a_bar_a_condition(record, regime):
    ax = figures.plot_long_lag_solved(record, regime)
    names = [name for name in record["common"]["conditions"] if name.startswith(regime)]
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert labels[:2] == ["constant, clipped", "constant, not clipped"]
    assert [bar.get_width() for bar in ax.patches] == [record["conclusion"]["solved"][name] for name in names]


@pytest.mark.parametrize("regime", ["short", "long", "edge"])
def test_final_shows_every_seed(record, regime):
    ax = figures.plot_long_lag_final(record, regime)
    shown = [line for line in ax.get_lines() if line.get_marker() == "o"]
    assert all(len(line.get_xdata()) == 3 for line in shown)
    assert len(shown) == sum(name.startswith(regime) for name in record["common"]["conditions"])


def test_differences_have_a_row_a_part(record):
    ax = figures.plot_long_lag_differences(record)
    parts = [p for p in record["conclusion"]["parts"].values() if "margin" in p and p["n"] > 1]
    assert len(ax.get_yticks()) == len(parts)


def test_unknown_regime(record):
    for plot in (figures.plot_long_lag_solved, figures.plot_long_lag_final):
        with pytest.raises(ValueError, match="regime must be one of"):
            plot(record, "medium")
