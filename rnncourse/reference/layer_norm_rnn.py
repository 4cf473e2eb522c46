r"""The Elman network with layer normalisation inside, one step of it with its derivative by hand.

Ba, Kiros and Hinton (2016), "Layer normalization". Derived in chapter 17.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .._checks import check_choice, check_number, check_params
from .initialisers import pytorch_uniform
from .layer_norm import layer_norm_backward, layer_norm_forward
from .rnn import NONLINEARITIES
from .scan import Cell, Params, State, check_state

Shapes = dict[str, tuple[int, ...]]


def layer_norm_rnn_cell(nonlinearity: str = "tanh", *, eps: float = 1e-5) -> Cell:
    r"""One step of the Elman network with layer normalisation, for `scan_forward`; its state is (h,), its output h.

    .. math::
        a_t = W_{ih} x_t + W_{hh} h_{t-1}, \qquad h_t = \phi(\mathrm{LN}(a_t; w, b))

    The sum is normalised over its H units, so that weights which are all larger by one factor neither blow the state up
    nor saturate phi. There is no bias but LN's own.

    Args:
        nonlinearity: phi: "tanh", "relu", "sigmoid" or "linear" (none).
        eps: epsilon of the normalisation, above 0.

    Returns:
        The cell; its parameters are `weight_ih_l0` of shape (H, I), `weight_hh_l0` of shape (H, H), `weight_ln_l0` (w)
        and `bias_ln_l0` (b) of shape (H,).

    Raises:
        TypeError: an eps that is no number.
        ValueError: an unknown nonlinearity, or eps not above 0.

    Source: Ba et al. (2016), equation 4; chapter 17.
    """
    check_choice("nonlinearity", nonlinearity, tuple(NONLINEARITIES))
    check_number("eps", eps, above=0)
    phi, dphi = NONLINEARITIES[nonlinearity]

    def forward(x_t: np.ndarray, state: State, params: Params) -> tuple[np.ndarray, State, tuple]:
        (h,) = state
        a_t = x_t @ params["weight_ih_l0"].T + h @ params["weight_hh_l0"].T
        y_t, ln = layer_norm_forward(a_t, params["weight_ln_l0"], params["bias_ln_l0"], eps)
        h_t = phi(y_t)
        return h_t, (h_t,), (x_t, h, h_t, ln, params)

    def backward(d_output: np.ndarray, d_state: State, cache: tuple) -> tuple[np.ndarray, State, dict[str, np.ndarray]]:
        x_t, h, h_t, ln, params = cache
        dy = (d_output + d_state[0]) * dphi(h_t)
        da, d_ln = layer_norm_backward(dy, ln)
        grads = {"weight_ih_l0": da.T @ x_t, "weight_hh_l0": da.T @ h, **norm_grads(d_ln, "ln")}
        return da @ params["weight_ih_l0"], (da @ params["weight_hh_l0"],), grads

    def check(x: np.ndarray, state: State, params: Params) -> None:
        check_state(state, ("hidden_size",), x)
        check_params(params, _shapes(x.shape[2], state[0].shape[1]), x)

    return Cell(forward, backward, check)


def init_layer_norm_rnn(
    rng: np.random.Generator, input_size: int, hidden_size: int, dtype: Any = np.float64
) -> dict[str, np.ndarray]:
    r"""Parameters for `layer_norm_rnn_cell`.

    Matrices from :math:`U(\pm 1/\sqrt{H})`; the normalisation's weight 1, its bias 0.

    Args:
        rng: the generator to draw from.
        input_size: I, at least 1.
        hidden_size: H, at least 1.
        dtype: float32 or float64.

    Returns:
        `weight_ih_l0` (H, I), `weight_hh_l0` (H, H), `weight_ln_l0` and `bias_ln_l0` (H,).

    Raises:
        TypeError: a size that is no integer, or another dtype.
        ValueError: a size out of range.

    Source: Ba et al. (2016); chapter 17.
    """
    return init_normalised(rng, input_size, hidden_size, dtype, _shapes)


def init_normalised(
    rng: np.random.Generator, input_size: int, hidden_size: int, dtype: Any, shapes: Callable[[int, int], Shapes]
) -> dict[str, np.ndarray]:
    """Parameters of a cell with normalisations: `shapes(I, H)` says which; those named `…_ln_…` start at 1 and 0."""
    check_number("input_size", input_size, at_least=1, integer=True)
    H = check_number("hidden_size", hidden_size, at_least=1, integer=True)
    params = {name: pytorch_uniform(rng, shape, H, dtype) for name, shape in shapes(input_size, H).items()}
    for name, array in params.items():
        if "_ln_" in name:
            array[:] = 1 if name.startswith("weight") else 0
    return params


def norm_grads(grads: dict[str, np.ndarray], part: str) -> dict[str, np.ndarray]:
    """The gradients of a normalisation, `weight` and `bias`, under the names that they have in a cell's parameters."""
    return {f"{name}_{part}_l0": grad for name, grad in grads.items()}


def _shapes(I: int, H: int) -> Shapes:
    return {"weight_ih_l0": (H, I), "weight_hh_l0": (H, H), "weight_ln_l0": (H,), "bias_ln_l0": (H,)}
