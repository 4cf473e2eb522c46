"""The adding task over long lags: initial biases, training, the rule on made-up errors, a quick run, the record."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from rnncourse import results
from rnncourse.data import adding
from rnncourse.experiments import _run
from rnncourse.experiments import adding_problem as experiment
from rnncourse.reference import chrono_
from tests.tolerances import FLOAT32, assert_close

NAME = "adding_problem"


def condition(cell, initial="chrono", T=40, H=7, updates=30, lr=0.05):
    return {"cell": cell, "initial": initial, "T": T, "hidden_size": H, "updates": updates, "lr": lr, "beta2": 0.99}


# ---- the initial state


def test_chrono_is_the_references_for_the_lstm():
    rnn, _ = experiment.new_model(condition("lstm"), 3)
    params = {name: p.detach().numpy().copy() for name, p in rnn.named_parameters()}
    want = {name: p + 1 for name, p in params.items()}
    want |= {"bias_ih_l0": params["bias_ih_l0"].copy(), "bias_hh_l0": params["bias_hh_l0"].copy()}
    chrono_(np.random.default_rng([3, 0]), want, 40)
    for name in ("bias_ih_l0", "bias_hh_l0"):
        assert_close(params[name], want[name], FLOAT32, name)


@pytest.mark.parametrize("cell", ["lstm", "gru", "mingru", "minlstm"])
def test_chrono_keeps_the_state_for_as_long_as_was_drawn(cell):
    """With zero weights, the share of the state that one step keeps is 1 - 1 / (1 + u)."""
    H, T = 7, 40
    rnn, _ = experiment.new_model(condition(cell, "pytorch", T, H), 0)
    experiment.chrono(rnn, cell, T, np.random.default_rng(5))
    u = np.random.default_rng(5).uniform(1, T - 1, H)
    with torch.no_grad():
        for name, p in rnn.named_parameters():
            if name.startswith("weight"):
                p.zero_()
        candidate = {"lstm": 2, "gru": 2, "mingru": 1, "minlstm": 2}[cell]
        for name, p in rnn.named_parameters():
            if name.startswith("bias"):
                p[candidate * H : (candidate + 1) * H] = 0  # so that nothing flows in
        h = torch.full((1, 1, H), 0.5)
        _, last = rnn(torch.zeros(1, 1, 2), (h, h) if cell == "lstm" else h)
    kept = (last[1] if cell == "lstm" else last)[0, 0] / 0.5
    assert_close(kept.numpy(), (1 - 1 / (1 + u)).astype(np.float32), FLOAT32)


def test_the_models_are_those_named():
    kinds = {"lstm": "LSTM", "gru": "GRU", "mingru": "MinGRU", "minlstm": "MinLSTM", "irnn": "RNN"}
    for cell, kind in kinds.items():
        rnn, readout = experiment.new_model(condition(cell, "pytorch", H=5), 0)
        assert type(rnn).__name__ == kind and (rnn.input_size, rnn.hidden_size) == (2, 5)
        assert readout.weight.shape == (1, 5)
    torch.testing.assert_close(
        experiment.new_model(condition("irnn", "identity", H=5), 0)[0].weight_hh_l0, torch.eye(5)
    )


def test_pytorchs_initial_state_is_left_alone():
    (plain, readout), (chrono, same) = (experiment.new_model(condition("lstm", i), 4) for i in ("pytorch", "chrono"))
    torch.testing.assert_close(plain.weight_ih_l0, chrono.weight_ih_l0)
    torch.testing.assert_close(readout.weight, same.weight)
    assert not torch.equal(plain.bias_ih_l0, chrono.bias_ih_l0)
    assert plain.bias_ih_l0.abs().max() <= 7**-0.5


def test_the_seed_decides_and_the_global_generator_does_not():
    before = torch.get_rng_state()
    a, b, c = (experiment.new_model(condition("gru"), seed)[0].weight_hh_l0 for seed in (1, 1, 2))
    torch.testing.assert_close(a, b)
    assert not torch.equal(a, c)
    assert torch.equal(before, torch.get_rng_state())


# ---- training


def test_rate_rises_and_falls():
    c, s = condition("lstm", updates=200, lr=0.3), {"warmup": 0.05}
    rates = [experiment.rate(k, c, s) for k in range(200)]
    np.testing.assert_allclose(rates[:10], 0.03 * np.arange(1, 11))
    assert rates[10] == pytest.approx(0.3) and rates[105] == pytest.approx(0.15)
    assert all(a > b for a, b in itertools.pairwise(rates[10:])) and 0 < rates[-1] < 1e-4


@pytest.mark.parametrize("cell", ["lstm", "gru", "mingru", "minlstm", "irnn"])
def test_pieces_are_as_one(cell):
    rnn, _ = experiment.new_model(condition(cell, "pytorch", H=5), 0)
    x = torch.randn(11, 3, 2, generator=torch.Generator().manual_seed(0))
    grads = []
    for output in (experiment.last_output(rnn, x, piece=4), rnn(x)[0][-1]):
        rnn.zero_grad()
        output.square().sum().backward()
        grads.append([output.detach(), *(p.grad.clone() for p in rnn.parameters())])
    for a, b in zip(*grads, strict=True):
        assert_close(a.numpy(), b.numpy(), FLOAT32)


def test_training_learns_a_short_task():
    c = condition("mingru", T=10, H=8, updates=200, lr=0.2)
    rnn, readout = experiment.new_model(c, 0)
    losses = list(experiment.train(rnn, readout, c, experiment.settings(False), np.random.default_rng(0)))
    assert len(losses) == 200
    x, y = adding(np.random.default_rng(1), 10, 250, np.float32)
    errors = experiment.squared_errors(rnn, readout, x, y, chunk=99)
    with torch.no_grad():
        said = readout(rnn(torch.from_numpy(x))[0])[-1, :, 0].numpy()
    assert_close(errors, (said - y) ** 2.0, FLOAT32 * 100)
    assert errors.mean() < experiment.SOLVED


@pytest.mark.filterwarnings("error")
def test_the_rate_is_what_is_trained_with(monkeypatch):
    settings = experiment.settings(quick=True)
    asked = condition("mingru", updates=3)
    rnn, readout = experiment.new_model(asked, 0)
    before = [p.detach().clone() for p in rnn.parameters()]
    monkeypatch.setattr(experiment, "rate", lambda *_: 0.0)
    assert len(list(experiment.train(rnn, readout, asked, settings, np.random.default_rng(0)))) == 3
    assert all(torch.equal(a, b) for a, b in zip(before, rnn.parameters(), strict=True))


def test_what_is_not_finite_ends_training_before_the_update():
    settings = experiment.settings(quick=True)
    asked = condition("mingru", updates=5)
    rnn, readout = experiment.new_model(asked, 0)
    with torch.no_grad():
        readout.bias.fill_(float("nan"))
    before = [p.detach().clone() for p in rnn.parameters()]
    losses = list(experiment.train(rnn, readout, asked, settings, np.random.default_rng(0)))
    assert len(losses) == 1 and np.isnan(losses[0])
    assert all(torch.equal(a, b) for a, b in zip(before, rnn.parameters(), strict=True))


def test_a_run_that_breaks_off():
    s = experiment.settings(quick=True)
    s["conditions"] = [condition("irnn", "identity", T=10, H=3, updates=25, lr=1e30)]
    ticks = []
    run = experiment.one_seed(0, s, experiment.prepare(s)[0], ticks.append)
    assert run["error"] == run["standard_error"] == [None]
    assert run["training_errors"][0][-1] is None and len(ticks) == 25


# ---- the rule


def concluded(**errors):
    names = {
        "lstm_plain": "lstm pytorch, T = 1000",
        "lstm_chrono": "lstm chrono, T = 1000",
        "far": "mingru chrono, T = 5000",
    }
    common = {"conditions": [names[key] for key in errors]}
    seeds = [{"error": list(row)} for row in zip(*errors.values(), strict=True)]
    return experiment.conclude(common, seeds)


def test_reached_in_all_some_and_no_seeds():
    found = concluded(lstm_plain=[0.2, 0.001, None], lstm_chrono=[5e-4, 2e-3, 1e-2], far=[9e-4, 1e-4, 9.9e-4])
    assert list(found["reached"].values()) == ["no", "some", "yes"]
    assert found["goal"] == {"1000": False, "5000": True}
    assert list(found["solved"].values()) == [1, 3, 3]
    assert found["errors"]["lstm pytorch, T = 1000"]["largest"] == 0.2
    assert found["errors"]["lstm pytorch, T = 1000"]["mean"] == pytest.approx((0.2 * 0.001 / 6) ** (1 / 3))


def test_the_goal_needs_one_network():
    found = concluded(lstm_plain=[0.1, 0.1], lstm_chrono=[1e-4, 1e-4], far=[1e-4, 1e-2])
    assert found["goal"] == {"1000": True, "5000": False}


@pytest.mark.parametrize(
    ("plain", "chrono", "outcome"),
    [
        ([0.1, None], [0.04, 0.08], True),
        ([0.1, 0.1], [0.06, 0.2], False),
        ([0.1, 0.1], [0.04, 0.06], None),
        ([0.1, 0.1], [0.1, None], False),
    ],
)
def test_chrono_helps(plain, chrono, outcome):
    assert concluded(lstm_plain=plain, lstm_chrono=chrono)["chrono_helps"] == {"lstm": outcome}


def test_no_pair_no_verdict():
    assert concluded(lstm_chrono=[0.1], far=[0.1])["chrono_helps"] == {}


# ---- the run and the record


def test_quick_run():
    record = _run.run(NAME, quick=True, bar=False, seeds=2)
    names = record["common"]["conditions"]
    assert len(names) == len(set(names)) == len(record["common"]["parameters"])
    for seed in record["seeds"]:
        for key in ("error", "standard_error", "training_errors"):
            assert len(seed[key]) == len(names)
    assert set(record["conclusion"]["goal"]) == {"10", "50"}
    assert "torch" in record["provenance"]["versions"]


@pytest.mark.skipif(NAME not in results.names(), reason="the experiment has no record")
def test_the_recorded_conclusion_follows_from_its_seeds():
    record = results.load(NAME)
    assert len(record["seeds"]) == experiment.SEEDS
    assert record["settings"] == experiment.settings(quick=False)
    again = experiment.conclude(record["common"], record["seeds"])
    for key in ("reached", "goal", "chrono_helps", "solved"):
        assert again[key] == record["conclusion"][key]
    assert all(math.isfinite(e) for seed in record["seeds"] for e in seed["error"] if e is not None)
