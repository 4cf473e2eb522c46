"""The adding task: what is marked, what is asked, and its yardsticks."""

import numpy as np
import pytest

from rnncourse.data import adding


@pytest.mark.parametrize("T", [2, 3, 10, 11])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_marker_in_each_half_and_their_sum(T, dtype):
    x, y = adding(np.random.default_rng(0), T, 50, dtype)
    assert x.shape == (T, 50, 2) and y.shape == (50,) and x.dtype == y.dtype == dtype
    values, markers = x[:, :, 0], x[:, :, 1]
    assert values.min() >= 0 and values.max() < 1
    assert set(np.unique(markers)) <= {0, 1}
    assert (markers[: T // 2].sum(0) == 1).all() and (markers[T // 2 :].sum(0) == 1).all()
    np.testing.assert_allclose((values * markers).sum(0), y, rtol=1e-6)


def test_every_place_is_drawn():
    x, _ = adding(np.random.default_rng(1), 7, 2000)
    share = x[:, :, 1].mean(1)
    np.testing.assert_allclose(share[:3], 1 / 3, atol=0.05)
    np.testing.assert_allclose(share[3:], 1 / 4, atol=0.05)


def test_yardsticks():
    x, y = adding(np.random.default_rng(2), 12, 200_000)
    later = (x[6:, :, 0] * x[6:, :, 1]).sum(0)
    assert np.mean((y - 1) ** 2) == pytest.approx(1 / 6, rel=0.01)
    assert np.mean((y - later - 0.5) ** 2) == pytest.approx(1 / 12, rel=0.01)


def test_same_generator_same_draw():
    for a, b in zip(adding(np.random.default_rng(3), 5, 4), adding(np.random.default_rng(3), 5, 4), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("T, B", [(1, 4), (5, 0)])
def test_sizes_too_small(T, B):
    with pytest.raises(ValueError, match="at least"):
        adding(np.random.default_rng(0), T, B)


def test_wrong_dtype():
    with pytest.raises(TypeError, match="dtype must be float32 or float64, got int64"):
        adding(np.random.default_rng(0), 4, 4, np.int64)
