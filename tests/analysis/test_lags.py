"""Gradients by lag against torch's autograd and against products of Jacobians."""

import numpy as np
import pytest
import torch

from rnncourse.analysis import gradient_by_lag, input_gradient_by_lag, state_jacobians
from rnncourse.reference import init_rnn, rnn_forward
from tests.tolerances import FLOAT64, assert_close

T, B, I, H = 7, 3, 2, 5


def draw(seed=0, L=1):
    rng = np.random.default_rng(seed)
    params = {name: 2 * value for name, value in init_rnn(rng, I, H, num_layers=L).items()}
    return rng.standard_normal((T, B, I)), rng.standard_normal((L, B, H)), params, rng.standard_normal((B, H))


@pytest.mark.parametrize("nonlinearity", ["tanh", "relu", "sigmoid", "linear"])
def test_state_gradient_against_the_product_of_jacobians(nonlinearity):
    x, h_0, params, d_h_n = draw()
    cache = rnn_forward(x, h_0[0], params, nonlinearity=nonlinearity)[2]
    ours, J = gradient_by_lag(cache, d_h_n), state_jacobians(cache)
    expected = np.empty((T + 1, B))
    for b in range(B):
        dh = d_h_n[b]
        for k in range(T + 1):
            expected[k, b] = np.linalg.norm(dh)
            dh = J[T - 1 - k, b].T @ dh if k < T else dh
    assert_close(ours, expected, FLOAT64)


def test_state_gradient_against_autograd():
    x, h_0, params, d_h_n = draw(1)
    p = {name: torch.from_numpy(value) for name, value in params.items()}
    states = [torch.tensor(h_0[0], requires_grad=True)]
    for x_t in torch.tensor(x):
        a = x_t @ p["weight_ih_l0"].T + p["bias_ih_l0"] + states[-1] @ p["weight_hh_l0"].T + p["bias_hh_l0"]
        states.append(torch.tanh(a))
    gradients = torch.autograd.grad((states[-1] * torch.from_numpy(d_h_n)).sum(), states)
    expected = torch.stack(gradients[::-1]).norm(dim=2).numpy()
    assert_close(gradient_by_lag(rnn_forward(x, h_0[0], params)[2], d_h_n), expected, FLOAT64)


@pytest.mark.parametrize("L", [1, 2, 4])
@pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
def test_input_gradient_against_autograd(L, nonlinearity):
    x, h_0, params, d_output = draw(2, L)
    module = torch.nn.RNN(I, H, L, nonlinearity=nonlinearity, dtype=torch.float64)
    with torch.no_grad():
        for name, p in module.named_parameters():
            p.copy_(torch.from_numpy(params[name]))
    leaf = torch.tensor(x, requires_grad=True)
    output, _ = module(leaf, torch.from_numpy(h_0))
    (output[-1] * torch.from_numpy(d_output)).sum().backward()
    expected = leaf.grad.flip(0).norm(dim=2).numpy()
    assert_close(input_gradient_by_lag(x, h_0, params, d_output, nonlinearity=nonlinearity), expected, FLOAT64)


def test_refuses_what_does_not_fit():
    x, h_0, params, d = draw()
    cache = rnn_forward(x, h_0[0], params)[2]
    with pytest.raises(ValueError, match=r"d_h_n must have shape \(3, 5\), got \(5, 3\)"):
        gradient_by_lag(cache, d.T)
    with pytest.raises(TypeError, match="cache must be what rnn_forward returned"):
        gradient_by_lag(None, d)
    with pytest.raises(ValueError, match="equal length"):
        gradient_by_lag(rnn_forward(x, h_0[0], params, lengths=np.array([7, 2, 3]))[2], d)
    with pytest.raises(ValueError, match=r"d_output_last must have shape \(3, 5\)"):
        input_gradient_by_lag(x, h_0, params, d[:2])
