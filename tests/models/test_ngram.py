"""The n-gram model against the reference, and its arrays in a checkpoint."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnncourse.models import NGramModel, score
from rnncourse.reference import KneserNey
from rnncourse.training.checkpoint import load, save_checkpoint
from tests.tolerances import FLOAT64, assert_close

symbols = st.integers(0, 4)


@settings(max_examples=150)
@given(
    st.lists(symbols, min_size=1, max_size=40),
    st.lists(st.integers(0, 5), min_size=2, max_size=12),
    st.integers(1, 6),
    st.booleans(),
)
def test_predictions_are_the_references(train, text, order, modified):
    train, text = np.array(train), np.array(text)
    reference = KneserNey(order, 6, modified=modified).fit(train)
    model = NGramModel.fit(train, order=order, vocab_size=6, modified=modified)
    assert_close(score(model, torch.from_numpy(text)), reference.log_prob(text)[1:], FLOAT64)
    # At once, and a symbol at a time: another way through the tables.
    at_once, _ = model(torch.from_numpy(text[:, None]), model.initial_state(1))
    state = model.initial_state(1)
    for t, symbol in enumerate(text):
        log_p, state = model(torch.tensor([[symbol]]), state)
        expected = reference.distribution(text[: t + 1])
        assert_close(log_p[0, 0].exp(), expected, FLOAT64)
        assert_close(at_once[t, 0].exp(), expected, FLOAT64)


def test_a_long_text_of_many_symbols():
    rng = np.random.default_rng(0)
    train, text = (np.minimum(rng.geometric(0.05, n), 299) for n in (5000, 400))
    model = NGramModel.fit(train, order=4, vocab_size=300, modified=True)
    expected = KneserNey(4, 300, modified=True).fit(train).log_prob(text)
    assert_close(score(model, torch.from_numpy(text)), expected[1:], FLOAT64)


@pytest.mark.parametrize("order", [1, 2, 5])
def test_a_vocabulary_of_one_symbol_and_a_text_of_one(order):
    model = NGramModel.fit(np.array([0]), order=order, vocab_size=1)
    log_p, _ = model(torch.zeros(3, 2, dtype=torch.int64), model.initial_state(2))
    assert torch.equal(log_p, torch.zeros(3, 2, 1, dtype=torch.float64))


def test_it_comes_back_from_a_checkpoint(tmp_path):
    text = np.random.default_rng(3).integers(0, 7, 200)
    model = NGramModel.fit(text, order=3, vocab_size=9, modified=True)
    arrays = model.state_arrays()
    assert {str(a.dtype) for a in arrays.values()} == {"int64", "float64"}
    path = tmp_path / "ngram.safetensors"
    save_checkpoint(path, {name: torch.from_numpy(a) for name, a in arrays.items()}, {})
    for stored in (arrays, load(path).tensors):
        again = NGramModel.from_arrays(stored)
        assert (again.order, again.vocab_size, again.modified) == (3, 9, True)
        ids = torch.from_numpy(text[:50])
        assert torch.equal(score(again, ids), score(model, ids))
        assert all(np.array_equal(a, again.state_arrays()[name]) for name, a in arrays.items())


DAMAGE = {
    "missing": (lambda a: a.pop("orders.2.kept"), "arrays must have the names .*orders.2.kept"),
    "unknown": (lambda a: a.update(more=a["symbols"]), "arrays must have the names .*more"),
    "no orders": (lambda a: [a.pop(n) for n in list(a) if n.startswith("orders")], "arrays must have the names"),
    "order": (lambda a: a["sizes"].__setitem__(0, 3), r"arrays\['sizes'\] must be \(order"),
    "size": (lambda a: a["sizes"].__setitem__(1, 2), r"arrays\['symbols'\] must lie in 0 … 1"),
    "unsorted": (lambda a: a["orders.1.codes"].__setitem__(0, 2), r"arrays\['orders.1.codes'\] must be sorted"),
    "twice": (lambda a: a["symbols"].__setitem__(1, 0), r"arrays\['symbols'\] must be sorted"),
    "out of range": (lambda a: a["orders.2.codes"].__setitem__(-1, 9), r"arrays\['orders.2.codes'\] must lie in 0 … 8"),
    "short": (lambda a: a.update({"orders.2.totals": np.ones(2)}), r"orders.2.totals'\] must have shape \(3,\)"),
    "NaN": (lambda a: a["orders.1.handed"].fill(np.nan), r"arrays\['orders.1.handed'\] must be finite"),
}


@pytest.mark.parametrize("how", DAMAGE)
def test_damaged_arrays_are_refused(how):
    damage, message = DAMAGE[how]
    model = NGramModel.fit(np.array([0, 1, 2, 0, 2, 1]), order=2, vocab_size=4)
    arrays = {name: a.copy() for name, a in model.state_arrays().items()}
    damage(arrays)
    with pytest.raises(ValueError, match=message):
        NGramModel.from_arrays(arrays)


def test_arrays_of_another_type():
    with pytest.raises(TypeError, match="arrays must be a mapping"):
        NGramModel.from_arrays([1])
    arrays = NGramModel.fit(np.array([0, 1]), order=1, vocab_size=2).state_arrays()
    with pytest.raises(TypeError, match=r"kept.* must have dtype float64"):
        NGramModel.from_arrays({**arrays, "orders.1.kept": arrays["orders.1.kept"].astype(np.float32)})


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"ids": np.zeros(0, int)}, ValueError, "ids must hold at least one symbol"),
        ({"ids": np.array([0, 5])}, ValueError, "ids must lie in 0 … 2, got 5"),
        ({"ids": np.array([0.5])}, TypeError, "ids must be an integer"),
        ({"order": 0}, ValueError, "order must be at least 1"),
        ({"order": 2.0}, TypeError, "order must be an integer"),
        ({"vocab_size": 0}, ValueError, "vocab_size must be at least 1"),
        ({"modified": 1}, ValueError, "modified must be one of True, False"),
    ],
)
def test_what_fit_refuses(changed, error, message):
    arguments = {"ids": np.array([0, 1, 2]), "order": 2, "vocab_size": 3, **changed}
    with pytest.raises(error, match=message):
        NGramModel.fit(arguments.pop("ids"), **arguments)
