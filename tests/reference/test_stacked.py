"""The stack of Elman layers against torch.nn.RNN with several layers, and against central differences."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rnncourse.reference import (
    gradcheck,
    init_rnn,
    layer_params,
    rnn_forward,
    stacked_rnn_backward,
    stacked_rnn_forward,
)
from tests.tolerances import FINITE_DIFFERENCES, FLOAT32, FLOAT64, assert_close


def draw(seed, T, B, I, H, L, dtype=np.float64):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((T, B, I)).astype(dtype)
    h_0 = rng.standard_normal((L, B, H)).astype(dtype)
    params = init_rnn(rng, I, H, dtype, num_layers=L)
    d_output = rng.standard_normal((T, B, H)).astype(dtype)
    d_h_n = rng.standard_normal((L, B, H)).astype(dtype)
    return x, h_0, params, d_output, d_h_n


def run_ours(x, h_0, params, d_output, d_h_n, **options):
    output, h_n, cache = stacked_rnn_forward(x, h_0, params, **options)
    dx, dh_0, grads = stacked_rnn_backward(d_output, d_h_n, cache)
    return {"output": output, "h_n": h_n, "x": dx, "h_0": dh_0, **grads}


def run_torch(x, h_0, params, d_output, d_h_n, nonlinearity="tanh", lengths=None):
    T, _, I = x.shape
    module = torch.nn.RNN(I, h_0.shape[2], h_0.shape[0], nonlinearity=nonlinearity, dtype=torch.from_numpy(x).dtype)
    with torch.no_grad():
        for name, p in module.named_parameters():
            p.copy_(torch.from_numpy(params[name]))
    x, h_0 = (torch.tensor(a, requires_grad=True) for a in (x, h_0))
    if lengths is None:
        output, h_n = module(x, h_0)
    else:
        packed = torch.nn.utils.rnn.pack_padded_sequence(x, torch.from_numpy(lengths), enforce_sorted=False)
        output, h_n = module(packed, h_0)
        output, _ = torch.nn.utils.rnn.pad_packed_sequence(output, total_length=T)
    ((output * torch.from_numpy(d_output)).sum() + (h_n * torch.from_numpy(d_h_n)).sum()).backward()
    return {
        "output": output.detach().numpy(),
        "h_n": h_n.detach().numpy(),
        "x": x.grad.numpy(),
        "h_0": h_0.grad.numpy(),
        **{name: p.grad.numpy() for name, p in module.named_parameters()},
    }


def assert_all_close(ours, theirs, tolerance):
    assert set(ours) == set(theirs)
    for name, expected in theirs.items():
        assert_close(ours[name], expected, tolerance, name)


@pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
@pytest.mark.parametrize("sizes", [(5, 4, 2, 3, 1), (5, 4, 2, 3, 2), (4, 2, 6, 3, 4), (1, 3, 2, 5, 3), (3, 1, 1, 1, 2)])
def test_against_torch(sizes, nonlinearity):
    case = draw(0, *sizes)
    ours, theirs = run_ours(*case, nonlinearity=nonlinearity), run_torch(*case, nonlinearity=nonlinearity)
    assert_all_close(ours, theirs, FLOAT64)


def test_against_torch_in_float32():
    case = draw(1, 7, 3, 2, 5, 3, np.float32)
    ours = run_ours(*case)
    assert all(value.dtype == np.float32 for value in ours.values())
    assert_all_close(ours, run_torch(*case), FLOAT32)


def test_lengths_against_packed_sequences():
    case, lengths = draw(2, 6, 4, 2, 3, 3), np.array([6, 1, 4, 3])
    assert_all_close(run_ours(*case, lengths=lengths), run_torch(*case, lengths=lengths), FLOAT64)


@given(T=st.integers(1, 6), B=st.integers(1, 4), I=st.integers(1, 4), H=st.integers(1, 5), L=st.integers(1, 4))
def test_any_size_against_torch(T, B, I, H, L):
    case = draw(T + 7 * B + 49 * L, T, B, I, H, L)
    assert_all_close(run_ours(*case), run_torch(*case), FLOAT64)


def test_against_central_differences():
    x, h_0, params, d_output, d_h_n = draw(3, 4, 2, 3, 2, 3)
    arrays = {"x": x, "h_0": h_0, **params}

    def loss():
        output, h_n, _ = stacked_rnn_forward(x, h_0, params, nonlinearity="sigmoid")
        return float((output * d_output).sum() + (h_n * d_h_n).sum())

    ours = run_ours(x, h_0, params, d_output, d_h_n, nonlinearity="sigmoid")
    gradcheck(loss, arrays, {name: ours[name] for name in arrays}, tolerance=FINITE_DIFFERENCES)


def test_one_layer_is_rnn_forward():
    x, h_0, params, _, _ = draw(4, 5, 2, 3, 4, 1)
    output, h_n, _ = rnn_forward(x, h_0[0], layer_params(params, 0))
    stacked_output, stacked_h_n, _ = stacked_rnn_forward(x, h_0, params)
    np.testing.assert_array_equal(stacked_output, output)
    np.testing.assert_array_equal(stacked_h_n[0], h_n)


@pytest.mark.parametrize("left_out", ["d_output", "d_h_n"])
def test_a_missing_cotangent_is_zero(left_out):
    x, h_0, params, d_output, d_h_n = draw(5, 4, 2, 3, 2, 2)
    _, _, cache = stacked_rnn_forward(x, h_0, params)
    zero = {"d_output": (0 * d_output, d_h_n), "d_h_n": (d_output, 0 * d_h_n)}[left_out]
    none = {"d_output": (None, d_h_n), "d_h_n": (d_output, None)}[left_out]
    for a, b in zip(stacked_rnn_backward(*zero, cache)[:2], stacked_rnn_backward(*none, cache)[:2], strict=True):
        np.testing.assert_array_equal(a, b)


def test_refuses_what_does_not_fit():
    x, h_0, params, _, d_h_n = draw(6, 4, 2, 3, 5, 2)
    with pytest.raises(ValueError, match=r"for each of the 3 layers of h_0, got bias_hh_l0"):
        stacked_rnn_forward(x, np.concatenate([h_0, h_0[:1]]), params)
    with pytest.raises(ValueError, match=r"h_0 must have shape \(num_layers, 2, hidden_size\)"):
        stacked_rnn_forward(x, h_0[0], params)
    with pytest.raises(ValueError, match="at least one layer"):
        stacked_rnn_forward(x, h_0[:0], params)
    with pytest.raises(ValueError, match=r"weight_ih_l0"):
        stacked_rnn_forward(x[:, :, :2].copy(), h_0, params)
    _, _, cache = stacked_rnn_forward(x, h_0, params)
    with pytest.raises(ValueError, match=r"d_h_n must have shape \(2, 2, 5\)"):
        stacked_rnn_backward(None, d_h_n[:1], cache)
