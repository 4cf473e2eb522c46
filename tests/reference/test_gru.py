"""The GRU: the cell against a naive torch step, the whole sequence against the cell and torch.nn.GRU."""

import numpy as np
import pytest
import torch
from hypothesis import settings

from rnncourse.reference import gradcheck, gru_backward, gru_cell, gru_forward, init_gru
from tests.reference.cell_checks import SIZES, Case, any_shape, assert_same, check_cell, naive, scanned
from tests.tolerances import FINITE_DIFFERENCES, FLOAT32, FLOAT64, assert_close

# T, B, I, H with several blocks of steps in the backward pass, the first one shorter than the others.
BLOCKS = (7, 32, 3, 80)
CONVENTIONS = {
    "pytorch": {"reset_after": True, "z_keeps": True},
    "cho": {"reset_after": False, "z_keeps": True},
    "chung": {"reset_after": False, "z_keeps": False},
    "after-admits": {"reset_after": True, "z_keeps": False},
}
EACH = pytest.mark.parametrize("options", CONVENTIONS.values(), ids=CONVENTIONS.keys())


def definition(reset_after, z_keeps):
    """One step for one sequence, in torch."""

    def step(x, state, p):
        (h,) = state
        (W_ir, W_iz, W_in), (W_hr, W_hz, W_hn) = p["weight_ih_l0"].chunk(3), p["weight_hh_l0"].chunk(3)
        (b_ir, b_iz, b_in), (b_hr, b_hz, b_hn) = p["bias_ih_l0"].chunk(3), p["bias_hh_l0"].chunk(3)
        r = torch.sigmoid(W_ir @ x + b_ir + W_hr @ h + b_hr)
        z = torch.sigmoid(W_iz @ x + b_iz + W_hz @ h + b_hz)
        old = r * (W_hn @ h + b_hn) if reset_after else W_hn @ (r * h) + b_hn
        n = torch.tanh(W_in @ x + b_in + old)
        h = torch.lerp(n, h, z) if z_keeps else torch.lerp(h, n, z)
        return h, (h,)

    return step


def one_state(I, H):
    return (H,)


def draw(size, **options):
    return Case(init_gru, one_state, size, **options)


def ours(case, lengths=None, **options):
    output, h_n, cache = gru_forward(case.x, case.state[0], case.params, lengths=lengths, **options)
    dx, dh_0, grads = gru_backward(case.d_output, case.d_state[0], cache)
    return {"output": output, "final[0]": h_n, "x": dx, "state[0]": dh_0, **grads}


def by_torch(case, lengths=None):
    """torch.nn.GRU and autograd; packed sequences where there are lengths."""
    (T, _, I), H = case.x.shape, case.state[0].shape[1]
    module = torch.nn.GRU(I, H, dtype=torch.from_numpy(case.x).dtype)
    module.load_state_dict({name: torch.from_numpy(p) for name, p in case.params.items()})
    x, h_0 = (torch.tensor(a, requires_grad=True) for a in (case.x, *case.state))
    if lengths is None:
        output, h_n = module(x, h_0[None])
    else:
        packed = torch.nn.utils.rnn.pack_padded_sequence(x, torch.from_numpy(lengths), enforce_sorted=False)
        output, h_n = module(packed, h_0[None])
        output, _ = torch.nn.utils.rnn.pad_packed_sequence(output, total_length=T)
    found = {"output": output, "final[0]": h_n[0]}
    cotangents = (case.d_output, *case.d_state)
    sum((v * torch.from_numpy(d)).sum() for v, d in zip(found.values(), cotangents, strict=True)).backward()
    grads = {"x": x, "state[0]": h_0, **dict(module.named_parameters())}
    return {n: v.detach().numpy() for n, v in found.items()} | {n: v.grad.numpy() for n, v in grads.items()}


@EACH
def test_the_cell(options):
    check_cell(gru_cell(**options), definition(**options), init_gru, one_state)


def test_the_default_is_pytorchs():
    case = draw((5, 4, 2, 3))
    assert_same(scanned(gru_cell(), case), by_torch(case), FLOAT64)
    assert_same(ours(case), by_torch(case), FLOAT64)


@pytest.mark.parametrize("size", [*SIZES.values(), BLOCKS], ids=[*SIZES, "blocks"])
def test_equals_torch_in_float64(size):
    case = draw(size, seed=1)
    assert_same(ours(case), by_torch(case), FLOAT64)


@EACH
def test_equals_torch_in_float32(options):
    case = draw((6, 4, 2, 3), dtype=np.float32)
    values = ours(case, **options)
    assert {a.dtype for a in values.values()} == {np.dtype(np.float32)}
    assert_same(
        values, by_torch(case) if options == CONVENTIONS["pytorch"] else scanned(gru_cell(**options), case), FLOAT32
    )


def test_equals_torch_packed_sequences():
    case, lengths = draw((6, 4, 2, 3), seed=2), np.array([6, 1, 4, 5])
    assert_same(ours(case, lengths), by_torch(case, lengths), FLOAT64)


@EACH
@pytest.mark.parametrize("size, lengths", [((7, 3, 2, 5), [2, 7, 4]), (BLOCKS, np.arange(32) % 7 + 1)])
def test_the_fast_form_is_the_scanned_cell(options, size, lengths):
    case = draw(size)
    for some in (None, np.array(lengths)):
        assert_same(ours(case, some, **options), scanned(gru_cell(**options), case, some), FLOAT64)


@settings(max_examples=40)
@any_shape
def test_any_shape_of_the_fast_form_is_the_scanned_cell(size, seed, lengths):
    options = list(CONVENTIONS.values())[seed % 4]
    case = draw(size, seed=seed)
    assert_same(ours(case, lengths, **options), scanned(gru_cell(**options), case, lengths), FLOAT64)


@pytest.mark.parametrize("reset_after", [True, False])
def test_z_turned_round_is_its_weights_negated(reset_after):
    case = draw((6, 4, 2, 3), seed=3)
    admits = ours(case, reset_after=reset_after, z_keeps=False)
    for p in case.params.values():
        p[3:6] *= -1
    keeps = ours(case, reset_after=reset_after, z_keeps=True)
    for name in case.params:
        keeps[name][3:6] *= -1
    assert_same(admits, keeps, FLOAT64)


@pytest.mark.parametrize("lengths", [None, np.array([4, 2, 1])], ids=["full", "lengths"])
@EACH
def test_gradients_equal_central_differences(options, lengths):
    case = draw((4, 3, 2, 3), seed=4)

    def loss():
        output, h_n, _ = gru_forward(case.x, case.state[0], case.params, lengths=lengths, **options)
        return float((output * case.d_output).sum() + (h_n * case.d_state[0]).sum())

    gradcheck(loss, case.leaves, ours(case, lengths, **options), tolerance=FINITE_DIFFERENCES)


@EACH
def test_none_means_a_gradient_of_zero(options):
    case = draw((4, 3, 2, 5), seed=5)
    _, _, cache = gru_forward(case.x, case.state[0], case.params, **options)
    whole = gru_backward(case.d_output, case.d_state[0], cache)
    parts = gru_backward(case.d_output, None, cache), gru_backward(None, case.d_state[0], cache)
    for k in range(2):
        assert_close(parts[0][k] + parts[1][k], whole[k], FLOAT64)
    for name in case.params:
        assert_close(parts[0][2][name] + parts[1][2][name], whole[2][name], FLOAT64)


@EACH
def test_chunks_with_carried_state_equal_one_run(options):
    case = draw((7, 3, 2, 4), seed=6)
    whole = ours(case, **options)
    first, h, cache_1 = gru_forward(case.x[:3], case.state[0], case.params, **options)
    second, h_n, cache_2 = gru_forward(case.x[3:], h, case.params, **options)
    dx_2, dh, grads_2 = gru_backward(case.d_output[3:], case.d_state[0], cache_2)
    dx_1, dh_0, grads_1 = gru_backward(case.d_output[:3], dh, cache_1)
    assert_close(np.concatenate([first, second]), whole["output"], FLOAT64)
    assert_close(np.concatenate([dx_1, dx_2]), whole["x"], FLOAT64)
    assert_close(h_n, whole["final[0]"], FLOAT64)
    assert_close(dh_0, whole["state[0]"], FLOAT64)
    for name in case.params:
        assert_close(grads_1[name] + grads_2[name], whole[name], FLOAT64)


@EACH
@pytest.mark.parametrize("dtype, tolerance", [(np.float64, FLOAT64), (np.float32, FLOAT32)])
@pytest.mark.parametrize("scale", [1e2, 1e30])
def test_saturated_gates_stay_finite_and_right(options, dtype, tolerance, scale):
    case = draw((4, 3, 2, 5), seed=7, dtype=dtype)
    case.x *= dtype(scale)
    with np.errstate(all="raise"):
        values, by_cell = ours(case, **options), scanned(gru_cell(**options), case)
    expected = naive(definition(**options), case)
    for found in (values, by_cell):
        for name in ("output", "final[0]"):
            assert_close(found[name], expected[name], tolerance, name)
        for name in ("x", "state[0]"):  # all but nothing passes a saturated gate
            assert np.abs(found[name] - expected[name]).max() <= tolerance, name
        assert all(np.isfinite(a).all() for a in found.values())


@EACH
def test_what_is_kept_is_read_only_and_inputs_are_untouched(options):
    case = draw((4, 3, 2, 5), seed=8)
    held = [case.x, *case.state, case.d_output, *case.d_state, *case.params.values()]
    copies = [a.copy() for a in held]
    output, h_n, cache = gru_forward(case.x, case.state[0], case.params, **options)
    for array in (output, h_n, cache.gates, cache.u):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    once, again = (gru_backward(case.d_output, case.d_state[0], cache) for _ in range(2))
    assert np.array_equal(once[0], again[0])
    assert all(np.array_equal(once[2][name], again[2][name]) for name in case.params)
    assert all(np.array_equal(before, after) for before, after in zip(copies, held, strict=True))


@EACH
def test_the_gates_are_kept_as_documented(options):
    case = draw((4, 3, 2, 5), seed=9)
    _, _, cache = gru_forward(case.x, case.state[0], case.params, **options)
    h = torch.tensor(cache.h[:-1])
    p = {name: torch.from_numpy(a) for name, a in case.params.items()}
    a_x = torch.from_numpy(case.x) @ p["weight_ih_l0"].T + p["bias_ih_l0"]
    a_h = h @ p["weight_hh_l0"].T + p["bias_hh_l0"]
    (r, z, _), (_, _, Wh_n) = torch.sigmoid(a_x + a_h).chunk(3, 2), a_h.chunk(3, 2)
    assert_close(cache.gates[0], r.numpy(), FLOAT64)
    assert_close(cache.gates[1], (z if options["z_keeps"] else 1 - z).numpy(), FLOAT64)
    assert_close(cache.u, (Wh_n if options["reset_after"] else r * h).numpy(), FLOAT64)
    _, keep, n = cache.gates
    assert_close(cache.h[1:], keep * cache.h[:-1] + (1 - keep) * n, FLOAT64)


BAD = {
    "rank": (lambda x, h, p: (x[0], h, p, {}), ValueError, r"x must have shape \(T, B, input_size\), got \(3, 2\)"),
    "no-step": (lambda x, h, p: (x[:0], h, p, {}), ValueError, "T >= 1 and B >= 1"),
    "batch": (lambda x, h, p: (x, h[:2], p, {}), ValueError, r"h_0 must have shape \(3, hidden_size\), got \(2, 5\)"),
    "dtype": (lambda x, h, p: (x, h.astype(np.float32), p, {}), TypeError, "h_0 must have dtype float64"),
    "integers": (lambda x, h, p: (x.astype(int), h, p, {}), TypeError, "x must be of a floating-point dtype"),
    "nan": (lambda x, h, p: (x * np.nan, h, p, {}), ValueError, "x must be finite"),
    "no-params": (lambda x, h, p: (x, h, None, {}), ValueError, r"params must have the keys .* got NoneType"),
    "missing-bias": (
        lambda x, h, p: (x, h, {k: a for k, a in p.items() if k != "bias_hh_l0"}, {}),
        ValueError,
        "params must have the keys",
    ),
    "four-gates": (
        lambda x, h, p: (x, h, p | {"weight_hh_l0": np.zeros((20, 5))}, {}),
        ValueError,
        r"params\['weight_hh_l0'\] must have shape \(15, 5\), got \(20, 5\)",
    ),
    "bias-row": (
        lambda x, h, p: (x, h, p | {"bias_ih_l0": p["bias_ih_l0"][None]}, {}),
        ValueError,
        r"params\['bias_ih_l0'\] must have shape \(15,\), got \(1, 15\)",
    ),
    "infinite-weight": (
        lambda x, h, p: (x, h, p | {"weight_ih_l0": p["weight_ih_l0"] + np.inf}, {}),
        ValueError,
        r"params\['weight_ih_l0'\] must be finite",
    ),
    "lengths": (lambda x, h, p: (x, h, p, {"lengths": np.array([4, 0, 1])}), ValueError, r"lengths .* got 0"),
    "reset": (lambda x, h, p: (x, h, p, {"reset_after": "no"}), ValueError, "reset_after must be one of True, False"),
    "z": (lambda x, h, p: (x, h, p, {"z_keeps": None}), ValueError, "z_keeps must be one of True, False, got None"),
}


@pytest.mark.parametrize("spoil, error, message", BAD.values(), ids=BAD.keys())
def test_bad_input_is_named(spoil, error, message):
    case = draw((4, 3, 2, 5))
    x, h_0, params, options = spoil(case.x, case.state[0], case.params)
    with pytest.raises(error, match=message):
        gru_forward(x, h_0, params, **options)


def test_the_cell_checks_too():
    case = draw((4, 3, 2, 5))
    with pytest.raises(ValueError, match="reset_after must be one of"):
        gru_cell("before")
    with pytest.raises(ValueError, match="z_keeps must be one of"):
        gru_cell(z_keeps=2)
    case.params["bias_hh_l0"] = case.params["bias_hh_l0"][:10]
    with pytest.raises(ValueError, match=r"params\['bias_hh_l0'\] must have shape \(15,\), got \(10,\)"):
        scanned(gru_cell(), case)


def test_bad_cotangents_are_named():
    case = draw((4, 3, 2, 5))
    _, _, cache = gru_forward(case.x, case.state[0], case.params)
    with pytest.raises(ValueError, match=r"d_output must have shape \(4, 3, 5\), got \(3, 3, 5\)"):
        gru_backward(case.d_output[1:], case.d_state[0], cache)
    with pytest.raises(TypeError, match="d_h_n must have dtype float64"):
        gru_backward(case.d_output, case.d_state[0].astype(np.float32), cache)


def test_initial_parameters_are_those_of_torch():
    params = init_gru(np.random.default_rng(0), 30, 64, np.float32)
    theirs = {n: p.detach().numpy() for n, p in torch.nn.GRU(30, 64).named_parameters()}
    assert list(params) == list(theirs)
    for name, p in params.items():
        assert (p.shape, p.dtype) == (theirs[name].shape, theirs[name].dtype)
        assert 0.95 / 8 < np.abs(p).max() <= 1 / 8
        assert abs(p.std() * 8 * np.sqrt(3) - 1) < 0.15
    assert not np.array_equal(params["bias_ih_l0"], params["bias_hh_l0"])


@pytest.mark.parametrize(
    "sizes, error, message",
    [
        ((0, 3), ValueError, "input_size must be at least 1, got 0"),
        ((2, 0), ValueError, "hidden_size must be at least 1, got 0"),
        ((2, 3.0), TypeError, "hidden_size must be an integer"),
    ],
)
def test_bad_sizes_are_named(sizes, error, message):
    with pytest.raises(error, match=message):
        init_gru(np.random.default_rng(0), *sizes)
