"""Attention weights of a Transformer language model: against the reference, and against all of it done by hand."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from rnncourse import reference
from rnncourse.models import TransformerLM
from tests.tolerances import FLOAT32, FLOAT64, assert_close

from .test_transformer_lm import KINDS, C, E, L, N, V, build, gpt2, read, text


def weights_of(model: TransformerLM, ids: torch.Tensor) -> np.ndarray:
    return model.attention(ids[:, 0]).numpy()


@pytest.mark.parametrize("T", [C, 4, 1])
def test_they_are_gpt2s(T: int) -> None:
    model, params, _ = gpt2()
    ids = text(T)
    _, _, cache = reference.gpt2_forward(ids.numpy(), params, num_heads=N)
    assert_close(weights_of(model, ids), [block.attention.weights[0] for block in cache.blocks], FLOAT64)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("T", "context"), [(1, 1), (7, 1), (7, 3), (C + 1, C), (5, C), (150, 4)])
def test_rows_add_up_to_one_within_the_window(kind: str, T: int, context: int) -> None:
    weights = weights_of(build(positions=kind, context=context), text(T))
    heads = 1 if kind == "rotary" else N
    assert weights.shape == (L, heads, T, T)
    assert_close(weights.sum(-1), np.ones((L, heads, T)), FLOAT64)
    t, s = np.indices((T, T))
    seen = (s <= t) & (s > t - context)
    assert (weights[..., seen] > 0).all() and (weights[..., ~seen] == 0).all()


def by_hand(model: TransformerLM, ids: list[int], weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Read one text in NumPy, mixing values by the `weights` given: what the weights ought to be, and the logits."""
    p = {name: value.detach().numpy() for name, value in model.state_dict().items()}
    config, T = model.config, len(ids)
    D, wanted = E // config.num_heads, np.zeros_like(weights)

    def norm(x: np.ndarray, name: str) -> np.ndarray:
        return reference.layer_norm_forward(x[:, None], p[f"{name}.weight"], p[f"{name}.bias"])[0][:, 0]

    def turned(x: np.ndarray, t: int) -> np.ndarray:
        """Rotary: pairs of features are complex numbers."""
        if config.positions != "rotary":
            return x
        angles = t / 10000 ** (np.arange(0, D, 2) / D)
        z = (x[0::2] + 1j * x[1::2]) * np.exp(1j * angles)
        return np.stack((z.real, z.imag), -1).ravel()

    def attend(x: np.ndarray, l: int) -> np.ndarray:
        name = f"blocks.{l}.self_attn"
        q, k, v = np.split(x @ p[f"{name}.in_proj_weight"].T + p[f"{name}.in_proj_bias"], 3, axis=1)
        contexts = np.zeros((T, E))
        for n in range(config.num_heads):
            part = slice(n * D, (n + 1) * D)
            for t in range(T):
                near = range(max(0, t - config.context + 1), t + 1)
                e = np.exp([turned(q[t, part], t) @ turned(k[s, part], s) / D**0.5 for s in near])
                wanted[l, n, t, near] = e / e.sum()
                contexts[t, part] = sum(weights[l, n, t, s] * v[s, part] for s in range(T))
        return contexts @ p[f"{name}.out_proj.weight"].T + p[f"{name}.out_proj.bias"]

    def feed_forward(x: np.ndarray, l: int) -> np.ndarray:
        mlp = {name.split(".", 2)[2]: a for name, a in p.items() if name.startswith(f"blocks.{l}.linear")}
        return reference.mlp_forward(x[:, None], mlp, activation=config.activation)[0][:, 0]

    x = p["embedding.weight"][ids]
    where = np.arange(T) % config.context
    if config.positions == "learned":
        x = x + p["positions.weight"][where]
    elif config.positions == "sinusoidal":
        x = x + reference.sinusoidal_positions(config.context, E)[where]
    for l in range(config.num_layers):
        first, second = f"blocks.{l}.norm1", f"blocks.{l}.norm2"
        if config.norm_first:
            x = x + attend(norm(x, first), l)
            x = x + feed_forward(norm(x, second), l)
        else:
            x = norm(x + attend(x, l), first)
            x = norm(x + feed_forward(x, l), second)
    return wanted, (norm(x, "norm") if config.norm_first else x) @ p["readout.weight"].T


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("context", "norm_first"), [(C, True), (4, True), (4, False)])
def test_the_output_is_made_with_them(kind: str, context: int, norm_first: bool) -> None:
    """Within the window and where it slides."""
    heads = 3 if kind == "rotary" else N
    model, ids = build(positions=kind, num_heads=heads, context=context, norm_first=norm_first), text(C)
    weights = weights_of(model, ids)
    wanted, logits = by_hand(model, ids[:, 0].tolist(), weights)
    assert_close(weights, wanted, FLOAT64)
    assert_close(read(model, ids)[:, 0], logits, FLOAT64)


def test_the_model_stays_as_it_is() -> None:
    """No dropout even in training, every part's mode as before, no gradient, no random number drawn."""
    model, ids = build(dropout=0.5), text(8)
    expected, before = weights_of(model, ids), copy.deepcopy(model.state_dict())
    model.train()
    model.blocks[1].eval()
    modes, drawn = [module.training for module in model.modules()], torch.get_rng_state()
    weights = model.attention(ids[:, 0])
    assert torch.equal(torch.get_rng_state(), drawn)
    assert [module.training for module in model.modules()] == modes
    assert not weights.requires_grad
    np.testing.assert_array_equal(weights.numpy(), expected)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    with pytest.raises(ValueError, match="ids must lie in"):
        model.attention(torch.tensor([V]))
    assert [module.training for module in model.modules()] == modes


def test_dtype() -> None:
    model, ids = build(), text(12)
    assert_close(model.float().attention(ids[:, 0]), weights_of(build(), ids), FLOAT32)
    assert model.attention(ids[:, 0]).dtype == torch.float32


@pytest.mark.parametrize(
    ("ids", "error", "message"),
    [
        ([0, 1], TypeError, r"ids must be an int64 tensor of shape \(T,\), got list"),
        (torch.zeros(2), TypeError, "got dtype torch.float32"),
        (text(3, 2), ValueError, r"ids must have shape \(T,\), got \(3, 2\)"),
        (text(0)[:, 0], ValueError, "ids must hold at least 1 symbol, got 0"),
        (torch.tensor([0, -1]), ValueError, "ids must lie in 0 … 6, got -1"),
    ],
)
def test_what_is_refused(ids: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        build().attention(ids)
