r"""The minimal GRU, whose gates do not look at the state: one step as a cell, and its parameters.

Feng et al. (2024), "Were RNNs all we needed?". Derived in chapter 31. All steps at once: `mingru_scan`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._checks import check_choice, check_number, check_params
from ._gates import sigmoid
from .initialisers import pytorch_uniform
from .linear import LinearCache, linear_backward, linear_forward
from .rnn import NONLINEARITIES, Nonlinearity
from .scan import Cell, Params, State, check_state

# Feng et al.'s g: a + 1/2 above zero, the sigmoid below. It is positive everywhere and above 1/2 just where a > 0.
_POSITIVE = Nonlinearity(
    lambda a: np.where(a >= 0, a + 0.5, sigmoid(a)),
    lambda n: np.where(n >= 0.5, 1, n * (1 - n)),
)
CANDIDATES = {"linear": NONLINEARITIES["linear"], "positive": _POSITIVE, "tanh": NONLINEARITIES["tanh"]}


def mingru_cell(nonlinearity: str = "linear", *, z_keeps: bool = False) -> Cell:
    r"""One step of the minimal GRU, for `scan_forward`; its state is (h,), its output h.

    .. math::
        z_t = \sigma(W_{iz} x_t + b_{iz}), \qquad n_t = \phi(W_{in} x_t + b_{in}), \qquad
        h_t = (1 - z_t) \odot h_{t-1} + z_t \odot n_t

    It is a GRU without recurrent weights, without reset gate and without the candidate's tanh. What Feng et al. write
    as :math:`\tilde h_t` is called n here, as in `torch.nn.GRU`. Their z admits the candidate; torch's z keeps the old
    state. To pass from one to the other negate z's rows of weight and bias, or say `z_keeps=True`.

    Args:
        nonlinearity: phi. "linear" (none) is their plain form; "positive" is their g,
            :math:`g(a) = a + \frac12` for :math:`a \ge 0`, else :math:`\sigma(a)`; "tanh" is the GRU's. With g and a
            positive h_0 every state is positive, which their scan needs because it takes logarithms. Ours takes none.
        z_keeps: whether z is the share of the old state, :math:`h_t = z_t \odot h_{t-1} + (1 - z_t) \odot n_t`.

    Returns:
        The cell; its parameters are those of `mingru_forward`.

    Raises:
        ValueError: an unknown nonlinearity, or a `z_keeps` that is neither True nor False.

    Source: Feng et al. (2024); chapter 31.
    """
    check_mingru_options(nonlinearity, z_keeps)

    def forward(x_t: np.ndarray, state: State, params: Params) -> tuple[np.ndarray, State, tuple]:
        (h,) = state
        keep, n, linear = mingru_gates(x_t, params, nonlinearity, z_keeps)
        h_t = keep * h + (1 - keep) * n
        return h_t, (h_t,), (h, keep, n, linear)

    def backward(d_output: np.ndarray, d_state: State, cache: tuple) -> tuple[np.ndarray, State, dict[str, np.ndarray]]:
        h, keep, n, linear = cache
        dh = d_output + d_state[0]
        dx, grads = mingru_gates_backward(dh * (h - n), dh * (1 - keep), keep, n, linear, nonlinearity, z_keeps)
        return dx, (dh * keep,), grads

    def check(x: np.ndarray, state: State, params: Params) -> None:
        check_state(state, ("hidden_size",), x)
        check_params(params, mingru_shapes(x.shape[2], state[0].shape[1]), x)

    return Cell(forward, backward, check)


def init_mingru(
    rng: np.random.Generator, input_size: int, hidden_size: int, dtype: Any = np.float64
) -> dict[str, np.ndarray]:
    r"""Parameters for `mingru_forward`, all from :math:`U(\pm 1/\sqrt{I})`, as `torch.nn.Linear` draws its own.

    Args:
        rng: the generator to draw from.
        input_size: I, at least 1.
        hidden_size: H, at least 1.
        dtype: float32 or float64.

    Returns:
        `weight_ih_l0` (2H, I) and `bias_ih_l0` (2H,), in the order z, n.

    Raises:
        TypeError: a size that is no integer, or another dtype.
        ValueError: a size out of range.

    Source: chapter 31.
    """
    I = check_number("input_size", input_size, at_least=1, integer=True)
    H = check_number("hidden_size", hidden_size, at_least=1, integer=True)
    return {name: pytorch_uniform(rng, shape, I, dtype) for name, shape in mingru_shapes(I, H).items()}


def mingru_gates(
    x: np.ndarray, params: Params, nonlinearity: str, z_keeps: bool
) -> tuple[np.ndarray, np.ndarray, LinearCache]:
    """The share of the old state and the candidate, for one step or for all."""
    a, linear = linear_forward(x, params["weight_ih_l0"], params["bias_ih_l0"])
    a_z, a_n = np.split(a, 2, axis=-1)
    z = sigmoid(a_z)
    n = CANDIDATES[nonlinearity].phi(a_n)
    return z if z_keeps else 1 - z, n, linear


def mingru_gates_backward(
    dkeep: np.ndarray,
    dn: np.ndarray,
    keep: np.ndarray,
    n: np.ndarray,
    linear: LinearCache,
    nonlinearity: str,
    z_keeps: bool,
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    da_n = dn * CANDIDATES[nonlinearity].dphi(n)
    dz = dkeep if z_keeps else -dkeep
    da_z = dz * keep * (1 - keep)
    dx, grads = linear_backward(np.concatenate([da_z, da_n], axis=-1), linear)
    return dx, {"weight_ih_l0": grads["weight"], "bias_ih_l0": grads["bias"]}


def check_mingru_options(nonlinearity: str, z_keeps: bool) -> None:
    check_choice("nonlinearity", nonlinearity, tuple(CANDIDATES))
    check_choice("z_keeps", z_keeps, (True, False))


def mingru_shapes(I: int, H: int) -> dict[str, tuple[int, ...]]:
    return {"weight_ih_l0": (2 * H, I), "bias_ih_l0": (2 * H,)}
