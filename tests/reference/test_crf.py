"""The CRF against the enumeration of all tag sequences, under torch's autograd, and against central differences."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnncourse.reference import crf_backward, crf_forward, crf_viterbi, gradcheck
from tests.tolerances import FINITE_DIFFERENCES, FLOAT32, FLOAT64, assert_close

NAMES = ("transitions", "start_transitions", "end_transitions")


def draw(seed, T, B, K, dtype=np.float64):
    rng = np.random.default_rng(seed)
    params = dict(zip(NAMES, (rng.standard_normal(s).astype(dtype) for s in ((K, K), K, K)), strict=True))
    lengths = rng.integers(1, T + 1, B)
    lengths[rng.integers(B)] = T
    return (2 * rng.standard_normal((T, B, K))).astype(dtype), rng.integers(0, K, (T, B)), params, lengths


def scores(e, ys, p):
    """The scores of several tag sequences, of shape (N, T), of one sequence of emissions; for arrays or tensors."""
    moves = p["transitions"][ys[:, :-1], ys[:, 1:]].sum(1)
    return (
        e[np.arange(ys.shape[1]), ys].sum(1)
        + moves
        + p["start_transitions"][ys[:, 0]]
        + p["end_transitions"][ys[:, -1]]
    )


def every(K, T):
    return np.array(list(itertools.product(range(K), repeat=T)))


def by_enumeration(emissions, tags, params, lengths=None, d=None):
    """Losses, over every tag sequence there is, and their gradients by autograd; d weighs the losses."""
    T, B, K = emissions.shape
    leaves = {n: torch.tensor(a, requires_grad=True) for n, a in {"emissions": emissions, **params}.items()}
    losses = []
    for b in range(B):
        e, length = leaves["emissions"][:, b], T if lengths is None else int(lengths[b])
        log_Z = torch.logsumexp(scores(e, every(K, length), leaves), 0)
        losses.append(log_Z - scores(e, tags[None, :length, b], leaves)[0])
    losses = torch.stack(losses)
    (losses @ torch.from_numpy(np.ones(B) if d is None else d)).backward()
    return {"losses": losses.detach().numpy(), **{n: leaf.grad.numpy() for n, leaf in leaves.items()}}


def by_ours(emissions, tags, params, lengths=None, d=None, reduction="none"):
    losses, cache = crf_forward(emissions, tags, params, lengths=lengths, reduction=reduction)
    d_emissions, grads = crf_backward(cache, d)
    assert set(grads) == set(params)
    return {"losses": losses, "emissions": d_emissions, **grads}


def assert_same(ours, theirs, tolerance):
    assert set(ours) == set(theirs)
    for name in theirs:
        assert_close(ours[name], theirs[name], tolerance, name)


SIZES = {
    "ordinary": (4, 3, 2),
    "three-tags": (4, 2, 3),
    "one-step": (1, 4, 3),
    "one-sequence": (5, 1, 2),
    "one-tag": (3, 2, 1),
    "many-tags": (2, 3, 5),
}


@pytest.mark.parametrize("with_lengths", [False, True])
@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES.keys())
def test_equals_the_enumeration(size, with_lengths):
    emissions, tags, params, lengths = draw(0, *size)
    case = emissions, tags, params, lengths if with_lengths else None, np.random.default_rng(1).standard_normal(size[1])
    ours, theirs = by_ours(*case), by_enumeration(*case)
    if size[2] == 1:  # one tag sequence only: nothing to lose
        assert all(np.abs(a).max() < FLOAT64 for a in (*ours.values(), *theirs.values()))
    else:
        assert_same(ours, theirs, FLOAT64)


@settings(max_examples=15)
@given(seed=st.integers(0, 2**32 - 1), size=st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(2, 3)))
def test_any_shape(seed, size):
    case = draw(seed, *size)
    assert_same(by_ours(*case), by_enumeration(*case), FLOAT64)


@pytest.mark.parametrize("reduction, share", [("sum", 1.0), ("mean", 1 / 3)])
def test_reductions(reduction, share):
    case = draw(2, 4, 3, 2)
    ours, theirs = by_ours(*case, reduction=reduction), by_enumeration(*case, np.full(3, share))
    assert isinstance(ours["losses"], float)
    theirs["losses"] = theirs["losses"].sum() * share
    assert_same(ours, theirs, FLOAT64)


def test_gradients_equal_central_differences():
    emissions, tags, params, lengths = draw(3, 6, 3, 4)
    d = np.random.default_rng(4).standard_normal(3)
    gradcheck(
        lambda: float(crf_forward(emissions, tags, params, lengths=lengths, reduction="none")[0] @ d),
        {"emissions": emissions, **params},
        by_ours(emissions, tags, params, lengths, d),
        tolerance=FINITE_DIFFERENCES,
    )


def test_float32_stays_float32():
    emissions, tags, params, lengths = draw(5, 5, 3, 2, np.float32)
    ours = by_ours(emissions, tags, params, lengths)
    assert {a.dtype for a in ours.values()} == {np.dtype(np.float32)}
    wide = {name: p.astype(np.float64) for name, p in params.items()}
    assert_same(ours, by_enumeration(emissions.astype(np.float64), tags, wide, lengths), FLOAT32)
    _, best = crf_viterbi(emissions, params, lengths=lengths)
    assert best.dtype == np.float32
    assert by_ours(emissions, tags, params, lengths, reduction="mean")["emissions"].dtype == np.float32


@pytest.mark.parametrize("with_lengths", [False, True])
@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES.keys())
def test_viterbi_finds_the_best_of_all(size, with_lengths):
    emissions, _, params, lengths = draw(6, *size)
    T, B, K = size
    tags, best = crf_viterbi(emissions, params, lengths=lengths if with_lengths else None)
    assert tags.shape == (T, B) and tags.dtype == np.int64
    for b in range(B):
        length = lengths[b] if with_lengths else T
        ys = every(K, length)
        theirs = scores(emissions[:, b], ys, params)
        assert np.array_equal(tags[:length, b], ys[theirs.argmax()])
        assert (tags[length:, b] == -1).all()
        assert_close(best[b], theirs.max(), FLOAT64)


def test_viterbi_prefers_the_smaller_tag_among_equals():
    params = {"transitions": np.zeros((3, 3)), "start_transitions": np.zeros(3), "end_transitions": np.zeros(3)}
    assert not crf_viterbi(np.zeros((4, 2, 3)), params)[0].any()


def test_what_stands_beyond_the_end_does_not_matter():
    emissions, tags, params, lengths = draw(7, 5, 4, 3)
    ours = by_ours(emissions, tags, params, lengths)
    best = crf_viterbi(emissions, params, lengths=lengths)
    beyond = np.arange(5)[:, None] >= lengths
    emissions[beyond], tags[beyond] = 1e4, 0
    assert_same(by_ours(emissions, tags, params, lengths), ours, 0)
    assert not ours["emissions"][beyond].any()
    for a, b in zip(crf_viterbi(emissions, params, lengths=lengths), best, strict=True):
        assert np.array_equal(a, b)


def test_a_forbidden_move_is_never_made():
    emissions, _, params, _ = draw(8, 12, 3, 4)
    params["transitions"][2, 1] = params["start_transitions"][1] = -1e4
    tags, _ = crf_viterbi(emissions, params)
    assert not ((tags[:-1] == 2) & (tags[1:] == 1)).any() and not (tags[0] == 1).any()
    ours = by_ours(emissions, tags, params)
    assert all(np.isfinite(a).all() for a in ours.values())
    assert ours["transitions"][2, 1] == 0 == ours["start_transitions"][1]


BAD = {
    "rank": (lambda e, y, p: (e[0], y, p, {}), ValueError, r"emissions must have shape \(T, B, K\)"),
    "no-step": (lambda e, y, p: (e[:0], y, p, {}), ValueError, "emissions must have T, B and K at least 1"),
    "nan": (lambda e, y, p: (e * np.nan, y, p, {}), ValueError, "emissions must be finite"),
    "tags-shape": (lambda e, y, p: (e, y.T, p, {}), ValueError, r"tags must have shape \(4, 3\), got \(3, 4\)"),
    "tags-high": (lambda e, y, p: (e, y + 2, p, {}), ValueError, "tags must lie in 0 … 1"),
    "tags-float": (lambda e, y, p: (e, y * 1.0, p, {}), TypeError, "tags must be an integer"),
    "keys": (lambda e, y, p: (e, y, {"transitions": p["transitions"]}, {}), ValueError, "params must have the keys"),
    "list": (lambda e, y, p: (e, y, [], {}), ValueError, "params must have the keys .* got list"),
    "infinite": (
        lambda e, y, p: (e, y, p | {"transitions": np.full((2, 2), -np.inf)}, {}),
        ValueError,
        r"params\['transitions'\] must be finite",
    ),
    "start-shape": (
        lambda e, y, p: (e, y, p | {"start_transitions": np.zeros((1, 2))}, {}),
        ValueError,
        r"params\['start_transitions'\] must have shape \(2,\), got \(1, 2\)",
    ),
    "dtype": (
        lambda e, y, p: (e, y, p | {"end_transitions": np.zeros(2, np.float32)}, {}),
        TypeError,
        r"params\['end_transitions'\] must have dtype float64",
    ),
    "length-zero": (lambda e, y, p: (e, y, p, {"lengths": np.array([4, 0, 1])}), ValueError, "lengths .* got 0"),
    "length-long": (lambda e, y, p: (e, y, p, {"lengths": np.array([4, 5, 1])}), ValueError, "lengths .* got 5"),
    "reduction": (lambda e, y, p: (e, y, p, {"reduction": "max"}), ValueError, "reduction must be one of"),
}


@pytest.mark.parametrize("spoil, error, message", BAD.values(), ids=BAD.keys())
def test_bad_input_is_named(spoil, error, message):
    emissions, tags, params, options = spoil(*draw(9, 4, 3, 2)[:3])
    with pytest.raises(error, match=message):
        crf_forward(emissions, tags, params, **options)
    if not message.startswith(("tags", "reduction")):
        with pytest.raises(error, match=message):
            crf_viterbi(emissions, params, **options)


def test_bad_cotangents_are_named():
    emissions, tags, params, _ = draw(10, 4, 3, 2)
    _, cache = crf_forward(emissions, tags, params, reduction="none")
    with pytest.raises(ValueError, match=r"d_losses must have shape \(3,\), got \(1,\)"):
        crf_backward(cache, np.ones(1))
    with pytest.raises(TypeError, match="d_losses must have dtype float64"):
        crf_backward(cache, np.ones(3, np.float32))
    with pytest.raises(ValueError, match="d_losses must be None unless reduction is 'none'"):
        crf_backward(crf_forward(emissions, tags, params)[1], np.ones(3))
