"""A stack of cells against torch's deep layers, and layers of several kinds against one deep step at a time."""

import numpy as np
import pytest
import torch

from rnncourse.reference import gradcheck, init_rnn
from rnncourse.reference.jordan import init_jordan, jordan_cell
from rnncourse.reference.lstm import init_lstm, lstm_cell
from rnncourse.reference.mingru import init_mingru, mingru_cell
from rnncourse.reference.rnn import rnn_cell
from rnncourse.reference.stack import stack_backward, stack_forward
from tests.reference.cell_checks import assert_same
from tests.tolerances import FINITE_DIFFERENCES, FLOAT32, FLOAT64, assert_close


class Case:
    """Layers of several kinds, each of its own width, and cotangents for the output and for all last states."""

    def __init__(self, layers, T, B, I, seed=0, dtype=np.float64):
        """`layers`: (cell, init of the parameters from a generator and an input size, widths of the state)."""
        rng = np.random.default_rng(seed)
        draw = lambda *shape: rng.standard_normal(shape).astype(dtype)  # noqa: E731
        self.cells, self.x = [cell for cell, _, _ in layers], draw(T, B, I)
        self.states, self.params_list, width = [], [], I
        for _, init, sizes in layers:
            self.states.append(tuple(draw(B, n) for n in sizes))
            self.params_list.append(init(rng, width, dtype))
            width = sizes[0]
        self.d_output = draw(T, B, width)
        self.d_states = [tuple(draw(*s.shape) for s in state) for state in self.states]

    @property
    def leaves(self):
        states = {f"state[{l}][{k}]": s for l, state in enumerate(self.states) for k, s in enumerate(state)}
        params = {f"{l}.{name}": a for l, params in enumerate(self.params_list) for name, a in params.items()}
        return {"x": self.x, **states, **params}


def rnn(H, nonlinearity="tanh"):
    return rnn_cell(nonlinearity), lambda rng, I, dtype: init_rnn(rng, I, H, dtype), (H,)


def lstm(H):
    return lstm_cell(), lambda rng, I, dtype: init_lstm(rng, I, H, dtype), (H, H)


MIXED = [
    lstm(3),
    (mingru_cell(), lambda rng, I, dtype: init_mingru(rng, I, 5, dtype), (5,)),
    (jordan_cell(), lambda rng, I, dtype: init_jordan(rng, I, 6, 2, dtype), (2,)),
    rnn(4),
]


def run_ours(case, lengths=None):
    output, states, cache = stack_forward(case.cells, case.x, case.states, case.params_list, lengths=lengths)
    dx, d_states, grads_list = stack_backward(case.d_output, case.d_states, cache)
    values = {"output": output, "x": dx}
    for l, grads in enumerate(grads_list):
        values |= {f"final[{l}][{k}]": s for k, s in enumerate(states[l])}
        values |= {f"state[{l}][{k}]": s for k, s in enumerate(d_states[l])}
        values |= {f"{l}.{name}": grad for name, grad in grads.items()}
    return values


def gradients(case, leaves, output, states):
    """Values and gradients by autograd; `states[l][k]` are the last ones."""
    loss = (output * torch.from_numpy(case.d_output)).sum()
    for state, d_state in zip(states, case.d_states, strict=True):
        loss = loss + sum((s * torch.from_numpy(d)).sum() for s, d in zip(state, d_state, strict=True))
    grads = torch.autograd.grad(loss, list(leaves.values()))
    values = {name: g.numpy() for name, g in zip(leaves, grads, strict=True)} | {"output": output.detach().numpy()}
    return values | {
        f"final[{l}][{k}]": s.detach().numpy() for l, state in enumerate(states) for k, s in enumerate(state)
    }


def run_torch(case, layer, lengths=None):
    """torch's own deep layer, for layers of one kind and width."""
    T, _, I = case.x.shape
    L, arrays, H = len(case.states), len(case.states[0]), case.states[0][0].shape[1]
    leaves = {name: torch.tensor(a, requires_grad=True) for name, a in case.leaves.items()}
    weights = {name.replace("_l0", f"_l{l}"): leaves[f"{l}.{name}"] for l in range(L) for name in case.params_list[l]}
    state = tuple(torch.stack([leaves[f"state[{l}][{k}]"] for l in range(L)]) for k in range(arrays))
    x = leaves["x"]
    if lengths is not None:
        x = torch.nn.utils.rnn.pack_padded_sequence(x, torch.from_numpy(lengths), enforce_sorted=False)
    module = layer(I, H, L, dtype=leaves["x"].dtype)
    output, final = torch.func.functional_call(module, weights, (x, state if arrays == 2 else state[0]))
    if lengths is not None:
        output, _ = torch.nn.utils.rnn.pad_packed_sequence(output, total_length=T)
    final = final if arrays == 2 else (final,)
    return gradients(case, leaves, output, [[final[k][l] for k in range(arrays)] for l in range(L)])


def run_mixed(case, lengths):
    """MIXED for one sequence at a time, all layers of a step before the next step."""
    leaves = {name: torch.tensor(a, requires_grad=True) for name, a in case.leaves.items()}
    p = lambda l, name: leaves[f"{l}.{name}_l0"]  # noqa: E731
    affine = lambda l, x, h: (  # noqa: E731
        p(l, "weight_ih") @ x + p(l, "bias_ih") + p(l, "weight_hh") @ h + p(l, "bias_hh")
    )
    T, B, _ = case.x.shape
    outputs, finals = [], []
    for b in range(B):
        (h, c), (m,), (y,), (e,) = (
            [leaves[f"state[{l}][{k}]"][b] for k in range(n)] for l, n in enumerate((2, 1, 1, 1))
        )
        steps = []
        for t in range(lengths[b]):
            i, f, g, o = affine(0, leaves["x"][t, b], h).chunk(4)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
            z, n = (p(1, "weight_ih") @ h + p(1, "bias_ih")).chunk(2)
            m = (1 - torch.sigmoid(z)) * m + torch.sigmoid(z) * n
            hidden = torch.tanh(p(2, "weight_ih") @ m + p(2, "weight_yh") @ y + p(2, "bias_h"))
            y = p(2, "weight_hy") @ hidden + p(2, "bias_y")
            e = torch.tanh(affine(3, y, e))
            steps.append(e)
        outputs.append(torch.stack(steps + [torch.zeros_like(e)] * (T - lengths[b])))
        finals.append([[h, c], [m], [y], [e]])
    states = [
        [torch.stack([final[l][k] for final in finals]) for k in range(len(finals[0][l]))] for l in range(len(MIXED))
    ]
    return gradients(case, leaves, torch.stack(outputs, 1), states)


@pytest.mark.parametrize("L, size", [(1, (5, 4, 2, 3)), (3, (5, 4, 2, 3)), (2, (1, 1, 1, 1)), (4, (3, 1, 2, 5))])
def test_equals_torchs_deep_layers(L, size):
    T, B, I, H = size
    case = Case([rnn(H)] * L, T, B, I)
    assert_same(run_ours(case), run_torch(case, torch.nn.RNN), FLOAT64)
    case = Case([lstm(H)] * L, T, B, I)
    assert_same(run_ours(case), run_torch(case, torch.nn.LSTM), FLOAT64)


def test_lengths_and_float32():
    lengths = np.array([6, 1, 4, 5])
    case = Case([lstm(3)] * 3, 6, 4, 2, seed=1)
    assert_same(run_ours(case, lengths), run_torch(case, torch.nn.LSTM, lengths), FLOAT64)
    case = Case([rnn(3)] * 3, 6, 4, 2, seed=2, dtype=np.float32)
    ours = run_ours(case, lengths)
    assert {a.dtype for a in ours.values()} == {np.dtype(np.float32)}
    assert_same(ours, run_torch(case, torch.nn.RNN, lengths), FLOAT32)


@pytest.mark.parametrize("lengths", [np.full(3, 4), np.array([2, 4, 1])], ids=["full", "lengths"])
def test_layers_of_several_kinds_and_widths(lengths):
    case = Case(MIXED, 4, 3, 2, seed=3)
    assert_same(run_ours(case, lengths), run_mixed(case, lengths), FLOAT64)


def test_gradients_equal_central_differences():
    case, lengths = Case([lstm(3), rnn(2)], 4, 3, 2, seed=4), np.array([4, 2, 1])

    def loss():
        output, states, _ = stack_forward(case.cells, case.x, case.states, case.params_list, lengths=lengths)
        pairs = [p for s, d in zip(states, case.d_states, strict=True) for p in zip(s, d, strict=True)]
        return float((output * case.d_output).sum() + sum((s * d).sum() for s, d in pairs))

    gradcheck(loss, case.leaves, run_ours(case, lengths), tolerance=FINITE_DIFFERENCES)


def test_none_means_a_gradient_of_zero():
    case = Case([rnn(3), rnn(5, "relu")], 4, 3, 2)
    _, _, cache = stack_forward(case.cells, case.x, case.states, case.params_list)
    whole = stack_backward(case.d_output, case.d_states, cache)
    low, high = case.d_states
    parts = [
        stack_backward(*cotangents, cache)
        for cotangents in ((case.d_output, None), (None, [low, None]), (None, [None, high]))
    ]
    assert_close(sum(p[0] for p in parts), whole[0], FLOAT64)
    for l in range(2):
        for name in case.params_list[l]:
            assert_close(sum(p[2][l][name] for p in parts), whole[2][l][name], FLOAT64)


BAD = {
    "no-layer": (lambda c, s, p: ([], [], []), ValueError, "cells must hold one entry for each of the 0 cells, got 0"),
    "one-cell": (lambda c, s, p: (c[0], s, p), TypeError, "cells must be a sequence with one entry a layer, got Cell"),
    "states": (lambda c, s, p: (c, s[:1], p), ValueError, "states must hold one entry for each of the 2 cells, got 1"),
    "one-params": (lambda c, s, p: (c, s, p[0]), TypeError, "params_list must be a sequence .* got dict"),
    "params": (lambda c, s, p: (c, s, p + p), ValueError, "params_list must hold one entry for each of the 2 cells"),
    "bare-state": (
        lambda c, s, p: (c, [s[0], s[1][0]], p),
        TypeError,
        "(?s)state must be a tuple of arrays, got ndarray.*in layer 1",
    ),
    "widths": (
        lambda c, s, p: (c, s, [p[0], p[1] | {"weight_ih_l0": p[1]["weight_ih_l0"][:, 1:]}]),
        ValueError,
        r"(?s)params\['weight_ih_l0'\] must have shape \(5, 3\), got \(5, 2\).*in layer 1",
    ),
}


@pytest.mark.parametrize("spoil, error, message", BAD.values(), ids=BAD.keys())
def test_bad_input_is_named(spoil, error, message):
    case = Case([rnn(3), rnn(5)], 4, 3, 2)
    cells, states, params_list = spoil(case.cells, case.states, case.params_list)
    with pytest.raises(error, match=message):
        stack_forward(cells, case.x, states, params_list)


def test_bad_cotangents_are_named():
    case = Case([rnn(3), rnn(5)], 4, 3, 2)
    _, _, cache = stack_forward(case.cells, case.x, case.states, case.params_list)
    with pytest.raises(ValueError, match="d_states must hold one entry for each of the 2 layers, got 1"):
        stack_backward(case.d_output, case.d_states[:1], cache)
    with pytest.raises(TypeError, match="d_states must be a sequence"):
        stack_backward(case.d_output, 0, cache)
    with pytest.raises(ValueError, match=r"d_output must have shape \(4, 3, 5\), got \(3, 3, 5\)"):
        stack_backward(case.d_output[1:], None, cache)
