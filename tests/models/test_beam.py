"""Beam search against the reference's on the same network, and against the enumeration of all texts."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from rnncourse import reference
from rnncourse.models import NGramModel, beam_search, score, stream
from tests.models.standin import Elman, Table, ids
from tests.tolerances import FLOAT64, assert_close


def log_prob(model, prompt, text):
    return float(score(model, torch.cat((prompt, ids(*text))))[len(prompt) - 1 :].sum())


def penalty(n, alpha, kind):
    return (n if kind == "plain" else (5 + n) / 6) ** alpha


@pytest.mark.parametrize("kind", ["wu", "plain"])
@pytest.mark.parametrize("alpha", [0.0, 0.7, 2.0])
@pytest.mark.parametrize("prompt", [[1], [0, 2, 2]])
def test_a_wide_beam_finds_what_enumeration_finds(kind, alpha, prompt):
    model, stop, longest = Elman(3, seed=4, scale=2.0), 1, 4
    texts = [
        text
        for n in range(1, longest + 1)
        for text in itertools.product(range(3), repeat=n)
        if stop not in text[:-1] and (text[-1] == stop or n == longest)
    ]
    scored = sorted(
        ((log_prob(model, ids(*prompt), text) / penalty(len(text), alpha, kind), text) for text in texts), reverse=True
    )
    found = beam_search(
        model, ids(*prompt), beam_size=81, max_length=longest, stop=stop, alpha=alpha, penalty=kind, n_best=5
    )
    assert [hypothesis.ids for hypothesis in found] == [text for _, text in scored[:5]]
    assert_close([hypothesis.score for hypothesis in found], [s for s, _ in scored[:5]], FLOAT64)
    for hypothesis in found:
        assert_close(hypothesis.log_prob, log_prob(model, ids(*prompt), hypothesis.ids), FLOAT64)
        assert hypothesis.finished == (hypothesis.ids[-1] == stop)
    assert model.selected > 1


@pytest.mark.parametrize("beam_size", [1, 2, 5])
@pytest.mark.parametrize("seed", range(6))
def test_it_is_the_references_search(beam_size, seed):
    model = Elman(8, seed=seed)

    def step(symbols, state):
        logits, h, _ = model.reference.forward(symbols[None], state[0])
        return logits[0] - np.log(np.exp(logits[0]).sum(1, keepdims=True)), (h,)

    options = {"beam_size": beam_size, "max_length": 12, "alpha": 0.6, "n_best": 3}
    expected = reference.beam_search(step, (model.reference.initial_state(1),), start=3, end=0, **options)
    found = beam_search(model, ids(3), stop=0, **options)
    assert [hypothesis.ids for hypothesis in found] == [hypothesis.ids for hypothesis in expected]
    assert_close([hypothesis.score for hypothesis in found], [hypothesis.score for hypothesis in expected], FLOAT64)


def test_without_a_stop_all_have_the_greatest_length():
    text = np.random.default_rng(0).integers(0, 4, 100)
    model = NGramModel.fit(text, order=3, vocab_size=4)
    every = {t: log_prob(model, ids(2, 1), t) for t in itertools.product(range(4), repeat=3)}
    found = beam_search(model, ids(2, 1), beam_size=64, max_length=3, n_best=4)
    assert [h.ids for h in found] == sorted(every, key=every.get, reverse=True)[:4]
    assert not any(h.finished for h in found)


def test_a_beam_of_one_is_greedy():
    for seed in range(5):
        model = Elman(6, seed=seed)
        greedy = list(stream(model, ids(2, 4), 15, stop=0, temperature=0))
        (found,) = beam_search(model, ids(2, 4), beam_size=1, max_length=15, stop=0)
        assert list(found.ids) == greedy


def test_a_vocabulary_of_one_symbol_and_no_gradients():
    (found,) = beam_search(Table([[0.0]]), ids(0), beam_size=3, max_length=4)
    assert found.ids == (0, 0, 0, 0)
    assert torch.is_grad_enabled()


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"prompt": ids()}, ValueError, "prompt must hold at least one symbol"),
        ({"prompt": ids(3)}, ValueError, "prompt must lie in 0 … 2, got 3"),
        ({"prompt": ids(0)[None]}, ValueError, r"prompt must have shape \(T,\)"),
        ({"stop": 3}, ValueError, "stop must be at least 0 and below 3"),
        ({"stop": -1}, ValueError, "stop must be at least 0 and below 3"),
        ({"beam_size": 0}, ValueError, "beam_size must be at least 1"),
        ({"max_length": 0}, ValueError, "max_length must be at least 1"),
        ({"alpha": -0.1}, ValueError, "alpha must be at least 0"),
        ({"penalty": "gnmt"}, ValueError, "penalty must be one of 'wu', 'plain'"),
        ({"n_best": 1.0}, TypeError, "n_best must be an integer"),
    ],
)
def test_what_it_refuses(changed, error, message):
    arguments = {"prompt": ids(0), "beam_size": 2, "max_length": 3, **changed}
    with pytest.raises(error, match=message):
        beam_search(Table(torch.zeros(3, 3)), arguments.pop("prompt"), **arguments)


def test_nan_is_named():
    with pytest.raises(ValueError, match="the model's scores must not be NaN"):
        beam_search(Table(torch.full((3, 3), torch.nan)), ids(0), beam_size=2, max_length=3)
