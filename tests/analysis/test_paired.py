"""Differences of two models on one text: against sums by hand, and against the theory of a series with memory."""

from __future__ import annotations

import math
import statistics

import numpy as np
import pytest

from rnncourse.analysis import by_character, paired_difference
from tests.tolerances import FLOAT64, assert_close


@pytest.mark.parametrize("N, block", [(7, 2), (10, 3), (25, 5), (9, 1), (6, 3)])
def test_blocks_by_hand(N, block):
    rng = np.random.default_rng(N)
    a, b = rng.normal(size=(2, N))
    K = N // block
    d = (a - b).tolist()
    long = N % K  # so many blocks have one more
    sizes = [N // K + (k < long) for k in range(K)]
    starts = [sum(sizes[:k]) for k in range(K)]
    means = [statistics.fmean(d[s : s + n]) for s, n in zip(starts, sizes, strict=True)]
    found = paired_difference(a, b, block=block)
    assert found.blocks == K
    assert found.mean == pytest.approx(statistics.fmean(d), rel=1e-12)
    assert found.standard_error == pytest.approx(statistics.stdev(means) / math.sqrt(K), rel=1e-12)
    assert min(sizes) >= block


def test_neighbours_that_are_alike():
    r"""An autoregression d_t = phi d_{t-1} + e_t has a mean with the standard error sigma_e / ((1 - phi) sqrt N)."""
    rng, phi, N = np.random.default_rng(3), 0.9, 60_000
    e = rng.normal(size=N)
    d = np.empty(N)
    d[0] = e[0]
    for t in range(1, N):
        d[t] = phi * d[t - 1] + e[t]
    shared = rng.exponential(5, N)  # what both models find hard
    truth = 1 / ((1 - phi) * math.sqrt(N))
    found = paired_difference(shared + d, shared, block=1000)
    assert found.standard_error == pytest.approx(truth, rel=0.25)  # 60 blocks: 9 % of spread
    naive = paired_difference(shared + d, shared, block=1).standard_error
    assert naive < truth / 3


def test_one_block_gives_no_error():
    a = np.arange(5.0)
    assert paired_difference(a, a - 2, block=3) == (2.0, None, 1)
    assert paired_difference(a[:1], a[:1]) == (0.0, None, 1)


def test_float32_losses_are_added_in_float64():
    a = np.full(100_000, 0.1, np.float32)
    assert paired_difference(a, np.zeros_like(a)).mean == pytest.approx(float(np.float32(0.1)), rel=1e-12)


@pytest.mark.parametrize(
    "a, b, block, error, message",
    [
        (np.zeros(0), np.zeros(0), 2, ValueError, "at least one loss"),
        (np.zeros(3), np.zeros(2), 2, ValueError, r"b must have shape \(3,\)"),
        (np.zeros((2, 2)), np.zeros((2, 2)), 2, ValueError, r"a must have shape \(N,\)"),
        (np.array([np.nan]), np.zeros(1), 2, ValueError, "a must be finite"),
        (np.zeros(3), np.zeros(3), 0, ValueError, "block must be at least 1"),
        (np.zeros(3), np.zeros(3), 1.5, TypeError, "block must be an integer"),
        ([0.0], np.zeros(1), 1, TypeError, "a must be a numpy.ndarray"),
    ],
)
def test_what_is_refused(a, b, block, error, message):
    with pytest.raises(error, match=message):
        paired_difference(a, b, block=block)


def test_symbols_of_several_characters_and_of_none():
    rng = np.random.default_rng(1)
    lengths = [2, 1, 3, 0, 0, 2, 1, 0]
    losses = rng.normal(size=7)
    expected, at = np.zeros(7), 0
    waiting = 0.0
    for loss, length in zip(losses, lengths[1:], strict=True):
        waiting += loss
        if length:
            at += length
            expected[at - 1] += waiting
            waiting = 0.0
    expected[-1] += waiting  # a character that is never completed
    found = by_character(losses, lengths)
    assert_close(found, expected, FLOAT64)
    assert found.sum() == pytest.approx(losses.sum())


def test_characters_stay_what_they_are():
    losses = np.random.default_rng(2).normal(size=9)
    np.testing.assert_array_equal(by_character(losses, [1] * 10), losses)


@pytest.mark.parametrize(
    "losses, lengths, message",
    [
        (np.zeros(2), [1, 1], r"losses must have shape \(1,\)"),
        (np.zeros(1), [1, -1], "lengths must lie in 0"),
        (np.zeros(1), [3, 0], "at least one character after the first symbol"),
        (np.zeros(0), [3], "at least one character after the first symbol"),
    ],
)
def test_lengths_that_are_refused(losses, lengths, message):
    with pytest.raises(ValueError, match=message):
        by_character(losses, lengths)
