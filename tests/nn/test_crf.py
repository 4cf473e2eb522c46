"""The conditional random field against the reference and against enumeration of all tag sequences."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnncourse import nn, reference
from tests.reference.cell_checks import assert_same
from tests.tolerances import FLOAT64, assert_close

from .bound import arrays, by_call, double

# T, B, K.
SIZES = {
    "ordinary": (5, 3, 4),
    "one-step": (1, 3, 2),
    "one-sequence": (6, 1, 3),
    "one": (1, 1, 2),
}


def draw(size: tuple[int, int, int], seed: int = 0) -> tuple:
    rng = np.random.default_rng(seed)
    T, B, K = size
    return double(nn.CRF(K), seed), 2 * rng.standard_normal(size), rng.integers(0, K, (T, B))


def same(size: tuple[int, int, int], seed: int, lengths: np.ndarray | None, reduction: str) -> None:
    crf, emissions, tags = draw(size, seed)
    T, B, K = size
    d = np.random.default_rng(seed).standard_normal(B) if reduction == "none" else None
    losses, cache = reference.crf_forward(emissions, tags, arrays(crf), lengths=lengths, reduction=reduction)
    d_emissions, grads = reference.crf_backward(cache, d)
    options = {"tags": torch.from_numpy(tags), "reduction": reduction}
    if lengths is not None:
        options["lengths"] = torch.from_numpy(lengths)
    cotangents = {"loss": np.array(1.0) if d is None else d}
    ours = by_call(crf, {"emissions": emissions}, arrays(crf), cotangents, **options)
    assert_same(ours, {"loss": losses, "emissions": d_emissions, **grads}, FLOAT64)
    if lengths is not None:
        mask = torch.from_numpy(np.arange(T)[:, None] < lengths)
        beyond = torch.from_numpy(tags).where(mask, -1)
        e = torch.from_numpy(emissions)
        assert_close(crf(e, beyond, mask=mask, reduction=reduction).detach(), losses, FLOAT64)

    options = {} if lengths is None else {"lengths": torch.from_numpy(lengths)}
    found, scores = crf.decode(torch.from_numpy(emissions), **options)
    expected, expected_scores = reference.crf_viterbi(emissions, arrays(crf), lengths=lengths)
    assert found.dtype == torch.int64 and not scores.requires_grad
    assert (found.numpy() == expected).all()
    assert_close(scores, expected_scores, FLOAT64)

    # What the reference's derivative says of the probabilities: de = P - [y].
    _, cache = reference.crf_forward(emissions, tags, arrays(crf), lengths=lengths, reduction="sum")
    on = np.ones((T, B), bool) if lengths is None else np.arange(T)[:, None] < lengths
    P = reference.crf_backward(cache)[0] + np.eye(K)[tags] * on[:, :, None]
    assert_close(crf.marginals(torch.from_numpy(emissions), **options).detach(), P, FLOAT64)


@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
@pytest.mark.parametrize("size", SIZES.values(), ids=list(SIZES))
def test_reference(size: tuple[int, int, int], reduction: str) -> None:
    same(size, 0, None, reduction)


@settings(max_examples=25)
@given(
    seed=st.integers(0, 2**32 - 1),
    lengths=st.lists(st.integers(1, 6), min_size=1, max_size=5),
    more=st.integers(0, 2),
    K=st.integers(2, 4),
    reduction=st.sampled_from(["none", "sum", "mean"]),
)
def test_any_lengths(seed: int, lengths: list[int], more: int, K: int, reduction: str) -> None:
    """Also where no sequence is as long as the batch."""
    same((max(lengths) + more, len(lengths), K), seed, np.array(lengths), reduction)


def test_enumeration() -> None:
    """All sequences: probabilities that sum to 1, the best of them, and the marginals."""
    T, K = 4, 3
    crf, emissions, _ = draw((T, 1, K), 1)
    e = torch.from_numpy(emissions)
    texts = torch.tensor(list(itertools.product(range(K), repeat=T))).T
    p = (-crf(e.expand(T, K**T, K), texts, reduction="none")).exp().detach()
    assert_close(p.sum(), 1.0, FLOAT64)
    tags, _ = crf.decode(e)
    assert torch.equal(tags[:, 0], texts[:, p.argmax()])
    P = torch.stack([torch.stack([p[texts[t] == k].sum() for k in range(K)]) for t in range(T)])
    assert_close(crf.marginals(e)[:, 0].detach(), P, FLOAT64)


def test_with_one_tag_there_is_no_choice() -> None:
    crf, emissions, tags = draw((4, 3, 1))
    e = torch.from_numpy(emissions).requires_grad_()
    loss = crf(e, torch.from_numpy(tags), reduction="sum")
    loss.backward()
    assert abs(loss.item()) < 1e-12 and e.grad.abs().max() < 1e-12
    assert not crf.decode(e)[0].any() and torch.allclose(crf.marginals(e), torch.ones_like(e))


def test_of_equal_scores_the_smaller_tag_wins() -> None:
    tags, scores = nn.CRF(4).decode(torch.zeros(5, 3, 4))
    assert not tags.any() and not scores.any()


def test_a_forbidden_move_is_not_taken() -> None:
    crf, emissions, _ = draw((30, 5, 3), 2)
    e = torch.from_numpy(emissions)
    moves = lambda: {(int(i), int(j)) for y in crf.decode(e)[0].T for i, j in itertools.pairwise(y)}  # noqa: E731
    assert (0, 2) in moves()
    with torch.no_grad():
        crf.transitions[0, 2] = -1e4
    assert (0, 2) not in moves()
    assert crf.marginals(e).isfinite().all()


def test_first_scores_are_zero() -> None:
    crf = double(nn.CRF(3)).float()
    crf.reset_parameters()
    assert all(not p.any() for p in [*crf.parameters(), *nn.CRF(3).parameters()])


E, Y = torch.zeros(5, 4, 3), torch.zeros(5, 4, dtype=torch.int64)
GAP = torch.tensor([[1, 1, 1, 0, 1]] * 4, dtype=torch.bool).T
BAD = {
    "rank": ((E[0], Y), {}, ValueError, r"emissions must have shape \(T, B, 3\), got \(4, 3\)"),
    "width": ((E[..., :2], Y), {}, ValueError, r"emissions must have shape \(T, B, 3\), got \(5, 4, 2\)"),
    "empty": ((E[:0], Y[:0]), {}, ValueError, "emissions must have T >= 1 and B >= 1"),
    "dtype": ((E.double(), Y), {}, TypeError, "emissions must have dtype torch.float32"),
    "tags": ((E, Y.T), {}, ValueError, r"tags must have shape \(5, 4\), got \(4, 5\)"),
    "tags-type": ((E, Y.float()), {}, TypeError, "tags must be an int64 tensor .* got dtype torch.float32"),
    "reduction": ((E, Y), {"reduction": "max"}, ValueError, "reduction must be one of 'none', 'sum', 'mean'"),
    "lengths": ((E, Y), {"lengths": torch.tensor([0, 1, 2, 3])}, ValueError, "lengths must lie in 1 … 5"),
    "mask": ((E, Y), {"mask": GAP.T}, ValueError, r"mask must have shape \(5, 4\), got \(4, 5\)"),
    "gap": ((E, Y), {"mask": GAP}, ValueError, "mask must be True from the first step .* got one with a gap"),
    "late": ((E, Y), {"mask": GAP.flip(0) & False | (torch.arange(5) > 1)[:, None]}, ValueError, "mask must be True"),
    "both": ((E, Y), {"mask": GAP, "lengths": torch.tensor([1] * 4)}, ValueError, "give one of them"),
}


@pytest.mark.parametrize("case", BAD.values(), ids=list(BAD))
def test_bad_calls(case: tuple) -> None:
    arguments, options, error, message = case
    with pytest.raises(error, match=message):
        nn.CRF(3)(*arguments, **options)


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match="num_tags must be at least 1, got 0"):
        nn.CRF(0)
