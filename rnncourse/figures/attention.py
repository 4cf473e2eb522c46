"""A plot of a Transformer's attention over a text: a small heat map for every head."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rnncourse._checks import check_number
from rnncourse.figures._characters import character_labels
from rnncourse.figures.style import STYLE

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

__all__ = ["plot_attention"]

MOST = 16  # heads; of more, their mean
COLUMNS = 8
WIDTH, SIDE = 14.0, 2.0  # inches: the most of all maps in a row, the least of one
LETTER = 0.1  # inches for a character


def plot_attention(weights: np.ndarray, text: str, *, layer: int | None = None) -> Figure:
    """Plot how much each head looks at each character while it reads a text, one heat map a head.

    A row is the character that is read, a column one that it looks at. What gets no weight at all is left white: what
    comes later, and what lies further back than a layer sees. All maps have one scale, from 0 to 1.

    Args:
        weights: of shape (L, N, T, T), as `rnncourse.models.TransformerLM.attention` returns.
        text: the T characters that were read.
        layer: one layer's heads alone, counted from 1, the lowest. None: those of all layers, a row of maps each; where
            they are more than 16, the mean over each layer's heads.

    Raises:
        TypeError: a layer that is no integer.
        ValueError: weights of another shape, a layer that is not there.
    """
    import matplotlib.pyplot as plt
    import numpy as np

    weights = np.asarray(weights, dtype=np.float64)
    T = len(text)
    if weights.ndim != 4 or weights.shape[2:] != (T, T) or not weights.size:
        raise ValueError(f"weights must have shape (L, N, {T}, {T}), none of them 0, got {weights.shape}")
    maps = _maps(weights, layer)
    rows, columns = _grid(len(maps), *weights.shape[:2])
    side = max(SIDE, min(LETTER * T, WIDTH / columns))
    labels = character_labels(text) if side >= LETTER * T else None
    with plt.rc_context(dict(STYLE)):
        size = columns * side + 1.6, rows * (side + 0.3) + 0.5
        figure, grid = plt.subplots(rows, columns, figsize=size, squeeze=False)
        used = list(grid.flat[: len(maps)])
        for k, (ax, (title, values)) in enumerate(zip(used, maps, strict=True)):
            image = _draw(ax, values)
            ax.set_title(title, fontsize=9)
            _label(ax.xaxis, k + columns >= len(maps), labels)  # the lowest of each column
            _label(ax.yaxis, k % columns == 0, labels)
        for ax in grid.flat[len(maps) :]:
            ax.remove()
        unit = "" if labels else ", position from 1"
        figure.supxlabel(f"looks at{unit}", fontsize=10)
        figure.supylabel(f"read at{unit}", fontsize=10)
        bar = figure.colorbar(image, ax=used, pad=0.01, fraction=0.05, aspect=30)
        bar.outline.set_visible(False)
        bar.set_label("share of the attention; a row adds up to 1", fontsize=8)
    return figure


def _maps(weights: np.ndarray, layer: int | None) -> list[tuple[str, np.ndarray]]:
    """Titles and values of the maps."""
    L, N = weights.shape[:2]
    if layer is not None and check_number("layer", layer, at_least=1, integer=True) > L:
        raise ValueError(f"layer must be at most {L}, got {layer}")
    if layer is None and N > 1 and L * N > MOST:
        return [(f"layer {l + 1}, mean of {N} heads", weights[l].mean(0)) for l in range(L)]
    layers = range(L) if layer is None else [layer - 1]
    return [(f"layer {l + 1}, head {n + 1}", weights[l, n]) for l in layers for n in range(N)]


def _grid(maps: int, L: int, N: int) -> tuple[int, int]:
    """Rows and columns: of several layers' heads a row a layer, else about as many in each row."""
    if N > 1 and maps == L * N > N:
        return L, N
    rows = math.ceil(maps / COLUMNS)
    return rows, math.ceil(maps / rows)


def _draw(ax: Axes, values: np.ndarray) -> AxesImage:
    """One map, its characters counted from 1."""
    import numpy as np

    end = len(values) + 0.5
    options = {"vmin": 0, "vmax": 1, "interpolation": "nearest", "extent": (0.5, end, end, 0.5)}
    image = ax.imshow(np.ma.masked_equal(values, 0), cmap="cividis", **options)
    ax.tick_params(length=0)
    ax.grid(False)
    for spine in ax.spines.values():
        spine.set_visible(False)
    return image


def _label(axis: Axis, outer: bool, labels: tuple[list[str], list[str]] | None) -> None:
    """Characters at the outer axes, positions where there are none."""
    if not outer:
        axis.set_ticks([])
    elif labels:
        names, families = labels
        axis.set_ticks(range(1, len(names) + 1), names, family=families, fontsize=7)
        for tick in axis.get_ticklabels():
            if axis.axis_name == "y":
                tick.set_verticalalignment("center")  # of the sign itself: that of a space lies below the line
            elif len(tick.get_text()) > 1:
                tick.set_rotation(90)
