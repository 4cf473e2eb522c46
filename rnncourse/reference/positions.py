"""Positions for a Transformer, which without them and without a causal mask sees a set of symbols, not a sequence."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .._checks import check_array, check_dtype, check_number


def sinusoidal_positions(T: int, size: int, *, start: int = 0, dtype: Any = np.float64) -> np.ndarray:
    r"""Fixed positions: sines and cosines of wavelengths from :math:`2\pi` to nearly :math:`10000 \cdot 2\pi`.

    .. math::
        p_{t,2i} = \sin(t / 10000^{2i/E}), \qquad p_{t,2i+1} = \cos(t / 10000^{2i/E})

    Each pair turns at its own speed, so that p at t + k is a rotation of p at t that depends on k alone.

    Args:
        T: how many positions, at least 1.
        size: E, even and at least 2.
        start: the first position, at least 0.
        dtype: float32 or float64; the angles are computed in float64 either way.

    Returns:
        Of shape (T, E), to be added to the embeddings of every sequence of the batch.

    Raises:
        TypeError: a number that is not an integer, another dtype.
        ValueError: a number out of range, an odd size.

    Source: Vaswani et al. (2017), section 3.5; chapter 28.

    >>> sinusoidal_positions(2, 4).round(4)
    array([[0.    , 1.    , 0.    , 1.    ],
           [0.8415, 0.5403, 0.01  , 1.    ]])
    """
    check_number("T", T, at_least=1, integer=True)
    check_number("start", start, at_least=0, integer=True)
    if check_number("size", size, at_least=2, integer=True) % 2:
        raise ValueError(f"size must be even, for a sine and a cosine each, got {size}")
    angles = np.arange(start, start + T)[:, None] / 10000 ** (np.arange(0, size, 2) / size)
    positions = np.empty((T, size), check_dtype(dtype))
    positions[:, 0::2] = np.sin(angles)
    positions[:, 1::2] = np.cos(angles)
    return positions


class LearnedPositionsCache(NamedTuple):
    """What `learned_positions_backward` needs."""

    weight: np.ndarray
    start: int
    shape: tuple[int, int, int]


def learned_positions_forward(
    x: np.ndarray, weight: np.ndarray, *, start: int = 0
) -> tuple[np.ndarray, LearnedPositionsCache]:
    r"""Learned positions: row t of a matrix is added to whatever stands at position t, :math:`y_{tb} = x_{tb} + p_t`.

    Args:
        x: embeddings, of shape (T, B, E).
        weight: p, of shape (N, E), as `torch.nn.Embedding` stores it: one row a position.
        start: the position of the first step, at least 0: that many steps were read before.

    Returns:
        y, of shape (T, B, E), and the cache for `learned_positions_backward`.

    Raises:
        TypeError: an argument of another type, or arrays of different dtypes.
        ValueError: a wrong shape, NaN or infinity, or more positions than rows: beyond the last nothing was learned.

    Source: Gehring et al. (2017), Radford et al. (2018); chapter 28.
    """
    check_array("x", x, ("T", "B", "E"))
    check_array("weight", weight, ("N", x.shape[2]), like=x)
    check_number("start", start, at_least=0, integer=True)
    stop = start + len(x)
    if stop > len(weight):
        raise ValueError(f"x must end within the N={len(weight)} positions of weight, got {start} + T={len(x)}")
    return x + weight[start:stop, None], LearnedPositionsCache(weight, start, x.shape)


def learned_positions_backward(
    dy: np.ndarray, cache: LearnedPositionsCache
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    r"""Backward pass of `learned_positions_forward`: :math:`dx_{tb} = dy_{tb}`, :math:`dp_t = \sum_b dy_{tb}`.

    Args:
        dy: the loss's derivative by y, of shape (T, B, E).
        cache: what `learned_positions_forward` returned.

    Returns:
        dx, of shape (T, B, E), and a dict with `weight` (N, E); rows of positions that did not occur are zero.

    Raises:
        TypeError: another dtype than the forward pass had.
        ValueError: a wrong shape, NaN or infinity.

    Source: chapter 28.
    """
    weight, start, shape = cache
    check_array("dy", dy, shape, like=weight)
    d_weight = np.zeros_like(weight)
    d_weight[start : start + len(dy)] = dy.sum(1)
    return dy.copy(), {"weight": d_weight}
