"""What the gated recurrences share: the sigmoid, and checks of what they are given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from .._checks import check_array
from .scan import Params


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


def check_sequence(x: np.ndarray) -> None:
    """Raise unless x is a finite array of shape (T, B, I) with at least one step of one sequence."""
    check_array("x", x, ("T", "B", "input_size"))
    if x.shape[0] == 0 or x.shape[1] == 0:
        raise ValueError(f"x must have T >= 1 and B >= 1, got shape {x.shape}")


def check_params(params: Params, shapes: dict[str, tuple[int, ...]], like: np.ndarray) -> None:
    """Raise unless `params` holds exactly the arrays named in `shapes`, in those shapes and `like`'s dtype."""
    if not isinstance(params, Mapping) or set(params) != set(shapes):
        got = sorted(params) if isinstance(params, Mapping) else type(params).__name__
        raise ValueError(f"params must have the keys {', '.join(shapes)}, got {got}")
    for name, shape in shapes.items():
        check_array(f"params[{name!r}]", params[name], shape, like=like)


def cotangent(name: str, d: np.ndarray | None, shape: tuple[int, ...], like: np.ndarray) -> np.ndarray:
    """`d` itself if it has that shape and `like`'s dtype, zeros where it is None; else raise."""
    return np.zeros(shape, like.dtype) if d is None else check_array(name, d, shape, like=like)


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
