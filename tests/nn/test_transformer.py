"""Multi-head attention, the Transformer block and positions against the reference and against torch's own modules."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnncourse import nn, reference
from tests.reference.cell_checks import assert_same
from tests.tolerances import FLOAT64, assert_close

from .bound import arrays, by_call, double

# T, S, B, E, N.
SIZES = {
    "ordinary": (5, 4, 3, 6, 2),
    "one-query": (1, 4, 3, 6, 3),
    "one-sequence": (3, 5, 1, 8, 2),
    "one-head": (3, 4, 2, 5, 1),
    "one-dimension-a-head": (4, 3, 2, 5, 5),
}
INPUTS = ("query", "key", "value")


def draw(size: tuple[int, ...], seed: int = 0) -> tuple:
    T, S, B, E, N = size
    rng = np.random.default_rng(seed)
    inputs = {name: rng.standard_normal((n, B, E)) for name, n in zip(INPUTS, (T, S, S), strict=True)}
    cotangents = {"output": rng.standard_normal((T, B, E))}
    return double(nn.MultiheadAttention(E, N), seed), inputs, cotangents


def same(size: tuple[int, ...], seed: int = 0, *, causal: bool = False, mask: np.ndarray | None = None) -> None:
    """Fused and plain: outputs, weights and all gradients, in cross-attention."""
    module, inputs, cotangents = draw(size, seed)
    options = {"num_heads": size[-1], "causal": causal, "mask": mask}
    output, _, cache = reference.multihead_attention_forward(*inputs.values(), arrays(module), **options)
    *d, grads = reference.multihead_attention_backward(cotangents["output"], cache)
    expected = {"output": output, **dict(zip(inputs, d, strict=True)), **grads}
    options = {"causal": causal, "mask": None if mask is None else torch.from_numpy(mask)}
    for need_weights in (False, True):
        ours = by_call(module, inputs, arrays(module), cotangents, need_weights=need_weights, **options)
        assert_same(ours, expected, FLOAT64)
        x = [torch.from_numpy(x) for x in inputs.values()]
        _, state, weights = module(*x, need_weights=need_weights, **options)
        assert (weights is None) != need_weights
        if need_weights:
            assert_close(weights.detach(), cache.weights, FLOAT64)
        assert state.k.shape == state.v.shape == x[1].shape


@pytest.mark.parametrize("size", SIZES.values(), ids=list(SIZES))
def test_attention_is_the_references(size: tuple[int, ...]) -> None:
    same(size)


@settings(max_examples=20)
@given(
    seed=st.integers(0, 2**32 - 1),
    size=st.tuples(st.integers(1, 4), st.integers(2, 4), st.integers(1, 3), st.integers(1, 3), st.integers(1, 3)),
    causal=st.booleans(),
)
def test_any_mask(seed: int, size: tuple[int, ...], causal: bool) -> None:
    T, S, B, D, N = size
    S = T if causal else S
    mask = np.random.default_rng(seed).random((S, B)) < 0.7
    mask[0] = True
    same((T, S, B, D * N, N), seed, causal=causal, mask=mask)


# T, B, E, N, F.
BLOCKS = {"ordinary": (5, 3, 6, 2, 7), "one-step": (1, 4, 6, 3, 5), "one-sequence": (4, 1, 8, 2, 3)}


@pytest.mark.parametrize("activation", ["relu", "gelu", "gelu_tanh"])
@pytest.mark.parametrize("norm_first", [False, True], ids=["post-norm", "pre-norm"])
@pytest.mark.parametrize("size", BLOCKS.values(), ids=list(BLOCKS))
def test_block_is_the_references(size: tuple[int, ...], norm_first: bool, activation: str) -> None:
    T, B, E, N, F = size
    options = {"norm_first": norm_first, "activation": activation}
    module = double(nn.TransformerBlock(E, N, F, 0.0, layer_norm_eps=1e-3, **options))
    rng = np.random.default_rng(1)
    x, dy = rng.standard_normal((2, T, B, E))
    mask = rng.random((T, B)) < 0.7
    mask[0] = True
    for causal, given_mask in ((False, None), (True, None), (True, mask)):
        more = {"causal": causal, "mask": given_mask}
        y, _, cache = reference.transformer_block_forward(x, arrays(module), num_heads=N, eps=1e-3, **options, **more)
        dx, grads = reference.transformer_block_backward(dy, cache)
        more["mask"] = None if given_mask is None else torch.from_numpy(given_mask)
        ours = by_call(module, {"x": x}, arrays(module), {"y": dy}, **more)
        assert_same(ours, {"y": y, "x": dx, **grads}, FLOAT64)
        _, _, weights = module(torch.from_numpy(x), need_weights=True, **more)
        assert_close(weights.detach(), cache.attention.weights, FLOAT64)


@pytest.mark.parametrize("bias", [True, False])
def test_attention_and_torchs(bias: bool) -> None:
    """First weights, state dict both ways, numbers; lengths are torch's padding mask, turned."""
    torch.manual_seed(1)
    ours = nn.MultiheadAttention(6, 2, bias=bias)
    torch.manual_seed(1)
    theirs = torch.nn.MultiheadAttention(6, 2, bias=bias)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), theirs.parameters(), strict=True))
    ours = double(ours)
    theirs.double().load_state_dict(ours.state_dict())
    ours.load_state_dict(theirs.state_dict())
    q, k, v = (torch.randn(n, 3, 6, dtype=torch.float64) for n in (5, 4, 4))
    lengths = torch.tensor([4, 1, 3])
    output, weights = theirs(q, k, v, key_padding_mask=torch.arange(4) >= lengths[:, None], average_attn_weights=False)
    for need_weights in (False, True):
        found, _, mine = ours(q, k, v, lengths=lengths, need_weights=need_weights)
        assert_close(found.detach(), output.detach(), FLOAT64)
    assert_close(mine.detach(), weights.detach(), FLOAT64)
    ours.reset_parameters()
    bound = (6 / (6 + 18)) ** 0.5  # Glorot's
    assert 0.8 * bound < ours.in_proj_weight.abs().max() <= bound
    assert not bias or not (ours.in_proj_bias.any() or ours.out_proj.bias.any())


@pytest.mark.parametrize("norm_first", [False, True], ids=["post-norm", "pre-norm"])
@pytest.mark.parametrize("bias", [True, False])
def test_block_and_torchs_layer(norm_first: bool, bias: bool) -> None:
    """First weights, state dict both ways, numbers; in training with the same seed the same dropout."""
    options = {"dim_feedforward": 8, "dropout": 0.4, "norm_first": norm_first, "bias": bias, "activation": "gelu"}
    torch.manual_seed(1)
    ours = nn.TransformerBlock(6, 2, **options)
    torch.manual_seed(1)
    theirs = torch.nn.TransformerEncoderLayer(6, 2, **options)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), theirs.parameters(), strict=True))
    double(ours)
    theirs.double().load_state_dict(ours.state_dict())
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(5, 3, 6, dtype=torch.float64)
    later = torch.ones(5, 5, dtype=torch.bool).triu(1)
    for training in (False, True):
        ours.train(training), theirs.train(training)
        torch.manual_seed(2)
        one, _, _ = ours(x, causal=True)
        torch.manual_seed(2)
        two = theirs(x, later)
        assert_close(one.detach(), two.detach(), FLOAT64)
    assert not torch.equal(one, ours(x, causal=True)[0])


def build_block(rotary: bool, norm_first: bool = True) -> nn.TransformerBlock:
    return double(nn.TransformerBlock(6, 3 if rotary else 2, 7, 0.0, norm_first=norm_first, rotary=rotary)).eval()


@pytest.mark.parametrize("rotary", [False, True], ids=["plain", "rotary"])
@pytest.mark.parametrize("window", [None, 1, 3])
@pytest.mark.parametrize("chunks", [[1] * 7, [3, 0, 1, 3], [7]], ids=str)
def test_reading_with_a_cache_is_reading_at_once(chunks: list[int], window: int | None, rotary: bool) -> None:
    """Outputs, states and gradients, which go back through the cache."""
    block = build_block(rotary)
    x = torch.randn(7, 3, 6, dtype=torch.float64, requires_grad=True)
    mask = torch.ones(7, 3, dtype=torch.bool)
    mask[1, 0] = mask[4:, 2] = False
    whole, state, _ = block(x, causal=True, window=window, mask=mask)
    outputs, past, start = [], None, 0
    for part in x.split(chunks):
        start += len(part)
        output, past, _ = block(part, causal=True, window=window, mask=mask[:start], past=past)
        outputs.append(output)
    assert_close(torch.cat(outputs).detach(), whole.detach(), FLOAT64)
    assert_close(past.k.detach(), state.k.detach(), FLOAT64)
    assert_close(past.v.detach(), state.v.detach(), FLOAT64)
    d = torch.randn_like(whole)
    leaves = [x, *block.parameters()]
    one, two = torch.autograd.grad(whole, leaves, d), torch.autograd.grad(torch.cat(outputs), leaves, d)
    scale = max(g.abs().max() for g in one)
    assert all((a - b).abs().max() <= FLOAT64 * scale for a, b in zip(one, two, strict=True))


@pytest.mark.parametrize("rotary", [False, True], ids=["plain", "rotary"])
def test_a_window_sees_its_own_steps_alone(rotary: bool) -> None:
    """Under a window of 3 step t is what it is when steps t - 2 … t are all there are: so rotation is relative."""
    attention = build_block(rotary).self_attn
    x = torch.randn(8, 2, 6, dtype=torch.float64)
    output, _, weights = attention(x, causal=True, window=3, need_weights=True)
    seen = weights[0, 0] > 0
    assert torch.equal(seen, torch.ones(8, 8, dtype=torch.bool).tril().triu(-2))
    for t in range(8):
        alone, _, _ = attention(x[max(0, t - 2) : t + 1], causal=True)
        assert_close(alone[-1].detach(), output[t].detach(), FLOAT64)


def test_nothing_sees_the_future() -> None:
    block = build_block(True)
    x = torch.randn(6, 2, 6, dtype=torch.float64, requires_grad=True)
    (dx,) = torch.autograd.grad(block(x, causal=True)[0][3].sum(), x)
    assert not dx[4:].any() and dx[:4].abs().amin(2).min() > 0


def test_a_query_without_a_key_gets_a_context_of_zero() -> None:
    attention = double(nn.MultiheadAttention(6, 2))
    mask = torch.ones(4, 3, dtype=torch.bool)
    mask[0, 1] = False
    results = []
    for need_weights in (False, True):
        x = torch.randn(4, 3, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0), requires_grad=True)
        output, _, _ = attention(x, causal=True, mask=mask, need_weights=need_weights)
        assert_close(output[0, 1].detach(), attention.out_proj.bias.detach(), FLOAT64)
        (dx,) = torch.autograd.grad(output.square().sum(), x)
        assert dx.isfinite().all()
        results.append((output.detach(), dx))
    for a, b in zip(*results, strict=True):
        assert_close(a, b, FLOAT64)


@pytest.mark.parametrize("need_weights", [False, True])
def test_dropout_of_weights(need_weights: bool) -> None:
    """In training a share p of the weights is dropped, the rest grows; in evaluation none is."""
    attention = nn.MultiheadAttention(4, 1, dropout=0.3)
    with torch.no_grad():
        attention.in_proj_weight.zero_()  # all weights are 1 / S
        attention.in_proj_weight[8:].copy_(torch.eye(4))
        attention.out_proj.weight.copy_(torch.eye(4))
    x = torch.zeros(400, 400, 4)
    x[0] = 400.0  # a step's output is its weight of step 0, times S
    output, _, weights = attention(x[:1].expand(1, 400, 4).contiguous(), x, need_weights=need_weights)
    kept = output > 0
    assert torch.allclose(output[kept], torch.tensor(1 / 0.7))
    assert 0.6 < kept[..., 0].float().mean() < 0.8
    assert weights is None or torch.allclose(weights, torch.tensor(1 / 400))
    assert (attention.eval()(x[:1], x)[0] > 0.99).all()


def test_positions_are_the_references() -> None:
    rng = np.random.default_rng(0)
    x, dy = rng.standard_normal((2, 5, 3, 6))
    p = nn.SinusoidalPositions(6)
    assert_close(p(torch.from_numpy(x)), x + reference.sinusoidal_positions(5, 6)[:, None], FLOAT64)
    starts = np.array([0, 7, 400])
    each = torch.from_numpy(starts + np.arange(5)[:, None])
    expected = np.stack([reference.sinusoidal_positions(5, 6, start=int(s)) for s in starts], 1)
    assert_close(p(torch.from_numpy(x), each), x + expected, FLOAT64)

    learned = double(nn.LearnedPositions(9, 6))
    for start in (0, 4):
        y, cache = reference.learned_positions_forward(x, learned.weight.detach().numpy(), start=start)
        dx, grads = reference.learned_positions_backward(dy, cache)
        options = {"positions": torch.arange(start, start + 5)} if start else {}
        ours = by_call(learned, {"x": x}, arrays(learned), {"y": dy}, **options)
        assert_same(ours, {"y": y, "x": dx, **grads}, FLOAT64)
    each = torch.tensor([[0, 8, 3]] * 5)
    assert torch.equal(learned(torch.from_numpy(x), each), torch.from_numpy(x) + learned.weight[[0, 8, 3]])
    wide = nn.LearnedPositions(50, 60).weight.std()
    assert 0.019 < wide < 0.021


def test_rotary_turns_complex_numbers() -> None:
    """A pair of features is a complex number; position t multiplies it by a root of unity. NumPy's own arithmetic."""
    x = np.random.default_rng(0).standard_normal((2, 5, 6))
    t, i = np.arange(3, 8)[:, None], np.arange(3)
    z = (x[..., 0::2] + 1j * x[..., 1::2]) * np.exp(1j * t / 10000 ** (2 * i / 6))
    expected = np.stack((z.real, z.imag), -1).reshape(2, 5, 6)
    assert_close(nn.rotary(torch.from_numpy(x), 3), expected, FLOAT64)
    assert nn.rotary(torch.from_numpy(x).bfloat16()).dtype == torch.bfloat16


X = torch.zeros(5, 3, 6)
KEEP = nn.KeyValue(X, X)
ATTENTION = {
    "rank": (lambda m: m(X[0]), ValueError, r"query must have shape \(T, B, 6\), got \(3, 6\)"),
    "width": (lambda m: m(X[..., :4]), ValueError, r"query must have shape \(T, B, 6\), got \(5, 3, 4\)"),
    "dtype": (lambda m: m(X.double()), TypeError, "query must have dtype torch.float32"),
    "key": (lambda m: m(X, X[:, :2]), ValueError, r"key must have shape \(S, 3, 6\), got \(5, 2, 6\)"),
    "value": (lambda m: m(X, X, X[:4]), ValueError, r"value must have shape \(5, 3, 6\), got \(4, 3, 6\)"),
    "causal-cross": (lambda m: m(X[:4], X, causal=True), ValueError, r"key must have shape \(4, 3, 6\)"),
    "causal": (lambda m: m(X, causal=1), ValueError, "causal must be one of True, False, got 1"),
    "window": (lambda m: m(X, window=2), ValueError, "window must be None without causal, got 2"),
    "window-0": (lambda m: m(X, causal=True, window=0), ValueError, "window must be at least 1, got 0"),
    "mask": (lambda m: m(X, mask=torch.ones(3, 5, dtype=torch.bool)), ValueError, r"mask must have shape \(5, 3\)"),
    "mask-past": (
        lambda m: m(X, mask=torch.ones(5, 3, dtype=torch.bool), past=KEEP),
        ValueError,
        r"mask must have shape \(10, 3\), got \(5, 3\)",
    ),
    "past": (lambda m: m(X, past=(X, X)), TypeError, "past must be a KeyValue .* got tuple"),
    "past-shape": (lambda m: m(X, past=nn.KeyValue(X[:, :2], X)), ValueError, r"past.k must have shape \(P, 3, 6\)"),
    "past-pair": (lambda m: m(X, past=nn.KeyValue(X, X[:2])), ValueError, r"past.v must have shape \(5, 3, 6\)"),
}


@pytest.mark.parametrize("case", ATTENTION.values(), ids=list(ATTENTION))
def test_bad_calls_of_attention(case: tuple) -> None:
    call, error, message = case
    with pytest.raises(error, match=message):
        call(nn.MultiheadAttention(6, 2))


OTHERS = {
    "heads": (lambda: nn.MultiheadAttention(6, 4), ValueError, "num_heads must divide embed_dim=6, got 4"),
    "no-heads": (lambda: nn.MultiheadAttention(6, 0), ValueError, "num_heads must be at least 1, got 0"),
    "size": (lambda: nn.MultiheadAttention(0, 1), ValueError, "embed_dim must be at least 1, got 0"),
    "dropout": (lambda: nn.MultiheadAttention(6, 2, 1.0), ValueError, "dropout must be at least 0 and below 1, got 1"),
    "bias": (lambda: nn.MultiheadAttention(6, 2, bias=None), ValueError, "bias must be one of True, False"),
    "odd": (lambda: nn.MultiheadAttention(6, 2, rotary=True), ValueError, "embed_dim / num_heads must be even"),
    "rotary-cross": (lambda: nn.MultiheadAttention(4, 2, rotary=True)(X[..., :4], X), ValueError, "key and value must"),
    "activation": (lambda: nn.TransformerBlock(6, 2, activation="tanh"), ValueError, "activation must be one of"),
    "norm": (lambda: nn.TransformerBlock(6, 2, norm_first=1), ValueError, "norm_first must be one of"),
    "feedforward": (lambda: nn.TransformerBlock(6, 2, 0), ValueError, "dim_feedforward must be at least 1, got 0"),
    "eps": (lambda: nn.TransformerBlock(6, 2, layer_norm_eps=0), ValueError, "layer_norm_eps must be above 0"),
    "x": (lambda: nn.TransformerBlock(6, 2)(X[0]), ValueError, r"x must have shape \(T, B, 6\), got \(3, 6\)"),
    "odd-sines": (lambda: nn.SinusoidalPositions(5), ValueError, "embed_dim must be even"),
    "sines": (lambda: nn.SinusoidalPositions(4)(X), ValueError, r"x must have shape \(T, B, 4\), got \(5, 3, 6\)"),
    "too-long": (lambda: nn.LearnedPositions(4, 6)(X), ValueError, "x must have T <= num_positions=4, got T=5"),
    "positions": (
        lambda: nn.LearnedPositions(4, 6)(X, torch.zeros(3, 5, dtype=torch.int64)),
        ValueError,
        r"positions must have shape \(5,\) or \(5, 3\), got \(3, 5\)",
    ),
    "positions-type": (lambda: nn.SinusoidalPositions(6)(X, torch.ones(5)), TypeError, "positions must be an integer"),
}


@pytest.mark.parametrize("case", OTHERS.values(), ids=list(OTHERS))
def test_what_is_refused(case: tuple) -> None:
    call, error, message = case
    with pytest.raises(error, match=message):
        call()
