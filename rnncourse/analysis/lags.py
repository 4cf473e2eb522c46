"""How much of a gradient reaches what lies k steps back. Chapter 08."""

from __future__ import annotations

import numpy as np

from .._checks import check_array
from ..reference.rnn import NONLINEARITIES, Params, RNNCache
from ..reference.stacked import stacked_rnn_backward, stacked_rnn_forward
from .jacobians import _check_cache


def gradient_by_lag(cache: RNNCache, d_h_n: np.ndarray) -> np.ndarray:
    r"""The size of the loss's gradient by the state k steps before the last, when the loss reads the last state alone.

    .. math::
        \frac{\mathrm{d} L}{\mathrm{d} h_{T-k}} = J_{T-k+1}^\top \cdots J_T^\top\, \frac{\mathrm{d} L}{\mathrm{d} h_T}

    Args:
        cache: what `rnn_forward` returned, for sequences of equal length.
        d_h_n: dL/dh_T, of shape (B, H).

    Returns:
        Euclidean norms, of shape (T + 1, B); row k belongs to lag k, row 0 is the norm of `d_h_n`.

    Raises:
        TypeError: not a cache of `rnn_forward`, or `d_h_n` of another type or dtype.
        ValueError: a wrong shape, NaN or infinity; a cache of sequences with `lengths`.

    Source: Bengio, Simard and Frasconi (1994); chapter 08.
    """
    _check_cache(cache)
    if cache.mask is not None:
        raise ValueError("cache must come from sequences of equal length: call rnn_forward without lengths")
    T, B, H = cache.h[1:].shape
    check_array("d_h_n", d_h_n, (B, H), like=cache.x)
    W_hh = cache.params["weight_hh_l0"]
    dphi = NONLINEARITIES[cache.nonlinearity].dphi(cache.h[1:])
    dh = d_h_n
    norms = np.empty((T + 1, B), cache.x.dtype)
    norms[0] = np.linalg.norm(dh, axis=1)
    for k in range(1, T + 1):
        dh = (dh * dphi[T - k]) @ W_hh
        norms[k] = np.linalg.norm(dh, axis=1)
    return norms


def input_gradient_by_lag(
    x: np.ndarray, h_0: np.ndarray, params: Params, d_output_last: np.ndarray, *, nonlinearity: str = "tanh"
) -> np.ndarray:
    r"""The size of the loss's gradient by the input k steps before the last, for a stack of any depth.

    The loss reads the top layer's last output alone. This is the credit that an early input gets, and what training has
    to learn a long-range dependency from.

    Args:
        x: inputs, of shape (T, B, I).
        h_0: each layer's first state, of shape (L, B, H).
        params: of `stacked_rnn_forward`.
        d_output_last: the loss's derivative by the top layer's last output, of shape (B, H).
        nonlinearity: phi: "tanh", "relu", "sigmoid" or "linear".

    Returns:
        Euclidean norms of dL/dx_{T-k}, of shape (T, B); row k belongs to lag k, row 0 to the last input.

    Raises:
        TypeError: an argument of another type, or arrays of different dtypes.
        ValueError: a wrong shape, NaN or infinity.

    Source: chapter 08.
    """
    output, _, cache = stacked_rnn_forward(x, h_0, params, nonlinearity=nonlinearity)
    check_array("d_output_last", d_output_last, output.shape[1:], like=x)
    d_output = np.zeros_like(output)
    d_output[-1] = d_output_last
    dx, _, _ = stacked_rnn_backward(d_output, None, cache)
    return np.linalg.norm(dx[::-1], axis=2)
