"""Sizes that fit: for every text they give a model that trains, and what the user chose stays."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from rnncourse.data import batches  # noqa: E402
from rnncourse.models import LanguageModelConfig, TransformerLMConfig  # noqa: E402
from rnncourse.training.config import TrainingConfig  # noqa: E402
from rnncourse.training.pick import EPOCHS, MANY, pick, steps_for  # noqa: E402
from rnncourse.training.world import World  # noqa: E402


def parts(chosen, shape):
    names = {field.name for field in dataclasses.fields(shape)}
    model = {k: v for k, v in chosen.items() if k in names}
    return model, {k: v for k, v in chosen.items() if k not in names | {"cell"}}


@pytest.mark.parametrize("symbols", [3, 4, 9, 40, 1000, 20_000, 300_000, 10**9])
@pytest.mark.parametrize("wanted", [{}, {"tied": True}, {"cell": "transformer"}, {"T": 2}, {"gpu": True}])
def test_every_text_has_a_window(symbols, wanted):
    chosen, reasons = pick(symbols, 65, **wanted)
    assert chosen["T"] * chosen["B"] < symbols
    assert len(reasons) == len(set(chosen) - set(wanted))
    shape = TransformerLMConfig if wanted.get("cell") == "transformer" else LanguageModelConfig
    model, how = parts(chosen, shape)
    shape(65, **model)
    TrainingConfig(steps=5, **how)


def test_what_was_chosen_stays():
    wanted = {"hidden_size": 7, "embedding_size": 5, "T": 3, "B": 2, "dropout": 0.0}
    chosen, reasons = pick(1000, 65, **wanted, seed=None)
    assert chosen == wanted
    assert reasons == []


def test_many_words_have_an_adaptive_softmax():
    chosen, _ = pick(400_000, 8000, by_frequency=True)
    assert chosen["cutoffs"] == (1000, 4000)
    LanguageModelConfig(8000, **parts(chosen, LanguageModelConfig)[0])
    for options in ({"by_frequency": False}, {"by_frequency": True, "tied": True}):
        assert "cutoffs" not in pick(400_000, 8000, **options)[0]
    assert "cutoffs" not in pick(400_000, MANY - 1, by_frequency=True)[0]
    assert pick(400_000, 8000, by_frequency=True, cutoffs=(9,))[0]["cutoffs"] == (9,)


@pytest.mark.parametrize("multiple", [1, 2, 3, 5, 16])
def test_streams_can_be_shared_out(multiple):
    assert pick(10**6, 65, multiple=multiple)[0]["B"] % multiple == 0


def test_too_short():
    with pytest.raises(ValueError, match="must have at least 3 symbols, got 2"):
        pick(2, 65)


def test_time_becomes_updates():
    rng = np.random.default_rng(0)
    train, validation = rng.integers(0, 5, 2000), rng.integers(0, 5, 3000)
    model, config = LanguageModelConfig(5, "rnn", 4, 4), TrainingConfig(steps=9, evaluations=3, T=5, B=4)
    threads = torch.get_num_threads()
    try:
        few, _, watched = steps_for(1e-6, model, config, train, validation, threads=(1,), world=World())
        many, best, all_of_it = steps_for(1e6, model, config, train, validation, threads=(1, 2), world=World())
    finally:
        torch.set_num_threads(threads)
    assert few == 3, "one for each evaluation"
    assert many == EPOCHS * len(batches(train, 5, 4))
    assert best in (1, 2)
    assert (watched, all_of_it) == (1000, 3000), "evaluations take a fifth of the time at most"
