"""The Gaussian error linear unit: x times the probability that a standard normal variable lies below x."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from .._checks import check_array, check_choice

# NumPy has no error function. The standard library's, number by number, is slow but right to the last bits. Its
# complement keeps the left tail, where 1 + erf(x) has rounded to 0.
_erfc = np.vectorize(math.erfc, otypes=[np.float64])

# The tanh form's constants: sqrt(2 / pi) makes the slope at 0 right, the other is that of Hendrycks and Gimpel (2016).
_C, _A = math.sqrt(2 / math.pi), 0.044715


class GELUCache(NamedTuple):
    """What `gelu_backward` needs."""

    x: np.ndarray
    approximate: str


def gelu_forward(x: np.ndarray, approximate: str = "none") -> tuple[np.ndarray, GELUCache]:
    r"""The activation between the two layers of a Transformer's feed-forward part.

    .. math::
        y &= x \, \Phi(x), \qquad \Phi(x) = \tfrac12 \operatorname{erfc}(-x / \sqrt2) && \text{("none": exact)} \\
        y &= \tfrac12 x \Bigl( 1 + \tanh \bigl( \sqrt{2 / \pi} \, (x + 0.044715 \, x^3) \bigr) \Bigr)
        && \text{("tanh": GPT-2)}

    The two differ by up to 5e-4. The same numbers as `torch.nn.functional.gelu`.

    Args:
        x: of any shape.
        approximate: "none" or "tanh".

    Returns:
        y, of the shape of x, and the cache for `gelu_backward`.

    Raises:
        TypeError: x is not a floating-point array.
        ValueError: NaN or infinity, an unknown form.

    Source: Hendrycks and Gimpel (2016); chapter 28.

    >>> gelu_forward(np.array([-1.0, 0.0, 1.0]))[0].round(4)
    array([-0.1587,  0.    ,  0.8413])
    """
    check_array("x", x, (...,))
    check_choice("approximate", approximate, ("none", "tanh"))
    y = x * _normal_cdf(x) if approximate == "none" else x * (1 + _tanh(x)) / 2
    return y, GELUCache(x, approximate)


def gelu_backward(dy: np.ndarray, cache: GELUCache) -> np.ndarray:
    r"""Backward pass of `gelu_forward`.

    With :math:`\varphi(x) = e^{-x^2/2} / \sqrt{2 \pi}`, the slope of :math:`\Phi`, and h for the tanh:

    .. math::
        dx &= dy \, (\Phi(x) + x \, \varphi(x)) && \text{("none")} \\
        dx &= dy \, \Bigl( \tfrac12 (1 + h) + \tfrac12 x \, (1 - h^2) \sqrt{2 / \pi} \, (1 + 3 \cdot 0.044715 \, x^2)
        \Bigr) && \text{("tanh")}

    Args:
        dy: the loss's derivative by y, of the shape of x.
        cache: what `gelu_forward` returned.

    Returns:
        dx, of the shape of x.

    Raises:
        TypeError: another dtype than the forward pass had.
        ValueError: a wrong shape, NaN or infinity.

    Source: Hendrycks and Gimpel (2016); chapter 28.
    """
    x, approximate = cache
    check_array("dy", dy, x.shape, like=x)
    if approximate == "none":
        slope = _normal_cdf(x) + x * (np.exp(-x * x / 2) / math.sqrt(2 * math.pi))
    else:
        h = _tanh(x)
        slope = (1 + h) / 2 + x * (1 - h * h) / 2 * (_C * (1 + 3 * _A * x * x))
    return dy * slope


def _normal_cdf(x: np.ndarray) -> np.ndarray:
    return (_erfc(-x / math.sqrt(2)) / 2).astype(x.dtype)


def _tanh(x: np.ndarray) -> np.ndarray:
    return np.tanh(_C * (x + _A * x * x * x))
