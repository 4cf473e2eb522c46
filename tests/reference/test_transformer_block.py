"""The Transformer's block against torch.nn.TransformerEncoderLayer, decoding step by step, and what it refuses."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnncourse.reference import gradcheck
from rnncourse.reference.mlp import mlp_backward, mlp_forward
from rnncourse.reference.transformer_block import transformer_block_backward, transformer_block_forward
from tests.reference.autograd import by_torch
from tests.reference.cell_checks import assert_same
from tests.tolerances import FINITE_DIFFERENCES, FLOAT32, FLOAT64, assert_close

# T, B, E, N (heads), F. Two features normalise to about ±1 whatever they are: at least three.
SIZES = {
    "ordinary": (5, 3, 6, 2, 7),
    "one-step": (1, 4, 6, 3, 5),
    "one-sequence": (4, 1, 8, 2, 3),
    "one-head": (4, 2, 3, 1, 5),
    "one-unit": (3, 2, 4, 4, 1),
}
PHI = {
    "relu": torch.nn.functional.relu,
    "gelu": torch.nn.functional.gelu,
    "gelu_tanh": lambda a: torch.nn.functional.gelu(a, approximate="tanh"),
}


def draw(seed, size, dtype=np.float64):
    """Input, parameters with the names and shapes of torch's layer, and a cotangent for the output."""
    T, B, E, N, F = size
    rng = np.random.default_rng(seed)
    x, dy = rng.standard_normal((2, T, B, E)).astype(dtype)
    layer = torch.nn.TransformerEncoderLayer(E, N, F)
    params = {n: (rng.standard_normal(p.shape) / 2).astype(dtype) for n, p in layer.named_parameters()}
    return x, params, dy


def run_ours(x, params, dy, num_heads, **options):
    y, _, cache = transformer_block_forward(x, params, num_heads=num_heads, **options)
    dx, grads = transformer_block_backward(dy, cache)
    assert set(grads) == set(params)
    return {"y": y, "x": dx, **grads}


def run_torch(x, params, dy, num_heads, norm_first=False, activation="relu", causal=False, mask=None, eps=1e-5):
    T, _, E = x.shape
    layer = torch.nn.TransformerEncoderLayer(
        E,
        num_heads,
        len(params["linear1.bias"]),
        dropout=0.0,
        activation=PHI[activation],
        layer_norm_eps=eps,
        norm_first=norm_first,
        dtype=torch.from_numpy(x).dtype,
    )
    with torch.no_grad():
        for name, p in layer.named_parameters():
            p.copy_(torch.from_numpy(params[name]))
    x = torch.tensor(x, requires_grad=True)
    y = layer(
        x,
        src_mask=torch.ones(T, T, dtype=bool).triu(1) if causal else None,
        src_key_padding_mask=None if mask is None else torch.from_numpy(~mask.T),
    )
    y.backward(torch.from_numpy(dy))
    grads = {name: p.grad.numpy() for name, p in layer.named_parameters()}
    return {"y": y.detach().numpy(), "x": x.grad.numpy(), **grads}


@pytest.mark.parametrize("activation", PHI)
@pytest.mark.parametrize("norm_first", [True, False], ids=["pre-norm", "post-norm"])
@pytest.mark.parametrize("causal", [True, False], ids=["causal", "both-ways"])
def test_every_form_equals_torch(norm_first, activation, causal):
    case = draw(0, SIZES["ordinary"])
    mask = np.arange(5)[:, None] < [5, 1, 3]
    options = {"norm_first": norm_first, "activation": activation, "causal": causal, "mask": mask, "eps": 1e-3}
    assert_same(run_ours(*case, 2, **options), run_torch(*case, 2, **options), FLOAT64)


@pytest.mark.parametrize("norm_first", [True, False], ids=["pre-norm", "post-norm"])
@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES.keys())
def test_every_size_equals_torch(size, norm_first):
    case = draw(1, size)
    ours, theirs = (run(*case, size[3], norm_first=norm_first) for run in (run_ours, run_torch))
    assert_same(ours, theirs, FLOAT64)


@pytest.mark.parametrize("norm_first", [True, False], ids=["pre-norm", "post-norm"])
@pytest.mark.parametrize("activation", PHI)
def test_equals_torch_in_float32(norm_first, activation):
    case, options = draw(2, (5, 3, 6, 2, 7), np.float32), {"norm_first": norm_first, "activation": activation}
    ours = run_ours(*case, 2, **options)
    assert {a.dtype for a in ours.values()} == {np.dtype(np.float32)}
    assert_same(ours, run_torch(*case, 2, **options), FLOAT32)


@given(
    seed=st.integers(0, 2**32 - 1),
    size=st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(3, 4), st.integers(1, 3), st.integers(1, 5)),
    norm_first=st.booleans(),
    activation=st.sampled_from(sorted(PHI)),
    causal=st.booleans(),
)
@settings(max_examples=15)
def test_any_shape_equals_torch(seed, size, norm_first, activation, causal):
    T, B, D, N, F = size
    case = draw(seed, (T, B, D * N, N, F))
    options = {"norm_first": norm_first, "activation": activation, "causal": causal, "eps": 0.1}
    assert_same(run_ours(*case, N, **options), run_torch(*case, N, **options), FLOAT64)


@pytest.mark.parametrize("norm_first, activation", [(True, "gelu"), (False, "gelu_tanh")])
def test_gradients_equal_central_differences(norm_first, activation):
    x, params, dy = draw(3, (3, 1, 3, 3, 2))
    options = {"norm_first": norm_first, "activation": activation, "causal": True}

    def loss():
        return float((transformer_block_forward(x, params, num_heads=3, **options)[0] * dy).sum())

    gradcheck(loss, {"x": x, **params}, run_ours(x, params, dy, 3, **options), tolerance=FINITE_DIFFERENCES)


@pytest.mark.parametrize("norm_first", [True, False], ids=["pre-norm", "post-norm"])
def test_decoding_with_past_equals_the_full_pass(norm_first):
    x, params, dy = draw(4, (6, 3, 6, 2, 7))
    options = {"num_heads": 2, "norm_first": norm_first, "causal": True}
    whole, state, _ = transformer_block_forward(x, params, **options)
    past = None
    for start, stop in [(0, 3), (3, 4), (4, 6)]:
        y, past, cache = transformer_block_forward(x[start:stop], params, past=past, **options)
        assert_close(y, whole[start:stop], FLOAT64)
    assert_close(past.k, state.k, FLOAT64)
    with pytest.raises(ValueError, match="cache must come from a forward pass without past"):
        transformer_block_backward(dy[4:], cache)


def test_inputs_are_untouched():
    x, params, dy = draw(5, (5, 3, 6, 2, 7))
    kept = [a.copy() for a in (x, dy, *params.values())]
    run_ours(x, params, dy, 2)
    for before, after in zip(kept, (x, dy, *params.values()), strict=True):
        assert np.array_equal(before, after)


@pytest.mark.parametrize("activation", PHI)
@pytest.mark.parametrize("leading", [(), (5,), (5, 2, 3)], ids=str)
def test_the_feed_forward_part_equals_torch(leading, activation):
    rng = np.random.default_rng(6)
    x, dy = rng.standard_normal((2, *leading, 4))
    shapes = {"linear1.weight": (6, 4), "linear1.bias": (6,), "linear2.weight": (4, 6), "linear2.bias": (4,)}
    params = {name: rng.standard_normal(shape) for name, shape in shapes.items()}

    def mlp(x, linear1__weight, linear1__bias, linear2__weight, linear2__bias):
        linear = torch.nn.functional.linear
        return {"y": linear(PHI[activation](linear(x, linear1__weight, linear1__bias)), linear2__weight, linear2__bias)}

    y, cache = mlp_forward(x, params, activation=activation)
    dx, grads = mlp_backward(dy, cache)
    assert_same({"y": y, "x": dx, **grads}, by_torch(mlp, {"x": x, **params}, {"y": dy}), FLOAT64)


def test_bad_input_of_the_feed_forward_part_is_named():
    _, params, _ = draw(7, (5, 3, 6, 2, 7))
    params = {name: p for name, p in params.items() if name.startswith("linear")}
    with pytest.raises(TypeError, match=r"x must be a numpy\.ndarray"):
        mlp_forward([1.0], params)
    with pytest.raises(ValueError, match=r"x must have shape \(…, E\), got \(\)"):
        mlp_forward(np.array(1.0), params)
    with pytest.raises(ValueError, match=r"params\['linear1.weight'\] must have shape \(7, 5\), got \(7, 6\)"):
        mlp_forward(np.ones((2, 5)), params)
    with pytest.raises(ValueError, match="activation must be one of 'relu', 'gelu', 'gelu_tanh', got 'tanh'"):
        mlp_forward(np.ones((2, 6)), params, activation="tanh")
    _, cache = mlp_forward(np.ones((2, 6)), params)
    with pytest.raises(ValueError, match=r"dy must have shape \(2, 6\), got \(2, 7\)"):
        mlp_backward(np.ones((2, 7)), cache)


def without(params, key):
    return {name: a for name, a in params.items() if name != key}


BAD = {
    "rank": (lambda x, p: (x[0], p, {}), ValueError, r"x must have shape \(T, B, E\), got \(3, 6\)"),
    "empty": (lambda x, p: (x[:0], p, {}), ValueError, r"x must have no empty axis, got shape \(0, 3, 6\)"),
    "nan": (lambda x, p: (x * np.nan, p, {}), ValueError, "x must be finite"),
    "dtype": (
        lambda x, p: (x.astype(np.float32), p, {}),
        TypeError,
        r"params\['self_attn.in_proj_weight'\] must have dtype float32",
    ),
    "missing": (lambda x, p: (x, without(p, "norm2.bias"), {}), ValueError, "params must have the keys .*norm2.bias"),
    "no-width": (lambda x, p: (x, without(p, "linear1.bias"), {}), ValueError, "params must have the keys"),
    "not-a-mapping": (lambda x, p: (x, None, {}), ValueError, "params must have the keys .* got NoneType"),
    "turned": (
        lambda x, p: (x, {**p, "linear2.weight": p["linear2.weight"].T}, {}),
        ValueError,
        r"params\['linear2.weight'\] must have shape \(6, 7\), got \(7, 6\)",
    ),
    "infinite": (
        lambda x, p: (x, {**p, "norm1.weight": p["norm1.weight"] + np.inf}, {}),
        ValueError,
        r"params\['norm1.weight'\] must be finite",
    ),
    "heads": (lambda x, p: (x, p, {"num_heads": 4}), ValueError, "num_heads must divide E=6, got 4"),
    "norm-first": (lambda x, p: (x, p, {"norm_first": "yes"}), ValueError, "norm_first must be one of True, False"),
    "activation": (lambda x, p: (x, p, {"activation": "silu"}), ValueError, "activation must be one of"),
    "mask": (lambda x, p: (x, p, {"mask": np.ones((3, 5), bool)}), ValueError, r"mask must have shape \(5, 3\)"),
    "eps": (lambda x, p: (x, p, {"eps": 0}), ValueError, "eps must be above 0"),
}


@pytest.mark.parametrize("spoil, error, message", BAD.values(), ids=BAD.keys())
def test_bad_input_is_named(spoil, error, message):
    x, params, options = spoil(*draw(8, (5, 3, 6, 2, 7))[:2])
    with pytest.raises(error, match=message):
        transformer_block_forward(x, params, **{"num_heads": 2, **options})


def test_bad_cotangents_are_named():
    x, params, dy = draw(9, (5, 3, 6, 2, 7))
    _, _, cache = transformer_block_forward(x, params, num_heads=2)
    with pytest.raises(ValueError, match=r"dy must have shape \(5, 3, 6\), got \(3, 6\)"):
        transformer_block_backward(dy[0], cache)
    with pytest.raises(TypeError, match="dy must have dtype float64"):
        transformer_block_backward(dy.astype(np.float32), cache)
