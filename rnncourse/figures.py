"""The course's one figure style and its one colour per model; functions that draw results on axes.

Every drawing function has the form ``plot_something(data, ..., ax=None) -> ax`` (or ``draw_something(...)
-> figure`` for a diagram), trains nothing and changes no global state. matplotlib is imported on use.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from rnncourse._checks import check_choice

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "COLOURS",
    "INK",
    "LINESTYLES",
    "MUTED",
    "SEQUENCE",
    "STYLE",
    "axes",
    "colour",
    "draw_backward_graph",
    "draw_two_paths",
    "save_svg",
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


def save_svg(figure: Figure) -> str:
    """Return a figure as SVG text that is the same on every machine.

    Left out are the date, the program's name and comments; element ids are numbered in the order of their
    appearance; coordinates are rounded to two decimals, because the last digits differ between processors.
    Text is drawn as outlines, so a reader needs no font.

    Args:
        figure: the matplotlib figure to draw. It is not closed.
    """
    import io
    import re

    import matplotlib

    buffer = io.StringIO()
    with matplotlib.rc_context(dict(STYLE)):
        figure.savefig(
            buffer,
            format="svg",
            bbox_inches="tight",
            metadata={"Date": None, "Creator": None, "Format": None, "Type": None},
        )
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<!--.*?-->\n?", "", text, flags=re.DOTALL)
    text = re.sub(r"<metadata>.*?</metadata>\n?", "", text, flags=re.DOTALL)
    for number, identifier in enumerate(dict.fromkeys(re.findall(r'\bid="([^"]+)"', text))):
        text = re.sub(rf'(id="|#){re.escape(identifier)}(?=["\)])', rf"\g<1>e{number}", text)
    text = re.sub(r"-?\d+\.\d{3,}", lambda found: _round(found.group()), text)
    return "\n".join(line.rstrip() for line in text.splitlines() if line.strip()) + "\n"


def _round(number: str) -> str:
    short = f"{float(number):.2f}".rstrip("0").rstrip(".")
    return "0" if short == "-0" else short


def draw_two_paths() -> Figure:
    """Draw the two ways on which one weight reaches the second state (chapter 03: T = 2, H = 1)."""
    figure, ax = _canvas((6.2, 2.7), (-0.7, 6.1), (-2.45, 0.95))
    late, early = COLOURS["lstm"], COLOURS["rnn"]
    for x, text in ((0, "$h_0$"), (2.6, "$h_1$"), (5.2, "$h_2$")):
        _node(ax, x, 0, text)
    _node(ax, 2.6, -2, "$w$", face="#EEF1F4")
    _arrow(ax, (0, 0), (2.6, 0), colour=MUTED)
    _arrow(ax, (2.6, 0), (5.2, 0), colour=early, label="$(1-h_2^2)\\,w$", offset=(0, 0.36))
    _arrow(ax, (2.6, -2), (2.6, 0), colour=early, label="$(1-h_1^2)\\,h_0$", offset=(-0.95, 0.05))
    _arrow(ax, (2.6, -2), (5.2, 0), colour=late, label="$(1-h_2^2)\\,h_1$", offset=(0.98, -0.2))
    return figure


def draw_backward_graph() -> Figure:
    """Draw three unrolled steps: values go right, gradients left, one weight is used three times (chapter 03)."""
    figure, ax = _canvas((8.2, 3.2), (-0.55, 8.75), (-1.85, 1.95))
    back, weight, gap = COLOURS["lstm"], COLOURS["rnn"], 1.36
    _node(ax, 0, 0, "$h_0$")
    for t in (1, 2, 3):
        a, h, before = (2 * t - 1) * gap, 2 * t * gap, (2 * t - 2) * gap
        _node(ax, a, 0, f"$a_{t}$", square=True)
        _node(ax, h, 0, f"$h_{t}$")
        _node(ax, a, 1.5, f"$x_{t}$", face="#EEF1F4")
        _node(ax, h, 1.5, f"$\\ell_{t}$", face="#EEF1F4")
        _arrow(ax, (before, 0.12), (a, 0.12), colour=weight, label="$W_{hh}$", offset=(0, 0.27))
        _arrow(ax, (a, 0.12), (h, 0.12), colour=INK, label="$\\phi$", offset=(0, 0.25))
        _arrow(ax, (a - 0.08, 1.5), (a - 0.08, 0), colour=INK)
        _arrow(ax, (h - 0.08, 0), (h - 0.08, 1.5), colour=INK)
        for start, end in (((a, -0.12), (before, -0.12)), ((h, -0.12), (a, -0.12)), ((h + 0.1, 1.5), (h + 0.1, 0))):
            _arrow(ax, start, end, colour=back, dashed=True)
        _arrow(ax, (a + 0.1, 0), (a + 0.1, 1.5), colour=back, dashed=True)
        _text(ax, a, -0.52, f"$da_{t}$", back)
        _text(ax, h, -0.52, f"$dh_{t}$", back)
        middle = (before + a) / 2
        ax.plot([middle, middle], [-0.28, -1.1], color=weight, linestyle=":", linewidth=1.4)
        _text(ax, middle, -1.4, f"$da_{t}\\,h_{t - 1}^\\top$", weight)
        _text(ax, middle - 0.95 if t == 1 else middle - gap, -1.4, "$dW_{hh}=$" if t == 1 else "$+$", weight)
    _text(ax, 0, -0.52, "$dh_0$", back)
    return figure


def _canvas(figsize: tuple[float, float], xlim: tuple[float, float], ylim: tuple[float, float]) -> tuple[Figure, Axes]:
    import matplotlib.pyplot as plt

    with plt.rc_context(dict(STYLE)):
        figure, ax = plt.subplots(figsize=figsize)
    ax.set(xlim=xlim, ylim=ylim, aspect="equal")
    ax.axis("off")
    return figure, ax


def _node(ax: Axes, x: float, y: float, text: str, *, face: str = "white", square: bool = False) -> None:
    from matplotlib.patches import Circle, FancyBboxPatch

    style = {"facecolor": face, "edgecolor": INK, "linewidth": 1.4, "zorder": 3}
    if square:
        ax.add_patch(FancyBboxPatch((x - 0.22, y - 0.22), 0.44, 0.44, boxstyle="round,pad=0.05", **style))
    else:
        ax.add_patch(Circle((x, y), 0.31, **style))
    ax.text(x, y, text, ha="center", va="center", fontsize=13, zorder=4)


def _arrow(
    ax: Axes,
    start: tuple[float, float],
    end: tuple[float, float],
    *,
    colour: str,
    label: str = "",
    offset: tuple[float, float] = (0, 0),
    dashed: bool = False,
) -> None:
    """An arrow between two nodes' middles, which stops short of both."""
    length = ((end[0] - start[0]) ** 2 + (end[1] - start[1]) ** 2) ** 0.5
    cut = 0.36 / length
    ends = [tuple(s + (e - s) * part for s, e in zip(start, end, strict=True)) for part in (cut, 1 - cut)]
    ax.annotate(
        "",
        xy=ends[1],
        xytext=ends[0],
        arrowprops={
            "arrowstyle": "-|>",
            "color": colour,
            "linewidth": 1.6,
            "shrinkA": 0,
            "shrinkB": 0,
            "mutation_scale": 12,
            "linestyle": (0, (3, 2)) if dashed else "-",
        },
    )
    if label:
        _text(ax, (start[0] + end[0]) / 2 + offset[0], (start[1] + end[1]) / 2 + offset[1], label, colour)


def _text(ax: Axes, x: float, y: float, text: str, colour: str) -> None:
    ax.text(x, y, text, ha="center", va="center", fontsize=12, color=colour)
