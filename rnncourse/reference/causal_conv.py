"""The causal convolution: an output sees the present and a few earlier inputs, evenly spaced, and no later one."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .._checks import check_array, check_number


class CausalConvCache(NamedTuple):
    """What `causal_conv_backward` needs; `padded` is x after (K - 1) d steps of zeros."""

    padded: np.ndarray
    weight: np.ndarray
    dilation: int


def causal_conv_forward(
    x: np.ndarray, weight: np.ndarray, bias: np.ndarray, dilation: int = 1
) -> tuple[np.ndarray, CausalConvCache]:
    r"""Convolve over time, looking only back.

    .. math::
        y_t = b + \sum_{k=0}^{K-1} W_k \, x_{t - (K - 1 - k) d}

    with zeros for the steps before the first. As `torch.nn.Conv1d(I, O, K, dilation=d)` with (K - 1) d zeros put
    before its input, and with the same weights: the last, :math:`W_{K-1}`, meets the present. One layer sees
    (K - 1) d + 1 steps; layers with d = 1, 2, 4 … see about twice as many each time.

    Args:
        x: of shape (T, B, I).
        weight: the :math:`W_k`, of shape (O, I, K).
        bias: b, of shape (O,).
        dilation: d, at least 1: the distance between the steps that are looked at.

    Returns:
        y, of shape (T, B, O), and the cache for `causal_conv_backward`.

    Raises:
        TypeError: an argument of another type, or arrays of different dtypes.
        ValueError: a wrong shape, an empty axis, NaN or infinity, a dilation below 1.

    Source: van den Oord et al. (2016), Bai, Kolter and Koltun (2018); chapter 25.

    >>> x = np.arange(1.0, 6.0).reshape(5, 1, 1)
    >>> y, _ = causal_conv_forward(x, np.array([[[10.0, 1.0]]]), np.zeros(1), dilation=2)
    >>> y.ravel()  # the present, and ten times what came two steps ago
    array([ 1.,  2., 13., 24., 35.])
    """
    check_array("x", x, ("T", "B", "I"))
    T, B, I = x.shape
    check_array("weight", weight, ("O", I, "K"), like=x)
    for name, array in {"x": x, "weight": weight}.items():
        if array.size == 0:
            raise ValueError(f"{name} must have no empty axis, got shape {array.shape}")
    O, _, K = weight.shape
    check_array("bias", bias, (O,), like=x)
    d = check_number("dilation", dilation, at_least=1, integer=True)

    padded = np.concatenate([np.zeros(((K - 1) * d, B, I), x.dtype), x])
    y = np.broadcast_to(bias, (T, B, O)).copy()
    for k in range(K):
        y += padded[k * d : k * d + T] @ weight[:, :, k].T
    return y, CausalConvCache(padded, weight, d)


def causal_conv_backward(dy: np.ndarray, cache: CausalConvCache) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    r"""Backward pass of `causal_conv_forward`: every output's derivative goes to the inputs that it saw.

    .. math::
        dW_k = \sum_t dy_t \, x_{t - (K - 1 - k) d}^\top, \qquad
        dx_t = \sum_{k=0}^{K-1} W_k^\top \, dy_{t + (K - 1 - k) d}, \qquad db = \sum_t dy_t

    Args:
        dy: the loss's derivative by y, of shape (T, B, O).
        cache: what `causal_conv_forward` returned.

    Returns:
        dx, of shape (T, B, I), and a dict with `weight` (O, I, K) and `bias` (O,).

    Raises:
        TypeError: another dtype than the forward pass had.
        ValueError: a wrong shape, NaN or infinity.

    Source: chapter 25.
    """
    padded, weight, d = cache
    O, _, K = weight.shape
    before = (K - 1) * d
    T, B = len(padded) - before, padded.shape[1]
    check_array("dy", dy, (T, B, O), like=weight)

    d_padded, d_weight = np.zeros_like(padded), np.empty_like(weight)
    for k in range(K):
        seen = slice(k * d, k * d + T)
        d_padded[seen] += dy @ weight[:, :, k]
        d_weight[:, :, k] = np.tensordot(dy, padded[seen], ([0, 1], [0, 1]))
    return d_padded[before:], {"weight": d_weight, "bias": dy.sum((0, 1))}
