"""Tasks drawn by rule, whose best and worst losses are known."""

from __future__ import annotations

from typing import Any

import numpy as np

from rnncourse._checks import check_number

__all__ = ["adding"]


def adding(rng: np.random.Generator, T: int, B: int, dtype: Any = np.float64) -> tuple[np.ndarray, np.ndarray]:
    r"""The adding task: sum the two marked values of a sequence.

    Each step has a value, uniform on [0, 1), and a marker, which is 1 at two steps and 0 elsewhere: at one step of the
    first T // 2, drawn uniformly, and at one of the others. The target is :math:`y = v_1 + v_2`, the sum of the two
    marked values. Yardsticks for the mean squared error, from the variance 1/12 of a uniform value:

    - always guessing the mean, 1: :math:`\mathrm{Var}(v_1 + v_2) = 1/6`;
    - knowing only the later value, guessing :math:`v_2 + 1/2`: :math:`\mathrm{Var}(v_1) = 1/12`. No model that has lost
      the first half of the sequence does better.

    Args:
        rng: the generator to draw from.
        T: steps, at least 2.
        B: sequences, at least 1.
        dtype: float32 or float64.

    Returns:
        `x` of shape (T, B, 2): values in `x[:, :, 0]`, markers in `x[:, :, 1]`; `y` of shape (B,).

    Raises:
        TypeError: T or B not an integer, or another dtype.
        ValueError: T below 2 or B below 1.

    Source: Hochreiter and Schmidhuber (1997), experiment 4, in the form now usual: values in [0, 1) instead of [-1, 1),
    one marker in each half, sequences of one length; chapter 08.
    """
    check_number("T", T, at_least=2, integer=True)
    check_number("B", B, at_least=1, integer=True)
    dtype = np.dtype(dtype)
    if dtype not in (np.float32, np.float64):
        raise TypeError(f"dtype must be float32 or float64, got {dtype}")
    x = np.zeros((T, B, 2), dtype)
    x[:, :, 0] = rng.random((T, B), dtype)
    half, sequence = T // 2, np.arange(B)
    first, second = rng.integers(half, size=B), rng.integers(half, T, size=B)
    x[first, sequence, 1] = x[second, sequence, 1] = 1
    return x, x[first, sequence, 0] + x[second, sequence, 0]
