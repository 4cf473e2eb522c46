"""Every module against the reference in float64: outputs, last states, all gradients, with the same masks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.reference.cell_checks import assert_same
from tests.tolerances import FLOAT64

from .peers import SETUPS, Case, by_module, by_reference

# T, B, I, H, all distinct unless 1.
SIZES = {
    "ordinary": (5, 4, 2, 3),
    "one-step": (1, 4, 2, 3),
    "one-sequence": (6, 1, 4, 3),
    "one-unit": (4, 3, 2, 1),
    "all-one": (1, 1, 1, 1),
}
LENGTHS = np.array([2, 6, 1, 5])  # in no order


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("name", list(SETUPS))
def test_reference(name: str, training: bool) -> None:
    for seed, size in enumerate(SIZES.values()):
        case = Case(SETUPS[name], size, seed=seed)
        case.module.train(training)
        assert_same(by_module(case, seed), by_reference(case, seed), FLOAT64)


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("name", list(SETUPS))
def test_packed(name: str, training: bool) -> None:
    """Unsorted lengths: outputs packed again in the same order, last states of each sequence's own last step."""
    case = Case(SETUPS[name], (6, 4, 2, 3), lengths=LENGTHS, seed=10)
    case.module.train(training)
    assert_same(by_module(case, 11), by_reference(case, 11), FLOAT64)


@settings(max_examples=20)
@given(
    name=st.sampled_from(["rnn-relu", "lstm-all", "lstm-locked", "gru-locked", "mingru-all"]),
    lengths=st.lists(st.integers(1, 6), min_size=1, max_size=5),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_lengths(name: str, lengths: list[int], seed: int) -> None:
    """Equal ones too: those may lie in any order in the packed batch."""
    case = Case(SETUPS[name], (max(lengths), len(lengths), 2, 3), lengths=np.array(lengths), seed=seed)
    assert_same(by_module(case, seed), by_reference(case, seed), FLOAT64)
