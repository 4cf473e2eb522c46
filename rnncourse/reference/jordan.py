r"""Jordan's network, which hears its own outputs instead of its states; one step of it with its derivative by hand.

Jordan (1986). Chapter 02 says what it can and cannot remember.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .._checks import check_array, check_choice, check_number, check_params
from .initialisers import pytorch_uniform
from .rnn import NONLINEARITIES
from .scan import Cell, Params, State, check_state


def jordan_cell(nonlinearity: str = "tanh", *, output_nonlinearity: str = "linear") -> Cell:
    r"""One step of Jordan's network, for `scan_forward`; its state is (y,), its last output.

    .. math::
        h_t = \phi(W_{ih} x_t + W_{yh} y_{t-1} + b_h), \qquad y_t = \psi(W_{hy} h_t + b_y)

    The readout is inside the loop. The cell's output is :math:`y_t`, of O numbers, where other cells' is h, of H.
    What the network says is fed back, not what it should have said. In chapter 02 psi is linear, :math:`b_y = 0`, and
    y is called z. Jordan's own network keeps a fading trace of older outputs besides; here the last one is all.

    Args:
        nonlinearity: phi: "tanh", "relu", "sigmoid" or "linear" (none).
        output_nonlinearity: psi, one of the same.

    Returns:
        The cell; its parameters are `weight_ih_l0` of shape (H, I), `weight_yh_l0` of shape (H, O), `bias_h_l0` of
        shape (H,), `weight_hy_l0` of shape (O, H) and `bias_y_l0` of shape (O,).

    Raises:
        ValueError: an unknown nonlinearity.

    Source: Jordan (1986); chapter 02.

    >>> from rnncourse.reference.scan import scan_forward
    >>> params = init_jordan(np.random.default_rng(0), input_size=2, hidden_size=3, output_size=1)
    >>> output, (y,), _ = scan_forward(jordan_cell(), np.ones((5, 4, 2)), (np.zeros((4, 1)),), params)
    >>> output.shape, y.shape
    ((5, 4, 1), (4, 1))
    """
    check_choice("nonlinearity", nonlinearity, tuple(NONLINEARITIES))
    check_choice("output_nonlinearity", output_nonlinearity, tuple(NONLINEARITIES))
    phi, dphi = NONLINEARITIES[nonlinearity]
    psi, dpsi = NONLINEARITIES[output_nonlinearity]

    def forward(x_t: np.ndarray, state: State, params: Params) -> tuple[np.ndarray, State, tuple]:
        (y,) = state
        h_t = phi(x_t @ params["weight_ih_l0"].T + y @ params["weight_yh_l0"].T + params["bias_h_l0"])
        y_t = psi(h_t @ params["weight_hy_l0"].T + params["bias_y_l0"])
        return y_t, (y_t,), (x_t, y, h_t, y_t, params)

    def backward(d_output: np.ndarray, d_state: State, cache: tuple) -> tuple[np.ndarray, State, dict[str, np.ndarray]]:
        x_t, y, h_t, y_t, params = cache
        da_y = (d_output + d_state[0]) * dpsi(y_t)
        da_h = (da_y @ params["weight_hy_l0"]) * dphi(h_t)
        grads = {
            "weight_hy_l0": da_y.T @ h_t,
            "bias_y_l0": da_y.sum(0),
            "weight_ih_l0": da_h.T @ x_t,
            "weight_yh_l0": da_h.T @ y,
            "bias_h_l0": da_h.sum(0),
        }
        return da_h @ params["weight_ih_l0"], (da_h @ params["weight_yh_l0"],), grads

    def check(x: np.ndarray, state: State, params: Params) -> None:
        check_state(state, ("output_size",), x)
        I, O, H = x.shape[2], state[0].shape[1], "hidden_size"
        if isinstance(params, Mapping) and "weight_ih_l0" in params:  # neither x nor the state knows H
            H = check_array("params['weight_ih_l0']", params["weight_ih_l0"], (H, I), like=x).shape[0]
        check_params(params, _shapes(I, H, O), x)

    return Cell(forward, backward, check)


def init_jordan(
    rng: np.random.Generator, input_size: int, hidden_size: int, output_size: int, dtype: Any = np.float64
) -> dict[str, np.ndarray]:
    r"""Parameters for `jordan_cell`, all from :math:`U(\pm 1/\sqrt{H})`, as `torch.nn.RNN` draws its own.

    Args:
        rng: the generator to draw from.
        input_size: I, at least 1.
        hidden_size: H, at least 1.
        output_size: O, at least 1.
        dtype: float32 or float64.

    Returns:
        `weight_ih_l0` (H, I), `weight_yh_l0` (H, O), `bias_h_l0` (H,), `weight_hy_l0` (O, H) and `bias_y_l0` (O,).

    Raises:
        TypeError: a size that is no integer, or another dtype.
        ValueError: a size out of range.

    Source: chapter 02.
    """
    check_number("input_size", input_size, at_least=1, integer=True)
    H = check_number("hidden_size", hidden_size, at_least=1, integer=True)
    check_number("output_size", output_size, at_least=1, integer=True)
    shapes = _shapes(input_size, H, output_size)
    return {name: pytorch_uniform(rng, shape, H, dtype) for name, shape in shapes.items()}


def _shapes(I: int, H: int | str, O: int) -> dict[str, tuple[int | str, ...]]:
    return {
        "weight_ih_l0": (H, I),
        "weight_yh_l0": (H, O),
        "bias_h_l0": (H,),
        "weight_hy_l0": (O, H),
        "bias_y_l0": (O,),
    }
