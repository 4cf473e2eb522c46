"""The Transformer as a language model: against GPT-2 in the reference, its window, its use, its training."""

from __future__ import annotations

import copy
import itertools
import json
import math
import pickle

import numpy as np
import pytest
import torch

from rnncourse import reference
from rnncourse.models import TransformerLM, TransformerLMConfig, beam_search, draw, generate, score, stream, truncated
from rnncourse.reference.gpt2_params import BLOCK
from tests.reference.cell_checks import assert_same
from tests.tolerances import FLOAT64, assert_close

from .sizes import largest_kept
from .test_generate import Replay

V, E, N, L, C = 7, 6, 2, 3, 9
KINDS = ["rotary", "learned", "sinusoidal", "none"]


def config(**options) -> TransformerLMConfig:
    heads = 1 if options.get("positions", "rotary") == "rotary" else N
    base = {"embedding_size": E, "num_heads": heads, "num_layers": L, "context": C}
    return TransformerLMConfig(**{"vocab_size": V, **base, **options})


def build(seed: int = 0, std: float = 0.4, **options) -> TransformerLM:
    """Float64, in evaluation, of weights large enough that everything matters; norms and biases too."""
    model = TransformerLM(config(**options), dtype=torch.float64).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in model.parameters():
            p.normal_(0, std, generator=generator)
    return model


def text(T: int, B: int = 1, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).integers(0, V, (T, B)))


def read(model: TransformerLM, ids: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return model(ids, model.initial_state(ids.shape[1]))[0]


# GPT-2 ---------------------------------------------------------------------------------------------------------------


def gpt2(seed: int = 0) -> tuple[TransformerLM, dict[str, np.ndarray], dict[str, str]]:
    """A model, the reference's parameters of the same numbers, and the names: the reference's, ours."""
    model = build(seed, positions="learned", tied=True)
    names = {"wte.weight": "embedding.weight", "wpe.weight": "positions.weight"}
    names |= {f"h.{i}.{theirs}": f"blocks.{i}.{ours}" for i in range(L) for theirs, ours in BLOCK.items()}
    names |= {"ln_f.weight": "norm.weight", "ln_f.bias": "norm.bias"}
    ours = dict(model.named_parameters())
    assert set(names.values()) == set(ours)
    params = {n: ours[name].detach().numpy() for n, name in names.items()}
    return model, {n: p.T.copy() if n.startswith("h.") else p for n, p in params.items()}, names


@pytest.mark.parametrize(("T", "B"), [(C, 4), (5, 3), (1, 1)])
def test_it_is_gpt2(T: int, B: int) -> None:
    """Logits, all gradients, and the cache of keys and values."""
    model, params, names = gpt2()
    ids, d = text(T, B), np.random.default_rng(1).standard_normal((T, B, V))
    logits, state, cache = reference.gpt2_forward(ids.numpy(), params, num_heads=N)
    grads = reference.gpt2_backward(d, cache)
    found, (k, v, count) = model(ids, model.initial_state(B))
    found.backward(torch.from_numpy(d))
    named = dict(model.named_parameters())
    ours = {n: named[name].grad.numpy() for n, name in names.items()}
    ours = {n: g.T if n.startswith("h.") else g for n, g in ours.items()}
    assert_same({"logits": found.detach(), **ours}, {"logits": logits, **grads}, FLOAT64)
    kept = min(T, C - 1)
    for i, entry in enumerate(state):
        assert_close(k[i, C - 1 - kept :].detach(), entry.k[T - kept :], FLOAT64)
        assert_close(v[i, C - 1 - kept :].detach(), entry.v[T - kept :], FLOAT64)
    assert count.tolist() == [[[T] * B]]


@pytest.mark.parametrize("temperature", [0, 0.7])
def test_it_writes_what_the_reference_writes(temperature: float) -> None:
    model, params, _ = gpt2(seed=3)
    prompt, options = text(3), {"temperature": temperature}
    expected = reference.gpt2_generate(prompt.numpy(), C - 2, params, num_heads=N, rng=Replay(11), **options)
    options["generator"] = torch.Generator().manual_seed(11)
    assert list(stream(model, prompt[:, 0], C - 2, **options)) == expected[:, 0].tolist()


# The window ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cuts", [[1] * 9, [4, 5], [8, 1], [0, 9]], ids=str)
def test_cut_anywhere_with_gradients(kind: str, cuts: list[int]) -> None:
    """Within the context; beyond it, test_interface cuts too. Gradients go back through the state."""
    model, ids = build(positions=kind), text(9, 3)
    d = torch.randn(9, 3, V, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    whole, last = model(ids, model.initial_state(3))
    parts, state = [], model.initial_state(3)
    for part in ids.split(cuts):
        logits, state = model(part, state)
        parts.append(logits)
    assert_close(torch.cat(parts).detach(), whole.detach(), FLOAT64)
    for mine, its in zip(state, last, strict=True):
        assert_close(mine.detach(), its.detach(), FLOAT64)
    leaves = list(model.parameters())
    one, two = (torch.autograd.grad(y, leaves, d) for y in (whole, torch.cat(parts)))
    scale = max(g.abs().max() for g in one)
    assert all((a - b).abs().max() <= FLOAT64 * scale for a, b in zip(one, two, strict=True))


def test_the_window_slides() -> None:
    """With one layer what stands more than C symbols back is forgotten, and rotary positions are relative."""
    model, ids = build(num_layers=1), text(30, 2)
    logits = read(model, ids)
    for t in range(30):
        assert_close(read(model, ids[max(0, t - C + 1) : t + 1])[-1], logits[t], FLOAT64)


@pytest.mark.parametrize("kind", ["learned", "sinusoidal"])
def test_positions_are_counted_modulo_the_context(kind: str) -> None:
    """With one layer: the last C symbols, read alone by a model whose positions are turned round by so many."""
    model, ids = build(num_layers=1, positions=kind), text(25)
    table = model.positions(torch.zeros(C, 1, E, dtype=torch.float64))[:, 0].detach()
    turned = build(num_layers=1, positions="learned")
    turned.load_state_dict(model.state_dict(), strict=False)
    logits = read(model, ids)
    for t in range(C, 25):
        first = t - C + 1
        with torch.no_grad():
            turned.positions.weight.copy_(table.roll(-(first % C), 0))
        assert_close(read(turned, ids[first : t + 1])[-1], logits[t], FLOAT64)


@pytest.mark.parametrize("kind", KINDS)
def test_how_far_back_it_sees(kind: str) -> None:
    """L (C - 1) symbols back matter, none before."""
    model, ids = build(positions=kind, context=4, std=0.8), text(20)
    reach, last = L * 3, read(model, ids)[-1]
    for back in range(20):
        other = ids.clone()
        other[19 - back] = (other[19 - back] + 1) % V
        assert torch.equal(read(model, other)[-1], last) == (back > reach), back


def test_a_long_text_is_read_in_pieces() -> None:
    """So that memory grows with T, not with its square: nothing that is kept is as large as T times T."""
    model, T = build(num_layers=1), 400
    assert largest_kept(lambda: model(text(T), model.initial_state(1))) < T * T / 4
    again, state = [], model.initial_state(1)
    for part in text(T).split(100):
        with torch.no_grad():
            out, state = model(part, state)
        again.append(out)
    assert_close(torch.cat(again), read(model, text(T)), FLOAT64)


# What is done with it ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_generation_is_reading_everything_anew(kind: str) -> None:
    """Beyond the context too, with the same random numbers."""
    model, ids = build(positions=kind), text(4, 3)
    found = generate(model, ids, 20, generator=torch.Generator().manual_seed(5))
    assert len(set(found.flatten().tolist())) > 2
    generator = torch.Generator().manual_seed(5)
    for _ in range(20):
        log_p = read(model, ids)[-1].log_softmax(-1)
        drawn = draw(truncated(log_p, temperature=1.0, top_k=None, top_p=None), generator)
        ids = torch.cat((ids, drawn[None]))
    assert torch.equal(found, ids[4:])


def test_a_wide_beam_finds_what_enumeration_finds() -> None:
    model, prompt = build(vocab_size=3, context=4), torch.tensor([2, 0, 1])
    scores = {}
    for more in itertools.product(range(3), repeat=4):
        whole = torch.cat((prompt, torch.tensor(more)))
        scores[more] = float(score(model, whole)[2:].sum())
    best = sorted(scores, key=scores.get, reverse=True)[:4]
    found = beam_search(model, prompt, beam_size=81, max_length=4, n_best=4)
    assert [h.ids for h in found] == best
    assert_close([h.score for h in found], [scores[text] for text in best], FLOAT64)


def test_features_are_what_is_read_out() -> None:
    model, ids = build(), text(6, 2)
    h, scores, _ = model.features(ids, model.initial_state(2))
    assert h.shape == (6, 2, model.feature_size)
    assert_close((h @ model.readout.weight.T).detach(), scores.detach(), FLOAT64)
    assert torch.equal(scores, model(ids, model.initial_state(2))[0])


# First weights, options, tools ---------------------------------------------------------------------------------------


def test_first_weights_are_gpt2s() -> None:
    torch.manual_seed(0)
    model = TransformerLM(TransformerLMConfig(300, 64, 4, 8, 50, positions="learned"))
    for name, p in model.named_parameters():
        if p.ndim == 1:
            assert torch.equal(p, torch.full_like(p, float("norm" in name and name.endswith("weight")))), name
        else:
            std = 0.02 / math.sqrt(16) if name.endswith(("out_proj.weight", "linear2.weight")) else 0.02
            assert 0.95 * std < p.std() < 1.05 * std, name
    loss, _ = model(text(5, 2), model.initial_state(2))
    assert loss.abs().max() < 1


def test_options() -> None:
    assert len(list(build(tied=True).parameters())) == len(list(build().parameters())) - 1
    tied = build(tied=True)
    assert tied.readout.weight is tied.embedding.weight
    assert build(feedforward_size=5).blocks[0].linear1.weight.shape == (5, E)
    assert build().blocks[0].linear1.weight.shape == (4 * E, E)
    assert not isinstance(build(norm_first=False).norm, torch.nn.LayerNorm)
    outputs = {
        name: read(build(**options), text(9))
        for name, options in {
            **{kind: {"positions": kind, "num_heads": 1} for kind in KINDS if kind != "learned"},
            "post": {"norm_first": False},
            "relu": {"activation": "relu"},
            "gelu": {"activation": "gelu"},
        }.items()
    }
    for a, b in itertools.combinations(outputs, 2):
        assert not torch.allclose(outputs[a], outputs[b], atol=1e-6), (a, b)


def test_dropout_in_training_alone() -> None:
    model, ids = build(dropout=0.3), text(8, 2)
    assert torch.equal(read(model, ids), read(model, ids))
    assert_close(read(model, ids), read(build(), ids), FLOAT64)
    model.train()
    assert not torch.equal(read(model, ids), read(model, ids))
    assert {m.p for m in model.modules() if isinstance(m, torch.nn.Dropout)} == {0.3}
    assert {block.self_attn.dropout for block in model.blocks} == {0.3}


def test_json() -> None:
    for made in (config(), config(cutoffs=(2,), num_layers=1, positions="learned", dropout=0.1)):
        assert TransformerLMConfig(**json.loads(json.dumps(made.to_json()))) == made


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"vocab_size": 0}, ValueError, "vocab_size must be at least 1, got 0"),
        ({"context": 0}, ValueError, "context must be at least 1, got 0"),
        ({"num_layers": 1.5}, TypeError, "num_layers must be an integer"),
        ({"feedforward_size": 0}, ValueError, "feedforward_size must be at least 1"),
        ({"dropout": 1}, ValueError, "dropout must be at least 0 and below 1"),
        ({"positions": "relative"}, ValueError, "positions must be one of 'rotary'"),
        ({"activation": "tanh"}, ValueError, "activation must be one of"),
        ({"tied": None}, ValueError, "tied must be one of"),
        ({"norm_first": 1}, ValueError, "norm_first must be one of"),
        ({"num_heads": 4}, ValueError, "num_heads must divide embedding_size = 6, got 4"),
        (
            {"num_heads": 2},
            ValueError,
            "rotary positions need an even width.* got embedding_size = 6 and num_heads = 2",
        ),
        (
            {"embedding_size": 5, "positions": "sinusoidal", "num_heads": 1},
            ValueError,
            "sinusoidal positions need an even",
        ),
        ({"cutoffs": (2,), "tied": True}, ValueError, r"tied weights and cutoffs do not combine.*got cutoffs=\(2,\)"),
    ],
)
def test_bad_configurations(options: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        config(**options)


def test_bad_calls() -> None:
    model = build()
    state = model.initial_state(2)
    with pytest.raises(ValueError, match=r"ids must have shape \(T, B\), got \(3,\)"):
        model(torch.zeros(3, dtype=torch.int64), state)
    with pytest.raises(ValueError, match=r"state must have shapes \(3, 8, 4, 6\), .* got \(3, 8, 2, 6\)"):
        model(text(3, 4), state)
    with pytest.raises(TypeError, match="state must be what initial_state returned, three tensors, got Tensor"):
        model(text(3, 2), state[0])
    with pytest.raises(ValueError, match=r"targets must have shape \(3, 2\), like ids, got \(2, 2\)"):
        model.loss(text(3, 2), text(2, 2), state)


def test_tools() -> None:
    """Copies, dtype and device, autocast, functional transforms."""
    model, ids = build(), text(12, 2)
    logits = read(model, ids)
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert torch.equal(read(other, ids), logits)
        assert not {p.data_ptr() for p in other.parameters()} & {p.data_ptr() for p in model.parameters()}
    meta = TransformerLM(config(positions="learned"), device="meta", dtype=torch.bfloat16)
    assert {(p.device.type, p.dtype) for p in [*meta.parameters(), *meta.initial_state(2)[:2]]} == {
        ("meta", torch.bfloat16)
    }
    single = copy.deepcopy(model).float()
    with torch.autocast("cpu", torch.bfloat16):
        rough, state = single(ids, single.initial_state(2))
    assert [s.dtype for s in state] == [torch.float32, torch.float32, torch.int64]
    assert 0 < (rough - logits).abs().mean() < 0.05 * logits.abs().mean()

    params = {name: p.detach() for name, p in model.named_parameters()}

    def loss(params: dict[str, torch.Tensor]) -> torch.Tensor:
        return torch.func.functional_call(model, params, (ids, model.initial_state(2)))[0].square().sum()

    grads = torch.func.grad(loss)(params)
    model(ids, model.initial_state(2))[0].square().sum().backward()
    for name, p in model.named_parameters():
        assert_close(grads[name], p.grad, FLOAT64, name)


@pytest.mark.slow
def test_compile() -> None:
    model, ids = build(), text(7, 2)
    torch._dynamo.reset()
    compiled = torch.compile(model, backend="eager")
    logits, state = compiled(ids, model.initial_state(2))
    assert_close(logits.detach(), read(model, ids), FLOAT64)
    more, _ = compiled(ids, tuple(s.detach() for s in state))
    assert_close(more.detach(), read(model, torch.cat((ids, ids)))[7:], FLOAT64)


@pytest.mark.gpu
@pytest.mark.parametrize("kind", KINDS)
def test_gpu(kind: str) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    model, ids = build(positions=kind), text(30, 2)
    expected = read(model, ids)
    moved = copy.deepcopy(model).cuda()
    state = moved.initial_state(2)
    for part in ids.cuda().split(7):
        logits, state = moved(part, state)
    torch.testing.assert_close(logits.cpu(), expected[28:], rtol=1e-9, atol=1e-9)
