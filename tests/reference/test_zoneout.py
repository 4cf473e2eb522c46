"""Zoneout against naive torch steps under the same masks, in expectation, and as a wrapper of any cell."""

import numpy as np
import pytest
import torch

from rnncourse.reference import gradcheck, init_rnn
from rnncourse.reference.jordan import init_jordan, jordan_cell
from rnncourse.reference.lstm import init_lstm, lstm_cell
from rnncourse.reference.rnn import rnn_cell
from rnncourse.reference.scan import Cell, scan_forward
from rnncourse.reference.zoneout import zoneout
from tests.reference.cell_checks import SIZES, Case, assert_same, check_cell, naive, scanned
from tests.tolerances import FINITE_DIFFERENCES, FLOAT32, FLOAT64, assert_close

RATES = (0.3, 0.6)  # of h, of c


def one_state(I, H):
    return (H,)


def two_states(I, H):
    return (H, H)


def elman_step(d_of):
    """`d_of()` gives the next step's share of the old h, as a tuple of one."""

    def step(x, state, p):
        (h,) = state
        new = torch.tanh(p["weight_ih_l0"] @ x + p["bias_ih_l0"] + p["weight_hh_l0"] @ h + p["bias_hh_l0"])
        (d,) = d_of()
        h = d * h + (1 - d) * new
        return h, (h,)

    return step


def lstm_step(d_of):
    """The paper's equations: h is made from the c that nothing was kept back from, and is what goes out."""

    def step(x, state, p):
        h, c = state
        net = p["weight_ih_l0"] @ x + p["bias_ih_l0"] + p["weight_hh_l0"] @ h + p["bias_hh_l0"]
        i, f, g, o = net.chunk(4)
        new_c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        new_h = torch.sigmoid(o) * torch.tanh(new_c)
        d_h, d_c = d_of()
        h = d_h * h + (1 - d_h) * new_h
        c = d_c * c + (1 - d_c) * new_c
        return h, (h, c)

    return step


CELLS = {
    "elman": (rnn_cell, elman_step, init_rnn, one_state, RATES[:1]),
    "lstm": (lstm_cell, lstm_step, init_lstm, two_states, RATES),
}
both = pytest.mark.parametrize("name", CELLS)


def masks(seed, case, rates, lengths=None):
    """The masks of every step, in the order in which `naive` goes: sequence by sequence, step by step."""
    rng = np.random.default_rng(seed)
    T, B, _ = case.x.shape
    drawn = [[rng.random(s.shape) < p for s, p in zip(case.state, rates, strict=True)] for _ in range(T)]
    for b in range(B):
        for t in range(T if lengths is None else lengths[b]):
            yield tuple(torch.from_numpy(d[b].astype(case.x.dtype)) for d in drawn[t])


def both_in_training(name, size, seed, lengths=None, dtype=np.float64):
    make, stepper, init, state_sizes, rates = CELLS[name]
    case = Case(init, state_sizes, size, seed=seed, dtype=dtype)
    ours = scanned(zoneout(make(), rates, rng=np.random.default_rng(seed)), case, lengths)
    d = masks(seed, case, rates, lengths)
    return ours, naive(stepper(lambda: next(d)), case, lengths)


@both
@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES.keys())
def test_in_training_it_is_the_step_under_the_same_masks(name, size):
    assert_same(*both_in_training(name, size, seed=3), FLOAT64)


@both
def test_in_training_with_lengths_and_in_float32(name):
    lengths = np.array([6, 1, 4, 5])
    assert_same(*both_in_training(name, (6, 4, 2, 3), 4, lengths), FLOAT64)
    ours, theirs = both_in_training(name, (6, 4, 2, 3), 5, lengths, np.float32)
    assert {a.dtype for a in ours.values()} == {np.dtype(np.float32)}
    assert_same(ours, theirs, FLOAT32)


@both
def test_in_training_gradients_equal_central_differences(name):
    make, _, init, state_sizes, rates = CELLS[name]
    case = Case(init, state_sizes, (4, 3, 2, 5), seed=6)
    same_masks = lambda: zoneout(make(), rates, rng=np.random.default_rng(7))  # noqa: E731

    def loss():
        output, state, _ = scan_forward(same_masks(), case.x, case.state, case.params)
        return float(
            (output * case.d_output).sum() + sum((s * d).sum() for s, d in zip(state, case.d_state, strict=True))
        )

    gradcheck(loss, case.leaves, scanned(same_masks(), case), tolerance=FINITE_DIFFERENCES)


@both
def test_in_evaluation_it_is_a_cell_of_its_own(name):
    make, stepper, init, state_sizes, rates = CELLS[name]
    check_cell(zoneout(make(), rates), stepper(lambda: rates), init, state_sizes)


def test_each_unit_is_the_old_or_the_new_one_and_as_often_as_asked():
    case = Case(init_lstm, two_states, (1, 200, 2, 50))
    _, new, _ = scan_forward(lstm_cell(), case.x, case.state, case.params)
    output, zoned, _ = scan_forward(
        zoneout(lstm_cell(), (0.05, 0.5), rng=np.random.default_rng(0)), case.x, case.state, case.params
    )
    assert np.array_equal(output[0], zoned[0])
    for rate, before, after, got in zip((0.05, 0.5), case.state, new, zoned, strict=True):
        kept = got == before
        assert np.array_equal(got, np.where(kept, before, after))
        assert abs(kept.mean() - rate) < 4 * np.sqrt(rate * (1 - rate) / kept.size)


def test_evaluation_is_the_expectation_of_one_step():
    case = Case(init_rnn, one_state, (1, 1, 2, 3))
    expected, _, _ = scan_forward(zoneout(rnn_cell(), 0.3), case.x, case.state, case.params)
    x, h = np.repeat(case.x, 20_000, axis=1), np.repeat(case.state[0], 20_000, axis=0)
    drawn, _, _ = scan_forward(zoneout(rnn_cell(), 0.3, rng=np.random.default_rng(1)), x, (h,), case.params)
    assert_close(drawn.mean(1, keepdims=True), expected, 0.02)


def test_a_rate_of_zero_changes_nothing_and_one_number_serves_all():
    case = Case(init_lstm, two_states, (5, 4, 2, 3))
    plain = scanned(lstm_cell(), case)
    assert_same(scanned(zoneout(lstm_cell(), 0), case), plain, FLOAT64)
    assert_same(scanned(zoneout(lstm_cell(), 0, rng=np.random.default_rng(0)), case), plain, FLOAT64)
    one, two = (scanned(zoneout(lstm_cell(), r, rng=np.random.default_rng(0)), case) for r in (0.4, (0.4, 0.4)))
    assert_same(one, two, 0)


def test_it_wraps_any_cell_and_itself():
    outputs = lambda I, H: I + H  # noqa: E731
    case = Case(
        lambda rng, I, H, dtype: init_jordan(rng, I, H, outputs(I, H), dtype),
        lambda I, H: (outputs(I, H),),
        (5, 4, 2, 3),
        output_size=outputs,
    )
    twice = scanned(zoneout(zoneout(jordan_cell(), 0.5), 0.2), case)
    assert_same(twice, scanned(zoneout(jordan_cell(), 0.6), case), FLOAT64)  # 0.2 + 0.8 * 0.5 of the old stays


def test_bad_input_is_named():
    case = Case(init_lstm, two_states, (4, 3, 2, 5))
    rest = case.x, case.state, case.params
    with pytest.raises(TypeError, match=r"rng must be a numpy\.random\.Generator, .* got 0"):
        zoneout(lstm_cell(), 0.5, rng=0)
    with pytest.raises(ValueError, match="rates must be at least 0 and below 1, got 1"):
        zoneout(lstm_cell(), 1)
    with pytest.raises(ValueError, match=r"rates\[1\] must be at least 0 and below 1, got -0.1"):
        zoneout(lstm_cell(), (0.5, -0.1))
    with pytest.raises(TypeError, match="rates must be a number, got None"):
        zoneout(lstm_cell(), None)
    with pytest.raises(ValueError, match=r"rates must be one number or 2, one for each array .* got \(0.5,\)"):
        scan_forward(zoneout(lstm_cell(), (0.5,)), *rest)
    with pytest.raises(ValueError, match=r"state must hold 2 array\(s\), got 1"):
        scan_forward(zoneout(lstm_cell(), 0.5), case.x, case.state[:1], case.params)
    inner = lstm_cell()
    other = Cell(lambda *a: (lambda o, s, c: (s[1], s, c))(*inner.forward(*a)), inner.backward, inner.check)
    with pytest.raises(ValueError, match="cell must put out the first array of its state"):
        scan_forward(zoneout(other, 0.5), *rest)
