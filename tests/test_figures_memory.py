"""The plots of `memory_of_past`, drawn from the record and from a quick run."""

from __future__ import annotations

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest

from rnncourse import figures, results
from rnncourse.experiments import _run


@pytest.fixture(scope="module", params=["record", "quick"])
def record(request):
    if request.param == "record":
        return results.load("memory_of_past")
    return _run.run("memory_of_past", quick=True, bar=False, seeds=2)


def _r2(record, network):
    rows = [row for seed in record["seeds"] for row in seed["networks"]]
    return np.array([row["r2"] for row in rows if row["network"] == network and "r2" in row])


def test_kept_by_lag(record):
    ax = figures.plot_kept_by_lag(record, up_to=10)
    curves = {line.get_label(): line for line in ax.lines}
    lags = [lag for lag in record["common"]["lags"] if lag <= 10]
    for network, words in (("pytorch", "tanh, as PyTorch draws it"), ("trained: distant", "trained to say lag 100")):
        x, y = curves[words].get_data()
        assert x.tolist() == lags
        np.testing.assert_allclose(y, _r2(record, network)[:, : len(lags)].mean(0))
    assert len(curves) == 4
    plt.close(ax.figure)


def test_capacity(record):
    ax = figures.plot_capacity(record)
    drawn = {bars.get_label(): bars.lines[0].get_data() for bars in ax.containers}
    assert len(drawn) == 4
    H = record["settings"]["hidden_size"]
    sizes = sorted([H, *record["settings"]["other_sizes"]])
    for words, name in (("tanh, as PyTorch draws it", "pytorch"), ("linear, orthogonal", "linear")):
        x, y = drawn[words]
        assert x.tolist() == sizes
        rows = [
            row for row in record["conclusion"]["capacities"] if row["network"].startswith(("pytorch", "orthogonal"))
        ]
        want = {row["hidden_size"]: row["mean"] for row in rows if row["network"].endswith(name)}
        assert y.tolist() == [want[size] for size in sizes]
    (x,), _ = drawn["tanh, trained to say lags 0 to 100"]
    assert x == H
    plt.close(ax.figure)
