"""The Elman network against torch.nn.RNN, against a naive torch loop, and against central differences."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rnncourse.reference import gradcheck, init_rnn, rnn_backward, rnn_forward
from tests.reference.cell_checks import SIZES
from tests.tolerances import FINITE_DIFFERENCES, FLOAT32, FLOAT64, assert_close

PHI = {"tanh": torch.tanh, "relu": torch.relu, "sigmoid": torch.sigmoid, "linear": lambda a: a}


def draw(seed, T, B, I, H, dtype=np.float64):
    """Random inputs, state, parameters, and cotangents for the output and for the final state."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((T, B, I)).astype(dtype)
    h_0 = rng.standard_normal((B, H)).astype(dtype)
    params = init_rnn(rng, I, H, dtype)
    d_output = rng.standard_normal((T, B, H)).astype(dtype)
    d_h_n = rng.standard_normal((B, H)).astype(dtype)
    return x, h_0, params, d_output, d_h_n


def run_ours(x, h_0, params, d_output, d_h_n, **options):
    output, h_n, cache = rnn_forward(x, h_0, params, **options)
    dx, dh_0, grads = rnn_backward(d_output, d_h_n, cache)
    return {"output": output, "h_n": h_n, "x": dx, "h_0": dh_0, **grads}


def run_torch(x, h_0, params, d_output, d_h_n, nonlinearity="tanh", lengths=None):
    """torch.nn.RNN and autograd; packed sequences where there are lengths."""
    T, _, I = x.shape
    module = torch.nn.RNN(I, h_0.shape[1], nonlinearity=nonlinearity, dtype=torch.from_numpy(x).dtype)
    with torch.no_grad():
        for name, p in module.named_parameters():
            p.copy_(torch.from_numpy(params[name]))
    x, h_0 = (torch.tensor(a, requires_grad=True) for a in (x, h_0))
    if lengths is None:
        output, h_n = module(x, h_0[None])
    else:
        packed = torch.nn.utils.rnn.pack_padded_sequence(x, torch.from_numpy(lengths), enforce_sorted=False)
        output, h_n = module(packed, h_0[None])
        output, _ = torch.nn.utils.rnn.pad_packed_sequence(output, total_length=T)
    ((output * torch.from_numpy(d_output)).sum() + (h_n[0] * torch.from_numpy(d_h_n)).sum()).backward()
    grads = {name: p.grad.numpy() for name, p in module.named_parameters()}
    return {
        "output": output.detach().numpy(),
        "h_n": h_n[0].detach().numpy(),
        "x": x.grad.numpy(),
        "h_0": h_0.grad.numpy(),
        **grads,
    }


def run_loop(x, h_0, params, d_output, d_h_n, nonlinearity, lengths):
    """The definition, one sequence and one step at a time, differentiated by torch."""
    leaves = {name: torch.tensor(a, requires_grad=True) for name, a in {"x": x, "h_0": h_0, **params}.items()}
    T, B, _ = x.shape
    output, h_n = [], []
    for b in range(B):
        h = leaves["h_0"][b]
        steps = []
        for t in range(T):
            if t < lengths[b]:
                a = leaves["weight_ih_l0"] @ leaves["x"][t, b] + leaves["bias_ih_l0"]
                h = PHI[nonlinearity](a + leaves["weight_hh_l0"] @ h + leaves["bias_hh_l0"])
                steps.append(h)
            else:
                steps.append(torch.zeros_like(h))
        output.append(torch.stack(steps))
        h_n.append(h)
    output, h_n = torch.stack(output, 1), torch.stack(h_n)
    ((output * torch.from_numpy(d_output)).sum() + (h_n * torch.from_numpy(d_h_n)).sum()).backward()
    grads = {name: leaf.grad.numpy() for name, leaf in leaves.items()}
    return {"output": output.detach().numpy(), "h_n": h_n.detach().numpy(), **grads}


def assert_same(ours, theirs, tolerance):
    assert set(ours) == set(theirs)
    for name in theirs:
        assert_close(ours[name], theirs[name], tolerance, name)


@pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES.keys())
def test_equals_torch_in_float64(size, nonlinearity):
    case = draw(0, *size)
    assert_same(run_ours(*case, nonlinearity=nonlinearity), run_torch(*case, nonlinearity=nonlinearity), FLOAT64)


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES.keys())
def test_equals_torch_in_float32(size):
    case = draw(1, *size, dtype=np.float32)
    ours = run_ours(*case)
    assert {a.dtype for a in ours.values()} == {np.dtype(np.float32)}
    assert_same(ours, run_torch(*case), FLOAT32)


def test_equals_torch_packed_sequences():
    case, lengths = draw(2, 6, 4, 2, 3), np.array([6, 1, 4, 5])
    assert_same(run_ours(*case, lengths=lengths), run_torch(*case, lengths=lengths), FLOAT64)


@pytest.mark.parametrize("nonlinearity", PHI)
def test_equals_the_definition_with_lengths(nonlinearity):
    case, lengths = draw(3, 5, 3, 2, 4), np.array([2, 5, 1])
    ours = run_ours(*case, nonlinearity=nonlinearity, lengths=lengths)
    assert_same(ours, run_loop(*case, nonlinearity, lengths), FLOAT64)


@given(
    seed=st.integers(0, 2**32 - 1),
    T=st.integers(1, 7),
    B=st.integers(1, 4),
    I=st.integers(1, 5),
    H=st.integers(1, 6),
    nonlinearity=st.sampled_from(sorted(PHI)),
    data=st.data(),
)
def test_any_shape_equals_the_definition(seed, T, B, I, H, nonlinearity, data):
    case = draw(seed, T, B, I, H)
    lengths = np.array(data.draw(st.lists(st.integers(1, T), min_size=B, max_size=B)))
    ours = run_ours(*case, nonlinearity=nonlinearity, lengths=lengths)
    assert_same(ours, run_loop(*case, nonlinearity, lengths), FLOAT64)


@pytest.mark.parametrize("lengths", [None, np.array([4, 2, 1])], ids=["full", "lengths"])
@pytest.mark.parametrize("nonlinearity", PHI)
def test_gradients_equal_central_differences(nonlinearity, lengths):
    x, h_0, params, d_output, d_h_n = draw(4, 4, 3, 2, 5)
    options = {"nonlinearity": nonlinearity, "lengths": lengths}

    def loss():
        output, h_n, _ = rnn_forward(x, h_0, params, **options)
        return float((output * d_output).sum() + (h_n * d_h_n).sum())

    grads = run_ours(x, h_0, params, d_output, d_h_n, **options)
    gradcheck(loss, {"x": x, "h_0": h_0, **params}, grads, tolerance=FINITE_DIFFERENCES)


def test_none_means_a_gradient_of_zero():
    x, h_0, params, d_output, d_h_n = draw(5, 4, 3, 2, 5)
    _, _, cache = rnn_forward(x, h_0, params)
    whole = rnn_backward(d_output, d_h_n, cache)
    parts = rnn_backward(d_output, None, cache), rnn_backward(None, d_h_n, cache)
    assert_close(parts[0][0] + parts[1][0], whole[0], FLOAT64)
    assert_close(parts[0][1] + parts[1][1], whole[1], FLOAT64)
    for name in params:
        assert_close(parts[0][2][name] + parts[1][2][name], whole[2][name], FLOAT64)


def test_chunks_with_carried_state_equal_one_run():
    x, h_0, params, d_output, d_h_n = draw(6, 7, 3, 2, 4)
    whole = run_ours(x, h_0, params, d_output, d_h_n)
    first, h, cache_1 = rnn_forward(x[:3], h_0, params)
    second, _, cache_2 = rnn_forward(x[3:], h, params)
    dx_2, dh, grads_2 = rnn_backward(d_output[3:], d_h_n, cache_2)
    dx_1, dh_0, grads_1 = rnn_backward(d_output[:3], dh, cache_1)
    assert_close(np.concatenate([first, second]), whole["output"], FLOAT64)
    assert_close(np.concatenate([dx_1, dx_2]), whole["x"], FLOAT64)
    assert_close(dh_0, whole["h_0"], FLOAT64)
    for name in params:
        assert_close(grads_1[name] + grads_2[name], whole[name], FLOAT64)


def test_saturated_units_stay_finite():
    x, h_0, params, d_output, d_h_n = draw(7, 4, 3, 2, 5)
    for nonlinearity in ("tanh", "sigmoid"):
        with np.errstate(all="raise"):
            run_ours(1e4 * x, h_0, params, d_output, d_h_n, nonlinearity=nonlinearity)


def test_output_is_read_only_and_inputs_are_untouched():
    case = draw(8, 4, 3, 2, 5)
    kept = [np.copy(a) for a in (case[0], case[1], case[3], case[4])]
    output, _, _ = rnn_forward(*case[:3])
    with pytest.raises(ValueError, match="read-only"):
        output[0] = 0
    run_ours(*case)
    for before, after in zip(kept, (case[0], case[1], case[3], case[4]), strict=True):
        assert np.array_equal(before, after)


def without(params, key):
    return {name: a for name, a in params.items() if name != key}


BAD = {
    "rank": (lambda x, h, p: (x[0], h, p, {}), ValueError, r"x must have shape \(T, B, input_size\), got \(3, 2\)"),
    "no-step": (lambda x, h, p: (x[:0], h, p, {}), ValueError, "T >= 1 and B >= 1"),
    "batch": (lambda x, h, p: (x, h[:2], p, {}), ValueError, r"h_0 must have shape \(3, hidden_size\), got \(2, 5\)"),
    "dtype": (lambda x, h, p: (x, h.astype(np.float32), p, {}), TypeError, "h_0 must have dtype float64"),
    "integers": (lambda x, h, p: (x.astype(int), h, p, {}), TypeError, "x must be of a floating-point dtype"),
    "list": (lambda x, h, p: (x.tolist(), h, p, {}), TypeError, "x must be a numpy.ndarray"),
    "nan": (
        lambda x, h, p: (np.where(x == x[1, 2, 0], np.nan, x), h, p, {}),
        ValueError,
        r"x .* nan at index \(1, 2, 0\)",
    ),
    "infinite-weight": (
        lambda x, h, p: (x, h, {**p, "weight_hh_l0": p["weight_hh_l0"] + np.inf}, {}),
        ValueError,
        r"params\['weight_hh_l0'\] must be finite",
    ),
    "transposed-weight": (
        lambda x, h, p: (x, h, {**p, "weight_ih_l0": p["weight_ih_l0"].T}, {}),
        ValueError,
        r"params\['weight_ih_l0'\] must have shape \(5, 2\), got \(2, 5\)",
    ),
    "bias-row": (
        lambda x, h, p: (x, h, {**p, "bias_hh_l0": p["bias_hh_l0"][None]}, {}),
        ValueError,
        r"params\['bias_hh_l0'\] must have shape \(5,\), got \(1, 5\)",
    ),
    "missing-bias": (lambda x, h, p: (x, h, without(p, "bias_ih_l0"), {}), ValueError, "params must have the keys"),
    "nonlinearity": (lambda x, h, p: (x, h, p, {"nonlinearity": "gelu"}), ValueError, "nonlinearity must be one of"),
    "lengths-zero": (lambda x, h, p: (x, h, p, {"lengths": np.array([4, 0, 1])}), ValueError, r"lengths .* got 0"),
    "lengths-long": (lambda x, h, p: (x, h, p, {"lengths": np.array([4, 5, 1])}), ValueError, r"lengths .* got 5"),
    "lengths-shape": (lambda x, h, p: (x, h, p, {"lengths": np.array([4, 1])}), ValueError, "lengths must have shape"),
    "lengths-float": (
        lambda x, h, p: (x, h, p, {"lengths": np.array([4.0, 1, 1])}),
        TypeError,
        "lengths must be an integer",
    ),
}


@pytest.mark.parametrize("spoil, error, message", BAD.values(), ids=BAD.keys())
def test_bad_input_is_named(spoil, error, message):
    x, h_0, params, _, _ = draw(9, 4, 3, 2, 5)
    x, h_0, params, options = spoil(x, h_0, params)
    with pytest.raises(error, match=message):
        rnn_forward(x, h_0, params, **options)


def test_bad_cotangents_are_named():
    x, h_0, params, d_output, d_h_n = draw(10, 4, 3, 2, 5)
    _, _, cache = rnn_forward(x, h_0, params)
    with pytest.raises(ValueError, match=r"d_output must have shape \(4, 3, 5\), got \(3, 3, 5\)"):
        rnn_backward(d_output[1:], d_h_n, cache)
    with pytest.raises(TypeError, match="d_h_n must have dtype float64"):
        rnn_backward(d_output, d_h_n.astype(np.float32), cache)
