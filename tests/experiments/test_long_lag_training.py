"""The experiment on long lags: its parts against naive versions, the rule on planted data, a quick run, the record."""

from __future__ import annotations

import math
import types

import numpy as np
import pytest
import torch

from rnncourse import results
from rnncourse.data import adding
from rnncourse.experiments import _run
from rnncourse.experiments import long_lag_training as experiment
from tests.tolerances import FLOAT32, assert_close

NAME = "long_lag_training"


@pytest.fixture(scope="module")
def quick():
    return _run.run(NAME, quick=True, bar=False, seeds=2)


@pytest.fixture
def quiet():
    chosen = experiment.settings(quick=True)
    inputs, _ = experiment.prepare(chosen)
    return chosen, inputs


def condition(settings, name):
    return next(c for c in settings["conditions"] if experiment.label(c) == name)


# ---- one run


@pytest.mark.parametrize("name", ["short constant clipped", "edge cosine free", "long equal parameters, 2 layers"])
def test_loss_and_gradients_equal_torch(quiet, name):
    settings, _ = quiet
    params = experiment.new_params(condition(settings, name), settings, np.random.default_rng(0))
    x, y = adding(np.random.default_rng(1), 9, 4, np.float32)
    L = sum("weight_hh" in key for key in params)
    H = params["readout.weight"].shape[1]
    rnn, readout = torch.nn.RNN(2, H, L), torch.nn.Linear(H, 1)
    with torch.no_grad():
        for module, part in ((rnn, "rnn"), (readout, "readout")):
            for key, tensor in module.named_parameters():
                tensor.copy_(torch.tensor(params[f"{part}.{key}"]))
    inputs = torch.tensor(x, requires_grad=True)
    answer = readout(rnn(inputs)[0][-1])[:, 0]
    theirs = torch.nn.functional.mse_loss(answer, torch.tensor(y))
    theirs.backward()
    loss, grads, _ = experiment.loss_and_grads(params, x, y)
    assert_close(loss, theirs.item(), FLOAT32)
    assert_close(experiment.predict(params, x), answer.detach().numpy(), FLOAT32)
    tensors = {f"rnn.{k}": v for k, v in rnn.named_parameters()}
    tensors |= {f"readout.{k}": v for k, v in readout.named_parameters()}
    assert set(grads) == set(tensors)
    for key, tensor in tensors.items():
        assert_close(grads[key], tensor.grad.numpy(), FLOAT32, key)
    profile = inputs.grad.norm(dim=2).square().mean(1).sqrt().numpy()
    got_loss, got = experiment.log_ratio(params, x, y)
    assert got_loss == loss
    assert got == pytest.approx(math.log10(profile[:2].mean() / profile[-2:].mean()), abs=1e-4)


def test_orthogonal_start_without_bias(quiet):
    settings, _ = quiet
    params = experiment.new_params(condition(settings, "edge constant free"), settings, np.random.default_rng(0))
    W = params["rnn.weight_hh_l0"]
    np.testing.assert_allclose(W @ W.T, np.eye(len(W)), atol=1e-6)
    assert not params["rnn.bias_ih_l0"].any() and not params["rnn.bias_hh_l0"].any()


def test_conditions_share_their_start_and_their_data(quiet):
    settings, inputs = quiet
    runs = [
        experiment.train(3, condition(settings, f"long {name}"), settings, inputs["long"])
        for name in ("constant clipped", "exponential clipped", "constant free")
    ]
    for run in runs[1:]:
        assert run["probe_loss"][0] == runs[0]["probe_loss"][0]
        assert run["log_ratio"][0] == runs[0]["log_ratio"][0]
    again = experiment.train(3, condition(settings, "long constant clipped"), settings, inputs["long"])
    other = experiment.train(4, condition(settings, "long constant clipped"), settings, inputs["long"])
    assert again == runs[0] != other


def test_a_constant_validation_loss_leaves_plateau_as_constant_until_patience_ends(quiet):
    settings, _ = quiet
    rate = experiment._schedule({"lr": 0.1, "schedule": "plateau"}, settings, 100)
    rates = [rate(k, lambda: 1.0) for k in range(100)]
    fall = settings["look_every"] * (settings["plateau"]["patience"] + 1)
    assert rates[: fall + 1] == [0.1] * fall + [0.05]
    asked = []
    rate = experiment._schedule({"lr": 0.1, "schedule": "plateau"}, settings, 100)
    for k in range(20):
        rate(k, lambda k=k: asked.append(k) or 1.0)
    assert asked == [0, 5, 10, 15]


def test_schedules_begin_and_end_where_the_head_says():
    settings = experiment.settings(quick=False)
    rates = {}
    for name in ("constant", "exponential", "cosine", "warmup"):
        rate = experiment._schedule({"lr": 1.0, "schedule": name}, settings, 1000)
        rates[name] = [rate(k, None) for k in range(1001)]
    assert set(rates["constant"]) == {1.0}
    assert rates["exponential"][0] == rates["cosine"][0] == 1.0
    assert rates["exponential"][-1] == pytest.approx(0.1)
    assert rates["cosine"][-1] == pytest.approx(0.0)
    assert rates["warmup"][0] == pytest.approx(0.01) and rates["warmup"][99] < 1 == rates["warmup"][100]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("lr", [2.0, 50.0, 1000.0])
def test_divergence_is_recorded(quiet, lr):
    settings, inputs = quiet
    run = experiment.train(0, condition(settings, "edge constant free") | {"lr": lr}, settings, inputs["edge"])
    assert 0 < run["diverged_at"] < 60 and run["final_loss"] is None
    assert run["probe_loss"][0] is not None and run["probe_loss"][-1] is None
    assert len(run["probe_loss"]) == len(run["log_ratio"]) == settings["moments"]


def test_spikes():
    values = np.full(500, 2.0)
    values[[100, 250, 400]] = 30, 20, 21  # the first before a whole window, the second not above ten times
    assert experiment._spikes(values, 10.0) == 1
    want = sum(values[t] > 3 * np.median(values[t - 200 : t]) for t in range(200, 500))
    assert experiment._spikes(values, 3.0) == want == 2
    assert experiment._spikes(values[:200], 10.0) == 0


def test_sizes_are_as_equal_as_can_be():
    settings = experiment.settings(quick=False)
    inputs, _ = experiment.prepare(settings)
    counts = dict(
        zip(*(experiment.common(settings, inputs, None)[k] for k in ("conditions", "parameters")), strict=True)
    )
    one = counts["long constant clipped"]
    for c in settings["conditions"]:
        if c.get("equal") == "parameters":
            off = abs(counts[experiment.label(c)] - one)
            for H in (c["hidden_size"] - 1, c["hidden_size"] + 1):
                other = experiment.new_params(c | {"hidden_size": H}, settings, np.random.default_rng(0))
                assert off < abs(sum(p.size for p in other.values()) - one)
        elif c["layers"] > 1:
            assert c["hidden_size"] == settings["hidden_size"]


# ---- the rule


def planted(change=None, seeds=10):
    """Seeds in which everything is equal but for some noise; `change(name, seed, run)` may plant an effect."""
    names = [experiment.label(c) for c in experiment.settings(quick=False)["conditions"]]
    rng = np.random.default_rng(0)
    planted = []
    for seed in range(seeds):
        entry = {key: [] for key in ("final_loss", "diverged_at", "spikes", "log_ratio")}
        for name in names:
            run = {
                "final_loss": 0.02 * math.exp(0.02 * rng.normal()),
                "diverged_at": None,
                "spikes": 20,
                "log_ratio": (-1 + 0.02 * rng.normal(size=5)).tolist(),
            }
            if change:
                change(name, seed, run)
            for key, values in entry.items():
                values.append(run[key])
        planted.append(entry)
    return {"conditions": names}, planted


def is_decay(name):
    return any(decay in name for decay in experiment.DECAYS)


def test_nothing_planted_is_nothing_found():
    outcomes = experiment.conclude(*planted())["outcomes"]
    assert outcomes.pop("decay_reduces_divergence") is None
    assert set(outcomes.values()) == {False} and len(outcomes) == 8


def test_effects_planted_are_found_and_stay_apart():
    def better(name, seed, run):
        if is_decay(name):
            run["final_loss"] *= 0.7
            run["spikes"] = 10 + seed
            run["log_ratio"] = [r + 0.3 for r in run["log_ratio"]]
        elif "constant" in name and seed % 2:
            run["final_loss"] = 0.15
        if name == "edge constant free" and seed < 6:
            run["diverged_at"], run["final_loss"] = 700, None
            run["log_ratio"] = [*run["log_ratio"][:2], None, None, None]

    outcomes = experiment.conclude(*planted(better))["outcomes"]
    for part in ("ratio", "success", "spikes", "divergence", "final_loss"):
        name = next(key for key in outcomes if key.startswith("decay") and key.endswith(part))
        assert outcomes[name] is True, name
    assert outcomes["depth_raises_ratio_parameters"] is False
    assert outcomes["depth_raises_success_parameters"] is True  # the one-layer control was made worse


def test_effects_the_other_way_do_not_count_for_the_statement():
    def worse(name, seed, run):
        if is_decay(name) or "layers" in name:
            run["final_loss"] = 0.15
            run["spikes"] = 90
            run["log_ratio"] = [r - 0.3 for r in run["log_ratio"]]
        if "edge" in name and name.endswith("free") and seed < 3:
            run["diverged_at"], run["final_loss"] = 10, None

    outcomes = experiment.conclude(*planted(worse))["outcomes"]
    assert set(outcomes.values()) == {False}


def test_too_much_noise_is_undecided():
    noise = np.random.default_rng(1)

    def shake(name, seed, run):
        if "layers" in name:
            run["log_ratio"] = (-0.9 + 2 * noise.normal() + np.zeros(5)).tolist()

    outcomes = experiment.conclude(*planted(shake))["outcomes"]
    assert outcomes["depth_raises_ratio_parameters"] is None


def test_the_margin_counts_as_well_as_the_interval():
    assert experiment._judge([0.05, 0.051, 0.049], 0.1)["outcome"] is False
    assert experiment._judge([0.15, 0.151, 0.149], 0.1)["outcome"] is True
    assert experiment._judge([0.0, 0.0, 0.0], 0.1)["outcome"] is False
    assert experiment._judge([0.3], 0.1)["outcome"] is None
    assert experiment._judge([], 0.1)["outcome"] is None


@pytest.mark.parametrize("n", range(2, 17))
def test_interval_is_students(n):
    df = n - 1
    got = experiment._interval([-1.0, 1.0] * (n // 2) + [0.0] * (n % 2))
    deviation = math.sqrt(2 * (n // 2) / df)
    t = got["high"] * math.sqrt(n) / deviation
    # The density's integral from -t to t.
    u = np.linspace(-t, t, 400_001)
    density = (1 + u * u / df) ** (-(df + 1) / 2)
    density *= math.gamma((df + 1) / 2) / (math.sqrt(df * math.pi) * math.gamma(df / 2))
    assert np.trapezoid(density, u) == pytest.approx(0.95, abs=1e-4)  # quantiles of three decimals
    assert got["mean"] == 0 and got["low"] == -got["high"] and got["above"] == got["below"] == n // 2


def test_pairs_that_say_nothing_are_left_out():
    names = ["a", "b"]
    seeds = [
        {"diverged_at": [None, 5], "spikes": [1, 2], "log_ratio": [[0, 1.0, None], [0, 0.5, 9.0]]},
        {"diverged_at": [None, None], "spikes": [0, 9], "log_ratio": [[0, None], [0, None]]},
    ]
    assert experiment._paired(names, seeds, experiment._fewer_spikes, [("a", "b")]) == [1.0]
    assert experiment._paired(names, seeds, experiment._ratio, [("a", "b")]) == [0.5]


def test_a_diverged_run_counts_as_the_guess():
    seed = {"final_loss": [None, 1 / 60, 5.0]}
    assert experiment._lower_loss(seed, 0, 1) == pytest.approx(-1)
    assert experiment._lower_loss(seed, 0, 2) == 0
    assert not experiment._solved(seed, 0) and experiment._solved(seed, 1)


# ---- the run and the record


def test_quick_run(quick):
    conditions = quick["common"]["conditions"]
    assert len(conditions) == len(set(conditions)) == 34
    for seed in quick["seeds"]:
        for key in ("final_loss", "diverged_at", "spikes", "log_ratio", "probe_loss"):
            assert len(seed[key]) == 34
        assert all(len(curve) == 4 for curve in seed["log_ratio"])
    assert set(quick["conclusion"]["outcomes"]) == set(quick["conclusion"]["parts"])
    assert len(quick["conclusion"]["comparisons"]) == 24 + 4


@pytest.mark.parametrize("part", ["QUESTION", "DECISION_RULE", "SEEDS"])
def test_contract(part):
    assert isinstance(experiment, types.ModuleType) and getattr(experiment, part)


@pytest.mark.skipif(NAME not in results.names(), reason="the experiment has no record")
def test_the_recorded_conclusion_follows_from_its_seeds():
    record = results.load(NAME)
    assert len(record["seeds"]) == experiment.SEEDS
    assert record["settings"] == experiment.settings(quick=False)
    again = experiment.conclude(record["common"], record["seeds"])
    assert again["outcomes"] == record["conclusion"]["outcomes"]
    assert again["solved"] == record["conclusion"]["solved"]
    for key, part in again["parts"].items():
        stored = record["conclusion"]["parts"][key]
        for figure, value in part.items():
            same = (
                stored[figure] is None if value is None else stored[figure] == pytest.approx(value, rel=1e-4, abs=1e-5)
            )
            assert same, (key, figure)
