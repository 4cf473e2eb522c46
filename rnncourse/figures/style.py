"""The course's one figure style and its one colour per model."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from rnncourse._checks import check_choice

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "COLOURS",
    "INK",
    "LINESTYLES",
    "MUTED",
    "SEQUENCE",
    "STYLE",
    "axes",
    "colour",
]

#: Text, arrows and outlines of diagrams.
INK = "#22272E"

#: Grids, guides, and whatever serves only for comparison.
MUTED = "#8A919C"

#: One colour a model through the whole course (Okabe and Ito's palette, which colour-blind readers can tell
#: apart; the yellow of that palette is left out because it is too pale on white).
COLOURS: Mapping[str, str] = MappingProxyType(
    {
        "rnn": "#0072B2",
        "lstm": "#D55E00",
        "gru": "#009E73",
        "transformer": "#CC79A7",
        "ngram": "#E69F00",
        "minimal": "#56B4E9",
        "gzip": "#B4BAC2",
        "bzip2": "#8A919C",
        "xz": "#5F6772",
        "uniform": "#C9CED6",
        "truth": INK,
    }
)

#: The order in which unnamed curves take colours.
SEQUENCE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")

#: A second mark beside colour: curves of one figure also differ by their line.
LINESTYLES = ("-", "--", "-.", ":")

#: matplotlib's settings for every figure of the course. 150 dots an inch is sharp on a dense screen, and a
#: line plot stays below 120 kB.
STYLE: Mapping[str, Any] = MappingProxyType(
    {
        "figure.figsize": (6.4, 3.6),
        "figure.dpi": 150,
        "figure.facecolor": "white",
        "figure.constrained_layout.use": True,
        "savefig.facecolor": "white",
        "axes.facecolor": "white",
        "axes.edgecolor": MUTED,
        "axes.labelcolor": INK,
        "axes.titlecolor": INK,
        "axes.titlesize": 11,
        "axes.titlelocation": "left",
        "axes.labelsize": 10,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": "#E3E6EA",
        "grid.linewidth": 0.8,
        "text.color": INK,
        "xtick.color": INK,
        "ytick.color": INK,
        "xtick.labelsize": 9,
        "ytick.labelsize": 9,
        "lines.linewidth": 1.8,
        "lines.markersize": 4.5,
        "legend.frameon": False,
        "legend.fontsize": 9,
        "font.family": "sans-serif",
        "font.sans-serif": ["DejaVu Sans"],
        "font.size": 10,
        "image.cmap": "cividis",
        "svg.fonttype": "path",
        "svg.hashsalt": "rnncourse",
    }
)


def colour(model: str) -> str:
    """Return the fixed colour of a model, as "#rrggbb".

    Args:
        model: a key of `COLOURS`, such as "rnn" or "lstm".

    Raises:
        ValueError: no such model; the message lists those that have a colour.
    """
    return COLOURS[check_choice("model", model, tuple(COLOURS))]


def axes(ax: Axes | None = None, *, figsize: tuple[float, float] | None = None) -> Axes:
    """Return `ax`, or the axes of a new figure in the course's style.

    Every ``plot_...(..., ax=None)`` begins with this call, so that it can be placed in a grid of axes or
    stand alone.

    Args:
        ax: axes to draw on, or None for a new figure.
        figsize: width and height of the new figure in inches; ignored when `ax` is given.
    """
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    with plt.rc_context(dict(STYLE)):
        return plt.subplots(figsize=figsize)[1]
