"""Embedding, linear map, softmax and cross-entropy against torch, and against central differences."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rnncourse.reference import (
    bits_per_character,
    cross_entropy_backward,
    cross_entropy_forward,
    embedding_backward,
    embedding_forward,
    gradcheck,
    linear_backward,
    linear_forward,
    log_softmax,
    perplexity,
    softmax,
)
from tests.tolerances import FINITE_DIFFERENCES, FLOAT32, FLOAT64, assert_close

DTYPES = {np.float64: FLOAT64, np.float32: FLOAT32}


@pytest.mark.parametrize("dtype", DTYPES)
@given(
    seed=st.integers(0, 2**32 - 1), T=st.integers(1, 6), B=st.integers(1, 4), V=st.integers(1, 5), E=st.integers(1, 4)
)
def test_embedding_equals_torch(dtype, seed, T, B, V, E):
    rng = np.random.default_rng(seed)
    ids = rng.integers(0, V, (T, B))
    weight, d = rng.standard_normal((V, E)).astype(dtype), rng.standard_normal((T, B, E)).astype(dtype)
    w = torch.tensor(weight, requires_grad=True)
    theirs = torch.nn.functional.embedding(torch.from_numpy(ids), w)
    (theirs * torch.from_numpy(d)).sum().backward()
    ours, cache = embedding_forward(ids, weight)
    assert np.array_equal(ours, theirs.detach().numpy())
    assert_close(embedding_backward(d, cache)["weight"], w.grad.numpy(), DTYPES[dtype])


def test_embedding_refuses_symbols_outside_the_vocabulary():
    weight = np.ones((3, 2))
    for bad in (-1, 3):
        with pytest.raises(ValueError, match=f"ids must lie in 0 … 2, got {bad}"):
            embedding_forward(np.array([0, bad]), weight)
    with pytest.raises(TypeError, match="ids must be an integer"):
        embedding_forward(np.array([0.0]), weight)
    with pytest.raises(TypeError, match="ids must be an integer"):
        embedding_forward([0, 1], weight)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("leading", [(5, 4), (3,), (), (1, 1)], ids=str)
def test_linear_equals_torch(dtype, leading):
    rng = np.random.default_rng(0)
    N, M = 3, 2
    arrays = [rng.standard_normal(s).astype(dtype) for s in ((*leading, N), (M, N), (M,), (*leading, M))]
    x, weight, bias = (torch.tensor(a, requires_grad=True) for a in arrays[:3])
    theirs = torch.nn.functional.linear(x, weight, bias)
    (theirs * torch.tensor(arrays[3])).sum().backward()
    ours, cache = linear_forward(*arrays[:3])
    dx, grads = linear_backward(arrays[3], cache)
    assert_close(ours, theirs.detach().numpy(), DTYPES[dtype])
    assert_close(dx, x.grad.numpy(), DTYPES[dtype])
    assert_close(grads["weight"], weight.grad.numpy(), DTYPES[dtype])
    assert_close(grads["bias"], bias.grad.numpy(), DTYPES[dtype])


def test_linear_gradients_equal_central_differences():
    rng = np.random.default_rng(1)
    arrays = {
        "x": rng.standard_normal((4, 2, 3)),
        "weight": rng.standard_normal((5, 3)),
        "bias": rng.standard_normal(5),
    }
    d = rng.standard_normal((4, 2, 5))
    _, cache = linear_forward(**arrays)
    dx, grads = linear_backward(d, cache)
    gradcheck(
        lambda: float((linear_forward(**arrays)[0] * d).sum()), arrays, {"x": dx, **grads}, tolerance=FINITE_DIFFERENCES
    )


def test_linear_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match=r"x must have shape \(…, 3\), got \(4, 2\)"):
        linear_forward(np.ones((4, 2)), np.ones((5, 3)), np.ones(5))
    with pytest.raises(ValueError, match=r"bias must have shape \(5,\), got \(1,\)"):
        linear_forward(np.ones((4, 3)), np.ones((5, 3)), np.ones(1))


def test_softmax_of_huge_scores_is_finite_and_shift_changes_nothing():
    z = np.array([[1000.0, 1000.0, -1000.0], [0.0, math.log(2.0), math.log(5.0)]])
    assert_close(softmax(z), [[0.5, 0.5, 0.0], [1 / 8, 2 / 8, 5 / 8]], FLOAT64)
    assert_close(log_softmax(z - 77.0), log_softmax(z), FLOAT64)
    assert log_softmax(z)[0, 2] == -2000.0 - math.log(2.0)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("masked", [False, True])
def test_cross_entropy_equals_torch(dtype, masked):
    rng = np.random.default_rng(2)
    T, B, V = 5, 3, 4
    logits, targets = (5 * rng.standard_normal((T, B, V))).astype(dtype), rng.integers(0, V, (T, B))
    mask = rng.random((T, B)) < 0.6 if masked else None
    z = torch.tensor(logits, requires_grad=True)
    y = torch.from_numpy(targets if mask is None else np.where(mask, targets, -100))
    theirs = torch.nn.functional.cross_entropy(z.reshape(T * B, V), y.reshape(T * B), ignore_index=-100)
    theirs.backward()
    loss, cache = cross_entropy_forward(logits, targets, mask)
    d_logits = cross_entropy_backward(cache)
    assert d_logits.dtype == dtype
    assert_close(loss, theirs.item(), DTYPES[dtype])
    assert_close(d_logits, z.grad.numpy(), DTYPES[dtype])


def test_cross_entropy_gradient_equals_central_differences():
    rng = np.random.default_rng(3)
    logits, targets, mask = rng.standard_normal((4, 2, 3)), rng.integers(0, 3, (4, 2)), rng.random((4, 2)) < 0.7
    _, cache = cross_entropy_forward(logits, targets, mask)
    gradcheck(
        lambda: cross_entropy_forward(logits, targets, mask)[0],
        {"logits": logits},
        {"logits": cross_entropy_backward(cache)},
        tolerance=FINITE_DIFFERENCES,
    )


def test_cross_entropy_of_even_scores_is_the_log_of_their_number():
    loss, _ = cross_entropy_forward(np.zeros((2, 3, 7)), np.zeros((2, 3), int))
    assert_close(loss, math.log(7), FLOAT64)
    assert_close(perplexity(loss), 7, FLOAT64)
    assert_close(bits_per_character(loss), math.log2(7), FLOAT64)


@pytest.mark.parametrize(
    "targets, mask, error, message",
    [
        (np.full((2, 3), 4), None, ValueError, r"targets must lie in 0 … 3, got 4"),
        (np.zeros((3, 2), int), None, ValueError, r"targets must have shape \(2, 3\)"),
        (np.zeros((2, 3)), None, TypeError, "targets must be an integer"),
        (np.zeros((2, 3), int), np.zeros((2, 3), bool), ValueError, "at least one position"),
        (np.zeros((2, 3), int), np.ones((2, 3)), TypeError, "mask must be a boolean"),
        (np.zeros((2, 3), int), np.ones((3, 2), bool), ValueError, "mask must have shape"),
    ],
)
def test_cross_entropy_names_bad_input(targets, mask, error, message):
    with pytest.raises(error, match=message):
        cross_entropy_forward(np.zeros((2, 3, 4)), targets, mask)


@pytest.mark.parametrize("unit", [perplexity, bits_per_character])
@pytest.mark.parametrize("bad", [-0.1, math.nan, math.inf])
def test_units_refuse_what_is_no_loss(unit, bad):
    with pytest.raises(ValueError, match="nats must be at least 0"):
        unit(bad)


def test_an_empty_embedding():
    output, cache = embedding_forward(np.zeros((0, 2), int), np.ones((3, 4)))
    assert output.shape == (0, 2, 4)
    assert not embedding_backward(np.zeros((0, 2, 4)), cache)["weight"].any()
