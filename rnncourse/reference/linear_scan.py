r"""The linear recurrence, one step after the other and in about log2 T rounds, forward and backward by hand.

:math:`h_t = a_t \odot h_{t-1} + b_t` is the recurrence whose steps need not wait for each other: two steps in a row are
one step of the same kind, so they can be merged in any grouping. Blelloch (1990); Martin and Cundy (2018). Chapter 31.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .._checks import check_array, check_choice, cotangent


class LinearScanCache(NamedTuple):
    """What `linear_scan_backward` needs; `h[t]` is the state before step t, `h[t + 1]` the one after."""

    a: np.ndarray
    h: np.ndarray
    method: str


def linear_scan_forward(
    a: np.ndarray, b: np.ndarray, h_0: np.ndarray, *, method: str = "parallel"
) -> tuple[np.ndarray, np.ndarray, LinearScanCache]:
    r"""Run the linear recurrence over a batch of sequences, each unit by itself.

    .. math::
        h_t = a_t \odot h_{t-1} + b_t

    Step s followed by step t takes h to :math:`a_t (a_s h + b_s) + b_t`. That is again a step, with coefficients

    .. math::
        (a_t, b_t) \circ (a_s, b_s) = (a_t a_s,\; a_t b_s + b_t).

    "parallel" lets every step merge with what ends right before it, all at once; after k rounds an entry covers
    :math:`2^k` steps, so :math:`\lceil \log_2 T \rceil` rounds are enough (Hillis and Steele, 1986). That is more
    arithmetic than the loop does, T log2 T against T, in far fewer rounds; Blelloch's tree needs about 2T in 2 log2 T
    rounds. "sequential" is the loop.

    Nothing is divided by a product of many a's, nor is a logarithm taken: such a product underflows to zero in long
    sequences, which does no harm here, and a may be zero or negative. As long as :math:`|a| \le 1` no product can
    overflow. Rounding errors: with a = 1 those of log2 T additions in a row, where the loop has T. With
    :math:`|a| < 1` the loop forgets its errors as it forgets its inputs, and is often the more exact.

    Args:
        a: coefficients, of shape (T, B, H).
        b: inputs, of shape (T, B, H). For a sequence that ends earlier, let a = 1 and b = 0 after its end.
        h_0: state before the first step, of shape (B, H).
        method: "parallel" or "sequential".

    Returns:
        `output`, of shape (T, B, H): h_1 … h_T (read-only); `h_n`, of shape (B, H): the last; `cache` for
        `linear_scan_backward`. It holds no copy of a: do not change it before the backward pass.

    Raises:
        TypeError: an argument of another type, or arrays of different dtypes.
        ValueError: a wrong shape, NaN or infinity, an unknown method.

    Source: Martin and Cundy (2018); Blelloch (1990); chapter 31.

    >>> a, b = np.full((4, 1, 1), 0.5), np.ones((4, 1, 1))
    >>> linear_scan_forward(a, b, np.zeros((1, 1)))[0].ravel()
    array([1.   , 1.5  , 1.75 , 1.875])
    """
    check_array("a", a, ("T", "B", "hidden_size"))
    T, B, H = a.shape
    if T == 0 or B == 0:
        raise ValueError(f"a must have T >= 1 and B >= 1, got shape {a.shape}")
    check_array("b", b, (T, B, H), like=a)
    check_array("h_0", h_0, (B, H), like=a)
    check_choice("method", method, tuple(_METHODS))

    h = np.concatenate([h_0[None], _METHODS[method](a, b, h_0)])
    h.flags.writeable = False
    return h[1:], h[T], LinearScanCache(a, h, method)


def linear_scan_backward(
    d_output: np.ndarray | None, d_h_n: np.ndarray | None, cache: LinearScanCache
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    r"""Backward pass of `linear_scan_forward`: the same recurrence, run from the last step to the first.

    h_t reaches the loss as an output and through :math:`h_{t+1} = a_{t+1} h_t + b_{t+1}`. So its total derivative is

    .. math::
        dh_t = a_{t+1} \odot dh_{t+1} + d\mathrm{output}_t, \qquad dh_T = d\mathrm{output}_T + d\mathrm{h\_n},

    which is a linear recurrence with the coefficients one step later and the outputs' derivatives as inputs: the same
    function computes it, over arrays turned round in time, in as few rounds. What is left needs no recurrence:

    .. math::
        db_t = dh_t, \qquad da_t = dh_t \odot h_{t-1}, \qquad dh_0 = a_1 \odot dh_1

    Args:
        d_output: the loss's derivative by `output`, of shape (T, B, H). None: zero.
        d_h_n: the loss's derivative by `h_n`, of shape (B, H), in addition to what comes through `output`.
            None: zero.
        cache: what `linear_scan_forward` returned.

    Returns:
        `da` and `db`, of shape (T, B, H); `dh_0` of shape (B, H).

    Raises:
        TypeError: an argument of another type, or another dtype than the forward pass had.
        ValueError: a wrong shape, NaN or infinity.

    Source: Martin and Cundy (2018); chapter 31.
    """
    a, h, method = cache
    d_output = cotangent("d_output", d_output, a.shape, a)
    d_h_n = cotangent("d_h_n", d_h_n, a.shape[1:], a)

    # Step T has nothing after it: a coefficient of one lets d_h_n in.
    a_next = np.concatenate([a[1:], np.ones_like(a[:1])])
    dh = _METHODS[method](a_next[::-1], d_output[::-1], d_h_n)[::-1]
    return dh * h[:-1], dh, a[0] * dh[0]


def _sequential(a: np.ndarray, b: np.ndarray, h_0: np.ndarray) -> np.ndarray:
    h, h_t = np.empty_like(b), h_0
    for t in range(len(b)):
        h_t = a[t] * h_t + b[t]
        h[t] = h_t
    return h


def _parallel(a: np.ndarray, b: np.ndarray, h_0: np.ndarray) -> np.ndarray:
    a, h = a.copy(), b.copy()
    h[0] += a[0] * h_0  # from here on h_0 is part of the first input
    span = 1  # entry t covers the steps t - span + 1 … t, as far as they exist
    while span < len(h):
        h[span:] = a[span:] * h[:-span] + h[span:]
        a[span:] = a[span:] * a[:-span]
        span *= 2
    return h


_METHODS = {"parallel": _parallel, "sequential": _sequential}
