r"""Numbers that describe one recurrent matrix: what its powers do in the end, and what they do at once."""

from __future__ import annotations

import numpy as np

from .._checks import check_array, check_number


def spectral_radius(W: np.ndarray) -> float:
    r"""The largest absolute value of an eigenvalue, :math:`\rho(W) = \max_i |\lambda_i|`.

    It says what the powers of W do in the end: :math:`\lVert W^k \rVert^{1/k} \to \rho(W)` (Gelfand's formula).

    Args:
        W: a square matrix, of shape (H, H).

    Returns:
        The radius, at least 0.

    Raises:
        TypeError: not a floating-point array.
        ValueError: not square, empty, NaN or infinity.

    Source: Horn and Johnson, Matrix Analysis; chapter 08.

    >>> round(spectral_radius(np.array([[0.0, 2.0], [-2.0, 0.0]])), 4)
    2.0
    """
    return float(np.abs(np.linalg.eigvals(_square(W))).max())


def spectral_norm(W: np.ndarray) -> float:
    r"""The largest singular value, :math:`\lVert W \rVert_2 = \max_v \lVert W v \rVert / \lVert v \rVert`.

    It bounds one step: no vector grows by more. It is at least the spectral radius, and equal to it if W is normal.

    Args:
        W: a square matrix, of shape (H, H).

    Returns:
        The norm, at least 0.

    Raises:
        TypeError: not a floating-point array.
        ValueError: not square, empty, NaN or infinity.

    Source: Horn and Johnson, Matrix Analysis; chapter 08.

    >>> round(spectral_norm(np.array([[0.5, 3.0], [0.0, 0.5]])), 4)
    3.0811
    """
    return float(np.linalg.norm(_square(W), 2))


def henrici(W: np.ndarray) -> float:
    r"""Henrici's departure from normality, relative to the size of the matrix.

    .. math::
        \frac{\sqrt{\lVert W \rVert_F^2 - \sum_i |\lambda_i|^2}}{\lVert W \rVert_F}

    0 for a normal matrix (its eigenvectors can be chosen orthogonal), towards 1 for one that is mostly shear. The
    powers of a matrix that is far from normal can grow before they decay.

    Args:
        W: a square matrix, of shape (H, H).

    Returns:
        A number from 0 to 1; 0 for the zero matrix.

    Raises:
        TypeError: not a floating-point array.
        ValueError: not square, empty, NaN or infinity.

    Source: Henrici (1962); Trefethen and Embree (2005), chapter 48; chapter 08.
    """
    size = float((_square(W) ** 2).sum())
    if size == 0:
        return 0.0
    eigenvalues = float((np.abs(np.linalg.eigvals(W)) ** 2).sum())
    return float(np.sqrt(max(size - eigenvalues, 0) / size))


def with_spectral_radius(W: np.ndarray, radius: float) -> np.ndarray:
    """`W` times the number that gives it this spectral radius.

    Args:
        W: a square matrix, of shape (H, H), with an eigenvalue other than zero.
        radius: the radius wanted, at least 0.

    Returns:
        A new array of W's shape and dtype.

    Raises:
        TypeError: not a floating-point array, or `radius` not a number.
        ValueError: not square, NaN or infinity, all eigenvalues zero, or `radius` negative.

    Source: chapter 08.
    """
    check_number("radius", radius, at_least=0)
    now = spectral_radius(W)
    if now == 0:
        raise ValueError("W must have an eigenvalue other than zero to be scaled to a spectral radius, got radius 0")
    return W * W.dtype.type(radius / now)


def _square(W: np.ndarray) -> np.ndarray:
    check_array("W", W, ("H", "H"))
    if W.shape[0] != W.shape[1] or W.size == 0:
        raise ValueError(f"W must be square and not empty, got shape {W.shape}")
    return W
