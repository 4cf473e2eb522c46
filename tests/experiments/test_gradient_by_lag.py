"""Gradients by lag: the measures on exact cases, the decision rule on planted figures, a quick run, the record."""

from __future__ import annotations

import copy
import math
from pathlib import Path

import numpy as np
import pytest

from rnncourse import results
from rnncourse.analysis import henrici, input_gradient_by_lag, spectral_radius
from rnncourse.experiments import _run
from rnncourse.experiments import gradient_by_lag as experiment
from tests.tolerances import FLOAT64, assert_close

NAME = "gradient_by_lag"
SETTINGS = experiment.settings(quick=False)


@pytest.fixture(scope="module")
def quick():
    return _run.run(NAME, quick=True, bar=False)


@pytest.fixture(scope="module")
def recorded():
    return results.load(NAME)


# ---- measures


@pytest.mark.parametrize("L", [1, 2, 5, 8])
def test_a_linear_stack_of_equal_layers_counts_paths(L):
    """With W_hh = rho I and c I between the layers, C(k + L - 1, L - 1) paths have length k, each rho^k c^(L-1)."""
    rng = np.random.default_rng(0)
    T, B, I, H, rho, c = 40, 3, 2, 4, 0.8, 0.6
    params = {}
    for layer in range(L):
        params[f"weight_ih_l{layer}"] = rng.standard_normal((H, I)) if layer == 0 else c * np.eye(H)
        params[f"weight_hh_l{layer}"] = rho * np.eye(H)
        params[f"bias_ih_l{layer}"], params[f"bias_hh_l{layer}"] = rng.standard_normal((2, H))
    d = rng.standard_normal((B, H))
    got = input_gradient_by_lag(rng.standard_normal((T, B, I)), np.zeros((L, B, H)), params, d, nonlinearity="linear")
    last = np.linalg.norm(d @ params["weight_ih_l0"], axis=1)
    paths = np.array([math.comb(k + L - 1, L - 1) * rho**k * c ** (L - 1) for k in range(T)])
    assert_close(got, paths[:, None] * last, FLOAT64)
    # So the gradient at a lag can grow with depth, while the rate in the long run is one layer's.
    assert (L == 1) == (got[10, 0] / got[0, 0] <= rho**10 * (1 + 1e-9))


def test_summary_of_an_exponential_and_of_a_power_law():
    k = np.arange(301.0)[:, None]
    got = experiment._summary(np.exp(-0.07 * k) * [[1, 5]], SETTINGS["lags"], SETTINGS["fit"])
    assert got["slope"] == pytest.approx(-0.07)
    assert got["bend"] < 1e-6
    assert got["below"] == math.floor(math.log(100) / 0.07) + 1
    assert got["early"] == pytest.approx(-0.35)
    assert got["log10"] == pytest.approx([-0.07 * lag / math.log(10) for lag in SETTINGS["lags"]], rel=6e-3)
    got = experiment._summary((1 + k) ** -2.0, SETTINGS["lags"], SETTINGS["fit"])
    assert got["bend"] > 10
    assert got["below"] == 10


def test_summary_of_a_lost_gradient_and_of_an_overflow():
    norms = np.exp(-np.arange(301.0))[:, None]
    norms[120:] = 0
    got = experiment._summary(norms, SETTINGS["lags"], SETTINGS["fit"])
    assert got["slope"] is None and got["bend"] is None and got["log10"][-1] is None and got["below"] == 5
    norms[150] = np.inf
    with pytest.raises(FloatingPointError, match="overflowed"):
        experiment._summary(norms, SETTINGS["lags"], SETTINGS["fit"])


def test_summary_of_a_constant():
    got = experiment._summary(np.ones((301, 2)), SETTINGS["lags"], SETTINGS["fit"])
    assert (got["slope"], got["bend"], got["below"]) == (0, 1, None)


def test_shear_is_far_from_normal():
    W = experiment.shear(np.random.default_rng(0), 100)
    assert henrici(W) > 0.4
    assert np.trace(W) == pytest.approx(80)
    # Ten chains of ten units; the rotation changes no norm.
    chain = 0.8 * np.eye(10) + 0.5 * np.eye(10, k=1)
    norms = [np.linalg.norm(np.linalg.matrix_power(W, k), 2) for k in (1, 5, 20, 100)]
    want = [np.linalg.norm(np.linalg.matrix_power(chain, k), 2) for k in (1, 5, 20, 100)]
    np.testing.assert_allclose(norms, want, rtol=1e-4)
    assert 1 < norms[0] < norms[2] > norms[3]


def test_what_pruning_compares():
    dense = np.random.default_rng(1).standard_normal((40, 40))
    got = experiment._pruned(dense, 0.7, np.random.default_rng(2))
    assert tuple(got) == ("magnitude", "random", "units", *list(got)[3:])
    assert set(got) == set(experiment.METHODS["slope"])
    for name in ("magnitude", "random"):
        assert (got[name] == 0).mean() == 0.7
        for scaled in (f"{name}, same radius", f"{name}, same norm"):
            kept = got[name] != 0
            ratio = got[scaled][kept] / got[name][kept]
            np.testing.assert_allclose(ratio, ratio[0], rtol=1e-12)
        assert spectral_radius(got[f"{name}, same radius"]) == pytest.approx(spectral_radius(dense))
        assert np.linalg.norm(got[f"{name}, same norm"]) == pytest.approx(np.linalg.norm(dense))
    np.testing.assert_allclose(got["shrunk"] / dense, (got["shrunk"] / dense)[0, 0], rtol=1e-12)
    assert spectral_radius(got["shrunk"]) == pytest.approx(spectral_radius(got["magnitude"]))
    assert (got["units"].any(axis=1)).sum() == 12


def test_a_matrix_without_eigenvalues_is_not_scaled():
    dense = np.triu(np.ones((4, 4)), 1)
    got = experiment._pruned(dense, 0.3, np.random.default_rng(0))
    np.testing.assert_array_equal(got["magnitude, same radius"], got["magnitude"])


def test_equal_widths():
    widths = [experiment._equal_width(L, SETTINGS) for L in SETTINGS["depths"]]
    assert widths[0] == SETTINGS["hidden_size"]
    for L, H in zip(SETTINGS["depths"], widths, strict=True):
        parameters = sum(p.size for p in experiment.init_rnn(np.random.default_rng(0), 16, H, num_layers=L).values())
        assert parameters == pytest.approx(100 * 16 + 100 * 100 + 200, rel=0.04)


def test_crossing():
    assert experiment._crossing([1.0, 2.0, 3.0], np.array([-0.2, -0.1, 0.3])) == 2.25
    assert experiment._crossing([1.0, 2.0], np.array([-0.2, -0.1])) is None


def test_interval_holds_the_mean():
    values = np.random.default_rng(0).normal(3, 1, 10)
    low, high = experiment._interval(values)
    assert low < values.mean() < high
    # About as wide as the normal approximation, a little narrower for so few values.
    assert 0.8 < (high - low) / (2 * 1.96 * values.std() / math.sqrt(10)) < 1.2
    assert experiment._interval([1.0, -math.inf]) == (-math.inf, 1.0)


# ---- the decision rule on planted figures


def planted():
    """Ten equal seeds in which every statement holds."""
    radii, depths, lags = SETTINGS["radii"], SETTINGS["depths"], SETTINGS["deep_lags"]
    sparsities = SETTINGS["sparsities"]

    def column(slopes):
        return {
            "slope": slopes,
            "bend": [0.1] * len(slopes),
            "early": [5 * slope for slope in slopes],
            "lyapunov": list(slopes),
        }

    def network(slope, pruned):
        slopes = [[pruned] * len(sparsities)] * len(experiment.METHODS["slope"])
        logs = [[50 * pruned / math.log(10)] * len(sparsities)] * len(experiment.METHODS["log10_lag"])
        return {
            "dense": {"slope": slope, "log10_lag": 50 * slope / math.log(10), "radius": 1.0},
            "slope": slopes,
            "log10_lag": logs,
            "radius": [],
        }

    def stack(first):
        slopes = [first] + [first / 4] * (len(depths) - 1)
        return {
            "slope": slopes,
            "log10": [[slope * lag / math.log(10) for lag in lags] for slope in slopes],
            "log10_at_0": [0.0] * len(depths),
        }

    with_recipes = {key: list(names) for key, names in experiment.WITH.items()}
    seed = {
        "radius": {row: column([math.log(r) if r != 1 else 0.02 for r in radii]) for row in experiment.RADIUS_ROWS},
        "initialisers": {key: column([-0.2] * len(names)) for key, names in with_recipes.items()},
        "depth": {row: stack(-0.1) for row in experiment.DEPTH_ROWS},
        "pruning": {
            name: network(-0.2, -0.01) if name not in experiment.EXPLODING else network(0.2, -0.01)
            for name in experiment.NETWORKS
        },
    }
    common = experiment.common(SETTINGS, {}, lambda text: None)
    return common, [copy.deepcopy(seed) for _ in range(10)]


def parts(common, seeds):
    return {
        key: outcome for claim in experiment.conclude(common, seeds).values() for key, outcome in claim["parts"].items()
    }


def test_everything_holds_where_it_was_planted():
    assert set(parts(*planted()).values()) == {True}
    conclusion = experiment.conclude(*planted())
    assert conclusion["pruning-cures-gradients"]["only_shrinks"] is True
    onset = conclusion["gradients-exponential"]["rate"]["tanh"]["onset_mean"]
    assert 0.9 < onset < 1


def change(path, value, seeds):
    """Set a value in some of the planted seeds; returns the parts' outcomes."""
    common, planted_seeds = planted()
    for seed in planted_seeds[:seeds]:
        target = seed
        for key in path[:-1]:
            target = target[key]
        target[path[-1]] = value
    return parts(common, planted_seeds)


@pytest.mark.parametrize(
    ("path", "value", "seeds", "part", "outcome"),
    [
        (("radius", "tanh", "slope", 0), 0.1, 10, "shrinks", False),
        (("radius", "tanh", "bend", 1), 0.6, 6, "shrinks", False),
        (("radius", "tanh", "bend", 1), 0.6, 1, "shrinks", None),
        (("radius", "tanh", "slope", -1), -0.1, 10, "grows", False),
        (("radius", "tanh", "slope", -1), None, 6, "grows", False),
        (("radius", "tanh", "slope", -2), 0.005, 2, "grows", None),
        (("initialisers", "linear", "slope", 0), 0.0, 10, "always", False),
        (("initialisers", "linear", "slope", 0), 0.0, 5, "always", None),
        (("initialisers", "relu", "bend", 2), 3.0, 10, "always", False),
        (("initialisers", "tanh", "early", 8), 0.5, 10, "from_the_start", False),
        (("initialisers", "tanh", "early", 8), 0.05, 10, "from_the_start", None),
        (("radius", "relu", "early", -1), -0.5, 10, "from_the_start", False),
        (("depth", "near one", "slope"), [-0.1] * 6, 10, "slower", None),
        (("depth", "near one", "log10", 5, 5), -3.0, 10, "lasts_near_one", True),
        (("depth", "near one", "log10"), [[-3.0] * 8] * 6, 10, "lasts_near_one", False),
        (("depth", "default", "log10"), [[-2.0] * 8] * 6, 10, "lasts_default", None),
        (("depth", "default", "log10", 3, 4), -3.0, 10, "larger_at_lag", False),
        (("pruning", "small", "log10_lag", 0), [-4.0] * 5, 10, "vanishing", None),
        (("pruning", "saturated", "log10_lag", 0), [-4.0] * 5, 10, "vanishing_saturated", False),
        (("pruning", "saturated", "log10_lag", 0), [-4.0, None, -0.1, None, -9.0], 10, "vanishing_saturated", True),
        (("pruning", "saturated", "dense", "slope"), 0.3, 10, "vanishing_saturated", None),
        (("pruning", "chaotic", "slope", 0), [0.1] * 5, 10, "exploding", False),
        (("pruning", "chaotic", "slope", 0), [0.1, 0.1, 0.1, 0.1, None], 10, "exploding", True),
        (("pruning", "unbounded", "slope", 0, 4), 0.1, 10, "exploding", True),
        (("pruning", "unbounded", "slope", 4), [0.1] * 5, 10, "exploding_same_radius", False),
        (("pruning", "unbounded", "dense", "slope"), -0.3, 10, "exploding", None),
    ],
)
def test_decision_rule(path, value, seeds, part, outcome):
    assert change(path, value, seeds)[part] is outcome


def test_both_vanishing_networks_decide():
    common, seeds = planted()
    for seed in seeds:
        for name in ("small", "trained"):
            seed["pruning"][name]["log10_lag"][0] = [-4.5] * 5
    assert parts(common, seeds)["vanishing"] is False


def test_both_rows_of_depth_decide():
    common, seeds = planted()
    for seed in seeds:
        for row in ("default", "near one"):
            seed["depth"][row]["slope"] = [-0.1, -0.1, -0.09, -0.09, -0.08, -0.08]
    assert parts(common, seeds)["slower"] is False


def test_only_shrinks_can_fail():
    common, seeds = planted()
    for seed in seeds:
        seed["pruning"]["trained"]["slope"][0] = [-0.01, -0.01, -0.09, -0.01, -0.01]
    found = experiment.conclude(common, seeds)["pruning-cures-gradients"]
    assert found["only_shrinks"] is False
    assert found["slope_from_shrunk"]["trained"][2] == -0.08


# ---- runs


def test_quick_run(quick):
    settings, common, seed = quick["settings"], quick["common"], quick["seeds"][0]
    assert common["radii"] == settings["radii"]
    for row in experiment.RADIUS_ROWS:
        assert len(seed["radius"][row]["slope"]) == len(settings["radii"])
    # Without nonlinearity the rate is the logarithm of the radius.
    np.testing.assert_allclose(seed["radius"]["linear"]["slope"], np.log(settings["radii"]), atol=0.03)
    np.testing.assert_allclose(seed["radius"]["linear"]["lyapunov"], np.log(settings["radii"]), atol=0.03)
    linear = dict(zip(common["recipes_with"]["linear"], seed["initialisers"]["linear"]["slope"], strict=True))
    assert linear["orthogonal"] == 0
    for name in experiment.NETWORKS:
        found = seed["pruning"][name]
        assert len(found["slope"]) == len(common["methods"]["slope"])
        assert found["radius"][0][0] < found["dense"]["radius"]
    assert set(quick["conclusion"]) == {"gradients-exponential", "deeper-fixes-vanishing", "pruning-cures-gradients"}


def test_a_seed_gives_the_same_figures_again(quick):
    again = _run.run(NAME, quick=True, bar=False)
    for part in ("radius", "initialisers", "depth", "pruning"):
        assert again["seeds"][0][part] == quick["seeds"][0][part]


def test_the_depths_share_their_layers():
    settings = experiment.settings(quick=True)
    shallow = experiment._depth(np.random.default_rng(3), settings, lambda text: None)["default"]
    rng = np.random.default_rng(3)
    x = rng.standard_normal((settings["deep_steps"], settings["batch"], settings["input_size"]))
    H = settings["hidden_size"]
    params = experiment.init_rnn(rng, settings["input_size"], H, num_layers=2)
    direction = rng.standard_normal((settings["batch"], H))
    bottom = {name: value for name, value in params.items() if name.endswith("l0")}
    for i, (L, weights) in enumerate([(1, bottom), (2, params)]):
        norms = input_gradient_by_lag(x, np.zeros((L, settings["batch"], H)), weights, direction)
        want = np.log10(norms[20] / norms[0]).mean()
        assert shallow["log10"][i][settings["deep_lags"].index(20)] == pytest.approx(want, rel=6e-3)


def test_the_records_conclusion_follows_from_its_seeds(recorded):
    again = experiment.conclude(recorded["common"], recorded["seeds"])
    assert again == recorded["conclusion"]
    assert len(recorded["seeds"]) == experiment.SEEDS
    assert recorded["settings"] == experiment.settings(quick=False)
    assert recorded["decision_rule"] == experiment.DECISION_RULE


def test_the_record_is_of_committed_code_and_short(recorded):
    assert all(seed["modified"] == [] for seed in recorded["seeds"])
    assert len({seed["commit"] for seed in recorded["seeds"]}) == 1
    path = Path(results.__file__).parent / f"{NAME}.json"
    assert path.stat().st_size < 150 * 1024


def test_a_recorded_seed_repeats(recorded):
    """Where gradients vanish, other processors' rounding does not matter; chaos would amplify it."""
    again = experiment._initialisers(np.random.default_rng(0).spawn(4)[1], SETTINGS, lambda text: None)
    wanted = recorded["seeds"][0]["initialisers"]
    assert again["radius"][:-1] == pytest.approx(wanted["radius"][:-1], rel=2e-3)
    for nonlinearity, names in (("tanh", ("torch", "Xavier normal", "orthogonal")), ("relu", ("torch", "identity"))):
        for name in names:
            place = experiment.WITH[nonlinearity].index(name)
            for key in ("slope", "log10"):
                assert again[nonlinearity][key][place] == pytest.approx(
                    wanted[nonlinearity][key][place], rel=0.01, abs=2e-4
                )
