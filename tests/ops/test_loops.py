"""Every recurrence in Torch against its cell in NumPy: outputs, final states, all gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rnncourse import ops
from rnncourse.reference import zoneout
from rnncourse.reference.scan import scan_backward, scan_forward
from tests.reference.cell_checks import SIZES, assert_same, scanned
from tests.tolerances import FLOAT32, FLOAT64, assert_close

from .peers import PAIRS, Scripted, by_autograd, draw_case

LENGTHS = np.array([6, 1, 4, 5])

every = pytest.mark.parametrize("name", list(PAIRS))


@every
def test_reference(name: str) -> None:
    pair = PAIRS[name]
    for seed, size in enumerate(SIZES.values()):
        if name == "projected" and size[3] == 1:
            continue
        case = draw_case(pair, size, seed=seed)
        assert_same(by_autograd(pair.run, case), scanned(pair.cell, case), FLOAT64)


@every
def test_lengths(name: str) -> None:
    pair = PAIRS[name]
    case = draw_case(pair, (6, 4, 2, 3), seed=20)
    assert_same(by_autograd(pair.run, case, LENGTHS), scanned(pair.cell, case, LENGTHS), FLOAT64)


@every
def test_float32(name: str) -> None:
    pair = PAIRS[name]
    case = draw_case(pair, (5, 4, 2, 3), seed=21, dtype=np.float32)
    ours = by_autograd(pair.run, case)
    assert {a.dtype for a in ours.values()} == {np.dtype(np.float32)}
    assert_same(ours, scanned(pair.cell, case), FLOAT32)


@every
@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["whole", "lengths"])
def test_kept_units_are_zoneout(name: str, lengths: np.ndarray | None) -> None:
    """In training with the same masks, in evaluation with the rates."""
    pair = PAIRS[name]
    case = draw_case(pair, (6, 4, 2, 3), seed=22)
    rng = np.random.default_rng(0)
    rates = (0.3, 0.6)[: len(case.state)]
    draws = [rng.random((6, *s.shape)) for s in case.state]
    keep = tuple(torch.from_numpy((u < p).astype(float)) for u, p in zip(draws, rates, strict=True))
    steps = [u[t] for t in range(6) for u in draws]
    ours = by_autograd(pair.run, case, lengths, keep)
    assert_same(ours, scanned(zoneout(pair.cell, rates, rng=Scripted(*steps)), case, lengths), FLOAT64)
    assert_same(by_autograd(pair.run, case, lengths, rates), scanned(zoneout(pair.cell, rates), case, lengths), FLOAT64)


@every
def test_missing_biases_are_zero(name: str) -> None:
    pair = PAIRS[name]
    case = draw_case(pair, (3, 4, 2, 3), seed=23)
    zeros = {n: a * (not n.startswith("bias")) for n, a in case.params.items()}
    case.params = {n: a for n, a in zeros.items() if not n.startswith("bias")}
    ours = by_autograd(pair.run, case)
    output, state, cache = scan_forward(pair.cell, case.x, case.state, zeros)
    dx, _, grads = scan_backward(case.d_output, case.d_state, cache)
    assert_close(ours["output"], output, FLOAT64)
    assert_close(ours["final[0]"], state[0], FLOAT64)
    assert_close(ours["x"], dx, FLOAT64)
    assert_close(ours["weight_ih_l0"], grads["weight_ih_l0"], FLOAT64)


@every
def test_what_lies_behind_the_end_does_not_matter(name: str) -> None:
    pair = PAIRS[name]
    case = draw_case(pair, (6, 4, 2, 3), seed=24)
    before = by_autograd(pair.run, case, LENGTHS)
    case.x = np.where(np.arange(6)[:, None, None] < LENGTHS[:, None], case.x, 1e6)
    assert_same(by_autograd(pair.run, case, LENGTHS), before, FLOAT64)


@every
@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"x": [1.0]}, TypeError, r"x must be a torch.Tensor of shape \(T, B, input_size\), got list"),
        ({"x": torch.ones(5, 2)}, ValueError, r"x must have shape \(T, B, input_size\), got \(5, 2\)"),
        ({"x": torch.ones(0, 4, 2)}, ValueError, "x must have T >= 1"),
        ({"x": torch.ones(5, 4, 2).long()}, TypeError, "x must be of a floating-point dtype, got torch.int64"),
        ({"x": torch.ones(5, 4, 3)}, ValueError, r"params\['weight_ih_l0'\] must have shape"),
        ({"x": torch.ones(5, 4, 2).double()}, TypeError, r"state\[0\] must have dtype torch.float64 like x, got"),
        ({"state": []}, TypeError, "state must be a tuple of tensors, got list"),
        ({"state": ()}, ValueError, r"state must hold \d tensor\(s\), got 0"),
        ({"params": 5}, TypeError, "params must be a mapping"),
        ({"params": {}}, ValueError, r"params must have the keys weight_ih_l0|state\[0\] must have"),
        ({"lengths": [5, 1, 1, 1]}, TypeError, "lengths must be an integer torch.Tensor"),
        ({"lengths": torch.tensor([5, 1, 1])}, ValueError, r"lengths must have shape \(4,\), got \(3,\)"),
        ({"lengths": torch.tensor([5, 1, 1, 0])}, ValueError, "lengths must lie in 1 … 5, got"),
        ({"lengths": torch.tensor([6, 1, 1, 1])}, ValueError, "lengths must lie in 1 … 5, got"),
        ({"keep": 0.5}, TypeError, "keep must be a tuple"),
        ({"keep": (2.0, 2.0)}, (TypeError, ValueError), "keep"),
        ({"keep": (torch.ones(4, 4, 3), torch.ones(4, 4, 3))}, (TypeError, ValueError), "keep"),
    ],
)
def test_bad_input(name: str, change: dict, error: type, message: str) -> None:
    pair = PAIRS[name]
    case = draw_case(pair, (5, 4, 2, 3), seed=0, dtype=np.float32)
    good = {
        "x": torch.from_numpy(case.x),
        "state": tuple(torch.from_numpy(s) for s in case.state),
        "params": {n: torch.from_numpy(a) for n, a in case.params.items()},
    }
    if isinstance(change.get("keep"), tuple):
        change = {"keep": change["keep"][: len(case.state)]}
    pair.run(**good)
    with pytest.raises(error, match=message):
        pair.run(**good | change)


@pytest.mark.parametrize(
    ("run", "option"),
    [
        (ops.rnn_loop, {"nonlinearity": "cos"}),
        (ops.layer_norm_rnn_loop, {"nonlinearity": "cos"}),
        (ops.layer_norm_rnn_loop, {"eps": 0.0}),
        (ops.layer_norm_lstm_loop, {"eps": 0.0}),
        (ops.gru_loop, {"reset_after": 1}),
        (ops.gru_loop, {"z_keeps": None}),
        (ops.mingru_loop, {"nonlinearity": "relu"}),
        (ops.mingru_scan, {"z_keeps": "no"}),
        (ops.minlstm_loop, {"nonlinearity": "relu"}),
        (ops.minlstm_scan, {"nonlinearity": "relu"}),
    ],
)
def test_bad_options(run, option: dict) -> None:
    pair = next(p for p in PAIRS.values() if getattr(p.run, "func", p.run) is run)
    case = draw_case(pair, (5, 4, 2, 3))
    with pytest.raises(ValueError, match=f"{next(iter(option))} must be"):
        run(*map(torch.from_numpy, [case.x]), tuple(map(torch.from_numpy, case.state)),
            {n: torch.from_numpy(a) for n, a in case.params.items()}, **option)  # fmt: skip


def test_scan_takes_any_step() -> None:
    """A running sum; the state needs no second axis of its own size."""
    a = torch.arange(6.0).reshape(3, 2, 1)
    output, (final,) = ops.scan(lambda a_t, state: (state[0] + a_t,), a, (torch.zeros(2, 1),))
    assert torch.equal(output, a.cumsum(0))
    assert torch.equal(final, a.sum(0))
    with pytest.raises(ValueError, match="a must have T >= 1"):
        ops.scan(lambda a_t, state: state, a[:0], (torch.zeros(2, 1),))


def test_turn() -> None:
    x = torch.randn(5, 3, 2)
    lengths = torch.tensor([5, 2, 1])
    turned = ops.turn(x, lengths)
    assert torch.equal(turned[:, 0], x[:, 0].flip(0))
    assert torch.equal(turned[:2, 1], x[:2, 1].flip(0))
    assert torch.equal(turned[2:, 1], x[2:, 1])
    assert torch.equal(ops.turn(turned, lengths), x)
    assert torch.equal(ops.turn(x), x.flip(0))
    with pytest.raises(ValueError, match="lengths must lie in"):
        ops.turn(x, torch.tensor([6, 1, 1]))
