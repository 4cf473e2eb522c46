"""Gates of stacks: against the equations unit by unit, and against what torch makes of them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rnncourse.analysis import gate_values
from rnncourse.reference import init_gru, init_lstm, init_mingru, init_minlstm
from tests.tolerances import FLOAT64, assert_close


def stack(cell, rng, I, H, layers):
    params = {}
    for k in range(layers):
        init = {"lstm": init_lstm, "gru": init_gru, "mingru": init_mingru, "minlstm": init_minlstm}[cell]
        for name, value in init(rng, I if k == 0 else H, H).items():
            params[name.replace("_l0", f"_l{k}")] = 3 * value  # gates that open and close
    return params


@pytest.mark.parametrize("T, B, I, H, layers", [(5, 3, 2, 4, 3), (1, 1, 1, 1, 1), (7, 2, 3, 1, 2)])
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_the_gates_make_torchs_output(cell, T, B, I, H, layers):
    """With the gates alone the states follow; those are torch's, layer by layer."""
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(T)
    params, x = stack(cell, rng, I, H, layers), rng.normal(size=(T, B, I))
    found = gate_values(cell, x, params)
    assert len(found) == layers
    for k, gates in enumerate(found):
        module = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[cell](I, H, k + 1, dtype=torch.float64)
        module.load_state_dict({n: torch.from_numpy(v) for n, v in params.items() if int(n[-1]) <= k})
        output = module(torch.from_numpy(x))[0].detach().numpy()
        assert all(value.shape == (T, B, H) for value in gates.values())
        h, c, made = np.zeros((B, H)), np.zeros((B, H)), []
        for t in range(T):
            if cell == "lstm":
                c = gates["f"][t] * c + gates["i"][t] * gates["g"][t]
                h = gates["o"][t] * np.tanh(c)
            else:
                h = gates["z"][t] * h + (1 - gates["z"][t]) * gates["n"][t]
            made.append(h)
        assert_close(np.array(made), output, FLOAT64, f"layer {k}")


@pytest.mark.parametrize("T, B, I, H, layers", [(5, 3, 2, 4, 3), (1, 1, 1, 1, 1), (7, 2, 3, 1, 2)])
@pytest.mark.parametrize("cell", ["mingru", "minlstm"])
def test_gates_of_minimal_networks(cell, T, B, I, H, layers):
    """By the equations, from what `rnncourse.nn` has in the layer below; with them alone its states follow."""
    torch = pytest.importorskip("torch")
    from rnncourse import nn

    rng = np.random.default_rng(T)
    params, x = stack(cell, rng, I, H, layers), rng.normal(size=(T, B, I))
    module = {"mingru": nn.MinGRU, "minlstm": nn.MinLSTM}[cell]
    found, below = gate_values(cell, x, params), x
    assert len(found) == layers
    for k, gates in enumerate(found):
        a = below @ params[f"weight_ih_l{k}"].T + params[f"bias_ih_l{k}"]
        if cell == "mingru":
            z, n = 1 / (1 + np.exp(-a[..., :H])), a[..., H:]
            expected = {"z": z, "n": n}
        else:
            i, f = 1 / (1 + np.exp(-a[..., :H])), 1 / (1 + np.exp(-a[..., H : 2 * H]))
            expected = {"i": i / (f + i), "f": f / (f + i), "g": a[..., 2 * H :]}
        assert list(gates) == list(expected)
        for name, value in expected.items():
            assert_close(gates[name], value, FLOAT64, f"{name} of layer {k}")
        h, made = np.zeros((B, H)), []
        for t in range(T):
            if cell == "mingru":
                h = (1 - gates["z"][t]) * h + gates["z"][t] * gates["n"][t]
            else:
                h = gates["f"][t] * h + gates["i"][t] * gates["g"][t]
            made.append(h)
        net = module(I, H, k + 1, dtype=torch.float64)
        net.load_state_dict({name: torch.from_numpy(v) for name, v in params.items() if int(name[-1]) <= k})
        below = net(torch.from_numpy(x))[0].detach().numpy()
        assert_close(np.array(made), below, FLOAT64, f"layer {k}")


@pytest.mark.parametrize("cell, names", [("lstm", "ifgo"), ("gru", "rzn")])
def test_each_gate_by_its_equation(cell, names):
    """The second step of the lower layer, from the first step's state: which gate is which, and the reset gate."""
    rng = np.random.default_rng(7)
    T, B, I, H = 2, 1, 3, 2
    params, x = stack(cell, rng, I, H, 2), rng.normal(size=(T, B, I))
    (gates, _) = gate_values(cell, x, params)
    assert "".join(gates) == names
    h = (
        gates["o"][0] * np.tanh(gates["i"][0] * gates["g"][0])
        if cell == "lstm"
        else (1 - gates["z"][0]) * gates["n"][0]
    )[0]
    for n, name in enumerate(names):
        for j in range(H):
            row = n * H + j
            a = sum(params["weight_ih_l0"][row, k] * x[1, 0, k] for k in range(I)) + params["bias_ih_l0"][row]
            u = sum(params["weight_hh_l0"][row, k] * h[k] for k in range(H)) + params["bias_hh_l0"][row]
            if name in "gn":
                a += u * (gates["r"][1, 0, j] if name == "n" else 1)
                expected = math.tanh(a)
            else:
                expected = 1 / (1 + math.exp(-(a + u)))
            assert gates[name][1, 0, j] == pytest.approx(expected, rel=1e-12)


def test_what_is_refused():
    rng = np.random.default_rng(0)
    params, x = stack("gru", rng, 3, 2, 1), rng.normal(size=(4, 1, 3))
    with pytest.raises(ValueError, match="cell must be one of 'lstm', 'gru', 'mingru', 'minlstm', got 'rnn'"):
        gate_values("rnn", x, params)
    with pytest.raises(ValueError, match="weight_ih_l0"):
        gate_values("lstm", x, params)
    for cell in ("gru", "mingru"):
        with pytest.raises(ValueError, match=r"params .*weight_ih_l0"):
            gate_values(cell, x, {"bias_ih_l0": params["bias_ih_l0"]})
    with pytest.raises(ValueError, match=r"x must have shape \(T, B, input_size\)"):
        gate_values("gru", x[:, 0], params)
