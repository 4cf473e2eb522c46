"""Interpolation: the weights against a scan over a grid, and what expectation and maximisation promises."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnncourse.reference import KneserNey
from rnncourse.reference.cache_model import UnigramCache
from rnncourse.reference.mixture import fit_mixture, mix, mixture_loss
from tests.tolerances import FLOAT32, FLOAT64, assert_close


def draw(seed, K, N):
    """Models of different sharpness, some of which rule out a symbol now and then."""
    rng = np.random.default_rng(seed)
    p = rng.random((K, N)) ** rng.integers(1, 6, (K, 1))
    p[1:][rng.random((K - 1, N)) < 0.1] = 0
    return list(p)


def plain_loss(probabilities, weights):
    """The mixture's loss, symbol by symbol."""
    total = 0.0
    for n in range(len(probabilities[0])):
        total -= math.log(sum(w * p[n] for w, p in zip(weights, probabilities, strict=True)))
    return total / len(probabilities[0])


def simplex(K, parts):
    """All weights that are multiples of 1 / parts."""
    for cuts in itertools.product(range(parts + 1), repeat=K - 1):
        if sum(cuts) <= parts:
            yield np.array([*cuts, parts - sum(cuts)]) / parts


@pytest.mark.parametrize("K, parts, N", [(2, 1000, 30), (3, 50, 40), (4, 16, 25)])
def test_no_weights_on_a_grid_are_better(K, parts, N):
    p = draw(K, K, N)
    fit = fit_mixture(p, tolerance=1e-9, steps=100_000)
    assert fit.gap <= 1e-9
    best = min((mixture_loss(p, w), tuple(w)) for w in simplex(K, parts))
    assert fit.losses[-1] <= best[0] + 1e-9
    assert np.abs(fit.weights - best[1]).max() < 3 / parts  # and the best ones on it are near
    assert best[0] - fit.losses[-1] < 1e-2


@settings(max_examples=50)
@given(seed=st.integers(0, 2**32 - 1), K=st.integers(1, 4), N=st.integers(1, 20), steps=st.integers(1, 30))
def test_no_step_raises_the_loss_and_the_gap_holds(seed, K, N, steps):
    p = draw(seed, K, N)
    p[0] = np.maximum(p[0], 1e-12)
    start = np.random.default_rng(seed).dirichlet(np.ones(K)) * 0.99 + 0.01 / K
    fit = fit_mixture(p, start, tolerance=0, steps=steps)
    assert (np.diff(fit.losses) <= 1e-12).all()
    assert fit.weights.shape == (K,) and (fit.weights >= 0).all()
    assert fit.weights.sum() == pytest.approx(1, abs=1e-12)
    assert_close(fit.losses[0], plain_loss(p, start), FLOAT64)
    assert_close(fit.losses[-1], plain_loss(p, fit.weights), FLOAT64)
    best = min(mixture_loss([np.maximum(q, 1e-300) for q in p], w) for w in simplex(K, 6))
    assert fit.losses[-1] - best <= fit.gap + 1e-9


def test_one_step_by_hand():
    # Shares of the first model: 3/4, 1/4 and 3/4.
    p = [np.array([0.3, 0.1, 0.9]), np.array([0.1, 0.3, 0.3])]
    fit = fit_mixture(p, steps=1, tolerance=0)
    assert_close(fit.weights, [7 / 12, 5 / 12], FLOAT64)
    assert len(fit.losses) == 2
    # From other weights: shares (0.6 / 0.7, 0.2 / 0.5, 1.8 / 2.1) with 2 to 1.
    fit = fit_mixture(p, np.array([2, 1]) / 3, steps=1, tolerance=0)
    assert_close(fit.weights[0], (6 / 7 + 2 / 5 + 6 / 7) / 3, FLOAT64)


def test_stops_at_the_tolerance():
    p = draw(9, 3, 200)
    loose, tight = fit_mixture(p, tolerance=1e-2), fit_mixture(p, tolerance=1e-5)
    assert loose.gap <= 1e-2 and tight.gap <= 1e-5
    assert len(loose.losses) < len(tight.losses)
    assert loose.losses[-1] - tight.losses[-1] <= loose.gap


def test_a_model_that_is_worse_everywhere_gets_nothing():
    better = np.random.default_rng(0).uniform(0.3, 1, 50)
    fit = fit_mixture([better, 0.5 * better], tolerance=1e-9)
    assert fit.weights[0] == pytest.approx(1, abs=1e-6)
    assert fit_mixture([better]).weights.tolist() == [1]
    assert_close(fit_mixture([better, better]).weights, [0.5, 0.5], FLOAT64)


@pytest.mark.parametrize("dtype, tolerance", [(np.float64, FLOAT64), (np.float32, FLOAT32)])
@pytest.mark.parametrize("shape", [(7,), (7, 4)], ids=str)
def test_mix_is_a_weighted_sum(shape, dtype, tolerance):
    rng = np.random.default_rng(1)
    p = [rng.random(shape).astype(dtype) for _ in range(3)]
    weights = np.array([0.2, 0.5, 0.3])
    got = mix(p, weights)
    assert got.dtype == dtype
    assert_close(got, 0.2 * p[0] + 0.5 * p[1] + 0.3 * p[2], tolerance)


def test_a_mixture_of_distributions_is_one_and_holds_what_was_observed():
    rng = np.random.default_rng(2)
    text = rng.integers(0, 5, 40)
    models = [UnigramCache(5, decay=0.9), UnigramCache(5, window=3)]
    weights = np.array([0.3, 0.7])
    whole = mix([m.distributions(text) for m in models], weights)
    assert_close(whole.sum(1), np.ones(40), FLOAT64)
    observed = mix([m.probabilities(text) for m in models], weights)
    assert_close(whole[np.arange(40), text], observed, FLOAT64)


def test_a_cache_helps_where_symbols_come_in_bursts():
    rng = np.random.default_rng(3)
    bursts = rng.integers(0, 30, 200)
    text = np.concatenate([np.where(rng.random(25) < 0.5, burst, rng.integers(0, 30, 25)) for burst in bursts])
    train, held_out, test = text[:3000], text[3000:4000], text[4000:]
    models = [KneserNey(order, 30).fit(train) for order in (1, 2)]

    def probabilities(ids):
        return [*(np.exp(m.log_prob(ids)) for m in models), UnigramCache(30, window=20).probabilities(ids)]

    fit = fit_mixture(probabilities(held_out))
    loss = mixture_loss(probabilities(test), fit.weights)
    assert fit.weights[2] > 0.2
    assert loss < min(-m.log_prob(test).mean() for m in models) - 0.1
    assert mixture_loss(probabilities(test), np.array([0, 0, 1.0])) == math.inf  # the cache alone rules much out


def test_loss_is_infinite_where_a_symbol_is_ruled_out():
    p = [np.array([0.5, 0.0]), np.array([0.0, 0.25])]
    assert mixture_loss(p, np.array([1.0, 0.0])) == math.inf
    assert_close(mixture_loss(p, np.array([0.5, 0.5])), 2.5 * math.log(2), FLOAT64)


GOOD = np.array([0.5, 0.2])


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda f: f([], GOOD), ValueError, "probabilities must hold at least one model's array, got none"),
        (lambda f: f([[0.5, 0.2]], GOOD), TypeError, r"probabilities\[0\] must be a numpy.ndarray of shape \(N,\)"),
        (lambda f: f([GOOD, GOOD[:1]], GOOD), ValueError, r"probabilities\[1\] must have shape \(2,\), got \(1,\)"),
        (lambda f: f([GOOD, GOOD.astype(np.float32)], GOOD), TypeError, r"probabilities\[1\] must have dtype float64"),
        (lambda f: f([GOOD, -GOOD], GOOD), ValueError, r"probabilities\[1\] must lie in 0 … 1, got -0.5"),
        (lambda f: f([GOOD, 3 * GOOD], GOOD), ValueError, r"probabilities\[1\] must lie in 0 … 1, got 1.5"),
        (lambda f: f([GOOD * np.nan], GOOD), ValueError, r"probabilities\[0\] must be finite, got nan"),
        (lambda f: f([GOOD[None, None]], GOOD), ValueError, r"probabilities\[0\] must have shape \(N,\)"),
        (lambda f: f([GOOD, GOOD], np.ones(1)), ValueError, r"weights must have shape \(2,\), got \(1,\)"),
        (lambda f: f([GOOD, GOOD], np.array([0.5, 0.6])), ValueError, "weights must not be negative and must sum to 1"),
        (lambda f: f([GOOD, GOOD], np.array([1.5, -0.5])), ValueError, "weights must not be negative and must sum"),
    ],
)
@pytest.mark.parametrize("function", [mix, mixture_loss, fit_mixture])
def test_bad_input_is_named(function, call, error, message):
    with pytest.raises(error, match=message):
        call(function)


def test_bad_fits_are_named():
    for function in (lambda p: mixture_loss(p, np.ones(1)), fit_mixture):
        with pytest.raises(ValueError, match=r"must have shape \(N,\) with N >= 1, got \(2, 1\)"):
            function([GOOD[:, None]])
        with pytest.raises(ValueError, match=r"must have shape \(N,\) with N >= 1, got \(0,\)"):
            function([GOOD[:0]])
    with pytest.raises(ValueError, match=r"weights must all be above 0 to start, got 0\.0"):
        fit_mixture([GOOD, GOOD], np.array([1.0, 0.0]))
    with pytest.raises(ValueError, match=r"probabilities must not all be 0 for a symbol, got 0 .* at n = 1"):
        fit_mixture([np.array([0.5, 0.0]), np.array([0.1, 0.0])])
    with pytest.raises(ValueError, match="tolerance must be at least 0"):
        fit_mixture([GOOD], tolerance=-1)
    with pytest.raises(ValueError, match="steps must be at least 1"):
        fit_mixture([GOOD], steps=0)
