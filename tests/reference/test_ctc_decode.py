"""CTC's decoders against the probabilities of all label sequences, summed path by path."""

import itertools
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnncourse.reference.ctc import ctc_forward
from rnncourse.reference.ctc_decode import ctc_beam_search, ctc_greedy
from tests.tolerances import FLOAT32, FLOAT64, assert_close


def all_sequences(logits, blank=0):
    """Every label sequence that some path spells: its probability, and its likeliest path's."""
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    total, best = defaultdict(float), defaultdict(float)
    for path in itertools.product(range(logits.shape[1]), repeat=len(logits)):
        labels = tuple(v for v, _ in itertools.groupby(path) if v != blank)
        probability = np.prod([p[t, v] for t, v in enumerate(path)])
        total[labels] += probability
        best[labels] = max(best[labels], probability)
    return total, best


@pytest.mark.parametrize("T, V, blank", [(1, 3, 0), (4, 3, 0), (4, 3, 1), (5, 3, 2), (6, 2, 1), (6, 2, 0), (3, 4, 2)])
def test_a_beam_of_all_prefixes_is_exact(T, V, blank):
    logits = np.random.default_rng(T).standard_normal((T, V))
    total, _ = all_sequences(logits, blank)
    found = ctc_beam_search(logits, 1000, blank=blank)
    assert [labels for labels, _ in found] == sorted(total, key=lambda labels: -total[labels])
    assert_close(np.exp([log_prob for _, log_prob in found]), [total[labels] for labels, _ in found], FLOAT64)


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32 - 1), T=st.integers(1, 5), V=st.integers(2, 4), beam_size=st.integers(1, 6))
def test_any_beam(seed, T, V, beam_size):
    rng = np.random.default_rng(seed)
    logits, blank = 2 * rng.standard_normal((T, V)), int(rng.integers(V))
    total, best = all_sequences(logits, blank)
    found = ctc_beam_search(logits, beam_size, blank=blank)
    assert 1 <= len(found) <= beam_size
    assert [f.log_prob for f in found] == sorted((f.log_prob for f in found), reverse=True)
    # A narrow beam may miss paths, but none that does not exist.
    assert all(np.exp(f.log_prob) <= total[f.labels] * (1 + FLOAT64) for f in found)
    labels, log_prob = ctc_greedy(logits, blank=blank)
    assert labels == max(best, key=best.get)
    assert_close(np.exp(log_prob), best[labels], FLOAT64)


def test_the_log_probability_is_minus_the_loss():
    logits = np.random.default_rng(1).standard_normal((5, 1, 3))
    for labels, log_prob in ctc_beam_search(logits[:, 0], 1000):
        loss, _ = ctc_forward(
            logits, np.array([labels], int).reshape(1, -1), np.array([5]), np.array([len(labels)]), reduction="sum"
        )
        assert_close(-log_prob, loss, FLOAT64)


def test_the_beam_drops_the_less_likely():
    # After one step the prefixes are (), (1,), (2,) with 0.5, 0.3, 0.2. A beam of two forgets (2,).
    p = np.array([[0.5, 0.3, 0.2], [0.2, 0.3, 0.5]])
    found = dict(ctc_beam_search(np.log(p), 2))
    # (2,) comes back from () alone, without the path 2 2 and the path 2 blank.
    assert_close(np.exp(found[(2,)]), 0.5 * 0.5, FLOAT64)
    # (1,): blank 1, 1 1, 1 blank.
    assert_close(np.exp(found[(1,)]), 0.5 * 0.3 + 0.3 * 0.3 + 0.3 * 0.2, FLOAT64)
    assert set(found) == {(1,), (2,)}


def test_equals_are_in_the_labels_order():
    assert [labels for labels, _ in ctc_beam_search(np.zeros((1, 4)), 3, blank=3)] == [(), (0,), (1,)]
    # (1, 0) and (0, 1) have 1/2 * 1/4 each, and (1,) is the likelier prefix.
    found = ctc_beam_search(np.log(np.array([[0.25, 0.5, 0.25]] * 2)), 9, blank=2)
    labels, log_probs = zip(*found, strict=True)
    assert log_probs[labels.index((0, 1))] == log_probs[labels.index((1, 0))]
    assert labels.index((0, 1)) < labels.index((1, 0))


def test_a_repeated_label_needs_a_blank_between():
    certain = np.full((5, 3), -100.0)
    for t, v in enumerate([1, 1, 0, 1, 2]):
        certain[t, v] = 100.0
    assert ctc_greedy(certain).labels == ctc_beam_search(certain, 3)[0].labels == (1, 1, 2)


def test_float32_scores():
    logits = np.random.default_rng(2).standard_normal((4, 3)).astype(np.float32)
    ours, theirs = ctc_beam_search(logits, 9), ctc_beam_search(logits.astype(np.float64), 9)
    assert [o.labels for o in ours] == [t.labels for t in theirs]
    assert_close([o.log_prob for o in ours], [t.log_prob for t in theirs], FLOAT32)
    assert type(ours[0].log_prob) is type(ctc_greedy(logits).log_prob) is float
    assert all(type(label) is int for label in (*ours[0].labels, *ctc_greedy(logits).labels))


@pytest.mark.parametrize("decode", [ctc_greedy, lambda logits, **options: ctc_beam_search(logits, 2, **options)])
@pytest.mark.parametrize(
    "logits, options, error, message",
    [
        (np.zeros((2, 1, 3)), {}, ValueError, r"logits must have shape \(T, V\), got \(2, 1, 3\)"),
        (np.zeros((0, 3)), {}, ValueError, "logits must have T >= 1"),
        (np.zeros((2, 3), int), {}, TypeError, "logits must be of a floating-point dtype"),
        (np.full((2, 3), -np.inf), {}, ValueError, "logits must be finite"),
        (np.zeros((2, 3)), {"blank": 3}, ValueError, "blank must lie in 0 … 2, got 3"),
        (np.zeros((2, 3)), {"blank": "_"}, TypeError, "blank must be an integer"),
    ],
)
def test_bad_input_is_named(decode, logits, options, error, message):
    with pytest.raises(error, match=message):
        decode(logits, **options)


@pytest.mark.parametrize("beam_size, error", [(0, ValueError), (2.0, TypeError), (True, TypeError)])
def test_bad_beam_sizes_are_named(beam_size, error):
    with pytest.raises(error, match="beam_size must be"):
        ctc_beam_search(np.zeros((2, 3)), beam_size)
