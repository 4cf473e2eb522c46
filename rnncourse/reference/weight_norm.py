"""Weight normalisation: a matrix written as lengths of rows times directions of rows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .._checks import check_array


class WeightNormCache(NamedTuple):
    """What `weight_norm_backward` needs: the lengths, the directions, and the norms of the rows of v."""

    g: np.ndarray
    u: np.ndarray
    norm: np.ndarray


def weight_norm_forward(g: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, WeightNormCache]:
    r"""Build a weight matrix from lengths and directions, row by row: :math:`w = g \, v / \lVert v \rVert`.

    The same numbers as `torch.nn.utils.parametrizations.weight_norm` with `dim=0`, whose `original0` is g and whose
    `original1` is v. To start from a matrix W: `g = np.linalg.norm(W, axis=1, keepdims=True)` and `v = W`.

    Args:
        g: lengths (with a sign), of shape (M, 1).
        v: directions, of shape (M, N); the length of a row does not matter, but it must not be 0.

    Returns:
        w, of shape (M, N), and the cache for `weight_norm_backward`.

    Raises:
        TypeError: an argument that is not a floating-point array, or different dtypes.
        ValueError: a wrong shape, NaN or infinity, a row of v that is zero.

    Source: Salimans and Kingma (2016); chapter 17.

    >>> w, _ = weight_norm_forward(np.array([[10.0], [-1.0]]), np.array([[3.0, 4.0], [0.0, 2.0]]))
    >>> w
    array([[ 6.,  8.],
           [-0., -1.]])
    """
    check_array("v", v, ("M", "N"))
    check_array("g", g, (len(v), 1), like=v)
    norm = np.sqrt((v * v).sum(1, keepdims=True))
    if (norm == 0).any():
        raise ValueError(f"v must have no row of length 0, got one at row {int(np.argmin(norm))}")
    u = v / norm
    return g * u, WeightNormCache(g, u, norm)


def weight_norm_backward(dw: np.ndarray, cache: WeightNormCache) -> tuple[np.ndarray, np.ndarray]:
    r"""Backward pass of `weight_norm_forward`.

    With :math:`u = v / \lVert v \rVert`: the length gets what lies along u, the direction what lies across it.

    .. math::
        dg = dw \cdot u, \qquad dv = \frac{g}{\lVert v \rVert} (dw - (dw \cdot u) \, u)

    So dv is orthogonal to v, and a step along it can only lengthen v: the larger v, the smaller the next step.

    Args:
        dw: the loss's derivative by w, of shape (M, N).
        cache: what `weight_norm_forward` returned.

    Returns:
        dg, of shape (M, 1), and dv, of shape (M, N).

    Raises:
        TypeError: another dtype than the forward pass had.
        ValueError: a wrong shape, NaN or infinity.

    Source: Salimans and Kingma (2016); chapter 17.
    """
    g, u, norm = cache
    check_array("dw", dw, u.shape, like=u)
    dg = (dw * u).sum(1, keepdims=True)
    return dg, g / norm * (dw - dg * u)
