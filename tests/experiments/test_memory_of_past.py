"""What the state keeps: the readout on planted states, the capacity's bound, the rule both ways, the record."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnncourse import results
from rnncourse.experiments import _run
from rnncourse.experiments import memory_of_past as experiment
from rnncourse.experiments._readout import held_out_r2, lagged
from rnncourse.reference import init_rnn, rnn_forward

NAME = "memory_of_past"
RIDGES = [1e-12, 1e-6, 1e-2]


@pytest.fixture(scope="module")
def quick():
    return _run.run(NAME, seeds=2, quick=True, bar=False)


def test_lagged():
    x = np.arange(12.0).reshape(6, 2, 1)
    got = lagged(x, range(1, 4), 2)
    assert got.shape == (2, 2, 3)
    for t in range(2):
        for b in range(2):
            assert got[t, b].tolist() == [x[4 + t - k, b, 0] for k in (1, 2, 3)]


def _parts(rng, n, mix, noise):
    """States that are `mix` of the targets plus noise: three parts of n samples."""
    parts = []
    for _ in range(3):
        targets = rng.normal(size=(n, mix.shape[1]))
        parts.append((targets @ mix.T + noise * rng.normal(size=(n, len(mix))), targets))
    return parts


def test_r2_of_planted_states():
    mix = np.array([[2.0, 0, 0], [0, 1.0, 0]])  # two targets of three are in the states, the second under noise
    parts = _parts(np.random.default_rng(0), 20_000, mix, 0.5)
    r2, _ = held_out_r2(parts, RIDGES)
    np.testing.assert_allclose(r2, [4 / 4.25, 1 / 1.25, 0], atol=0.015)


def test_r2_is_that_of_ordinary_least_squares():
    rng = np.random.default_rng(1)
    parts = _parts(rng, 200, rng.normal(size=(4, 3)), 0.3)
    r2, _ = held_out_r2(parts, [0.0])
    X, Xt = (np.c_[h, np.ones(len(h))] for h, _ in (parts[0], parts[2]))
    said = Xt @ np.linalg.lstsq(X, parts[0][1], rcond=None)[0]
    want = 1 - ((parts[2][1] - said) ** 2).mean(0) / parts[2][1].var(0)
    np.testing.assert_allclose(r2, want, rtol=1e-9)


def test_the_second_part_chooses_the_ridge_and_the_third_reports():
    rng = np.random.default_rng(2)
    parts = _parts(rng, 40, rng.normal(size=(30, 2)), 3.0)
    choices = {ridge: held_out_r2([parts[0], parts[1], parts[1]], [ridge])[0].sum() for ridge in (1e-12, 0.3, 100.0)}
    r2, ridge = held_out_r2(parts, list(choices))
    assert ridge == max(choices, key=choices.get)
    np.testing.assert_array_equal(r2, held_out_r2(parts, [ridge])[0])


def test_weak_traces_are_read():
    """A trace of a billionth beside a strong signal: float64 holds it, its square would not."""
    rng = np.random.default_rng(3)
    mix = np.array([[1.0, 0.0], [1.0, 1e-9]])
    assert held_out_r2(_parts(rng, 500, mix, 0.0), [0.0])[0].min() > 0.999


def test_shuffled_targets_are_not_read():
    rng = np.random.default_rng(4)
    parts = [(h, rng.permutation(y)) for h, y in _parts(rng, 5000, rng.normal(size=(4, 3)), 0.1)]
    assert np.abs(held_out_r2(parts, RIDGES)[0]).max() < 0.01


@settings(derandomize=True, deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 10_000),
    H=st.integers(1, 6),
    radius=st.floats(0.1, 3),
    scale=st.floats(0.01, 3),
    nonlinearity=st.sampled_from(["tanh", "relu", "sigmoid", "linear"]),
)
def test_capacity_is_bounded_by_the_number_of_units(seed, H, radius, scale, nonlinearity):
    """Bessel's inequality, exactly on the sample: lags made orthonormal, projected on the space of the states."""
    rng = np.random.default_rng(seed)
    W_hh = rng.normal(size=(H, H))
    W_hh *= (min(radius, 0.99) if nonlinearity in ("linear", "relu") else radius) / np.linalg.norm(W_hh, 2)
    params = experiment._with_recurrence(W_hh, scale, rng)
    x = rng.normal(size=(80, 10, 1))
    output, _, _ = rnn_forward(x, np.zeros((10, H)), params, nonlinearity=nonlinearity)
    states = output[20:].reshape(-1, H)
    lags = np.linalg.qr(lagged(x, range(21), 60).reshape(-1, 21))[0]
    said = np.linalg.qr(np.c_[states, np.ones(len(states))])[0]
    r2 = ((said.T @ lags) ** 2).sum(0)
    assert r2.sum() <= H + 1 + 1e-9  # the constant counts as one more unit


@pytest.mark.parametrize("H", [1, 3, 6])
def test_a_linear_network_reaches_the_bound(H):
    """R² at lag k is w' W'^k S^-1 W^k w, with S the states' covariance: their sum is the trace of S^-1 S."""
    rng = np.random.default_rng(H)
    chosen = experiment.settings(True) | {"hidden_size": H, "max_lag": 40, "steps": 300, "streams": 60}
    chosen["shown_lags"] = list(range(41))
    W_hh = 0.7 * np.linalg.qr(rng.normal(size=(H, H)))[0]
    params = experiment._with_recurrence(W_hh, 1.0, rng)
    traces = [params["weight_ih_l0"][:, 0]]
    for _ in range(200):
        traces.append(W_hh @ traces[-1])
    traces = np.array(traces)
    want = (traces @ np.linalg.inv(traces.T @ traces) * traces).sum(1)
    assert want.sum() == pytest.approx(H)
    measured = experiment._measure(params, "linear", 0, chosen)
    np.testing.assert_allclose(measured["r2"], want[:41], atol=0.02)
    assert measured["capacity"] == pytest.approx(H, abs=0.1)
    assert measured["noisy_capacity"] < measured["capacity"] + 0.05


def test_harvest_pairs_each_state_with_its_own_past():
    chosen = experiment.settings(True)
    one_step = {
        "weight_ih_l0": np.array([[0.5], [0.0]]),
        "weight_hh_l0": np.array([[0.0, 0.0], [2.0, 0.0]]),  # unit 1 shows what unit 0 showed a step before
        "bias_ih_l0": np.zeros(2),
        "bias_hh_l0": np.zeros(2),
    }
    parts = experiment._harvest(one_step, "linear", 3, chosen)
    assert len(parts) == 3
    for states, targets in parts:
        assert states.shape == (chosen["streams"] * chosen["steps"], 2)
        assert targets.shape == (len(states), chosen["max_lag"] + 1)
        np.testing.assert_allclose(states, targets[:, :2] * [0.5, 1.0])
    assert not np.array_equal(parts[0][1], parts[2][1])
    again = experiment._harvest(one_step, "tanh", 3, chosen)
    np.testing.assert_array_equal(again[1][1], parts[1][1])  # the same inputs for every network of a seed


def test_training_learns_its_lag_and_not_the_others():
    chosen = experiment.settings(True) | {"hidden_size": 12, "updates": 400, "B": 16, "max_lag": 12, "steps": 200}
    chosen["shown_lags"] = list(range(13))
    params = init_rnn(np.random.default_rng(0), 1, 12, np.float32)
    task = {"first_lag": 4, "last_lag": 4, "T": 16, "lr": 0.01}
    losses = list(experiment.train(params, task, chosen, np.random.default_rng(1)))
    assert losses[0] > 0.8
    assert np.mean(losses[-20:]) < 0.1
    params = {name: value.astype(float) for name, value in params.items()}
    r2 = experiment._measure(params, "tanh", 0, chosen)["r2"]
    assert r2[4] > 0.9
    assert r2[12] < 0.1


def _planted(previous, recent, distant, every, capacity):
    """Two seeds whose networks keep what is said, at the lags 1, 10 and 100."""
    common = {"hidden_size": 50, "lags": [1, 10, 100], "rule_lags": {"previous": 1, "recent": 10, "distant": 100}}
    seeds = [
        {
            "networks": [
                {"network": "pytorch", "hidden_size": 50, "capacity": 10.0, "r2": [previous, 0.5, 0.0]},
                {"network": "pytorch", "hidden_size": 9, "capacity": 4.0},
                {"network": "trained: recent", "hidden_size": 50, "capacity": 12.0, "r2": [1.0, recent, 0.0]},
                {"network": "trained: all", "hidden_size": 50, "capacity": capacity + extra, "r2": [1.0, 1.0, every]},
                {"network": "trained: distant", "hidden_size": 50, "capacity": 12.0, "r2": [0.0, 0.0, distant]},
            ]
        }
        for extra in (0.0, 0.1)
    ]
    return experiment.conclude(common, seeds)


def test_the_rule_both_ways():
    found = _planted(0.99, 0.95, 0.0, 0.0, 45.0)
    assert [part["outcome"] for part in found["parts"].values()] == ["kept", "kept", "lost"]
    assert found["bound_kept"] is True
    assert found["training"]["outcome"] == "adds"
    assert found["training"]["difference_mean"] == pytest.approx(35.05)

    found = _planted(0.05, 0.5, 0.0, 0.95, 50.6)
    assert [part["outcome"] for part in found["parts"].values()] == ["lost", "undecided", "kept"]
    assert found["bound_kept"] is False
    assert _planted(1, 1, 0.95, 0.0, 9.0)["parts"]["distant"]["outcome"] == "kept"
    assert _planted(1, 1, 0, 0, 9.0)["training"]["outcome"] == "takes away"
    assert _planted(1, 1, 0, 0, 9.95)["training"]["outcome"] == "neither"


@pytest.mark.parametrize(
    ("r2", "outcome"),
    [([0.9, 1.0], "kept"), ([0.899, 1.0], "undecided"), ([0.1, -0.1], "lost"), ([0.101, 0.0], "undecided")],
)
def test_margins(r2, outcome):
    assert experiment.kept(np.array(r2)) == outcome


def test_bootstrap_interval():
    low, high = experiment._bootstrap(np.arange(10.0))
    # The mean of ten draws from 0 … 9 has the standard deviation sqrt(8.25 / 10).
    assert low == pytest.approx(4.5 - 1.96 * 0.908, abs=0.1)
    assert high == pytest.approx(4.5 + 1.96 * 0.908, abs=0.1)


def test_quick_run(quick):
    _check_record(quick, experiment.settings(True))
    first, second = (seed["networks"] for seed in quick["seeds"])
    assert [row["capacity"] for row in first] != [row["capacity"] for row in second]


def test_quick_run_repeats(quick):
    again = _run.run(NAME, seeds=1, quick=True, bar=False)
    assert again["seeds"][0]["networks"] == quick["seeds"][0]["networks"]


def test_steps_are_the_ticks():
    chosen, ticks = experiment.settings(True), []
    before, per_seed = experiment.steps(chosen, {})
    experiment.common(chosen, {}, ticks.append)
    assert len(ticks) == before
    experiment.one_seed(0, chosen, {}, ticks.append)
    assert len(ticks) == before + per_seed


def _check_record(record, chosen):
    """What must hold of every record, quick or not."""
    assert record["settings"] == chosen
    assert record["decision_rule"] == experiment.DECISION_RULE
    assert record["common"]["lags"] == chosen["shown_lags"]
    _same(record["conclusion"], experiment.conclude(record["common"], record["seeds"]))
    for seed in record["seeds"]:
        assert seed["null"]["smallest"] <= seed["null"]["mean"] <= seed["null"]["largest"] < 0.05
        for row in seed["networks"]:
            assert row["capacity"] <= row["hidden_size"] + experiment.BOUND_MARGIN
            if row["hidden_size"] == chosen["hidden_size"]:
                assert len(row["r2"]) == len(chosen["shown_lags"])
                assert max(row["r2"]) <= 1


def _same(written, computed):
    """Equal up to the record's rounding."""
    if isinstance(computed, dict):
        assert set(written) == set(computed)
        for key in computed:
            _same(written[key], computed[key])
    elif isinstance(computed, list):
        for left, right in zip(written, computed, strict=True):
            _same(left, right)
    elif isinstance(computed, float):
        # Of values rounded to six digits; the difference of two of them can lose one more.
        assert written == pytest.approx(computed, rel=1e-4, abs=1e-6)
    else:
        assert written == computed


def test_recorded():
    record = results.load(NAME)
    _check_record(record, experiment.settings(False))
    assert [seed["seed"] for seed in record["seeds"]] == list(range(10))
    assert record["provenance"]["command"] == f"rnncourse experiment {NAME} --seeds {experiment.SEEDS}"
    path = Path(results.__file__).parent / f"{NAME}.json"
    assert path.stat().st_size < 150_000


def test_an_untrained_network_of_the_record_repeats():
    record = results.load(NAME)
    chosen = experiment.settings(False)
    for name, size, nonlinearity, params in experiment._untrained(3, chosen):
        if (name, size) == ("pytorch", 10):
            got = experiment._measure(params, nonlinearity, 3, chosen)["capacity"]
            rows = [
                row for row in record["seeds"][3]["networks"] if (row["network"], row["hidden_size"]) == (name, size)
            ]
            assert got == pytest.approx(rows[0]["capacity"], abs=0.02)
