"""The minimal GRU and LSTM: cells against naive torch steps, parallel forms against cells, against torch.nn.GRU."""

from typing import NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import settings

from rnncourse.reference import mingru, mingru_scan, minlstm, minlstm_scan
from rnncourse.reference.scan import scan_forward
from tests.reference.cell_checks import SIZES, Case, any_shape, assert_same, check_cell, naive, scanned
from tests.tolerances import FLOAT32, FLOAT64, assert_close

PHI = {
    "linear": lambda a: a,
    "positive": lambda a: torch.where(a >= 0, a + 0.5, torch.exp(a) / (1 + torch.exp(a))),
    "tanh": torch.tanh,
}


def gru_step(nonlinearity, z_keeps=False):
    def step(x, state, p):
        z, n = (p["weight_ih_l0"] @ x + p["bias_ih_l0"]).chunk(2)
        z, n = torch.sigmoid(z), PHI[nonlinearity](n)
        h = z * state[0] + (1 - z) * n if z_keeps else (1 - z) * state[0] + z * n
        return h, (h,)

    return step


def lstm_step(nonlinearity):
    def step(x, state, p):
        i, f, g = (p["weight_ih_l0"] @ x + p["bias_ih_l0"]).chunk(3)
        i, f = torch.sigmoid(i), torch.sigmoid(f)
        h = f / (f + i) * state[0] + i / (f + i) * PHI[nonlinearity](g)
        return h, (h,)

    return step


def one_state(I, H):
    return (H,)


class Recurrence(NamedTuple):
    cell: object
    step: object
    init: object
    forward: object
    backward: object
    options: dict


def gru(**options):
    return Recurrence(
        mingru.mingru_cell(**options),
        gru_step(**options),
        mingru.init_mingru,
        mingru_scan.mingru_forward,
        mingru_scan.mingru_backward,
        options,
    )


def lstm(**options):
    return Recurrence(
        minlstm.minlstm_cell(**options),
        lstm_step(**options),
        minlstm.init_minlstm,
        minlstm_scan.minlstm_forward,
        minlstm_scan.minlstm_backward,
        options,
    )


ALL = {
    "gru": gru(nonlinearity="linear"),
    "gru-positive": gru(nonlinearity="positive"),
    "gru-tanh": gru(nonlinearity="tanh"),
    "gru-z-keeps": gru(nonlinearity="linear", z_keeps=True),
    "lstm": lstm(nonlinearity="linear"),
    "lstm-positive": lstm(nonlinearity="positive"),
    "lstm-tanh": lstm(nonlinearity="tanh"),
}
every = pytest.mark.parametrize("r", ALL.values(), ids=ALL.keys())


def in_parallel(r, case, lengths=None):
    output, h_n, cache = r.forward(case.x, case.state[0], case.params, lengths=lengths, **r.options)
    dx, dh_0, grads = r.backward(case.d_output, case.d_state[0], cache)
    return {"output": output, "final[0]": h_n, "x": dx, "state[0]": dh_0, **grads}


@pytest.mark.parametrize("name", ["gru", "gru-positive", "gru-z-keeps", "lstm"])
def test_the_cell(name):
    r = ALL[name]
    check_cell(r.cell, r.step, r.init, one_state)


@every
def test_the_parallel_form_is_the_scanned_cell(r):
    for seed, size in enumerate(SIZES.values()):
        case = Case(r.init, one_state, size, seed=seed)
        assert_same(in_parallel(r, case), scanned(r.cell, case), FLOAT64)
    case, lengths = Case(r.init, one_state, (9, 4, 2, 3)), np.array([9, 1, 4, 8])
    assert_same(in_parallel(r, case, lengths), naive(r.step, case, lengths), FLOAT64)
    case, lengths = Case(r.init, one_state, (5, 4, 2, 3), dtype=np.float32), np.array([5, 2, 3, 1])
    ours = in_parallel(r, case, lengths)
    assert {a.dtype for a in ours.values()} == {np.dtype(np.float32)}
    assert_same(ours, naive(r.step, case, lengths), FLOAT32)


@settings(max_examples=20)
@any_shape
def test_any_shape(size, seed, lengths):
    case = Case(minlstm.init_minlstm, one_state, size, seed=seed)
    assert_same(in_parallel(ALL["lstm"], case, lengths), naive(lstm_step("linear"), case, lengths), FLOAT64)


@pytest.mark.parametrize("name", ["gru", "lstm"])
def test_a_long_sequence_in_parallel_is_the_scanned_cell(name):
    r = ALL[name]
    case = Case(r.init, one_state, (1000, 1, 2, 3))
    assert_same(in_parallel(r, case), scanned(r.cell, case), FLOAT64)


def test_with_tanh_it_is_torchs_gru_without_recurrent_weights():
    """torch's z keeps the old state: so either we say the same, or our rows of z are torch's negated."""
    case = Case(mingru.init_mingru, one_state, (6, 3, 2, 5))
    module = torch.nn.GRU(2, 5, dtype=torch.float64)
    with torch.no_grad():
        for p in module.parameters():
            p.zero_()
        module.weight_ih_l0[5:] = torch.from_numpy(case.params["weight_ih_l0"])
        module.bias_ih_l0[5:] = torch.from_numpy(case.params["bias_ih_l0"])
        expected, h_n = module(torch.from_numpy(case.x), torch.from_numpy(case.state[0])[None])
    x, (h_0,) = case.x, case.state
    output, h, _ = mingru_scan.mingru_forward(x, h_0, case.params, nonlinearity="tanh", z_keeps=True)
    assert_close(output, expected.numpy(), FLOAT64)
    assert_close(h, h_n[0].numpy(), FLOAT64)
    sign = np.repeat([-1.0, 1.0], 5)
    negated = {
        "weight_ih_l0": case.params["weight_ih_l0"] * sign[:, None],
        "bias_ih_l0": case.params["bias_ih_l0"] * sign,
    }
    output, _, _ = mingru_scan.mingru_forward(x, h_0, negated, nonlinearity="tanh")
    assert_close(output, expected.numpy(), FLOAT64)


def test_the_plain_form_is_the_default_and_its_z_admits():
    case = Case(mingru.init_mingru, one_state, (4, 3, 2, 5))
    plain = scanned(mingru.mingru_cell(), case)
    assert_same(plain, scanned(mingru.mingru_cell("linear", z_keeps=False), case), 0)
    assert_same(plain, in_parallel(ALL["gru"]._replace(options={}), case), FLOAT64)
    case.params["weight_ih_l0"][:5], case.params["bias_ih_l0"][:5] = 0, 1e3
    output, _, _ = mingru_scan.mingru_forward(case.x, case.state[0], case.params)
    assert_close(output, case.x @ case.params["weight_ih_l0"][5:].T + case.params["bias_ih_l0"][5:], FLOAT64)
    case = Case(minlstm.init_minlstm, one_state, (4, 3, 2, 5))
    plain = scanned(minlstm.minlstm_cell(), case)
    assert_same(plain, scanned(minlstm.minlstm_cell("linear"), case), 0)
    assert_same(plain, in_parallel(ALL["lstm"]._replace(options={}), case), FLOAT64)


def test_the_positive_form_is_positive():
    a = np.array([-30.0, -1.0, 0.0, 1e-3, 2.0])
    g = mingru.CANDIDATES["positive"].phi(a)
    assert_close(g, np.array([np.exp(-30), 1 / (1 + np.e), 0.5, 0.501, 2.5]), FLOAT64)
    for r in (ALL["gru-positive"], ALL["lstm-positive"]):
        case = Case(r.init, one_state, (50, 3, 2, 5))
        assert (r.forward(case.x, np.abs(case.state[0]), case.params, **r.options)[0] > 0).all()


@every
def test_gates_of_zero_and_one_stay_finite(r):
    """An LSTM's two gates can both be rounded to zero; their shares still add up to one."""
    case = Case(r.init, one_state, (4, 3, 2, 5))
    case.params["bias_ih_l0"][:-5] = -1e4
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        assert all(np.isfinite(a).all() for a in in_parallel(r, case).values())
        assert all(np.isfinite(a).all() for a in scanned(r.cell, case).values())


def test_equal_gates_share_equally_however_small():
    case = Case(minlstm.init_minlstm, one_state, (1, 3, 2, 5))
    case.params["weight_ih_l0"][:10] = 0
    case.params["bias_ih_l0"][:10] = -2e3
    output, _, _ = minlstm_scan.minlstm_forward(case.x, case.state[0], case.params)
    g = case.x[0] @ case.params["weight_ih_l0"][10:].T + case.params["bias_ih_l0"][10:]
    assert_close(output[0], (case.state[0] + g) / 2, FLOAT64)


@pytest.mark.parametrize("name", ["gru", "lstm"])
@pytest.mark.parametrize("lengths", [None, np.array([4, 1, 2])], ids=["full", "lengths"])
def test_none_means_a_gradient_of_zero(name, lengths):
    r = ALL[name]
    case = Case(r.init, one_state, (4, 3, 2, 5))
    _, _, cache = r.forward(case.x, case.state[0], case.params, lengths=lengths)
    whole = r.backward(case.d_output, case.d_state[0], cache)
    parts = r.backward(case.d_output, None, cache), r.backward(None, case.d_state[0], cache)
    assert_close(parts[0][0] + parts[1][0], whole[0], FLOAT64)
    assert_close(parts[0][1] + parts[1][1], whole[1], FLOAT64)
    for key in whole[2]:
        assert_close(parts[0][2][key] + parts[1][2][key], whole[2][key], FLOAT64)


BAD = {
    "rank": (lambda x, h, p: (x[0], h, p), {}, ValueError, r"x must have shape \(T, B, input_size\), got \(3, 2\)"),
    "no-step": (lambda x, h, p: (x[:0], h, p), {}, ValueError, "T >= 1 and B >= 1"),
    "batch": (lambda x, h, p: (x, h[:2], p), {}, ValueError, r"(h_0|state\[0\]) must have shape \(3, hidden_size\)"),
    "dtype": (lambda x, h, p: (x, h.astype(np.float32), p), {}, TypeError, r"(h_0|state\[0\]) must have dtype float64"),
    "keys": (lambda x, h, p: (x, h, p | {"weight_hh_l0": h}), {}, ValueError, "params must have the keys weight_ih_l0"),
    "block": (
        lambda x, h, p: (x, h, p | {"bias_ih_l0": p["bias_ih_l0"][:5]}),
        {},
        ValueError,
        r"params\['bias_ih_l0'\] must have shape \(1[05],\), got \(5,\)",
    ),
    "lengths": (lambda x, h, p: (x, h, p), {"lengths": np.array([4, 5, 1])}, ValueError, "lengths .* got 5"),
}


@pytest.mark.parametrize("name", ["gru", "lstm"])
@pytest.mark.parametrize("spoil, options, error, message", BAD.values(), ids=BAD.keys())
def test_bad_input_is_named(spoil, options, error, message, name):
    r = ALL[name]
    case = Case(r.init, one_state, (4, 3, 2, 5))
    x, h, params = spoil(case.x, case.state[0], case.params)
    with pytest.raises(error, match=message):
        r.forward(x, h, params, **options)
    with pytest.raises(error, match=message):
        scan_forward(r.cell, x, (h,), params, **options)


def test_bad_options_and_cotangents_are_named():
    case = Case(mingru.init_mingru, one_state, (4, 3, 2, 5))
    rest = case.x, case.state[0], case.params
    with pytest.raises(ValueError, match="nonlinearity must be one of 'linear', 'positive', 'tanh', got 'relu'"):
        mingru_scan.mingru_forward(*rest, nonlinearity="relu")
    with pytest.raises(ValueError, match="z_keeps must be one of True, False"):
        mingru.mingru_cell(z_keeps="no")
    with pytest.raises(ValueError, match="nonlinearity must be one of 'linear', 'positive', 'tanh', got 'relu'"):
        minlstm.minlstm_cell("relu")
    for lengths in (None, np.array([4, 1, 2])):
        _, _, cache = mingru_scan.mingru_forward(*rest, lengths=lengths)
        with pytest.raises(ValueError, match=r"d_output must have shape \(4, 3, 5\), got \(4, 1, 5\)"):
            mingru_scan.mingru_backward(case.d_output[:, :1], None, cache)
        with pytest.raises(TypeError, match="d_h_n must have dtype float64"):
            mingru_scan.mingru_backward(None, case.d_state[0].astype(np.float32), cache)
