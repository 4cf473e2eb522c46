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
from rnncourse.reference.gate_biases import chrono_, set_forget_bias_
from rnncourse.reference.initialisers import GAINS, kaiming_uniform
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
        (
            lambda rng: kaiming_uniform(rng, SHAPE, "tanh"),
            lambda w: torch.nn.init.kaiming_uniform_(w, nonlinearity="tanh"),
        ),
    ],
    ids=["xavier-uniform", "xavier-normal", "kaiming-relu", "kaiming-tanh", "kaiming-uniform-tanh"],
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


@pytest.mark.parametrize("nonlinearity", GAINS)
def test_kaiming_uniform_has_torchs_bounds_and_is_flat(nonlinearity):
    torch.manual_seed(0)
    w = torch.nn.init.kaiming_uniform_(torch.empty(*SHAPE, dtype=torch.float64), nonlinearity=nonlinearity).numpy()
    array = kaiming_uniform(np.random.default_rng(0), SHAPE, nonlinearity)
    # Of 60,000 uniform draws the largest is within 0.02 % of the bound, all but once in 10^5 times.
    assert np.abs(array).max() == pytest.approx(np.abs(w).max(), rel=2e-4)
    bound = torch.nn.init.calculate_gain(nonlinearity) * math.sqrt(3 / SHAPE[1])
    assert_close(array, bound * (2 * np.random.default_rng(0).random(SHAPE) - 1), FLOAT64)
    assert kaiming_uniform(np.random.default_rng(0), (2, 3), nonlinearity, np.float32).dtype == np.float32


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
    with pytest.raises(ValueError, match=r"shape(\[1\])? must (have 2 sizes|be at least 1)"):
        xavier_uniform(rng, (3,))
    with pytest.raises(ValueError, match="nonlinearity must be one of"):
        kaiming_normal(rng, (3, 2), "gelu")
    with pytest.raises(ValueError, match="nonlinearity must be one of"):
        kaiming_uniform(rng, (3, 2), "gelu")
    with pytest.raises(ValueError, match=r"shape(\[1\])? must (have 2 sizes|be at least 1)"):
        kaiming_uniform(rng, (3, 0))
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


def lstm(H=5, dtype=torch.float64, **options):
    """A torch LSTM, and its parameters as arrays that share its memory."""
    torch.manual_seed(0)
    module = torch.nn.LSTM(3, H, dtype=dtype, **options)
    return module, {name: p.detach().numpy() for name, p in module.named_parameters()}


def gates(module, H, layer=""):
    """i and f of one layer at inputs and states of zero, found out by running torch's LSTM of that layer alone."""
    one = torch.nn.LSTM(1, H, dtype=torch.float64)
    state = module.state_dict()
    with torch.no_grad():
        for p in one.parameters():
            p.zero_()
        one.bias_ih_l0.copy_(state[f"bias_ih_l{layer}"] + state[f"bias_hh_l{layer}"])
        one.bias_ih_l0[2 * H : 3 * H] = 0  # g = 0: the cell only keeps
        zero, unit = torch.zeros(1, H, dtype=torch.float64), torch.ones(1, H, dtype=torch.float64)
        f = one(torch.zeros(1, 1, dtype=torch.float64), (zero, unit))[1][1][0]
        one.bias_ih_l0[2 * H : 3 * H] = 50  # g = 1: the cell keeps and admits
        i = one(torch.zeros(1, 1, dtype=torch.float64), (zero, zero))[1][1][0]
    return i.numpy(), f.numpy()


LAYERS = ("0", "0_reverse", "1", "1_reverse")


def test_forget_bias_opens_torchs_forget_gate_alone():
    module, params = lstm(num_layers=2, bidirectional=True)
    before = {name: p.copy() for name, p in params.items()}
    set_forget_bias_(params, 1.5)
    for layer in LAYERS:
        _, f = gates(module, 5, layer)
        assert_close(f, np.full(5, 1 / (1 + math.exp(-1.5))), FLOAT64)
        for name in (f"bias_ih_l{layer}", f"bias_hh_l{layer}"):
            assert np.array_equal(np.delete(params[name], slice(5, 10)), np.delete(before[name], slice(5, 10)))
    assert all(np.array_equal(params[name], before[name]) for name in params if "weight" in name)


def test_chrono_spreads_the_memories_of_torchs_lstm():
    H = 600
    module, params = lstm(H)
    before = {name: p.copy() for name, p in params.items()}
    chrono_(np.random.default_rng(0), params, 100)
    i, f = gates(module, H, "0")
    assert_close(i + f, np.ones(H), FLOAT64)
    lasting = 1 / (1 - f)
    assert 2 <= lasting.min() < 3 and 99 < lasting.max() <= 100
    # Uniform on (2, 100): tenths hold 60 each, with a standard deviation of 7.
    assert np.abs(np.histogram(lasting, 10, (2, 100))[0] - 60).max() < 30
    torch.manual_seed(1)
    theirs = torch.empty(100_000, dtype=torch.float64).uniform_(1, 99).log()
    b_f = (params["bias_ih_l0"] + params["bias_hh_l0"])[H : 2 * H]
    assert b_f.mean() == pytest.approx(theirs.mean().item(), abs=0.15)  # deviates by 0.95 / sqrt(600) = 0.04
    assert b_f.std() == pytest.approx(theirs.std().item(), rel=0.2)
    for name in ("bias_ih_l0", "bias_hh_l0"):
        assert np.array_equal(params[name][2 * H :], before[name][2 * H :])
    assert np.array_equal(params["weight_hh_l0"], before["weight_hh_l0"])


def test_chrono_draws_every_unit_of_every_layer_anew():
    _, params = lstm(num_layers=2, bidirectional=True, dtype=torch.float32)
    chrono_(np.random.default_rng(0), params, 30.0)
    rng = np.random.default_rng(0)
    for layer in LAYERS:
        b_f = np.log(1 + 28 * rng.random(5)).astype(np.float32)
        assert params[f"bias_ih_l{layer}"].dtype == np.float32
        assert_close(params[f"bias_ih_l{layer}"][:10], np.concatenate([-b_f, b_f]), 1e-6)
        assert not params[f"bias_hh_l{layer}"][:10].any()


def test_chrono_of_the_shortest_lag_is_half_open():
    module, params = lstm()
    chrono_(np.random.default_rng(0), params, 2)
    assert_close(np.array(gates(module, 5, "0")), np.full((2, 5), 0.5), FLOAT64)


def test_gate_biases_of_a_projected_lstm():
    module, params = lstm(proj_size=3)
    set_forget_bias_(params, 1.5)
    assert_close(gates(module, 5, "0")[1], np.full(5, 1 / (1 + math.exp(-1.5))), FLOAT64)


def test_gate_biases_under_a_prefix():
    _, params = lstm()
    model = {f"rnn.{name}": p for name, p in params.items()} | {"readout.bias": np.zeros(3)}
    set_forget_bias_(model)
    assert (params["bias_ih_l0"][5:10] == 1).all()


@pytest.mark.parametrize("change", [set_forget_bias_, lambda p: chrono_(np.random.default_rng(0), p, 9)])
def test_gate_biases_refuse_what_is_no_lstm(change):
    gru = {name: p.detach().numpy() for name, p in torch.nn.GRU(3, 8).named_parameters()}
    _, params = lstm()
    refused = {
        r"params\['weight_hh_l0'\] must have shape .* \(an LSTM\), got \(24, 8\)": gru,
        "params must hold an LSTM's bias_ih_l0, got": {"weight": np.ones((2, 2))},
        "params must hold bias_ih_l0, bias_hh_l0, weight_hh_l0, got": {"bias_ih_l0": np.zeros(4)},
        r"params\['bias_hh_l0'\] must have shape \(20,\)": params | {"bias_hh_l0": np.zeros(16)},
        r"params\['bias_ih_l0'\] must be finite": params | {"bias_ih_l0": np.full(20, math.nan)},
    }
    for message, bad in refused.items():
        before = {name: p.copy() for name, p in bad.items()}
        with pytest.raises(ValueError, match=message):
            change(bad)
        assert all(np.array_equal(bad[name], p, equal_nan=True) for name, p in before.items())


def test_bad_gate_biases_are_named():
    _, params = lstm()
    with pytest.raises(ValueError, match=r"max_lag must be at least 2, got 1\.5"):
        chrono_(np.random.default_rng(0), params, 1.5)
    with pytest.raises(TypeError, match="value must be a number, got '1'"):
        set_forget_bias_(params, "1")
