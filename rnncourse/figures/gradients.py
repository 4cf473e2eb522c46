"""Plots of the recorded experiment `gradient_by_lag`: lines are means over the seeds, bands go from least to most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rnncourse._checks import check_choice
from rnncourse.figures.style import INK, LINESTYLES, MUTED, SEQUENCE, axes

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike

__all__ = [
    "plot_lags_by_depth",
    "plot_lags_by_initialiser",
    "plot_lags_by_radius",
    "plot_pruning",
    "plot_rate_by_depth",
    "plot_rate_by_radius",
]

_UNITS = "nats a step"
_RELATIVE = "gradient, relative to lag 0"


def plot_rate_by_radius(
    record: Mapping[str, Any], rows: Sequence[str] = ("linear", "tanh", "relu"), ax: Axes | None = None
) -> Axes:
    """Plot the rate at which gradients shrink or grow against the spectral radius of W_hh.

    The line with its band is the slope of log gradient against lag, crosses are Lyapunov exponents, the grey line is
    the logarithm of the radius.

    Args:
        record: the recorded result `gradient_by_lag`.
        rows: of "tanh", "relu", "linear" and "tanh, text".
        ax: axes to draw on, or None for a new figure.

    Raises:
        ValueError: no such row.
    """
    import numpy as np

    radii = np.array(record["common"]["radii"])
    ax = axes(ax)
    ax.axhline(0, color=INK, linewidth=0.8)
    ax.plot(radii, np.log(radii), color=MUTED, linewidth=4, alpha=0.5, label="log of the radius", zorder=1)
    for n, row in enumerate(rows):
        check_choice("rows", row, tuple(record["seeds"][0]["radius"]))
        found = [seed["radius"][row] for seed in record["seeds"]]
        _band(ax, radii, [seed["slope"] for seed in found], n, _name(row))
        exponents = _array([seed["lyapunov"] for seed in found]).mean(0)
        ax.plot(radii, exponents, "x", color=SEQUENCE[n], markersize=7, label="Lyapunov exponent" if n == 0 else None)
    ax.set(xscale="log", xlabel="spectral radius of $W_{hh}$", ylabel=f"rate, {_UNITS}")
    ax.set_xticks(radii, [f"{radius:g}" for radius in radii], minor=False)
    ax.minorticks_off()
    ax.legend()
    return ax


def plot_lags_by_radius(
    record: Mapping[str, Any],
    nonlinearity: str = "tanh",
    radii: Sequence[float] = (0.5, 0.9, 1.2, 1.5, 2.0, 3.0),
    ax: Axes | None = None,
    *,
    up_to: int | None = None,
) -> Axes:
    """Plot the gradient by the state k steps back against k, for several spectral radii.

    Args:
        record: the recorded result `gradient_by_lag`.
        nonlinearity: "tanh" or "relu".
        radii: of `record["common"]["radii"]`.
        ax: axes to draw on, or None for a new figure.
        up_to: the largest lag drawn. None: all.

    Raises:
        ValueError: no such nonlinearity or radius.
    """
    common = record["common"]
    check_choice("nonlinearity", nonlinearity, ("tanh", "relu"))
    curves = {f"radius {radius:g}": _position("radii", radius, common["radii"]) for radius in radii}
    found = [seed["radius"][nonlinearity]["log10"] for seed in record["seeds"]]
    return _lags(ax, common["lags"], {name: [seed[i] for seed in found] for name, i in curves.items()}, up_to=up_to)


def plot_lags_by_initialiser(
    record: Mapping[str, Any],
    nonlinearity: str = "tanh",
    names: Sequence[str] | None = None,
    ax: Axes | None = None,
    *,
    up_to: int | None = None,
) -> Axes:
    """Plot the gradient by the state k steps back against k, for several ways to draw W_hh.

    Args:
        record: the recorded result `gradient_by_lag`.
        nonlinearity: "tanh", "relu" or "linear".
        names: of `record["common"]["recipes_with"][nonlinearity]`. None: all.
        ax: axes to draw on, or None for a new figure.
        up_to: the largest lag drawn. None: all.

    Raises:
        ValueError: no such nonlinearity or recipe.
    """
    common = record["common"]
    check_choice("nonlinearity", nonlinearity, tuple(common["recipes_with"]))
    recipes = common["recipes_with"][nonlinearity]
    found = [seed["initialisers"][nonlinearity]["log10"] for seed in record["seeds"]]
    curves = {}
    for name in recipes if names is None else names:
        place = _position("names", name, recipes)
        curves[name] = [seed[place] for seed in found]
    return _lags(ax, common["lags"], curves, up_to=up_to)


def plot_lags_by_depth(
    record: Mapping[str, Any],
    row: str = "default",
    ax: Axes | None = None,
    *,
    relative: bool = True,
    up_to: int | None = None,
) -> Axes:
    """Plot the gradient by the input k steps back against k, for stacks of several depths.

    Args:
        record: the recorded result `gradient_by_lag`.
        row: "default", "near one", "near one, linear" or "equal parameters".
        ax: axes to draw on, or None for a new figure.
        relative: to the gradient at lag 0 of the same stack. False: relative to that of one layer.
        up_to: the largest lag drawn. None: all.

    Raises:
        ValueError: no such row.
    """
    common = record["common"]
    check_choice("row", row, tuple(record["seeds"][0]["depth"]))
    found = [seed["depth"][row] for seed in record["seeds"]]
    starts = _array([seed["log10_at_0"] for seed in found])
    starts = starts - (starts if relative else starts[:, :1])
    curves, first = {}, []
    for i, depth in enumerate(common["depths"]):
        name = f"{depth} layer{'s' if depth > 1 else ''}"
        curves[name] = _array([seed["log10"][i] for seed in found]) + starts[:, i : i + 1]
        first.append(starts[:, i])
    ax = _lags(ax, common["deep_lags"], curves, first, up_to=up_to)
    if not relative:
        ax.set_ylabel("gradient, relative to one layer's at lag 0")
    return ax


def plot_rate_by_depth(
    record: Mapping[str, Any],
    rows: Sequence[str] = ("default", "near one", "near one, linear"),
    ax: Axes | None = None,
) -> Axes:
    """Plot the rate of decay at large lags against the number of layers.

    Args:
        record: the recorded result `gradient_by_lag`.
        rows: of "default", "near one", "near one, linear" and "equal parameters".
        ax: axes to draw on, or None for a new figure.

    Raises:
        ValueError: no such row.
    """
    depths = record["common"]["depths"]
    ax = axes(ax)
    ax.axhline(0, color=INK, linewidth=0.8)
    for n, row in enumerate(rows):
        check_choice("rows", row, tuple(record["seeds"][0]["depth"]))
        _band(ax, depths, [seed["depth"][row]["slope"] for seed in record["seeds"]], n, _DEPTH_WORDS[row])
    ax.set(xlabel="layers", ylabel=f"rate at lags 200 to 400, {_UNITS}")
    ax.set_xticks(depths)
    ax.legend()
    return ax


def plot_pruning(
    record: Mapping[str, Any],
    network: str = "chaotic",
    methods: Sequence[str] = ("magnitude", "shrunk", "random", "magnitude, same radius"),
    ax: Axes | None = None,
) -> Axes:
    """Plot the rate at which gradients shrink or grow against the share of recurrent weights that was removed.

    The axis is logarithmic in what is left. Where a gradient is exactly zero in some seed, the line ends.

    Args:
        record: the recorded result `gradient_by_lag`.
        network: "small", "trained", "saturated", "chaotic" or "unbounded".
        methods: of `record["common"]["methods"]["slope"]`.
        ax: axes to draw on, or None for a new figure.

    Raises:
        ValueError: no such network or method.
    """
    common = record["common"]
    check_choice("network", network, tuple(record["seeds"][0]["pruning"]))
    found = [seed["pruning"][network] for seed in record["seeds"]]
    sparsities = [0, *common["sparsities"]]
    kept = [1 - sparsity for sparsity in sparsities]
    ax = axes(ax)
    ax.axhline(0, color=INK, linewidth=0.8)
    for n, method in enumerate(methods):
        place = _position("methods", method, common["methods"]["slope"])
        slopes = [[seed["dense"]["slope"], *seed["slope"][place]] for seed in found]
        _band(ax, kept, slopes, n, _METHOD_WORDS.get(method, method))
    ax.set(xscale="log", xlabel="recurrent weights removed", ylabel=f"rate, {_UNITS}")
    ax.set_xticks(kept, [f"{sparsity:.0%}" for sparsity in sparsities], minor=False)
    ax.minorticks_off()
    ax.invert_xaxis()
    ax.legend()
    return ax


_METHOD_WORDS = {
    "magnitude": "the smallest weights removed",
    "random": "as many removed by lot",
    "units": "that share of the units removed",
    "shrunk": "none removed, all made smaller",
    "magnitude, same radius": "smallest removed, rest scaled to the old radius",
    "random, same radius": "by lot, rest scaled to the old radius",
    "magnitude, same norm": "smallest removed, rest scaled to the old norm",
    "random, same norm": "by lot, rest scaled to the old norm",
}
_DEPTH_WORDS = {
    "default": "torch's initialisation",
    "near one": "radius 0.9",
    "near one, linear": "radius 0.9, linear",
    "equal parameters": "torch's initialisation, equal parameters",
}


def _lags(
    ax: Axes | None,
    lags: Sequence[int],
    curves: Mapping[str, ArrayLike],
    first: Sequence[ArrayLike] | None = None,
    *,
    up_to: int | None = None,
) -> Axes:
    """Curves over lag 0, where they are 1 unless `first` says otherwise, and `lags`, on a logarithmic axis."""
    import numpy as np

    ax = axes(ax)
    shown = len([lag for lag in lags if up_to is None or lag <= up_to])
    for n, (name, logs) in enumerate(curves.items()):
        values = _array(logs)
        start = np.zeros(len(values)) if first is None else _array(first[n])
        _band(ax, [0, *lags[:shown]], np.column_stack([start, values[:, :shown]]), n, name, log=True)
    ax.set(yscale="log", xlabel="lag $k$, steps back", ylabel=_RELATIVE)
    ax.legend(fontsize=8)
    return ax


def _band(ax: Axes, x: ArrayLike, seeds: ArrayLike, n: int, label: str, *, log: bool = False) -> None:
    """The mean over the seeds as a line, in the n-th colour, in a band from the smallest to the largest."""
    import numpy as np

    values = _array(seeds)
    low, mean, high = values.min(0), values.mean(0), values.max(0)
    if log:
        low, mean, high = 10.0**low, 10.0**mean, 10.0**high
    ink = SEQUENCE[n % len(SEQUENCE)]
    style = LINESTYLES[(n + n // len(SEQUENCE)) % len(LINESTYLES)]
    ax.plot(x, mean, style, color=ink, label=label, marker="o", markersize=3)
    ax.fill_between(np.asarray(x), low, high, color=ink, alpha=0.15, linewidth=0)


def _array(values: ArrayLike) -> np.ndarray:
    """Floats; None becomes NaN, which is not drawn."""
    import numpy as np

    return np.array(values, dtype=np.float64)


def _position(name: str, value: Any, choices: Sequence[Any]) -> int:
    if value not in choices:
        raise ValueError(f"{name} must be of {', '.join(map(str, choices))}, got {value!r}")
    return list(choices).index(value)


def _name(row: str) -> str:
    return {"relu": "ReLU", "linear": "no nonlinearity"}.get(row, row)
