r"""The LSTM that forgets exactly as much as it lets in, one step of it with its derivative by hand.

Variant CIFG of Greff et al. (2017), "LSTM: A search space odyssey". Derived in chapter 13.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._checks import check_array, check_number, check_params
from ._gates import sigmoid
from .initialisers import pytorch_uniform
from .scan import Cell, Params, State, check_state


def coupled_lstm_cell() -> Cell:
    r"""One step of the LSTM with coupled gates, for `scan_forward`; its state is (h, c), its output h.

    .. math::
        i_t &= \sigma(W_{ii} x_t + b_{ii} + W_{hi} h_{t-1} + b_{hi}), \qquad f_t = 1 - i_t \\
        g_t &= \tanh(W_{ig} x_t + b_{ig} + W_{hg} h_{t-1} + b_{hg}), \qquad
        o_t = \sigma(W_{io} x_t + b_{io} + W_{ho} h_{t-1} + b_{ho}) \\
        c_t &= f_t \odot c_{t-1} + i_t \odot g_t, \qquad h_t = o_t \odot \tanh c_t

    As in a GRU, one gate does for two. The weights are an LSTM's without the rows of f: three blocks, in the order
    i, g, o. Since :math:`1 - \sigma(a) = \sigma(-a)`, an LSTM whose rows of f are those of i negated is this very
    network: put in :math:`(W_i, -W_i, W_g, W_o)`, and the same with the biases. The other way, dropping an LSTM's rows
    of f gives weights to start from, but not the same network.

    Returns:
        The cell; its parameters are `weight_ih_l0` of shape (3H, I), `weight_hh_l0` of shape (3H, H), `bias_ih_l0` and
        `bias_hh_l0` of shape (3H,).

    Source: Greff et al. (2017); chapter 13.

    >>> from rnncourse.reference.scan import scan_forward
    >>> rng = np.random.default_rng(0)
    >>> state = np.zeros((4, 3)), np.zeros((4, 3))
    >>> output, _, _ = scan_forward(coupled_lstm_cell(), np.ones((5, 4, 2)), state, init_coupled_lstm(rng, 2, 3))
    >>> output.shape
    (5, 4, 3)
    """

    def forward(x_t: np.ndarray, state: State, params: Params) -> tuple[np.ndarray, State, tuple]:
        h, c = state
        a = x_t @ params["weight_ih_l0"].T + params["bias_ih_l0"] + h @ params["weight_hh_l0"].T + params["bias_hh_l0"]
        a_i, a_g, a_o = np.split(a, 3, axis=1)
        i = sigmoid(a_i)
        f = 1 - i
        g = np.tanh(a_g)
        o = sigmoid(a_o)
        c_t = f * c + i * g
        h_t = o * np.tanh(c_t)
        return h_t, (h_t, c_t), (x_t, h, c, i, f, g, o, c_t, params)

    def backward(d_output: np.ndarray, d_state: State, cache: tuple) -> tuple[np.ndarray, State, dict[str, np.ndarray]]:
        x_t, h, c, i, f, g, o, c_t, params = cache
        tanh_c = np.tanh(c_t)
        dh = d_output + d_state[0]
        do = dh * tanh_c
        dc = d_state[1] + dh * o * (1 - tanh_c**2)
        dg = dc * i
        di = dc * g - dc * c  # through i, and through f = 1 - i
        da = np.concatenate([di * i * f, dg * (1 - g**2), do * o * (1 - o)], axis=1)
        db = da.sum(0)
        grads = {"weight_ih_l0": da.T @ x_t, "weight_hh_l0": da.T @ h, "bias_ih_l0": db, "bias_hh_l0": db}
        return da @ params["weight_ih_l0"], (da @ params["weight_hh_l0"], dc * f), grads

    def check(x: np.ndarray, state: State, params: Params) -> None:
        check_state(state, ("hidden_size", "hidden_size"), x)
        H = state[0].shape[1]
        check_array("state[1]", state[1], (x.shape[1], H))
        check_params(params, _shapes(x.shape[2], H), x)

    return Cell(forward, backward, check)


def init_coupled_lstm(
    rng: np.random.Generator, input_size: int, hidden_size: int, dtype: Any = np.float64
) -> dict[str, np.ndarray]:
    r"""Parameters for `coupled_lstm_cell`, all from :math:`U(\pm 1/\sqrt{H})`, as `torch.nn.LSTM` draws its own.

    Args:
        rng: the generator to draw from.
        input_size: I, at least 1.
        hidden_size: H, at least 1.
        dtype: float32 or float64.

    Returns:
        `weight_ih_l0` (3H, I), `weight_hh_l0` (3H, H), `bias_ih_l0` and `bias_hh_l0` (3H,).

    Raises:
        TypeError: a size that is no integer, or another dtype.
        ValueError: a size out of range.

    Source: chapter 13.
    """
    check_number("input_size", input_size, at_least=1, integer=True)
    H = check_number("hidden_size", hidden_size, at_least=1, integer=True)
    return {name: pytorch_uniform(rng, shape, H, dtype) for name, shape in _shapes(input_size, H).items()}


def _shapes(I: int, H: int) -> dict[str, tuple[int, ...]]:
    return {
        "weight_ih_l0": (3 * H, I),
        "weight_hh_l0": (3 * H, H),
        "bias_ih_l0": (3 * H,),
        "bias_hh_l0": (3 * H,),
    }
