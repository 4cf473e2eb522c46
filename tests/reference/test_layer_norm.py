"""Layer normalisation against torch.nn.functional.layer_norm, against central differences, and what it refuses."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnncourse.reference import gradcheck
from rnncourse.reference.layer_norm import layer_norm_backward, layer_norm_forward
from tests.reference.cell_checks import assert_same
from tests.tolerances import FINITE_DIFFERENCES, FLOAT32, FLOAT64, assert_close

# One feature has a test of its own; two come out as about ±1 whatever they are, so that dx is little but rounding.
SHAPES = [(5, 4, 3), (1, 4, 3), (6, 1, 4), (1, 1, 3), (7,), (2, 3, 4, 5), (0, 3)]


def draw(seed, shape, dtype=np.float64):
    """Random input (neither centred nor of variance 1), parameters, and a cotangent for the output."""
    rng = np.random.default_rng(seed)
    x = 2 + 3 * rng.standard_normal(shape)
    weight, bias = rng.standard_normal((2, shape[-1]))
    return tuple(a.astype(dtype) for a in (x, weight, bias, rng.standard_normal(shape)))


def run_ours(x, weight, bias, dy, eps=1e-5):
    y, cache = layer_norm_forward(x, weight, bias, eps)
    dx, grads = layer_norm_backward(dy, cache)
    return {"y": y, "x": dx, **grads}


def run_torch(x, weight, bias, dy, eps=1e-5):
    x, weight, bias = leaves = [torch.tensor(a, requires_grad=True) for a in (x, weight, bias)]
    y = torch.nn.functional.layer_norm(x, weight.shape, weight, bias, eps)
    grads = torch.autograd.grad(y, leaves, torch.from_numpy(dy))
    return {
        "y": y.detach().numpy(),
        **{n: g.numpy() for n, g in zip(("x", "weight", "bias"), grads, strict=True)},
    }


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("eps", [1e-5, 0.5])
def test_equals_torch_in_float64(shape, eps):
    case = draw(0, shape)
    assert_same(run_ours(*case, eps), run_torch(*case, eps), FLOAT64)


@pytest.mark.parametrize("eps", [1e-5, np.float64(0.5)])
def test_equals_torch_in_float32(eps):
    case = draw(1, (5, 4, 6), np.float32)
    ours = run_ours(*case, eps)
    assert {a.dtype for a in ours.values()} == {np.dtype(np.float32)}
    assert_same(ours, run_torch(*case, float(eps)), FLOAT32)


@given(seed=st.integers(0, 2**32 - 1), leading=st.lists(st.integers(1, 5), max_size=3), H=st.integers(2, 7))
@settings(max_examples=25)
def test_any_shape_equals_torch(seed, leading, H):
    case = draw(seed, (*leading, H))
    assert_same(run_ours(*case, eps=0.1), run_torch(*case, eps=0.1), FLOAT64)


def test_gradients_equal_central_differences():
    x, weight, bias, dy = draw(2, (3, 2, 5))
    gradcheck(
        lambda: float((layer_norm_forward(x, weight, bias)[0] * dy).sum()),
        {"x": x, "weight": weight, "bias": bias},
        run_ours(x, weight, bias, dy),
        tolerance=FINITE_DIFFERENCES,
    )


def test_output_has_mean_0_and_variance_1_whatever_the_scale_and_the_offset():
    x, _, _, _ = draw(3, (4, 3, 8))
    y, _ = layer_norm_forward(x, np.ones(8), np.zeros(8), eps=1e-12)
    assert_close(y.mean(-1), np.zeros((4, 3)), FLOAT64)
    assert_close(y.var(-1), np.ones((4, 3)), FLOAT64)
    again, _ = layer_norm_forward(1000 * x - 7, np.ones(8), np.zeros(8), eps=1e-12)
    assert_close(again, y, FLOAT64)


@pytest.mark.parametrize("H", [1, 4])
def test_a_constant_input_gives_the_bias(H):
    x, (_, weight, bias, dy) = np.full((2, 3, H), 3.0), draw(6, (2, 3, H))
    with np.errstate(all="raise"):
        ours = run_ours(x, weight, bias, dy)
    assert np.array_equal(ours["y"], np.broadcast_to(bias, (2, 3, H)))
    assert np.array_equal(ours["weight"], np.zeros(H))
    assert_close(ours["bias"], dy.sum((0, 1)), FLOAT64)
    along = np.sqrt(1e-5) * ours["x"] - (dy * weight - (dy * weight).mean(-1, keepdims=True))
    assert_close(along, np.zeros((2, 3, H)), FLOAT64)


BAD = {
    "list": (lambda x, w, b: (x.tolist(), w, b), TypeError, "x must be a numpy.ndarray"),
    "integers": (lambda x, w, b: (x.astype(int), w, b), TypeError, "x must be of a floating-point dtype"),
    "dtype": (lambda x, w, b: (x.astype(np.float32), w, b), TypeError, "x must have dtype float64"),
    "bias-dtype": (lambda x, w, b: (x, w, b.astype(np.float32)), TypeError, "bias must have dtype float64"),
    "features": (lambda x, w, b: (x[..., :2], w, b), ValueError, r"x must have shape \(…, 5\), got \(4, 3, 2\)"),
    "scalar": (lambda x, w, b: (x[0, 0, 0, ...], w, b), ValueError, r"x must have shape \(…, 5\)"),
    "weight-rank": (lambda x, w, b: (x, w[None], b), ValueError, r"weight must have shape \(H,\), got \(1, 5\)"),
    "bias-size": (lambda x, w, b: (x, w, b[:1]), ValueError, r"bias must have shape \(5,\), got \(1,\)"),
    "no-feature": (lambda x, w, b: (x[..., :0], w[:0], b[:0]), ValueError, "H >= 1"),
    "nan": (lambda x, w, b: (x * np.nan, w, b), ValueError, "x must be finite"),
    "infinite-weight": (lambda x, w, b: (x, w + np.inf, b), ValueError, "weight must be finite"),
    "eps": (lambda x, w, b: (x, w, b, 0.0), ValueError, "eps must be above 0, got 0.0"),
    "eps-string": (lambda x, w, b: (x, w, b, "1e-5"), TypeError, "eps must be a number"),
}


@pytest.mark.parametrize("spoil, error, message", BAD.values(), ids=BAD.keys())
def test_bad_input_is_named(spoil, error, message):
    with pytest.raises(error, match=message):
        layer_norm_forward(*spoil(*draw(4, (4, 3, 5))[:3]))


def test_bad_cotangents_are_named():
    x, weight, bias, dy = draw(5, (4, 3, 5))
    _, cache = layer_norm_forward(x, weight, bias)
    with pytest.raises(ValueError, match=r"dy must have shape \(4, 3, 5\), got \(3, 5\)"):
        layer_norm_backward(dy[0], cache)
    with pytest.raises(TypeError, match="dy must have dtype float64"):
        layer_norm_backward(dy.astype(np.float32), cache)
