"""Drawn diagrams: unrolled networks, axes, streams. Each function returns a figure, for `book.svg`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rnncourse.figures.style import COLOURS, INK, MUTED, STYLE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "draw_backward_graph",
    "draw_batch_axes",
    "draw_folded_and_unrolled",
    "draw_streams",
    "draw_time_index",
    "draw_two_feedbacks",
    "draw_two_paths",
]


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
