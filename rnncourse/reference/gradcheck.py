"""Checking a hand-derived gradient against central differences."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from .._checks import check_number


class GradientError(ArithmeticError):
    """A gradient disagrees with the central differences.

    Source: chapter 03.
    """


def numerical_gradient(f: Callable[[], float], array: np.ndarray, eps: float = 1e-6) -> np.ndarray:
    r"""The derivative of f by every entry of `array`, by central differences.

    .. math::
        \frac{\partial f}{\partial a_k} \approx \frac{f(a + \epsilon e_k) - f(a - \epsilon e_k)}{2\epsilon}

    The error is of order :math:`\epsilon^2` from the formula plus :math:`10^{-16} |f| / \epsilon` from rounding.

    Args:
        f: a function of no argument that reads `array`; called twice an entry.
        array: float64, of any shape; nudged in place and put back.
        eps: the nudge, above 0.

    Returns:
        Of the shape of `array`.

    Raises:
        TypeError: `array` is not a float64 array: in float32 rounding drowns the difference.

    Source: chapter 03.

    >>> a = np.array([1.0, 2.0])
    >>> numerical_gradient(lambda: float((a ** 2).sum()), a).round(6)
    array([2., 4.])
    """
    if not isinstance(array, np.ndarray) or array.dtype != np.float64:
        raise TypeError(f"array must be a float64 numpy.ndarray, got {getattr(array, 'dtype', type(array).__name__)}")
    check_number("eps", eps, above=0)
    gradient = np.empty_like(array)
    for k in np.ndindex(array.shape):
        kept = array[k]
        try:
            array[k] = kept + eps
            above = f()
            array[k] = kept - eps
            below = f()
        finally:
            array[k] = kept
        gradient[k] = (above - below) / (2 * eps)
    return gradient


def gradcheck(
    f: Callable[[], float],
    arrays: Mapping[str, np.ndarray],
    grads: Mapping[str, np.ndarray],
    *,
    eps: float = 1e-6,
    tolerance: float = 1e-6,
) -> dict[str, float]:
    r"""Compare gradients with central differences, and say where they disagree most.

    .. math::
        \mathrm{error} = \frac{\max_k |g_k - \hat g_k|}{\max(\max_k |g_k|,\; \max_k |\hat g_k|,\; 10^{-3})}

    with g a gradient and :math:`\hat g` its `numerical_gradient`.

    The error of one array is the largest deviation in it, relative to its largest gradient (at least 1e-3, below
    which the differences' own rounding would count as an error).

    Args:
        f: a function of no argument that reads `arrays` and returns the loss.
        arrays: float64 arrays by name; nudged in place and put back.
        grads: the gradients to check, under the same names.
        eps: the nudge.
        tolerance: the largest relative error that passes.

    Returns:
        The relative error by name.

    Raises:
        GradientError: an error above `tolerance`; names the array, the entry and both values.
        ValueError: a name without gradient, or a gradient of another shape.

    Source: chapter 03.
    """
    errors = {}
    for name, array in arrays.items():
        if name not in grads or np.shape(grads[name]) != array.shape:
            got = f"shape {np.shape(grads[name])}" if name in grads else "none"
            raise ValueError(f"grads[{name!r}] must have shape {array.shape}, got {got}")
        numerical = numerical_gradient(f, array, eps)
        gradient = np.asarray(grads[name])
        deviation = np.abs(gradient - numerical)
        scale = max(np.abs(gradient).max(initial=0), np.abs(numerical).max(initial=0), 1e-3)
        errors[name] = float(deviation.max(initial=0) / scale)
        if not errors[name] <= tolerance:
            # NaN counts as the worst deviation of all.
            k = np.unravel_index(np.nan_to_num(deviation, nan=np.inf).argmax(), array.shape)
            raise GradientError(
                f"grads[{name!r}] is off by {errors[name]:.1e} of its largest entry (tolerance {tolerance:.0e}): at "
                f"{tuple(map(int, k))} it is {gradient[k]:.6g}, central differences give {numerical[k]:.6g}"
            )
    return errors
