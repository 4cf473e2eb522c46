"""Plots of recorded results. They train nothing and change no global state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rnncourse.figures.export import small_png
from rnncourse.figures.style import COLOURS, INK, MUTED, STYLE, axes

if TYPE_CHECKING:
    from os import PathLike

    from matplotlib.axes import Axes
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike

__all__ = [
    "plot_loss_by_context",
    "plot_scoreboard",
    "plot_surprise",
    "plot_surprise_stages",
    "plot_training_curves",
    "plot_units",
    "save_readme_picture",
]

_LUMINANCE = (0.2126, 0.7152, 0.0722)


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


def plot_scoreboard(
    record: Mapping[str, Any],
    ax: Axes | None = None,
    *,
    published: Mapping[str, float] | None = None,
    edge: float = 3.45,
) -> Axes:
    """Plot what every model of `char_rnn_numpy` needs on the held-out text: one row a model, one dot a seed.

    Counting has a dot for its plain form and a diamond for the modified one; the dashed line is the better of them at
    its best order, chosen on the development slice.

    Args:
        record: the recorded result `char_rnn_numpy`.
        ax: axes to draw on, or None for a new figure.
        published: other people's figures, in nats a character, by label; drawn as hollow circles.
        edge: bits a character at which the axis ends; what lies beyond is an arrow at the edge. Its value stands at
            the right, as for all.
    """
    import math

    common, seeds = record["common"], record["seeds"]
    # Label, values in bits a character, those of the other form of counting, model, whether it is ours.
    rows: list[tuple[str, list[float], list[float], str, bool]] = [
        ("guessing evenly", [common["uniform_loss"] / math.log(2)], [], "uniform", True)
    ]
    for name, sizes in common["compressors"].items():
        for key, words in (("after_training", "after the training text"), ("one_block", "one full block")):
            if key in sizes:
                rows.append((f"{name}, {words}", [sizes[key]["bits_per_character"]], [], name, True))
    for plain, modified in zip(common["kneser_ney"], common["kneser_ney_modified"], strict=True):
        pair = [plain["bits_per_character"]], [modified["bits_per_character"]]
        rows.append((f"counting, Kneser-Ney {plain['order']}", *pair, "ngram", True))
    for i, small in enumerate(seeds[0]["smaller"]):
        losses = [seed["smaller"][i]["validation_loss"] / math.log(2) for seed in seeds]
        rows.append((f"Elman network, $H={small['hidden_size']}$", losses, [], "rnn", True))
    main = [seed["bits_per_character"] for seed in seeds]
    rows.append((f"Elman network, $H={record['settings']['hidden_size']}$", main, [], "rnn", True))
    for name, nats in (published or {}).items():
        rows.append((name, [nats / math.log(2)], [], "transformer", False))

    ax = axes(ax, figsize=(6.4, 0.27 * len(rows) + 0.9))
    for y, (_, values, others, model, ours) in enumerate(rows):
        mean = sum(values) / len(values)
        ink = COLOURS[model]
        if mean > edge:
            ax.plot([edge], [y], marker=">", color=ink, markersize=7, clip_on=False, linestyle="")
        else:
            face = ink if ours else "none"
            ax.plot(values, [y] * len(values), "o", color=ink, markerfacecolor=face, markersize=6, alpha=0.8)
            ax.plot(others, [y] * len(others), "D", color=ink, markerfacecolor="none", markersize=6)
        words = f"{mean:.2f}" + "".join(f" / {other:.2f}" for other in others)
        ax.text(edge + 0.07, y, words, va="center", fontsize=9, color=INK)
    best = _best_counting(common)
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
    """Plot what is lost when only k characters of context are known: by the network, beside counting of order k + 1.

    The network predicts the same characters for every k, from a state of zeros, and is compared with itself when its
    state is carried through the whole text. Counting is compared with its own best order. Their losses themselves would
    not be comparable here: counting was measured on all characters, the network on some.

    Args:
        record: the recorded result `char_rnn_numpy`.
        ax: axes to draw on, or None for a new figure.
    """
    ax = axes(ax)
    cuts = [seed["cut_context"] for seed in record["seeds"]]
    for i, cut in enumerate(cuts):
        label = f"Elman network, {len(cuts)} seeds, above its carried state" if i == 0 else None
        lost = [loss - cut["carried"] for loss in cut["loss"]]
        ax.plot(cut["context"], lost, "o-", color=COLOURS["rnn"], markersize=3, linewidth=0.9, label=label)
    best = _best_counting(record["common"])
    form = record["common"]["counting_best"]["form"]
    ngrams = [ngram for ngram in _counting(record["common"], form) if ngram["order"] > 1]
    ax.plot(
        [ngram["order"] - 1 for ngram in ngrams],
        [ngram["validation_loss"] - best["validation_loss"] for ngram in ngrams],
        "s--",
        color=COLOURS["ngram"],
        label=f"Kneser-Ney, {form}, above its best order",
    )
    ax.set(xscale="log", xlabel="characters of context", ylabel="nats a character above the best")
    ticks = [1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30]
    ax.set_xticks(ticks, [str(tick) for tick in ticks], minor=False)
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


def _counting(common: Mapping[str, Any], form: str) -> list[Mapping[str, Any]]:
    """The n-gram models of one form, "plain" or "modified", by order."""
    return common["kneser_ney" if form == "plain" else "kneser_ney_modified"]


def _best_counting(common: Mapping[str, Any]) -> Mapping[str, Any]:
    """The n-gram model with the smallest loss on the development slice, of both forms."""
    best = common["counting_best"]
    return next(ngram for ngram in _counting(common, best["form"]) if ngram["order"] == best["order"])


def _surprise_shades() -> LinearSegmentedColormap:
    """From white to dark brown in sixteen steps: half a bit each when the darkest is 8 bits."""
    from matplotlib.colors import LinearSegmentedColormap

    shades = ["#FFFFFF", "#FCE8C8", "#F2B263", "#C4611B", "#7A2E00", "#3D1400"]
    return LinearSegmentedColormap.from_list("surprise", shades, N=16)
