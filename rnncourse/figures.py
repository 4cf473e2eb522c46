"""The course's one figure style and its one colour per model; functions that draw results on axes.

Every drawing function has the form ``plot_something(data, ..., ax=None) -> ax`` (or ``draw_something(...)
-> figure`` for a diagram), trains nothing and changes no global state. matplotlib is imported on use.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from rnncourse._checks import check_choice

if TYPE_CHECKING:
    from os import PathLike

    from matplotlib.axes import Axes
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike

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
    "draw_batch_axes",
    "draw_folded_and_unrolled",
    "draw_streams",
    "draw_time_index",
    "draw_two_feedbacks",
    "draw_two_paths",
    "plot_loss_by_context",
    "plot_scoreboard",
    "plot_surprise",
    "plot_surprise_stages",
    "plot_training_curves",
    "plot_units",
    "save_readme_picture",
    "save_svg",
    "small_png",
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

_LUMINANCE = (0.2126, 0.7152, 0.0722)

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
    # Glyphs are scaled by constants such as 1/64: rounding those would make the letters a quarter wider.
    text = re.sub(r"scale\([^)]*\)|-?\d+\.\d{3,}", lambda found: _round(found.group()), text)
    return "\n".join(line.rstrip() for line in text.splitlines() if line.strip()) + "\n"


def _round(number: str) -> str:
    if number.startswith("scale"):
        return number
    short = f"{float(number):.2f}".rstrip("0").rstrip(".")
    return "0" if short == "-0" else short


def draw_folded_and_unrolled() -> Figure:
    """Draw the recurrent network as a loop and, beside it, unrolled over three steps (chapter 02)."""
    figure, ax = _canvas((8.2, 3.5), (-0.95, 8.7), (-2.35, 1.9))
    reads, keeps, says = COLOURS["gru"], COLOURS["rnn"], COLOURS["lstm"]
    _step_nodes(ax, 0, "", loop="$W_{hh}$")
    _node(ax, 2.75, 0, "$h_0$", face="#EEF1F4")
    for t, x in ((0, 0.0), (1, 4.5), (2, 6.25), (3, 8.0)):
        if t:
            _step_nodes(ax, x, str(t))
            _arrow(ax, (x - 1.75, 0), (x, 0), colour=keeps, label="$W_{hh}$", offset=(0, 0.28))
        _text(ax, x - 0.45, -0.75, "$W_{ih}$", reads)
        _text(ax, x - 0.45, 0.75, "$W_{hy}$", says)
    ax.plot([2.15, 2.15], [-2.3, 1.85], color=MUTED, linewidth=0.8)
    _text(ax, 0.2, -2.15, "the loop", INK)
    _text(ax, 5.5, -2.15, "the same, unrolled in time", INK)
    return figure


def draw_two_feedbacks() -> Figure:
    """Draw over two steps what is fed back: the state (Elman) or the output (Jordan) (chapter 02)."""
    figure, ax = _canvas((7.0, 3.4), (-0.5, 8.0), (-2.35, 1.9))
    for left in (0, 4.6):
        elman = left == 0
        for t in (1, 2):
            _step_nodes(ax, left + 2.9 * (t - 1), str(t))
        start, label, name = ((left, 0), "$W_{hh}$", "Elman") if elman else ((left, 1.5), "$W_{yh}$", "Jordan")
        what = "state" if elman else "output"
        _arrow(ax, start, (left + 2.9, 0), colour=COLOURS["rnn"], label=label, offset=(0.1, 0.32))
        _text(ax, left + 1.45, -2.15, f"{name}: the {what} is fed back", INK)
    return figure


def _step_nodes(ax: Axes, x: float, t: str, *, loop: str = "") -> None:
    """One step's input, state and scores; without a number for t they are those of any step."""
    index = t or "t"
    for y, name, face in ((-1.5, "x", "#EEF1F4"), (0, "h", "white"), (1.5, "z", "#EEF1F4")):
        _node(ax, x, y, f"${name}_{index}$", face=face)
    _arrow(ax, (x, -1.5), (x, 0), colour=COLOURS["gru"])
    _arrow(ax, (x, 0), (x, 1.5), colour=COLOURS["lstm"])
    if loop:
        ax.annotate(
            "",
            xy=(x + 0.24, 0.27),
            xytext=(x + 0.24, -0.27),
            arrowprops={
                "arrowstyle": "-|>",
                "color": COLOURS["rnn"],
                "linewidth": 1.6,
                "shrinkA": 0,
                "shrinkB": 0,
                "mutation_scale": 12,
                "connectionstyle": "arc3,rad=1.9",
            },
        )
        _text(ax, x + 1.35, 0, loop, COLOURS["rnn"])


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
    figure, ax = _canvas((6.9, 3.1), (-0.6, 7.65), (-1.75, 1.85))
    back, weight, gap = COLOURS["lstm"], COLOURS["rnn"], 1.2
    _node(ax, 0, 0, "$h_0$")
    for t in (1, 2, 3):
        a, h, before = (2 * t - 1) * gap, 2 * t * gap, (2 * t - 2) * gap
        _node(ax, a, 0, f"$a_{t}$", square=True)
        _node(ax, h, 0, f"$h_{t}$")
        _node(ax, a, 1.45, f"$x_{t}$", face="#EEF1F4")
        _node(ax, h, 1.45, f"$\\ell_{t}$", face="#EEF1F4")
        _arrow(ax, (before, 0.12), (a, 0.12), colour=weight, label="$W_{hh}$", offset=(0, 0.27))
        _arrow(ax, (a, 0.12), (h, 0.12), colour=INK, label="$\\phi$", offset=(0, 0.25))
        _arrow(ax, (a - 0.08, 1.45), (a - 0.08, 0), colour=INK)
        _arrow(ax, (h - 0.08, 0), (h - 0.08, 1.45), colour=INK)
        for start, end in (((a, -0.12), (before, -0.12)), ((h, -0.12), (a, -0.12)), ((h + 0.1, 1.45), (h + 0.1, 0))):
            _arrow(ax, start, end, colour=back, dashed=True)
        _arrow(ax, (a + 0.1, 0), (a + 0.1, 1.45), colour=back, dashed=True)
        _text(ax, a, -0.52, f"$da_{t}$", back)
        _text(ax, h, -0.52, f"$dh_{t}$", back)
        middle = (before + a) / 2
        ax.plot([middle, middle], [-0.28, -1.1], color=weight, linestyle=":", linewidth=1.4)
        _text(ax, middle, -1.4, f"$da_{t}\\,h_{t - 1}^\\top$", weight)
        _text(ax, middle - 0.88 if t == 1 else middle - gap, -1.4, "$dW_{hh}=$" if t == 1 else "$+$", weight)
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


def draw_batch_axes() -> Figure:
    """Draw an array of shape (T, B, H) as one sheet a step, with the state h_3 and one of its rows marked."""
    import matplotlib.pyplot as plt

    T, B, H = 3, 3, 5
    gap, right, up = 2.6, 0.34, 0.24

    def cell(t: int, b: int, j: float, width: float = 1, height: float = 1) -> list[tuple[float, float]]:
        x, y = gap * t + right * j, up * j - b
        return [
            (x, y),
            (x + right * width, y + up * width),
            (x + right * width, y + up * width - height),
            (x, y - height),
        ]

    with plt.rc_context(dict(STYLE)):
        figure, ax = plt.subplots(figsize=(5.6, 3.1))
        for t in range(T):
            marked = t == 2
            for b in range(B):
                for j in range(H):
                    fill = "#FFFFFF" if not marked else COLOURS["rnn"] if b == 1 else "#CFE3F1"
                    edge = INK if marked else MUTED
                    ax.add_patch(plt.Polygon(cell(t, b, j), facecolor=fill, edgecolor=edge, linewidth=0.8))
            middle = gap * t + right * H / 2
            ax.text(middle, up * H + 0.45, f"$h_{t + 1}$", ha="center", fontsize=13, color=INK)
            ax.text(middle, -B - 0.45, f"output[{t}]", ha="center", va="top", fontsize=9, family="monospace", color=INK)
        arrow = {"arrowstyle": "-|>", "color": MUTED, "linewidth": 1.2, "shrinkA": 0, "shrinkB": 0}
        ax.annotate("", (-0.3, -B), (-0.3, 0), arrowprops=arrow)
        ax.text(-0.5, -B / 2, "batch $B$", ha="right", va="center", color=INK)
        ax.annotate("", (right * H - 0.12, up * H + 0.2), (-0.12, 0.2), arrowprops=arrow)
        ax.text(right * H / 2 - 0.45, up * H / 2 + 0.35, "units $H$", ha="right", va="bottom", color=INK)
        ax.annotate("", (gap * (T - 1) + right * H, -B - 1.25), (0, -B - 1.25), arrowprops=arrow)
        ax.text(-0.5, -B - 1.25, "time $T$", ha="right", va="center", color=INK)
        row = cell(2, 1, H)[3]
        ax.annotate(
            "$h_3$ of one sequence:\noutput[2, 1], (H,)\na column in the maths",
            (row[0], row[1] + 0.5),
            (row[0] + 0.5, row[1] + 0.5),
            va="center",
            fontsize=9,
            color=INK,
            arrowprops={"arrowstyle": "-", "color": INK, "linewidth": 0.9, "shrinkB": 0},
        )
        ax.set(xlim=(-2.3, gap * T + 2.9), ylim=(-B - 1.6, up * H + 1.2), aspect="equal")
        ax.axis("off")
    return figure


def draw_time_index() -> Figure:
    """Draw which entry of the code's arrays is which symbol: maths counts from 1, arrays from 0."""
    import matplotlib.pyplot as plt

    T = 3
    blue = COLOURS["rnn"]
    with plt.rc_context(dict(STYLE)):
        figure, ax = plt.subplots(figsize=(5.4, 3.0))
        arrow = {"arrowstyle": "-|>", "color": INK, "linewidth": 1.3, "shrinkA": 0, "shrinkB": 0}
        code = {"ha": "center", "va": "center", "fontsize": 9, "family": "monospace"}
        for t in range(T + 1):
            ax.add_patch(plt.Circle((2 * t, 0), 0.46, facecolor="#FFFFFF" if t == 0 else "#CFE3F1", edgecolor=blue))
            ax.text(2 * t, 0, f"$h_{t}$", ha="center", va="center", fontsize=13, color=INK)
            ax.text(2 * t, 0.95, f"cache.h[{t}]", color=INK, **code)
            if t:
                ax.annotate("", (2 * t - 0.48, 0), (2 * t - 1.52, 0), arrowprops=arrow)
                ax.add_patch(plt.Rectangle((2 * t - 0.4, -1.9), 0.8, 0.8, facecolor="#FFFFFF", edgecolor=INK))
                ax.text(2 * t, -1.5, f"$x_{t}$", ha="center", va="center", fontsize=13, color=INK)
                ax.annotate("", (2 * t, -0.48), (2 * t, -1.08), arrowprops=arrow)
                ax.text(2 * t, -2.3, f"x[{t - 1}]", color=INK, **code)
                ax.text(2 * t, 1.75, f"output[{t - 1}]", color=blue, **code)
        ax.plot([1.3, 2 * T + 0.7], [1.35, 1.35], color=blue, linewidth=1.3)
        ax.set(xlim=(-1.0, 2 * T + 1.0), ylim=(-2.6, 2.1), aspect="equal")
        ax.axis("off")
    return figure


def plot_surprise(
    text: str,
    surprise: ArrayLike,
    ax: Axes | None = None,
    *,
    title: str = "",
    largest: float = 8.0,
) -> Axes:
    """Print a text as it stands, each character on a ground as dark as it was surprising.

    A line's end is drawn as an arrow, because a model predicts it like any other character. The first character, before
    which nothing was read, stands in an empty frame.

    Args:
        text: the text, of N characters.
        surprise: -log2 p of each character but the first, in bits, of shape (N - 1,).
        ax: axes to draw on, or None for a new figure.
        title: what stands above the text at the left; at the right stands the mean.
        largest: bits that get the darkest ground; what is more is drawn as dark.

    Raises:
        ValueError: not one value for each character but the first.
    """
    import numpy as np
    from matplotlib.patches import Rectangle

    bits = np.asarray(surprise, dtype=np.float64)
    if bits.shape != (len(text) - 1,):
        raise ValueError(f"surprise must have shape ({len(text) - 1},), one value less than text has, got {bits.shape}")
    shades = _surprise_shades()
    grounds = shades(np.concatenate([[0.0], np.clip(bits / largest, 0, 1)]))
    # Relative luminance (WCAG): below this value white letters stand out better than dark ones.
    dark = np.where(grounds <= 0.04045, grounds / 12.92, ((grounds + 0.055) / 1.055) ** 2.4)[:, :3] @ _LUMINANCE < 0.22
    lines = text.removesuffix("\n").split("\n")
    columns = max(map(len, lines)) + 1
    ax = axes(ax, figsize=(6.4, 0.24 * len(lines) + 0.4))

    row = column = 0
    for character, ground, is_dark in zip(text, grounds, dark, strict=True):
        ax.add_patch(Rectangle((column, row + 0.05), 1, 0.9, facecolor=ground, linewidth=0))
        ink = "#FFFFFF" if is_dark else MUTED if character == "\n" else INK
        symbol = "\u21b5" if character == "\n" else character
        ax.text(column + 0.5, row + 0.71, symbol, ha="center", family="monospace", fontsize=11.5, color=ink)
        row, column = (row + 1, 0) if character == "\n" else (row, column + 1)
    ax.add_patch(Rectangle((0.05, 0.09), 0.9, 0.82, facecolor="none", edgecolor=MUTED, linewidth=0.8))
    ax.set(xlim=(0, columns), ylim=(len(lines), 0))
    ax.set_title(title, loc="left", fontsize=11, fontweight="bold")
    ax.set_title(f"{bits.mean():.2f} bits a character", loc="right", fontsize=10.5)
    ax.axis("off")
    return ax


def plot_surprise_stages(stages: Mapping[str, ArrayLike], text: str, *, largest: float = 8.0) -> Figure:
    """Print the same text once for each model, with `plot_surprise`, above a scale.

    Args:
        stages: for each model, under its title, the surprise of each character but the first, in bits.
        text: the text.
        largest: as in `plot_surprise`.
    """
    import matplotlib.pyplot as plt
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    lines = text.removesuffix("\n").count("\n") + 1
    heights = [0.245 * lines] * len(stages) + [0.11]
    with plt.rc_context(dict(STYLE)):
        figure, (*blocks, bar) = plt.subplots(
            len(stages) + 1, figsize=(6.2, sum(heights) + 0.4 * len(stages) + 0.5), height_ratios=heights
        )
        figure.get_layout_engine().set(hspace=0.09)
        for ax, (title, surprise) in zip(blocks, stages.items(), strict=True):
            plot_surprise(text, surprise, ax, title=title, largest=largest)
        scale = figure.colorbar(
            ScalarMappable(Normalize(0, largest), _surprise_shades()), cax=bar, orientation="horizontal", extend="max"
        )
        scale.outline.set_visible(False)
        scale.set_label("surprise, in bits", fontsize=10)
        scale.ax.tick_params(length=0)
    return figure


def small_png(figure: Figure, *, dpi: int = 180, colours: int = 128) -> bytes:
    """Return a figure of few colours as a PNG with a palette, a third of the usual size, and close the figure.

    Args:
        figure: a figure of letters and flat grounds; photographs and shaded surfaces would show steps.
        dpi: dots an inch.
        colours: at most so many, the letters' edges included.
    """
    import io

    import matplotlib.pyplot as plt
    from PIL import Image

    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, bbox_inches="tight", pad_inches=0.1, metadata={"Software": None})
    plt.close(figure)
    picture = Image.open(buffer).convert("RGB").quantize(colours, dither=Image.Dither.NONE)
    small = io.BytesIO()
    picture.save(small, format="png", optimize=True)
    return small.getvalue()


def save_readme_picture(path: str | PathLike[str]) -> None:
    """Write the README's picture, a PNG, from the recorded result `char_rnn_numpy`.

    Args:
        path: the file to write, `extra/readme.png` in the repository.
    """
    from pathlib import Path

    import numpy as np

    from rnncourse import results

    record = results.load("char_rnn_numpy")
    first, *_, last = record["seeds"][0]["stages"]
    bits = {
        title: np.array(stage["passage_surprise"]) / np.log(2)
        for title, stage in (("Before training", first), ("After training", last))
    }
    Path(path).write_bytes(small_png(plot_surprise_stages(bits, record["common"]["passage"])))


def _surprise_shades() -> LinearSegmentedColormap:
    """From white to dark brown in sixteen steps: half a bit each when the darkest is 8 bits."""
    from matplotlib.colors import LinearSegmentedColormap

    shades = ["#FFFFFF", "#FCE8C8", "#F2B263", "#C4611B", "#7A2E00", "#3D1400"]
    return LinearSegmentedColormap.from_list("surprise", shades, N=16)


def draw_streams(text: str = "The state that is carried is a memory", T: int = 4, B: int = 3) -> Figure:
    """Draw how a text becomes B streams, how these are cut into windows of T steps, and the shift of the targets.

    Args:
        text: of at least T * B + 1 characters; what fills no whole window stays grey.
        T: steps a window.
        B: streams.
    """
    import matplotlib.pyplot as plt

    length = (len(text) - 1) // B
    windows = length // T
    tints = ("#CFE3F1", "#FBE3C0", "#CDEBDF", "#F3DCE8")
    stream_of = [i // length if i < B * length and i % length < windows * T else -1 for i in range(len(text))]

    with plt.rc_context(dict(STYLE)):
        figure, ax = plt.subplots(figsize=(6.4, 4.0))

    def cell(x: float, y: float, i: int) -> None:
        face = tints[stream_of[i] % len(tints)] if stream_of[i] >= 0 else "#FFFFFF"
        ax.add_patch(plt.Rectangle((x, y), 1, 1, facecolor=face, edgecolor=MUTED, linewidth=0.7))
        symbol = "\u2423" if text[i] == " " else text[i]
        ax.text(x + 0.5, y + 0.45, symbol, ha="center", va="center", family="monospace", fontsize=8.5, color=INK)

    def label(x: float, y: float, words: str, **how: Any) -> None:
        ax.text(x, y, words, **{"ha": "left", "va": "center", "fontsize": 9.5, "color": INK} | how)

    label(0, 15.6, "1. The text, cut into as many equal pieces as there are streams", fontweight="bold")
    for i in range(len(text)):
        cell(i, 13.8, i)

    label(0, 11.9, "2. The pieces side by side, cut into windows", fontweight="bold")
    left, gap = 8.0, 3.2
    arrow = {"arrowstyle": "-|>", "color": COLOURS["lstm"], "linewidth": 1.4, "shrinkA": 0, "shrinkB": 0}
    for k in range(windows):
        start = left + k * (T + gap)
        label(start + T / 2, 10.6, f"window {k + 1}", ha="center")
        for b in range(B):
            y = 9.0 - 1.4 * b
            for t in range(T):
                cell(start + t, y, b * length + k * T + t)
            if k == 0:
                label(0.0, y + 0.5, f"stream {b + 1}")
            origin = start - gap + 0.3 if k else start - 1.5
            ax.annotate("", (start - 0.2, y + 0.5), (origin, y + 0.5), arrowprops=arrow)
            if not k:
                label(origin - 0.15, y + 0.5, "0", ha="right", color=COLOURS["lstm"])
    below = 9.0 - 1.4 * (B - 1) - 0.9
    label(left + T + gap / 2, below, "state", ha="center", color=COLOURS["lstm"])
    label(left + 2 * T + 1.5 * gap, below, "state", ha="center", color=COLOURS["lstm"])

    label(0, 3.6, "3. Inputs and targets of window 2, stream 1", fontweight="bold")
    for t in range(T):
        cell(left + 2.2 * t, 1.9, T + t)
        cell(left + 2.2 * t, -0.4, T + t + 1)
        down = {**arrow, "color": INK, "linewidth": 1.0}
        ax.annotate("", (left + 2.2 * t + 0.5, 0.7), (left + 2.2 * t + 0.5, 1.8), arrowprops=down)
    label(0, 2.4, "inputs x")
    label(0, 0.1, "targets y")
    label(left + 2.2 * T, 1.25, "the same text, one character on")
    ax.set(xlim=(-0.3, len(text) + 0.3), ylim=(-0.9, 16.3), aspect="equal")
    ax.axis("off")
    return figure


def plot_scoreboard(
    record: Mapping[str, Any],
    ax: Axes | None = None,
    *,
    published: Mapping[str, float] | None = None,
    edge: float = 3.45,
) -> Axes:
    """Plot what every model of `char_rnn_numpy` needs on the held-out text: one row a model, one dot a seed.

    Args:
        record: the recorded result `char_rnn_numpy`.
        ax: axes to draw on, or None for a new figure.
        published: other people's figures, in nats a character, by label; drawn hollow.
        edge: bits a character at which the axis ends; what lies beyond is an arrow at the edge. Its value stands at
            the right, as for all.
    """
    import math

    common, seeds = record["common"], record["seeds"]
    rows: list[tuple[str, list[float], str, bool]] = [
        ("guessing evenly", [common["uniform_loss"] / math.log(2)], "uniform", True)
    ]
    for name, sizes in common["compressors"].items():
        rows.append((f"{name}, after the training text", [sizes["after_training"]["bits_per_character"]], name, True))
    for ngram in common["kneser_ney"]:
        rows.append((f"counting, Kneser-Ney {ngram['order']}", [ngram["bits_per_character"]], "ngram", True))
    for i, small in enumerate(seeds[0].get("smaller", [])):
        losses = [seed["smaller"][i]["validation_loss"] / math.log(2) for seed in seeds]
        rows.append((f"Elman network, $H={small['hidden_size']}$", losses, "rnn", True))
    main = [seed["bits_per_character"] for seed in seeds]
    rows.append((f"Elman network, $H={record['settings']['hidden_size']}$", main, "rnn", True))
    for name, nats in (published or {}).items():
        rows.append((name, [nats / math.log(2)], "transformer", False))

    ax = axes(ax, figsize=(6.4, 0.27 * len(rows) + 0.9))
    for y, (_, values, model, ours) in enumerate(rows):
        mean = sum(values) / len(values)
        ink = COLOURS[model]
        if mean > edge:
            ax.plot([edge], [y], marker=">", color=ink, markersize=7, clip_on=False, linestyle="")
        else:
            face = ink if ours else "none"
            ax.plot(values, [y] * len(values), "o", color=ink, markerfacecolor=face, markersize=6, alpha=0.8)
        ax.text(edge + 0.07, y, f"{mean:.2f}", va="center", fontsize=9, color=INK)
    best = next(n for n in common["kneser_ney"] if n["order"] == common["kneser_ney_best_order"])
    ax.axvline(best["bits_per_character"], color=COLOURS["ngram"], linewidth=1.2, linestyle="--", zorder=1)
    ax.set_yticks(range(len(rows)), [row[0] for row in rows])
    ax.set(xlim=(1.95, edge), ylim=(len(rows) - 0.4, -0.6), xlabel="bits a character on the held-out text")
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    return ax


def plot_training_curves(record: Mapping[str, Any], ax: Axes | None = None) -> Axes:
    """Plot the training and validation loss of every seed of `char_rnn_numpy` against the characters read.

    Args:
        record: the recorded result `char_rnn_numpy`.
        ax: axes to draw on, or None for a new figure.
    """
    import numpy as np

    ax = axes(ax)
    for seed in record["seeds"]:
        per_step = seed["characters_per_step"] / 1e6
        first = seed is record["seeds"][0]
        for key, ink, dash in (("train_curve", COLOURS["minimal"], "-"), ("validation_curve", COLOURS["rnn"], "--")):
            steps, losses = np.array(seed[key]["step"]), np.array(seed[key]["loss"])
            shown = steps > 0
            words = {"train_curve": "training", "validation_curve": "validation"}[key]
            ax.plot(
                steps[shown] * per_step,
                losses[shown],
                dash,
                color=ink,
                linewidth=1.1,
                label=f"{words}, {len(record['seeds'])} seeds" if first else None,
            )
    ax.set(xscale="log", xlabel="characters read, millions", ylabel="loss, nats a character")
    ax.xaxis.set_major_formatter("{x:g}")
    ax.minorticks_off()
    return ax


def plot_loss_by_context(record: Mapping[str, Any], ax: Axes | None = None) -> Axes:
    """Plot the loss after k characters of context: the network's beside counting, whose order is k + 1.

    Args:
        record: the recorded result `char_rnn_numpy`.
        ax: axes to draw on, or None for a new figure.
    """
    import numpy as np

    ax = axes(ax)
    curves = np.array([seed["loss_by_context"] for seed in record["seeds"]])
    k = np.arange(1, curves.shape[1] + 1)
    for i, curve in enumerate(curves):
        label = f"Elman network, {len(curves)} seeds" if i == 0 else None
        ax.plot(k, curve, color=COLOURS["rnn"], linewidth=0.9, alpha=0.8, label=label)
    ngrams = [ngram for ngram in record["common"]["kneser_ney"] if ngram["order"] > 1]
    ax.plot(
        [ngram["order"] - 1 for ngram in ngrams],
        [ngram["validation_loss"] for ngram in ngrams],
        "s--",
        color=COLOURS["ngram"],
        label="Kneser-Ney",
    )
    ax.set(xscale="log", xlabel="characters of context", ylabel="loss, nats a character")
    ax.set_xticks([1, 2, 5, 10, 20, 50, 100], ["1", "2", "5", "10", "20", "50", "100"], minor=False)
    ax.minorticks_off()
    return ax


def plot_units(units: Sequence[Mapping[str, Any]], text: str, ax: Axes | None = None) -> Axes:
    """Plot the course of some hidden units over a text, one row a unit, one column a character.

    Args:
        units: each with `follows`, what it goes with, and `course`, h of shape (len(text),).
        text: the characters that were read.
        ax: axes to draw on, or None for a new figure.

    Raises:
        ValueError: a course of another length than the text's.
    """
    import numpy as np

    courses = np.array([unit["course"] for unit in units], dtype=np.float64)
    if courses.shape != (len(units), len(text)):
        raise ValueError(f"courses must have shape ({len(units)}, {len(text)}), got {courses.shape}")
    ax = axes(ax, figsize=(6.4, 0.3 * len(units) + 0.6))
    ax.imshow(courses, aspect="auto", cmap="PuOr_r", vmin=-1, vmax=1, interpolation="nearest")
    symbols = ["\u21b5" if c == "\n" else "\u2423" if c == " " else c for c in text]
    ax.set_xticks(range(len(text)), symbols, family="monospace", fontsize=8)
    ax.set_yticks(range(len(units)), [unit["follows"] for unit in units], fontsize=8.5)
    ax.tick_params(length=0)
    ax.grid(False)
    for spine in ax.spines.values():
        spine.set_visible(False)
    return ax
