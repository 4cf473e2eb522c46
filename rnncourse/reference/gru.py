r"""The gated recurrent unit, one step at a time, forward and backward by hand.

Cho et al. (2014). Derived in chapter 12. Papers and libraries differ in two places:

- where r resets: before the product with :math:`W_{hn}` (Cho et al. as published, Bahdanau et al. 2015, Chung et al.
  2014; the ONNX operator by default) or after it (the first arXiv version of Cho et al., as Keras's documentation has
  it; cuDNN, PyTorch, Flax, and Keras by default);
- what z is: the share of the old state that stays (Cho et al.; cuDNN, PyTorch, Flax, Keras, ONNX) or the share of the
  candidate that comes in (Bahdanau et al., Chung et al.).

`gru_sequence` runs the same recurrence over whole sequences, faster.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._checks import check_choice, check_number, check_params
from ._gates import sigmoid
from .initialisers import pytorch_uniform
from .scan import Cell, Params, State, check_state


def gru_cell(reset_after: bool = True, z_keeps: bool = True) -> Cell:
    r"""One step of the GRU, for `scan_forward`; its state is (h,).

    .. math::
        r_t &= \sigma(W_{ir} x_t + b_{ir} + W_{hr} h_{t-1} + b_{hr}) \\
        z_t &= \sigma(W_{iz} x_t + b_{iz} + W_{hz} h_{t-1} + b_{hz}) \\
        n_t &= \tanh(W_{in} x_t + b_{in} + r_t \odot (W_{hn} h_{t-1} + b_{hn})) \\
        h_t &= z_t \odot h_{t-1} + (1 - z_t) \odot n_t

    Args:
        reset_after: whether r multiplies after the product, as above (PyTorch). If not (Cho et al.),
            :math:`n_t = \tanh(W_{in} x_t + b_{in} + W_{hn} (r_t \odot h_{t-1}) + b_{hn})`.
        z_keeps: whether z is the share of the old state, as above (Cho et al., PyTorch). If not (Chung et al.),
            :math:`h_t = (1 - z_t) \odot h_{t-1} + z_t \odot n_t`.

    Returns:
        The cell; its parameters are those of `gru_forward`.

    Raises:
        ValueError: an option that is neither True nor False.

    Source: Cho et al. (2014); chapter 12.
    """
    check_choice("reset_after", reset_after, (True, False))
    check_choice("z_keeps", z_keeps, (True, False))

    def forward(x_t: np.ndarray, state: State, params: Params) -> tuple[np.ndarray, State, tuple]:
        (h,) = state
        W_hr, W_hz, W_hn = np.split(params["weight_hh_l0"], 3)
        b_hr, b_hz, b_hn = np.split(params["bias_hh_l0"], 3)
        Wx_r, Wx_z, Wx_n = np.split(x_t @ params["weight_ih_l0"].T + params["bias_ih_l0"], 3, axis=1)
        r = sigmoid(Wx_r + h @ W_hr.T + b_hr)
        z = sigmoid(Wx_z + h @ W_hz.T + b_hz)
        if reset_after:
            u = h @ W_hn.T + b_hn
            n = np.tanh(Wx_n + r * u)
        else:
            u = r * h
            n = np.tanh(Wx_n + u @ W_hn.T + b_hn)
        h_t = z * h + (1 - z) * n if z_keeps else (1 - z) * h + z * n
        return h_t, (h_t,), (x_t, h, r, z, u, n, params)

    def backward(d_output: np.ndarray, d_state: State, cache: tuple) -> tuple[np.ndarray, State, dict[str, np.ndarray]]:
        x_t, h, r, z, u, n, params = cache
        W_hr, W_hz, W_hn = np.split(params["weight_hh_l0"], 3)
        dh_t = d_output + d_state[0]
        if z_keeps:
            dh, dn, dz = dh_t * z, dh_t * (1 - z), dh_t * (h - n)
        else:
            dh, dn, dz = dh_t * (1 - z), dh_t * z, dh_t * (n - h)
        da_n = dn * (1 - n**2)
        if reset_after:
            du, dr = da_n * r, da_n * u
            dh += du @ W_hn
            dW_hn, db_hn = du.T @ h, du.sum(0)
        else:
            du = da_n @ W_hn
            dr = du * h
            dh += du * r
            dW_hn, db_hn = da_n.T @ u, da_n.sum(0)
        da_z = dz * z * (1 - z)
        da_r = dr * r * (1 - r)
        dh += da_z @ W_hz + da_r @ W_hr
        da = np.concatenate([da_r, da_z, da_n], axis=1)
        grads = {
            "weight_ih_l0": da.T @ x_t,
            "weight_hh_l0": np.concatenate([da_r.T @ h, da_z.T @ h, dW_hn]),
            "bias_ih_l0": da.sum(0),
            "bias_hh_l0": np.concatenate([da_r.sum(0), da_z.sum(0), db_hn]),
        }
        return da @ params["weight_ih_l0"], (dh,), grads

    def check(x: np.ndarray, state: State, params: Params) -> None:
        check_state(state, ("hidden_size",), x)
        check_params(params, gru_shapes(x.shape[2], state[0].shape[1]), x)

    return Cell(forward, backward, check)


def init_gru(
    rng: np.random.Generator, input_size: int, hidden_size: int, dtype: Any = np.float64
) -> dict[str, np.ndarray]:
    r"""Parameters for `gru_forward`, drawn as `torch.nn.GRU` draws them: all from :math:`U(\pm 1/\sqrt{H})`.

    Args:
        rng: the generator to draw from.
        input_size: I, at least 1.
        hidden_size: H, at least 1.
        dtype: float32 or float64.

    Returns:
        `weight_ih_l0` (3H, I), `weight_hh_l0` (3H, H), `bias_ih_l0` and `bias_hh_l0` (3H,).

    Raises:
        TypeError: a size that is no integer, or another dtype.
        ValueError: a size below 1.

    Source: chapter 12.
    """
    check_number("input_size", input_size, at_least=1, integer=True)
    H = check_number("hidden_size", hidden_size, at_least=1, integer=True)
    return {name: pytorch_uniform(rng, shape, H, dtype) for name, shape in gru_shapes(input_size, H).items()}


def gru_shapes(I: int, H: int) -> dict[str, tuple[int, ...]]:
    """The parameters' shapes."""
    return {
        "weight_ih_l0": (3 * H, I),
        "weight_hh_l0": (3 * H, H),
        "bias_ih_l0": (3 * H,),
        "bias_hh_l0": (3 * H,),
    }
