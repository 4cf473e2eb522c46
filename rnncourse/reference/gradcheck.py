"""Checking a hand-derived gradient against central differences."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from .._checks import check_array, check_mapping, check_number


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
        ValueError: NaN or infinity, or `eps` not above 0.

    Source: chapter 03.

    >>> a = np.array([1.0, 2.0])
    >>> numerical_gradient(lambda: float((a ** 2).sum()), a).round(6)
    array([2., 4.])
    """
    _check_float64("array", array)
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
        TypeError: an array that is not of float64, or a gradient that is not a floating-point array.
        ValueError: a name without gradient, or a gradient of another shape; NaN or infinity in `arrays`.

    Source: chapter 03.
    """
    for what, value in {"arrays": arrays, "grads": grads}.items():
        check_mapping(what, value)
    check_number("tolerance", tolerance, at_least=0)
    for name, array in arrays.items():
        _check_float64(f"arrays[{name!r}]", array)
        if name not in grads or np.shape(grads[name]) != array.shape:
            got = f"shape {np.shape(grads[name])}" if name in grads else "none"
            raise ValueError(f"grads[{name!r}] must have shape {array.shape}, got {got}")
        gradient = grads[name]
        if not isinstance(gradient, np.ndarray) or not np.issubdtype(gradient.dtype, np.floating):
            got = getattr(gradient, "dtype", type(gradient).__name__)
            raise TypeError(f"grads[{name!r}] must be a floating-point numpy.ndarray, got {got}")
    errors = {}
    for name, array in arrays.items():
        numerical = numerical_gradient(f, array, eps)
        gradient = grads[name]
        with np.errstate(invalid="ignore"):  # of NaN and infinity the comparison below makes an error
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


def _check_float64(name: str, array: np.ndarray) -> None:
    if not isinstance(array, np.ndarray) or array.dtype != np.float64:
        got = getattr(array, "dtype", type(array).__name__)
        raise TypeError(f"{name} must be a float64 numpy.ndarray, got {got}")
    check_array(name, array, (...,))
