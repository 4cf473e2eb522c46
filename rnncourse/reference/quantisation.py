r"""Weights and activations in eight bits: a number as an integer times a scale, and products in integers.

.. math::
    x \approx s\, (q - z), \qquad q = \mathrm{clip}(\mathrm{round}(x / s + z))

Weights are symmetric: z = 0 and q in -127 … 127, with one scale for all or one for each row. Activations are measured
when they come ("dynamic"): q in 0 … 255, with a zero point z so that a lopsided range wastes nothing and 0 stays exact.
Rounding is to the nearest, half to even, so an entry is off by at most s / 2.

For inference alone: rounding has no useful derivative. Source: Jacob et al. (2018); chapter 21.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .._checks import check_array, check_choice, check_number

# The largest product of a weight and an activation is 127 * 255: so many of them always fit into 32 bits.
_MOST_INPUTS = (2**31 - 1) // (127 * 255)


class Quantised(NamedTuple):
    r"""An array in eight bits.

    .. math::
        x \approx s\, (q - z)

    Attributes:
        q: int8 (weights) or uint8 (activations), of the array's shape.
        scale: s, of shape () or, with one a row, (M, 1, …), in the array's dtype.
        zero_point: z, the integer that stands for 0.

    Source: Jacob et al. (2018); chapter 21.
    """

    q: np.ndarray
    scale: np.ndarray
    zero_point: int


def quantise(weight: np.ndarray, *, per_row: bool = False) -> Quantised:
    r"""Weights in int8, symmetric: :math:`s = \max |w| / 127`, :math:`q = \mathrm{round}(w / s)`.

    Args:
        weight: W, of any shape, not empty.
        per_row: a scale for each entry of the first axis (each output of a linear layer: torch's "per channel"), so
            that one large row does not take the others' precision.

    Returns:
        The weights in eight bits; `zero_point` is 0.

    Raises:
        TypeError: not a floating-point array.
        ValueError: an empty array, no first axis to have rows, NaN or infinity.

    Source: `torch.quantize_per_tensor`, `torch.quantize_per_channel`; chapter 21.

    >>> quantise(np.array([[0.5, -1.27], [0.01, 0.02]])).q
    array([[  50, -127],
           [   1,    2]], dtype=int8)
    >>> quantise(np.array([[0.5, -1.27], [0.01, 0.02]]), per_row=True).q
    array([[  50, -127],
           [  64,  127]], dtype=int8)
    """
    _check_filled("weight", weight)
    check_choice("per_row", per_row, (True, False))
    if per_row and weight.ndim == 0:
        raise ValueError("weight must have a first axis for per_row, got shape ()")
    axes = tuple(range(1, weight.ndim)) if per_row else None
    largest = np.abs(weight).max(axis=axes, keepdims=per_row)
    scale = _not_zero(largest / 127)
    return Quantised(np.asarray(np.rint(weight / scale), np.int8), scale, 0)


def quantise_activations(x: np.ndarray, *, reduce_range: bool = False) -> Quantised:
    r"""Activations in uint8 by their own range, which is stretched to hold 0.

    .. math::
        s = (\max(x, 0) - \min(x, 0)) / 255, \qquad z = \mathrm{round}(-\min(x, 0) / s)

    Args:
        x: of any shape, not empty.
        reduce_range: seven bits, 127 in place of 255. torch needs that on x86 processors whose instruction for eight
            bits adds two products in 16 bits, which 2 * 255 * 127 would overflow.

    Returns:
        The activations in eight bits.

    Raises:
        TypeError: not a floating-point array.
        ValueError: an empty array, NaN or infinity.

    Source: Jacob et al. (2018); chapter 21.

    >>> q, scale, zero_point = quantise_activations(np.array([-0.5, 0.0, 2.05]))
    >>> q, scale.round(6), zero_point
    (array([  0,  50, 255], dtype=uint8), np.float64(0.01), 50)
    """
    _check_filled("x", x)
    check_choice("reduce_range", reduce_range, (True, False))
    levels = 127 if reduce_range else 255
    low, high = min(float(x.min()), 0.0), max(float(x.max()), 0.0)
    scale = _not_zero(x.dtype.type(high / levels - low / levels))
    zero_point = int(np.rint(-low / float(scale)))
    q = np.clip(np.rint(x / scale + zero_point), 0, levels)
    return Quantised(np.asarray(q, np.uint8), scale, zero_point)


def dequantise(array: Quantised) -> np.ndarray:
    r"""The numbers that the integers stand for, :math:`s (q - z)`.

    Args:
        array: what `quantise` or `quantise_activations` returned.

    Returns:
        Of the shape of `array.q`, in the dtype of its scale.

    Raises:
        TypeError: not a `Quantised` one, or a field of another type.
        ValueError: a scale of a wrong shape or not above 0, or a zero point outside 0 … 255.

    Source: Jacob et al. (2018); chapter 21.
    """
    _check_quantised("array", array, (np.int8, np.uint8))
    return array.scale * (array.q.astype(np.int32) - array.zero_point).astype(array.scale.dtype)


def quantised_linear(x: np.ndarray, weight: Quantised, bias: np.ndarray, *, reduce_range: bool = False) -> np.ndarray:
    r"""An affine map whose product is summed in 32-bit integers: the arithmetic of torch's dynamic quantisation.

    .. math::
        y_m = s_x s_m \sum_n (q_n - z)\, q_{mn} + b_m

    with q_n and s_x those of the activations, q_mn and s_m those of the weights.

    Args:
        x: of shape (…, N); its scale and zero point are taken over the whole array.
        weight: W of shape (M, N) as `quantise` returns it.
        bias: b, of shape (M,).
        reduce_range: as in `quantise_activations`.

    Returns:
        y, of shape (…, M).

    Raises:
        TypeError: `weight` is not a `Quantised` one in int8, an argument that is not floating point, different dtypes.
        ValueError: a wrong shape, an empty x, NaN or infinity, or so many inputs that 32 bits could overflow.

    Source: Jacob et al. (2018); `torch.ao.nn.quantized.dynamic.Linear`; chapter 21.
    """
    _check_quantised("weight", weight, (np.int8,))
    if weight.q.ndim != 2:
        raise ValueError(f"weight.q must have shape (M, N), got {weight.q.shape}")
    M, N = weight.q.shape
    if N > _MOST_INPUTS:
        raise ValueError(f"weight must have at most {_MOST_INPUTS} columns, or 32 bits could overflow, got {N}")
    check_array("bias", bias, (M,), like=weight.scale)
    check_array("x", x, (..., N), like=weight.scale)
    q, s_x, z = quantise_activations(x.reshape(-1, N), reduce_range=reduce_range)
    total = (q.astype(np.int32) - np.int32(z)) @ weight.q.astype(np.int32).T
    y = s_x * weight.scale.T * total.astype(x.dtype) + bias
    return y.reshape(*x.shape[:-1], M)


def _check_filled(name: str, array: np.ndarray) -> None:
    check_array(name, array, (...,))
    if array.size == 0:
        raise ValueError(f"{name} must have at least one entry, got shape {array.shape}")


def _check_quantised(name: str, array: Quantised, dtypes: tuple[type, ...]) -> None:
    """Raise unless `array` is in eight bits, of one of these dtypes, with one scale or one a row."""
    if not isinstance(array, Quantised):
        raise TypeError(f"{name} must be what quantise returned, got {type(array).__name__}")
    q, scale, zero_point = array
    if not isinstance(q, np.ndarray) or q.dtype not in dtypes:
        wanted = " or ".join(np.dtype(dtype).name for dtype in dtypes)
        raise TypeError(f"{name}.q must be a numpy.ndarray of {wanted}, got {getattr(q, 'dtype', type(q).__name__)}")
    per_row = isinstance(scale, np.ndarray) and scale.ndim > 0
    check_array(f"{name}.scale", scale, (q.shape[:1] + (1,) * (q.ndim - 1)) if per_row else ())
    if not (scale > 0).all():
        raise ValueError(f"{name}.scale must be above 0, got {scale.min()}")
    check_number(f"{name}.zero_point", zero_point, at_least=0, at_most=255, integer=True)


def _not_zero(scale: np.ndarray) -> np.ndarray:
    """At least the smallest normal number: of zeros alone the scale would be 0, and 0 / 0 not a number."""
    return np.asarray(np.maximum(scale, np.finfo(scale.dtype).tiny))
