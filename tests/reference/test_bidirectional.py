"""Both directions against torch's bidirectional layers, and against sequences run one by one."""

import numpy as np
import pytest
import torch
from hypothesis import settings

from rnncourse.reference import gradcheck, init_rnn, rnn_forward
from rnncourse.reference.bidirectional import bidirectional_backward, bidirectional_forward
from rnncourse.reference.lstm import init_lstm, lstm_cell
from rnncourse.reference.rnn import rnn_cell
from tests.reference.cell_checks import SIZES, any_shape, assert_same
from tests.tolerances import FINITE_DIFFERENCES, FLOAT32, FLOAT64, assert_close

KINDS = {"rnn": (rnn_cell, init_rnn, 1, torch.nn.RNN), "lstm": (lstm_cell, init_lstm, 2, torch.nn.LSTM)}
kinds = pytest.mark.parametrize("kind", KINDS)


class Case:
    """Inputs, two states of one or two arrays, parameters of both directions, and cotangents."""

    def __init__(self, kind, size, seed=0, dtype=np.float64):
        self.kind = kind
        make, init, arrays, _ = KINDS[kind]
        T, B, I, H = size
        rng = np.random.default_rng(seed)
        draw = lambda *shape: rng.standard_normal(shape).astype(dtype)  # noqa: E731
        pair = lambda: tuple(tuple(draw(B, H) for _ in range(arrays)) for _ in range(2))  # noqa: E731
        self.cell, self.x, self.states = make(), draw(T, B, I), pair()
        self.params = init(rng, I, H, dtype)
        self.params |= {f"{name}_reverse": a for name, a in init(rng, I, H, dtype).items()}
        self.d_output, self.d_states = draw(T, B, 2 * H), pair()

    @property
    def leaves(self):
        states = {f"state[{d}][{k}]": s for d, state in enumerate(self.states) for k, s in enumerate(state)}
        return {"x": self.x, **states, **self.params}


def run_ours(case, lengths=None):
    output, states, cache = bidirectional_forward(case.cell, case.x, case.states, case.params, lengths)
    dx, d_states, grads = bidirectional_backward(case.d_output, case.d_states, cache)
    finals = {f"final[{d}][{k}]": s for d, state in enumerate(states) for k, s in enumerate(state)}
    firsts = {f"state[{d}][{k}]": s for d, state in enumerate(d_states) for k, s in enumerate(state)}
    return {"output": output, **finals, "x": dx, **firsts, **grads}


def run_torch(case, lengths=None):
    *_, arrays, layer = KINDS[case.kind]
    T, _, I = case.x.shape
    H = case.states[0][0].shape[1]
    leaves = {name: torch.tensor(a, requires_grad=True) for name, a in case.leaves.items()}
    state = tuple(torch.stack([leaves[f"state[{d}][{k}]"] for d in range(2)]) for k in range(arrays))
    x = leaves["x"]
    if lengths is not None:
        x = torch.nn.utils.rnn.pack_padded_sequence(x, torch.from_numpy(lengths), enforce_sorted=False)
    output, final = torch.func.functional_call(
        layer(I, H, bidirectional=True, dtype=leaves["x"].dtype),
        {name: leaves[name] for name in case.params},
        (x, state if arrays == 2 else state[0]),
    )
    if lengths is not None:
        output, _ = torch.nn.utils.rnn.pad_packed_sequence(output, total_length=T)
    final = final if arrays == 2 else (final,)
    loss = (output * torch.from_numpy(case.d_output)).sum()
    for d in range(2):
        for k in range(arrays):
            loss = loss + (final[k][d] * torch.from_numpy(case.d_states[d][k])).sum()
    grads = torch.autograd.grad(loss, list(leaves.values()))
    values = {name: g.numpy() for name, g in zip(leaves, grads, strict=True)}
    values |= {f"final[{d}][{k}]": final[k][d].detach().numpy() for d in range(2) for k in range(arrays)}
    return values | {"output": output.detach().numpy()}


@kinds
@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES.keys())
def test_equals_torch(size, kind):
    case = Case(kind, size)
    assert_same(run_ours(case), run_torch(case), FLOAT64)


@kinds
def test_equals_torchs_packed_sequences(kind):
    lengths = np.array([3, 6, 1, 5])
    case = Case(kind, (6, 4, 2, 3), seed=1)
    assert_same(run_ours(case, lengths), run_torch(case, lengths), FLOAT64)
    case = Case(kind, (6, 4, 2, 3), seed=2, dtype=np.float32)
    ours = run_ours(case, lengths)
    assert {a.dtype for a in ours.values()} == {np.dtype(np.float32)}
    assert_same(ours, run_torch(case, lengths), FLOAT32)


@settings(max_examples=20)
@any_shape
def test_any_shape_equals_torchs_packed_sequences(size, seed, lengths):
    case = Case("rnn", size, seed)
    assert_same(run_ours(case, lengths), run_torch(case, lengths), FLOAT64)


def test_each_sequence_is_turned_round_within_its_length():
    case, lengths = Case("rnn", (6, 4, 2, 3), seed=3), np.array([3, 6, 1, 5])
    output, (_, (h_back,)), _ = bidirectional_forward(case.cell, case.x, case.states, case.params, lengths)
    reverse = {name: case.params[f"{name}_reverse"] for name in init_rnn(np.random.default_rng(0), 2, 3)}
    for b, n in enumerate(lengths):
        alone = case.x[:n, b : b + 1]
        there, _, _ = rnn_forward(alone, case.states[0][0][b : b + 1], {n: case.params[n] for n in reverse})
        back, last, _ = rnn_forward(alone[::-1].copy(), case.states[1][0][b : b + 1], reverse)
        assert_close(output[:n, b, :3], there[:, 0], FLOAT64)
        assert_close(output[:n, b, 3:], back[::-1, 0], FLOAT64)
        assert_close(h_back[b], last[0], FLOAT64)
        assert (output[n:, b] == 0).all()


@pytest.mark.parametrize("lengths", [None, np.array([4, 2, 1])], ids=["full", "lengths"])
def test_gradients_equal_central_differences(lengths):
    case = Case("rnn", (4, 3, 2, 5), seed=4)

    def loss():
        output, states, _ = bidirectional_forward(case.cell, case.x, case.states, case.params, lengths)
        pairs = [(s[0], d[0]) for s, d in zip(states, case.d_states, strict=True)]
        return float((output * case.d_output).sum() + sum((s * d).sum() for s, d in pairs))

    gradcheck(loss, case.leaves, run_ours(case, lengths), tolerance=FINITE_DIFFERENCES)


def test_none_means_a_gradient_of_zero():
    case = Case("rnn", (4, 3, 2, 5))
    _, _, cache = bidirectional_forward(case.cell, case.x, case.states, case.params)
    whole = bidirectional_backward(case.d_output, case.d_states, cache)
    there, back = case.d_states
    parts = [
        bidirectional_backward(*cotangents, cache)
        for cotangents in ((case.d_output, None), (None, (there, None)), (None, (None, back)))
    ]
    assert_close(sum(p[0] for p in parts), whole[0], FLOAT64)
    for name in case.params:
        assert_close(sum(p[2][name] for p in parts), whole[2][name], FLOAT64)


BAD = {
    "one-state": (lambda x, s, p: (x, s[0], p), TypeError, "states must be a tuple of 2 states"),
    "mapping": (lambda x, s, p: (x, s, list(p)), TypeError, "params must be a mapping of names to arrays, got list"),
    "one-direction": (
        lambda x, s, p: (x, s, {k: a for k, a in p.items() if k != "bias_ih_l0_reverse"}),
        ValueError,
        r"params must hold every name with and without the ending _reverse, got only one .* \['bias_ih_l0'\]",
    ),
    "reverse-shape": (
        lambda x, s, p: (x, s, p | {"weight_ih_l0_reverse": p["weight_ih_l0"].T}),
        ValueError,
        r"(?s)params\['weight_ih_l0'\] must have shape \(5, 2\), got \(2, 5\).*in the reverse direction",
    ),
    "reverse-state": (
        lambda x, s, p: (x, (s[0], (s[1][0][1:],)), p),
        ValueError,
        r"(?s)state\[0\] must have shape \(3, hidden_size\).*in the reverse direction",
    ),
    "rank": (lambda x, s, p: (x[0], s, p), ValueError, r"x must have shape \(T, B, input_size\), got \(3, 2\)"),
}


@pytest.mark.parametrize("spoil, error, message", BAD.values(), ids=BAD.keys())
def test_bad_input_is_named(spoil, error, message):
    case = Case("rnn", (4, 3, 2, 5))
    with pytest.raises(error, match=message):
        bidirectional_forward(case.cell, *spoil(case.x, case.states, case.params))


def test_bad_lengths_and_cotangents_are_named():
    case = Case("rnn", (4, 3, 2, 5))
    rest = case.cell, case.x, case.states, case.params
    with pytest.raises(ValueError, match=r"lengths .* got 5"):
        bidirectional_forward(*rest, np.array([4, 5, 1]))
    _, _, cache = bidirectional_forward(*rest)
    with pytest.raises(ValueError, match=r"d_output must have shape \(4, 3, 10\), got \(4, 3, 5\)"):
        bidirectional_backward(case.d_output[..., :5], None, cache)
    with pytest.raises(TypeError, match="d_states must be a tuple of 2 states"):
        bidirectional_backward(None, case.d_states[0], cache)
