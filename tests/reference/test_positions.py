"""Positions: the sinusoidal ones against their formula number by number, the learned ones against torch's embedding."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnncourse.reference import gradcheck
from rnncourse.reference.positions import (
    learned_positions_backward,
    learned_positions_forward,
    sinusoidal_positions,
)
from tests.reference.autograd import by_torch
from tests.reference.cell_checks import assert_same
from tests.tolerances import FINITE_DIFFERENCES, FLOAT32, FLOAT64, assert_close


@pytest.mark.parametrize("T, size, start", [(5, 4, 0), (1, 2, 0), (7, 6, 3), (3, 10, 1000)])
def test_sinusoidal_positions_equal_the_formula(T, size, start):
    expected = [
        [
            math.sin(t / 10000 ** (k / size)) if k % 2 == 0 else math.cos(t / 10000 ** ((k - 1) / size))
            for k in range(size)
        ]
        for t in range(start, start + T)
    ]
    assert_close(sinusoidal_positions(T, size, start=start), expected, FLOAT64)
    single = sinusoidal_positions(T, size, start=start, dtype=np.float32)
    assert single.dtype == np.float32
    assert_close(single, expected, FLOAT32)


def test_a_shift_is_a_rotation_of_every_pair():
    p, k = sinusoidal_positions(40, 8), 7
    for i in range(4):
        angle = k / 10000 ** (2 * i / 8)
        turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
        assert_close(p[k:, 2 * i : 2 * i + 2], p[:-k, 2 * i : 2 * i + 2] @ turn.T, FLOAT64)


def draw(seed, T, B, E, N, dtype=np.float64):
    rng = np.random.default_rng(seed)
    return tuple(rng.standard_normal(s).astype(dtype) for s in ((T, B, E), (N, E), (T, B, E)))


def run_ours(x, weight, dy, start):
    y, cache = learned_positions_forward(x, weight, start=start)
    dx, grads = learned_positions_backward(dy, cache)
    return {"y": y, "x": dx, **grads}


def run_torch(x, weight, dy, start):
    ids = torch.arange(start, start + len(x))[:, None]
    return by_torch(
        lambda x, weight: {"y": x + torch.nn.functional.embedding(ids, weight)}, {"x": x, "weight": weight}, {"y": dy}
    )


@pytest.mark.parametrize("T, B, E, N, start", [(5, 4, 3, 8, 2), (5, 4, 3, 5, 0), (1, 2, 3, 4, 3), (4, 1, 1, 6, 1)])
def test_learned_positions_equal_torch(T, B, E, N, start):
    case = draw(0, T, B, E, N)
    assert_same(run_ours(*case, start), run_torch(*case, start), FLOAT64)


def test_learned_positions_equal_torch_in_float32():
    case = draw(1, 5, 4, 3, 8, np.float32)
    ours = run_ours(*case, 2)
    assert {a.dtype for a in ours.values()} == {np.dtype(np.float32)}
    assert_same(ours, run_torch(*case, 2), FLOAT32)


@given(
    seed=st.integers(0, 2**32 - 1),
    size=st.tuples(st.integers(1, 5), st.integers(1, 4), st.integers(1, 4)),
    start=st.integers(0, 4),
    spare=st.integers(0, 3),
)
@settings(max_examples=25)
def test_any_shape_equals_torch(seed, size, start, spare):
    case = draw(seed, *size, size[0] + start + spare)
    assert_same(run_ours(*case, start), run_torch(*case, start), FLOAT64)


def test_gradients_equal_central_differences():
    x, weight, dy = draw(2, 4, 3, 2, 7)
    gradcheck(
        lambda: float((learned_positions_forward(x, weight, start=2)[0] * dy).sum()),
        {"x": x, "weight": weight},
        run_ours(x, weight, dy, 2),
        tolerance=FINITE_DIFFERENCES,
    )


def test_the_gradient_is_not_the_callers_array():
    x, weight, dy = draw(3, 4, 3, 2, 7)
    dx = run_ours(x, weight, dy, 0)["x"]
    dx += 1
    assert not np.shares_memory(dx, dy)


BAD_SINUSOIDAL = {
    "odd": ((4, 5), {}, ValueError, "size must be even, .* got 5"),
    "zero": ((4, 0), {}, ValueError, "size must be at least 2"),
    "fraction": ((4.0, 2), {}, TypeError, "T must be an integer"),
    "no-step": ((0, 2), {}, ValueError, "T must be at least 1"),
    "start": ((4, 2), {"start": -1}, ValueError, "start must be at least 0"),
    "dtype": ((4, 2), {"dtype": int}, TypeError, "dtype must be float32 or float64, got int64"),
}


@pytest.mark.parametrize("arguments, options, error, message", BAD_SINUSOIDAL.values(), ids=BAD_SINUSOIDAL.keys())
def test_bad_input_of_the_sinusoidal_positions_is_named(arguments, options, error, message):
    with pytest.raises(error, match=message):
        sinusoidal_positions(*arguments, **options)


BAD = {
    "rank": (lambda x, w: (x[0], w, 0), ValueError, r"x must have shape \(T, B, E\), got \(3, 2\)"),
    "width": (lambda x, w: (x, w[:, :1], 0), ValueError, r"weight must have shape \(N, 2\), got \(7, 1\)"),
    "dtype": (lambda x, w: (x, w.astype(np.float32), 0), TypeError, "weight must have dtype float64"),
    "nan": (lambda x, w: (x * np.nan, w, 0), ValueError, "x must be finite"),
    "start": (lambda x, w: (x, w, -1), ValueError, "start must be at least 0, got -1"),
    "start-float": (lambda x, w: (x, w, 1.0), TypeError, "start must be an integer"),
    "long": (lambda x, w: (x, w, 4), ValueError, r"within the N=7 positions of weight, got 4 \+ T=4"),
}


@pytest.mark.parametrize("spoil, error, message", BAD.values(), ids=BAD.keys())
def test_bad_input_is_named(spoil, error, message):
    x, weight, start = spoil(*draw(4, 4, 3, 2, 7)[:2])
    with pytest.raises(error, match=message):
        learned_positions_forward(x, weight, start=start)


def test_bad_cotangents_are_named():
    x, weight, dy = draw(5, 4, 3, 2, 7)
    _, cache = learned_positions_forward(x, weight)
    with pytest.raises(ValueError, match=r"dy must have shape \(4, 3, 2\), got \(3, 2\)"):
        learned_positions_backward(dy[0], cache)
    with pytest.raises(TypeError, match="dy must have dtype float64"):
        learned_positions_backward(dy.astype(np.float32), cache)
