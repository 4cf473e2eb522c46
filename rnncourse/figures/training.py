"""Plots of the recorded experiment `long_lag_training`: schedules, clipping and depth on the adding task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rnncourse._checks import check_choice
from rnncourse.figures.style import INK, LINESTYLES, MUTED, SEQUENCE, axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "plot_long_lag_course",
    "plot_long_lag_differences",
    "plot_long_lag_ends",
    "plot_long_lag_final",
    "plot_long_lag_solved",
]

_WHAT = {
    "ratio": ("log_ratio", "early over late input gradient"),
    "loss": ("probe_loss", "mean squared error"),
}


def plot_long_lag_course(
    record: Mapping[str, Any],
    what: str = "ratio",
    conditions: Sequence[str] = ("long constant clipped", "long exponential clipped", "long plateau clipped"),
    ax: Axes | None = None,
) -> Axes:
    """Plot through training, for some conditions of one regime: the median over the seeds, and the middle half.

    Args:
        record: the recorded result `long_lag_training`.
        what: "ratio", the gradient by the inputs of the first quarter over that of the last; or "loss", on the probe.
        conditions: names in `record["common"]["conditions"]`, all of one regime.
        ax: axes to draw on, or None for a new figure.

    Raises:
        ValueError: `what` or a condition is unknown, or the conditions are of several regimes.
    """
    import numpy as np

    check_choice("what", what, tuple(_WHAT))
    places = [_place(record, name) for name in conditions]
    key, words = _WHAT[what]
    moments = record["common"]["moments"][_regime(conditions)]
    ax = axes(ax)
    for n, (name, place) in enumerate(zip(conditions, places, strict=True)):
        values = np.array([seed[key][place] for seed in record["seeds"]], dtype=float)  # None becomes NaN
        if what == "ratio":
            values = 10**values
        shown = ~np.isnan(values).all(0)
        low, middle, high = np.nanpercentile(values[:, shown], [25, 50, 75], axis=0)
        ink, x = SEQUENCE[n % len(SEQUENCE)], np.array(moments)[shown]
        ax.plot(x, middle, LINESTYLES[n % len(LINESTYLES)], color=ink, label=_words(name))
        ax.fill_between(x, low, high, color=ink, alpha=0.15, linewidth=0)
    if what == "loss":
        for level, text in _yardsticks(record):
            ax.axhline(level, color=MUTED, linewidth=0.8)
            ax.text(moments[-1], level, f"{text} ", va="bottom", ha="right", fontsize=8, color=INK)
    ax.set(yscale="log", xlabel="steps of training", ylabel=words)
    ax.legend()
    return ax


def plot_long_lag_ends(record: Mapping[str, Any], conditions: Sequence[str], ax: Axes | None = None) -> Axes:
    """Plot each run's end: the ratio of early to late input gradient against the final error. Diverged runs have none.

    Filled with clipping, open without; the lines mark the error below which the task is solved, and the median ratio
    before training.

    Args:
        record: the recorded result `long_lag_training`.
        conditions: names in `record["common"]["conditions"]`, all of one regime.
        ax: axes to draw on, or None for a new figure.

    Raises:
        ValueError: a condition is unknown, or the conditions are of several regimes.
    """
    import numpy as np

    places = [_place(record, name) for name in conditions]
    _regime(conditions)
    ax = axes(ax)
    for name, place in zip(conditions, places, strict=True):
        errors = np.array([seed["final_loss"][place] for seed in record["seeds"]], dtype=float)  # None becomes NaN
        ratios = 10 ** np.array([seed["log_ratio"][place][-1] for seed in record["seeds"]], dtype=float)
        face = "none" if "free" in name else _ink(name)
        ax.plot(errors, ratios, "o", color=_ink(name), markerfacecolor=face, markersize=3.5)
    starts = [seed["log_ratio"][place][0] for seed in record["seeds"] for place in places]
    ax.axvline(record["common"]["solved_below"], color=MUTED, linewidth=0.8)
    ax.axhline(10 ** float(np.median(starts)), color=MUTED, linewidth=0.8)
    ax.set(xscale="log", yscale="log", xlabel="mean squared error at the end", ylabel=_WHAT["ratio"][1])
    return ax


def plot_long_lag_solved(record: Mapping[str, Any], regime: str = "long", ax: Axes | None = None) -> Axes:
    """Plot how many seeds solved the task under each condition of a regime.

    Args:
        record: the recorded result `long_lag_training`.
        regime: "short", "long" or "edge".
        ax: axes to draw on, or None for a new figure.

    Raises:
        ValueError: no such regime.
    """
    check_choice("regime", regime, tuple(record["common"]["moments"]))
    names = [name for name in record["common"]["conditions"] if name.split()[0] == regime]
    n = len(record["seeds"])
    ax = axes(ax, figsize=(6.4, 0.27 * len(names) + 0.9))
    for y, name in enumerate(names):
        count = record["conclusion"]["solved"][name]
        lost = record["conclusion"]["diverged"][name]
        hatch = None if "free" not in name else "///"
        ax.barh(y, count, color=_ink(name), alpha=0.85, height=0.7, hatch=hatch, edgecolor="white", linewidth=0)
        ax.text(count + 0.1, y, f"{count}" + (f" ({lost} diverged)" if lost else ""), va="center", fontsize=9)
    ax.set_yticks(range(len(names)), [_words(name) for name in names])
    ax.set(xlim=(0, n + 1), ylim=(len(names) - 0.4, -0.6), xlabel=f"seeds of {n} that solved the task")
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="y", visible=False)
    return ax


def plot_long_lag_final(record: Mapping[str, Any], regime: str = "long", ax: Axes | None = None) -> Axes:
    """Plot every seed's final error on held-out sequences under each condition of a regime; a cross: diverged.

    Args:
        record: the recorded result `long_lag_training`.
        regime: "short", "long" or "edge".
        ax: axes to draw on, or None for a new figure.

    Raises:
        ValueError: no such regime.
    """
    import numpy as np

    check_choice("regime", regime, tuple(record["common"]["moments"]))
    names = [name for name in record["common"]["conditions"] if name.split()[0] == regime]
    ax = axes(ax, figsize=(6.4, 0.27 * len(names) + 0.9))
    for y, name in enumerate(names):
        place = _place(record, name)
        values = np.array([seed["final_loss"][place] for seed in record["seeds"]], dtype=float)
        offsets = np.linspace(-0.22, 0.22, len(values))
        face = "none" if "free" in name else _ink(name)
        ax.plot(values, y + offsets, "o", color=_ink(name), markerfacecolor=face, markersize=3.5)
        lost = np.isnan(values)
        ax.plot(np.full(lost.sum(), 0.3), y + offsets[lost], "x", color=INK, markersize=4)
    for level, _ in _yardsticks(record):
        ax.axvline(level, color=MUTED, linewidth=0.8)
    ax.set_yticks(range(len(names)), [_words(name) for name in names])
    ax.set(xscale="log", ylim=(len(names) - 0.4, -0.6), xlabel="mean squared error on held-out sequences")
    ax.tick_params(axis="y", length=0)
    return ax


def plot_long_lag_differences(record: Mapping[str, Any], ax: Axes | None = None) -> Axes:
    """Plot the decided differences: each seed's, their mean and 95 % interval, in units of the rule's margin.

    To the right of 1 a statement's margin is reached; 0 is no difference.

    Args:
        record: the recorded result `long_lag_training`.
        ax: axes to draw on, or None for a new figure.
    """
    import numpy as np

    parts = {key: part for key, part in record["conclusion"]["parts"].items() if "margin" in part and part["n"] > 1}
    ax = axes(ax, figsize=(6.4, 0.36 * len(parts) + 0.9))
    for y, part in enumerate(parts.values()):
        margin = part["margin"]
        seeds = np.array(part["differences"]) / margin
        ax.plot(seeds, y + np.linspace(-0.2, 0.2, len(seeds)), ".", color=SEQUENCE[0], alpha=0.5, markersize=4)
        ax.plot([part["low"] / margin, part["high"] / margin], [y, y], color=INK, linewidth=2)
        ax.plot(part["mean"] / margin, y, "o", color=INK)
    ax.axvline(0, color=MUTED, linewidth=1)
    ax.axvline(1, color=MUTED, linewidth=1, linestyle="--")
    ax.set_yticks(range(len(parts)), [key.replace("_", " ") for key in parts])
    ax.set(ylim=(len(parts) - 0.4, -0.6), xlabel="difference in the statement's sense, in margins")
    ax.set_xscale("symlog", linthresh=2)
    ax.tick_params(axis="y", length=0)
    return ax


def _place(record: Mapping[str, Any], name: str) -> int:
    return record["common"]["conditions"].index(check_choice("condition", name, tuple(record["common"]["conditions"])))


def _regime(conditions: Sequence[str]) -> str:
    regimes = {name.split()[0] for name in conditions}
    if len(regimes) != 1:
        raise ValueError(f"conditions must be of one regime, got {', '.join(sorted(regimes)) or 'none'}")
    return regimes.pop()


def _words(name: str) -> str:
    """A condition's name for a reader, without its regime."""
    words = name.split(" ", 1)[1].replace("warmup", "warm-up")
    return words.replace(" clipped", ", clipped").replace(" free", ", not clipped")


def _ink(name: str) -> str:
    order = ("constant", "exponential", "plateau", "cosine", "warmup", "equal")
    return SEQUENCE[next(n for n, word in enumerate(order) if word in name)]


def _yardsticks(record: Mapping[str, Any]) -> list[tuple[float, str]]:
    guess = record["common"]["guess"]
    return [(guess, "guess"), (guess / 2, "later value only"), (record["common"]["solved_below"], "solved below")]
