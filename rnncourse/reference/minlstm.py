r"""The minimal LSTM, whose gates do not look at the state: one step as a cell, and all steps by a parallel scan.

Feng et al. (2024), "Were RNNs all we needed?". Derived in chapter 31.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .._checks import check_array, check_choice, check_number, check_params, check_sequence
from ._gates import sigmoid
from .initialisers import pytorch_uniform
from .linear import LinearCache, linear_backward, linear_forward
from .linear_scan import LinearScanCache, linear_scan_backward, linear_scan_forward
from .masks import length_mask
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
    cannot: :math:`f'_t = \sigma(\ln f_t - \ln i_t)`, with :math:`\ln \sigma(a) = -\ln(1 + e^{-a})`.

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
        gates = _gates(x_t, params, nonlinearity)
        h_t = gates.f * h + gates.i * gates.g
        return h_t, (h_t,), (h, gates)

    def backward(d_output: np.ndarray, d_state: State, cache: tuple) -> tuple[np.ndarray, State, dict[str, np.ndarray]]:
        h, gates = cache
        dh = d_output + d_state[0]
        dx, grads = _gates_backward(dh * h, dh * gates.g, dh * gates.i, gates, nonlinearity)
        return dx, (dh * gates.f,), grads

    def check(x: np.ndarray, state: State, params: Params) -> None:
        check_state(state, ("hidden_size",), x)
        check_params(params, _shapes(x.shape[2], state[0].shape[1]), x)

    return Cell(forward, backward, check)


class MinLSTMCache(NamedTuple):
    """What `minlstm_backward` needs."""

    gates: MinLSTMGates
    scan: LinearScanCache
    nonlinearity: str
    mask: np.ndarray | None


def minlstm_forward(
    x: np.ndarray,
    h_0: np.ndarray,
    params: Params,
    *,
    nonlinearity: str = "linear",
    lengths: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, MinLSTMCache]:
    r"""Run the minimal LSTM over a batch of sequences: `minlstm_cell` under the scan, but all steps at once.

    As for `mingru_forward`, one product gives all gates and `linear_scan_forward` does the rest:

    .. math::
        h_t = a_t \odot h_{t-1} + b_t, \qquad a_t = f'_t, \qquad b_t = i'_t \odot g_t

    Args:
        x: inputs, of shape (T, B, I).
        h_0: state before the first step, of shape (B, H).
        params: `weight_ih_l0` of shape (3H, I) and `bias_ih_l0` of shape (3H,), in the order i, f, g.
        nonlinearity: "linear", "positive" or "tanh", as for `minlstm_cell`.
        lengths: integers of shape (B,), each in 1 … T: how many steps each sequence has. After its end a
            sequence's output is zero and its state stays as it was. None: all have T steps.

    Returns:
        `output`, of shape (T, B, H): h_1 … h_T; `h_n`, of shape (B, H): each sequence's last state; `cache` for
        `minlstm_backward`.

    Raises:
        TypeError: an argument of another type, or arrays of different dtypes.
        ValueError: a wrong shape, a length out of range, NaN or infinity, an unknown nonlinearity.

    Source: Feng et al. (2024); chapter 31.

    >>> params = init_minlstm(np.random.default_rng(0), input_size=2, hidden_size=3)
    >>> output, h_n, cache = minlstm_forward(np.ones((5, 4, 2)), np.zeros((4, 3)), params)
    >>> output.shape, h_n.shape
    ((5, 4, 3), (4, 3))
    """
    check_sequence(x)
    T, B, I = x.shape
    check_array("h_0", h_0, (B, "hidden_size"), like=x)
    check_params(params, _shapes(I, h_0.shape[1]), x)
    check_choice("nonlinearity", nonlinearity, tuple(CANDIDATES))
    mask = None if lengths is None else length_mask(lengths, T, B)

    gates = _gates(x, params, nonlinearity)
    if mask is not None:  # a sequence that has ended keeps its state whole
        gates = gates._replace(f=np.where(mask, gates.f, 1), i=gates.i * mask)
    output, h_n, scan = linear_scan_forward(gates.f, gates.i * gates.g, h_0)
    if mask is not None:
        output = output * mask
    return output, h_n, MinLSTMCache(gates, scan, nonlinearity, mask)


def minlstm_backward(
    d_output: np.ndarray | None, d_h_n: np.ndarray | None, cache: MinLSTMCache
) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    r"""Backward pass of `minlstm_forward`: the scan's own, which is a scan from the end, then one product.

    With :math:`\delta = \ln f - \ln i`, of which :math:`f' = \sigma(\delta)` and :math:`i' = 1 - f'` are made:

    .. math::
        df' &= da, \qquad di' = db \odot g, \qquad dg = db \odot i' \\
        d\delta &= (df' - di') \odot f' \odot i', \qquad
        da_f = d\delta \odot (1 - f), \qquad da_i = -d\delta \odot (1 - i)

    Args:
        d_output: the loss's derivative by `output`, of shape (T, B, H). None: zero.
        d_h_n: the loss's derivative by `h_n`, of shape (B, H), in addition to what comes through `output`.
            None: zero.
        cache: what `minlstm_forward` returned.

    Returns:
        `dx` of shape (T, B, I); `dh_0` of shape (B, H); `grads`, the gradients under the keys of `params`.

    Raises:
        TypeError: an argument of another type, or another dtype than the forward pass had.
        ValueError: a wrong shape, NaN or infinity.

    Source: Feng et al. (2024); chapter 31.
    """
    gates, scan, nonlinearity, mask = cache
    if d_output is not None and mask is not None:
        d_output = check_array("d_output", d_output, gates.g.shape, like=gates.g) * mask
    da, db, dh_0 = linear_scan_backward(d_output, d_h_n, scan)
    # Where a sequence has ended i' is 0: as a factor it stops whatever would flow into the gates.
    dx, grads = _gates_backward(da, db * gates.g, db * gates.i, gates, nonlinearity)
    return dx, dh_0, grads


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
    return {name: pytorch_uniform(rng, shape, I, dtype) for name, shape in _shapes(I, H).items()}


def _gates(x: np.ndarray, params: Params, nonlinearity: str) -> MinLSTMGates:
    """The gates of one step or of all."""
    a, linear = linear_forward(x, params["weight_ih_l0"], params["bias_ih_l0"])
    a_i, a_f, a_g = np.split(a, 3, axis=-1)
    delta = np.logaddexp(0, -a_i) - np.logaddexp(0, -a_f)  # ln f - ln i
    g = CANDIDATES[nonlinearity].phi(a_g)
    return MinLSTMGates(sigmoid(delta), sigmoid(-delta), g, sigmoid(-a_f), sigmoid(-a_i), linear)


def _gates_backward(
    df: np.ndarray, di: np.ndarray, dg: np.ndarray, gates: MinLSTMGates, nonlinearity: str
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    da_g = dg * CANDIDATES[nonlinearity].dphi(gates.g)
    d_delta = (df - di) * gates.f * gates.i
    da_f = d_delta * gates.not_f
    da_i = -d_delta * gates.not_i
    dx, grads = linear_backward(np.concatenate([da_i, da_f, da_g], axis=-1), gates.linear)
    return dx, {"weight_ih_l0": grads["weight"], "bias_ih_l0": grads["bias"]}


def _shapes(I: int, H: int) -> dict[str, tuple[int, ...]]:
    return {"weight_ih_l0": (3 * H, I), "bias_ih_l0": (3 * H,)}
