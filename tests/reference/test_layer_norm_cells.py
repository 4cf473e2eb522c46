"""The cells with layer normalisation inside, against naive torch steps that normalise by hand."""

import numpy as np
import pytest
import torch

from rnncourse.reference import (
    init_layer_norm_lstm,
    init_layer_norm_rnn,
    layer_norm_lstm_cell,
    layer_norm_rnn_cell,
)
from rnncourse.reference.scan import scan_forward
from tests.reference.cell_checks import Case, assert_same, check_cell, naive, scanned
from tests.tolerances import FLOAT64, assert_close


def one_state(I, H):
    return (H,)


def two_states(I, H):
    return (H, H)


def all_drawn(init):
    """Weights and biases of the normalisations drawn as well, so that none is 1 or 0."""

    def drawn(rng, I, H, dtype):
        params = init(rng, I, H, dtype)
        return {
            name: (a if "_ln_" not in name else a + rng.standard_normal(a.shape)).astype(dtype)
            for name, a in params.items()
        }

    return drawn


init_rnn, init_lstm = all_drawn(init_layer_norm_rnn), all_drawn(init_layer_norm_lstm)


# Along the direction of its input a normalisation is flat but for eps: with one input or one unit nothing else is left,
# and a gradient by it is rounding. A large eps makes it a number that can be compared.
EPS = 0.1


def norm(a, weight, bias, eps):
    return (a - a.mean()) / torch.sqrt(a.var(correction=0) + eps) * weight + bias


def rnn_step(phi, eps=EPS):
    def step(x, state, p):
        a = p["weight_ih_l0"] @ x + p["weight_hh_l0"] @ state[0]
        h = phi(norm(a, p["weight_ln_l0"], p["bias_ln_l0"], eps))
        return h, (h,)

    return step


def lstm_step(eps=EPS):
    def step(x, state, p):
        h, c = state
        a = norm(p["weight_hh_l0"] @ h, p["weight_ln_hh_l0"], p["bias_ln_hh_l0"], eps)
        a = a + norm(p["weight_ih_l0"] @ x, p["weight_ln_ih_l0"], p["bias_ln_ih_l0"], eps) + p["bias_l0"]
        i, f, g, o = a.chunk(4)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(norm(c, p["weight_ln_c_l0"], p["bias_ln_c_l0"], eps))
        return h, (h, c)

    return step


@pytest.mark.parametrize("nonlinearity, phi", [("tanh", torch.tanh), ("relu", torch.relu)])
def test_the_rnn_cell(nonlinearity, phi):
    check_cell(layer_norm_rnn_cell(nonlinearity, eps=EPS), rnn_step(phi), init_rnn, one_state)


def test_the_lstm_cell():
    check_cell(layer_norm_lstm_cell(eps=EPS), lstm_step(), init_lstm, two_states)


def test_eps_is_torchs_unless_given():
    case = Case(init_rnn, one_state, (5, 4, 6, 3))
    assert_same(scanned(layer_norm_rnn_cell(), case), naive(rnn_step(torch.tanh, 1e-5), case), FLOAT64)
    case = Case(init_lstm, two_states, (5, 4, 6, 3))
    assert_same(scanned(layer_norm_lstm_cell(), case), naive(lstm_step(1e-5), case), FLOAT64)


def test_larger_matrices_change_almost_nothing():
    """What normalisation is for: the scale of the incoming weights drops out, but for eps."""
    case = Case(init_rnn, one_state, (5, 4, 2, 3))
    before, _, _ = scan_forward(layer_norm_rnn_cell(eps=1e-12), case.x, case.state, case.params)
    for name in ("weight_ih_l0", "weight_hh_l0"):
        case.params[name] *= 100
    after, _, _ = scan_forward(layer_norm_rnn_cell(eps=1e-12), case.x, case.state, case.params)
    assert_close(after, before, 1e-8)


def test_normalisations_start_at_one_and_zero():
    for init in (init_layer_norm_rnn, init_layer_norm_lstm):
        for name, array in init(np.random.default_rng(0), 2, 3).items():
            if "_ln_" in name:
                assert (array == (1 if name.startswith("weight") else 0)).all()
            else:
                assert 0 < np.abs(array).max() <= 1 / np.sqrt(3)


BAD = {
    "missing": (lambda s, p: (s, {"weight_ih_l0": p["weight_ih_l0"]}), ValueError, "params must have the keys"),
    "two-biases": (lambda s, p: (s, p | {"bias_hh_l0": p["bias_l0"]}), ValueError, "params must have the keys"),
    "widths": (lambda s, p: ((s[0], s[1][:, 1:]), p), ValueError, r"state\[1\] must have shape \(3, 5\)"),
    "one-state": (lambda s, p: (s[:1], p), ValueError, r"state must hold 2 array\(s\), got 1"),
    "gate-by-gate": (
        lambda s, p: (s, p | {"weight_ln_ih_l0": p["weight_ln_ih_l0"].reshape(4, 5)}),
        ValueError,
        r"params\['weight_ln_ih_l0'\] must have shape \(20,\), got \(4, 5\)",
    ),
    "dtype": (
        lambda s, p: (s, p | {"bias_ln_c_l0": p["bias_ln_c_l0"].astype(np.float32)}),
        TypeError,
        r"params\['bias_ln_c_l0'\] must have dtype float64",
    ),
}


@pytest.mark.parametrize("spoil, error, message", BAD.values(), ids=BAD.keys())
def test_bad_input_is_named(spoil, error, message):
    case = Case(init_layer_norm_lstm, two_states, (4, 3, 2, 5))
    with pytest.raises(error, match=message):
        scan_forward(layer_norm_lstm_cell(), case.x, *spoil(case.state, case.params))


def test_bad_input_of_the_rnn_is_named():
    case = Case(init_layer_norm_rnn, one_state, (4, 3, 2, 5))
    with pytest.raises(ValueError, match=r"state must hold 1 array\(s\), got 2"):
        scan_forward(layer_norm_rnn_cell(), case.x, case.state * 2, case.params)
    with pytest.raises(ValueError, match=r"params\['weight_ln_l0'\] must have shape \(5,\), got \(1, 5\)"):
        bad = case.params | {"weight_ln_l0": case.params["weight_ln_l0"][None]}
        scan_forward(layer_norm_rnn_cell(), case.x, case.state, bad)


def test_bad_options_are_named():
    for make in (layer_norm_rnn_cell, layer_norm_lstm_cell):
        with pytest.raises(ValueError, match="eps must be above 0, got 0"):
            make(eps=0)
    with pytest.raises(ValueError, match="nonlinearity must be one of"):
        layer_norm_rnn_cell("gelu")
    with pytest.raises(ValueError, match="hidden_size must be at least 1, got 0"):
        init_layer_norm_lstm(np.random.default_rng(0), 2, 0)
