r"""The LSTM with layer normalisation inside, one step of it with its derivative by hand.

Ba, Kiros and Hinton (2016), "Layer normalization". Derived in chapter 17.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._checks import check_array, check_number, check_params
from ._gates import sigmoid
from .layer_norm import layer_norm_backward, layer_norm_forward
from .layer_norm_rnn import Shapes, init_normalised, norm_grads
from .scan import Cell, Params, State, check_state


def layer_norm_lstm_cell(*, eps: float = 1e-5) -> Cell:
    r"""One step of the LSTM with layer normalisation, for `scan_forward`; its state is (h, c), its output h.

    .. math::
        (a_i, a_f, a_g, a_o) &= \mathrm{LN}(W_{ih} x_t; w_{ih}, b_{ih})
        + \mathrm{LN}(W_{hh} h_{t-1}; w_{hh}, b_{hh}) + b \\
        c_t &= \sigma(a_f) \odot c_{t-1} + \sigma(a_i) \odot \tanh a_g \\
        h_t &= \sigma(a_o) \odot \tanh(\mathrm{LN}(c_t; w_c, b_c))

    Three things to notice. Inputs and states are normalised apart, each over all 4H rows at once, not gate by gate. The
    cell state that is handed on is not normalised, only what the output sees of it. And there are three biases where
    one would do, as in the paper.

    Args:
        eps: epsilon of the three normalisations, above 0.

    Returns:
        The cell; its parameters are `weight_ih_l0` of shape (4H, I) and `weight_hh_l0` of shape (4H, H), in the order
        i, f, g, o; `weight_ln_ih_l0`, `bias_ln_ih_l0`, `weight_ln_hh_l0`, `bias_ln_hh_l0` and `bias_l0` (b) of shape
        (4H,); `weight_ln_c_l0` and `bias_ln_c_l0` of shape (H,).

    Raises:
        TypeError: an eps that is no number.
        ValueError: eps not above 0.

    Source: Ba et al. (2016), supplement; chapter 17.

    >>> from rnncourse.reference.scan import scan_forward
    >>> params = init_layer_norm_lstm(np.random.default_rng(0), 2, 3)
    >>> state = np.zeros((4, 3)), np.zeros((4, 3))
    >>> output, _, _ = scan_forward(layer_norm_lstm_cell(), np.ones((5, 4, 2)), state, params)
    >>> output.shape
    (5, 4, 3)
    """
    check_number("eps", eps, above=0)

    def forward(x_t: np.ndarray, state: State, params: Params) -> tuple[np.ndarray, State, tuple]:
        h, c = state

        def ln(a: np.ndarray, part: str) -> tuple[np.ndarray, Any]:
            return layer_norm_forward(a, params[f"weight_ln_{part}_l0"], params[f"bias_ln_{part}_l0"], eps)

        a_x, ln_ih = ln(x_t @ params["weight_ih_l0"].T, "ih")
        a_h, ln_hh = ln(h @ params["weight_hh_l0"].T, "hh")
        a_i, a_f, a_g, a_o = np.split(a_x + a_h + params["bias_l0"], 4, axis=1)
        i = sigmoid(a_i)
        f = sigmoid(a_f)
        g = np.tanh(a_g)
        o = sigmoid(a_o)
        c_t = f * c + i * g
        y_t, ln_c = ln(c_t, "c")
        h_t = o * np.tanh(y_t)
        return h_t, (h_t, c_t), (x_t, h, c, i, f, g, o, y_t, ln_ih, ln_hh, ln_c, params)

    def backward(d_output: np.ndarray, d_state: State, cache: tuple) -> tuple[np.ndarray, State, dict[str, np.ndarray]]:
        x_t, h, c, i, f, g, o, y_t, ln_ih, ln_hh, ln_c, params = cache
        tanh_y = np.tanh(y_t)
        dh = d_output + d_state[0]
        do = dh * tanh_y
        dc, d_ln_c = layer_norm_backward(dh * o * (1 - tanh_y**2), ln_c)
        dc = dc + d_state[1]
        di, df, dg = dc * g, dc * c, dc * i
        da = np.concatenate([di * i * (1 - i), df * f * (1 - f), dg * (1 - g**2), do * o * (1 - o)], axis=1)
        da_x, d_ln_ih = layer_norm_backward(da, ln_ih)
        da_h, d_ln_hh = layer_norm_backward(da, ln_hh)
        grads = {"weight_ih_l0": da_x.T @ x_t, "weight_hh_l0": da_h.T @ h, "bias_l0": da.sum(0)}
        grads |= norm_grads(d_ln_ih, "ln_ih") | norm_grads(d_ln_hh, "ln_hh") | norm_grads(d_ln_c, "ln_c")
        return da_x @ params["weight_ih_l0"], (da_h @ params["weight_hh_l0"], dc * f), grads

    def check(x: np.ndarray, state: State, params: Params) -> None:
        check_state(state, ("hidden_size", "hidden_size"), x)
        H = state[0].shape[1]
        check_array("state[1]", state[1], (x.shape[1], H))
        check_params(params, _shapes(x.shape[2], H), x)

    return Cell(forward, backward, check)


def init_layer_norm_lstm(
    rng: np.random.Generator, input_size: int, hidden_size: int, dtype: Any = np.float64
) -> dict[str, np.ndarray]:
    r"""Parameters for `layer_norm_lstm_cell`.

    Matrices and b from :math:`U(\pm 1/\sqrt{H})`; of each normalisation the weight 1 and the bias 0.

    Args:
        rng: the generator to draw from.
        input_size: I, at least 1.
        hidden_size: H, at least 1.
        dtype: float32 or float64.

    Returns:
        The arrays that `layer_norm_lstm_cell` names.

    Raises:
        TypeError: a size that is no integer, or another dtype.
        ValueError: a size out of range.

    Source: Ba et al. (2016); chapter 17.
    """
    return init_normalised(rng, input_size, hidden_size, dtype, _shapes)


def _shapes(I: int, H: int) -> Shapes:
    wide = ("weight_ln_ih_l0", "bias_ln_ih_l0", "weight_ln_hh_l0", "bias_ln_hh_l0", "bias_l0")
    return {
        "weight_ih_l0": (4 * H, I),
        "weight_hh_l0": (4 * H, H),
        **dict.fromkeys(wide, (4 * H,)),
        "weight_ln_c_l0": (H,),
        "bias_ln_c_l0": (H,),
    }
