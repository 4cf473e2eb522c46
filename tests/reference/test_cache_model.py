"""Both caches against their definitions, counted out with loops, and against one another."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rnncourse.reference.cache_model import UnigramCache
from rnncourse.reference.continuous_cache import ContinuousCache
from tests.tolerances import FLOAT32, FLOAT64, assert_close


def counted(text, V, decay, window):
    """The unigram cache by its definition: a weight for every earlier place, added up by symbol."""
    rows = []
    for t in range(len(text)):
        weights = [0.0] * V
        for i in range(t):
            if window is None or t - i <= window:
                weights[text[i]] += decay ** (t - 1 - i)
        total = math.fsum(weights)
        rows.append([w / total if t else 1 / V for w in weights])
    return np.array(rows).reshape(len(text), V)


def attended(states, text, V, theta, window):
    """The continuous cache as the paper has it: pairs (key, symbol), and torch's softmax over the keys."""
    pairs, rows = [], []
    for h, x in zip(torch.tensor(states), text, strict=True):
        recent = pairs if window is None else pairs[-window:]
        row = [1 / V] * V if not recent else [0.0] * V
        if recent:
            weights = torch.softmax(torch.stack([theta * (h * key).sum() for key, _ in recent]), 0)
            for weight, (_, symbol) in zip(weights, recent, strict=True):
                row[symbol] += weight.item()
        rows.append(row)
        pairs.append((h, x))
    return np.array(rows).reshape(len(text), V)


@st.composite
def texts(draw):
    V = draw(st.integers(1, 5))
    return V, np.array(draw(st.lists(st.integers(0, V - 1), max_size=25)), np.int64)


UNIGRAM = [{}, {"decay": 0.9}, {"decay": 0.3}, {"decay": 0}, {"window": 1}, {"window": 4}, {"window": 99}]


@given(case=texts(), settings=st.sampled_from(UNIGRAM))
def test_the_unigram_cache_is_its_definition(settings, case):
    V, text = case
    want = counted(text.tolist(), V, settings.get("decay", 1), settings.get("window"))
    cache = UnigramCache(V, **settings)
    assert_close(cache.distributions(text), want, FLOAT64)
    assert_close(want.sum(1), np.ones(len(text)), FLOAT64)
    assert_close(cache.probabilities(text), want[np.arange(len(text)), text], FLOAT64)
    for t in range(len(text)):
        assert_close(cache.distribution(text[:t]), want[t], FLOAT64)


@given(
    case=texts(),
    seed=st.integers(0, 2**32 - 1),
    theta=st.sampled_from([0.0, 0.4, 3.0]),
    window=st.sampled_from([None, 1, 3, 99]),
)
def test_the_continuous_cache_is_its_definition(theta, window, case, seed):
    V, text = case
    states = np.random.default_rng(seed).standard_normal((len(text), 3))
    want = attended(states, text.tolist(), V, theta, window)
    cache = ContinuousCache(V, theta, window=window)
    got = cache.distributions(states, text)
    assert_close(got, want, FLOAT64)
    assert_close(got.sum(1), np.ones(len(text)), FLOAT64)
    assert_close(cache.probabilities(states, text), want[np.arange(len(text)), text], FLOAT64)
    for t in range(len(text)):
        assert_close(cache.distribution(states[t], states[:t], text[:t]), want[t], FLOAT64)


@pytest.mark.parametrize("window", [None, 7])
def test_without_likeness_the_continuous_cache_counts(window):
    rng = np.random.default_rng(0)
    text, states = rng.integers(0, 6, 60), rng.standard_normal((60, 4))
    counts = UnigramCache(6, window=window)
    assert_close(ContinuousCache(6, 0, window=window).distributions(states, text), counts.distributions(text), FLOAT64)


def test_the_continuous_cache_recalls_what_followed_a_like_state():
    # Two situations, each with a symbol of its own; the last one is the first again.
    states = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [0.0, 1.0], [1.0, 0.0]])
    text = np.array([2, 0, 0, 0, 2])
    assert ContinuousCache(3, 10.0).probabilities(states, text)[4] > 0.999
    assert UnigramCache(3).probabilities(text)[4] == 0.25


def test_many_steps_leave_no_rounding_behind():
    # Windows are counts, exact for any length; a decayed sum stays as good as one that is added up anew.
    text = np.random.default_rng(1).integers(0, 40, 3000)
    exact = UnigramCache(40, window=50)
    assert (np.abs(exact.probabilities(text)[50:] * 50 % 1) < 1e-9).all()
    faded = UnigramCache(40, decay=0.95)
    assert_close(faded.probabilities(text)[-1], faded.distribution(text[:-1])[text[-1]], FLOAT64)
    assert_close(faded.distributions(text)[-1], faded.distribution(text[:-1]), FLOAT64)


def test_large_scores_do_not_overflow():
    states = np.array([[40.0], [-40.0], [40.0]])
    p = ContinuousCache(2, 5.0).distributions(states, np.array([0, 1, 0]))
    assert p[2].tolist() == [1, 0]


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint64])
def test_integer_dtypes(dtype):
    rng = np.random.default_rng(2)
    text, states = rng.integers(0, 9, 30), rng.standard_normal((30, 4))
    for cache, rest in ((UnigramCache(9, window=5), ()), (ContinuousCache(9, 1.0), (states,))):
        assert_close(cache.distributions(*rest, text.astype(dtype)), cache.distributions(*rest, text), FLOAT64)
        assert_close(cache.probabilities(*rest, text.astype(dtype)), cache.probabilities(*rest, text), FLOAT64)
    assert_close(UnigramCache(9).distribution(text.astype(dtype)), UnigramCache(9).distribution(text), FLOAT64)


def test_float32_stays():
    rng = np.random.default_rng(3)
    text, states = rng.integers(0, 9, 30), rng.standard_normal((30, 4))
    cache, small = ContinuousCache(9, 0.7), states.astype(np.float32)
    want = cache.distributions(states, text)
    for got, expected in [
        (cache.distributions(small, text), want),
        (cache.probabilities(small, text), want[np.arange(30), text]),
        (cache.distribution(small[29], small[:29], text[:29]), want[29]),
        (cache.distribution(small[0], small[:0], text[:0]), want[0]),
    ]:
        assert got.dtype == np.float32
        assert_close(got, expected, FLOAT32)


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: UnigramCache(0), ValueError, "vocab_size must be at least 1, got 0"),
        (lambda: UnigramCache(3, decay=1.1), ValueError, "decay must be at least 0 and at most 1, got 1.1"),
        (lambda: UnigramCache(3, decay=-1), ValueError, "decay must be at least 0 and at most 1, got -1"),
        (lambda: UnigramCache(3, window=0), ValueError, "window must be at least 1, got 0"),
        (lambda: UnigramCache(3, window=2.0), TypeError, "window must be an integer, got 2.0"),
        (lambda: UnigramCache(3, window=2, decay=0.5), ValueError, "decay must be 1 with a window, got 0.5"),
        (lambda: ContinuousCache(3, -1.0), ValueError, "theta must be at least 0, got -1.0"),
        (lambda: ContinuousCache(0, 1.0), ValueError, "vocab_size must be at least 1, got 0"),
        (lambda: ContinuousCache(3, 1.0, window=0), ValueError, "window must be at least 1, got 0"),
    ],
)
def test_bad_settings_are_named(call, error, message):
    with pytest.raises(error, match=f"^{message}"):
        call()


def test_bad_input_is_named():
    text, states = np.array([0, 2]), np.zeros((2, 4))
    for cache in (UnigramCache(2), UnigramCache(2, window=1)):
        for use, name in ((cache.distribution, "context"), (cache.distributions, "ids"), (cache.probabilities, "ids")):
            with pytest.raises(ValueError, match=f"{name} must lie in 0 … 1, got 2"):
                use(text)
            with pytest.raises(TypeError, match=f"{name} must be an integer numpy.ndarray of shape"):
                use([0, 1])
    cache = ContinuousCache(3, 1.0)
    for use in (cache.distributions, cache.probabilities):
        with pytest.raises(ValueError, match=r"ids must have shape \(2,\), got \(1,\)"):
            use(states, text[:1])
        with pytest.raises(ValueError, match="states must be finite"):
            use(states * math.nan, text)
        with pytest.raises(ValueError, match="ids must lie in 0 … 2, got 3"):
            use(states, text + 1)
    with pytest.raises(ValueError, match=r"state must have shape \(4,\), got \(3,\)"):
        cache.distribution(np.zeros(3), states, text)
    with pytest.raises(TypeError, match="state must have dtype float64"):
        cache.distribution(np.zeros(4, np.float32), states, text)
    with pytest.raises(ValueError, match=r"ids must have shape \(2,\), got \(1,\)"):
        cache.distribution(np.zeros(4), states, text[1:])
