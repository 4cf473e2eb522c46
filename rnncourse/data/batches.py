"""Windows of contiguous streams, for truncated backpropagation through time (chapter 04)."""

from __future__ import annotations

import operator
from collections.abc import Sequence

import numpy as np

from rnncourse._checks import check_ids, check_number

__all__ = ["Batches", "batches"]


def batches(ids: np.ndarray, T: int, B: int) -> Batches:
    """Cut a text into B streams and these into windows of T steps.

    The text is cut into B equal pieces, which run side by side as the columns of each window. Column b of one window
    goes on where column b of the window before it stopped, so the state after a window is the state to start the next
    one with. For 13 symbols, T=2 and B=3:

        text      0 1 2 3 4 5 6 7 8 9 10 11 12

        window 0  x  0 4  8    y  1 5  9        window 1  x  2 6 10    y  3 7 11
                     1 5  9       2 6 10                     3 7 11       4 8 12

    Every symbol but the first is a target once, apart from at most B - 1 symbols at the end of the text, which do not
    fill another step of all streams. If T does not divide the streams' length, the last window is shorter. No target
    is made up: where a stream ends, its target is the symbol that follows in the text.

    Args:
        ids: integers of shape (N,), N >= T * B + 1, not negative. Of a memory map, only the windows asked for are read.
        T: steps a window, at least 1.
        B: streams side by side, at least 1.

    Returns:
        A sequence of pairs (x, y), the inputs and the targets one step later, copies of shape (T, B); in the last one
        the first axis can be shorter. It can be run through repeatedly (once an epoch), has a `len`, and can be
        indexed.

    Raises:
        TypeError: `ids` is not an array of integers, T or B not an integer.
        ValueError: `ids` has another shape, a negative entry, or is too short for one window; T or B is below 1.

    >>> windows = batches(np.arange(13), T=2, B=3)
    >>> len(windows), windows.stream_length
    (2, 4)
    >>> x, y = windows[1]
    >>> x
    array([[ 2,  6, 10],
           [ 3,  7, 11]])
    >>> y
    array([[ 3,  7, 11],
           [ 4,  8, 12]])
    """
    return Batches(ids, T, B)


class Batches(Sequence):
    """The windows that `batches` returns.

    Attributes:
        T: steps a window.
        B: streams side by side.
        stream_length: steps of each stream, (N - 1) // B; `len` is that divided by T, rounded up.
    """

    def __init__(self, ids: np.ndarray, T: int, B: int) -> None:
        ids = check_ids("ids", ids, ("N",), np.iinfo(np.int64).max)
        self.T = int(check_number("T", T, at_least=1, integer=True))
        self.B = int(check_number("B", B, at_least=1, integer=True))
        if len(ids) <= self.T * self.B:
            raise ValueError(
                f"ids must have at least T * B + 1 = {self.T * self.B + 1} symbols for one window of T={self.T} steps "
                f"of B={self.B} streams, got {len(ids)}. Take a longer text, or a smaller T or B."
            )
        self.stream_length = (len(ids) - 1) // self.B
        used = self.stream_length * self.B
        self._x = ids[:used].reshape(self.B, -1).T
        self._y = ids[1 : used + 1].reshape(self.B, -1).T

    def __len__(self) -> int:
        """The number of windows."""
        return -(-self.stream_length // self.T)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Window number `index`; negative numbers count from the end."""
        index = operator.index(index)
        if not -len(self) <= index < len(self):
            raise IndexError(f"index must lie in {-len(self)} … {len(self) - 1}, got {index}")
        start = index % len(self) * self.T
        window = slice(start, start + self.T)
        return np.array(self._x[window]), np.array(self._y[window])  # of a memory map too, these are in memory
