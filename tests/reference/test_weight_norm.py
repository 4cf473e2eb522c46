"""Weight normalisation against torch's parametrisation, against central differences, and what it refuses."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnncourse.reference import gradcheck
from rnncourse.reference.weight_norm import weight_norm_backward, weight_norm_forward
from tests.reference.cell_checks import assert_same
from tests.tolerances import FINITE_DIFFERENCES, FLOAT32, FLOAT64, assert_close


def draw(seed, size, dtype=np.float64):
    rng = np.random.default_rng(seed)
    g, v, dw = rng.standard_normal((size[0], 1)), rng.standard_normal(size), rng.standard_normal(size)
    return tuple(a.astype(dtype) for a in (g, v, dw))


def run_ours(g, v, dw):
    w, cache = weight_norm_forward(g, v)
    dg, dv = weight_norm_backward(dw, cache)
    return {"w": w, "g": dg, "v": dv}


def run_torch(g, v, dw):
    linear = torch.nn.Linear(*v.shape[::-1], dtype=torch.from_numpy(v).dtype)
    parts = torch.nn.utils.parametrizations.weight_norm(linear).parametrizations.weight
    with torch.no_grad():
        parts.original0.copy_(torch.from_numpy(g))
        parts.original1.copy_(torch.from_numpy(v))
    w = linear.weight
    w.backward(torch.from_numpy(dw))
    return {"w": w.detach().numpy(), "g": parts.original0.grad.numpy(), "v": parts.original1.grad.numpy()}


# With one column v has no direction to turn to: dv is 0 but for rounding, and is left to a test of its own.
@pytest.mark.parametrize("size", [(4, 3), (3, 5), (1, 4), (6, 2)], ids=str)
def test_equals_torch_in_float64(size):
    assert_same(run_ours(*draw(0, size)), run_torch(*draw(0, size)), FLOAT64)


def test_equals_torch_in_float32():
    case = draw(1, (5, 4), np.float32)
    ours = run_ours(*case)
    assert {a.dtype for a in ours.values()} == {np.dtype(np.float32)}
    assert_same(ours, run_torch(*case), FLOAT32)


@given(seed=st.integers(0, 2**32 - 1), size=st.tuples(st.integers(1, 6), st.integers(2, 6)))
@settings(max_examples=25)
def test_any_shape_equals_torch(seed, size):
    assert_same(run_ours(*draw(seed, size)), run_torch(*draw(seed, size)), FLOAT64)


def test_gradients_equal_central_differences():
    g, v, dw = draw(2, (3, 4))
    gradcheck(
        lambda: float((weight_norm_forward(g, v)[0] * dw).sum()),
        {"g": g, "v": v},
        run_ours(g, v, dw),
        tolerance=FINITE_DIFFERENCES,
    )


def test_a_matrix_is_its_own_start():
    _, w, _ = draw(3, (4, 3))
    assert_close(weight_norm_forward(np.linalg.norm(w, axis=1, keepdims=True), w)[0], w, FLOAT64)


def test_the_length_of_v_does_not_matter_and_its_gradient_is_orthogonal_to_it():
    g, v, dw = draw(4, (4, 3))
    ours, scaled = run_ours(g, v, dw), run_ours(g, 10 * v, dw)
    assert_close(scaled["w"], ours["w"], FLOAT64)
    assert_close(10 * scaled["v"], ours["v"], FLOAT64)
    assert_close((ours["v"] * v).sum(1), np.zeros(4), FLOAT64)


def test_one_column_leaves_only_the_sign():
    g, v, dw = draw(5, (4, 1))
    ours = run_ours(g, v, dw)
    assert_close(ours["w"], g * np.sign(v), FLOAT64)
    assert_close(ours["v"], np.zeros((4, 1)), FLOAT64)


BAD = {
    "list": (lambda g, v: (g, v.tolist()), TypeError, "v must be a numpy.ndarray"),
    "rank": (lambda g, v: (g, v[0]), ValueError, r"v must have shape \(M, N\), got \(3,\)"),
    "g-rank": (lambda g, v: (g[:, 0], v), ValueError, r"g must have shape \(4, 1\), got \(4,\)"),
    "g-size": (lambda g, v: (g[:1], v), ValueError, r"g must have shape \(4, 1\), got \(1, 1\)"),
    "dtype": (lambda g, v: (g.astype(np.float32), v), TypeError, "g must have dtype float64"),
    "nan": (lambda g, v: (g * np.nan, v), ValueError, "g must be finite"),
    "zero-row": (lambda g, v: (g, v * [[1], [1], [0], [1]]), ValueError, "no row of length 0, got one at row 2"),
}


@pytest.mark.parametrize("spoil, error, message", BAD.values(), ids=BAD.keys())
def test_bad_input_is_named(spoil, error, message):
    with pytest.raises(error, match=message):
        weight_norm_forward(*spoil(*draw(6, (4, 3))[:2]))


def test_bad_cotangents_are_named():
    g, v, dw = draw(7, (4, 3))
    _, cache = weight_norm_forward(g, v)
    with pytest.raises(ValueError, match=r"dw must have shape \(4, 3\), got \(3, 4\)"):
        weight_norm_backward(dw.T, cache)
    with pytest.raises(TypeError, match="dw must have dtype float64"):
        weight_norm_backward(dw.astype(np.float32), cache)
