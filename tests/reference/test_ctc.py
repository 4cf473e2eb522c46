"""CTC against torch.nn.functional.ctc_loss, against the enumeration of all paths, and against central differences."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnncourse.reference import gradcheck
from rnncourse.reference.ctc import ctc_backward, ctc_forward
from tests.tolerances import FINITE_DIFFERENCES, FLOAT32, FLOAT64, assert_close


def steps_needed(labels):
    return len(labels) + sum(a == b for a, b in itertools.pairwise(labels))


def draw(seed, T, B, V, S, blank=0, dtype=np.float64):
    """Scores, and targets that fit into their inputs; entries beyond a target's length are arbitrary, even blanks."""
    rng = np.random.default_rng(seed)
    logits = (2 * rng.standard_normal((T, B, V))).astype(dtype)
    symbols = np.delete(np.arange(V), blank)
    targets = rng.integers(0, V, (B, S))
    input_lengths, target_lengths = rng.integers(1, T + 1, B), np.zeros(B, int)
    input_lengths[rng.integers(B)] = T
    for b in range(B):
        labels = rng.choice(symbols, rng.integers(0, S + 1))
        while steps_needed(labels) > input_lengths[b]:
            labels = labels[:-1]
        target_lengths[b] = len(labels)
        targets[b, : len(labels)] = labels
    return logits, targets, input_lengths, target_lengths


def by_torch(logits, targets, input_lengths, target_lengths, blank=0, reduction="mean", zero_infinity=False, d=None):
    z = torch.tensor(logits, requires_grad=True)
    loss = torch.nn.functional.ctc_loss(
        z.log_softmax(2),
        *(torch.from_numpy(a) for a in (targets, input_lengths, target_lengths)),
        blank=blank,
        reduction=reduction,
        zero_infinity=zero_infinity,
    )
    loss.backward(None if reduction != "none" else torch.from_numpy(d))
    return loss.detach().numpy(), z.grad.numpy()


def spelt(path, blank):
    """What a path spells: repeats merged, then blanks dropped."""
    return tuple(int(v) for v, _ in itertools.groupby(path) if v != blank)


def by_enumeration(logits, targets, input_lengths, target_lengths, blank=0):
    """Losses of each sequence, over every path there is, and the gradient of their sum by autograd."""
    z = torch.tensor(logits, requires_grad=True)
    log_p, losses = z.log_softmax(2), []
    for b in range(logits.shape[1]):
        wanted = tuple(targets[b, : target_lengths[b]])
        paths = itertools.product(range(logits.shape[2]), repeat=int(input_lengths[b]))
        scores = [sum(log_p[t, b, v] for t, v in enumerate(path)) for path in paths if spelt(path, blank) == wanted]
        losses.append(-torch.logsumexp(torch.stack(scores), 0))
    losses = torch.stack(losses)
    losses.sum().backward()
    return losses.detach().numpy(), z.grad.numpy()


def by_ours(*case, d=None, **options):
    loss, cache = ctc_forward(*case, **options)
    return loss, ctc_backward(cache, d)


SIZES = {  # T, B, V, S, blank
    "ordinary": (7, 4, 5, 3, 0),
    "blank-last": (7, 3, 4, 3, 3),
    "blank-between": (6, 5, 4, 2, 1),
    "one-sequence": (8, 1, 3, 4, 0),
    "one-label": (9, 3, 2, 5, 0),
    "one-step": (1, 4, 3, 2, 0),
    "empty-labels": (5, 3, 4, 0, 0),
    "long": (60, 2, 6, 25, 0),
}


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES.keys())
@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
def test_equals_torch(size, reduction):
    *sizes, blank = size
    case = draw(0, *sizes, blank)
    d = np.random.default_rng(1).standard_normal(sizes[1]) if reduction == "none" else None
    loss, d_logits = by_ours(*case, blank=blank, reduction=reduction, d=d)
    theirs, d_theirs = by_torch(*case, blank=blank, reduction=reduction, d=d)
    assert isinstance(loss, np.ndarray if reduction == "none" else float)
    assert_close(loss, theirs, FLOAT64)
    assert_close(d_logits, d_theirs, FLOAT64)


@settings(max_examples=20)
@given(
    seed=st.integers(0, 2**32 - 1),
    size=st.tuples(st.integers(1, 7), st.integers(1, 4), st.integers(2, 5), st.integers(0, 5)),
    data=st.data(),
)
def test_any_shape(seed, size, data):
    blank = data.draw(st.integers(0, size[2] - 1))
    case = draw(seed, *size, blank)
    for ours, theirs in zip(by_ours(*case, blank=blank), by_torch(*case, blank=blank), strict=True):
        assert_close(ours, theirs, FLOAT64)


TINY = {
    "repeats": (4, [[1, 1, 0], [2, 2, 1], [1, 2, 1]], [4, 4, 3], [2, 3, 3]),
    "three-alike": (5, [[2, 2, 2]], [5], [3]),
    "empty": (3, [[0, 0], [1, 2]], [3, 2], [0, 2]),
    "one-step": (1, [[1], [2], [0]], [1, 1, 1], [1, 1, 0]),
    "tight": (3, [[1, 2, 1], [1, 1, 0]], [3, 3], [3, 2]),
}


@pytest.mark.parametrize("T, targets, input_lengths, target_lengths", TINY.values(), ids=TINY.keys())
def test_equals_the_sum_over_all_paths(T, targets, input_lengths, target_lengths):
    logits = np.random.default_rng(2).standard_normal((T, len(targets), 3))
    case = logits, np.array(targets), np.array(input_lengths), np.array(target_lengths)
    losses, d_logits = by_ours(*case, reduction="none")
    theirs, d_theirs = by_enumeration(*case)
    assert_close(losses, theirs, FLOAT64)
    assert_close(d_logits, d_theirs, FLOAT64)


def test_all_label_sequences_together_are_certain():
    logits = np.random.default_rng(3).standard_normal((4, 1, 3))
    total = 0.0
    for S in range(5):
        for labels in itertools.product((0, 2), repeat=S):
            case = logits, np.array([labels], int).reshape(1, S), np.array([4]), np.array([S])
            total += np.exp(-ctc_forward(*case, blank=1, infeasible="inf", reduction="sum")[0])
    assert_close(total, 1.0, FLOAT64)


def test_gradient_equals_central_differences():
    logits, *rest = draw(4, 5, 3, 4, 3)
    d = np.random.default_rng(5).standard_normal(3)
    gradcheck(
        lambda: float(ctc_forward(logits, *rest, reduction="none")[0] @ d),
        {"logits": logits},
        {"logits": by_ours(logits, *rest, reduction="none", d=d)[1]},
        tolerance=FINITE_DIFFERENCES,
    )


def test_float32_stays_float32():
    case = draw(6, 7, 4, 5, 3, dtype=np.float32)
    d = np.random.default_rng(7).standard_normal(4).astype(np.float32)
    losses, d_logits = by_ours(*case, reduction="none", d=d)
    assert losses.dtype == d_logits.dtype == np.float32
    theirs, d_theirs = by_torch(case[0].astype(np.float64), *case[1:], reduction="none", d=d.astype(np.float64))
    assert_close(losses, theirs, FLOAT32)
    assert_close(d_logits, d_theirs, FLOAT32)
    assert by_ours(*case)[1].dtype == np.float32


def test_none_without_derivatives_is_the_sum():
    case = draw(8, 6, 3, 4, 2)
    losses, d_logits = by_ours(*case, reduction="none")
    total, d_total = by_ours(*case, reduction="sum")
    assert_close(losses.sum(), total, FLOAT64)
    assert_close(d_logits, d_total, FLOAT64)


# The first spells "1 1" in two steps, which needs a third for the blank; the second has more labels than steps.
INFEASIBLE = (np.array([[1, 1, 0], [1, 2, 1], [2, 1, 0]]), np.array([2, 2, 4]), np.array([2, 3, 2]))


@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
def test_infeasible_targets(reduction):
    logits, d = np.random.default_rng(9).standard_normal((4, 3, 3)), np.array([0.5, -1.0, 2.0])
    d = d if reduction == "none" else None
    case = logits, *INFEASIBLE
    theirs, d_theirs = by_torch(*case, reduction=reduction, zero_infinity=True, d=d)
    zero, d_zero = by_ours(*case, reduction=reduction, infeasible="zero", d=d)
    assert_close(zero, theirs, FLOAT64)
    assert_close(d_zero, d_theirs, FLOAT64)
    infinite, d_infinite = by_ours(*case, reduction=reduction, infeasible="inf", d=d)
    assert np.array_equal(np.isinf(infinite), [True, True, False] if reduction == "none" else True)
    assert_close(d_infinite, d_theirs, FLOAT64)
    with pytest.raises(ValueError, match=r"input_lengths\[0\] must be at least 3 for targets\[0\], got 2"):
        ctc_forward(*case, reduction=reduction)


BAD = {
    "rank": (lambda z, y, m, n: (z[0], y, m, n, {}), ValueError, r"logits must have shape \(T, B, V\)"),
    "no-step": (lambda z, y, m, n: (z[:0], y, m, n, {}), ValueError, "T >= 1 and B >= 1"),
    "nan": (lambda z, y, m, n: (z * np.nan, y, m, n, {}), ValueError, "logits must be finite"),
    "batch": (lambda z, y, m, n: (z, y[1:], m, n, {}), ValueError, r"targets must have shape \(3, S\)"),
    "flat-targets": (lambda z, y, m, n: (z, y.ravel(), m, n, {}), ValueError, r"targets must have shape \(3, S\)"),
    "label": (lambda z, y, m, n: (z, y + 9, m, n, {}), ValueError, "targets must lie in 0 … 3"),
    "blank-in-target": (lambda z, y, m, n: (z, y * 0, m, n, {}), ValueError, "targets must not hold the blank, 0"),
    "float-targets": (lambda z, y, m, n: (z, y * 1.0, m, n, {}), TypeError, "targets must be an integer"),
    "length-zero": (lambda z, y, m, n: (z, y, m * 0, n, {}), ValueError, "lengths must lie in 1 … 6, got 0"),
    "length-long": (lambda z, y, m, n: (z, y, m + 6, n, {}), ValueError, "input_lengths must lie in 0 … 6"),
    "target-length": (lambda z, y, m, n: (z, y, m, n + 3, {}), ValueError, "target_lengths must lie in 0 … 2"),
    "lengths-shape": (lambda z, y, m, n: (z, y, m[:2], n, {}), ValueError, r"input_lengths must have shape \(3,\)"),
    "blank-high": (lambda z, y, m, n: (z, y, m, n, {"blank": 4}), ValueError, "blank must lie in 0 … 3, got 4"),
    "blank-low": (lambda z, y, m, n: (z, y, m, n, {"blank": -1}), ValueError, "blank must lie in 0 … 3, got -1"),
    "blank-float": (lambda z, y, m, n: (z, y, m, n, {"blank": 0.0}), TypeError, "blank must be an integer"),
    "reduction": (lambda z, y, m, n: (z, y, m, n, {"reduction": "max"}), ValueError, "reduction must be one of"),
    "infeasible": (lambda z, y, m, n: (z, y, m, n, {"infeasible": None}), ValueError, "infeasible must be one of"),
}


@pytest.mark.parametrize("spoil, error, message", BAD.values(), ids=BAD.keys())
def test_bad_input_is_named(spoil, error, message):
    logits = np.random.default_rng(10).standard_normal((6, 3, 4))
    case = logits, np.array([[1, 2], [3, 3], [2, 1]]), np.array([6, 5, 4]), np.array([2, 2, 1])
    *case, options = spoil(*case)
    with pytest.raises(error, match=message):
        ctc_forward(*case, **options)


def test_bad_cotangents_are_named():
    case = draw(11, 6, 3, 4, 2)
    _, cache = ctc_forward(*case, reduction="none")
    with pytest.raises(ValueError, match=r"d_losses must have shape \(3,\), got \(1,\)"):
        ctc_backward(cache, np.ones(1))
    with pytest.raises(TypeError, match="d_losses must have dtype float64"):
        ctc_backward(cache, np.ones(3, np.float32))
    with pytest.raises(ValueError, match="d_losses must be None unless reduction is 'none'"):
        ctc_backward(ctc_forward(*case)[1], np.ones(3))
