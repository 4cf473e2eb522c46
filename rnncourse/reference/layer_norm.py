"""Layer normalisation: each example's features brought to mean 0 and variance 1, then scaled and shifted."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .._checks import check_array, check_number


class LayerNormCache(NamedTuple):
    """What `layer_norm_backward` needs: the normalised input, one over the standard deviation, and the scale."""

    x_hat: np.ndarray
    r: np.ndarray
    weight: np.ndarray


def layer_norm_forward(
    x: np.ndarray, weight: np.ndarray, bias: np.ndarray, eps: float = 1e-5
) -> tuple[np.ndarray, LayerNormCache]:
    r"""Normalise along the last axis, then scale and shift.

    .. math::
        \mu = \frac{1}{H} \sum_k x_k, \qquad \sigma^2 = \frac{1}{H} \sum_k (x_k - \mu)^2, \qquad
        \hat x = \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}}, \qquad y = w \odot \hat x + b

    Every position has its own mean and variance, so nothing depends on the rest of the batch or on other time steps.
    The same numbers as `torch.nn.functional.layer_norm` over the last axis.

    Args:
        x: of shape (…, H), with any leading axes.
        weight: w, of shape (H,); 1 at first.
        bias: b, of shape (H,); 0 at first.
        eps: epsilon, above 0, which keeps a constant x from a division by 0.

    Returns:
        y, of shape (…, H), and the cache for `layer_norm_backward`.

    Raises:
        TypeError: an argument that is not a floating-point array, or different dtypes.
        ValueError: a wrong shape, NaN or infinity, `eps` not above 0.

    Source: Ba, Kiros and Hinton (2016); chapter 17.

    >>> y, _ = layer_norm_forward(np.array([[1.0, 2.0, 3.0], [10.0, 20.0, 30.0]]), np.ones(3), np.zeros(3))
    >>> y.round(3)
    array([[-1.225,  0.   ,  1.225],
           [-1.225,  0.   ,  1.225]])
    """
    check_array("weight", weight, ("H",))
    (H,) = weight.shape
    if H == 0:
        raise ValueError("weight must have H >= 1, got shape (0,)")
    check_array("bias", bias, (H,), like=weight)
    check_array("x", x, (..., H), like=weight)
    # A NumPy float64 would turn a float32 array into float64; a Python float does not.
    eps = float(check_number("eps", eps, above=0))

    centred = x - x.mean(-1, keepdims=True)
    variance = (centred * centred).mean(-1, keepdims=True)
    r = 1 / np.sqrt(variance + eps)
    x_hat = centred * r
    return weight * x_hat + bias, LayerNormCache(x_hat, r, weight)


def layer_norm_backward(dy: np.ndarray, cache: LayerNormCache) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    r"""Backward pass of `layer_norm_forward`.

    The mean and the variance depend on every feature, which takes two components out of the gradient: the constant one
    and the one along :math:`\hat x`. With the bar for the mean over the features, and sums over all leading axes,

    .. math::
        db = \sum dy, \qquad dw = \sum dy \odot \hat x, \qquad d\hat x = w \odot dy, \qquad
        dx = \frac{d\hat x - \overline{d\hat x} - \hat x \, \overline{d\hat x \odot \hat x}}{\sqrt{\sigma^2 + \epsilon}}

    Args:
        dy: the loss's derivative by y, of shape (…, H).
        cache: what `layer_norm_forward` returned.

    Returns:
        dx, of shape (…, H), and a dict with `weight` (H,) and `bias` (H,).

    Raises:
        TypeError: another dtype than the forward pass had.
        ValueError: a wrong shape, NaN or infinity.

    Source: Ba, Kiros and Hinton (2016); chapter 17.
    """
    x_hat, r, weight = cache
    check_array("dy", dy, x_hat.shape, like=weight)
    leading = tuple(range(dy.ndim - 1))
    grads = {"weight": (dy * x_hat).sum(leading), "bias": dy.sum(leading)}
    dx_hat = dy * weight
    along = (dx_hat * x_hat).mean(-1, keepdims=True)
    return (dx_hat - dx_hat.mean(-1, keepdims=True) - x_hat * along) * r, grads
