"""Dropout on recurrent weights, through whole networks against torch's autograd with the same masks."""

import numpy as np
import pytest
import torch

from rnncourse.reference import (
    gradcheck,
    init_rnn,
    rnn_backward,
    rnn_forward,
    weight_drop_backward,
    weight_drop_forward,
)
from tests.tolerances import FINITE_DIFFERENCES, FLOAT64, assert_close


def generator(seed=0):
    return np.random.default_rng(seed)


def run(seed, p, columns, T=6, B=3, I=2, H=5):
    """A network on dropped recurrent weights: its parts, outputs and gradients, and the mask that it had."""
    rng = generator(seed)
    x, h_0, params = rng.standard_normal((T, B, I)), rng.standard_normal((B, H)), init_rnn(rng, I, H)
    d_output, d_h_n = rng.standard_normal((T, B, H)), rng.standard_normal((B, H))
    ones = {"weight_hh_l0": np.ones((H, H))}
    mask = weight_drop_forward(ones, p, columns=columns, rng=generator(8))[0]["weight_hh_l0"]

    def loss_and_cache():
        dropped, drop_cache = weight_drop_forward(params, p, columns=columns, rng=generator(8))
        output, h_n, cache = rnn_forward(x, h_0, dropped)
        return float((output * d_output).sum() + (h_n * d_h_n).sum()), output, cache, drop_cache

    _, output, cache, drop_cache = loss_and_cache()
    dx, dh_0, grads = rnn_backward(d_output, d_h_n, cache)
    ours = {"output": output, "x": dx, "h_0": dh_0, **weight_drop_backward(grads, drop_cache)}
    return {"x": x, "h_0": h_0, **params}, d_output, d_h_n, mask, ours, lambda: loss_and_cache()[0]


@pytest.mark.parametrize("columns", [False, True])
@pytest.mark.parametrize("p", [0.0, 0.5])
def test_weight_drop_through_a_network(p, columns):
    leaves, d_output, d_h_n, mask, ours, loss = run(9, p, columns)
    p_ = {name: torch.tensor(a, requires_grad=True) for name, a in leaves.items()}
    h, outputs = p_["h_0"], []
    for x_t in p_["x"]:
        # Dropped columns are units of the old state that all gates read as zero; dropped weights are single ones.
        if columns:
            product = (h * torch.from_numpy(mask[0])) @ p_["weight_hh_l0"].T
        else:
            product = h @ (p_["weight_hh_l0"] * torch.from_numpy(mask)).T
        h = torch.tanh(x_t @ p_["weight_ih_l0"].T + p_["bias_ih_l0"] + product + p_["bias_hh_l0"])
        outputs.append(h)
    output = torch.stack(outputs)
    ((output * torch.from_numpy(d_output)).sum() + (h * torch.from_numpy(d_h_n)).sum()).backward()
    assert_close(ours["output"], output.detach().numpy(), FLOAT64)
    for name, leaf in p_.items():
        assert_close(ours[name], leaf.grad.numpy(), FLOAT64, name)
    gradcheck(loss, leaves, ours, tolerance=FINITE_DIFFERENCES)


def test_what_weight_drop_shares():
    params = {"weight_hh_l0": np.ones((30, 20)), "weight_hh_l1": np.ones((30, 20)), "bias": np.ones(3)}
    names = ("weight_hh_l0", "weight_hh_l1")
    dropped, _ = weight_drop_forward(params, 0.5, names=names, rng=generator())
    assert dropped["bias"] is params["bias"] and params["weight_hh_l0"].all()
    assert not np.array_equal(dropped["weight_hh_l0"], dropped["weight_hh_l1"])
    for name in names:
        assert set(np.unique(dropped[name])) == {0.0, 2.0}
        assert np.ptp(dropped[name], axis=0).any() and np.ptp(dropped[name], axis=1).any()
    dropped, _ = weight_drop_forward(params, 0.5, names=names, columns=True, rng=generator())
    for name in names:
        assert set(np.unique(dropped[name])) == {0.0, 2.0}
        assert not np.ptp(dropped[name], axis=0).any() and np.ptp(dropped[name], axis=1).any()
    rng = generator(1)
    dropped, cache = weight_drop_forward(params, 0.5, names=names, rng=rng, training=False)
    assert all(dropped[name] is params[name] for name in params) and rng.random() == generator(1).random()
    assert weight_drop_backward(params, cache) == params


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"names\[0\] must be a key of params, got 'weight_hh_l0'"):
        weight_drop_forward({"W": np.ones((2, 2))}, 0.5, rng=generator())
    with pytest.raises(ValueError, match=r"params\['bias'\] must have shape \(rows, columns\), got \(2,\)"):
        weight_drop_forward({"bias": np.ones(2)}, 0.5, names=["bias"], rng=generator())
    _, cache = weight_drop_forward({"W": np.ones((2, 3))}, 0.5, names=["W"], rng=generator())
    with pytest.raises(ValueError, match=r"grads must have the dropped parameters' keys, got none for \['W'\]"):
        weight_drop_backward({}, cache)
    with pytest.raises(ValueError, match=r"grads\['W'\] must have shape \(2, 3\), got \(1, 3\)"):
        weight_drop_backward({"W": np.ones((1, 3))}, cache)
