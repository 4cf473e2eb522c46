r"""The minimal LSTM, whose gates do not look at the state: one step as a cell, and its parameters.

Feng et al. (2024), "Were RNNs all we needed?". Derived in chapter 31. All steps at once: `minlstm_scan`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .._checks import check_choice, check_number, check_params
from ._gates import sigmoid
from .initialisers import pytorch_uniform
from .linear import LinearCache, linear_backward, linear_forward
from .mingru import CANDIDATES
from .scan import Cell, Params, State, check_state


class MinLSTMGates(NamedTuple):
    """The shares f' and i', which add up to 1, the candidate g, and the gates' derivatives by what they are made of."""

    f: np.ndarray
    i: np.ndarray
    g: np.ndarray
    not_f: np.ndarray
    not_i: np.ndarray
    linear: LinearCache


def minlstm_cell(nonlinearity: str = "linear") -> Cell:
    r"""One step of the minimal LSTM, for `scan_forward`; its state is (h,), its output h.

    .. math::
        i_t &= \sigma(W_{ii} x_t + b_{ii}), \qquad f_t = \sigma(W_{if} x_t + b_{if}), \qquad
        g_t = \phi(W_{ig} x_t + b_{ig}) \\
        f'_t &= \frac{f_t}{f_t + i_t}, \qquad i'_t = \frac{i_t}{f_t + i_t}, \qquad
        h_t = f'_t \odot h_{t-1} + i'_t \odot g_t

    It is an LSTM without recurrent weights, without output gate and without the two tanh, its gates scaled to add up to
    1 so that the state keeps its size. There is one state: c and h are the same. What Feng et al. write as
    :math:`\tilde h_t` is called g here, as in `torch.nn.LSTM`.

    Both gates can be so small that they are rounded to zero. So the shares are computed from their logarithms, which
    stay finite: :math:`f'_t = \sigma(\ln f_t - \ln i_t)`, with :math:`\ln \sigma(a) = -\ln(1 + e^{-a})`.

    Args:
        nonlinearity: phi: "linear" (none), their plain form, "positive" or "tanh", as for `mingru_cell`.

    Returns:
        The cell; its parameters are those of `minlstm_forward`.

    Raises:
        ValueError: an unknown nonlinearity.

    Source: Feng et al. (2024); chapter 31.
    """
    check_choice("nonlinearity", nonlinearity, tuple(CANDIDATES))

    def forward(x_t: np.ndarray, state: State, params: Params) -> tuple[np.ndarray, State, tuple]:
        (h,) = state
        gates = minlstm_gates(x_t, params, nonlinearity)
        h_t = gates.f * h + gates.i * gates.g
        return h_t, (h_t,), (h, gates)

    def backward(d_output: np.ndarray, d_state: State, cache: tuple) -> tuple[np.ndarray, State, dict[str, np.ndarray]]:
        h, gates = cache
        dh = d_output + d_state[0]
        dx, grads = minlstm_gates_backward(dh * h, dh * gates.g, dh * gates.i, gates, nonlinearity)
        return dx, (dh * gates.f,), grads

    def check(x: np.ndarray, state: State, params: Params) -> None:
        check_state(state, ("hidden_size",), x)
        check_params(params, minlstm_shapes(x.shape[2], state[0].shape[1]), x)

    return Cell(forward, backward, check)


def init_minlstm(
    rng: np.random.Generator, input_size: int, hidden_size: int, dtype: Any = np.float64
) -> dict[str, np.ndarray]:
    r"""Parameters for `minlstm_forward`, all from :math:`U(\pm 1/\sqrt{I})`, as `torch.nn.Linear` draws its own.

    Args:
        rng: the generator to draw from.
        input_size: I, at least 1.
        hidden_size: H, at least 1.
        dtype: float32 or float64.

    Returns:
        `weight_ih_l0` (3H, I) and `bias_ih_l0` (3H,), in the order i, f, g.

    Raises:
        TypeError: a size that is no integer, or another dtype.
        ValueError: a size out of range.

    Source: chapter 31.
    """
    I = check_number("input_size", input_size, at_least=1, integer=True)
    H = check_number("hidden_size", hidden_size, at_least=1, integer=True)
    return {name: pytorch_uniform(rng, shape, I, dtype) for name, shape in minlstm_shapes(I, H).items()}


def minlstm_gates(x: np.ndarray, params: Params, nonlinearity: str) -> MinLSTMGates:
    """The gates of one step or of all."""
    a, linear = linear_forward(x, params["weight_ih_l0"], params["bias_ih_l0"])
    a_i, a_f, a_g = np.split(a, 3, axis=-1)
    delta = np.logaddexp(0, -a_i) - np.logaddexp(0, -a_f)  # ln f - ln i
    g = CANDIDATES[nonlinearity].phi(a_g)
    return MinLSTMGates(sigmoid(delta), sigmoid(-delta), g, sigmoid(-a_f), sigmoid(-a_i), linear)


def minlstm_gates_backward(
    df: np.ndarray, di: np.ndarray, dg: np.ndarray, gates: MinLSTMGates, nonlinearity: str
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    da_g = dg * CANDIDATES[nonlinearity].dphi(gates.g)
    d_delta = (df - di) * gates.f * gates.i
    da_f = d_delta * gates.not_f
    da_i = -d_delta * gates.not_i
    dx, grads = linear_backward(np.concatenate([da_i, da_f, da_g], axis=-1), gates.linear)
    return dx, {"weight_ih_l0": grads["weight"], "bias_ih_l0": grads["bias"]}


def minlstm_shapes(I: int, H: int) -> dict[str, tuple[int, ...]]:
    return {"weight_ih_l0": (3 * H, I), "bias_ih_l0": (3 * H,)}
