"""The scan with the Elman cell: against a naive torch loop, against `rnn_forward`, and what it refuses."""

import numpy as np
import pytest
import torch

from rnncourse.reference import init_rnn, rnn_backward, rnn_forward
from rnncourse.reference.rnn import rnn_cell
from rnncourse.reference.scan import scan_backward, scan_forward
from tests.reference.cell_checks import Case, any_shape, assert_same, check_cell, naive, scanned
from tests.tolerances import FLOAT64, assert_close


def elman(phi):
    def step(x, state, p):
        h = phi(p["weight_ih_l0"] @ x + p["bias_ih_l0"] + p["weight_hh_l0"] @ state[0] + p["bias_hh_l0"])
        return h, (h,)

    return step


def one_state(I, H):
    return (H,)


@pytest.mark.parametrize("nonlinearity", ["tanh", "relu", "sigmoid", "linear"])
def test_the_elman_cell(nonlinearity):
    phi = {"tanh": torch.tanh, "relu": torch.relu, "sigmoid": torch.sigmoid, "linear": lambda a: a}[nonlinearity]
    check_cell(rnn_cell(nonlinearity), elman(phi), init_rnn, one_state)


@any_shape
def test_any_shape(size, seed, lengths):
    case = Case(init_rnn, one_state, size, seed=seed)
    assert_same(scanned(rnn_cell(), case, lengths), naive(elman(torch.tanh), case, lengths), FLOAT64)


def test_the_fast_form_is_the_scanned_cell():
    case, lengths = Case(init_rnn, one_state, (7, 3, 2, 5)), np.array([2, 7, 4])
    output, h_n, cache = rnn_forward(case.x, case.state[0], case.params, lengths=lengths)
    dx, dh_0, grads = rnn_backward(case.d_output, case.d_state[0], cache)
    ours = {"output": output, "final[0]": h_n, "x": dx, "state[0]": dh_0, **grads}
    assert_same(ours, scanned(rnn_cell(), case, lengths), FLOAT64)


def test_none_means_a_gradient_of_zero():
    case = Case(init_rnn, one_state, (4, 3, 2, 5))
    _, _, cache = scan_forward(rnn_cell(), case.x, case.state, case.params)
    whole = scan_backward(case.d_output, case.d_state, cache)
    parts = scan_backward(case.d_output, None, cache), scan_backward(None, case.d_state, cache)
    assert_close(parts[0][0] + parts[1][0], whole[0], FLOAT64)
    assert_close(parts[0][1][0] + parts[1][1][0], whole[1][0], FLOAT64)
    for name in case.params:
        assert_close(parts[0][2][name] + parts[1][2][name], whole[2][name], FLOAT64)


BAD = {
    "rank": (lambda x, s, p: (x[0], s, p, None), ValueError, r"x must have shape \(T, B, input_size\), got \(3, 2\)"),
    "no-step": (lambda x, s, p: (x[:0], s, p, None), ValueError, "T >= 1 and B >= 1"),
    "bare-state": (lambda x, s, p: (x, s[0], p, None), TypeError, "state must be a tuple of arrays, got ndarray"),
    "two-states": (lambda x, s, p: (x, s + s, p, None), ValueError, r"state must hold 1 array\(s\), got 2"),
    "batch": (lambda x, s, p: (x, (s[0][:2],), p, None), ValueError, r"state\[0\] must have shape \(3, hidden_size\)"),
    "dtype": (lambda x, s, p: (x, (s[0].astype(np.float32),), p, None), TypeError, r"state\[0\] must have dtype"),
    "params": (lambda x, s, p: (x, s, {}, None), ValueError, "params must have the keys"),
    "nan": (lambda x, s, p: (x * np.nan, s, p, None), ValueError, "x must be finite"),
    "lengths": (lambda x, s, p: (x, s, p, np.array([4, 0, 1])), ValueError, "lengths .* got 0"),
}


@pytest.mark.parametrize("spoil, error, message", BAD.values(), ids=BAD.keys())
def test_bad_input_is_named(spoil, error, message):
    case = Case(init_rnn, one_state, (4, 3, 2, 5))
    x, state, params, lengths = spoil(case.x, case.state, case.params)
    with pytest.raises(error, match=message):
        scan_forward(rnn_cell(), x, state, params, lengths=lengths)


def test_bad_cotangents_are_named():
    case = Case(init_rnn, one_state, (4, 3, 2, 5))
    _, _, cache = scan_forward(rnn_cell(), case.x, case.state, case.params)
    with pytest.raises(ValueError, match=r"d_output must have shape \(4, 3, 5\), got \(3, 3, 5\)"):
        scan_backward(case.d_output[1:], case.d_state, cache)
    with pytest.raises(TypeError, match="d_state must be a tuple of 1 arrays"):
        scan_backward(case.d_output, case.d_state[0], cache)
    with pytest.raises(ValueError, match=r"d_state\[0\] must have shape \(3, 5\)"):
        scan_backward(case.d_output, (case.d_state[0][1:],), cache)
