"""Scaled dot-product and multi-head attention against torch's own, decoding step by step, and what they refuse."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnncourse.reference import gradcheck
from rnncourse.reference.multihead_attention import (
    KeyValue,
    multihead_attention_backward,
    multihead_attention_forward,
)
from rnncourse.reference.scaled_dot_product import scaled_dot_product_backward, scaled_dot_product_forward
from tests.reference.autograd import by_torch
from tests.reference.cell_checks import assert_same
from tests.tolerances import FINITE_DIFFERENCES, FLOAT32, FLOAT64, assert_close

# T, S, B, E, N (heads).
SIZES = {
    "ordinary": (5, 4, 3, 6, 2),
    "one-query": (1, 4, 3, 6, 3),
    "one-sequence": (3, 5, 1, 8, 2),
    "one-head": (3, 4, 2, 5, 1),
    "one-dimension-a-head": (4, 3, 2, 5, 5),
    "narrow": (2, 3, 1, 1, 1),
}


def draw(seed, size, dtype=np.float64):
    """Query, key, value, parameters with torch's names, and a cotangent for the output."""
    T, S, B, E, _ = size
    rng = np.random.default_rng(seed)
    query, d_output = rng.standard_normal((2, T, B, E)).astype(dtype)
    key, value = rng.standard_normal((2, S, B, E)).astype(dtype)
    shapes = {"in_proj_weight": (3 * E, E), "in_proj_bias": (3 * E,), "out_proj.weight": (E, E), "out_proj.bias": (E,)}
    return query, key, value, {n: (rng.standard_normal(s) / 2).astype(dtype) for n, s in shapes.items()}, d_output


def run_ours(query, key, value, params, d_output, num_heads, **options):
    output, state, cache = multihead_attention_forward(query, key, value, params, num_heads=num_heads, **options)
    d_query, d_key, d_value, grads = multihead_attention_backward(d_output, cache)
    assert set(grads) == set(params)
    assert state.k.shape == state.v.shape == key.shape
    return {"output": output, "weights": cache.weights, "query": d_query, "key": d_key, "value": d_value, **grads}


def run_torch(query, key, value, params, d_output, num_heads, causal=False, mask=None):
    T, _, E = query.shape

    def attention(query, key, value, in_proj_weight, in_proj_bias, out_proj__weight, out_proj__bias):
        output, weights = torch.nn.functional.multi_head_attention_forward(
            *(query, key, value, E, num_heads, in_proj_weight, in_proj_bias),
            *(None, None, False, 0.0, out_proj__weight, out_proj__bias),
            attn_mask=torch.ones(T, T, dtype=bool).triu(1) if causal else None,
            key_padding_mask=None if mask is None else torch.from_numpy(~mask.T),
            average_attn_weights=False,
        )
        return {"output": output, "weights": weights}

    return by_torch(attention, {"query": query, "key": key, "value": value, **params}, {"output": d_output})


def same(case, num_heads, tolerance, **options):
    """Compare with torch; a bias of the keys moves all scores of a query alike, so that its gradient is 0."""
    ours, theirs = run_ours(*case, num_heads, **options), run_torch(*case, num_heads, **options)
    E = case[0].shape[2]
    assert_close(ours["in_proj_bias"][E : 2 * E], np.zeros(E), tolerance)
    assert_same(ours, theirs, tolerance)
    return ours


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES.keys())
def test_cross_attention_equals_torch(size):
    same(draw(0, size), size[-1], FLOAT64)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("size", [(5, 5, 3, 6, 2), (4, 4, 3, 4, 4)], ids=str)
def test_masks_equal_torch(size, causal, masked):
    S, B = size[1:3]
    mask = np.arange(S)[:, None] < np.array([S, 1, 3])[:B] if masked else None
    ours = same(draw(1, size), size[-1], FLOAT64, causal=causal, mask=mask)
    if causal:
        assert not np.triu(ours["weights"], 1).any()
    if masked:
        assert not ours["key"][~mask].any() and not ours["value"][~mask].any()


def test_equals_torch_in_float32():
    ours = same(draw(2, (5, 5, 3, 6, 2), np.float32), 2, FLOAT32, causal=True)
    assert {a.dtype for a in ours.values()} == {np.dtype(np.float32)}


@given(
    seed=st.integers(0, 2**32 - 1),
    size=st.tuples(st.integers(1, 4), st.integers(2, 4), st.integers(1, 3), st.integers(1, 3), st.integers(1, 3)),
    causal=st.booleans(),
)
@settings(max_examples=20)
def test_any_shape_equals_torch(seed, size, causal):
    T, S, B, D, N = size
    T, S = (S, S) if causal else (T, S)
    mask = np.random.default_rng(seed).random((S, B)) < 0.7
    mask[:2] = True
    same(draw(seed, (T, S, B, D * N, N)), N, FLOAT64, causal=causal, mask=mask)


def test_gradients_equal_central_differences():
    case, mask = draw(3, (4, 4, 2, 4, 2)), np.array([[1, 1], [1, 1], [1, 0], [0, 1]], bool)
    query, key, value, params, d_output = case
    options = {"causal": True, "mask": mask}

    def loss():
        output, _, _ = multihead_attention_forward(query, key, value, params, num_heads=2, **options)
        return float((output * d_output).sum())

    leaves = {"query": query, "key": key, "value": value, **params}
    gradcheck(loss, leaves, run_ours(*case, 2, **options), tolerance=FINITE_DIFFERENCES)


@pytest.mark.parametrize("chunks", [[1] * 6, [3, 1, 2], [6]], ids=str)
def test_decoding_with_past_equals_the_full_pass(chunks):
    x, _, _, params, _ = draw(4, (6, 6, 3, 6, 2))
    mask = np.ones((6, 3), bool)
    mask[1, 0] = mask[4:, 2] = False
    whole, state, _ = multihead_attention_forward(x, x, x, params, num_heads=2, causal=True, mask=mask)
    past, start = None, 0
    for n in chunks:
        new = x[start : start + n]
        start += n
        output, past, _ = multihead_attention_forward(
            new, new, new, params, num_heads=2, causal=True, mask=mask[:start], past=past
        )
        assert_close(output, whole[start - n : start], FLOAT64)
    assert_close(past.k, state.k, FLOAT64)
    assert_close(past.v, state.v, FLOAT64)


def test_the_names_and_shapes_of_the_parameters_are_those_of_the_torch_module():
    module = torch.nn.MultiheadAttention(6, 2).state_dict()
    assert {name: tuple(p.shape) for name, p in module.items()} == {
        name: p.shape for name, p in draw(10, (5, 4, 3, 6, 2))[3].items()
    }


def test_a_causal_output_does_not_see_the_future():
    x, _, _, params, _ = draw(5, (6, 6, 2, 6, 3))
    output, _, _ = multihead_attention_forward(x, x, x, params, num_heads=3, causal=True)
    changed = x.copy()
    changed[4:] = 7
    again, _, _ = multihead_attention_forward(changed, changed, changed, params, num_heads=3, causal=True)
    assert_close(again[:4], output[:4], FLOAT64)


def test_large_inputs_stay_finite_and_inputs_are_untouched():
    query, key, value, params, d_output = draw(6, (5, 4, 3, 6, 2))
    case = 1e3 * query, 1e3 * key, value, params, d_output
    kept = [a.copy() for a in (*case[:3], *params.values(), d_output)]
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        ours = run_ours(*case, 2)
    assert all(np.isfinite(a).all() for a in ours.values())
    for before, after in zip(kept, (*case[:3], *params.values(), d_output), strict=True):
        assert np.array_equal(before, after)


@pytest.mark.parametrize("leading", [(), (3,), (2, 3)], ids=str)
def test_scaled_dot_product_equals_torch(leading):
    rng = np.random.default_rng(7)
    shapes = {"query": (*leading, 5, 2), "key": (*leading, 4, 2), "value": (*leading, 4, 6)}
    leaves = {name: rng.standard_normal(shape) for name, shape in shapes.items()}
    d_context = rng.standard_normal((*leading, 5, 6))
    allowed = np.tri(5, 4, dtype=bool).reshape([1] * len(leading) + [5, 4])
    context, cache = scaled_dot_product_forward(*leaves.values(), allowed)
    ours = {"context": context, **dict(zip(leaves, scaled_dot_product_backward(d_context, cache), strict=True))}
    theirs = by_torch(
        lambda **x: {
            "context": torch.nn.functional.scaled_dot_product_attention(**x, attn_mask=torch.from_numpy(allowed))
        },
        leaves,
        {"context": d_context},
    )
    assert_same(ours, theirs, FLOAT64)


ALL = np.ones((5, 3), bool)
BAD = {
    "rank": (lambda q, k, v, p: (q[0], k, v, p, {}), ValueError, r"query must have shape \(T, B, E\), got \(3, 6\)"),
    "width": (lambda q, k, v, p: (q, k[..., :4], v, p, {}), ValueError, r"key must have shape \(S, 3, 6\)"),
    "value": (lambda q, k, v, p: (q, k, v[:4], p, {}), ValueError, r"value must have shape \(5, 3, 6\), got"),
    "dtype": (lambda q, k, v, p: (q, k, v.astype(np.float32), p, {}), TypeError, "value must have dtype float64"),
    "nan": (lambda q, k, v, p: (q, k * np.nan, v, p, {}), ValueError, "key must be finite"),
    "empty": (lambda q, k, v, p: (q[:0], k, v, p, {}), ValueError, "query must have no empty axis"),
    "no-key": (lambda q, k, v, p: (q, k[:0], v[:0], p, {}), ValueError, "key must have S >= 1"),
    "heads": (lambda q, k, v, p: (q, k, v, p, {"num_heads": 4}), ValueError, "num_heads must divide E=6, got 4"),
    "many-heads": (lambda q, k, v, p: (q, k, v, p, {"num_heads": 12}), ValueError, "num_heads must divide E=6, got 12"),
    "no-heads": (lambda q, k, v, p: (q, k, v, p, {"num_heads": 0}), ValueError, "num_heads must be at least 1, got 0"),
    "causal": (lambda q, k, v, p: (q, k, v, p, {"causal": "yes"}), ValueError, "causal must be one of True, False"),
    "causal-cross": (
        lambda q, k, v, p: (q[:4], k, v, p, {"causal": True}),
        ValueError,
        r"key must have shape \(4, 3, 6\), got \(5, 3, 6\)",
    ),
    "keys": (lambda q, k, v, p: (q, k, v, {}, {}), ValueError, "params must have the keys in_proj_weight"),
    "weight": (
        lambda q, k, v, p: (q, k, v, {**p, "in_proj_weight": p["in_proj_weight"].T}, {}),
        ValueError,
        r"params\['in_proj_weight'\] must have shape \(18, 6\), got \(6, 18\)",
    ),
    "mask": (lambda q, k, v, p: (q, k, v, p, {"mask": ALL.T}), ValueError, r"mask must have shape \(5, 3\).* \(3, 5\)"),
    "mask-integers": (lambda q, k, v, p: (q, k, v, p, {"mask": ALL * 1}), TypeError, "mask must be a boolean"),
    "mask-causal": (
        lambda q, k, v, p: (q, k, v, p, {"mask": ALL & (np.arange(5) > 1)[:, None], "causal": True}),
        ValueError,
        "mask must leave every query a key to look at, got none for query 0 of sequence 0",
    ),
    "past": (lambda q, k, v, p: (q, k, v, p, {"past": (k, v)}), TypeError, "past must be a KeyValue .* got tuple"),
    "past-shape": (
        lambda q, k, v, p: (q, k, v, p, {"past": KeyValue(k[:, :2], v[:, :2])}),
        ValueError,
        r"past.k must have shape \(P, 3, 6\), got \(5, 2, 6\)",
    ),
    "past-pair": (
        lambda q, k, v, p: (q, k, v, p, {"past": KeyValue(k, v[:4])}),
        ValueError,
        r"past.v must have shape \(5, 3, 6\), got \(4, 3, 6\)",
    ),
}


@pytest.mark.parametrize("spoil, error, message", BAD.values(), ids=BAD.keys())
def test_bad_input_is_named(spoil, error, message):
    *arrays, options = spoil(*draw(8, (5, 5, 3, 6, 2))[:4])
    with pytest.raises(error, match=message):
        multihead_attention_forward(*arrays, **{"num_heads": 2, **options})


def test_bad_cotangents_are_named():
    query, key, value, params, d_output = draw(9, (5, 4, 3, 6, 2))
    _, state, cache = multihead_attention_forward(query, key, value, params, num_heads=2)
    with pytest.raises(ValueError, match=r"d_output must have shape \(5, 3, 6\), got \(3, 5, 6\)"):
        multihead_attention_backward(d_output.swapaxes(0, 1), cache)
    with pytest.raises(TypeError, match="d_output must have dtype float64"):
        multihead_attention_backward(d_output.astype(np.float32), cache)
    _, _, cache = multihead_attention_forward(query, key, value, params, num_heads=2, past=state)
    with pytest.raises(ValueError, match="cache must come from a forward pass without past"):
        multihead_attention_backward(d_output, cache)


Q, K, V = np.zeros((2, 5, 3)), np.zeros((2, 4, 3)), np.zeros((2, 4, 6))
BAD_PRODUCT = {
    "list": ((Q.tolist(), K, V), TypeError, "q must be a numpy.ndarray"),
    "vector": ((Q[0, 0], K, V), ValueError, r"q must have shape \(…, T, D\)"),
    "leading": ((Q, K[:1], V), ValueError, r"k must have shape \(2, S, 3\), got \(1, 4, 3\)"),
    "width": ((Q, K[..., :2], V), ValueError, r"k must have shape \(2, S, 3\)"),
    "values": ((Q, K, V[:, :3]), ValueError, r"v must have shape \(2, 4, V\), got \(2, 3, 6\)"),
    "dtype": ((Q, K, V.astype(np.float32)), TypeError, "v must have dtype float64"),
    "empty": ((Q, K[:, :0], V[:, :0]), ValueError, "no empty axis"),
    "allowed-type": ((Q, K, V, np.ones((2, 5, 4))), TypeError, "allowed must be a boolean .* got dtype float64"),
    "allowed-list": ((Q, K, V, [True]), TypeError, "allowed must be a boolean .* got list"),
    "allowed-rank": ((Q, K, V, np.ones((5, 4), bool)), ValueError, r"allowed must have shape \(2, 5, 4\)"),
    "allowed-size": ((Q, K, V, np.ones((2, 4, 5), bool)), ValueError, r"allowed .* got \(2, 4, 5\)"),
    "allowed-small": ((Q, K, V, np.ones((2, 5, 3), bool)), ValueError, r"allowed .* got \(2, 5, 3\)"),
    "allowed-none": ((Q, K, V, np.tri(5, 4, -1, bool)[None]), ValueError, r"a key, got none at \[0, 0\]"),
}


@pytest.mark.parametrize("arguments, error, message", BAD_PRODUCT.values(), ids=BAD_PRODUCT.keys())
def test_bad_input_of_the_scaled_dot_product_is_named(arguments, error, message):
    with pytest.raises(error, match=message):
        scaled_dot_product_forward(*arguments)


def test_bad_cotangents_of_the_scaled_dot_product_are_named():
    _, cache = scaled_dot_product_forward(Q, K, V)
    with pytest.raises(ValueError, match=r"d_context must have shape \(2, 5, 6\), got \(2, 5, 3\)"):
        scaled_dot_product_backward(Q, cache)
