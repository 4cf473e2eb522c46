r"""Chapter 08's widget: how much of the gradient reaches the input k steps back.

The recurrent matrix of every layer is

.. math::
    W = \rho\, Q\, (D + s N)\, Q^\top

with orthogonal Q, block-diagonal and normal D, whose eigenvalues have largest modulus 1, and strictly upper triangular
N. Its eigenvalues are those of :math:`\rho D` whatever s is: the radius :math:`\rho` and the shear s move one thing
each. s = 0 gives a normal matrix, s = 1 one about as far from normal as a matrix of independent normal entries.

A layer reads the one below through the orthogonal matrix that takes the lower Q to the upper. So in a linear stack all
paths add up, and the gradient is that of one layer times their number, :math:`\binom{k + L - 1}{L - 1}`: depth at its
best.

All numbers are made from small integers, which the page reads, too; extra/widgets/gradient-by-lag.js computes the same.
"""

from __future__ import annotations

import base64
import functools
import math
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from rnncourse._checks import check_choice, check_number
from rnncourse.analysis import input_gradient_by_lag

from . import Built

#: The course's own network.
SEED = 8
#: H and I, the longest stack, T, B, and the longest lag shown: the first steps are left for the states to settle.
HIDDEN_SIZE, MAX_DEPTH, STEPS, SEQUENCES, LAGS = 32, 8, 120, 4, 100
NONLINEARITIES = ("tanh", "relu", "sigmoid", "linear")
_INPUT_SCALE = 0.3  # the inputs' standard deviation: tanh is neither linear nor saturated by them alone
_REAL_EIGENVALUES = 4
_EIGENVALUE_STEP, _SHEAR_STEP, _DRAW_STEP = 1 / 8192, 1 / 128, 1 / 32

_PICTURE_RADII, _PICTURE_DEPTHS = (0.7, 1.0, 1.5, 2.0), (1, 4)
_PICTURE_COLOURS = ("#1f6391", "#444b54", "#8f4a00", "#6a4c9c")
_ALT = (
    "Two plots, for one layer and for four: the size of the gradient of a tanh network against the lag, from 0 to 100 "
    "steps, on a logarithmic axis, for the spectral radii 0.7, 1.0, 1.5 and 2.0. At radius 1.0 it falls by about ten "
    "powers of ten, at 1.5 it nearly keeps its size, at 2.0 it grows. With four layers the lines are as steep as with "
    "one."
)


class Draws(NamedTuple):
    """The integers that a network is made of.

    `eigenvalues`: (n, 2), real and imaginary parts, one row a conjugate pair or a real eigenvalue; `upper`: (H, H), N;
    `reflectors`: (MAX_DEPTH, H - 1, H), row i of a layer is zero before entry i; `inputs`: (T, B, H);
    `derivative`: (H,).
    """

    eigenvalues: np.ndarray
    upper: np.ndarray
    reflectors: np.ndarray
    inputs: np.ndarray
    derivative: np.ndarray


@functools.cache
def draws(seed: int = SEED) -> Draws:
    """Draw the integers of a network: the same for a seed on every machine.

    Args:
        seed: a whole number, at least 0.
    """
    rng = np.random.default_rng(check_number("seed", seed, at_least=0, integer=True))
    H = HIDDEN_SIZE
    pairs = (H - _REAL_EIGENVALUES) // 2
    # Uniform on the disc, as the eigenvalues of a large matrix of independent entries are (Ginibre, 1965).
    modulus = np.sqrt(rng.uniform(size=pairs + _REAL_EIGENVALUES))
    angle = rng.uniform(0, np.pi, size=pairs + _REAL_EIGENVALUES)
    angle[pairs:] = np.where(angle[pairs:] < np.pi / 2, 0, np.pi)
    eigenvalues = np.stack([modulus * np.cos(angle), modulus * np.sin(angle)], axis=1)
    eigenvalues[pairs:, 1] = 0
    upper = np.triu(rng.standard_normal((H, H)) / math.sqrt(H), 1)
    upper[np.arange(0, 2 * pairs, 2), np.arange(1, 2 * pairs, 2)] = 0  # inside a pair's block: D's place
    return Draws(
        np.rint(eigenvalues / _EIGENVALUE_STEP).astype(np.int16),
        _int8(upper / _SHEAR_STEP),
        _int8(np.triu(rng.standard_normal((MAX_DEPTH, H - 1, H))) / _DRAW_STEP),
        _int8(rng.standard_normal((STEPS, SEQUENCES, H)) / _DRAW_STEP),
        _int8(rng.standard_normal(H) / _DRAW_STEP),
    )


class Network(NamedTuple):
    """The network that the widget runs, from its integers: see `network`.

    `D` (of spectral radius 1) and `N`, of shape (H, H); `Q`, of shape (MAX_DEPTH, H, H); `x`, the inputs, of shape
    (T, B, H); `derivative`, of norm 1 and shape (H,): what enters at the last output, in the basis Q of its layer.
    """

    D: np.ndarray
    N: np.ndarray
    Q: np.ndarray
    x: np.ndarray
    derivative: np.ndarray

    def parameters(self, *, radius: float, depth: int, shear: float) -> dict[str, np.ndarray]:
        """The stack's parameters under the names of `torch.nn.RNN`, in float64; the biases are zero.

        Args:
            radius: spectral radius of every layer's recurrent matrix, at least 0.
            depth: number of layers, 1 … 8.
            shear: s, at least 0.

        Raises:
            TypeError: an argument that is no number.
            ValueError: one that is out of range.
        """
        check_number("radius", radius, at_least=0)
        check_number("shear", shear, at_least=0)
        check_choice("depth", depth, tuple(range(1, MAX_DEPTH + 1)))
        params = {}
        below = np.eye(HIDDEN_SIZE)
        for l in range(depth):
            Q = self.Q[l]
            params[f"weight_ih_l{l}"] = Q @ below.T
            params[f"weight_hh_l{l}"] = radius * (Q @ (self.D + shear * self.N) @ Q.T)
            params[f"bias_ih_l{l}"] = np.zeros(HIDDEN_SIZE)
            params[f"bias_hh_l{l}"] = np.zeros(HIDDEN_SIZE)
            below = Q
        return params

    def curves(self, *, radius: float, nonlinearity: str, depth: int, shear: float) -> np.ndarray:
        """The size of the gradient by the input k steps before the last: what the widget plots.

        Args:
            radius: spectral radius of every layer's recurrent matrix, at least 0.
            nonlinearity: "tanh", "relu", "sigmoid" or "linear".
            depth: number of layers, 1 … 8.
            shear: s, at least 0.

        Returns:
            Euclidean norms, of shape (LAGS + 1, SEQUENCES).

        Raises:
            TypeError: an argument of another type.
            ValueError: one that is out of range.
        """
        params = self.parameters(radius=radius, depth=depth, shear=shear)
        check_choice("nonlinearity", nonlinearity, NONLINEARITIES)
        h_0 = np.zeros((depth, SEQUENCES, HIDDEN_SIZE))
        d_output_last = np.tile(self.Q[depth - 1] @ self.derivative, (SEQUENCES, 1))
        return input_gradient_by_lag(self.x, h_0, params, d_output_last, nonlinearity=nonlinearity)[: LAGS + 1]


@functools.cache
def network(seed: int = SEED) -> Network:
    """The network of a seed.

    Args:
        seed: a whole number, at least 0.
    """
    integers = draws(seed)
    D = np.zeros((HIDDEN_SIZE, HIDDEN_SIZE))
    i = 0
    for real, imaginary in integers.eigenvalues * _EIGENVALUE_STEP:
        D[i, i] = real
        if imaginary:
            D[i : i + 2, i : i + 2] = [[real, imaginary], [-imaginary, real]]
        i += 2 if imaginary else 1
    return Network(
        D / _drawn_radius(integers),
        integers.upper * _SHEAR_STEP,
        np.stack([_orthogonal(vectors) for vectors in integers.reflectors.astype(np.float64)]),
        integers.inputs * _DRAW_STEP * _INPUT_SCALE,
        integers.derivative / np.linalg.norm(integers.derivative),
    )


def course(*, quick: bool = False) -> dict[str, Any]:
    """The options of the course's own widget.

    Args:
        quick: makes no difference here, since nothing is trained.
    """
    return {"seed": SEED}


def build(*, seed: int) -> Built:
    """The widget with the network of a seed.

    Args:
        seed: a whole number, at least 0.

    Raises:
        TypeError: not a whole number.
        ValueError: a negative number.
    """
    integers = draws(seed)
    rows = [layer[i, i:] for layer in integers.reflectors for i in range(HIDDEN_SIZE - 1)]
    data = {
        "hiddenSize": HIDDEN_SIZE,
        "maxDepth": MAX_DEPTH,
        "steps": STEPS,
        "sequences": SEQUENCES,
        "lags": LAGS,
        "inputScale": _INPUT_SCALE,
        "eigenvalueStep": _EIGENVALUE_STEP,
        "shearStep": _SHEAR_STEP,
        "drawStep": _DRAW_STEP,
        "drawnRadius": _drawn_radius(integers),
        "eigenvalues": integers.eigenvalues.tolist(),
        "upper": _base64(integers.upper[np.triu_indices(HIDDEN_SIZE, 1)]),
        "reflectors": _base64(np.concatenate(rows)),
        "inputs": _base64(integers.inputs),
        "derivative": _base64(integers.derivative),
    }
    return Built(data, _picture(network(seed)), "Gradient by lag", _ALT if seed == SEED else _ALT.partition(" At ")[0])


def _drawn_radius(integers: Draws) -> float:
    return float(np.hypot(*(integers.eigenvalues * _EIGENVALUE_STEP).T).max())


def _orthogonal(vectors: np.ndarray) -> np.ndarray:
    """The product of the reflections I - 2 v v^T / v^T v: orthogonal whatever the v are."""
    Q = np.eye(vectors.shape[1])
    for v in vectors:
        Q -= np.outer(Q @ v, 2 / (v @ v) * v)
    return Q


def _int8(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values), -127, 127).astype(np.int8)


def _base64(values: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(values, dtype=np.int8).tobytes()).decode("ascii")


# The picture: two panels of 235 by 250, powers of ten from -24 to 8.
_LEFT, _TOP, _WIDTH, _HEIGHT, _GAP, _LOW, _HIGH = 52, 44, 222, 250, 64, -24, 8


def _picture(net: Network) -> str:
    """For readers without JavaScript: tanh, shear 1, four radii, depths 1 and 4."""
    parts = ['<text x="2" y="16" fill="#5d6470">size of the gradient by the input k steps back</text>']
    for panel, depth in enumerate(_PICTURE_DEPTHS):
        left = _LEFT + panel * (_WIDTH + _GAP)
        parts += _frame(left, f"{depth} layer{'s' if depth > 1 else ''}", labelled=panel == 0)
        ends = []
        for radius, colour in zip(_PICTURE_RADII, _PICTURE_COLOURS, strict=True):
            logs = np.log10(net.curves(radius=radius, nonlinearity="tanh", depth=depth, shear=1)).mean(axis=1)
            alone = math.log10(radius) * np.arange(LAGS + 1)
            alone = alone[(alone >= _LOW) & (alone <= _HIGH)]
            parts.append(f'<path d="{_line(alone, left)}" stroke="{colour}" stroke-dasharray="2 4"/>')
            parts.append(f'<path d="{_line(logs, left)}" stroke="{colour}" stroke-width="2.5"/>')
            ends.append((_y(logs[-1]) + 5, radius, colour))
        below = math.inf
        for y, radius, colour in sorted(ends, reverse=True):  # from the lowest up, so that no two overlap
            below = min(y, below - 15)
            parts.append(f'<text x="{left + _WIDTH + 6}" y="{below:.1f}" fill="{colour}">{radius}</text>')
    width, height = _LEFT + 2 * _WIDTH + _GAP + 46, _TOP + _HEIGHT + 66
    parts.append(
        f'<text x="2" y="{height - 8}" fill="#5d6470">tanh; the number at a line is the spectral radius; dotted: the '
        "radius to the power k</text>"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
        'font-size="14" fill="none" stroke-linejoin="round">\n'
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _frame(left: int, title: str, *, labelled: bool) -> Iterable[str]:
    bottom = _TOP + _HEIGHT
    yield f'<text x="{left}" y="{_TOP - 8}" fill="#222832" font-weight="bold">{title}</text>'
    for log in range(_LOW, _HIGH + 1, 8):
        yield f'<path d="M{left} {_y(log):.1f}h{_WIDTH}" stroke="#e4e0d8"/>'
        if labelled:
            sign = f"{log}".replace("-", "−")
            yield (
                f'<text x="{left - 6}" y="{_y(log) + 5:.1f}" text-anchor="end" fill="#222832">10'
                f'<tspan dy="-5" font-size="11">{sign}</tspan></text>'
            )
    for lag in range(0, LAGS + 1, 25):
        x = left + _WIDTH * lag / LAGS
        yield f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle" fill="#222832">{lag}</text>'
    middle = left + _WIDTH / 2
    yield f'<text x="{middle}" y="{bottom + 36}" text-anchor="middle" fill="#5d6470">lag k (steps back)</text>'


def _line(logs: np.ndarray, left: int) -> str:
    return "M" + " ".join(f"{left + _WIDTH * k / LAGS:.1f} {_y(log):.1f}" for k, log in enumerate(logs))


def _y(log: float) -> float:
    return _TOP + _HEIGHT * (_HIGH - log) / (_HIGH - _LOW)
