"""The LSTM: the cell against a naive torch step, the whole sequence against the cell and torch.nn.LSTM."""

import numpy as np
import pytest
import torch
from hypothesis import settings

from rnncourse.reference import gradcheck, init_lstm, lstm_backward, lstm_cell, lstm_forward
from tests.reference.cell_checks import SIZES, Case, any_shape, assert_same, check_cell, scanned
from tests.tolerances import FINITE_DIFFERENCES, FLOAT32, FLOAT64, assert_close

# T, B, I, H with several blocks of steps in the backward pass, the first one shorter than the others.
BLOCKS = (7, 32, 3, 80)


def step(x, state, p):
    """The definition, for one sequence."""
    h, c = state
    a = p["weight_ih_l0"] @ x + p["bias_ih_l0"] + p["weight_hh_l0"] @ h + p["bias_hh_l0"]
    H = len(c)
    i, f, o = (torch.sigmoid(a[k * H : (k + 1) * H]) for k in (0, 1, 3))
    c = f * c + i * torch.tanh(a[2 * H : 3 * H])
    h = o * torch.tanh(c)
    if "weight_hr_l0" in p:
        h = p["weight_hr_l0"] @ h
    return h, (h, c)


def width(I, H):
    """Of a projection: below H where that is possible."""
    return max(1, H - 1)


def init_projected(rng, I, H, dtype):
    if H > 1:
        return init_lstm(rng, I, H, dtype, proj_size=width(I, H))
    return init_lstm(rng, I, H, dtype) | {"weight_hr_l0": rng.standard_normal((1, 1)).astype(dtype)}


PLAIN = {"init": init_lstm, "state_sizes": lambda I, H: (H, H), "output_size": lambda I, H: H}
PROJECTED = {"init": init_projected, "state_sizes": lambda I, H: (width(I, H), H), "output_size": width}
KINDS = pytest.mark.parametrize("kind", [PLAIN, PROJECTED], ids=["plain", "projected"])


def draw(kind, size, **options):
    return Case(kind["init"], kind["state_sizes"], size, output_size=kind["output_size"], **options)


def ours(case, lengths=None):
    output, (h_n, c_n), cache = lstm_forward(case.x, case.state, case.params, lengths=lengths)
    dx, (dh_0, dc_0), grads = lstm_backward(case.d_output, case.d_state, cache)
    return {"output": output, "final[0]": h_n, "final[1]": c_n, "x": dx, "state[0]": dh_0, "state[1]": dc_0, **grads}


def by_torch(case, lengths=None):
    """torch.nn.LSTM and autograd; packed sequences where there are lengths."""
    (T, _, I), H = case.x.shape, case.state[1].shape[1]
    P = case.state[0].shape[1] if "weight_hr_l0" in case.params else 0
    module = torch.nn.LSTM(I, H, proj_size=P, dtype=torch.from_numpy(case.x).dtype)
    module.load_state_dict({name: torch.from_numpy(p) for name, p in case.params.items()})
    x, h_0, c_0 = (torch.tensor(a, requires_grad=True) for a in (case.x, *case.state))
    inputs = x
    if lengths is not None:
        inputs = torch.nn.utils.rnn.pack_padded_sequence(x, torch.from_numpy(lengths), enforce_sorted=False)
    output, (h_n, c_n) = module(inputs, (h_0[None], c_0[None]))
    if lengths is not None:
        output, _ = torch.nn.utils.rnn.pad_packed_sequence(output, total_length=T)
    found = {"output": output, "final[0]": h_n[0], "final[1]": c_n[0]}
    cotangents = (case.d_output, *case.d_state)
    sum((v * torch.from_numpy(d)).sum() for v, d in zip(found.values(), cotangents, strict=True)).backward()
    grads = {"x": x, "state[0]": h_0, "state[1]": c_0, **dict(module.named_parameters())}
    return {n: v.detach().numpy() for n, v in found.items()} | {n: v.grad.numpy() for n, v in grads.items()}


@KINDS
def test_the_cell(kind):
    check_cell(lstm_cell(), step, kind["init"], kind["state_sizes"], output_size=kind["output_size"])


@pytest.mark.parametrize("size", [*SIZES.values(), BLOCKS], ids=[*SIZES, "blocks"])
def test_equals_torch_in_float64(size):
    case = draw(PLAIN, size)
    assert_same(ours(case), by_torch(case), FLOAT64)


@pytest.mark.parametrize("size", [s for s in [*SIZES.values(), BLOCKS] if s[3] > 1])
def test_equals_torch_with_a_projection(size):
    case = draw(PROJECTED, size)
    assert_same(ours(case), by_torch(case), FLOAT64)


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
@KINDS
def test_equals_torch_in_float32(kind):
    case = draw(kind, (6, 4, 2, 3), dtype=np.float32)
    values = ours(case)
    assert {a.dtype for a in values.values()} == {np.dtype(np.float32)}
    assert_same(values, by_torch(case), FLOAT32)


@KINDS
def test_equals_torch_packed_sequences(kind):
    case, lengths = draw(kind, (6, 4, 2, 3), seed=2), np.array([6, 1, 4, 5])
    assert_same(ours(case, lengths), by_torch(case, lengths), FLOAT64)


@KINDS
@pytest.mark.parametrize("size, lengths", [((7, 3, 2, 5), [2, 7, 4]), (BLOCKS, np.arange(32) % 7 + 1)])
def test_the_fast_form_is_the_scanned_cell(kind, size, lengths):
    case = draw(kind, size)
    for some in (None, np.array(lengths)):
        assert_same(ours(case, some), scanned(lstm_cell(), case, some), FLOAT64)


@settings(max_examples=40)
@any_shape
def test_any_shape_of_the_fast_form_is_the_scanned_cell(size, seed, lengths):
    case = draw((PLAIN, PROJECTED)[seed % 2], size, seed=seed)
    assert_same(ours(case, lengths), scanned(lstm_cell(), case, lengths), FLOAT64)


@KINDS
@pytest.mark.parametrize("lengths", [None, np.array([4, 2, 1])], ids=["full", "lengths"])
def test_gradients_equal_central_differences(kind, lengths):
    case = draw(kind, (4, 3, 2, 3), seed=4)

    def loss():
        output, (h_n, c_n), _ = lstm_forward(case.x, case.state, case.params, lengths=lengths)
        return float((output * case.d_output).sum() + (h_n * case.d_state[0]).sum() + (c_n * case.d_state[1]).sum())

    gradcheck(loss, case.leaves, ours(case, lengths), tolerance=FINITE_DIFFERENCES)


@KINDS
def test_none_means_a_gradient_of_zero(kind):
    case = draw(kind, (4, 3, 2, 5), seed=5)
    _, _, cache = lstm_forward(case.x, case.state, case.params)
    dx, state, grads = lstm_backward(case.d_output, case.d_state, cache)
    parts = lstm_backward(case.d_output, None, cache), lstm_backward(None, case.d_state, cache)
    assert_close(parts[0][0] + parts[1][0], dx, FLOAT64)
    for k in range(2):
        assert_close(parts[0][1][k] + parts[1][1][k], state[k], FLOAT64)
    for name in case.params:
        assert_close(parts[0][2][name] + parts[1][2][name], grads[name], FLOAT64)


@KINDS
def test_chunks_with_carried_state_equal_one_run(kind):
    case = draw(kind, (7, 3, 2, 4), seed=6)
    whole = ours(case)
    first, state, cache_1 = lstm_forward(case.x[:3], case.state, case.params)
    second, final, cache_2 = lstm_forward(case.x[3:], state, case.params)
    dx_2, carried, grads_2 = lstm_backward(case.d_output[3:], case.d_state, cache_2)
    dx_1, d_state, grads_1 = lstm_backward(case.d_output[:3], carried, cache_1)
    assert_close(np.concatenate([first, second]), whole["output"], FLOAT64)
    assert_close(np.concatenate([dx_1, dx_2]), whole["x"], FLOAT64)
    for k in range(2):
        assert_close(final[k], whole[f"final[{k}]"], FLOAT64)
        assert_close(d_state[k], whole[f"state[{k}]"], FLOAT64)
    for name in case.params:
        assert_close(grads_1[name] + grads_2[name], whole[name], FLOAT64)


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
@KINDS
@pytest.mark.parametrize("dtype, tolerance", [(np.float64, FLOAT64), (np.float32, FLOAT32)])
@pytest.mark.parametrize("scale", [1e2, 1e30])
def test_saturated_gates_stay_finite_and_right(kind, dtype, tolerance, scale):
    case = draw(kind, (4, 3, 2, 5), seed=7, dtype=dtype)
    case.x *= dtype(scale)
    with np.errstate(all="raise", under="ignore"):  # a gate may be 1e-40 and its products zero
        values, by_cell = ours(case), scanned(lstm_cell(), case)
    expected = by_torch(case)
    for found in (values, by_cell):
        for name in ("output", "final[0]", "final[1]"):
            assert_close(found[name], expected[name], tolerance, name)
        for name in ("x", "state[0]", "state[1]"):  # all but nothing passes a saturated gate
            assert np.abs(found[name] - expected[name]).max() <= tolerance, name
        assert all(np.isfinite(a).all() for a in found.values())


@KINDS
def test_what_is_kept_is_read_only_and_inputs_are_untouched(kind):
    case = draw(kind, (4, 3, 2, 5), seed=8)
    held = [case.x, *case.state, case.d_output, *case.d_state, *case.params.values()]
    copies = [a.copy() for a in held]
    output, (h_n, c_n), cache = lstm_forward(case.x, case.state, case.params)
    for array in (output, h_n, c_n, cache.gates, cache.tanh_c):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    once, again = (lstm_backward(case.d_output, case.d_state, cache) for _ in range(2))
    assert np.array_equal(once[0], again[0])
    assert all(np.array_equal(once[2][name], again[2][name]) for name in case.params)
    assert all(np.array_equal(before, after) for before, after in zip(copies, held, strict=True))


def test_the_gates_are_kept_in_the_order_i_f_g_o():
    case = draw(PLAIN, (4, 3, 2, 5), seed=9)
    _, _, cache = lstm_forward(case.x, case.state, case.params)
    h, c = torch.tensor(cache.h[:-1]), torch.tensor(cache.c[:-1])
    p = {name: torch.from_numpy(a) for name, a in case.params.items()}
    a = torch.from_numpy(case.x) @ p["weight_ih_l0"].T + p["bias_ih_l0"] + h @ p["weight_hh_l0"].T + p["bias_hh_l0"]
    a_i, a_f, a_g, a_o = a.chunk(4, 2)
    expected = torch.stack([torch.sigmoid(a_i), torch.sigmoid(a_f), torch.tanh(a_g), torch.sigmoid(a_o)], 1)
    assert_close(cache.gates, expected.numpy(), FLOAT64)
    i, f, g, _ = cache.gates.swapaxes(0, 1)
    assert_close(cache.c[1:], f * c.numpy() + i * g, FLOAT64)


BAD = {
    "rank": (lambda x, s, p: (x[0], s, p, None), ValueError, r"x must have shape \(T, B, input_size\), got \(3, 2\)"),
    "no-step": (lambda x, s, p: (x[:0], s, p, None), ValueError, "T >= 1 and B >= 1"),
    "bare-state": (lambda x, s, p: (x, s[0], p, None), TypeError, "state must be a tuple of arrays, .* got ndarray"),
    "one-state": (lambda x, s, p: (x, s[:1], p, None), ValueError, r"state must hold 2 array\(s\), got 1"),
    "batch": (
        lambda x, s, p: (x, (s[0], s[1][:2]), p, None),
        ValueError,
        r"state\[1\] must have shape \(3, hidden_size\), got \(2, 5\)",
    ),
    "h-is-not-c": (
        lambda x, s, p: (x, (s[0][:, :4], s[1]), p, None),
        ValueError,
        r"state\[0\] must have shape \(3, 5\), got \(3, 4\)",
    ),
    "dtype": (
        lambda x, s, p: (x, (s[0], s[1].astype(np.float32)), p, None),
        TypeError,
        r"state\[1\] must have dtype float64",
    ),
    "integers": (lambda x, s, p: (x.astype(int), s, p, None), TypeError, "x must be of a floating-point dtype"),
    "nan": (lambda x, s, p: (x * np.nan, s, p, None), ValueError, "x must be finite"),
    "no-params": (
        lambda x, s, p: (x, s, None, None),
        TypeError,
        "params must be a mapping of names to arrays, got NoneType",
    ),
    "missing-bias": (
        lambda x, s, p: (x, s, {k: a for k, a in p.items() if k != "bias_hh_l0"}, None),
        ValueError,
        "params must have the keys",
    ),
    "unknown": (lambda x, s, p: (x, s, p | {"weight_ci_l0": s[0]}, None), ValueError, "params must have the keys"),
    "three-gates": (
        lambda x, s, p: (x, s, p | {"weight_hh_l0": p["weight_hh_l0"][:15]}, None),
        ValueError,
        r"params\['weight_hh_l0'\] must have shape \(20, 5\), got \(15, 5\)",
    ),
    "bias-row": (
        lambda x, s, p: (x, s, p | {"bias_ih_l0": p["bias_ih_l0"][None]}, None),
        ValueError,
        r"params\['bias_ih_l0'\] must have shape \(20,\), got \(1, 20\)",
    ),
    "projection": (
        lambda x, s, p: (x, s, p | {"weight_hr_l0": np.zeros((4, 5))}, None),
        ValueError,
        r"params\['weight_hh_l0'\]|params\['weight_hr_l0'\] must have shape \(5, 5\), got \(4, 5\)",
    ),
    "infinite-weight": (
        lambda x, s, p: (x, s, p | {"weight_ih_l0": p["weight_ih_l0"] + np.inf}, None),
        ValueError,
        r"params\['weight_ih_l0'\] must be finite",
    ),
    "lengths": (lambda x, s, p: (x, s, p, np.array([4, 0, 1])), ValueError, "lengths .* got 0"),
}


@pytest.mark.parametrize("spoil, error, message", BAD.values(), ids=BAD.keys())
def test_bad_input_is_named(spoil, error, message):
    case = draw(PLAIN, (4, 3, 2, 5))
    x, state, params, lengths = spoil(case.x, case.state, case.params)
    with pytest.raises(error, match=message):
        lstm_forward(x, state, params, lengths=lengths)


def test_bad_cotangents_are_named():
    case = draw(PROJECTED, (4, 3, 2, 5))
    _, _, cache = lstm_forward(case.x, case.state, case.params)
    with pytest.raises(ValueError, match=r"d_output must have shape \(4, 3, 4\), got \(3, 3, 4\)"):
        lstm_backward(case.d_output[1:], case.d_state, cache)
    with pytest.raises(TypeError, match=r"d_state must be a tuple of 2 arrays, .* got ndarray"):
        lstm_backward(case.d_output, case.d_state[0], cache)
    with pytest.raises(ValueError, match=r"d_state\[1\] must have shape \(3, 5\), got \(3, 4\)"):
        lstm_backward(case.d_output, (case.d_state[0], case.d_state[0]), cache)
    with pytest.raises(TypeError, match=r"d_state\[0\] must have dtype float64"):
        lstm_backward(case.d_output, (case.d_state[0].astype(np.float32), case.d_state[1]), cache)


@pytest.mark.parametrize("proj_size", [0, 20])
def test_initial_parameters_are_those_of_torch(proj_size):
    params = init_lstm(np.random.default_rng(0), 30, 64, np.float32, proj_size=proj_size)
    theirs = {n: p.detach().numpy() for n, p in torch.nn.LSTM(30, 64, proj_size=proj_size).named_parameters()}
    assert list(params) == list(theirs)
    for name, p in params.items():
        assert (p.shape, p.dtype) == (theirs[name].shape, theirs[name].dtype)
        assert 0.95 / 8 < np.abs(p).max() <= 1 / 8
        assert abs(p.std() * 8 * np.sqrt(3) - 1) < 0.15
    assert not np.array_equal(params["bias_ih_l0"], params["bias_hh_l0"])


def test_the_forget_bias_is_the_sum_of_both():
    drawn = init_lstm(np.random.default_rng(0), 3, 5)
    params = init_lstm(np.random.default_rng(0), 3, 5, forget_bias=1.5)
    forget = np.zeros(20, bool)
    forget[5:10] = True
    assert np.all(params["bias_ih_l0"][forget] == 1.5)
    assert not params["bias_hh_l0"][forget].any()
    for name in drawn:
        rest = slice(None) if name.startswith("weight") else ~forget
        assert np.array_equal(params[name][rest], drawn[name][rest])


@pytest.mark.parametrize(
    "sizes, options, error, message",
    [
        ((0, 3), {}, ValueError, "input_size must be at least 1, got 0"),
        ((2, 0), {}, ValueError, "hidden_size must be at least 1, got 0"),
        ((2, 3.0), {}, TypeError, "hidden_size must be an integer"),
        ((2, 3), {"proj_size": 3}, ValueError, "proj_size must be at least 0 and below 3, got 3"),
        ((2, 3), {"forget_bias": np.inf}, ValueError, "forget_bias must be finite"),
        ((2, 3), {"dtype": np.float16}, TypeError, "dtype must be float32 or float64"),
    ],
)
def test_bad_sizes_are_named(sizes, options, error, message):
    with pytest.raises(error, match=message):
        init_lstm(np.random.default_rng(0), *sizes, **options)
