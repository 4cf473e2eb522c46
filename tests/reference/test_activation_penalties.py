"""AR, TAR and the KL on the state against torch's autograd and torch.distributions, and central differences."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnncourse.reference import gradcheck
from rnncourse.reference.activation_penalties import (
    ar_backward,
    ar_forward,
    state_kl_backward,
    state_kl_forward,
    tar_backward,
    tar_forward,
)
from tests.tolerances import FINITE_DIFFERENCES, FLOAT32, FLOAT64, assert_close

DTYPES = {np.float64: FLOAT64, np.float32: FLOAT32}


def ar(h, mask):
    return h[mask].pow(2).mean()


def tar(h, mask):
    changes = [
        h[t, b] - h[t - 1, b] for b in range(h.shape[1]) for t in range(1, len(h)) if mask[t, b] and mask[t - 1, b]
    ]
    return torch.stack(changes).pow(2).mean() if changes else 0 * h.sum()


def state_kl(a, mask):
    std, mean = torch.std_mean(a[mask], 0, correction=0)
    normal = torch.distributions.Normal
    return torch.distributions.kl_divergence(normal(mean, std), normal(0 * mean, 0 * mean + 1)).mean()


PENALTIES = {
    "ar": (ar_forward, ar_backward, ar),
    "tar": (tar_forward, tar_backward, tar),
    "state-kl": (state_kl_forward, state_kl_backward, state_kl),
}
each = pytest.mark.parametrize("forward, backward, theirs", PENALTIES.values(), ids=PENALTIES.keys())


def draw(seed, T, B, H, dtype=np.float64):
    rng = np.random.default_rng(seed)
    mask = rng.random((T, B)) < 0.7
    mask[0] = True
    return (0.5 + 2 * rng.standard_normal((T, B, H))).astype(dtype), mask


def by_torch(theirs, x, mask):
    leaf = torch.tensor(x, requires_grad=True)
    loss = theirs(leaf, torch.ones(x.shape[:2], dtype=bool) if mask is None else torch.from_numpy(mask))
    loss.backward()
    return loss.item(), leaf.grad.numpy()


def by_ours(forward, backward, x, mask):
    loss, cache = forward(x, mask)
    assert isinstance(loss, float)
    return loss, backward(cache)


@each
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("size", [(5, 4, 3), (1, 3, 2), (6, 1, 2), (4, 2, 1)], ids=str)
def test_equals_torch(forward, backward, theirs, dtype, masked, size):
    x, mask = draw(0, *size, dtype)
    mask = mask if masked else None
    loss, dx = by_ours(forward, backward, x, mask)
    expected, d_expected = by_torch(theirs, x.astype(np.float64), mask)
    assert dx.dtype == dtype
    assert_close(loss, expected, DTYPES[dtype])
    assert_close(dx, d_expected, DTYPES[dtype])


@settings(max_examples=15)
@given(
    seed=st.integers(0, 2**32 - 1),
    size=st.tuples(st.integers(1, 6), st.integers(2, 4), st.integers(1, 4)),
    penalty=st.sampled_from(list(PENALTIES.values())),
)
def test_any_shape(seed, size, penalty):
    x, mask = draw(seed, *size)
    *ours, theirs = penalty
    for a, b in zip(by_ours(*ours, x, mask), by_torch(theirs, x, mask), strict=True):
        assert_close(a, b, FLOAT64)


@each
def test_gradient_equals_central_differences(forward, backward, theirs):
    x, mask = draw(1, 4, 3, 2)
    _, dx = by_ours(forward, backward, x, mask)
    gradcheck(lambda: forward(x, mask)[0], {"x": x}, {"x": dx}, tolerance=FINITE_DIFFERENCES)


@each
def test_padding_does_not_matter(forward, backward, theirs):
    x, mask = draw(2, 6, 3, 2)
    before = by_ours(forward, backward, x, mask)
    x[~mask] = 1e6
    after = by_ours(forward, backward, x, mask)
    assert before[0] == after[0] and np.array_equal(before[1], after[1])
    assert not after[1][~mask].any()


def test_by_hand():
    h = np.array([1.0, 3.0, 2.0]).reshape(3, 1, 1)
    assert_close(ar_forward(h)[0], 14 / 3, FLOAT64)
    assert_close(tar_forward(h)[0], 5 / 2, FLOAT64)
    assert_close(tar_backward(tar_forward(h)[1]).ravel(), [-2, 3, -1], FLOAT64)
    # Mean 2, biased variance 2/3.
    assert_close(state_kl_forward(h)[0], (2 / 3 + 4 - 1 - np.log(2 / 3)) / 2, FLOAT64)


def test_no_change_costs_nothing():
    x, _ = draw(3, 1, 4, 3)
    loss, dx = by_ours(tar_forward, tar_backward, x, None)
    assert loss == 0 and dx.shape == x.shape and not dx.any()
    x, _ = draw(3, 3, 2, 4)
    loss, dx = by_ours(tar_forward, tar_backward, x, np.array([[True, False], [False, True], [True, False]]))
    assert loss == 0 and dx.shape == x.shape and not dx.any()


def test_standardised_pre_activations_are_a_minimum():
    x, _ = draw(4, 30, 4, 3)
    x = (x - x.mean((0, 1))) / x.std((0, 1))
    loss, dx = by_ours(state_kl_forward, state_kl_backward, x, None)
    assert abs(loss) < FLOAT64 and np.abs(dx).max() < FLOAT64
    assert state_kl_forward(1.1 * x)[0] > 0.001 < state_kl_forward(x + 0.1)[0]


@each
@pytest.mark.parametrize(
    "spoil, error, message",
    [
        (lambda x: (x[0], None), ValueError, r"(output|a) must have shape \(T, B, H\), got \(3, 2\)"),
        (lambda x: (x[:0], None), ValueError, "mask must keep at least one position"),
        (lambda x: (x[:, :, :0], None), ValueError, "(output|a) must have H >= 1"),
        (lambda x: (x * np.inf, None), ValueError, "(output|a) must be finite"),
        (lambda x: (x.astype(int), None), TypeError, "(output|a) must be of a floating-point dtype"),
        (lambda x: (x, np.ones((4, 3))), TypeError, "mask must be a boolean"),
        (lambda x: (x, np.ones((4, 3, 1), bool)), ValueError, r"mask must have shape \(4, 3\), got \(4, 3, 1\)"),
        (lambda x: (x, np.zeros((4, 3), bool)), ValueError, "mask must keep at least one position"),
    ],
)
def test_bad_input_is_named(forward, backward, theirs, spoil, error, message):
    with pytest.raises(error, match=message):
        forward(*spoil(draw(5, 4, 3, 2)[0]))


def test_a_unit_that_does_not_vary_is_named():
    x, _ = draw(6, 4, 3, 2)
    x[:, :, 1] = 0.1
    with pytest.raises(ValueError, match=r"a must vary within each unit, got 0\.1 at all 12 positions of unit 1"):
        state_kl_forward(x)
    with pytest.raises(ValueError, match="at all 1 positions of unit 0"):
        state_kl_forward(x[:1, :1])
