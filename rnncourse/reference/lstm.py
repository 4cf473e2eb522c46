r"""Long short-term memory, one step at a time, forward and backward by hand.

Hochreiter and Schmidhuber (1997), with the forget gate of Gers, Schmidhuber and Cummins (2000) and, where asked for,
the projected state of Sak, Senior and Beaufays (2014). Derived in chapter 11. `lstm_sequence` runs
the same recurrence over whole sequences, faster.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._checks import check_array, check_mapping, check_number, check_params
from ._gates import sigmoid
from .initialisers import pytorch_uniform
from .scan import Cell, Params, State, check_state


def lstm_cell() -> Cell:
    r"""One step of the LSTM, for `scan_forward`; its state is (h, c).

    .. math::
        i_t &= \sigma(W_{ii} x_t + b_{ii} + W_{hi} h_{t-1} + b_{hi}), \qquad
        f_t = \sigma(W_{if} x_t + b_{if} + W_{hf} h_{t-1} + b_{hf}) \\
        g_t &= \tanh(W_{ig} x_t + b_{ig} + W_{hg} h_{t-1} + b_{hg}), \qquad
        o_t = \sigma(W_{io} x_t + b_{io} + W_{ho} h_{t-1} + b_{ho}) \\
        c_t &= f_t \odot c_{t-1} + i_t \odot g_t, \qquad
        m_t = o_t \odot \tanh c_t, \qquad h_t = W_{hr} m_t

    Without `weight_hr_l0` there is no projection: :math:`h_t = m_t`. The output is :math:`h_t`.

    Returns:
        The cell; its parameters are those of `lstm_forward`.

    Source: Hochreiter and Schmidhuber (1997), Gers et al. (2000), Sak et al. (2014); chapter 11.
    """

    def forward(x_t: np.ndarray, state: State, params: Params) -> tuple[np.ndarray, State, tuple]:
        h, c = state
        a = x_t @ params["weight_ih_l0"].T + params["bias_ih_l0"] + h @ params["weight_hh_l0"].T + params["bias_hh_l0"]
        a_i, a_f, a_g, a_o = np.split(a, 4, axis=1)
        i = sigmoid(a_i)
        f = sigmoid(a_f)
        g = np.tanh(a_g)
        o = sigmoid(a_o)
        c_t = f * c + i * g
        m_t = o * np.tanh(c_t)
        h_t = m_t @ params["weight_hr_l0"].T if "weight_hr_l0" in params else m_t
        return h_t, (h_t, c_t), (x_t, h, c, i, f, g, o, c_t, m_t, params)

    def backward(d_output: np.ndarray, d_state: State, cache: tuple) -> tuple[np.ndarray, State, dict[str, np.ndarray]]:
        x_t, h, c, i, f, g, o, c_t, m_t, params = cache
        dh = d_output + d_state[0]
        grads = {}
        dm = dh
        if "weight_hr_l0" in params:
            grads["weight_hr_l0"] = dh.T @ m_t
            dm = dh @ params["weight_hr_l0"]
        tanh_c = np.tanh(c_t)
        do = dm * tanh_c
        dc = d_state[1] + dm * o * (1 - tanh_c**2)
        di, dg = dc * g, dc * i
        df = dc * c
        da = np.concatenate([di * i * (1 - i), df * f * (1 - f), dg * (1 - g**2), do * o * (1 - o)], axis=1)
        db = da.sum(0)
        grads |= {"weight_ih_l0": da.T @ x_t, "weight_hh_l0": da.T @ h, "bias_ih_l0": db, "bias_hh_l0": db}
        return da @ params["weight_ih_l0"], (da @ params["weight_hh_l0"], dc * f), grads

    return Cell(forward, backward, check_lstm)


def init_lstm(
    rng: np.random.Generator,
    input_size: int,
    hidden_size: int,
    dtype: Any = np.float64,
    *,
    proj_size: int = 0,
    forget_bias: float | None = None,
) -> dict[str, np.ndarray]:
    r"""Parameters for `lstm_forward`, drawn as `torch.nn.LSTM` draws them: all from :math:`U(\pm 1/\sqrt{H})`.

    Args:
        rng: the generator to draw from.
        input_size: I, at least 1.
        hidden_size: H, at least 1.
        dtype: float32 or float64.
        proj_size: P, below H; 0 for no projection.
        forget_bias: what the forget gate's two biases add up to: it is written into `bias_ih_l0`, and that part of
            `bias_hh_l0` is zero. All else is drawn as without it. None: both as drawn.

    Returns:
        `weight_ih_l0` (4H, I), `weight_hh_l0` (4H, P or H), `bias_ih_l0` and `bias_hh_l0` (4H,), and with a projection
        `weight_hr_l0` (P, H).

    Raises:
        TypeError: a size that is no integer, or another dtype.
        ValueError: a size out of range, or a forget bias that is not finite.

    Source: Gers et al. (2000), Jozefowicz et al. (2015) for the forget bias; chapter 11.
    """
    check_number("input_size", input_size, at_least=1, integer=True)
    H = check_number("hidden_size", hidden_size, at_least=1, integer=True)
    P = check_number("proj_size", proj_size, at_least=0, below=H, integer=True)
    shapes = _shapes(input_size, H, P or None)
    params = {name: pytorch_uniform(rng, shape, H, dtype) for name, shape in shapes.items()}
    if forget_bias is not None:
        params["bias_ih_l0"][H : 2 * H] = check_number("forget_bias", forget_bias)
        params["bias_hh_l0"][H : 2 * H] = 0
    return params


def _shapes(I: int, H: int, P: int | None) -> dict[str, tuple[int, ...]]:
    """The parameters' shapes; P is None where there is no projection."""
    shapes = {
        "weight_ih_l0": (4 * H, I),
        "weight_hh_l0": (4 * H, H if P is None else P),
        "bias_ih_l0": (4 * H,),
        "bias_hh_l0": (4 * H,),
    }
    return shapes if P is None else shapes | {"weight_hr_l0": (P, H)}


def check_lstm(x: np.ndarray, state: State, params: Params) -> None:
    """Raise unless state and parameters fit x."""
    if not isinstance(state, tuple):
        raise TypeError(f"state must be a tuple of arrays, (h_0, c_0), got {type(state).__name__}")
    projected = "weight_hr_l0" in check_mapping("params", params)
    check_state(state, ("proj_size" if projected else "hidden_size", "hidden_size"), x)
    P, H = (s.shape[1] for s in state)
    if not projected:
        check_array("state[0]", state[0], (x.shape[1], H))
    check_params(params, _shapes(x.shape[2], H, P if projected else None), x)
