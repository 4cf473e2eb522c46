"""Beam search against the enumeration of all outputs of a small recurrent model, and against a plain search."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnncourse.reference.beam import beam_search
from tests.tolerances import FLOAT64, assert_close


class Model:
    """A small random recurrent network; `calls` counts its steps."""

    def __init__(self, seed, V, H=4, scale=1.5):
        rng = np.random.default_rng(seed)
        self.E, self.W, self.U = (scale * rng.standard_normal(s) for s in ((V, H), (H, H), (H, V)))
        self.calls = 0

    def step(self, ids, state):
        self.calls += 1
        (h,) = state
        h = np.tanh(self.E[ids] + h @ self.W)
        z = np.exp(h @ self.U)
        return np.log(z / z.sum(1, keepdims=True)), (h,)

    @property
    def state(self):
        return (np.zeros((1, self.W.shape[0])),)

    def log_probs(self, ids, start):
        """Of all symbols after `ids`, from the beginning, one sequence at a time."""
        state = self.state
        for i in (start, *ids):
            log_p, state = self.step(np.array([i]), state)
        return log_p[0]


def length_penalty(n, alpha, penalty):
    return (n if penalty == "plain" else (5 + n) / 6) ** alpha


def ranked(outcomes, end, alpha, penalty):
    """(ids, log_prob, score, finished) of outcomes as pairs of ids and log-probability, highest score first."""
    scored = [(y, p, p / length_penalty(len(y), alpha, penalty), y[-1] == end) for y, p in outcomes]
    return sorted(scored, key=lambda h: -h[2])


def every_outcome(model, start, end, max_length):
    """All sequences that end, or are cut off, by themselves."""
    outcomes, live = [], [((), 0.0)]
    while live:
        y, total = live.pop()
        for v, log_p in enumerate(model.log_probs(y, start)):
            grown = ((*y, v), total + log_p)
            (outcomes if v == end or len(grown[0]) == max_length else live).append(grown)
    return outcomes


def plain_search(model, start, end, beam_size, max_length):
    """The search without batches, carried states or an early stop."""
    outcomes, live = [], [((), 0.0)]
    for n in range(1, max_length + 1):
        grown = [((*y, v), p + q) for y, p in live for v, q in enumerate(model.log_probs(y, start))]
        grown = sorted(grown, key=lambda h: -h[1])[:beam_size]
        live = [h for h in grown if h[0][-1] != end]
        outcomes += [h for h in grown if h[0][-1] == end or n == max_length]
    return outcomes


def assert_same(ours, theirs):
    assert [(h.ids, h.finished) for h in ours] == [(ids, finished) for ids, _, _, finished in theirs]
    assert_close([h.log_prob for h in ours], [h[1] for h in theirs], FLOAT64, "log_prob")
    assert_close([h.score for h in ours], [h[2] for h in theirs], FLOAT64, "score")


@pytest.mark.parametrize("alpha, penalty", [(0.0, "wu"), (0.7, "wu"), (1.0, "plain"), (2, "wu"), (0.5, "plain")])
@pytest.mark.parametrize("V, max_length, start, end", [(3, 4, 0, 2), (4, 3, 1, 1), (2, 5, 0, 0), (3, 1, 2, 0)])
def test_a_wide_beam_is_exact(V, max_length, start, end, alpha, penalty):
    model = Model(V, V)
    theirs = ranked(every_outcome(model, start, end, max_length), end, alpha, penalty)
    options = {"start": start, "end": end, "beam_size": V**max_length, "max_length": max_length}
    for n_best in (1, 3, len(theirs) + 5):
        ours = beam_search(model.step, model.state, **options, alpha=alpha, penalty=penalty, n_best=n_best)
        assert_same(ours, theirs[:n_best])
    assert_close(np.exp([h.log_prob for h in ours]).sum(), 1.0, FLOAT64)


@settings(max_examples=30)
@given(
    seed=st.integers(0, 2**32 - 1),
    V=st.integers(2, 5),
    beam_size=st.integers(1, 6),
    max_length=st.integers(1, 7),
    n_best=st.integers(1, 4),
    alpha=st.sampled_from([0, 0.6, 1.5]),
    penalty=st.sampled_from(["wu", "plain"]),
)
def test_any_beam_is_the_plain_search(seed, V, beam_size, max_length, n_best, alpha, penalty):
    model, (start, end) = Model(seed, V), np.random.default_rng(seed).integers(0, V, 2).tolist()
    theirs = ranked(plain_search(model, start, end, beam_size, max_length), end, alpha, penalty)
    ours = beam_search(
        model.step,
        model.state,
        start=start,
        end=end,
        beam_size=beam_size,
        max_length=max_length,
        alpha=alpha,
        penalty=penalty,
        n_best=n_best,
    )
    assert_same(ours, theirs[:n_best])


@pytest.mark.parametrize("seed", range(6))
def test_a_beam_of_one_is_greedy(seed):
    model, y = Model(seed, 5), ()
    while len(y) < 8 and (not y or y[-1] != 4):
        y = (*y, int(model.log_probs(y, 0).argmax()))
    (ours,) = beam_search(model.step, model.state, start=0, end=4, beam_size=1, max_length=8, n_best=3)
    assert ours.ids == y and ours.finished == (y[-1] == 4)


def test_a_mean_prefers_the_longer():
    # Symbol 0 ends with probability 0.3, else symbol 1 goes on: 0.3 in one step, 0.7 * 0.7 * 0.7 * … = 0.7^4 in four.
    def step(ids, state):
        return np.log(np.tile([0.3, 0.7], (len(ids), 1))), state

    options = {"start": 1, "end": 0, "beam_size": 8, "max_length": 4, "n_best": 9}
    assert beam_search(step, (), **options)[0].ids == (0,)
    best = beam_search(step, (), **options, alpha=1, penalty="plain")[0]
    assert best.ids == (1, 1, 1, 1) and not best.finished
    assert_close(best.score, np.log(0.7), FLOAT64)


def test_the_search_stops_when_nothing_better_can_come():
    model = Model(0, 4)
    model.U[:, 3] += 3 * np.tanh(model.E[0])  # the end is likely at once
    options = {"start": 0, "end": 3, "beam_size": 4, "max_length": 200}
    beam_search(model.step, model.state, **options)
    assert model.calls < 100


def test_minus_infinity_forbids():
    model = Model(1, 4)

    def step(ids, state):
        log_p, state = model.step(ids, state)
        log_p[:, 1] = -np.inf
        return log_p, state

    found = beam_search(step, model.state, start=0, end=3, beam_size=200, max_length=3, n_best=200)
    assert len(found) == 1 + 2 + 4 * 3 and not any(1 in h.ids for h in found)
    assert all(np.isfinite(h.score) for h in found)


def test_results_are_plain_python():
    model = Model(2, 3)

    def step(ids, state):
        log_p, state = model.step(ids, state)
        return log_p.astype(np.float32), state

    best = beam_search(step, model.state, start=0, end=2, beam_size=2, max_length=3)[0]
    assert {type(i) for i in best.ids} == {int} and type(best.log_prob) is type(best.score) is float
    assert type(best.finished) is bool


BAD = {
    "beam_size": ({"beam_size": 0}, ValueError, "beam_size must be at least 1, got 0"),
    "beam_float": ({"beam_size": 2.0}, TypeError, "beam_size must be an integer"),
    "max_length": ({"max_length": 0}, ValueError, "max_length must be at least 1"),
    "n_best": ({"n_best": 0}, ValueError, "n_best must be at least 1"),
    "start": ({"start": -1}, ValueError, "start must be at least 0"),
    "end": ({"end": 4}, ValueError, "end must lie in 0 … 3, got 4"),
    "alpha": ({"alpha": -0.1}, ValueError, "alpha must be at least 0"),
    "penalty": ({"penalty": "mean"}, ValueError, "penalty must be one of 'wu', 'plain'"),
    "bare-state": ({"state": np.zeros((1, 4))}, TypeError, "state must be a tuple of arrays, got ndarray"),
    "two-states": ({"state": (np.zeros((2, 4)),)}, ValueError, r"state\[0\] must have shape \(1, …\), got \(2, 4\)"),
    "scalar-state": ({"state": (np.zeros(()),)}, ValueError, r"state\[0\] must have shape \(1, …\), got \(\)"),
}


@pytest.mark.parametrize("options, error, message", BAD.values(), ids=BAD.keys())
def test_bad_options_are_named(options, error, message):
    model = Model(3, 4)
    options = {"state": model.state, "start": 0, "end": 3, "beam_size": 2, "max_length": 3} | options
    with pytest.raises(error, match=message):
        beam_search(model.step, **options)


BAD_STEPS = {
    "logits": (lambda log_p, s: (log_p + 5, s), ValueError, "log_probs must be at most 0"),
    "nan": (lambda log_p, s: (log_p * np.nan, s), ValueError, "log_probs must be at most 0"),
    "nothing-left": (lambda log_p, s: (log_p - np.inf, s), ValueError, "some of each row above -inf"),
    "shape": (lambda log_p, s: (log_p[0], s), ValueError, r"log_probs must have shape \(1, V\), got \(4,\)"),
    "list": (lambda log_p, s: (log_p.tolist(), s), TypeError, "log_probs must be a floating-point numpy.ndarray"),
    "state": (lambda log_p, s: (log_p, s[0]), TypeError, "step's state must be a tuple of arrays"),
    "state-shape": (lambda log_p, s: (log_p, (s[0][:0],)), ValueError, r"step's state\[0\] must have shape \(1, …\)"),
}


@pytest.mark.parametrize("spoil, error, message", BAD_STEPS.values(), ids=BAD_STEPS.keys())
def test_bad_steps_are_named(spoil, error, message):
    model = Model(4, 4)
    with pytest.raises(error, match=message):
        beam_search(
            lambda ids, state: spoil(*model.step(ids, state)), model.state, start=0, end=3, beam_size=2, max_length=3
        )
