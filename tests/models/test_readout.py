"""The adaptive softmax, the loss of a model, its features; and the continuous cache over real networks."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from rnncourse.models import (
    ContinuousCacheModel,
    LanguageModel,
    LanguageModelConfig,
    TransformerLM,
    TransformerLMConfig,
    score,
)
from rnncourse.reference import ContinuousCache
from tests.tolerances import FLOAT64, assert_close

from .sizes import largest_kept

V, H = 23, 16

MODELS = {
    "lstm": lambda **options: LanguageModel(LanguageModelConfig(V, "lstm", H, H, 2, **options), dtype=torch.float64),
    "gru": lambda **options: LanguageModel(LanguageModelConfig(V, "gru", H, H, **options), dtype=torch.float64),
    "transformer": lambda **options: TransformerLM(
        TransformerLMConfig(V, H, 2, context=4, **options), dtype=torch.float64
    ),
}
every = pytest.mark.parametrize("kind", list(MODELS))
OPTIONS = {"softmax": {}, "tied": {"tied": True}, "one cutoff": {"cutoffs": (5,)}, "two": {"cutoffs": [4, 11]}}
all_options = pytest.mark.parametrize("options", OPTIONS.values(), ids=list(OPTIONS))


def build(kind: str, seed: int = 0, **options) -> torch.nn.Module:
    model = MODELS[kind](**options).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in model.parameters():
            p.normal_(0, 0.5, generator=generator)
    return model


def text(T: int, B: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).integers(0, V, (T, B)))


@every
@all_options
def test_loss_is_the_cross_entropy_of_what_a_call_returns(kind: str, options: dict) -> None:
    """The sum, all gradients, and the state; the state goes on as a call's does."""
    model, ids, targets = build(kind, **options), text(6, 3), text(6, 3, seed=1)
    ids, targets = ids[1:], targets[1:]
    _, state = model(text(2, 3, seed=2), model.initial_state(3))
    state = tuple(s.detach() for s in state)
    loss, after = model.loss(ids, targets, state)
    scores, expected_after = model(ids, state)
    log_p = scores.log_softmax(-1)
    expected = -sum(log_p[t, b, targets[t, b]] for t in range(5) for b in range(3))
    assert loss.shape == ()
    assert_close(loss.detach(), expected.detach(), FLOAT64)
    for a, b in zip(after, expected_after, strict=True):
        assert_close(a.detach(), b.detach(), FLOAT64)
    leaves = list(model.parameters())
    one, two = torch.autograd.grad(loss, leaves), torch.autograd.grad(expected, leaves)
    scale = max(g.abs().max() for g in two)
    for (name, _), a, b in zip(model.named_parameters(), one, two, strict=True):
        assert (a - b).abs().max() <= FLOAT64 * scale, name


@every
def test_an_adaptive_softmax_written_out(kind: str) -> None:
    """Scores are log-probabilities: of a rare symbol its class's and its own within the class."""
    model, ids = build(kind, cutoffs=(4, 11)), text(5, 2)
    h, scores, _ = model.features(ids, model.initial_state(2))
    assert_close(scores.exp().sum(-1).detach(), np.ones((5, 2)), FLOAT64)
    weights = {name: p.detach().numpy() for name, p in model.readout.named_parameters()}
    h = h.detach().numpy()

    def log_softmax(z):
        return z - np.log(np.exp(z).sum(-1, keepdims=True))

    head = log_softmax(h @ weights["head.weight"].T)
    parts = [head[..., :4]]
    for i in range(2):
        tail = log_softmax(h @ weights[f"tail.{i}.0.weight"].T @ weights[f"tail.{i}.1.weight"].T)
        parts.append(head[..., 4 + i : 5 + i] + tail)
    assert weights["tail.0.0.weight"].shape == (H // 4, H)
    assert weights["tail.1.0.weight"].shape == (H // 16, H)
    assert_close(scores.detach(), np.concatenate(parts, -1), FLOAT64)


@pytest.mark.parametrize("kind", ["gru", "transformer"])
def test_the_loss_of_an_adaptive_softmax_is_cheap(kind: str) -> None:
    """Log-probabilities of all symbols at all positions are not made, nor of a class where it is not asked for."""
    V, cutoffs = 5000, (50, 500)
    made = {
        "gru": lambda **options: LanguageModel(LanguageModelConfig(V, "gru", H, H, **options)),
        "transformer": lambda **options: TransformerLM(TransformerLMConfig(V, H, 2, context=4, **options)),
    }[kind]
    ids = text(10, 4)
    targets = ids % 20
    targets[0, 0], targets[3, 1] = 4000, 300  # one symbol of each rare class
    full, adaptive = made(), made(cutoffs=cutoffs)
    state = adaptive.initial_state(4)
    assert largest_kept(lambda: full.loss(ids, targets, state)) == 40 * V
    assert largest_kept(lambda: adaptive(ids, state)) == 40 * (V - 500)
    assert largest_kept(lambda: adaptive.loss(ids, targets, state)) == V - 500  # the rarest class, once
    targets[0, 0] = 0
    assert largest_kept(lambda: adaptive.loss(ids, targets, state)) < V - 500


@pytest.mark.parametrize("cutoffs", [(), (5,)], ids=["softmax", "adaptive"])
def test_targets_out_of_range(cutoffs: tuple[int, ...]) -> None:
    model, targets = build("gru", cutoffs=cutoffs), text(6, 3)
    targets[2, 1] = V
    with pytest.raises((IndexError, RuntimeError), match=r"out of bounds|should be in \[0, 22\]"):
        model.loss(text(6, 3), targets, model.initial_state(3))


@every
@all_options
def test_features(kind: str, options: dict) -> None:
    model, ids = build(kind, **options), text(6, 2)
    h, scores, state = model.features(ids, model.initial_state(2))
    assert h.shape == (6, 2, model.feature_size) and model.feature_size == H
    again, after = model(ids, model.initial_state(2))
    assert torch.equal(scores, again)
    assert all(map(torch.equal, state, after))
    if not options.get("cutoffs"):
        bias = model.readout.bias if kind != "transformer" else 0
        assert_close((h @ model.readout.weight.T + bias).detach(), scores.detach(), FLOAT64)


@every
@pytest.mark.parametrize("cutoffs", [(), (5,)], ids=["softmax", "adaptive"])
def test_continuous_cache(kind: str, cutoffs: tuple[int, ...]) -> None:
    """At weight 0 it is the network; else the reference's cache, mixed in."""
    network, ids = build(kind, cutoffs=cutoffs), text(40, 1)
    plain = score(network, ids[:, 0])
    assert_close(score(ContinuousCacheModel(network, theta=0.7, weight=0.0, window=6), ids[:, 0]), plain, FLOAT64)
    with torch.no_grad():
        h, scores, _ = network.features(ids, network.initial_state(1))
    following = np.append(ids[1:, 0].numpy(), 0)
    cached = ContinuousCache(V, 0.7, window=6).distributions(h[:, 0].numpy(), following)
    expected = 0.6 * scores[:, 0].softmax(-1).numpy() + 0.4 * cached
    model = ContinuousCacheModel(network, theta=0.7, weight=0.4, window=6)
    with torch.no_grad():
        found, _ = model(ids, model.initial_state(1))
    assert_close(found[:, 0].exp(), expected, FLOAT64)
    assert not np.allclose(score(model, ids[:, 0]), plain)


@every
def test_dropout_is_in_the_loss_and_not_in_the_features(kind: str) -> None:
    model = build(kind, dropout=0.5, cutoffs=(5,))
    ids, targets = text(6, 3), text(6, 3, seed=1)
    expected, _ = model.loss(ids, targets, model.initial_state(3))
    assert torch.equal(model.loss(ids, targets, model.initial_state(3))[0], expected)
    model.train()
    torch.manual_seed(0)
    loss, _ = model.loss(ids, targets, model.initial_state(3))
    torch.manual_seed(0)
    scores, _ = model(ids, model.initial_state(3))  # draws the same masks
    by_call = -scores.log_softmax(-1).gather(2, targets[..., None]).sum()
    assert_close(loss.detach(), by_call.detach(), FLOAT64)
    assert loss != expected


def test_features_are_before_the_last_dropout() -> None:
    model = build("gru", dropout=0.5).train()
    h, _, _ = model.features(text(6, 3), model.initial_state(3))
    assert (h != 0).all()


@every
@pytest.mark.parametrize("cutoffs", [(), (5,)], ids=["softmax", "adaptive"])
def test_autocast(kind: str, cutoffs: tuple[int, ...]) -> None:
    if kind == "lstm":
        pytest.skip("torch's own LSTM has no such kernel on all processors")
    model, ids, targets = build(kind, cutoffs=cutoffs).float(), text(6, 3), text(6, 3, seed=1)
    expected, _ = model.loss(ids, targets, model.initial_state(3))
    with torch.autocast("cpu", torch.bfloat16):
        loss, _ = model.loss(ids, targets, model.initial_state(3))
        scores, _ = model(ids, model.initial_state(3))
    assert loss.dtype == torch.float32
    assert abs(loss - expected) < 0.02 * expected and loss != expected
    by_call = -scores.float().log_softmax(-1).gather(2, targets[..., None]).sum()
    assert abs(by_call - expected) < 0.02 * expected
    loss.backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize("make", [LanguageModelConfig, TransformerLMConfig])
def test_configurations(make: type) -> None:
    sizes = {"hidden_size": H} if make is LanguageModelConfig else {}
    config = make(V, embedding_size=H, cutoffs=[4, 11], **sizes)
    assert config.cutoffs == (4, 11)
    assert make(**json.loads(json.dumps(config.to_json()))) == config
    hash(config)
    for cutoffs, error, message in (
        ((0,), ValueError, r"cutoffs\[0\] must be at least 1 and at most 22, got 0"),
        ((3, 23), ValueError, r"cutoffs\[1\] must be at least 1 and at most 22, got 23"),
        ((5, 5), ValueError, r"cutoffs must rise, got \(5, 5\)"),
        ((9, 5), ValueError, r"cutoffs must rise, got \(9, 5\)"),
        ((2.0,), TypeError, r"cutoffs\[0\] must be an integer"),
        (5, TypeError, "cutoffs must be a tuple of integers, got 5"),
        ((1, 2, 3), ValueError, "3 cutoffs need features of at least 64 units, got 16"),
    ):
        with pytest.raises(error, match=message):
            make(V, embedding_size=H, cutoffs=cutoffs, **sizes)
    with pytest.raises(ValueError, match=r"tied weights and cutoffs do not combine: .* got cutoffs=\(5,\)"):
        make(V, embedding_size=H, cutoffs=(5,), tied=True, **sizes)


@every
def test_targets_of_another_shape(kind: str) -> None:
    model = build(kind)
    with pytest.raises(ValueError, match=r"targets must have shape \(6, 3\), like ids, got \(3, 6\)"):
        model.loss(text(6, 3), text(3, 6), model.initial_state(3))
    with pytest.raises(ValueError, match=r"ids must have shape \(T, B\), got \(6,\)"):
        model.loss(text(6, 3)[:, 0], text(6, 3), model.initial_state(3))
