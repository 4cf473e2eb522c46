"""The causal convolution against torch's Conv1d with zeros before its input, and against central differences."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnncourse.reference import gradcheck
from rnncourse.reference.causal_conv import causal_conv_backward, causal_conv_forward
from tests.reference.autograd import by_torch
from tests.reference.cell_checks import assert_same
from tests.tolerances import FINITE_DIFFERENCES, FLOAT32, FLOAT64, assert_close

# T, B, I, O, K, dilation.
SIZES = {
    "ordinary": (9, 4, 2, 3, 4, 1),
    "dilated": (9, 4, 2, 5, 3, 2),
    "wider-than-the-sequence": (4, 3, 2, 5, 3, 5),
    "kernel-of-one": (5, 4, 2, 3, 1, 3),
    "one-step": (1, 4, 2, 3, 2, 1),
    "one-sequence": (6, 1, 3, 2, 2, 2),
    "narrow": (5, 2, 1, 1, 3, 1),
    "all-one": (1, 1, 1, 1, 1, 1),
}


def draw(seed, size, dtype=np.float64):
    T, B, I, O, K, dilation = size
    rng = np.random.default_rng(seed)
    shapes = (T, B, I), (O, I, K), (O,), (T, B, O)
    return *(rng.standard_normal(s).astype(dtype) for s in shapes), dilation


def run_ours(x, weight, bias, dy, dilation):
    y, cache = causal_conv_forward(x, weight, bias, dilation)
    dx, grads = causal_conv_backward(dy, cache)
    return {"y": y, "x": dx, **grads}


def run_torch(x, weight, bias, dy, dilation):
    def conv(x, weight, bias):
        before = (weight.shape[2] - 1) * dilation
        y = torch.nn.functional.conv1d(
            torch.nn.functional.pad(x.permute(1, 2, 0), (before, 0)), weight, bias, dilation=dilation
        )
        return {"y": y.permute(2, 0, 1)}

    return by_torch(conv, {"x": x, "weight": weight, "bias": bias}, {"y": dy})


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES.keys())
def test_equals_torch_in_float64(size):
    case = draw(0, size)
    assert_same(run_ours(*case), run_torch(*case), FLOAT64)


def test_equals_torch_in_float32():
    case = draw(1, (9, 4, 2, 5, 3, 2), np.float32)
    ours = run_ours(*case)
    assert {a.dtype for a in ours.values()} == {np.dtype(np.float32)}
    assert_same(ours, run_torch(*case), FLOAT32)


@given(
    seed=st.integers(0, 2**32 - 1),
    size=st.tuples(
        st.integers(1, 8),
        st.integers(1, 3),
        st.integers(1, 4),
        st.integers(1, 4),
        st.integers(1, 4),
        st.integers(1, 4),
    ),
)
@settings(max_examples=25)
def test_any_shape_equals_torch(seed, size):
    case = draw(seed, size)
    assert_same(run_ours(*case), run_torch(*case), FLOAT64)


def test_gradients_equal_central_differences():
    x, weight, bias, dy, dilation = draw(2, (6, 2, 2, 3, 3, 2))
    gradcheck(
        lambda: float((causal_conv_forward(x, weight, bias, dilation)[0] * dy).sum()),
        {"x": x, "weight": weight, "bias": bias},
        run_ours(x, weight, bias, dy, dilation),
        tolerance=FINITE_DIFFERENCES,
    )


def test_an_input_reaches_the_outputs_at_even_distances_after_it():
    x, weight, bias, _, dilation = draw(3, (12, 1, 2, 3, 3, 4))
    y, _ = causal_conv_forward(x, weight, bias, dilation)
    changed = x.copy()
    changed[2] += 1
    again, _ = causal_conv_forward(changed, weight, bias, dilation)
    assert np.flatnonzero((again != y).any((1, 2))).tolist() == [2, 6, 10]


def test_a_sum_over_a_window():
    x = np.arange(1.0, 8.0).reshape(7, 1, 1)
    y, _ = causal_conv_forward(x, np.ones((1, 1, 3)), np.zeros(1))
    assert_close(y.ravel(), [1, 3, 6, 9, 12, 15, 18], FLOAT64)


BAD = {
    "rank": (lambda x, w, b: (x[0], w, b, 1), ValueError, r"x must have shape \(T, B, I\), got \(4, 2\)"),
    "empty": (lambda x, w, b: (x[:0], w, b, 1), ValueError, "x must have no empty axis"),
    "no-kernel": (lambda x, w, b: (x, w[..., :0], b, 1), ValueError, "weight must have no empty axis"),
    "width": (lambda x, w, b: (x[..., :1], w, b, 1), ValueError, r"weight must have shape \(O, 1, K\), got"),
    "bias": (lambda x, w, b: (x, w, b[:1], 1), ValueError, r"bias must have shape \(3,\), got \(1,\)"),
    "dtype": (lambda x, w, b: (x, w.astype(np.float32), b, 1), TypeError, "weight must have dtype float64"),
    "nan": (lambda x, w, b: (x, w * np.nan, b, 1), ValueError, "weight must be finite"),
    "dilation": (lambda x, w, b: (x, w, b, 0), ValueError, "dilation must be at least 1, got 0"),
    "dilation-float": (lambda x, w, b: (x, w, b, 1.0), TypeError, "dilation must be an integer"),
}


@pytest.mark.parametrize("spoil, error, message", BAD.values(), ids=BAD.keys())
def test_bad_input_is_named(spoil, error, message):
    with pytest.raises(error, match=message):
        causal_conv_forward(*spoil(*draw(4, (9, 4, 2, 3, 4, 1))[:3]))


def test_bad_cotangents_are_named():
    x, weight, bias, dy, _ = draw(5, (9, 4, 2, 3, 4, 1))
    _, cache = causal_conv_forward(x, weight, bias)
    with pytest.raises(ValueError, match=r"dy must have shape \(9, 4, 3\), got \(4, 3\)"):
        causal_conv_backward(dy[0], cache)
    with pytest.raises(TypeError, match="dy must have dtype float64"):
        causal_conv_backward(dy.astype(np.float32), cache)
