"""The focal loss against torch's autograd over its plain formula, and against the cross-entropy at gamma = 0."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnncourse.reference import gradcheck
from rnncourse.reference.cross_entropy import cross_entropy_backward, cross_entropy_forward
from rnncourse.reference.focal import focal_backward, focal_forward
from tests.tolerances import FINITE_DIFFERENCES, FLOAT32, FLOAT64, assert_close

DTYPES = {np.float64: FLOAT64, np.float32: FLOAT32}


def draw(seed, T, B, V, dtype=np.float64):
    rng = np.random.default_rng(seed)
    logits = (2 * rng.standard_normal((T, B, V))).astype(dtype)
    mask = rng.random((T, B)) < 0.6
    mask.flat[rng.integers(mask.size)] = True
    return logits, rng.integers(0, V, (T, B)), mask, rng.uniform(0.2, 3.0, V).astype(dtype)


def by_torch(logits, targets, mask, gamma, weight):
    z, y = torch.tensor(logits, requires_grad=True), torch.from_numpy(targets)
    p = torch.softmax(z, 2).gather(2, y[:, :, None])[:, :, 0]
    w = torch.ones_like(p) if weight is None else torch.from_numpy(weight)[y]
    kept = torch.from_numpy(np.ones(targets.shape, bool) if mask is None else mask)
    loss = -(w * (1 - p) ** gamma * torch.log(p))[kept].sum() / w[kept].sum()
    loss.backward()
    return loss.item(), z.grad.numpy()


def by_ours(logits, targets, mask, gamma, weight):
    loss, cache = focal_forward(logits, targets, mask, gamma=gamma, weight=weight)
    return loss, focal_backward(cache)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [(5, 3, 4), (1, 1, 2), (1, 4, 3), (6, 1, 2)], ids=str)
@pytest.mark.parametrize("masked, weighted", [(False, False), (True, False), (True, True)])
@pytest.mark.parametrize("gamma", [0, 0.5, 1, 2.0, 5])
def test_equals_torch(dtype, size, masked, weighted, gamma):
    logits, targets, mask, weight = draw(0, *size, dtype)
    case = logits, targets, mask if masked else None, gamma, weight if weighted else None
    loss, d_logits = by_ours(*case)
    assert isinstance(loss, float) and d_logits.dtype == dtype
    theirs, d_theirs = by_torch(*(a.astype(np.float64) if getattr(a, "dtype", None) == dtype else a for a in case))
    assert_close(loss, theirs, DTYPES[dtype])
    assert_close(d_logits, d_theirs, DTYPES[dtype])


@settings(max_examples=25)
@given(
    seed=st.integers(0, 2**32 - 1),
    size=st.tuples(st.integers(1, 5), st.integers(1, 4), st.integers(2, 6)),
    gamma=st.floats(0, 6),
)
def test_any_shape(seed, size, gamma):
    logits, targets, mask, weight = draw(seed, *size)
    case = logits, targets, mask, gamma, weight
    for ours, theirs in zip(by_ours(*case), by_torch(*case), strict=True):
        assert_close(ours, theirs, FLOAT64)


@pytest.mark.parametrize("dtype", DTYPES)
def test_gamma_zero_is_the_cross_entropy(dtype):
    logits, targets, mask, weight = draw(1, 4, 3, 5, dtype)
    loss, cache = cross_entropy_forward(logits, targets, mask, weight=weight)
    ours, d_ours = by_ours(logits, targets, mask, 0, weight)
    assert_close(ours, loss, DTYPES[dtype])
    assert_close(d_ours, cross_entropy_backward(cache), DTYPES[dtype])


@pytest.mark.parametrize("gamma", [0.0, 0.7, 2.0])
def test_gradient_equals_central_differences(gamma):
    logits, targets, mask, weight = draw(2, 4, 2, 3)
    case = logits, targets, mask, gamma, weight
    gradcheck(
        lambda: by_ours(*case)[0], {"logits": logits}, {"logits": by_ours(*case)[1]}, tolerance=FINITE_DIFFERENCES
    )


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
def test_a_certain_target_costs_nothing_and_is_finite(gamma):
    logits = np.array([[[800.0, 0.0, -5.0]]])  # p = 1 in float64
    loss, d_logits = by_ours(logits, np.array([[0]]), None, gamma, None)
    assert loss == 0 and not d_logits.any()
    loss, d_logits = by_ours(logits, np.array([[1]]), None, gamma, None)  # and a hopeless one costs what it always did
    assert_close(loss, 800.0, FLOAT64)
    assert_close(d_logits, [[[1.0, -1.0, 0.0]]], FLOAT64)


@pytest.mark.parametrize(
    "options, error, message",
    [
        ({"gamma": -1}, ValueError, "gamma must be at least 0, got -1"),
        ({"gamma": np.nan}, ValueError, "gamma must be at least 0, got nan"),
        ({"gamma": None}, TypeError, "gamma must be a number"),
        ({"weight": np.ones(3)}, ValueError, r"weight must have shape \(4,\)"),
        ({"weight": np.ones(4, np.float32)}, TypeError, "weight must have dtype float64"),
        ({"mask": np.ones((3, 2), bool)}, ValueError, r"mask must have shape \(2, 3\)"),
        ({"mask": np.zeros((2, 3), bool)}, ValueError, "mask must keep at least one position"),
        ({"targets": np.full((2, 3), 4)}, ValueError, r"targets must lie in 0 … 3, got 4"),
        ({"logits": np.full((2, 3, 4), np.inf)}, ValueError, "logits must be finite"),
    ],
)
def test_bad_input_is_named(options, error, message):
    case = {"logits": np.zeros((2, 3, 4)), "targets": np.zeros((2, 3), int)} | options
    with pytest.raises(error, match=message):
        focal_forward(**case)
