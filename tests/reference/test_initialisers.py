"""Initialisers: their bounds, variances and matrix properties, and torch's own variance rules."""

import math

import numpy as np
import pytest
import torch

from rnncourse.reference import (
    identity,
    init_rnn,
    kaiming_normal,
    orthogonal,
    pytorch_uniform,
    xavier_normal,
    xavier_uniform,
)
from rnncourse.reference.initialisers import GAINS
from tests.tolerances import FLOAT64, assert_close

SHAPE = (300, 200)


def spread(array):
    return float(array.std())


@pytest.mark.parametrize(
    "ours, theirs",
    [
        (lambda rng: xavier_uniform(rng, SHAPE, gain=2.0), lambda w: torch.nn.init.xavier_uniform_(w, gain=2.0)),
        (lambda rng: xavier_normal(rng, SHAPE, gain=2.0), lambda w: torch.nn.init.xavier_normal_(w, gain=2.0)),
        (lambda rng: kaiming_normal(rng, SHAPE), lambda w: torch.nn.init.kaiming_normal_(w, nonlinearity="relu")),
        (
            lambda rng: kaiming_normal(rng, SHAPE, "tanh"),
            lambda w: torch.nn.init.kaiming_normal_(w, nonlinearity="tanh"),
        ),
    ],
    ids=["xavier-uniform", "xavier-normal", "kaiming-relu", "kaiming-tanh"],
)
def test_spread_is_torchs(ours, theirs):
    torch.manual_seed(0)
    w = theirs(torch.empty(*SHAPE, dtype=torch.float64)).numpy()
    array = ours(np.random.default_rng(0))
    assert array.shape == SHAPE
    # 60,000 draws: the standard deviation's own error is about 0.3 %.
    assert spread(array) == pytest.approx(spread(w), rel=0.015)
    assert abs(array.mean()) < 0.02 * spread(w)


def test_xavier_uniform_fills_its_bounds():
    bound = math.sqrt(6 / sum(SHAPE))
    array = xavier_uniform(np.random.default_rng(0), SHAPE)
    assert 0.99 * bound < np.abs(array).max() <= bound


@pytest.mark.parametrize("shape", [(4, 4), (6, 3), (3, 6), (1, 5)], ids=str)
def test_orthogonal_has_equal_singular_values(shape):
    w = orthogonal(np.random.default_rng(0), shape, gain=1.5)
    assert w.shape == shape
    assert_close(np.linalg.svd(w, compute_uv=False), np.full(min(shape), 1.5), FLOAT64)


def test_orthogonal_is_uniform_over_signs():
    rng = np.random.default_rng(0)
    determinants = [np.linalg.det(orthogonal(rng, (3, 3))) for _ in range(200)]
    assert 60 < sum(d > 0 for d in determinants) < 140


def test_identity():
    assert np.array_equal(identity(3, gain=0.5), [[0.5, 0, 0], [0, 0.5, 0], [0, 0, 0.5]])


def test_init_rnn_draws_like_torch_and_reproducibly():
    params = init_rnn(np.random.default_rng(0), 7, 100, np.float32)
    theirs = {name: tuple(p.shape) for name, p in torch.nn.RNN(7, 100).named_parameters()}
    assert {name: p.shape for name, p in params.items()} == theirs
    assert all(p.dtype == np.float32 for p in params.values())
    assert all(0.08 < np.abs(p).max() <= 0.1 for p in params.values())
    again = init_rnn(np.random.default_rng(0), 7, 100, np.float32)
    assert all(np.array_equal(params[name], again[name]) for name in params)


def test_bad_arguments_are_named():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="shape must be"):
        xavier_uniform(rng, (3,))
    with pytest.raises(ValueError, match="nonlinearity must be one of"):
        kaiming_normal(rng, (3, 2), "gelu")
    with pytest.raises(ValueError, match="hidden_size must be at least 1, got 0"):
        pytorch_uniform(rng, (3,), 0)
    with pytest.raises(TypeError, match="input_size must be an integer"):
        init_rnn(rng, 2.5, 3)


def test_gains_are_torchs():
    for name, gain in GAINS.items():
        assert gain == pytest.approx(torch.nn.init.calculate_gain(name))


@pytest.mark.parametrize("dtype", [int, np.float16, complex])
def test_other_dtypes_are_refused(dtype):
    with pytest.raises(TypeError, match="dtype must be float32 or float64, got"):
        init_rnn(np.random.default_rng(0), 3, 4, dtype)
