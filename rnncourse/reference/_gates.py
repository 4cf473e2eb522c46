"""What the gated recurrences share: the sigmoid, and blocks of steps."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np


def sigmoid(a: np.ndarray) -> np.ndarray:
    r"""The logistic function, :math:`\sigma(a) = \frac{1}{1 + e^{-a}} = \frac{1 + \tanh(a / 2)}{2}`.

    The second form cannot overflow. Its absolute error is that of a rounding, so that it is 0 where the first would
    still be 1e-30.

    Args:
        a: of any shape.

    Returns:
        Of the same shape and dtype, in [0, 1].

    Source: chapter 11.

    >>> sigmoid(np.array([-1e4, 0.0, np.log(3.0)]))
    array([0.  , 0.5 , 0.75])
    """
    return (1 + np.tanh(a / 2)) / 2


def blocks(T: int, size: int) -> Iterator[slice]:
    """The steps 0 … T - 1 in blocks, the last first: many steps of few numbers, or few of many.

    What is computed for a block at once is still in the processor's cache when the loop over its steps reads it.

    Args:
        T: the number of steps.
        size: numbers a step.

    >>> list(blocks(5, 4096))
    [slice(3, 5, None), slice(1, 3, None), slice(0, 1, None)]
    """
    count = max(1, 2**13 // size)
    for stop in range(T, 0, -count):
        yield slice(max(stop - count, 0), stop)
