"""The linear recurrence: against a naive torch loop, against exact fractions, and at lengths where products vanish."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnncourse.reference import gradcheck
from rnncourse.reference.linear_scan import linear_scan_backward, linear_scan_forward
from tests.tolerances import FINITE_DIFFERENCES, FLOAT32, FLOAT64, assert_close

METHODS = ["parallel", "sequential"]
SIZES = [(5, 4, 3), (1, 4, 3), (2, 3, 2), (8, 1, 3), (7, 3, 1), (1, 1, 1), (33, 2, 5)]


def draw(seed, T, B, H, dtype=np.float64):
    """a, b, h_0 and cotangents of the outputs and of the last state; a holds zeros, ones and negative numbers too."""
    rng = np.random.default_rng(seed)
    a, b, d_output = (rng.standard_normal((T, B, H)).astype(dtype) for _ in range(3))
    a = np.where(rng.random(a.shape) < 0.2, np.round(a), a)
    h_0, d_h_n = (rng.standard_normal((B, H)).astype(dtype) for _ in range(2))
    return a, b, h_0, d_output, d_h_n


def run_ours(a, b, h_0, d_output, d_h_n, method):
    output, h_n, cache = linear_scan_forward(a, b, h_0, method=method)
    da, db, dh_0 = linear_scan_backward(d_output, d_h_n, cache)
    return {"output": output, "h_n": h_n, "a": da, "b": db, "h_0": dh_0}


def run_loop(a, b, h_0, d_output, d_h_n):
    a, b, h_0 = leaves = [torch.tensor(array, requires_grad=True) for array in (a, b, h_0)]
    h, output = h_0, []
    for t in range(len(a)):
        h = a[t] * h + b[t]
        output.append(h)
    output = torch.stack(output)
    loss = (output * torch.from_numpy(d_output)).sum() + (h * torch.from_numpy(d_h_n)).sum()
    grads = dict(zip(("a", "b", "h_0"), torch.autograd.grad(loss, leaves), strict=True))
    return {k: v.detach().numpy() for k, v in {"output": output, "h_n": h, **grads}.items()}


def assert_same(ours, theirs, tolerance):
    assert set(ours) == set(theirs)
    for name in theirs:
        assert_close(ours[name], theirs[name], tolerance, name)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("size", SIZES)
def test_equals_the_torch_loop(size, method):
    case = draw(0, *size)
    assert_same(run_ours(*case, method), run_loop(*case), FLOAT64)
    case = draw(1, *size, dtype=np.float32)
    ours = run_ours(*case, method)
    assert {a.dtype for a in ours.values()} == {np.dtype(np.float32)}
    assert_same(ours, run_loop(*case), FLOAT32)


@settings(max_examples=30)
@given(
    seed=st.integers(0, 2**32 - 1),
    T=st.integers(1, 40),
    B=st.integers(1, 3),
    H=st.integers(1, 3),
    method=st.sampled_from(METHODS),
)
def test_any_shape_equals_the_torch_loop(seed, T, B, H, method):
    case = draw(seed, T, B, H)
    assert_same(run_ours(*case, method), run_loop(*case), FLOAT64)


@pytest.mark.parametrize("method", METHODS)
def test_equals_the_sum_of_products_in_exact_fractions(method):
    T = 21
    a, b, h_0, _, _ = draw(2, T, 1, 1)
    exact_a, exact_b = ([Fraction(float(v)) for v in array.ravel()] for array in (a, b))
    expected = []
    for t in range(T):  # h_0 and every b_s, times all the a's after it
        total = Fraction(0)
        for s, term in enumerate([Fraction(float(h_0[0, 0])), *exact_b[: t + 1]]):
            for r in range(s, t + 1):
                term *= exact_a[r]
            total += term
        expected.append(float(total))
    assert_close(linear_scan_forward(a, b, h_0, method=method)[0].ravel(), np.array(expected), FLOAT64)


@pytest.mark.parametrize("method", METHODS)
def test_gradients_equal_central_differences(method):
    a, b, h_0, d_output, d_h_n = case = draw(3, 6, 3, 2)

    def loss():
        output, h_n, _ = linear_scan_forward(a, b, h_0, method=method)
        return float((output * d_output).sum() + (h_n * d_h_n).sum())

    gradcheck(loss, {"a": a, "b": b, "h_0": h_0}, run_ours(*case, method), tolerance=FINITE_DIFFERENCES)


LONG = 65_536


def test_a_long_sequence_has_its_closed_form():
    # One unit each: a sum of ones, a geometric series, memory of one part in a million, none at all.
    a = np.broadcast_to(np.array([1.0, 0.5, 1 - 1e-6, 1e-300]), (LONG, 1, 4)).copy()
    t = np.arange(1, LONG + 1.0)
    slow = -np.expm1(t * np.log1p(-1e-6)) / 1e-6
    expected = np.stack([t, 2 - 2 * 0.5**t, slow, np.ones(LONG)], -1)[:, None]
    output, _, cache = linear_scan_forward(a, np.ones_like(a), np.zeros((1, 4)))
    for k in range(4):
        assert_close(output[..., k], expected[..., k], FLOAT64, str(k))
    _, db, dh_0 = linear_scan_backward(np.ones_like(a), None, cache)
    assert_close(db, expected[::-1], FLOAT64)
    assert_close(dh_0, a[0] * expected[-1], FLOAT64)


def test_long_sequences_are_the_loop_without_overflow_or_division():
    rng = np.random.default_rng(4)
    a = 1 - rng.random((LONG, 1, 2))  # in (0, 1]
    a[:, :, 1] **= 40.0  # some as small as 1e-180: products of a few are zero in float64
    a[::7] = 1.0
    b, d_output = rng.standard_normal((2, *a.shape))
    h_0, d_h_n = rng.standard_normal((2, 1, 2))
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        parallel = run_ours(a, b, h_0, d_output, d_h_n, "parallel")
    for name, expected in run_ours(a, b, h_0, d_output, d_h_n, "sequential").items():
        assert np.isfinite(expected).all()
        for k in range(2):  # unit by unit, so that each has its own scale
            assert_close(parallel[name][..., k], expected[..., k], FLOAT64, name)


def test_pairwise_rounding_is_smaller_than_the_loops():
    b = np.random.default_rng(5).random((LONG, 1, 1)).astype(np.float32)
    exact = np.cumsum(b.astype(np.float64), axis=0)
    errors = {}
    for method in METHODS:
        output, _, _ = linear_scan_forward(np.ones_like(b), b, np.zeros((1, 1), np.float32), method=method)
        errors[method] = np.abs(output - exact).max() / exact.max()
    assert errors["parallel"] < 1e-6 < errors["sequential"]


def test_the_rounds_are_the_logarithm_of_the_length():
    """Counted by the products of an array that counts them."""

    class Counting(np.ndarray):
        products = 0

        def __mul__(self, other):
            Counting.products += 1
            return super().__mul__(other)

    for T, rounds in {1: 0, 2: 1, 8: 3, 9: 4, 1000: 10}.items():
        Counting.products = 0
        ones = np.ones((T, 1, 1)).view(Counting)
        linear_scan_forward(ones, ones, np.zeros((1, 1)))
        assert Counting.products == 1 + 2 * rounds  # h_0's, then two a round


def test_none_means_a_gradient_of_zero():
    a, b, h_0, d_output, d_h_n = draw(6, 5, 3, 2)
    _, _, cache = linear_scan_forward(a, b, h_0)
    whole = linear_scan_backward(d_output, d_h_n, cache)
    parts = linear_scan_backward(d_output, None, cache), linear_scan_backward(None, d_h_n, cache)
    for one, other, expected in zip(*parts, whole, strict=True):
        assert_close(one + other, expected, FLOAT64)


@pytest.mark.parametrize("method", METHODS)
def test_inputs_are_untouched_and_outputs_read_only(method):
    case = draw(7, 5, 3, 2)
    kept = [array.copy() for array in case]
    output, _, _ = linear_scan_forward(*case[:3], method=method)
    run_ours(*case, method)
    for before, after in zip(kept, case, strict=True):
        assert np.array_equal(before, after)
    with pytest.raises(ValueError, match="read-only"):
        output[0] = 0


BAD = {
    "rank": (lambda a, b, h: (a[0], b, h), {}, ValueError, r"a must have shape \(T, B, hidden_size\), got \(3, 2\)"),
    "no-step": (lambda a, b, h: (a[:0], b, h), {}, ValueError, "T >= 1 and B >= 1"),
    "time": (lambda a, b, h: (a, b[:1], h), {}, ValueError, r"b must have shape \(5, 3, 2\), got \(1, 3, 2\)"),
    "broadcast": (lambda a, b, h: (a, b[..., :1], h), {}, ValueError, r"b must have shape \(5, 3, 2\)"),
    "batch": (lambda a, b, h: (a, b, h[:1]), {}, ValueError, r"h_0 must have shape \(3, 2\), got \(1, 2\)"),
    "dtype": (lambda a, b, h: (a, b.astype(np.float32), h), {}, TypeError, "b must have dtype float64"),
    "nan": (lambda a, b, h: (a * np.nan, b, h), {}, ValueError, "a must be finite"),
    "list": (lambda a, b, h: (a, b, h.tolist()), {}, TypeError, "h_0 must be a numpy.ndarray"),
    "method": (lambda a, b, h: (a, b, h), {"method": "fast"}, ValueError, "method must be one of 'parallel'"),
}


@pytest.mark.parametrize("spoil, options, error, message", BAD.values(), ids=BAD.keys())
def test_bad_input_is_named(spoil, options, error, message):
    with pytest.raises(error, match=message):
        linear_scan_forward(*spoil(*draw(8, 5, 3, 2)[:3]), **options)


def test_bad_cotangents_are_named():
    a, b, h_0, d_output, d_h_n = draw(9, 5, 3, 2)
    _, _, cache = linear_scan_forward(a, b, h_0)
    with pytest.raises(ValueError, match=r"d_output must have shape \(5, 3, 2\), got \(4, 3, 2\)"):
        linear_scan_backward(d_output[1:], d_h_n, cache)
    with pytest.raises(TypeError, match="d_h_n must have dtype float64"):
        linear_scan_backward(d_output, d_h_n.astype(np.float32), cache)


@pytest.mark.parametrize("a, parallel_is_better", [(1.0, True), (0.99, False)])
def test_which_form_is_the_more_exact(a, parallel_is_better):
    """In float32, over many steps: a loop adds up T errors, unless it forgets them."""
    errors = {"parallel": [], "sequential": []}
    for seed in range(5):
        b = np.random.default_rng(seed).standard_normal((4096, 2, 3))
        a_t, h_0 = np.full_like(b, a), np.zeros((2, 3))
        rounded = [v.astype(np.float32) for v in (a_t, b, h_0)]
        exact, _, _ = linear_scan_forward(*(v.astype(np.float64) for v in rounded), method="sequential")
        for method, found in errors.items():
            h, _, _ = linear_scan_forward(*rounded, method=method)
            found.append(np.abs(h - exact).max())
    better = np.median(errors["parallel"]) < np.median(errors["sequential"])
    assert better == parallel_is_better, errors
