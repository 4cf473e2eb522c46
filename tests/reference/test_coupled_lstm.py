"""The LSTM with coupled gates against a naive torch step, and against torch.nn.LSTM with the same weights twice."""

import numpy as np
import pytest
import torch

from rnncourse.reference.coupled_lstm import coupled_lstm_cell, init_coupled_lstm
from rnncourse.reference.scan import scan_forward
from tests.reference.cell_checks import Case, assert_same, check_cell, scanned
from tests.tolerances import FLOAT64


def two_states(I, H):
    return (H, H)


def step(x, state, p):
    h, c = state
    net = p["weight_ih_l0"] @ x + p["bias_ih_l0"] + p["weight_hh_l0"] @ h + p["bias_hh_l0"]
    i, g, o = net.reshape(3, -1)
    i = torch.sigmoid(i)
    c = c + i * (torch.tanh(g) - c)
    h = torch.sigmoid(o) * torch.tanh(c)
    return h, (h, c)


def test_the_cell():
    check_cell(coupled_lstm_cell(), step, init_coupled_lstm, two_states)


def test_it_is_torchs_lstm_with_the_input_gates_rows_negated_for_the_forget_gate():
    case = Case(init_coupled_lstm, two_states, (6, 3, 2, 5))
    leaves = {name: torch.tensor(a, requires_grad=True) for name, a in case.leaves.items()}

    def unpack(p):
        i, g, o = p.chunk(3)
        return torch.cat([i, -i, g, o])

    weights = {name: unpack(leaves[name]) for name in case.params}
    state = tuple(leaves[f"state[{k}]"][None] for k in range(2))
    output, final = torch.func.functional_call(torch.nn.LSTM(2, 5, dtype=torch.float64), weights, (leaves["x"], state))
    loss = (output * torch.from_numpy(case.d_output)).sum()
    loss = loss + sum((s[0] * torch.from_numpy(d)).sum() for s, d in zip(final, case.d_state, strict=True))
    grads = torch.autograd.grad(loss, list(leaves.values()))
    theirs = {name: g.numpy() for name, g in zip(leaves, grads, strict=True)}
    theirs |= {f"final[{k}]": s[0].detach().numpy() for k, s in enumerate(final)}
    assert_same(scanned(coupled_lstm_cell(), case), theirs | {"output": output.detach().numpy()}, FLOAT64)


def test_a_shut_gate_keeps_the_cell_and_an_open_one_replaces_it():
    case = Case(init_coupled_lstm, two_states, (3, 2, 2, 4))
    case.params["bias_ih_l0"][:4] = -1e3
    _, (_, c), _ = scan_forward(coupled_lstm_cell(), case.x, case.state, case.params)
    assert np.array_equal(c, case.state[1])
    case.params["bias_ih_l0"][:4] = 1e3
    _, (_, c), _ = scan_forward(coupled_lstm_cell(), case.x, case.state, case.params)
    assert (np.abs(c) < 1).all()  # the last candidate and nothing else


BAD = {
    "one-state": (lambda s, p: (s[:1], p), ValueError, r"state must hold 2 array\(s\), got 1"),
    "widths": (lambda s, p: ((s[0], s[1][:, 1:]), p), ValueError, r"state\[1\] must have shape \(3, 5\)"),
    "keys": (lambda s, p: (s, {}), ValueError, "params must have the keys"),
    "an-lstms-weights": (
        lambda s, p: (s, p | {"weight_ih_l0": np.ones((20, 2))}),
        ValueError,
        r"params\['weight_ih_l0'\] must have shape \(15, 2\), got \(20, 2\)",
    ),
}


@pytest.mark.parametrize("spoil, error, message", BAD.values(), ids=BAD.keys())
def test_bad_input_is_named(spoil, error, message):
    case = Case(init_coupled_lstm, two_states, (4, 3, 2, 5))
    with pytest.raises(error, match=message):
        scan_forward(coupled_lstm_cell(), case.x, *spoil(case.state, case.params))
