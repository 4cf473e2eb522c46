r"""The minimal GRU, whose gates do not look at the state: one step as a cell, and all steps by a parallel scan.

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
    _check_options(nonlinearity, z_keeps)

    def forward(x_t: np.ndarray, state: State, params: Params) -> tuple[np.ndarray, State, tuple]:
        (h,) = state
        keep, n, linear = _gates(x_t, params, nonlinearity, z_keeps)
        h_t = keep * h + (1 - keep) * n
        return h_t, (h_t,), (h, keep, n, linear)

    def backward(d_output: np.ndarray, d_state: State, cache: tuple) -> tuple[np.ndarray, State, dict[str, np.ndarray]]:
        h, keep, n, linear = cache
        dh = d_output + d_state[0]
        dx, grads = _gates_backward(dh * (h - n), dh * (1 - keep), keep, n, linear, nonlinearity, z_keeps)
        return dx, (dh * keep,), grads

    def check(x: np.ndarray, state: State, params: Params) -> None:
        check_state(state, ("hidden_size",), x)
        check_params(params, _shapes(x.shape[2], state[0].shape[1]), x)

    return Cell(forward, backward, check)


class MinGRUCache(NamedTuple):
    """What `mingru_backward` needs; `keep` is the share of the old state."""

    keep: np.ndarray
    n: np.ndarray
    linear: LinearCache
    scan: LinearScanCache
    nonlinearity: str
    z_keeps: bool
    mask: np.ndarray | None


def mingru_forward(
    x: np.ndarray,
    h_0: np.ndarray,
    params: Params,
    *,
    nonlinearity: str = "linear",
    z_keeps: bool = False,
    lengths: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, MinGRUCache]:
    r"""Run the minimal GRU over a batch of sequences: `mingru_cell` under the scan, but all steps at once.

    No gate waits for a state, so one product gives the gates of all steps. What is left is a linear recurrence, which
    `linear_scan_forward` computes in about log2 T rounds:

    .. math::
        h_t = a_t \odot h_{t-1} + b_t, \qquad a_t = 1 - z_t, \qquad b_t = z_t \odot n_t

    Args:
        x: inputs, of shape (T, B, I).
        h_0: state before the first step, of shape (B, H).
        params: `weight_ih_l0` of shape (2H, I) and `bias_ih_l0` of shape (2H,), in the order z, n.
        nonlinearity: "linear", "positive" or "tanh", as for `mingru_cell`.
        z_keeps: whether z is the share of the old state, as for `mingru_cell`.
        lengths: integers of shape (B,), each in 1 … T: how many steps each sequence has. After its end a
            sequence's output is zero and its state stays as it was. None: all have T steps.

    Returns:
        `output`, of shape (T, B, H): h_1 … h_T; `h_n`, of shape (B, H): each sequence's last state; `cache` for
        `mingru_backward`.

    Raises:
        TypeError: an argument of another type, or arrays of different dtypes.
        ValueError: a wrong shape, a length out of range, NaN or infinity, an unknown option.

    Source: Feng et al. (2024); chapter 31.

    >>> params = init_mingru(np.random.default_rng(0), input_size=2, hidden_size=3)
    >>> output, h_n, cache = mingru_forward(np.ones((5, 4, 2)), np.zeros((4, 3)), params)
    >>> output.shape, h_n.shape
    ((5, 4, 3), (4, 3))
    """
    check_sequence(x)
    T, B, I = x.shape
    check_array("h_0", h_0, (B, "hidden_size"), like=x)
    check_params(params, _shapes(I, h_0.shape[1]), x)
    _check_options(nonlinearity, z_keeps)
    mask = None if lengths is None else length_mask(lengths, T, B)

    keep, n, linear = _gates(x, params, nonlinearity, z_keeps)
    if mask is not None:  # a sequence that has ended keeps its state whole
        keep = np.where(mask, keep, 1)
    output, h_n, scan = linear_scan_forward(keep, (1 - keep) * n, h_0)
    if mask is not None:
        output = output * mask
    return output, h_n, MinGRUCache(keep, n, linear, scan, nonlinearity, z_keeps, mask)


def mingru_backward(
    d_output: np.ndarray | None, d_h_n: np.ndarray | None, cache: MinGRUCache
) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    r"""Backward pass of `mingru_forward`: the scan's own, which is a scan from the end, then one product.

    .. math::
        dn_t = db_t \odot z_t, \qquad dz_t = db_t \odot n_t - da_t

    Args:
        d_output: the loss's derivative by `output`, of shape (T, B, H). None: zero.
        d_h_n: the loss's derivative by `h_n`, of shape (B, H), in addition to what comes through `output`.
            None: zero.
        cache: what `mingru_forward` returned.

    Returns:
        `dx` of shape (T, B, I); `dh_0` of shape (B, H); `grads`, the gradients under the keys of `params`.

    Raises:
        TypeError: an argument of another type, or another dtype than the forward pass had.
        ValueError: a wrong shape, NaN or infinity.

    Source: Feng et al. (2024); chapter 31.
    """
    keep, n, linear, scan, nonlinearity, z_keeps, mask = cache
    if d_output is not None and mask is not None:
        d_output = check_array("d_output", d_output, n.shape, like=n) * mask
    da, db, dh_0 = linear_scan_backward(d_output, d_h_n, scan)
    # Where a sequence has ended keep is 1: the factors 1 - keep stop whatever would flow into its gates.
    dx, grads = _gates_backward(da - db * n, db * (1 - keep), keep, n, linear, nonlinearity, z_keeps)
    return dx, dh_0, grads


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
    return {name: pytorch_uniform(rng, shape, I, dtype) for name, shape in _shapes(I, H).items()}


def _gates(
    x: np.ndarray, params: Params, nonlinearity: str, z_keeps: bool
) -> tuple[np.ndarray, np.ndarray, LinearCache]:
    """The share of the old state and the candidate, for one step or for all."""
    a, linear = linear_forward(x, params["weight_ih_l0"], params["bias_ih_l0"])
    a_z, a_n = np.split(a, 2, axis=-1)
    z = sigmoid(a_z)
    n = CANDIDATES[nonlinearity].phi(a_n)
    return z if z_keeps else 1 - z, n, linear


def _gates_backward(
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


def _check_options(nonlinearity: str, z_keeps: bool) -> None:
    check_choice("nonlinearity", nonlinearity, tuple(CANDIDATES))
    check_choice("z_keeps", z_keeps, (True, False))


def _shapes(I: int, H: int) -> dict[str, tuple[int, ...]]:
    return {"weight_ih_l0": (2 * H, I), "bias_ih_l0": (2 * H,)}
