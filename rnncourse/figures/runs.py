"""Plots of training runs: the loss of one or of several, and what a network's units do over a text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from rnncourse.figures._characters import character_labels
from rnncourse.figures.style import LINESTYLES, MUTED, SEQUENCE, STYLE, axes

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_activations", "plot_run", "plot_runs", "plot_units_by_text"]

History = Sequence[Mapping[str, float]]

_TITLES = {
    "i": "input gate $i$: how much is written",
    "f": "forget gate $f$: how much of the cell stays",
    "g": "candidate $g$: what would be written",
    "o": "output gate $o$: how much is shown",
    "r": "reset gate $r$: how much of the state the candidate sees",
    "z": "update gate $z$: how much of the state stays",
    "n": "candidate $n$: what would come in",
    "h": "hidden state $h$",
    "c": "cell state $c$",
}


def plot_run(history: History) -> Figure:
    """Plot a run's training and validation loss, and below them the learning rate, against updates.

    Args:
        history: the rows of a run's history.json, at least one.

    Raises:
        ValueError: no row.
    """
    import matplotlib.pyplot as plt

    _check_rows("history", history)
    steps = [row["step"] for row in history]
    best = min(history, key=lambda row: row["validation_loss"])
    with plt.rc_context(dict(STYLE)):
        figure, (loss, rate) = plt.subplots(2, 1, figsize=(6.4, 4.4), sharex=True, height_ratios=(3, 1))
        loss.plot(steps, [row["train_loss"] for row in history], "-o", color=SEQUENCE[0], label="training")
        label = f"validation, best {best['validation_loss']:.4f} after {best['step']:,} updates"
        loss.plot(steps, [row["validation_loss"] for row in history], "--s", color=SEQUENCE[1], label=label)
        loss.set_ylabel("loss, nats a symbol")
        loss.legend()
        rate.plot(steps, [row["rate"] for row in history], "-o", color=MUTED)
        rate.set(xlabel="updates", ylabel="learning rate")
        rate.set_xlim(left=0)
        rate.set_ylim(bottom=0)
    return figure


def plot_runs(histories: Mapping[str, History]) -> Figure:
    """Plot the validation loss of several runs, against updates at the left and against seconds at the right.

    Args:
        histories: for each run, under its name, the rows of its history.json; a run without rows gets no curve.

    Raises:
        ValueError: no run that has a row.
    """
    import matplotlib.pyplot as plt

    _check_rows("histories", [row for history in histories.values() for row in history])
    with plt.rc_context(dict(STYLE)):
        figure, sides = plt.subplots(1, 2, figsize=(8.4, 3.6), sharey=True)
        for ax, against, words in zip(sides, ("step", "seconds"), ("updates", "seconds of training"), strict=True):
            for n, (name, history) in enumerate(histories.items()):
                values = [[row[key] for row in history] for key in (against, "validation_loss")]
                style = LINESTYLES[(n + n // len(SEQUENCE)) % len(LINESTYLES)]
                ax.plot(*values, style, marker="o", color=SEQUENCE[n % len(SEQUENCE)], label=name)
            ax.set_xlabel(words)
            ax.set_xlim(left=0)
        sides[0].set_ylabel("validation loss, nats a symbol")
        figure.legend(*sides[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def plot_activations(
    values: np.ndarray, text: str, ax: Axes | None = None, *, name: str = "h", title: str | None = None
) -> Axes:
    """Plot units over a text as a heat map: one column a character, one row a unit, in the order given.

    Gates go from 0 (dark) to 1 (light); candidates and states from violet (negative) over white to orange.

    Args:
        values: of shape (T, H).
        text: the T characters that were read.
        ax: axes to draw on, or None for a new figure.
        name: what the values are: "i", "f", "g", "o", "r", "z", "n", "h" or "c".
        title: None: what the name means in an LSTM or a GRU.

    Raises:
        ValueError: not one row of values for each character.
    """
    import numpy as np

    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 2 or len(values) != len(text):
        raise ValueError(f"values must have shape ({len(text)}, H), got {values.shape}")
    ax = axes(ax, figsize=_size(len(text), 1))
    is_gate = name in ("i", "f", "o", "r", "z")
    largest = 1.0 if is_gate else max(1.0, float(np.abs(values).max()))
    colours = {"cmap": "cividis", "vmin": 0} if is_gate else {"cmap": "PuOr_r", "vmin": -largest}
    image = ax.imshow(values.T, aspect="auto", vmax=largest, interpolation="nearest", **colours)
    bar = ax.figure.colorbar(image, ax=ax, pad=0.01, fraction=0.05)
    bar.outline.set_visible(False)
    bar.set_label("0 shut, 1 open" if is_gate else "value", fontsize=8)
    labels, families = character_labels(text)
    ax.set_xticks(range(len(text)), labels, family=families, fontsize=8)
    for tick in ax.get_xticklabels():
        tick.set_rotation(90 if len(tick.get_text()) > 1 else 0)
    ax.set_title(title or _TITLES[name])
    ax.set_ylabel("unit")
    ax.set_yticks([])
    ax.tick_params(length=0)
    ax.grid(False)
    for spine in ax.spines.values():
        spine.set_visible(False)
    return ax


def plot_units_by_text(
    parts: Mapping[str, np.ndarray], text: str, *, by: str, titles: Mapping[str, str] = MappingProxyType({})
) -> Figure:
    """Plot gates, or states, over a text, one heat map below the other, every one with its units in the same order.

    Args:
        parts: for each name that `plot_activations` knows, values of shape (T, H).
        text: the T characters that were read.
        by: the part whose mean over the text orders the units: the largest is on top.
        titles: of parts that mean something else than in an LSTM or a GRU.

    Raises:
        ValueError: `by` is not among the parts, or values of a wrong shape.
    """
    import matplotlib.pyplot as plt
    import numpy as np

    if by not in parts:
        raise ValueError(f"by must be one of {', '.join(map(repr, parts))}, got {by!r}")
    order = np.argsort(-np.asarray(parts[by]).mean(0), kind="stable")
    with plt.rc_context(dict(STYLE)):
        figure, rows = plt.subplots(len(parts), 1, figsize=_size(len(text), len(parts)), squeeze=False)
        for ax, (name, values) in zip(rows[:, 0], parts.items(), strict=True):
            plot_activations(np.asarray(values)[:, order], text, ax, name=name, title=titles.get(name))
        rows[-1, 0].set_xlabel(f"what is read, one character a column; units by their mean ${by}$, the largest on top")
    return figure


def _size(T: int, parts: int) -> tuple[float, float]:
    return max(6.4, 0.15 * T + 1.2), 2.0 * parts + 0.5


def _check_rows(name: str, rows: Sequence[Any]) -> None:
    if not rows:
        raise ValueError(f"{name} must have at least one row, got none: nothing was evaluated yet")
