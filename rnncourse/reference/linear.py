"""The affine map; as the model's last layer it is called the readout."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .._checks import check_array


class LinearCache(NamedTuple):
    """What `linear_backward` needs."""

    x: np.ndarray
    weight: np.ndarray


def linear_forward(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, LinearCache]:
    r"""Apply :math:`y = W x + b` along the last axis.

    Args:
        x: of shape (…, N).
        weight: W, of shape (M, N), as `torch.nn.Linear` stores it.
        bias: b, of shape (M,).

    Returns:
        y, of shape (…, M), and the cache for `linear_backward`.

    Raises:
        TypeError: an argument that is not a floating-point array, or different dtypes.
        ValueError: a wrong shape, NaN or infinity.

    Source: chapter 02.
    """
    check_array("weight", weight, ("M", "N"))
    M, N = weight.shape
    check_array("bias", bias, (M,), like=weight)
    check_array("x", x, (..., N), like=weight)
    y = x.reshape(-1, N) @ weight.T + bias
    return y.reshape(*x.shape[:-1], M), LinearCache(x, weight)


def linear_backward(d_output: np.ndarray, cache: LinearCache) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    r"""Backward pass of `linear_forward`.

    .. math::
        dx = W^\top dy, \qquad dW = \sum dy\, x^\top, \qquad db = \sum dy

    Args:
        d_output: dy, of shape (…, M).
        cache: what `linear_forward` returned.

    Returns:
        dx, of shape (…, N), and a dict with `weight` (M, N) and `bias` (M,).

    Raises:
        TypeError: another dtype than the forward pass had.
        ValueError: a wrong shape, NaN or infinity.

    Source: chapter 03.
    """
    x, weight = cache
    M, N = weight.shape
    check_array("d_output", d_output, (*x.shape[:-1], M), like=weight)
    dy = d_output.reshape(-1, M)
    grads = {"weight": dy.T @ x.reshape(-1, N), "bias": dy.sum(0)}
    return (dy @ weight).reshape(x.shape), grads
