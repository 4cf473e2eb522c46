"""Sequences of several lengths in one batch, as a mask."""

from __future__ import annotations

import numpy as np

from .._checks import check_ids, check_number


def length_mask(lengths: np.ndarray, T: int, B: int) -> np.ndarray:
    r"""Whether step t lies within sequence b: :math:`m_{tb} = [t < \mathrm{lengths}_b]`, with t from 0.

    Args:
        lengths: integers of shape (B,), each in 1 … T.
        T: the number of steps of the longest sequence that fits.
        B: the number of sequences.

    Returns:
        Booleans of shape (T, B, 1).

    Raises:
        TypeError: `lengths` is not an integer array, T or B not an integer.
        ValueError: a wrong shape, a length out of range, T or B below 1.

    Source: chapter 03.

    >>> length_mask(np.array([1, 3]), T=3, B=2)[:, :, 0].astype(int)
    array([[1, 1],
           [0, 1],
           [0, 1]])
    """
    check_number("T", T, at_least=1, integer=True)
    check_number("B", B, at_least=1, integer=True)
    check_ids("lengths", lengths, (B,), T + 1)
    if lengths.min() < 1:
        raise ValueError(f"lengths must lie in 1 … {T}, got {int(lengths.min())}")
    return (np.arange(T)[:, None] < lengths)[:, :, None]
