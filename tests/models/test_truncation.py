"""Temperature, top-k and top-p: exactly, at their limits, and as frequencies."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rnncourse.models import draw, truncated
from tests.models.standin import generator
from tests.tolerances import FLOAT64, assert_close

P = torch.tensor([0.1, 0.4, 0.2, 0.3], dtype=torch.float64)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [0.1, 0.4, 0.2, 0.3]),
        ({"temperature": 0}, [0, 1, 0, 0]),
        ({"temperature": 0.5}, [1 / 30, 16 / 30, 4 / 30, 9 / 30]),
        ({"temperature": 1e-300}, [0, 1, 0, 0]),
        ({"temperature": 5e-324}, [0, 1, 0, 0]),
        ({"temperature": 1e300}, [0.25] * 4),
        ({"top_k": 1}, [0, 1, 0, 0]),
        ({"top_k": 2}, [0, 4 / 7, 0, 3 / 7]),
        ({"top_k": 4}, [0.1, 0.4, 0.2, 0.3]),
        ({"top_p": 1e-9}, [0, 1, 0, 0]),
        ({"top_p": 0.39}, [0, 1, 0, 0]),
        ({"top_p": 0.41}, [0, 4 / 7, 0, 3 / 7]),
        ({"top_p": 0.69}, [0, 4 / 7, 0, 3 / 7]),
        ({"top_p": 0.71}, [0, 4 / 9, 2 / 9, 3 / 9]),
        ({"top_p": 0.91}, [0.1, 0.4, 0.2, 0.3]),
        ({"top_p": 1}, [0.1, 0.4, 0.2, 0.3]),
        # Of the three likeliest, renormalised to 4/9, 3/9 and 2/9, two have 0.75: top-p is taken after top-k,
        ({"top_k": 3, "top_p": 0.75}, [0, 4 / 7, 0, 3 / 7]),
        # and after the temperature: at 0.5 the likeliest alone has 0.53.
        ({"temperature": 0.5, "top_p": 0.5}, [0, 1, 0, 0]),
    ],
    ids=str,
)
def test_by_hand(options, expected):
    found = truncated(P.log(), **options)
    assert_close(found, expected, FLOAT64)
    assert found.dtype == torch.float64
    assert (found > 0).tolist() == [p > 0 for p in expected]
    assert_close(truncated(P.log() + 7, **options), expected, FLOAT64)  # a constant changes nothing


@pytest.mark.parametrize("options", [{"temperature": 0}, {"top_k": 1}, {"top_p": 0.2}], ids=str)
def test_of_equal_ones_the_first(options):
    assert truncated(torch.zeros(3, 5), **options).tolist() == [[1, 0, 0, 0, 0]] * 3
    many = truncated(torch.zeros(2, 5000), **options)
    kept = {"top_p": 1000}.get(*options, 1)
    assert (many[:, :kept] > 0).all()
    assert (many[:, kept:] == 0).all()
    assert (truncated(torch.zeros(5000), top_k=70)[:70] > 0).all()


@pytest.mark.parametrize(
    "options", [{"temperature": 1e300}, {"top_k": 3}, {"top_p": 0.999}, {"temperature": 0}], ids=str
)
def test_what_is_forbidden_stays_so(options):
    scores = torch.tensor([-torch.inf, 0.0, -torch.inf])
    assert truncated(scores, **options).tolist() == [0, 1, 0]


def plainly(p, temperature, top_k, top_p):
    """Rank, cut, cut, normalise: one symbol after another."""
    q = p ** (1 / temperature)
    q = q / q.sum()
    kept = sorted(range(len(q)), key=lambda i: (-q[i], i))[:top_k]
    part, nucleus = 0.0, []
    for i in kept:
        if part < top_p * q[kept].sum():
            nucleus.append(i)
        part += q[i]
    return np.array([q[i] / q[nucleus].sum() if i in nucleus else 0 for i in range(len(q))])


@given(
    st.lists(st.integers(1, 30), min_size=1, max_size=8),
    st.sampled_from([0.3, 1.0, 2.5]),
    st.integers(1, 8),
    st.sampled_from([0.1234, 0.5678, 0.9012]),  # not where a cumulative sum of such fractions lies
)
def test_against_the_definition(weights, temperature, top_k, top_p):
    p = np.array(weights) / sum(weights)
    top_k = min(top_k, len(p))
    found = truncated(torch.from_numpy(np.log(p)), temperature=temperature, top_k=top_k, top_p=top_p)
    assert_close(found, plainly(p, temperature, top_k, top_p), FLOAT64)


def test_rows_are_separate():
    rows = torch.stack([P, P.flip(0)])
    found = truncated(rows.log()[None], top_p=0.5)
    assert_close(found[0, 0], truncated(P.log(), top_p=0.5), FLOAT64)
    assert_close(found[0, 1], truncated(P.flip(0).log(), top_p=0.5), FLOAT64)


def test_float32_scores_of_a_large_vocabulary():
    scores = torch.randn(2, 50_000, generator=generator())
    found = truncated(scores, top_p=0.9)
    exact = scores.double().softmax(-1)
    for row, p in zip(found, exact, strict=True):
        kept = row > 0
        assert 0.9 <= float(p[kept].sum()) < 0.9 + float(p.max())
        assert float(p[kept].min()) >= float(p[~kept].max())
    assert_close(found.sum(-1), [1, 1], FLOAT64)


def chi_square(counts, p):
    expected = p * counts.sum()
    return float((((counts - expected) ** 2) / expected)[p > 0].sum())


@pytest.mark.parametrize("options", [{}, {"temperature": 2.0}, {"top_k": 3}, {"top_p": 0.65}], ids=str)
def test_frequencies(options):
    n, p = 40_000, truncated(P.log(), **options)
    counts = torch.bincount(draw(p.expand(n, 4), generator(5)), minlength=4)
    assert counts[p == 0].sum() == 0
    assert chi_square(counts, p) < 16.3  # exceeded once in 1000 with three degrees of freedom
    nearby = truncated(P.log(), **{**options, "temperature": 1.2 * options.get("temperature", 1.0)})
    assert chi_square(counts, nearby) > 16.3  # so few draws tell them apart


@pytest.mark.parametrize("u", [0.0, 0.25, 0.5, 1 - 2**-53])
def test_an_extreme_number_draws_nothing_impossible(u, monkeypatch):
    p = torch.tensor([[0.0, 0.25, 0.25, 0.0, 0.5, 0.0, 0.0]], dtype=torch.float64)
    monkeypatch.setattr(torch, "rand", lambda *size, **_: torch.full(size, u, dtype=torch.float64))
    assert draw(p, generator()).tolist() == [{0.0: 1, 0.25: 2, 0.5: 4}.get(u, 4)]
    assert draw(p * 3, generator()).tolist() == [{0.0: 1, 0.25: 2, 0.5: 4}.get(u, 4)]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"temperature": -0.1}, ValueError, "temperature must be at least 0, got -0.1"),
        ({"temperature": np.nan}, ValueError, "temperature must be at least 0, got nan"),
        ({"temperature": np.inf}, ValueError, "temperature must be at least 0, got inf"),
        ({"temperature": None}, TypeError, "temperature must be a number"),
        ({"top_k": 0}, ValueError, "top_k must be at least 1 and at most 4, got 0"),
        ({"top_k": 5}, ValueError, "top_k must be at least 1 and at most 4, got 5"),
        ({"top_k": 2.0}, TypeError, "top_k must be an integer"),
        ({"top_k": True}, TypeError, "top_k must be an integer"),
        ({"top_p": 0}, ValueError, "top_p must be above 0 and at most 1, got 0"),
        ({"top_p": 1.01}, ValueError, "top_p must be above 0 and at most 1, got 1.01"),
        ({"top_p": np.nan}, ValueError, "top_p must be above 0"),
        ({"top_p": "0.9"}, TypeError, "top_p must be a number"),
    ],
)
def test_what_is_refused(options, error, message):
    with pytest.raises(error, match=message):
        truncated(P.log(), **options)
