"""Two models on one text: what they differ by, and how sure that is. Chapter 19."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .._checks import check_array, check_ids, check_number


class PairedDifference(NamedTuple):
    """A difference of two means over the same symbols.

    Attributes:
        mean: of a - b.
        standard_error: of that mean, from the spread of blocks; None where there are fewer than two.
        blocks: how many.
    """

    mean: float
    standard_error: float | None
    blocks: int


def paired_difference(a: np.ndarray, b: np.ndarray, *, block: int = 1000) -> PairedDifference:
    r"""The mean difference of two models' losses on one text, with its standard error.

    Both find the same symbols hard, so the difference symbol by symbol, :math:`d_t = a_t - b_t`, spreads far less than
    the losses do. Neighbours are alike, too, which would make N symbols look like more evidence than they are. So the
    text is cut into :math:`K = \lfloor N / \mathrm{block} \rfloor` blocks of nearly equal length, longer than what
    binds neighbours together, and their means :math:`m_k` are taken as independent:

    .. math:: \bar d = \frac{1}{N} \sum_t d_t, \qquad
        \mathrm{se}^2 = \frac{1}{K (K - 1)} \sum_{k=1}^{K} \Bigl( m_k - \frac{1}{K} \sum_j m_j \Bigr)^2

    It says how far another text of the same kind might move the difference; not what another seed would do.

    Args:
        a, b: losses of shape (N,), N at least 1, for the same symbols in the same order.
        block: the least length of a block; N below twice that gives no standard error.

    Returns:
        Mean, standard error and the number of blocks.

    Raises:
        TypeError: not arrays of floats, `block` not an integer.
        ValueError: different shapes, no symbols, NaN or infinity, `block` below 1.

    Source: Carlstein (1986); chapter 19.

    >>> paired_difference(np.array([3.0, 3.0, 5.0, 5.0]), np.array([1.0, 1.0, 2.0, 2.0]), block=2)
    PairedDifference(mean=2.5, standard_error=0.5, blocks=2)
    """
    check_array("a", a, ("N",))
    check_array("b", b, a.shape)
    check_number("block", block, at_least=1, integer=True)
    if len(a) == 0:
        raise ValueError("a must hold at least one loss, got shape (0,)")
    d = a.astype(np.float64) - b
    K = max(1, len(d) // block)
    if K == 1:
        return PairedDifference(float(d.mean()), None, 1)
    m = np.array([part.mean() for part in np.array_split(d, K)])
    return PairedDifference(float(d.mean()), float(m.std(ddof=1) / np.sqrt(K)), K)


def by_character(losses: np.ndarray, lengths: Sequence[int] | np.ndarray) -> np.ndarray:
    """Losses of symbols as losses of characters, so that models of different vocabularies are compared.

    A symbol's loss is put at its last character, the others have none: sums over a text stay what they are. The first
    symbol, which is read and not predicted, has no loss.

    Args:
        losses: of all symbols but the first, shape (N - 1,).
        lengths: how many characters each symbol completes, integers of shape (N,), none negative.

    Returns:
        Shape (C - lengths[0],), with C the sum of `lengths`. A symbol that completes no character, such as the first
        byte of a long one, counts for the next that does.

    Raises:
        TypeError: not an array of floats, not integers.
        ValueError: not one loss for each length but the first, no character after the first symbol.

    Source: chapter 06.

    >>> by_character(np.array([3.0, 1.0, 2.0]), [1, 2, 0, 1])
    array([0., 3., 3.])
    """
    lengths = np.asarray(lengths)
    check_ids("lengths", lengths, ("N",), np.iinfo(np.int64).max)
    check_array("losses", losses, (len(lengths) - 1,))
    if lengths[1:].sum() == 0:
        raise ValueError("lengths must complete at least one character after the first symbol, got none")
    found = np.zeros(int(lengths[1:].sum()))
    ends = np.cumsum(lengths[1:])
    following = ends[np.searchsorted(ends, ends, side="right").clip(max=len(ends) - 1)]
    np.add.at(found, np.where(lengths[1:] > 0, ends, following) - 1, losses)
    return found
