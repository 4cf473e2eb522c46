"""Class weights and label smoothing against torch; the plain loss is in test_layers.py, and its names in losses.py."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnncourse.reference import gradcheck
from rnncourse.reference.cross_entropy import cross_entropy_backward, cross_entropy_forward
from tests.tolerances import FINITE_DIFFERENCES, FLOAT32, FLOAT64, assert_close

DTYPES = {np.float64: FLOAT64, np.float32: FLOAT32}


def draw(seed, T, B, V, dtype=np.float64):
    rng = np.random.default_rng(seed)
    logits = (3 * rng.standard_normal((T, B, V))).astype(dtype)
    mask = rng.random((T, B)) < 0.6
    mask.flat[rng.integers(mask.size)] = True
    return logits, rng.integers(0, V, (T, B)), mask, rng.uniform(0.2, 3.0, V).astype(dtype)


def by_torch(logits, targets, mask, weight, smoothing):
    z = torch.tensor(logits, requires_grad=True)
    y = torch.from_numpy(targets if mask is None else np.where(mask, targets, -100)).reshape(-1)
    w = None if weight is None else torch.from_numpy(weight)
    loss = torch.nn.functional.cross_entropy(
        z.reshape(y.numel(), -1), y, weight=w, label_smoothing=smoothing, ignore_index=-100
    )
    loss.backward()
    return loss.item(), z.grad.numpy()


def by_ours(logits, targets, mask, weight, smoothing):
    loss, cache = cross_entropy_forward(logits, targets, mask, weight=weight, label_smoothing=smoothing)
    return loss, cross_entropy_backward(cache)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [(5, 3, 4), (1, 1, 2), (1, 4, 3), (6, 1, 1)], ids=str)
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("smoothing", [0, 0.1, 1.0])
def test_equals_torch(dtype, size, masked, weighted, smoothing):
    logits, targets, mask, weight = draw(0, *size, dtype)
    case = logits, targets, mask if masked else None, weight if weighted else None, smoothing
    loss, d_logits = by_ours(*case)
    assert isinstance(loss, float) and d_logits.dtype == dtype
    theirs, d_theirs = by_torch(*case)
    assert_close(loss, theirs, DTYPES[dtype])
    assert_close(d_logits, d_theirs, DTYPES[dtype])


@settings(max_examples=25)
@given(
    seed=st.integers(0, 2**32 - 1),
    size=st.tuples(st.integers(1, 5), st.integers(1, 4), st.integers(2, 6)),
    smoothing=st.floats(0, 1),
)
def test_any_shape(seed, size, smoothing):
    case = *draw(seed, *size), smoothing
    for ours, theirs in zip(by_ours(*case), by_torch(*case), strict=True):
        assert_close(ours, theirs, FLOAT64)


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_gradient_equals_central_differences(smoothing):
    logits, targets, mask, weight = draw(1, 4, 2, 3)
    case = logits, targets, mask, weight, smoothing
    gradcheck(
        lambda: by_ours(*case)[0], {"logits": logits}, {"logits": by_ours(*case)[1]}, tolerance=FINITE_DIFFERENCES
    )


def test_a_class_of_weight_zero_does_not_count():
    logits, targets, _, weight = draw(2, 5, 4, 3)
    weight[1] = 0
    loss, d_logits = by_ours(logits, targets, None, weight, 0.0)
    assert_close(loss, by_ours(logits, targets, targets != 1, weight, 0.0)[0], FLOAT64)
    assert not d_logits[targets == 1].any()


def test_smoothing_by_hand():
    # p = (1/4, 3/4), target 0: q = (0.9, 0.1), weights 2 and 1, N = 2.
    logits, weight = np.log(np.array([[[1.0, 3.0]]])), np.array([2.0, 1.0])
    loss, d_logits = by_ours(logits, np.array([[0]]), None, weight, 0.2)
    assert_close(loss, -(2 * 0.9 * np.log(0.25) + 0.1 * np.log(0.75)) / 2, FLOAT64)
    assert_close(d_logits, [[[(0.25 * 1.9 - 1.8) / 2, (0.75 * 1.9 - 0.1) / 2]]], FLOAT64)


@pytest.mark.parametrize(
    "options, error, message",
    [
        ({"weight": np.ones(3)}, ValueError, r"weight must have shape \(4,\), got \(3,\)"),
        ({"weight": np.ones((1, 4))}, ValueError, r"weight must have shape \(4,\), got \(1, 4\)"),
        ({"weight": np.ones(4, np.float32)}, TypeError, "weight must have dtype float64"),
        ({"weight": np.ones(4, int)}, TypeError, "weight must be of a floating-point dtype"),
        ({"weight": [1.0] * 4}, TypeError, "weight must be a numpy.ndarray"),
        ({"weight": np.array([1, 1, -1.0, 1])}, ValueError, "weight must be at least 0, got -1"),
        ({"weight": np.array([1, np.nan, 1, 1])}, ValueError, "weight must be finite"),
        ({"weight": np.array([0, 1.0, 1, 1])}, ValueError, "weight must be above 0 for at least one target"),
        ({"label_smoothing": 1.5}, ValueError, "label_smoothing must be at least 0 and at most 1, got 1.5"),
        ({"label_smoothing": -0.1}, ValueError, "label_smoothing must be at least 0 and at most 1, got -0.1"),
        ({"label_smoothing": "0.1"}, TypeError, "label_smoothing must be a number"),
    ],
)
def test_bad_options_are_named(options, error, message):
    with pytest.raises(error, match=message):
        cross_entropy_forward(np.zeros((2, 3, 4)), np.zeros((2, 3), int), **options)
