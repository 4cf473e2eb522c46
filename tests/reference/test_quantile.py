"""The quantile loss against torch's autograd, against the quantiles of data, and against central differences."""

import numpy as np
import pytest
import torch

from rnncourse.reference import gradcheck
from rnncourse.reference.quantile import quantile_backward, quantile_forward
from tests.tolerances import FINITE_DIFFERENCES, FLOAT32, FLOAT64, assert_close

DTYPES = {np.float64: FLOAT64, np.float32: FLOAT32}


def draw(seed, shape, Q, dtype=np.float64):
    rng = np.random.default_rng(seed)
    levels = rng.uniform(0.05, 0.95, Q)
    return (a.astype(dtype) for a in (rng.standard_normal((*shape, Q)), rng.standard_normal(shape), levels))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape, Q", [((), 1), ((7,), 1), ((5, 3), 4), ((1, 1), 2), ((2, 4, 3), 5)], ids=str)
def test_equals_torch(dtype, shape, Q):
    output, targets, levels = draw(0, shape, Q, dtype)
    o = torch.tensor(output, requires_grad=True)
    q, below = torch.from_numpy(levels), torch.tensor(targets)[..., None] > o
    # Written as two one-sided absolute errors, not as a maximum.
    distance = (torch.tensor(targets)[..., None] - o).abs()
    theirs = (q * distance * below + (1 - q) * distance * ~below).mean()
    theirs.backward()
    loss, cache = quantile_forward(output, targets, levels)
    d_output = quantile_backward(cache)
    assert isinstance(loss, float) and d_output.dtype == dtype
    assert_close(loss, theirs.item(), DTYPES[dtype])
    assert_close(d_output, o.grad.numpy(), DTYPES[dtype])


def test_gradient_equals_central_differences():
    output, targets, levels = draw(1, (4, 2), 3)
    gradcheck(
        lambda: quantile_forward(output, targets, levels)[0],
        {"output": output},
        {"output": quantile_backward(quantile_forward(output, targets, levels)[1])},
        tolerance=FINITE_DIFFERENCES,
    )


def test_the_minimum_is_the_quantile_of_the_data():
    levels = np.array([0.75, 0.1, 0.5])
    data = np.random.default_rng(2).exponential(size=41)
    best = np.quantile(data, levels, method="inverted_cdf")
    losses = np.array([quantile_forward(np.full((41, 1), c), data, levels[:1])[0] for c in data])
    assert data[losses.argmin()] == best[0]
    at_best = quantile_forward(np.tile(best, (41, 1)), data, levels)[0]
    for nudge in (-0.01, 0.01):
        assert quantile_forward(np.tile(best + nudge, (41, 1)), data, levels)[0] > at_best


def test_the_slopes_and_the_kink():
    levels = np.array([0.2, 0.5, 0.9])
    _, cache = quantile_forward(np.array([[0.0] * 3, [1.0] * 3, [2.0] * 3]), np.ones(3), levels)
    assert_close(9 * quantile_backward(cache), [[-0.2, -0.5, -0.9], [0, 0, 0], [0.8, 0.5, 0.1]], FLOAT64)


def test_the_median_halves_the_absolute_error():
    output, targets, _ = draw(3, (6, 2), 1)
    loss, _ = quantile_forward(output, targets, np.array([0.5]))
    assert_close(loss, np.abs(targets - output[..., 0]).mean() / 2, FLOAT64)


@pytest.mark.parametrize(
    "spoil, error, message",
    [
        (lambda o, y, q: (o[..., :2], y, q), ValueError, r"output must have shape \(4, 2, 3\), got \(4, 2, 2\)"),
        (lambda o, y, q: (o, y[:1], q), ValueError, r"output must have shape \(1, 2, 3\), got \(4, 2, 3\)"),
        (lambda o, y, q: (o, y[..., None], q), ValueError, r"output must have shape \(4, 2, 1, 3\)"),
        (lambda o, y, q: (o, y.astype(np.float32), q), TypeError, "targets must have dtype float64"),
        (lambda o, y, q: (o.astype(np.float32), y, q), TypeError, "output must have dtype float64"),
        (lambda o, y, q: (o, y * np.nan, q), ValueError, "targets must be finite"),
        (lambda o, y, q: (o, y, q[None]), ValueError, r"levels must have shape \(Q,\)"),
        (lambda o, y, q: (o, y, np.array([0.1, 0.5, 1.0])), ValueError, r"levels must be .* in \(0, 1\)"),
        (lambda o, y, q: (o, y, np.array([0.0, 0.5, 0.9])), ValueError, r"levels must be .* in \(0, 1\)"),
        (lambda o, y, q: (o[..., :0], y, q[:0]), ValueError, "levels must be one or more"),
        (lambda o, y, q: (o[:0], y[:0], q), ValueError, "targets must have at least one entry"),
        (lambda o, y, q: (o, list(y), q), TypeError, "targets must be a numpy.ndarray"),
    ],
)
def test_bad_input_is_named(spoil, error, message):
    with pytest.raises(error, match=message):
        quantile_forward(*spoil(*draw(4, (4, 2), 3)))
