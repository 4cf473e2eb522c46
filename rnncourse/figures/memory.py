"""Plots of the recorded result `memory_of_past`: what a state keeps, by lag and altogether."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rnncourse.figures.style import LINESTYLES, MUTED, SEQUENCE, axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_capacity", "plot_kept_by_lag"]

#: Networks of the record, as the chapter calls them, in the order of their colours.
_NAMES = {
    "pytorch": "tanh, as PyTorch draws it",
    "trained: recent": "trained to say lag 10",
    "trained: all": "trained to say lags 0 to 100",
    "trained: distant": "trained to say lag 100",
}
_UNTRAINED = {"pytorch": "tanh, as PyTorch draws it", "tanh": "tanh, orthogonal", "linear": "linear, orthogonal"}


def plot_kept_by_lag(record: Mapping[str, Any], ax: Axes | None = None, *, up_to: int = 100) -> Axes:
    """Plot R² against the lag for the untrained and the trained networks: mean of the seeds, band from least to most.

    The area under a curve is the network's capacity; the grey one is what a state can keep at most if it keeps the last
    inputs whole, and nothing else.

    Args:
        record: the recorded result `memory_of_past`.
        ax: axes to draw on, or None for a new figure.
        up_to: the largest lag shown.
    """
    import numpy as np

    ax = axes(ax)
    H = record["settings"]["hidden_size"]
    lags = np.array(record["common"]["lags"])
    shown = lags <= up_to
    ax.fill_between([0, H, H, up_to], [1, 1, 0, 0], color=MUTED, alpha=0.18, linewidth=0, label=f"an area of {H}")
    for (network, words), colour, dash in zip(_NAMES.items(), SEQUENCE, LINESTYLES, strict=False):
        r2 = np.array(
            [
                row["r2"]
                for seed in record["seeds"]
                for row in seed["networks"]
                if row["network"] == network and "r2" in row
            ]
        )[:, shown]
        ax.plot(lags[shown], r2.mean(0), dash, color=colour, label=words)
        ax.fill_between(lags[shown], r2.min(0), r2.max(0), color=colour, alpha=0.2, linewidth=0)
    ax.set(xlim=(0, up_to), ylim=(-0.02, 1.04), xlabel="lag $k$, steps", ylabel="$R^2$ of $x_{t-k}$, read from $h_t$")
    ax.legend(loc="upper right")
    return ax


def plot_capacity(record: Mapping[str, Any], ax: Axes | None = None) -> Axes:
    """Plot the capacity against the number of units, untrained and trained: mean of the seeds, bar from least to most.

    Args:
        record: the recorded result `memory_of_past`.
        ax: axes to draw on, or None for a new figure.
    """
    ax = axes(ax)
    rows = record["conclusion"]["capacities"]
    sizes = sorted({row["hidden_size"] for row in rows})
    limits = [0.8 * sizes[0], 1.25 * sizes[-1]]
    ax.plot(limits, limits, color=MUTED, linewidth=1.2, label="the bound $H$")
    ax.fill_between(limits, limits, [100 * limit for limit in limits], color=MUTED, alpha=0.18, linewidth=0)
    curves = [
        (words, _one(rows, kind), mark)
        for (kind, words), mark in zip(_UNTRAINED.items(), ("o-", "s--", "^-."), strict=True)
    ]
    trained = [row for row in rows if row["network"] == "trained: all"]
    for (words, found, mark), colour in zip(
        [*curves, ("tanh, trained to say lags 0 to 100", trained, "*")],
        (SEQUENCE[0], *SEQUENCE[4:6], SEQUENCE[2]),
        strict=True,
    ):
        found = sorted(found, key=lambda row: row["hidden_size"])
        x, mean = [row["hidden_size"] for row in found], [row["mean"] for row in found]
        low, high = ([abs(row[end] - row["mean"]) for row in found] for end in ("smallest", "largest"))
        size = 13 if mark == "*" else 5
        ax.errorbar(x, mean, (low, high), fmt=mark, color=colour, markersize=size, label=words)
    ax.set(xscale="log", yscale="log", xlim=limits, ylim=(0.11 * sizes[0], limits[1]))
    ax.set(xlabel="units $H$", ylabel="capacity: sum of $R^2$ over the lags")
    for axis, ticks in ((ax.xaxis, sizes), (ax.yaxis, [2, 5, *sizes])):
        axis.set_ticks(ticks, [str(tick) for tick in ticks])
    ax.minorticks_off()
    ax.legend(loc="lower right")
    return ax


def _one(rows: list[Mapping[str, Any]], kind: str) -> list[Mapping[str, Any]]:
    """The capacities of one kind of untrained network, at every size."""
    if kind == "pytorch":
        return [row for row in rows if row["network"] == kind]
    return [row for row in rows if row["network"].startswith("orthogonal") and row["network"].endswith(kind)]
