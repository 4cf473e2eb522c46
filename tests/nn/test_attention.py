"""Additive and multiplicative attention against the reference: contexts, weights, all gradients, masks, errors."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnncourse import nn, reference
from tests.reference.cell_checks import assert_same
from tests.tolerances import FLOAT64

from .bound import arrays, by_call, double

# T, S, B, Q, K, V, A.
SIZES = {
    "ordinary": (3, 5, 4, 2, 6, 7, 8),
    "one-query": (1, 4, 2, 3, 5, 2, 6),
    "one-key": (3, 1, 2, 4, 5, 6, 7),
    "one-sequence": (2, 4, 1, 3, 5, 6, 2),
    "all-one": (1, 1, 1, 1, 1, 1, 1),
}
KINDS = ["additive", "dot", "general", "concat"]
every = pytest.mark.parametrize("kind", KINDS)


def build(kind: str, Q: int, K: int, A: int, **made) -> torch.nn.Module:
    if kind == "additive":
        return nn.AdditiveAttention(Q, K, A, **made)
    return nn.MultiplicativeAttention(Q, K, kind, A if kind == "concat" else None, **made)


def draw(kind: str, size: tuple[int, ...], seed: int) -> tuple:
    T, S, B, Q, K, V, A = size
    K = Q if kind == "dot" else K
    rng = np.random.default_rng(seed)
    shapes = {"queries": (T, B, Q), "keys": (S, B, K), "values": (S, B, V)}
    inputs = {name: rng.standard_normal(shape) for name, shape in shapes.items()}
    cotangents = {"context": rng.standard_normal((T, B, V)), "alpha": rng.standard_normal((B, T, S))}
    return double(build(kind, Q, K, A), seed), inputs, cotangents


def by_reference(kind: str, inputs: dict, params: dict, cotangents: dict, mask: np.ndarray | None) -> dict:
    if kind == "additive":
        context, weights, cache = reference.additive_attention_forward(*inputs.values(), params, mask=mask)
        *d, grads = reference.additive_attention_backward(*cotangents.values(), cache)
    else:
        forward = reference.multiplicative_attention_forward
        context, weights, cache = forward(*inputs.values(), params, score=kind, mask=mask)
        *d, grads = reference.multiplicative_attention_backward(*cotangents.values(), cache)
    return {"context": context, "alpha": weights, **dict(zip(inputs, d, strict=True)), **grads}


def same(kind: str, size: tuple[int, ...], seed: int, mask: np.ndarray | None = None) -> None:
    module, inputs, cotangents = draw(kind, size, seed)
    given_mask = None if mask is None else torch.from_numpy(mask)
    ours = by_call(module, inputs, arrays(module), cotangents, mask=given_mask)
    assert_same(ours, by_reference(kind, inputs, arrays(module), cotangents, mask), FLOAT64)


@every
@pytest.mark.parametrize("size", SIZES.values(), ids=list(SIZES))
def test_reference(kind: str, size: tuple[int, ...]) -> None:
    same(kind, size, 0)


@every
@settings(max_examples=10)
@given(seed=st.integers(0, 2**32 - 1), size=st.tuples(*[st.integers(1, 4)] * 7))
def test_any_mask(kind: str, seed: int, size: tuple[int, ...]) -> None:
    mask = np.random.default_rng(seed).random((size[1], size[2])) < 0.6
    mask[0] = True
    same(kind, size, seed, mask)


@every
def test_lengths_are_a_mask(kind: str) -> None:
    module, inputs, cotangents = draw(kind, SIZES["ordinary"], 1)
    lengths = np.array([2, 5, 1, 4])
    mask = np.arange(5)[:, None] < lengths
    ours = by_call(module, inputs, arrays(module), cotangents, lengths=torch.from_numpy(lengths))
    assert_same(ours, by_reference(kind, inputs, arrays(module), cotangents, mask), FLOAT64)
    assert (ours["alpha"][2, :, 1:] == 0).all() and (ours["keys"][1:, 2] == 0).all()


@every
def test_values_are_the_keys_where_none_are_given(kind: str) -> None:
    module, inputs, _ = draw(kind, SIZES["ordinary"], 2)
    q, k = torch.from_numpy(inputs["queries"]), torch.from_numpy(inputs["keys"])
    for one, two in zip(module(q, k), module(q, k, k), strict=True):
        assert torch.equal(one, two)


@every
def test_a_sequence_without_keys_gets_zeros(kind: str) -> None:
    """And passes no NaN back, to itself or to others."""
    module, inputs, _ = draw(kind, SIZES["ordinary"], 3)
    leaves = [torch.from_numpy(x).requires_grad_() for x in inputs.values()]
    mask = torch.ones(5, 4, dtype=torch.bool)
    mask[:, 1] = False
    context, weights = module(*leaves, mask=mask)
    assert not context[:, 1].any() and not weights[1].any()
    assert torch.allclose(weights[[0, 2, 3]].sum(-1), torch.ones(3, 3, dtype=torch.float64))
    context.square().sum().backward()
    assert all(leaf.grad.isfinite().all() and not leaf.grad[:, 1].any() for leaf in leaves)
    assert all(p.grad.isfinite().all() for p in module.parameters())


@every
def test_first_weights(kind: str) -> None:
    torch.manual_seed(0)
    module = build(kind, 40, 40, 60)
    for _ in range(2):
        for p in module.parameters():
            bound = p.shape[-1] ** -0.5
            assert 0.9 * bound < p.abs().max() <= bound
        module.reset_parameters()


Q3, K3 = torch.zeros(3, 4, 2), torch.zeros(5, 4, 2)
BAD = {
    "rank": ((Q3[0], K3), {}, ValueError, r"queries must have shape \(T, B, 2\), got \(4, 2\)"),
    "width": ((torch.zeros(3, 4, 3), K3), {}, ValueError, r"queries must have shape \(T, B, 2\), got \(3, 4, 3\)"),
    "batch": ((Q3, K3[:, :3]), {}, ValueError, r"keys must have shape \(S, 4, 2\), got \(5, 3, 2\)"),
    "values": ((Q3, K3, K3[:4]), {}, ValueError, r"values must have shape \(5, 4, V\), got \(4, 4, 2\)"),
    "dtype": ((Q3.double(), K3), {}, TypeError, "queries must have dtype torch.float32"),
    "mask": ((Q3, K3), {"mask": torch.ones(4, 5, dtype=torch.bool)}, ValueError, r"mask must have shape \(5, 4\)"),
    "mask-type": ((Q3, K3), {"mask": torch.ones(5, 4)}, TypeError, "mask must be a boolean .* got dtype torch.float32"),
    "lengths": ((Q3, K3), {"lengths": torch.tensor([1, 2, 3, 6])}, ValueError, "lengths must lie in 1 … 5"),
    "lengths-shape": ((Q3, K3), {"lengths": torch.tensor([1, 2])}, ValueError, r"lengths must have shape \(4,\)"),
    "both": (
        (Q3, K3),
        {"lengths": torch.tensor([1] * 4), "mask": torch.ones(5, 4, dtype=torch.bool)},
        ValueError,
        "give one of them",
    ),
}


@pytest.mark.parametrize("kind", ["additive", "general", "concat"])
@pytest.mark.parametrize("case", BAD.values(), ids=list(BAD))
def test_bad_calls(kind: str, case: tuple) -> None:
    arguments, options, error, message = case
    with pytest.raises(error, match=message):
        build(kind, 2, 2, 3)(*arguments, **options)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: nn.AdditiveAttention(0, 2, 3), ValueError, "query_size must be at least 1, got 0"),
        (lambda: nn.AdditiveAttention(2, 2.0, 3), TypeError, "key_size must be an integer, got 2.0"),
        (lambda: nn.AdditiveAttention(2, 2, 0), ValueError, "attention_size must be at least 1, got 0"),
        (lambda: nn.MultiplicativeAttention(2, 3, "cosine"), ValueError, "score must be one of 'dot'"),
        (lambda: nn.MultiplicativeAttention(2, 3, "dot"), ValueError, "key_size must be query_size=2 .*, got 3"),
        (lambda: nn.MultiplicativeAttention(2, 3, "concat"), TypeError, "attention_size must be an integer, got None"),
        (lambda: nn.MultiplicativeAttention(2, 3, "general", 4), ValueError, "attention_size must be None"),
    ],
)
def test_bad_arguments(make, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()
