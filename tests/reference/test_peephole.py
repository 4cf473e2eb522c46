"""The LSTM with peepholes against a naive torch step, and without them against torch.nn.LSTM."""

from functools import partial

import numpy as np
import pytest
import torch

from rnncourse.reference.peephole import init_peephole_lstm, peephole_lstm_cell
from rnncourse.reference.scan import scan_forward
from tests.reference.cell_checks import Case, assert_same, check_cell, scanned
from tests.tolerances import FLOAT64, assert_close

VARIANTS = [{"matrix": m, "candidate": c} for m in ("diagonal", "full") for c in (False, True)]


def two_states(I, H):
    return (H, H)


def step(x, state, p):
    """The equations of the paper; a vector of peepholes is a diagonal matrix."""
    h, c = state
    net = p["weight_ih_l0"] @ x + p["bias_ih_l0"] + p["weight_hh_l0"] @ h + p["bias_hh_l0"]
    i, f, g, o = net.chunk(4)

    def peep(gate, c):
        w = p[f"weight_c{gate}_l0"]
        return (torch.diag(w) if w.ndim == 1 else w) @ c

    i = torch.sigmoid(i + peep("i", c))
    f = torch.sigmoid(f + peep("f", c))
    g = torch.tanh(g + peep("g", c) if "weight_cg_l0" in p else g)
    c = f * c + i * g
    o = torch.sigmoid(o + peep("o", c))
    h = o * torch.tanh(c)
    return h, (h, c)


@pytest.mark.parametrize("options", VARIANTS, ids=str)
def test_the_cell(options):
    check_cell(peephole_lstm_cell(**options), step, partial(init_peephole_lstm, **options), two_states)


@pytest.mark.parametrize("options", VARIANTS, ids=str)
def test_with_the_peepholes_shut_it_is_torchs_lstm(options):
    case = Case(partial(init_peephole_lstm, **options), two_states, (6, 3, 2, 5))
    for name in case.params:
        if name.startswith("weight_c"):
            case.params[name][:] = 0
    module = torch.nn.LSTM(2, 5, dtype=torch.float64)
    with torch.no_grad():
        for name, p in module.named_parameters():
            p.copy_(torch.from_numpy(case.params[name]))
    x, h, c = (torch.tensor(a, requires_grad=True) for a in (case.x, *case.state))
    output, (h_n, c_n) = module(x, (h[None], c[None]))
    loss = (output * torch.from_numpy(case.d_output)).sum()
    loss = loss + sum((s[0] * torch.from_numpy(d)).sum() for s, d in zip((h_n, c_n), case.d_state, strict=True))
    leaves = {"x": x, "state[0]": h, "state[1]": c, **dict(module.named_parameters())}
    grads = torch.autograd.grad(loss, list(leaves.values()))
    theirs = {name: g.numpy() for name, g in zip(leaves, grads, strict=True)}
    theirs |= {"output": output.detach().numpy(), "final[0]": h_n[0].detach().numpy()}
    ours = scanned(peephole_lstm_cell(**options), case)
    for name, expected in theirs.items():
        assert_close(ours[name], expected, FLOAT64, name)


def test_a_diagonal_is_a_full_matrix_without_the_rest():
    case = Case(init_peephole_lstm, two_states, (5, 3, 2, 4))
    ours = scanned(peephole_lstm_cell(), case)
    looks = [f"weight_c{gate}_l0" for gate in "ifo"]
    for name in looks:
        case.params[name] = np.diag(case.params[name])
    full = scanned(peephole_lstm_cell(matrix="full"), case)
    for name in looks:
        full[name] = np.diag(full[name])
    assert_same(ours, full, FLOAT64)


def test_saturated_gates_stay_finite():
    case = Case(init_peephole_lstm, two_states, (4, 3, 2, 5))
    case.x *= 1e4
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        assert all(np.isfinite(a).all() for a in scanned(peephole_lstm_cell(), case).values())


def without(params, name):
    return {k: a for k, a in params.items() if k != name}


BAD = {
    "one-state": (lambda s, p: (s[:1], p), {}, ValueError, r"state must hold 2 array\(s\), got 1"),
    "widths": (lambda s, p: ((s[0], s[1][:, 1:]), p), {}, ValueError, r"state\[1\] must have shape \(3, 5\)"),
    "dtype": (lambda s, p: ((s[0], s[1].astype(np.float32)), p), {}, TypeError, r"state\[1\] must have dtype float64"),
    "missing": (lambda s, p: (s, without(p, "weight_co_l0")), {}, ValueError, "params must have the keys .*weight_co"),
    "missing-g": (lambda s, p: (s, p), {"candidate": True}, ValueError, "params must have the keys .*weight_cg"),
    "diagonal-for-full": (
        lambda s, p: (s, p),
        {"matrix": "full"},
        ValueError,
        r"params\['weight_ci_l0'\] must have shape \(5, 5\), got \(5,\)",
    ),
    "three-blocks": (
        lambda s, p: (s, p | {"weight_hh_l0": p["weight_hh_l0"][:15]}),
        {},
        ValueError,
        r"params\['weight_hh_l0'\] must have shape \(20, 5\), got \(15, 5\)",
    ),
    "nan": (lambda s, p: (s, p | {"weight_cf_l0": p["weight_cf_l0"] * np.nan}), {}, ValueError, "must be finite"),
}


@pytest.mark.parametrize("spoil, options, error, message", BAD.values(), ids=BAD.keys())
def test_bad_input_is_named(spoil, options, error, message):
    case = Case(init_peephole_lstm, two_states, (4, 3, 2, 5))
    with pytest.raises(error, match=message):
        scan_forward(peephole_lstm_cell(**options), case.x, *spoil(case.state, case.params))


def test_bad_options_are_named():
    rng = np.random.default_rng(0)
    for make in (peephole_lstm_cell, partial(init_peephole_lstm, rng, 2, 3)):
        with pytest.raises(ValueError, match="matrix must be one of 'diagonal', 'full', got 'sparse'"):
            make(matrix="sparse")
        with pytest.raises(TypeError, match="candidate must be True or False, got 1"):
            make(candidate=1)
    with pytest.raises(ValueError, match="hidden_size must be at least 1, got 0"):
        init_peephole_lstm(rng, 2, 0)
