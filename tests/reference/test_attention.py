"""Additive and multiplicative attention against the definition, one pair of query and key at a time, under autograd."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnncourse.reference import gradcheck
from rnncourse.reference.additive_attention import additive_attention_backward, additive_attention_forward
from rnncourse.reference.multiplicative_attention import (
    multiplicative_attention_backward,
    multiplicative_attention_forward,
)
from tests.reference.autograd import by_torch
from tests.reference.cell_checks import assert_same
from tests.tolerances import FINITE_DIFFERENCES, FLOAT32, FLOAT64, assert_close

# T, S, B, Q, K, V, A: distinct, so that a transposed or swapped axis cannot fit by chance.
SIZES = {
    "ordinary": (5, 4, 3, 2, 6, 7, 8),
    "one-query": (1, 4, 3, 2, 5, 6, 7),
    "one-key": (5, 1, 3, 2, 4, 6, 7),
    "one-sequence": (3, 4, 1, 2, 5, 6, 7),
    "narrow": (3, 4, 2, 1, 1, 1, 1),
    "all-one": (1, 1, 1, 1, 1, 1, 1),
}
KINDS = ("additive", "dot", "general", "concat")

# The scores of one query and one key.
SCORES = {
    "additive": lambda q, k, p: p["v"] @ torch.tanh(p["weight_q"] @ q + p["weight_k"] @ k),
    "dot": lambda q, k, p: q @ k,
    "general": lambda q, k, p: q @ p["weight"] @ k,
    "concat": lambda q, k, p: p["v"] @ torch.tanh(p["weight"] @ torch.cat([q, k])),
}


def draw(kind, seed, size, dtype=np.float64):
    """Queries, keys, values, parameters; cotangents for context and weights."""
    T, S, B, Q, K, V, A = size
    K = Q if kind == "dot" else K
    rng = np.random.default_rng(seed)
    shapes = {
        "additive": {"weight_q": (A, Q), "weight_k": (A, K), "v": (A,)},
        "dot": {},
        "general": {"weight": (Q, K)},
        "concat": {"weight": (A, Q + K), "v": (A,)},
    }
    arrays = [rng.standard_normal(s).astype(dtype) for s in ((T, B, Q), (S, B, K), (S, B, V))]
    # Halved: where the softmax is all but certain, a gradient is little but rounding.
    params = {name: (rng.standard_normal(shape) / 2).astype(dtype) for name, shape in shapes[kind].items()}
    cotangents = [rng.standard_normal(s).astype(dtype) for s in ((T, B, V), (B, T, S))]
    return *arrays, params, *cotangents


def forward(kind, queries, keys, values, params, mask=None):
    if kind == "additive":
        return additive_attention_forward(queries, keys, values, params, mask=mask)
    return multiplicative_attention_forward(queries, keys, values, params, score=kind, mask=mask)


def backward(kind, d_context, d_weights, cache):
    run = additive_attention_backward if kind == "additive" else multiplicative_attention_backward
    return run(d_context, d_weights, cache)


def run_ours(kind, queries, keys, values, params, d_context, d_weights, mask=None):
    context, weights, cache = forward(kind, queries, keys, values, params, mask)
    d_queries, d_keys, d_values, grads = backward(kind, d_context, d_weights, cache)
    assert set(grads) == set(params)
    return {
        "context": context,
        "weights": weights,
        "queries": d_queries,
        "keys": d_keys,
        "values": d_values,
        **grads,
    }


def run_naive(kind, queries, keys, values, params, d_context, d_weights, mask=None):
    """The definition: keys that do not exist are left out, not masked."""
    T, S, B = len(queries), *keys.shape[:2]
    mask = np.ones((S, B), bool) if mask is None else mask

    def attention(queries, keys, values, **params):
        context, weights = [], []
        for b in range(B):
            there = np.flatnonzero(mask[:, b])
            for t in range(T):
                scores = torch.stack([SCORES[kind](queries[t, b], keys[i, b], params) for i in there])
                exponentials = torch.exp(scores)
                alpha = exponentials / exponentials.sum()
                context.append(sum(a * values[i, b] for a, i in zip(alpha, there, strict=True)))
                weights.append(torch.zeros(S, dtype=alpha.dtype).index_put((torch.from_numpy(there),), alpha))
        context, weights = torch.stack(context).reshape(B, T, -1), torch.stack(weights).reshape(B, T, S)
        return {"context": context.transpose(0, 1), "weights": weights}

    leaves = {"queries": queries, "keys": keys, "values": values, **params}
    return by_torch(attention, leaves, {"context": d_context, "weights": d_weights})


def same(kind, case, tolerance, mask=None):
    ours, theirs = run_ours(kind, *case, mask=mask), run_naive(kind, *case, mask=mask)
    if case[1].shape[0] == 1 or (mask is not None and (mask.sum(0) == 1).all()):
        # One key has weight 1 whatever its score, so that no gradient but that of the values is more than rounding.
        for name in set(ours) - {"context", "weights", "values"}:
            assert_close(ours.pop(name), np.zeros_like(theirs.pop(name)), tolerance)
    assert_same(ours, theirs, tolerance)
    return ours


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES.keys())
@pytest.mark.parametrize("kind", KINDS)
def test_equals_the_definition_in_float64(kind, size):
    same(kind, draw(kind, 0, size), FLOAT64)


@pytest.mark.parametrize("kind", KINDS)
def test_equals_the_definition_with_a_mask(kind):
    mask = np.array([[1, 0, 1], [1, 1, 0], [1, 0, 1], [1, 0, 0]], bool)  # (S, B): all, one, two of the keys
    ours = same(kind, draw(kind, 1, (5, 4, 3, 2, 6, 7, 8)), FLOAT64, mask)
    for name in ("keys", "values"):
        assert not ours[name][~mask].any()
    assert not ours["weights"].transpose(2, 0, 1)[~mask].any()


@pytest.mark.parametrize("kind", KINDS)
def test_equals_the_definition_in_float32(kind):
    case, mask = draw(kind, 2, (5, 4, 3, 2, 6, 7, 8), np.float32), np.array([[1, 1, 0]] + [[1, 1, 1]] * 3, bool)
    ours = same(kind, case, FLOAT32, mask)
    assert {a.dtype for a in ours.values()} == {np.dtype(np.float32)}


@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 2**32 - 1), size=st.tuples(*[st.integers(1, 3)] * 3, *[st.integers(1, 4)] * 4))
@settings(max_examples=10)
def test_any_shape_equals_the_definition(kind, seed, size):
    _, S, B, *_ = size
    mask = np.random.default_rng(seed).random((S, B)) < 0.7
    mask[0] = True
    same(kind, draw(kind, seed, size), FLOAT64, mask)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_equal_central_differences(kind):
    case, mask = draw(kind, 3, (3, 4, 2, 2, 3, 2, 3)), np.array([[1, 1], [1, 1], [1, 0], [1, 1]], bool)
    queries, keys, values, params, d_context, d_weights = case

    def loss():
        context, weights, _ = forward(kind, queries, keys, values, params, mask)
        return float((context * d_context).sum() + (weights * d_weights).sum())

    leaves = {"queries": queries, "keys": keys, "values": values, **params}
    gradcheck(loss, leaves, run_ours(kind, *case, mask=mask), tolerance=FINITE_DIFFERENCES)


def test_concat_is_the_additive_score():
    queries, keys, values, params, _, _ = draw("additive", 4, (5, 4, 3, 2, 6, 7, 8))
    joined = {"weight": np.hstack([params["weight_q"], params["weight_k"]]), "v": params["v"]}
    for a, b in zip(
        forward("additive", queries, keys, values, params)[:2],
        forward("concat", queries, keys, values, joined)[:2],
        strict=True,
    ):
        assert_close(a, b, FLOAT64)


def test_general_with_the_identity_is_dot():
    queries, keys, values, _, _, _ = draw("dot", 5, (5, 4, 3, 2, 2, 7, 8))
    eye = {"weight": np.eye(2)}
    assert_close(
        forward("general", queries, keys, values, eye)[0], forward("dot", queries, keys, values, {})[0], FLOAT64
    )


@pytest.mark.parametrize("kind", KINDS)
def test_none_means_a_gradient_of_zero(kind):
    *arrays, d_context, d_weights = draw(kind, 6, (5, 4, 3, 2, 6, 7, 8))
    _, _, cache = forward(kind, *arrays)
    whole = backward(kind, d_context, d_weights, cache)
    parts = backward(kind, d_context, None, cache), backward(kind, None, d_weights, cache)
    for i in range(3):
        assert_close(parts[0][i] + parts[1][i], whole[i], FLOAT64)
    for name in arrays[3]:
        assert_close(parts[0][3][name] + parts[1][3][name], whole[3][name], FLOAT64)


@pytest.mark.parametrize("kind", KINDS)
def test_large_scores_stay_finite_and_inputs_are_untouched(kind):
    case = draw(kind, 7, (5, 4, 3, 2, 6, 7, 8))
    large = [1e3 * case[0], 1e3 * case[1], case[2], {n: 1e3 * p for n, p in case[3].items()}, *case[4:]]
    kept = [a.copy() for a in (*large[:3], *large[3].values(), *large[4:])]
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        ours = run_ours(kind, *large)
    assert all(np.isfinite(a).all() for a in ours.values())
    for before, after in zip(kept, (*large[:3], *large[3].values(), *large[4:]), strict=True):
        assert np.array_equal(before, after)


ALL = np.ones((4, 3), bool)
BAD = {
    "rank": (lambda q, k, v, p: (q[0], k, v, p, None), ValueError, r"queries must have shape \(T, B, Q\), got"),
    "batch": (lambda q, k, v, p: (q, k[:, :2], v, p, None), ValueError, r"keys must have shape \(S, 3, K\)"),
    "values": (lambda q, k, v, p: (q, k, v[:3], p, None), ValueError, r"values must have shape \(4, 3, V\)"),
    "dtype": (lambda q, k, v, p: (q, k.astype(np.float32), v, p, None), TypeError, "keys must have dtype float64"),
    "nan": (lambda q, k, v, p: (q, k, v * np.nan, p, None), ValueError, "values must be finite"),
    "no-key": (lambda q, k, v, p: (q, k[:0], v[:0], p, None), ValueError, "keys must have no empty axis"),
    "keys": (lambda q, k, v, p: (q, k, v, {**p, "bias": k}, None), ValueError, "params must have the keys"),
    "not-a-mapping": (lambda q, k, v, p: (q, k, v, [], None), ValueError, "params must have the keys"),
    "mask-numbers": (lambda q, k, v, p: (q, k, v, p, ALL * 1.0), TypeError, "mask must be a boolean .* got dtype"),
    "mask-list": (lambda q, k, v, p: (q, k, v, p, ALL.tolist()), TypeError, "mask must be a boolean .* got list"),
    "mask-turned": (lambda q, k, v, p: (q, k, v, p, ALL.T), ValueError, r"mask must have shape \(4, 3\).* \(3, 4\)"),
    "mask-empty": (
        lambda q, k, v, p: (q, k, v, p, ALL & [True, False, True]),
        ValueError,
        "mask must leave every query a key to look at, got none for query 0 of sequence 1",
    ),
}


@pytest.mark.parametrize("spoil, error, message", BAD.values(), ids=BAD.keys())
@pytest.mark.parametrize("kind", ["additive", "general", "concat"])
def test_bad_input_is_named(kind, spoil, error, message):
    *arrays, mask = spoil(*draw(kind, 8, (5, 4, 3, 2, 6, 7, 8))[:4])
    with pytest.raises(error, match=message):
        forward(kind, *arrays, mask)


@pytest.mark.parametrize(
    "kind, name, shape",
    [
        ("additive", "weight_q", r"\(8, 2\)"),
        ("additive", "weight_k", r"\(8, 6\)"),
        ("general", "weight", r"\(2, 6\)"),
        ("concat", "weight", r"\(8, 8\)"),
    ],
)
def test_weights_of_another_shape_are_named(kind, name, shape):
    queries, keys, values, params, _, _ = draw(kind, 9, (5, 4, 3, 2, 6, 7, 8))
    wrong = {**params, name: np.zeros((3, 9))}
    with pytest.raises(ValueError, match=rf"params\['{name}'\] must have shape {shape}, got \(3, 9\)"):
        forward(kind, queries, keys, values, wrong)


def test_what_only_the_multiplicative_scores_can_get_wrong():
    queries, keys, values, params, _, _ = draw("general", 10, (5, 4, 3, 2, 6, 7, 8))
    with pytest.raises(ValueError, match="score must be one of 'dot', 'general', 'concat', got 'additive'"):
        multiplicative_attention_forward(queries, keys, values, params, score="additive")
    with pytest.raises(ValueError, match="keys must be as wide as queries for the score 'dot', Q=2, got K=6"):
        multiplicative_attention_forward(queries, keys, values, {}, score="dot")


@pytest.mark.parametrize("kind", KINDS)
def test_bad_cotangents_are_named(kind):
    *arrays, d_context, d_weights = draw(kind, 11, (5, 4, 3, 2, 6, 7, 8))
    _, _, cache = forward(kind, *arrays)
    with pytest.raises(ValueError, match=r"d_context must have shape \(5, 3, 7\), got \(3, 5, 7\)"):
        backward(kind, d_context.swapaxes(0, 1), d_weights, cache)
    with pytest.raises(ValueError, match=r"d_weights must have shape \(3, 5, 4\), got \(5, 3, 4\)"):
        backward(kind, d_context, d_weights.swapaxes(0, 1), cache)
    with pytest.raises(TypeError, match="d_context must have dtype float64"):
        backward(kind, d_context.astype(np.float32), d_weights, cache)
