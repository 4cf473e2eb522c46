r"""The minimal LSTM over whole sequences: no gate waits for a state, so all steps are computed at once by a scan.

Feng et al. (2024). Derived in chapter 31. One step, and its parameters: `minlstm`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .._checks import check_array, check_choice, check_params, check_sequence
from .linear_scan import LinearScanCache, linear_scan_backward, linear_scan_forward
from .masks import length_mask
from .mingru import CANDIDATES
from .minlstm import MinLSTMGates, minlstm_gates, minlstm_gates_backward, minlstm_shapes
from .scan import Params


class MinLSTMCache(NamedTuple):
    """What `minlstm_backward` needs."""

    gates: MinLSTMGates
    scan: LinearScanCache
    nonlinearity: str
    mask: np.ndarray | None


def minlstm_forward(
    x: np.ndarray,
    h_0: np.ndarray,
    params: Params,
    *,
    nonlinearity: str = "linear",
    lengths: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, MinLSTMCache]:
    r"""Run the minimal LSTM over a batch of sequences: `minlstm_cell` under the scan, but all steps at once.

    As for `mingru_forward`, one product gives all gates and `linear_scan_forward` does the rest:

    .. math::
        h_t = a_t \odot h_{t-1} + b_t, \qquad a_t = f'_t, \qquad b_t = i'_t \odot g_t

    Args:
        x: inputs, of shape (T, B, I).
        h_0: state before the first step, of shape (B, H).
        params: `weight_ih_l0` of shape (3H, I) and `bias_ih_l0` of shape (3H,), in the order i, f, g.
        nonlinearity: "linear", "positive" or "tanh", as for `minlstm_cell`.
        lengths: integers of shape (B,), each in 1 … T: how many steps each sequence has. After its end a
            sequence's output is zero and its state stays as it was. None: all have T steps.

    Returns:
        `output`, of shape (T, B, H): h_1 … h_T; `h_n`, of shape (B, H): each sequence's last state; `cache` for
        `minlstm_backward`.

    Raises:
        TypeError: an argument of another type, or arrays of different dtypes.
        ValueError: a wrong shape, a length out of range, NaN or infinity, an unknown nonlinearity.

    Source: Feng et al. (2024); chapter 31.

    >>> from rnncourse.reference import init_minlstm
    >>> params = init_minlstm(np.random.default_rng(0), input_size=2, hidden_size=3)
    >>> output, h_n, cache = minlstm_forward(np.ones((5, 4, 2)), np.zeros((4, 3)), params)
    >>> output.shape, h_n.shape
    ((5, 4, 3), (4, 3))
    """
    check_sequence(x)
    T, B, I = x.shape
    check_array("h_0", h_0, (B, "hidden_size"), like=x)
    check_params(params, minlstm_shapes(I, h_0.shape[1]), x)
    check_choice("nonlinearity", nonlinearity, tuple(CANDIDATES))
    mask = None if lengths is None else length_mask(lengths, T, B)

    gates = minlstm_gates(x, params, nonlinearity)
    if mask is not None:  # a sequence that has ended keeps its state whole
        gates = gates._replace(f=np.where(mask, gates.f, 1), i=gates.i * mask)
    output, h_n, scan = linear_scan_forward(gates.f, gates.i * gates.g, h_0)
    if mask is not None:
        output = output * mask
    return output, h_n, MinLSTMCache(gates, scan, nonlinearity, mask)


def minlstm_backward(
    d_output: np.ndarray | None, d_h_n: np.ndarray | None, cache: MinLSTMCache
) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    r"""Backward pass of `minlstm_forward`: the scan's own, which is a scan from the end, then one product.

    With :math:`\delta = \ln f - \ln i`, of which :math:`f' = \sigma(\delta)` and :math:`i' = 1 - f'` are made:

    .. math::
        df' &= da, \qquad di' = db \odot g, \qquad dg = db \odot i' \\
        d\delta &= (df' - di') \odot f' \odot i', \qquad
        da_f = d\delta \odot (1 - f), \qquad da_i = -d\delta \odot (1 - i)

    Args:
        d_output: the loss's derivative by `output`, of shape (T, B, H). None: zero.
        d_h_n: the loss's derivative by `h_n`, of shape (B, H), in addition to what comes through `output`.
            None: zero.
        cache: what `minlstm_forward` returned.

    Returns:
        `dx` of shape (T, B, I); `dh_0` of shape (B, H); `grads`, the gradients under the keys of `params`.

    Raises:
        TypeError: an argument of another type, or another dtype than the forward pass had.
        ValueError: a wrong shape, NaN or infinity.

    Source: Feng et al. (2024); chapter 31.
    """
    gates, scan, nonlinearity, mask = cache
    if d_output is not None and mask is not None:
        d_output = check_array("d_output", d_output, gates.g.shape, like=gates.g) * mask
    da, db, dh_0 = linear_scan_backward(d_output, d_h_n, scan)
    # Where a sequence has ended i' is 0: as a factor it stops whatever would flow into the gates.
    dx, grads = minlstm_gates_backward(da, db * gates.g, db * gates.i, gates, nonlinearity)
    return dx, dh_0, grads
