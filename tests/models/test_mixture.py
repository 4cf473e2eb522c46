"""Mixtures against the reference."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rnncourse.models import MixtureModel, NGramModel, UnigramCacheModel, log_probs, score
from rnncourse.reference import KneserNey, UnigramCache, fit_mixture, mix
from tests.models.standin import Elman, Table
from tests.tolerances import FLOAT64, assert_close

V = 5
TRAIN, HELD_OUT = np.split(np.random.default_rng(0).choice(V, 700, p=[0.4, 0.3, 0.15, 0.1, 0.05]), [400])


def models():
    ngrams = [NGramModel.fit(TRAIN, order=order, vocab_size=V) for order in (1, 3)]
    return [*ngrams, UnigramCacheModel(V, decay=0.9), Elman(V)]


@pytest.mark.parametrize("weights", [None, [0.1, 0.2, 0.3, 0.4], [0.0, 0.5, 0.5, 0.0], [0.0, 0.0, 0.0, 1.0]], ids=str)
@torch.no_grad()
def test_it_is_the_references(weights):
    parts, ids = models(), torch.from_numpy(HELD_OUT[:30, None])
    weights = None if weights is None else np.array(weights)
    mixture = MixtureModel(parts, weights)
    p = [log_probs(part, ids, part.initial_state(1))[0][:, 0].exp().clamp(max=1).numpy() for part in parts]
    expected = mix(p, np.full(4, 0.25) if weights is None else weights)
    assert_close(mixture(ids, mixture.initial_state(1))[0][:, 0].exp(), expected, FLOAT64)


@pytest.mark.parametrize("options", [{}, {"tolerance": 1e-2}, {"steps": 7}], ids=str)
def test_weights_are_fitted_as_the_reference_fits_them(options):
    mixture, found = MixtureModel.fit(models()[:3], torch.from_numpy(HELD_OUT), **options)
    ngrams = [np.exp(KneserNey(order, V).fit(TRAIN).log_prob(HELD_OUT)[1:]) for order in (1, 3)]
    expected = fit_mixture([*ngrams, UnigramCache(V, decay=0.9).probabilities(HELD_OUT)[1:]], **options)
    assert_close(found.weights, expected.weights, FLOAT64)
    assert_close(mixture.weights, expected.weights, FLOAT64)
    assert_close(-score(mixture, torch.from_numpy(HELD_OUT)).mean(), expected.losses[-1], FLOAT64)
    assert len(found.losses) == len(expected.losses)


def test_what_all_rule_out_stays_impossible():
    never = Table([[0.0, 0.0, -torch.inf]] * 3)
    mixture = MixtureModel([never, never])
    log_p, _ = mixture(torch.tensor([[0]]), mixture.initial_state(1))
    assert log_p[0, 0, 2] == -torch.inf
    assert_close(log_p[0, 0, :2].exp(), [0.5, 0.5], FLOAT64)
    with pytest.raises(ValueError, match=r"probabilities must not all be 0 for a symbol, got 0 .* at n = 1"):
        MixtureModel.fit([never, never], torch.tensor([0, 1, 2]))


@pytest.mark.parametrize(
    ("parts", "weights", "error", "message"),
    [
        ([], None, ValueError, r"models must be at least one, all of one vocab_size, got \[\]"),
        ([3, 4], None, ValueError, r"got \[3, 4\]"),
        ([3, 3], [0.5, 0.4], ValueError, "weights must not be negative and must sum to 1"),
        ([3, 3], [1.5, -0.5], ValueError, "weights must not be negative and must sum to 1"),
        ([3, 3], [1.0], ValueError, r"weights must have shape \(2,\), got \(1,\)"),
        ([3, 3], [np.nan, 1.0], ValueError, "weights must be finite"),
        ([3], [1], TypeError, "weights must be of a floating-point dtype"),
    ],
)
def test_what_it_refuses(parts, weights, error, message):
    tables = [Table(torch.zeros(n, n)) for n in parts]
    with pytest.raises(error, match=message):
        MixtureModel(tables, None if weights is None else np.array(weights))
    with pytest.raises(TypeError, match="models must be a sequence of models, got Table"):
        MixtureModel(Table(torch.zeros(2, 2)))
