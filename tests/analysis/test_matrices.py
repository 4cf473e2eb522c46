"""Spectral radius, norm and departure from normality, against closed forms and torch."""

import numpy as np
import pytest
import torch

from rnncourse.analysis import henrici, spectral_norm, spectral_radius, with_spectral_radius
from rnncourse.reference import orthogonal
from tests.tolerances import FLOAT64


@pytest.mark.parametrize("H", [1, 2, 7, 30])
def test_against_torch(H):
    W = np.random.default_rng(H).standard_normal((H, H))
    assert spectral_radius(W) == pytest.approx(
        float(torch.linalg.eigvals(torch.from_numpy(W)).abs().max()), rel=FLOAT64
    )
    assert spectral_norm(W) == pytest.approx(float(torch.linalg.svdvals(torch.from_numpy(W)).max()), rel=FLOAT64)
    assert spectral_norm(W) >= spectral_radius(W) * (1 - FLOAT64)


def test_a_shear():
    W = np.array([[0.5, 3.0], [0.0, 0.5]])
    assert spectral_radius(W) == pytest.approx(0.5)
    assert henrici(W) == pytest.approx(3 / np.sqrt(9.5))


@pytest.mark.parametrize("W", [np.diag([3.0, -1.0]), orthogonal(np.random.default_rng(0), (5, 5)), np.zeros((2, 2))])
def test_a_normal_matrix_has_no_departure(W):
    assert henrici(W) == pytest.approx(0, abs=1e-7)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scaling(dtype):
    W = np.random.default_rng(0).standard_normal((6, 6)).astype(dtype)
    scaled = with_spectral_radius(W, 1.3)
    assert scaled.dtype == dtype
    assert spectral_radius(scaled) == pytest.approx(1.3, rel=1e-5)
    np.testing.assert_allclose(scaled / W, (scaled / W)[0, 0], rtol=1e-5)


def test_refuses_what_is_no_square_matrix():
    for f in (spectral_radius, spectral_norm, henrici):
        with pytest.raises(ValueError, match=r"W must be square and not empty, got shape \(2, 3\)"):
            f(np.ones((2, 3)))
        with pytest.raises(ValueError, match="must be finite"):
            f(np.full((2, 2), np.nan))
        with pytest.raises(TypeError, match="floating-point"):
            f(np.eye(2, dtype=int))
    with pytest.raises(ValueError, match="eigenvalue other than zero"):
        with_spectral_radius(np.array([[0.0, 1.0], [0.0, 0.0]]), 1.0)
    with pytest.raises(ValueError, match="radius"):
        with_spectral_radius(np.eye(2), -1.0)
