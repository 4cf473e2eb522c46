"""GELU against torch.nn.functional.gelu, against its definition as a probability, and against central differences."""

import math
import statistics

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnncourse.reference import gradcheck
from rnncourse.reference.gelu import gelu_backward, gelu_forward
from tests.reference.autograd import by_torch
from tests.reference.cell_checks import assert_same
from tests.tolerances import FINITE_DIFFERENCES, FLOAT32, FLOAT64, assert_close

FORMS = pytest.mark.parametrize("approximate", ["none", "tanh"])


def draw(seed, shape, dtype=np.float64):
    rng = np.random.default_rng(seed)
    return (2 * rng.standard_normal(shape)).astype(dtype), rng.standard_normal(shape).astype(dtype)


def run_ours(x, dy, approximate):
    y, cache = gelu_forward(x, approximate)
    return {"y": y, "x": gelu_backward(dy, cache)}


def run_torch(x, dy, approximate):
    return by_torch(lambda x: {"y": torch.nn.functional.gelu(x, approximate=approximate)}, {"x": x}, {"y": dy})


@FORMS
@pytest.mark.parametrize("shape", [(5, 4, 3), (7,), (1, 1), (), (0, 3)], ids=str)
def test_equals_torch_in_float64(shape, approximate):
    x, dy = (np.array(a) for a in draw(0, shape))
    assert_same(run_ours(x, dy, approximate), run_torch(x, dy, approximate), FLOAT64)


@FORMS
def test_equals_torch_in_float32(approximate):
    case = draw(1, (50, 3), np.float32)
    ours = run_ours(*case, approximate)
    assert {a.dtype for a in ours.values()} == {np.dtype(np.float32)}
    assert_same(ours, run_torch(*case, approximate), FLOAT32)


@FORMS
@given(seed=st.integers(0, 2**32 - 1), shape=st.lists(st.integers(1, 5), min_size=1, max_size=3).map(tuple))
@settings(max_examples=20)
def test_any_shape_equals_torch(approximate, seed, shape):
    x, dy = draw(seed, shape)
    x = np.where(np.abs(x) > 0.05, x, 1)  # near 0, y is too small to be compared by its largest entry
    assert_same(run_ours(x, dy, approximate), run_torch(x, dy, approximate), FLOAT64)


@FORMS
def test_gradients_equal_central_differences(approximate):
    x, dy = draw(2, (4, 5))
    gradcheck(
        lambda: float((gelu_forward(x, approximate)[0] * dy).sum()),
        {"x": x},
        run_ours(x, dy, approximate),
        tolerance=FINITE_DIFFERENCES,
    )


def test_the_exact_form_is_x_times_a_probability():
    x = np.linspace(-3, 3, 61)
    normal = statistics.NormalDist()
    assert_close(gelu_forward(x)[0], [value * normal.cdf(value) for value in x], FLOAT64)


def test_the_far_left_tail_keeps_its_digits():
    # Mills' ratio: Phi(-t) = phi(t) / (t + 1 / (t + 2 / (t + 3 / …))).
    t, fraction = 20.0, 20.0
    for k in range(200, 0, -1):
        fraction = t + k / fraction
    phi = math.exp(-t * t / 2) / math.sqrt(2 * math.pi)
    assert_close(gelu_forward(np.array([-t]))[0], [-t * phi / fraction], FLOAT64)


def test_the_two_forms_differ_by_less_than_they_say():
    x = np.linspace(-6, 6, 12001)
    apart = np.abs(gelu_forward(x)[0] - gelu_forward(x, "tanh")[0]).max()
    assert 4e-4 < apart < 5e-4


@FORMS
def test_saturated_units_stay_finite(approximate):
    x = np.array([-1e4, -40.0, 40.0, 1e4])
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        ours = run_ours(x, np.ones(4), approximate)
    assert_close(ours["y"], [0, 0, 40, 1e4], FLOAT64)
    assert_close(ours["x"], [0, 0, 1, 1], FLOAT64)


BAD = {
    "list": (lambda x: (x.tolist(), "none"), TypeError, "x must be a numpy.ndarray"),
    "integers": (lambda x: (x.astype(int), "none"), TypeError, "x must be of a floating-point dtype"),
    "nan": (lambda x: (x * np.nan, "none"), ValueError, "x must be finite"),
    "form": (lambda x: (x, "erf"), ValueError, "approximate must be one of 'none', 'tanh', got 'erf'"),
}


@pytest.mark.parametrize("spoil, error, message", BAD.values(), ids=BAD.keys())
def test_bad_input_is_named(spoil, error, message):
    with pytest.raises(error, match=message):
        gelu_forward(*spoil(draw(3, (4, 3))[0]))


def test_bad_cotangents_are_named():
    x, dy = draw(4, (4, 3))
    _, cache = gelu_forward(x)
    with pytest.raises(ValueError, match=r"dy must have shape \(4, 3\), got \(3,\)"):
        gelu_backward(dy[0], cache)
    with pytest.raises(TypeError, match="dy must have dtype float64"):
        gelu_backward(dy.astype(np.float32), cache)
