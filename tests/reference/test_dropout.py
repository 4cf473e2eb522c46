"""Dropout: the masks' laws, and gradients against torch's autograd with the same masks."""

import numpy as np
import pytest
import torch

from rnncourse.reference import embedding_backward, embedding_forward, gradcheck
from rnncourse.reference.dropout import dropout_backward, dropout_forward, dropout_mask, locked_dropout_forward
from rnncourse.reference.weight_drop import embedding_dropout_forward
from tests.tolerances import FINITE_DIFFERENCES, FLOAT32, FLOAT64, assert_close

KINDS = {
    "naive": (dropout_forward, (5, 4, 3)),
    "locked": (locked_dropout_forward, (5, 4, 3)),
    "embedding": (embedding_dropout_forward, (7, 4)),
}


def generator(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 0.9])
def test_the_mask_has_two_values_and_mean_one(p):
    mask = dropout_mask(generator(), (200, 300), p)
    values = {0.0, 1 / (1 - p)} if p else {1.0}
    assert set(np.unique(mask)) == values
    assert abs((mask == 0).mean() - p) < 0.01
    assert abs(mask.mean() - 1) < 0.03
    if p:  # neighbours are independent, along both axes
        assert abs(np.corrcoef(mask[1:].ravel(), mask[:-1].ravel())[0, 1]) < 0.02
        assert abs(np.corrcoef(mask[:, 1:].ravel(), mask[:, :-1].ravel())[0, 1]) < 0.02


def test_the_scale_is_torchs():
    kept = torch.nn.functional.dropout(torch.ones(100, dtype=torch.float64), 0.3).max().item()
    assert_close(dropout_mask(generator(), (100,), 0.3).max(), kept, FLOAT64)


@pytest.mark.parametrize("forward, shape", KINDS.values(), ids=KINDS.keys())
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_what_shares_a_draw(forward, shape, dtype):
    shape = tuple(20 * n for n in shape)
    mask, _ = forward(np.ones(shape, dtype), 0.4, rng=generator())
    assert mask.dtype == dtype and mask.shape == shape
    assert set(np.unique(mask)) == {0, dtype(1) / dtype(1 - 0.4)}
    shared = {"naive": (), "locked": (0,), "embedding": (1,)}[{f: k for k, (f, _) in KINDS.items()}[forward]]
    for axis in range(len(shape)):
        constant = (mask == np.take(mask, [0], axis)).all()
        assert constant == (axis in shared)


@pytest.mark.parametrize("forward, shape", KINDS.values(), ids=KINDS.keys())
@pytest.mark.parametrize("p", [0, 0.3, 0.8])
def test_output_and_gradient_are_products_with_the_mask(forward, shape, p):
    x, d_output = generator(1).standard_normal((2, *shape))
    mask, _ = forward(np.ones(shape), p, rng=generator(2))
    tensor = torch.tensor(x, requires_grad=True)
    theirs = tensor * torch.from_numpy(mask)
    theirs.backward(torch.from_numpy(d_output))
    output, cache = forward(x, p, rng=generator(2))
    dx = dropout_backward(d_output, cache)
    assert_close(output, theirs.detach().numpy(), FLOAT64)
    assert_close(dx, tensor.grad.numpy(), FLOAT64)
    if p == 0:
        assert np.array_equal(output, x)
    gradcheck(
        lambda: float((forward(x, p, rng=generator(2))[0] * d_output).sum()),
        {"x": x},
        {"x": dx},
        tolerance=FINITE_DIFFERENCES,
    )


@pytest.mark.parametrize("forward, shape", KINDS.values(), ids=KINDS.keys())
def test_evaluation_is_the_identity_and_draws_nothing(forward, shape):
    x, d_output = generator(3).standard_normal((2, *shape))
    rng = generator(4)
    output, cache = forward(x, 0.5, rng=rng, training=False)
    assert np.array_equal(output, x)
    assert np.array_equal(dropout_backward(d_output, cache), d_output)
    assert rng.random() == generator(4).random()


@pytest.mark.parametrize("forward, shape", KINDS.values(), ids=KINDS.keys())
def test_every_call_draws_anew_and_dtypes_draw_alike(forward, shape):
    rng = generator(5)
    first, second = (forward(np.ones(shape), 0.5, rng=rng)[0] for _ in range(2))
    assert not np.array_equal(first, second)
    narrow, cache = forward(np.ones(shape, np.float32), 0.5, rng=generator(5))
    assert_close(narrow, first, FLOAT32)
    assert dropout_backward(np.ones(shape, np.float32), cache).dtype == np.float32


def test_a_dropped_symbol_is_gone_wherever_it_occurs():
    ids, weight = np.array([[0, 1, 0], [2, 1, 1]]), generator(6).standard_normal((3, 4))
    dropped, cache = embedding_dropout_forward(weight, 0.5, rng=generator(1))
    output, embedding = embedding_forward(ids, dropped)
    d_output = generator(7).standard_normal(output.shape)
    d_weight = dropout_backward(embedding_backward(d_output, embedding)["weight"], cache)
    gone = ~dropped.any(1)
    assert 0 < gone.sum() < 3
    leaf = torch.tensor(weight, requires_grad=True)
    scale = torch.from_numpy(np.where(gone, 0.0, 2.0))
    (leaf[ids] * scale[ids][..., None] * torch.from_numpy(d_output)).sum().backward()
    assert_close(d_weight, leaf.grad.numpy(), FLOAT64)


@pytest.mark.parametrize("forward, shape", KINDS.values(), ids=KINDS.keys())
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    "spoil, error, message",
    [
        (lambda x, rng: (x, 1.0, rng), ValueError, "p must be at least 0 and below 1, got 1.0"),
        (lambda x, rng: (x, -0.1, rng), ValueError, "p must be at least 0 and below 1, got -0.1"),
        (lambda x, rng: (x, "0.5", rng), TypeError, "p must be a number"),
        (lambda x, rng: (x * np.nan, 0.5, rng), ValueError, "must be finite"),
        (lambda x, rng: (x.astype(int), 0.5, rng), TypeError, "must be of a floating-point dtype"),
        (lambda x, rng: (x.tolist(), 0.5, rng), TypeError, "must be a numpy.ndarray"),
    ],
)
def test_bad_input_is_named(forward, shape, training, spoil, error, message):
    x, p, rng = spoil(np.ones(shape), generator())
    with pytest.raises(error, match=message):
        forward(x, p, rng=rng, training=training)


def test_other_bad_input_is_named():
    with pytest.raises(TypeError, match=r"rng must be a numpy.random.Generator, .* got 0"):
        dropout_forward(np.ones(3), 0.5, rng=0)
    with pytest.raises(ValueError, match=r"x must have shape \(T, B, H\), got \(3, 4\)"):
        locked_dropout_forward(np.ones((3, 4)), 0.5, rng=generator())
    with pytest.raises(ValueError, match=r"weight must have shape \(V, E\), got \(3,\)"):
        embedding_dropout_forward(np.ones(3), 0.5, rng=generator())
    _, cache = dropout_forward(np.ones((2, 3)), 0.5, rng=generator())
    with pytest.raises(ValueError, match=r"d_output must have shape \(2, 3\), got \(1, 3\)"):
        dropout_backward(np.ones((1, 3)), cache)
    with pytest.raises(TypeError, match="d_output must have dtype float64"):
        dropout_backward(np.ones((2, 3), np.float32), cache)
