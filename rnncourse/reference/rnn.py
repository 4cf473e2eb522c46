r"""The Elman recurrent network, forward and backward by hand.

Elman (1990), "Finding structure in time"; derived in chapters 02 (forward) and 03 (backward).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .._checks import check_array, check_choice, check_params, check_sequence, cotangent
from ._gates import sigmoid
from .masks import length_mask
from .scan import Cell, Params, State, check_state


class Nonlinearity(NamedTuple):
    """phi, and its derivative written in terms of phi's own value h = phi(a)."""

    phi: Callable[[np.ndarray], np.ndarray]
    dphi: Callable[[np.ndarray], np.ndarray]


_NAMES = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")

NONLINEARITIES = {
    "tanh": Nonlinearity(np.tanh, lambda h: 1 - h * h),
    "relu": Nonlinearity(lambda a: np.maximum(a, 0), lambda h: (h > 0).astype(h.dtype)),
    "sigmoid": Nonlinearity(sigmoid, lambda h: h * (1 - h)),
    "linear": Nonlinearity(lambda a: a, np.ones_like),
}


class RNNCache(NamedTuple):
    """What `rnn_backward` needs from `rnn_forward`; `h[t]` is the state before step t, `h[t + 1]` the one after."""

    x: np.ndarray
    h: np.ndarray
    params: Params
    nonlinearity: str
    mask: np.ndarray | None


def rnn_forward(
    x: np.ndarray,
    h_0: np.ndarray,
    params: Params,
    *,
    nonlinearity: str = "tanh",
    lengths: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, RNNCache]:
    r"""Run an Elman network over a batch of sequences.

    .. math::
        a_t = W_{ih} x_t + b_{ih} + W_{hh} h_{t-1} + b_{hh}, \qquad h_t = \phi(a_t)

    Conventions, names and shapes are those of `torch.nn.RNN` with `batch_first=False` and one layer.

    Args:
        x: inputs, of shape (T, B, I).
        h_0: state before the first step, of shape (B, H).
        params: `weight_ih_l0` of shape (H, I), `weight_hh_l0` of shape (H, H), `bias_ih_l0` and `bias_hh_l0` of
            shape (H,).
        nonlinearity: phi: "tanh", "relu", "sigmoid" or "linear" (none).
        lengths: integers of shape (B,), each in 1 … T: how many steps each sequence has. After its end a
            sequence's output is zero and its state stays as it was. None: all have T steps.

    Returns:
        `output`, of shape (T, B, H): h_1 … h_T (read-only, since the backward pass needs it);
        `h_n`, of shape (B, H): each sequence's last state; `cache` for `rnn_backward`. It holds no copies: change
        neither x nor params before the backward pass.

    Raises:
        TypeError: an argument of another type, or arrays of different dtypes.
        ValueError: a wrong shape, a length out of range, NaN or infinity, an unknown nonlinearity.

    Source: Elman (1990); chapter 02.

    >>> rng = np.random.default_rng(0)
    >>> params = {"weight_ih_l0": rng.normal(size=(3, 2)), "weight_hh_l0": rng.normal(size=(3, 3)),
    ...           "bias_ih_l0": np.zeros(3), "bias_hh_l0": np.zeros(3)}
    >>> output, h_n, cache = rnn_forward(rng.normal(size=(5, 4, 2)), np.zeros((4, 3)), params)
    >>> output.shape, h_n.shape
    ((5, 4, 3), (4, 3))
    """
    check_sequence(x)
    T, B, I = x.shape
    check_array("h_0", h_0, (B, "hidden_size"), like=x)
    H = h_0.shape[1]
    check_params(params, _shapes(I, H), x)
    check_choice("nonlinearity", nonlinearity, tuple(NONLINEARITIES))
    mask = None if lengths is None else length_mask(lengths, T, B)

    W_ih, W_hh = params["weight_ih_l0"], params["weight_hh_l0"]
    b = params["bias_ih_l0"] + params["bias_hh_l0"]
    phi = NONLINEARITIES[nonlinearity].phi

    # The inputs' part of a_t needs no state: one product serves all steps.
    Wx = (x.reshape(T * B, I) @ W_ih.T + b).reshape(T, B, H)
    h = np.empty((T + 1, B, H), x.dtype)
    h[0] = h_0
    for t in range(T):
        a_t = Wx[t] + h[t] @ W_hh.T
        h[t + 1] = phi(a_t)
        if mask is not None:
            h[t + 1] = np.where(mask[t], h[t + 1], h[t])

    h.flags.writeable = False
    output = h[1:] if mask is None else h[1:] * mask
    return output, h[T], RNNCache(x, h, params, nonlinearity, mask)


def rnn_backward(
    d_output: np.ndarray | None, d_h_n: np.ndarray | None, cache: RNNCache
) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    r"""Backpropagation through time for `rnn_forward`.

    With dv short for the loss's total derivative by v, from t = T down to 1, starting at dh_T = d_h_n:

    .. math::
        dh_t &\mathrel{+}= d\mathrm{output}_t, \qquad da_t = dh_t \odot \phi'(a_t), \qquad
        dh_{t-1} = W_{hh}^\top da_t \\
        dW_{hh} &= \sum_t da_t h_{t-1}^\top, \quad dW_{ih} = \sum_t da_t x_t^\top, \quad
        db_{ih} = db_{hh} = \sum_t da_t, \quad dx_t = W_{ih}^\top da_t

    Args:
        d_output: the loss's derivative by `output`, of shape (T, B, H). None: zero.
        d_h_n: the loss's derivative by `h_n`, of shape (B, H), in addition to what comes through `output`.
            None: zero.
        cache: what `rnn_forward` returned.

    Returns:
        `dx` of shape (T, B, I); `dh_0` of shape (B, H); `grads`, the gradients under the keys of `params`.

    Raises:
        TypeError: an argument of another type, or another dtype than the forward pass had.
        ValueError: a wrong shape, NaN or infinity.

    Source: Werbos (1990); chapter 03.
    """
    x, h, params, nonlinearity, mask = cache
    T, B, I = x.shape
    H = h.shape[2]
    d_output = cotangent("d_output", d_output, (T, B, H), x)
    dh = cotangent("d_h_n", d_h_n, (B, H), x)

    W_ih, W_hh = params["weight_ih_l0"], params["weight_hh_l0"]
    dphi = NONLINEARITIES[nonlinearity].dphi(h[1:])
    if mask is not None:
        dphi = dphi * mask
        d_output = d_output * mask

    da = np.empty((T, B, H), x.dtype)
    for t in reversed(range(T)):
        dh = dh + d_output[t]
        da[t] = dh * dphi[t]
        dh_previous = da[t] @ W_hh
        if mask is not None:  # a sequence that has ended hands dh on unchanged
            dh_previous = np.where(mask[t], dh_previous, dh)
        dh = dh_previous

    # Sums over time and batch: one product each, after the loop.
    da = da.reshape(T * B, H)
    db = da.sum(0)
    grads = {
        "weight_ih_l0": da.T @ x.reshape(T * B, I),
        "weight_hh_l0": da.T @ h[:-1].reshape(T * B, H),
        "bias_ih_l0": db,
        "bias_hh_l0": db.copy(),
    }
    return (da @ W_ih).reshape(T, B, I), dh, grads


def rnn_cell(nonlinearity: str = "tanh") -> Cell:
    r"""One step of the Elman network, for `scan_forward`; its state is (h,).

    .. math:: h_t = \phi(W_{ih} x_t + b_{ih} + W_{hh} h_{t-1} + b_{hh})

    Args:
        nonlinearity: phi: "tanh", "relu", "sigmoid" or "linear" (none).

    Returns:
        The cell; its parameters are those of `rnn_forward`.

    Raises:
        ValueError: an unknown nonlinearity.

    Source: Elman (1990); chapter 02.
    """
    check_choice("nonlinearity", nonlinearity, tuple(NONLINEARITIES))
    phi, dphi = NONLINEARITIES[nonlinearity]

    def forward(x_t: np.ndarray, state: State, params: Params) -> tuple[np.ndarray, State, tuple]:
        (h,) = state
        a_t = (
            x_t @ params["weight_ih_l0"].T + params["bias_ih_l0"] + h @ params["weight_hh_l0"].T + params["bias_hh_l0"]
        )
        h_t = phi(a_t)
        return h_t, (h_t,), (x_t, h, h_t, params)

    def backward(d_output: np.ndarray, d_state: State, cache: tuple) -> tuple[np.ndarray, State, dict[str, np.ndarray]]:
        x_t, h, h_t, params = cache
        da = (d_output + d_state[0]) * dphi(h_t)
        db = da.sum(0)
        grads = {"weight_ih_l0": da.T @ x_t, "weight_hh_l0": da.T @ h, "bias_ih_l0": db, "bias_hh_l0": db}
        return da @ params["weight_ih_l0"], (da @ params["weight_hh_l0"],), grads

    def check(x: np.ndarray, state: State, params: Params) -> None:
        check_state(state, ("hidden_size",), x)
        check_params(params, _shapes(x.shape[2], state[0].shape[1]), x)

    return Cell(forward, backward, check)


def _shapes(I: int, H: int) -> dict[str, tuple[int, ...]]:
    return dict(zip(_NAMES, ((H, I), (H, H), (H,), (H,)), strict=True))
