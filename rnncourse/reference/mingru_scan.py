r"""The minimal GRU over whole sequences: no gate waits for a state, so all steps are computed at once by a scan.

Feng et al. (2024). Derived in chapter 31. One step, and its parameters: `mingru`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .._checks import check_array, check_params, check_sequence
from .linear import LinearCache
from .linear_scan import LinearScanCache, linear_scan_backward, linear_scan_forward
from .masks import length_mask
from .mingru import check_mingru_options, mingru_gates, mingru_gates_backward, mingru_shapes
from .scan import Params


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

    >>> from rnncourse.reference import init_mingru
    >>> params = init_mingru(np.random.default_rng(0), input_size=2, hidden_size=3)
    >>> output, h_n, cache = mingru_forward(np.ones((5, 4, 2)), np.zeros((4, 3)), params)
    >>> output.shape, h_n.shape
    ((5, 4, 3), (4, 3))
    """
    check_sequence(x)
    T, B, I = x.shape
    check_array("h_0", h_0, (B, "hidden_size"), like=x)
    check_params(params, mingru_shapes(I, h_0.shape[1]), x)
    check_mingru_options(nonlinearity, z_keeps)
    mask = None if lengths is None else length_mask(lengths, T, B)

    keep, n, linear = mingru_gates(x, params, nonlinearity, z_keeps)
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
    dx, grads = mingru_gates_backward(da - db * n, db * (1 - keep), keep, n, linear, nonlinearity, z_keeps)
    return dx, dh_0, grads
