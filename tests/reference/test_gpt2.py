"""GPT-2 against an independent one in torch, against the `transformers` library where it is installed, and decoding."""

import math

import numpy as np
import pytest
import torch

from rnncourse.reference import cross_entropy_backward, cross_entropy_forward, gradcheck, softmax
from rnncourse.reference.gpt2 import gpt2_backward, gpt2_forward
from rnncourse.reference.gpt2_generate import gpt2_generate
from rnncourse.reference.gpt2_params import gpt2_shapes, init_gpt2
from tests.reference.autograd import by_torch
from tests.reference.cell_checks import assert_same
from tests.tolerances import FINITE_DIFFERENCES, FLOAT32, FLOAT64, assert_close

# T, B, V, positions, E, blocks, heads.
SIZES = {
    "ordinary": (5, 3, 7, 8, 6, 2, 3),
    "one-step": (1, 3, 7, 8, 6, 2, 2),
    "one-sequence": (6, 1, 5, 6, 4, 3, 1),
    "one-block": (4, 2, 9, 7, 8, 1, 4),
}


def draw(seed, size, dtype=np.float64):
    """Symbols, parameters far from their first values, and a cotangent for the logits."""
    T, B, V, positions, E, L, _ = size
    rng = np.random.default_rng(seed)
    shapes = gpt2_shapes(V, positions, E, L)
    params = {name: (rng.standard_normal(shape) / 2).astype(dtype) for name, shape in shapes.items()}
    return rng.integers(0, V, (T, B)), params, rng.standard_normal((T, B, V)).astype(dtype)


def run_ours(ids, params, d_logits, num_heads):
    logits, _, cache = gpt2_forward(ids, params, num_heads=num_heads)
    return {"logits": logits, **gpt2_backward(d_logits, cache)}


def naive(ids, params, num_heads):
    """One sequence, one head and one position at a time."""

    def norm(x, name):
        centred = x - x.mean()
        return centred / torch.sqrt((centred**2).mean() + 1e-5) * params[f"{name}.weight"] + params[f"{name}.bias"]

    def affine(x, name):
        return x @ params[f"{name}.weight"] + params[f"{name}.bias"]

    def gelu(a):
        return 0.5 * a * (1 + torch.tanh(math.sqrt(2 / math.pi) * (a + 0.044715 * a**3)))

    E = params["wte.weight"].shape[1]
    D = E // num_heads
    x = [params["wte.weight"][i] + params["wpe.weight"][t] for t, i in enumerate(ids)]
    block = 0
    while f"h.{block}.ln_1.weight" in params:
        h = f"h.{block}"
        qkv = [affine(norm(x_t, f"{h}.ln_1"), f"{h}.attn.c_attn") for x_t in x]
        mixed = []
        for t in range(len(x)):
            heads = []
            for n in range(num_heads):
                q, k, v = (slice(part * E + n * D, part * E + (n + 1) * D) for part in range(3))
                scores = torch.stack([qkv[t][q] @ qkv[s][k] / math.sqrt(D) for s in range(t + 1)])
                alpha = torch.softmax(scores, 0)
                heads.append(sum(alpha[s] * qkv[s][v] for s in range(t + 1)))
            mixed.append(affine(torch.cat(heads), f"{h}.attn.c_proj"))
        x = [x_t + m for x_t, m in zip(x, mixed, strict=True)]
        x = [x_t + affine(gelu(affine(norm(x_t, f"{h}.ln_2"), f"{h}.mlp.c_fc")), f"{h}.mlp.c_proj") for x_t in x]
        block += 1
    return torch.stack([params["wte.weight"] @ norm(x_t, "ln_f") for x_t in x])


def run_torch(ids, params, d_logits, num_heads):
    def model(**named):
        named = {name.replace("__", "."): p for name, p in named.items()}
        return {"logits": torch.stack([naive(ids[:, b], named, num_heads) for b in range(ids.shape[1])], 1)}

    return by_torch(model, params, {"logits": d_logits})


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES.keys())
def test_equals_the_naive_one_in_float64(size):
    case = draw(0, size)
    assert_same(run_ours(*case, size[-1]), run_torch(*case, size[-1]), FLOAT64)


def test_equals_the_naive_one_in_float32():
    size = SIZES["ordinary"]
    case = draw(1, size, np.float32)
    ours = run_ours(*case, size[-1])
    assert {a.dtype for a in ours.values()} == {np.dtype(np.float32)}
    assert_same(ours, run_torch(*case, size[-1]), FLOAT32)


@pytest.mark.parametrize("dtype, tolerance", [(np.float64, FLOAT64), (np.float32, FLOAT32)])
def test_equals_transformers(dtype, tolerance):
    transformers = pytest.importorskip("transformers")
    size = _, _, V, positions, E, L, num_heads = 7, 3, 11, 9, 12, 3, 4
    ids, params, d_logits = draw(2, size, dtype)
    config = transformers.GPT2Config(
        vocab_size=V,
        n_positions=positions,
        n_embd=E,
        n_layer=L,
        n_head=num_heads,
        **dict.fromkeys(("resid_pdrop", "embd_pdrop", "attn_pdrop"), 0.0),
        bos_token_id=0,
        eos_token_id=0,
        attn_implementation="eager",
    )
    model = transformers.GPT2LMHeadModel(config).to(torch.float64 if dtype is np.float64 else torch.float32)
    theirs = dict(model.transformer.named_parameters())
    assert {name: tuple(p.shape) for name, p in theirs.items()} == {name: p.shape for name, p in params.items()}
    with torch.no_grad():
        for name, p in theirs.items():
            p.copy_(torch.from_numpy(params[name]))
    logits = model(torch.from_numpy(ids.T)).logits.transpose(0, 1)
    logits.backward(torch.from_numpy(d_logits))
    expected = {"logits": logits.detach().numpy(), **{name: p.grad.numpy() for name, p in theirs.items()}}
    assert_same(run_ours(ids, params, d_logits, num_heads), expected, tolerance)


def test_gradients_equal_central_differences():
    ids, params, d_logits = draw(3, (3, 2, 3, 3, 3, 1, 3))
    grads = run_ours(ids, params, d_logits, 3)
    gradcheck(
        lambda: float((gpt2_forward(ids, params, num_heads=3)[0] * d_logits).sum()),
        params,
        grads,
        tolerance=FINITE_DIFFERENCES,
    )


@pytest.mark.parametrize("chunks", [[1] * 6, [3, 1, 2]], ids=str)
def test_decoding_with_past_equals_the_full_pass(chunks):
    ids, params, _ = draw(4, (6, 3, 7, 8, 6, 2, 3))
    whole, state, _ = gpt2_forward(ids, params, num_heads=3)
    past, start = None, 0
    for n in chunks:
        logits, past, _ = gpt2_forward(ids[start : start + n], params, num_heads=3, past=past)
        assert_close(logits, whole[start : start + n], FLOAT64)
        start += n
    for ours, theirs in zip(past, state, strict=True):
        assert_close(ours.k, theirs.k, FLOAT64)
        assert_close(ours.v, theirs.v, FLOAT64)


def test_greedy_text_equals_reading_everything_anew():
    ids, params, _ = draw(6, (3, 4, 7, 9, 6, 2, 3))
    params["ln_f.bias"][:] = 0  # or it would favour one symbol whatever came before
    text = gpt2_generate(ids, 6, params, num_heads=3, temperature=0, rng=np.random.default_rng(0))
    assert (text[0] != text[1]).any()
    for _ in range(6):
        logits, _, _ = gpt2_forward(ids, params, num_heads=3)
        ids = np.concatenate([ids, logits[-1:].argmax(-1)])
    assert np.array_equal(text, ids[3:])


def test_drawn_symbols_follow_the_softmax_of_the_tempered_scores():
    ids, params, _ = draw(6, (2, 1, 5, 8, 4, 1, 2))
    logits, _, _ = gpt2_forward(ids, params, num_heads=2)
    prompts = np.repeat(ids, 4000, 1)
    rng = np.random.default_rng(0)
    drawn = gpt2_generate(prompts, 1, params, num_heads=2, temperature=0.7, rng=rng)
    p = softmax(logits[-1, 0] / 0.7)
    observed = np.bincount(drawn[0], minlength=5) / 4000
    assert (np.abs(observed - p) < 5 * np.sqrt(p * (1 - p) / 4000)).all()


def test_a_tiny_temperature_is_greedy_and_no_symbol_needs_no_draw():
    ids, params, _ = draw(7, (2, 3, 5, 8, 4, 1, 2))
    rng = np.random.default_rng(0)
    greedy = gpt2_generate(ids, 4, params, num_heads=2, temperature=0, rng=rng)
    assert np.array_equal(gpt2_generate(ids, 4, params, num_heads=2, temperature=1e-320, rng=rng), greedy)
    assert gpt2_generate(ids, 0, params, num_heads=2, rng=rng).shape == (0, 3)


def test_first_weights_have_the_published_spread():
    params = init_gpt2(np.random.default_rng(0), 50, 40, 32, 3, np.float32)
    assert {name: p.shape for name, p in params.items()} == gpt2_shapes(50, 40, 32, 3)
    assert {p.dtype for p in params.values()} == {np.dtype(np.float32)}
    for name, p in params.items():
        if p.ndim == 2:
            std = 0.02 / math.sqrt(6) if "c_proj" in name else 0.02
            assert abs(p.std() / std - 1) < 5 / math.sqrt(2 * p.size)
            assert abs(p.mean()) < 5 * std / math.sqrt(p.size)
        else:
            assert (p == name.endswith("weight")).all()


def test_a_few_steps_of_descent_learn_to_repeat():
    rng = np.random.default_rng(0)
    params = init_gpt2(rng, 4, 6, 8, 1)
    ids = np.array([0, 1, 2, 3, 0, 1, 2])[:, None]
    losses = []
    for _ in range(40):
        logits, _, cache = gpt2_forward(ids[:-1], params, num_heads=2)
        loss, ce = cross_entropy_forward(logits, ids[1:])
        losses.append(loss)
        for name, g in gpt2_backward(cross_entropy_backward(ce), cache).items():
            params[name] -= 0.5 * g
    assert losses[0] > 1.3
    assert losses[-1] < 0.3


def without(params, key):
    return {name: a for name, a in params.items() if name != key}


BAD = {
    "rank": (lambda i, p: (i[0], p, {}), ValueError, r"ids must have shape \(T, B\), got \(3,\)"),
    "floats": (lambda i, p: (i * 1.0, p, {}), TypeError, "ids must be an integer"),
    "range": (lambda i, p: (i + 7, p, {}), ValueError, "ids must lie in 0 … 6, got"),
    "empty": (lambda i, p: (i[:0], p, {}), ValueError, "x must have no empty axis"),
    "long": (lambda i, p: (np.tile(i, (2, 1)), p, {}), ValueError, r"within the N=8 positions .* 0 \+ T=10"),
    "list": (lambda i, p: (i, list(p), {}), TypeError, "params must be a mapping .* got list"),
    "no-embedding": (lambda i, p: (i, without(p, "wte.weight"), {}), ValueError, r"got \['wte.weight'\] missing"),
    "no-block": (
        lambda i, p: (i, {n: a for n, a in p.items() if n[0] == "w"}, {}),
        ValueError,
        r"params must have the keys of gpt2_shapes, got \['h.0.attn.c_attn.bias', .*\] missing and \[\] too many",
    ),
    "missing": (
        lambda i, p: (i, without(p, "h.1.mlp.c_fc.bias"), {}),
        ValueError,
        r"got \['h.1.mlp.c_fc.bias'\] missing and \[\] too many",
    ),
    "extra": (
        lambda i, p: (i, {**p, "lm_head.weight": p["wte.weight"]}, {}),
        ValueError,
        r"got \[\] missing and \['lm_head.weight'\] too many",
    ),
    "turned": (
        lambda i, p: (i, {**p, "h.0.mlp.c_fc.weight": p["h.0.mlp.c_fc.weight"].T}, {}),
        ValueError,
        r"params\['h.0.mlp.c_fc.weight'\] must have shape \(6, 24\), got \(24, 6\)",
    ),
    "dtype": (
        lambda i, p: (i, {**p, "ln_f.bias": p["ln_f.bias"].astype(np.float32)}, {}),
        TypeError,
        r"params\['ln_f.bias'\] must have dtype float64",
    ),
    "nan": (
        lambda i, p: (i, {**p, "ln_f.bias": p["ln_f.bias"] * np.nan}, {}),
        ValueError,
        r"params\['ln_f.bias'\] must be finite",
    ),
    "heads": (lambda i, p: (i, p, {"num_heads": 4}), ValueError, "num_heads must divide E=6, got 4"),
    "past": (lambda i, p: (i, p, {"past": []}), TypeError, "past must be what .* each of 2 blocks, got list"),
    "past-short": (lambda i, p: (i, p, {"past": ()}), TypeError, "past must be what .* got 0 entries"),
}


@pytest.mark.parametrize("spoil, error, message", BAD.values(), ids=BAD.keys())
def test_bad_input_is_named(spoil, error, message):
    ids, params, options = spoil(*draw(8, SIZES["ordinary"])[:2])
    with pytest.raises(error, match=message):
        gpt2_forward(ids, params, **{"num_heads": 3, **options})


def test_bad_cotangents_are_named():
    ids, params, d_logits = draw(9, SIZES["ordinary"])
    _, state, cache = gpt2_forward(ids, params, num_heads=3)
    with pytest.raises(ValueError, match=r"d_logits must have shape \(5, 3, 7\), got \(3, 7\)"):
        gpt2_backward(d_logits[0], cache)
    with pytest.raises(TypeError, match="d_logits must have dtype float64"):
        gpt2_backward(d_logits.astype(np.float32), cache)
    _, _, cache = gpt2_forward(ids[:2], params, num_heads=3, past=state)
    with pytest.raises(ValueError, match="cache must come from a forward pass without past"):
        gpt2_backward(d_logits[:2], cache)


BAD_DRAW = {
    "empty": (lambda i: (i[:0], 2, {}), ValueError, "prompt must have T >= 1 and B >= 1"),
    "rank": (lambda i: (i[0], 2, {}), ValueError, r"prompt must have shape \(T, B\)"),
    "length": (lambda i: (i, -1, {}), ValueError, "length must be at least 0"),
    "temperature": (lambda i: (i, 2, {"temperature": -1}), ValueError, "temperature must be at least 0"),
    "long": (lambda i: (i, 5, {}), ValueError, r"within the N=8 positions"),
}


@pytest.mark.parametrize("spoil, error, message", BAD_DRAW.values(), ids=BAD_DRAW.keys())
def test_bad_input_of_the_generation_is_named(spoil, error, message):
    ids, params, _ = draw(10, SIZES["ordinary"])
    prompt, length, options = spoil(ids)
    with pytest.raises(error, match=message):
        gpt2_generate(prompt, length, params, num_heads=3, rng=np.random.default_rng(0), **options)


BAD_INIT = {
    "zero": ((0, 8, 4, 1), {}, ValueError, "vocab_size must be at least 1"),
    "float": ((5, 8, 4.0, 1), {}, TypeError, "n_embd must be an integer"),
    "dtype": ((5, 8, 4, 1), {"dtype": int}, TypeError, "dtype must be float32 or float64, got int64"),
}


@pytest.mark.parametrize("sizes, options, error, message", BAD_INIT.values(), ids=BAD_INIT.keys())
def test_bad_sizes_are_named(sizes, options, error, message):
    with pytest.raises(error, match=message):
        init_gpt2(np.random.default_rng(0), *sizes, **options)
