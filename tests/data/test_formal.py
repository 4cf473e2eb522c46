"""The formal languages: what they write, and that probabilities and entropies are exact."""

from __future__ import annotations

import itertools
import math
import re

import numpy as np
import pytest

from rnncourse.data import Counting, Dyck, Reber
from tests.tolerances import FLOAT64, assert_close

LANGUAGES = [
    Counting(letters=2, high=1),
    Counting(letters=2, high=4),
    Counting(letters=3, low=2, high=5),
    Counting(letters=2, stop=0.3),
    Counting(letters=3, low=2, stop=0.5),
    Dyck(pairs=1, opens=(0.5,)),
    Dyck(pairs=2, opens=(0.9, 0.5, 0.4)),
    Dyck(pairs=3, opens=(0.95, 0.7, 0.2, 0.6)),
    Reber(),
    Reber(embedded=True),
]
every_language = pytest.mark.parametrize("language", LANGUAGES, ids=str)


def ids_of(language, text):
    return np.array([language.symbols.index(c) for c in text], dtype=int)


# ---- the oracle: the probability of a whole string by the language's definition, without states


def probability(language, text):
    return {Counting: counting, Dyck: dyck, Reber: reber}[type(language)](language, text)


def counting(language, text):
    n = text.count("a")
    if n < language.low or text != "".join(c * n for c in language.symbols[1:]) + ".":
        return 0.0
    if language.stop is not None:
        return (1 - language.stop) ** (n - language.low) * language.stop
    return (n <= language.high) / (language.high - language.low + 1)


def dyck(language, text):
    rest, body = None, text.removesuffix(".")
    if len(body) == len(text) or "." in body:
        return 0.0
    while rest != body:
        rest, body = body, re.sub(r"\(\)|\[\]|\{\}", "", body)
    if body:
        return 0.0
    depth, p = 0, 1.0
    for c in text:
        opens = (*language.opens, 0.0, *[0.0] * len(text))[depth]
        p *= opens / language.pairs if c in "([{" else 1 - opens
        depth += (c in "([{") - (c in ")]}")
    return p


LOWER = "(?:T*VPX)*T*V(?:V|PS)"  # all ways from node 3 to node 6
PLAIN = f"B(?:TS*X(?:S|X{LOWER})|P{LOWER})E"


def reber(language, text):
    if language.embedded:
        outer = re.fullmatch(rf"B([TP])({PLAIN})\1E", text)
        return 0.5 * reber(Reber(), outer[2]) if outer else 0.0
    # There is a choice at every symbol but the B and the E.
    return 0.5 ** (len(text) - 2) if re.fullmatch(PLAIN, text) else 0.0


def candidates(language):
    """All short texts over the symbols, of which some are strings; of the embedded grammar those with its ends."""
    if isinstance(language, Reber):
        for N in range(3, 6 if language.embedded else 5):
            for middle in itertools.product("BTPSXV", repeat=N):
                plain = f"B{''.join(middle)}E"
                if not language.embedded:
                    yield plain
                elif N < 4 or re.fullmatch(PLAIN, plain):
                    yield from (f"B{a}{plain}{b}E" for a in "TP" for b in "TP")
    else:
        longest = {3: 8, 4: 7, 5: 6, 7: 4}[len(language.symbols)]
        for N in range(1, longest + 1):
            yield from map("".join, itertools.product(language.symbols, repeat=N))


def walked(language, text):
    """The product of the states' probabilities, and whether the text ends where a string begins."""
    state, p = language.start, 1.0
    for symbol in ids_of(language, text).tolist():
        row = language.probabilities(state)
        assert math.isclose(sum(row), 1) and min(row) >= 0 and len(row) == len(language.symbols)
        if not row[symbol]:
            return 0.0, False
        p *= row[symbol]
        state = language.advance(state, symbol)
    return p, state == language.start


@every_language
def test_every_short_text_has_its_probability(language):
    strings = 0
    for text in candidates(language):
        p, whole = walked(language, text)
        if isinstance(language, Reber) or text.find(".") == len(text) - 1:  # one string, or none
            assert (p if whole else 0.0) == pytest.approx(probability(language, text), rel=1e-12), text
            strings += whole
    assert strings >= (1 if isinstance(language, Counting) else 2)


@every_language
def test_a_new_string_knows_nothing_of_the_last(language):
    ids = language.sample(np.random.default_rng(0), 1500)
    end = "E" if isinstance(language, Reber) else "."
    state, starts = language.start, [0]
    for t, c in enumerate(language.text(ids)):
        state = language.advance(state, ids[t])
        if c == end and state == language.start:
            starts.append(t + 1)
    first, last = starts[2], starts[4]
    assert_close(language.predict(ids[:last])[first:], language.predict(ids[first:last]), FLOAT64)


# ---- entropy


def entropy_of_chain(language):
    """By the states: all that can be reached, their shares of time, and the entropy of each."""
    states, queue, moves = {language.start: 0}, [language.start], []
    while queue:
        state = queue.pop()
        for symbol, p in enumerate(language.probabilities(state)):
            if p:
                to = language.advance(state, symbol)
                if to not in states:
                    states[to] = len(states)
                    queue.append(to)
                moves.append((states[state], states[to], p))
    chain = np.zeros((len(states), len(states)))
    for i, j, p in moves:
        chain[i, j] += p
    system = np.vstack([chain.T - np.eye(len(states)), np.ones(len(states))])
    shares = np.linalg.lstsq(system, np.eye(len(states) + 1)[-1], rcond=None)[0]
    return -sum(shares[i] * p * math.log(p) for i, _, p in moves)


@pytest.mark.parametrize("language", [one for one in LANGUAGES if getattr(one, "stop", None) is None], ids=str)
def test_entropy_is_that_of_the_chain(language):
    assert_close(language.entropy, entropy_of_chain(language), FLOAT64)


@pytest.mark.parametrize("language", [one for one in LANGUAGES if isinstance(one, Counting)], ids=str)
def test_entropy_of_counting_is_that_of_its_strings(language):
    strings = ["".join(c * n for c in language.symbols[1:]) + "." for n in range(1, 200)]
    p = np.array([probability(language, text) for text in strings])
    assert p.sum() == pytest.approx(1)
    entropy = -(p[p > 0] @ np.log(p[p > 0])) / (p @ [len(text) for text in strings])
    assert_close(language.entropy, entropy, FLOAT64)


@pytest.mark.parametrize(
    ("language", "entropy"),
    [
        (Counting(letters=2, high=1), 0.0),
        (Counting(letters=2, high=3), math.log(3) / 5),  # n = 2 on average: five symbols
        (Counting(letters=2, stop=0.5), 2 * math.log(2) / 5),  # two bits a string of n = 2 on average
        (Dyck(pairs=1, opens=(0.5,)), 2 / 3 * math.log(2)),  # two thirds of the time at depth 0
        (Dyck(pairs=2, opens=(1.0,)), 1 / 2 * math.log(2)),  # which bracket, at every second symbol
    ],
    ids=str,
)
def test_entropy_by_hand(language, entropy):
    assert language.entropy == pytest.approx(entropy, abs=1e-15)


@every_language
def test_the_optimal_predictors_surprise_is_the_entropy(language):
    ids = language.sample(np.random.default_rng(1), 40_000)
    rows = language.predict(ids)
    assert rows.shape == (40_001, len(language.symbols))
    surprise = -np.log(rows[np.arange(len(ids)), ids])
    blocks = surprise.reshape(100, -1).mean(1)  # neighbours depend on one another, blocks hardly
    assert abs(blocks.mean() - language.entropy) <= 4 * blocks.std(ddof=1) / 10 + 1e-12


@every_language
def test_what_is_drawn_has_the_probabilities(language):
    """Each symbol's frequency in the contexts of one distribution."""
    ids = language.sample(np.random.default_rng(2), 20_000)
    rows, which = np.unique(language.predict(ids)[:-1], axis=0, return_inverse=True)
    for k, row in enumerate(rows):
        drawn = ids[which.ravel() == k]
        shares = np.bincount(drawn, minlength=len(row)) / len(drawn)
        assert (np.abs(shares - row) <= 5 * np.sqrt(row * (1 - row) / len(drawn)) + 1e-12).all(), row


# ---- what a caller sees


def test_texts():
    rng = np.random.default_rng
    assert re.fullmatch(r"(a+b+c+\.)+a*b*c*", Counting(letters=3, high=3).text(Counting(3, high=3).sample(rng(0), 99)))
    depth = np.cumsum(
        [{"(": 1, ")": -1, ".": 0}[c] for c in Dyck(1, (0.9, 0.9)).text(Dyck(1, (0.9, 0.9)).sample(rng(0), 999))]
    )
    assert depth.min() == 0 and depth.max() == 2
    assert re.match(rf"({PLAIN})+", Reber().text(Reber().sample(rng(0), 99)))


def test_shares_of_depths():
    language = Dyck(pairs=2, opens=(0.9, 0.5, 0.4))
    ids = language.sample(np.random.default_rng(3), 40_000)
    depth = np.cumsum((ids >= 1) & (ids <= 2)) - np.cumsum(ids >= 3)
    np.testing.assert_allclose(np.bincount(depth, minlength=4) / len(ids), language.shares, atol=0.02)


@every_language
def test_same_generator_same_stream(language):
    first, again = (language.sample(np.random.default_rng(4), 50) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert first.dtype == np.int64
    np.testing.assert_array_equal(language.sample(np.random.default_rng(4), 1), first[:1])


def test_no_text_yet():
    rows = Dyck(pairs=2, opens=(0.9, 0.5)).predict(np.array([], dtype=int))
    assert_close(rows, np.array([[0.1, 0.45, 0.45, 0, 0]]), FLOAT64)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: Counting(high=3, stop=0.5), ValueError, "one of high and stop must be given, got high=3 and stop=0.5"),
        (lambda: Counting(), ValueError, "got high=None and stop=None"),
        (lambda: Counting(low=4, high=3), ValueError, "high must be at least 4, got 3"),
        (lambda: Counting(low=0, high=3), ValueError, "low must be at least 1, got 0"),
        (lambda: Counting(letters=1, high=3), ValueError, "letters must be at least 2 and at most 26, got 1"),
        (lambda: Counting(stop=0.0), ValueError, "stop must be above 0 and at most 1, got 0.0"),
        (lambda: Dyck(pairs=5), ValueError, "pairs must be at least 1 and at most 4, got 5"),
        (lambda: Dyck(opens=()), ValueError, "opens must hold a probability for each depth"),
        (lambda: Dyck(opens=[0.5]), TypeError, r"opens must be a tuple of numbers, one for each depth, got \[0.5\]"),
        (lambda: Dyck(opens=(0.5, 1.0)), ValueError, r"opens\[1\] must be above 0 and below 1, got 1.0"),
        (lambda: Dyck(opens=(0.0,)), ValueError, r"opens\[0\] must be above 0 and at most 1, got 0.0"),
        (lambda: Reber(embedded=1), ValueError, "embedded must be one of True, False, got 1"),
        (lambda: Reber().sample(0, 5), TypeError, "rng must be a numpy.random.Generator"),
        (lambda: Reber().sample(np.random.default_rng(0), 0), ValueError, "N must be at least 1, got 0"),
        (lambda: Reber().predict(np.array([0, 0])), ValueError, "a text of the language, got 'B' at index 1"),
        (lambda: Reber().predict(np.array([7])), ValueError, "ids must lie in 0 … 6, got 7"),
        (lambda: Reber().text(np.array([[0]])), ValueError, "ids must have shape"),
        (lambda: Dyck(1, (0.5,)).predict(np.array([1, 1])), ValueError, r"got '\(' at index 1"),
    ],
)
def test_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
