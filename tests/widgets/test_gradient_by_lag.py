"""The network behind the widget gradient-by-lag: what its construction promises, exactly."""

from __future__ import annotations

import base64
import json
import math
import re
from pathlib import Path

import numpy as np
import pytest

from rnncourse.analysis import henrici, lyapunov_exponents, spectral_norm, spectral_radius, state_jacobians
from rnncourse.reference import rnn_forward
from rnncourse.widgets import export, read, static_folder
from rnncourse.widgets import gradient_by_lag as widget

LAGS = np.arange(widget.LAGS + 1)
SHEARS = [0.0, 0.5, 1.0, 2.0, 3.0]


def paths(depth: int) -> np.ndarray:
    """How many paths lead from the top of the last step to the bottom k steps back."""
    return np.array([math.comb(int(k) + depth - 1, depth - 1) for k in LAGS], dtype=float)


def single(**settings: float) -> np.ndarray:
    """The recurrent matrix of a one-layer network."""
    return widget.network().parameters(depth=1, **settings)["weight_hh_l0"]


@pytest.mark.parametrize("shear", SHEARS)
@pytest.mark.parametrize("radius", [0.1, 0.8, 1.0, 3.0])
def test_the_radius_is_what_it_is_called_whatever_the_shear(radius: float, shear: float) -> None:
    params = widget.network().parameters(radius=radius, depth=8, shear=shear)
    for l in range(8):
        assert spectral_radius(params[f"weight_hh_l{l}"]) == pytest.approx(radius, rel=1e-10)


def test_the_layers_have_one_spectrum_and_different_matrices() -> None:
    params = widget.network().parameters(radius=1, depth=8, shear=1)
    matrices = [params[f"weight_hh_l{l}"] for l in range(8)]
    assert np.ptp([spectral_norm(W) for W in matrices]) < 1e-12
    for l, W in enumerate(matrices[1:], 1):
        assert np.linalg.norm(W - matrices[l - 1]) > np.linalg.norm(W)
        U = params[f"weight_ih_l{l}"]
        assert np.abs(U @ U.T - np.eye(widget.HIDDEN_SIZE)).max() < 1e-13


def test_shear_0_is_normal_and_shear_1_as_far_from_normal_as_a_random_matrix() -> None:
    W = single(radius=1, shear=0)
    assert np.abs(W @ W.T - W.T @ W).max() < 1e-14
    assert spectral_norm(W) == pytest.approx(1, rel=1e-12)
    rng = np.random.default_rng(0)
    random = [henrici(rng.standard_normal((32, 32))) for _ in range(50)]
    assert min(random) < henrici(single(radius=1, shear=1)) < max(random)
    assert np.all(np.diff([henrici(single(radius=1, shear=s)) for s in SHEARS]) > 0)


@pytest.mark.parametrize("shear", SHEARS)
@pytest.mark.parametrize("depth", [2, 5, 8])
def test_in_a_linear_stack_depth_multiplies_by_the_number_of_paths(depth: int, shear: float) -> None:
    one = widget.network().curves(radius=0.9, nonlinearity="linear", depth=1, shear=shear)
    deep = widget.network().curves(radius=0.9, nonlinearity="linear", depth=depth, shear=shear)
    np.testing.assert_allclose(deep, one * paths(depth)[:, None], rtol=1e-9)


@pytest.mark.parametrize("nonlinearity", widget.NONLINEARITIES)
@pytest.mark.parametrize("depth", [1, 4, 8])
@pytest.mark.parametrize("radius", [0.5, 1.0, 2.0])
def test_without_shear_no_gradient_exceeds_radius_and_paths(nonlinearity: str, depth: int, radius: float) -> None:
    norms = widget.network().curves(radius=radius, nonlinearity=nonlinearity, depth=depth, shear=0)
    assert np.all(norms <= (radius**LAGS * paths(depth))[:, None] * (1 + 1e-9))


def test_shear_lets_the_gradient_grow_before_it_decays() -> None:
    norms = widget.network().curves(radius=0.8, nonlinearity="linear", depth=1, shear=3)[:, 0]
    assert norms.max() > 5 * norms[0]
    assert norms[-1] < 1e-6 * norms.max()


@pytest.mark.parametrize(("nonlinearity", "radius"), [("tanh", 1.0), ("tanh", 2.0), ("relu", 1.0), ("sigmoid", 1.0)])
def test_the_slope_at_depth_1_is_near_the_largest_lyapunov_exponent(nonlinearity: str, radius: float) -> None:
    norms = widget.network().curves(radius=radius, nonlinearity=nonlinearity, depth=1, shear=1)
    slope = np.polyfit(LAGS[50:], np.log(norms[50:]).mean(axis=1), 1)[0]
    x = 0.3 * np.random.default_rng(1).standard_normal((1000, 1, widget.HIDDEN_SIZE))
    params = widget.network().parameters(radius=radius, depth=1, shear=1)
    _, _, cache = rnn_forward(x, np.zeros((1, widget.HIDDEN_SIZE)), params, nonlinearity=nonlinearity)
    assert slope == pytest.approx(lyapunov_exponents(state_jacobians(cache)[50:, 0])[0], abs=0.05)


def test_the_data_hold_the_draws() -> None:
    data = read("gradient-by-lag")

    def integers(name: str) -> np.ndarray:
        return np.frombuffer(base64.b64decode(data[name]), dtype=np.int8)

    draws = widget.draws()
    np.testing.assert_array_equal(integers("inputs").reshape(draws.inputs.shape), draws.inputs)
    np.testing.assert_array_equal(integers("derivative"), draws.derivative)
    upper = np.zeros_like(draws.upper)
    upper[np.triu_indices(widget.HIDDEN_SIZE, 1)] = integers("upper")
    np.testing.assert_array_equal(upper, draws.upper)
    rows = [layer[i, i:] for layer in draws.reflectors for i in range(widget.HIDDEN_SIZE - 1)]
    np.testing.assert_array_equal(integers("reflectors"), np.concatenate(rows))
    sizes = np.hypot(*np.array(data["eigenvalues"]).T) * data["eigenvalueStep"]
    assert sizes.max() == pytest.approx(data["drawnRadius"], rel=1e-15)


def test_the_committed_files_are_what_export_writes(tmp_path: Path) -> None:
    page = export("gradient-by-lag", tmp_path, **widget.course())
    assert page == tmp_path / "gradient-by-lag.html"
    for file in ("gradient-by-lag.js", "gradient-by-lag.data.js"):
        assert (tmp_path / file).read_text(encoding="utf-8") == (static_folder() / file).read_text(encoding="utf-8")
    # The picture's coordinates come from long products: another processor may round one of them the other way.
    number = re.compile(r"-?\d+(?:\.\d+)?")
    drawn, stored = [(folder / "gradient-by-lag.svg").read_text("utf-8") for folder in (tmp_path, static_folder())]
    assert number.sub("#", drawn) == number.sub("#", stored)
    np.testing.assert_allclose(
        [float(x) for x in number.findall(drawn)], [float(x) for x in number.findall(stored)], atol=0.11
    )


def test_the_files_are_small() -> None:
    sizes = {path.name: path.stat().st_size for path in static_folder().glob("gradient-by-lag.*")}
    assert set(sizes) == {f"gradient-by-lag.{end}" for end in ("js", "data.js", "svg", "html")}
    assert sizes["gradient-by-lag.svg"] < 30_000
    assert sizes["gradient-by-lag.js"] + sizes["gradient-by-lag.data.js"] < 60_000


def test_the_picture_says_what_its_alt_text_says() -> None:
    end = {}
    for radius in (1.0, 1.5, 2.0):
        for depth in (1, 4):
            norms = widget.network().curves(radius=radius, nonlinearity="tanh", depth=depth, shear=1)
            logs = np.log10(norms).mean(axis=1)
            end[radius, depth] = logs[-1] - logs[0], np.polyfit(LAGS[50:], logs[50:], 1)[0] * math.log(10)
    assert end[1.0, 1][0] == pytest.approx(-10, abs=0.5)
    assert abs(end[1.5, 1][0]) < 1
    assert end[2.0, 1][0] > 1.5
    for radius in (1.0, 1.5, 2.0):
        assert end[radius, 4][1] == pytest.approx(end[radius, 1][1], abs=0.02)


def test_a_network_of_the_readers_own_differs() -> None:
    own = widget.network(3).curves(radius=1, nonlinearity="tanh", depth=1, shear=1)
    assert not np.allclose(
        np.log(own), np.log(widget.network().curves(radius=1, nonlinearity="tanh", depth=1, shear=1))
    )
    assert json.dumps(widget.build(seed=3).data) != json.dumps(widget.build(seed=8).data)


@pytest.mark.parametrize("seed", [-1, 1.5, "8"])
def test_a_seed_is_a_whole_number(seed: object) -> None:
    with pytest.raises((TypeError, ValueError), match="seed"):
        widget.build(seed=seed)


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"radius": -1.0, "depth": 1, "shear": 0.0}, "radius"),
        ({"radius": 1.0, "depth": 9, "shear": 0.0}, "depth"),
        ({"radius": 1.0, "depth": 1, "shear": -0.1}, "shear"),
    ],
)
def test_settings_out_of_range_are_named(settings: dict[str, float], error: str) -> None:
    with pytest.raises(ValueError, match=error):
        widget.network().parameters(**settings)


def test_an_unknown_nonlinearity_is_named() -> None:
    with pytest.raises(ValueError, match="nonlinearity"):
        widget.network().curves(radius=1, nonlinearity="gelu", depth=1, shear=0)
