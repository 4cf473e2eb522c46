"""The n-gram model against its definition, written out with dictionaries, and against a case done by hand."""

from __future__ import annotations

import math
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnncourse.reference import KneserNey

ORDERS = range(1, 8)


class Definition:
    """Interpolated Kneser-Ney straight from the equations: tuples, dictionaries, recursion."""

    def __init__(self, order, vocab_size, text, modified=False):
        self.order, self.vocab_size = order, vocab_size
        self.count = [None]
        for n in range(1, order + 1):
            occurrences, neighbours = defaultdict(int), defaultdict(set)
            for start in range(len(text) - n + 1):
                gram = tuple(text[start : start + n])
                occurrences[gram] += 1
                neighbours[gram].add(text[start - 1] if start else "the beginning")
            if n < order:
                occurrences = {gram: len(left) for gram, left in neighbours.items()}
            self.count.append(dict(occurrences))
        self.discount = [None]
        for n in range(1, order + 1):
            times = [sum(c == k for c in self.count[n].values()) for k in range(5)]
            y = times[1] / (times[1] + 2 * times[2]) if times[1] > 0 and times[2] > 0 else 0.5
            three = {1: y, 2: y, 3: y}
            if modified and times[1] > 0 and times[2] > 0 and times[3] > 0:
                estimates = {c: c - (c + 1) * y * times[c + 1] / times[c] for c in (1, 2, 3)}
                if all(0 < d < c for c, d in estimates.items()):
                    three = estimates
            self.discount.append(three)

    def probability(self, context, symbol):
        context = tuple(context)[max(0, len(context) - self.order + 1) :]
        return self._p(len(context) + 1, context, symbol)

    def _p(self, n, h, w):
        if n == 0:
            return 1 / self.vocab_size
        followers = {g[-1]: c for g, c in self.count[n].items() if g[:-1] == h}
        if not followers:
            return self._p(n - 1, h[1:], w)
        taken = {symbol: self.discount[n][min(c, 3)] for symbol, c in followers.items()}
        kept = followers.get(w, 0) - taken.get(w, 0)
        return (kept + sum(taken.values()) * self._p(n - 1, h[1:], w)) / sum(followers.values())


@st.composite
def cases(draw):
    vocab_size = draw(st.integers(1, 5))
    symbols = st.integers(0, vocab_size - 1)
    text = draw(st.lists(symbols, min_size=1, max_size=30))
    other = draw(st.lists(symbols, min_size=0, max_size=12))
    return vocab_size, text, other


def ids(values):
    return np.array(values, dtype=np.int64)


def assert_agrees(order, vocab_size, text, other, modified):
    model = KneserNey(order, vocab_size, modified=modified).fit(ids(text))
    oracle = Definition(order, vocab_size, text, modified)
    want = [[three[c] for c in (1, 2, 3)] for three in oracle.discount[1:]]
    np.testing.assert_allclose(model.discounts, want, rtol=1e-14)
    assert model.sizes == [len(count) for count in oracle.count[1:]]
    for sequence in (text, other):
        want = [math.log(oracle.probability(sequence[:t], w)) for t, w in enumerate(sequence)]
        np.testing.assert_allclose(model.log_prob(ids(sequence)), want, rtol=1e-12, atol=1e-12)
    for stop in range(len(other) + 1):
        got = model.distribution(ids(other[:stop]))
        want = [oracle.probability(other[:stop], w) for w in range(vocab_size)]
        np.testing.assert_allclose(got, want, rtol=1e-12, atol=0)
        assert abs(got.sum() - 1) < 1e-12


@pytest.mark.parametrize("modified", [False, True], ids=["plain", "modified"])
@pytest.mark.parametrize("order", ORDERS)
@settings(max_examples=40, derandomize=True, deadline=None)
@given(case=cases())
def test_agrees_with_the_definition(order, modified, case):
    assert_agrees(order, *case, modified)


@pytest.mark.parametrize("order", [1, 3])
def test_the_modified_form_agrees_where_its_discounts_differ(order):
    """A text with n-grams of every small count, so that orders 1 and 2 do not fall back to the plain discount."""
    text = (np.random.default_rng(2).geometric(0.1, 800) - 1).clip(max=39)
    text = np.concatenate([text, text[:266], text[:160], text[133:200]]).tolist()
    model = KneserNey(order, 40, modified=True).fit(ids(text))
    assert all(len(set(three)) == 3 for three in model.discounts[:2])
    assert_agrees(order, 40, text, text[300:330] + [39, 0, 39], modified=True)


@pytest.mark.parametrize("order", ORDERS)
def test_distributions_sum_to_one_and_give_the_log_probabilities(order):
    rng = np.random.default_rng(order)
    text = rng.integers(0, 6, 2000) * rng.integers(0, 2, 2000)
    model = KneserNey(order, 8).fit(text)  # the symbols 6 and 7 never occur
    sequence = rng.integers(0, 8, 60)
    logs = model.log_prob(sequence)
    for t, symbol in enumerate(sequence):
        p = model.distribution(sequence[:t])
        assert p.min() > 0
        assert abs(p.sum() - 1) < 1e-12
        assert math.isclose(math.log(p[symbol]), logs[t], rel_tol=1e-12)


def test_by_hand():
    # a b a b a c, order 2. Pairs: ab 2, ba 2, ac 1, so n1 = 1, n2 = 2 and D_2 = 1/5.
    # Left neighbours: a {beginning, b} 2, b {a} 1, c {a} 1, so n1 = 2, n2 = 1 and D_1 = 2/4.
    # p(a) = (3/2 + 3/2 1/4)/4 = 15/32;  p(b) = p(c) = (1/2 + 3/8)/4 = 7/32;  p(d) = 3/32.
    model = KneserNey(2, 4).fit(ids([0, 1, 0, 1, 0, 2]))
    assert model.discounts == [(0.5,) * 3, (0.2,) * 3]
    np.testing.assert_allclose(model.distribution(ids([])), np.array([15, 7, 7, 3]) / 32, rtol=1e-14)
    # After a came b twice and c once: p(b|a) = (9/5 + 2/5 7/32)/3 and so on.
    after_a = np.array([0.4 * 15 / 32, 1.8 + 0.4 * 7 / 32, 0.8 + 0.4 * 7 / 32, 0.4 * 3 / 32]) / 3
    np.testing.assert_allclose(model.distribution(ids([0])), after_a, rtol=1e-14)
    # c ended the text and d never came: nothing followed either, the shorter context answers.
    for unseen in (2, 3):
        np.testing.assert_allclose(model.distribution(ids([unseen])), np.array([15, 7, 7, 3]) / 32, rtol=1e-14)


def test_lower_order_counts_neighbours_not_occurrences():
    # "San Francisco" five times among other things: Francisco (1) is frequent, always after San (0).
    text = ids([0, 1, 2, 0, 1, 3, 0, 1, 2, 0, 1, 3, 0, 1, 4, 2, 4, 3, 2])
    assert (text == 1).sum() > (text == 2).sum()
    after_unseen = KneserNey(2, 6).fit(text).distribution(ids([5]))
    assert after_unseen[1] < after_unseen[2]
    counted = KneserNey(1, 6).fit(text).distribution(ids([]))
    assert counted[1] > counted[2]


@pytest.mark.parametrize("order", ORDERS)
def test_smallest_texts(order):
    one = KneserNey(order, 3).fit(ids([2]))
    # One symbol seen once: it keeps 1 - D = 1/2, the rest is spread evenly.
    np.testing.assert_allclose(one.distribution(ids([])), [1 / 6, 1 / 6, 2 / 3], rtol=1e-14)
    np.testing.assert_allclose(one.log_prob(ids([2, 2, 0, 1])), np.log([2 / 3, 2 / 3, 1 / 6, 1 / 6]), rtol=1e-14)
    only = KneserNey(order, 1).fit(ids([0] * 9))
    np.testing.assert_allclose(only.log_prob(ids([0] * 12)), 0, atol=1e-15)
    assert only.distribution(ids([0, 0])).tolist() == pytest.approx([1])
    assert one.log_prob(ids([])).shape == (0,)


def test_unequal_lengths_and_shifts():
    # What stands before the last N-1 symbols changes nothing; a text is scored the same wherever it is cut.
    rng = np.random.default_rng(0)
    model = KneserNey(4, 5).fit(rng.integers(0, 5, 400))
    sequence = rng.integers(0, 5, 50)
    whole = model.log_prob(sequence)
    np.testing.assert_array_equal(whole[13:], model.log_prob(sequence[10:])[3:])
    np.testing.assert_array_equal(whole[:20], model.log_prob(sequence[:20]))
    np.testing.assert_array_equal(model.distribution(sequence[:9]), model.distribution(sequence[6:9]))


def test_fit_again_forgets():
    model = KneserNey(3, 4).fit(ids([0, 1, 2, 3, 0, 1]))
    again = model.fit(ids([3, 3, 2]))
    assert again is model
    np.testing.assert_array_equal(
        model.distribution(ids([3])), KneserNey(3, 4).fit(ids([3, 3, 2])).distribution(ids([3]))
    )


def test_large_vocabulary_does_not_overflow():
    # A code of context * V + symbol with V**7 contexts would need 2**280.
    rng = np.random.default_rng(1)
    spread = np.unique(rng.integers(0, 2**40, 50))
    small = rng.integers(0, len(spread), 500)
    wide, narrow = KneserNey(7, 2**40).fit(spread[small]), KneserNey(7, len(spread)).fit(small)
    assert wide.discounts == narrow.discounts
    log_wide, log_narrow = wide.log_prob(spread[small]), narrow.log_prob(small)
    # Only the uniform share 1/V differs, which repeated 7-grams hardly see.
    assert np.isfinite(log_wide).all()
    assert (log_wide <= log_narrow + 1e-12).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.uint64])
def test_integer_dtypes(dtype):
    text = np.random.default_rng(2).integers(0, 9, 300)
    want = KneserNey(3, 200).fit(text).log_prob(text)
    np.testing.assert_array_equal(KneserNey(3, 200).fit(text.astype(dtype)).log_prob(text.astype(dtype)), want)


def test_a_periodic_text_becomes_certain():
    # Each of the seven pairs occurs once a period and so names its follower; one symbol alone does not.
    text = np.tile(ids([0, 0, 1, 2, 1, 0, 2]), 300)
    losses = [-KneserNey(order, 3).fit(text).log_prob(text)[10:].mean() for order in (1, 2, 3)]
    assert losses[0] > 1 > losses[1] > 0.5 > 0.01 > losses[2] > 0


@pytest.mark.parametrize(
    ("order", "vocab_size", "error", "message"),
    [
        (0, 5, ValueError, "order must be at least 1, got 0"),
        (2.0, 5, TypeError, "order must be an integer, got 2.0"),
        (True, 5, TypeError, "order must be an integer, got True"),
        (2, 0, ValueError, "vocab_size must be at least 1, got 0"),
        (2, "5", TypeError, "vocab_size must be an integer, got '5'"),
    ],
)
def test_bad_sizes(order, vocab_size, error, message):
    with pytest.raises(error, match=f"^{message}$"):
        KneserNey(order, vocab_size)


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        ([0, 1], TypeError, "must be an integer numpy.ndarray of shape .T,., got list"),
        (np.array([0.0, 1.0]), TypeError, "got dtype float64"),
        (np.array([[0, 1]]), ValueError, "must have shape .T,., got .1, 2."),
        (np.array([0, 3]), ValueError, "must lie in 0 … 2, got 3"),
        (np.array([0, -1]), ValueError, "must lie in 0 … 2, got -1"),
    ],
)
def test_bad_ids(value, error, message):
    model = KneserNey(2, 3).fit(ids([0, 1, 2]))
    for use, name in ((model.fit, "ids"), (model.log_prob, "ids"), (model.distribution, "context")):
        with pytest.raises(error, match=f"{name} .*{message}"):
            use(value)


def test_empty_text_and_missing_fit():
    with pytest.raises(ValueError, match="ids must hold at least one symbol to count, got an empty array"):
        KneserNey(2, 3).fit(ids([]))
    for use in (KneserNey(2, 3).log_prob, KneserNey(2, 3).distribution):
        with pytest.raises(RuntimeError, match="call fit"):
            use(ids([0]))


@pytest.mark.parametrize("modified", [False, True], ids=["plain", "modified"])
def test_agrees_with_the_definition_where_all_discounts_are_defined(modified):
    text = np.minimum(np.random.default_rng(0).geometric(0.3, 400) - 1, 7)
    model = KneserNey(3, 8, modified=modified).fit(text)
    assert all(len(set(three)) == (3 if modified else 1) for three in model.discounts[1:])
    assert_agrees(3, 8, text.tolist(), text[:60].tolist(), modified)


@pytest.mark.parametrize("modified", [False, True], ids=["plain", "modified"])
@pytest.mark.parametrize("order", [12, 40])
def test_orders_longer_than_the_text(order, modified):
    # n-grams above the text's length do not exist: their orders are empty and the next shorter one answers.
    for text in ([3], [0, 1], [0, 1, 0, 1, 0, 1, 2, 0, 1, 0, 1], [2] * 9):
        assert_agrees(order, 5, text, [*text, 4, *text, *text], modified)
        assert KneserNey(order, 5, modified=modified).fit(ids(text)).sizes[len(text) :] == [0] * (order - len(text))
