"""What every model with the interface owes: texts can be cut anywhere and do not mix, states stay as they are."""

from __future__ import annotations

import copy
from typing import NamedTuple

import numpy as np
import pytest
import torch

from rnncourse.models import (
    ContinuousCacheModel,
    MixtureModel,
    NGramModel,
    TransformerLM,
    TransformerLMConfig,
    UnigramCacheModel,
    log_probs,
    score,
    select_batch,
)
from tests.models.standin import Elman, Table
from tests.tolerances import FLOAT64, assert_close

V = 6
TEXT = np.random.default_rng(0).integers(0, V - 1, 300)  # the last symbol never occurs


def ngram(order: int, **options: bool) -> NGramModel:
    return NGramModel.fit(TEXT, order=order, vocab_size=V, **options)


def transformer(context: int, **options) -> TransformerLM:
    """Of large weights, so that all that it looks at matters."""
    options = {"embedding_size": 8, "num_heads": 2, "context": context, **options}
    model = TransformerLM(TransformerLMConfig(V, **options), dtype=torch.float64).eval()
    for p in model.parameters():
        p.normal_(0, 0.6, generator=torch.Generator().manual_seed(0))
    return model


MODELS = {
    "elman": lambda: Elman(V),
    "1-gram": lambda: ngram(1),
    "2-gram": lambda: ngram(2),
    "5-gram": lambda: ngram(5, modified=True),
    "cache": lambda: UnigramCacheModel(V),
    "fading cache": lambda: UnigramCacheModel(V, decay=0.7),
    "window": lambda: UnigramCacheModel(V, window=3),
    "continuous": lambda: ContinuousCacheModel(Elman(V), theta=0.5, weight=0.3, window=4),
    "transformer": lambda: transformer(50),
    "transformer, sliding": lambda: transformer(4, num_layers=3, cutoffs=(2,)),
    "transformer, learned": lambda: transformer(5, positions="learned", norm_first=False),
    "transformer, sinusoidal": lambda: transformer(5, positions="sinusoidal", tied=True),
    "transformer, alone": lambda: transformer(1, positions="none"),
    "cache of a transformer": lambda: ContinuousCacheModel(transformer(4), theta=0.5, weight=0.3, window=4),
    "mixture": lambda: MixtureModel([Elman(V), UnigramCacheModel(V, window=2), ngram(3)], np.array([0.5, 0.2, 0.3])),
    "mixture with a transformer": lambda: MixtureModel([transformer(3), ngram(2)]),
}


@pytest.fixture(params=MODELS)
def model(request):
    with torch.no_grad():
        yield MODELS[request.param]()


def tensors(state):
    return [state] if isinstance(state, torch.Tensor) else [t for part in state for t in tensors(part)]


def text(T, B, seed=1):
    return torch.from_numpy(np.random.default_rng(seed).integers(0, V, (T, B)))


def probabilities(model, ids, state):
    log_p, state = log_probs(model, ids, state)
    return log_p.exp(), state


@pytest.mark.parametrize("cuts", [[1] * 12, [5, 7], [0, 12], [11, 1], [3, 0, 1, 8]])
def test_a_text_can_be_cut_anywhere(model, cuts):
    ids = text(12, 3)
    whole, last = probabilities(model, ids, model.initial_state(3))
    parts, state = [], model.initial_state(3)
    for part in ids.split(cuts):
        p, state = probabilities(model, part, state)
        parts.append(p)
    assert_close(torch.cat(parts), whole, FLOAT64)
    for mine, its in zip(tensors(state), tensors(last), strict=True):
        assert_close(mine, its, FLOAT64)


def test_texts_do_not_mix_and_can_be_selected(model):
    ids = text(9, 4)
    whole, state = probabilities(model, ids, model.initial_state(4))
    assert_close(whole.sum(-1), np.ones((9, 4)), FLOAT64)
    for b in range(4):
        alone, _ = probabilities(model, ids[:, b : b + 1], model.initial_state(1))
        assert_close(alone[:, 0], whole[:, b], FLOAT64)
    index = torch.tensor([3, 0, 0, 2, 1])
    more = text(4, 4, seed=2)
    going_on, _ = probabilities(model, more, state)
    selected, _ = probabilities(model, more[:, index], model.select(state, index))
    assert_close(selected, going_on[:, index], FLOAT64)
    none, _ = probabilities(model, more[:, :0], model.select(state, index[:0]))
    assert none.shape == (4, 0, V)


def test_a_state_is_not_changed_and_does_not_grow(model):
    state = model.initial_state(2)
    sizes = [t.shape for t in tensors(state)]
    before = copy.deepcopy(tensors(state))
    _, later = model(text(7, 2), state)
    kept = copy.deepcopy(tensors(later))
    first, _ = model(text(50, 2), later)
    again, last = model(text(50, 2), later)
    assert torch.equal(first, again)
    for now, then in zip(tensors(state) + tensors(later), before + kept, strict=True):
        assert torch.equal(now.nan_to_num(-7), then.nan_to_num(-7))
    assert [t.shape for t in tensors(last)] == sizes


def test_score_is_the_log_probability_of_what_came(model):
    ids = text(20, 1)[:, 0]
    log_p, _ = log_probs(model, ids[:-1, None], model.initial_state(1))
    expected = log_p[range(19), 0, ids[1:]].exp()
    for chunk in (1, 6, 19, 500):
        assert_close(score(model, ids, chunk=chunk).exp(), expected, FLOAT64)


class Pair(NamedTuple):
    h: torch.Tensor
    rest: tuple


def test_select_batch_keeps_the_nesting():
    h = torch.arange(12).reshape(2, 3, 2)
    found = select_batch(Pair(h, ((), None, (h + 1,))), torch.tensor([2, 2]), dim=1)
    assert isinstance(found, Pair)
    assert torch.equal(found.h, h[:, [2, 2]])
    assert found.rest[:2] == ((), None)
    assert torch.equal(found.rest[2][0], h[:, [2, 2]] + 1)
    with pytest.raises(TypeError, match="state must be a tensor or a nested tuple of tensors, got list"):
        select_batch((h, [h]), torch.tensor([0]))


@pytest.mark.parametrize(
    ("scores", "shown"),
    [
        ([[0.0, torch.nan], [0, 0]], "nan at t=1, b=0"),
        ([[0.0, torch.inf], [0, 0]], "inf at t=1, b=0"),
        ([[-torch.inf, -torch.inf], [0, 0]], "-inf at t=1, b=0"),
    ],
)
def test_scores_that_are_no_distribution(scores, shown):
    with pytest.raises(ValueError, match=f"the model's scores must not be NaN.*got the maximum {shown}"):
        log_probs(Table(scores), torch.tensor([[1, 1], [0, 1]]), ())


def test_scores_of_another_shape():
    model = Table(torch.zeros(3, 3))
    model.vocab_size = 4
    with pytest.raises(ValueError, match=r"scores must have shape \(T, B, V\) = \(2, 1, 4\), got \(2, 1, 3\)"):
        log_probs(model, torch.zeros(2, 1, dtype=torch.int64), ())


def test_what_score_refuses():
    model = Table(torch.zeros(3, 3))
    with pytest.raises(ValueError, match="ids must hold at least 2 symbols"):
        score(model, torch.tensor([1]))
    with pytest.raises(ValueError, match="ids must lie in 0 … 2, got 3"):
        score(model, torch.tensor([1, 3]))
    with pytest.raises(TypeError, match=r"ids must be an int64 tensor of shape \(N,\), got dtype torch.int32"):
        score(model, torch.tensor([1, 2], dtype=torch.int32))
    with pytest.raises(ValueError, match=r"ids must have shape \(N,\), got \(1, 2\)"):
        score(model, torch.tensor([[1, 2]]))
    with pytest.raises(ValueError, match="chunk must be at least 1"):
        score(model, torch.tensor([1, 2]), chunk=0)


@pytest.mark.parametrize("make", [lambda: ngram(3), lambda: UnigramCacheModel(V), MODELS["continuous"]])
def test_models_refuse_what_is_no_text(make):
    model = make()
    state = model.initial_state(2)
    with pytest.raises(ValueError, match="ids must lie in 0 … 5, got -1"):
        model(torch.tensor([[0, -1]]), state)
    with pytest.raises(ValueError, match=r"ids must have shape \(T, 2\), got \(1, 3\)"):
        model(torch.tensor([[0, 1, 2]]), state)
    with pytest.raises(TypeError, match="ids must be an int64 tensor"):
        model(torch.tensor([[0.0, 1.0]]), state)
    with pytest.raises(ValueError, match="batch_size must be at least 1"):
        model.initial_state(0)
