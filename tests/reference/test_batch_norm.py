"""Batch normalisation against torch.nn.BatchNorm1d, fed the rows that count, and against central differences."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnncourse.reference import gradcheck
from rnncourse.reference.batch_norm import RunningStatistics, batch_norm_backward, batch_norm_forward
from tests.reference.cell_checks import assert_same
from tests.tolerances import FINITE_DIFFERENCES, FLOAT32, FLOAT64, assert_close

# Over two values x_hat is about ±1 whatever they are, and dx little but rounding: at least three where dx is compared.
SIZES = [(5, 4, 2), (1, 4, 3), (6, 3, 1), (2, 3, 5)]


def draw(seed, size, rows=None, dtype=np.float64):
    """Random input, parameters, running statistics (one row, or `rows` of them), and a cotangent for the output."""
    rng = np.random.default_rng(seed)
    shape = size[2:] if rows is None else (rows, size[2])
    x = 2 + 3 * rng.standard_normal(size)
    weight, bias = rng.standard_normal((2, size[2]))
    mean, var, dy = rng.standard_normal(shape), rng.uniform(0.5, 2, shape), rng.standard_normal(size)
    x, weight, bias, mean, var, dy = (a.astype(dtype) for a in (x, weight, bias, mean, var, dy))
    return x, weight, bias, RunningStatistics(mean, var), dy


def run_ours(x, weight, bias, running, dy, **options):
    y, running, cache = batch_norm_forward(x, weight, bias, running, **options)
    dx, grads = batch_norm_backward(dy, cache)
    return {"y": y, "running_mean": running.mean, "running_var": running.var, "x": dx, **grads}


def run_torch(x, weight, bias, running, dy, *, training, per_step=False, lengths=None, momentum=0.1, eps=1e-5):
    """One BatchNorm1d for all steps or one for each row of `running`, applied to those rows of x that count."""
    T, B, H = x.shape
    mask = np.arange(T)[:, None] < (np.full(B, T) if lengths is None else lengths)
    x, weight, bias = leaves = [torch.tensor(a, requires_grad=True) for a in (x, weight, bias)]
    norms = []
    for mean, var in zip(*map(np.atleast_2d, running), strict=True):
        norm = torch.nn.BatchNorm1d(H, eps=eps, momentum=momentum, dtype=x.dtype).train(training)
        norm.running_mean.copy_(torch.from_numpy(mean))
        norm.running_var.copy_(torch.from_numpy(var))
        del norm.weight, norm.bias
        norm.weight, norm.bias = weight, bias
        norms.append(norm)
    y = torch.zeros_like(x)
    if per_step:
        for t in range(T):
            if mask[t].any():
                on = torch.from_numpy(mask[t])
                y[t, on] = norms[min(t, len(norms) - 1)](x[t, on])
    else:
        y[torch.from_numpy(mask)] = norms[0](x[torch.from_numpy(mask)])
    grads = torch.autograd.grad(y, leaves, torch.from_numpy(dy))
    return {
        "y": y.detach().numpy(),
        "running_mean": np.stack([n.running_mean.numpy() for n in norms]).reshape(running.mean.shape),
        "running_var": np.stack([n.running_var.numpy() for n in norms]).reshape(running.var.shape),
        **{n: g.numpy() for n, g in zip(("x", "weight", "bias"), grads, strict=True)},
    }


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("per_step", [False, True], ids=["shared", "per-step"])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_equals_torch_in_float64(size, per_step, training):
    case = draw(0, size, rows=size[0] if per_step else None)
    options = {"per_step": per_step, "training": training, "momentum": 0.3, "eps": 0.01}
    assert_same(run_ours(*case, **options), run_torch(*case, **options), FLOAT64)


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("rows, lengths", [(None, [6, 1, 4, 5, 6]), (6, [4, 4, 3, 4, 3]), (7, [6, 3, 6, 5, 6])])
def test_equals_torch_with_lengths(rows, lengths, training):
    case = draw(1, (6, 5, 2), rows)
    options = {"per_step": rows is not None, "training": training, "lengths": np.array(lengths)}
    assert_same(run_ours(*case, **options), run_torch(*case, **options), FLOAT64)


@pytest.mark.parametrize("number", [float, np.float64])
@pytest.mark.parametrize("rows", [None, 5])
def test_equals_torch_in_float32(rows, number):
    case = draw(2, (5, 4, 3), rows, np.float32)
    options = {"per_step": rows is not None, "training": True, "lengths": np.array([5, 3, 5, 5])}
    ours = run_ours(*case, **options, momentum=number(0.1), eps=number(1e-3))
    assert {a.dtype for a in ours.values()} == {np.dtype(np.float32)}
    assert_same(ours, run_torch(*case, **options, momentum=0.1, eps=1e-3), FLOAT32)


@given(
    seed=st.integers(0, 2**32 - 1),
    size=st.tuples(st.integers(1, 5), st.integers(3, 5), st.integers(1, 4)),
    per_step=st.booleans(),
    training=st.booleans(),
    data=st.data(),
)
@settings(max_examples=25)
def test_any_shape_equals_torch(seed, size, per_step, training, data):
    T, B, _ = size
    # Three sequences of one length: every step that is reached then has three values.
    full = data.draw(st.integers(1, T))
    rest = data.draw(st.lists(st.integers(1, full), min_size=B - 3, max_size=B - 3))
    case = draw(seed, size, T if per_step else None)
    options = {"per_step": per_step, "training": training, "lengths": np.array([full] * 3 + rest), "eps": 0.1}
    assert_same(run_ours(*case, **options), run_torch(*case, **options), FLOAT64)


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("rows", [None, 4], ids=["shared", "per-step"])
def test_gradients_equal_central_differences(rows, training):
    x, weight, bias, running, dy = draw(3, (4, 5, 2), rows)
    options = {"per_step": rows is not None, "training": training, "lengths": np.array([4, 1, 4, 3, 4])}
    gradcheck(
        lambda: float((batch_norm_forward(x, weight, bias, running, **options)[0] * dy).sum()),
        {"x": x, "weight": weight, "bias": bias},
        run_ours(x, weight, bias, running, dy, **options),
        tolerance=FINITE_DIFFERENCES,
    )


def test_in_evaluation_later_steps_use_the_last_row():
    case = draw(4, (6, 4, 3), rows=2)
    options = {"per_step": True, "training": False}
    assert_same(run_ours(*case, **options), run_torch(*case, **options), FLOAT64)


def test_what_comes_after_the_end_changes_nothing():
    x, weight, bias, running, dy = draw(5, (4, 3, 2))
    lengths = np.array([4, 2, 3])
    other = np.where(np.arange(4)[:, None, None] < lengths[:, None], x, 1e3)
    options = {"training": True, "lengths": lengths}
    ours = run_ours(x, weight, bias, running, dy, **options)
    assert_same(ours, run_ours(other, weight, bias, running, dy, **options), 0)
    assert not ours["y"][2:, 1].any() and not ours["x"][2:, 1].any()


def test_inputs_are_untouched_and_running_averages_converge_to_the_batch():
    x, weight, bias, running, _ = draw(6, (4, 5, 2))
    kept = [a.copy() for a in (x, weight, bias, *running)]
    new = running
    for _ in range(50):
        _, new, _ = batch_norm_forward(x, weight, bias, new, training=True, momentum=0.5)
    for before, after in zip(kept, (x, weight, bias, *running), strict=True):
        assert np.array_equal(before, after)
    assert_close(new.mean, x.mean((0, 1)), FLOAT64)
    assert_close(new.var, x.reshape(-1, 2).var(0, ddof=1), FLOAT64)


def pair(running, **changes):
    return running._replace(**changes)


ON, STEPS = {"training": True}, {"training": True, "per_step": True}
BAD = {
    "rank": (lambda x, w, b, r: (x[0], w, b, r, ON), ValueError, r"x must have shape \(T, B, H\), got \(3, 2\)"),
    "empty": (lambda x, w, b, r: (x[:0], w, b, r, ON), ValueError, "T >= 1"),
    "dtype": (lambda x, w, b, r: (x, w.astype(np.float32), b, r, ON), TypeError, "weight must have dtype float64"),
    "bias": (lambda x, w, b, r: (x, w, b[:1], r, ON), ValueError, r"bias must have shape \(2,\), got \(1,\)"),
    "nan": (lambda x, w, b, r: (x * np.nan, w, b, r, ON), ValueError, "x must be finite"),
    "training": (lambda x, w, b, r: (x, w, b, r, {"training": None}), ValueError, "training must be one of"),
    "per-step": (lambda x, w, b, r: (x, w, b, r, {**ON, "per_step": 2}), ValueError, "per_step must be one of True"),
    "running": (lambda x, w, b, r: (x, w, b, r.mean, ON), TypeError, "running must be RunningStatistics"),
    "running-rank": (lambda x, w, b, r: (x, w, b, r, STEPS), ValueError, r"running.mean must have shape \(T_max, 2\)"),
    "running-nan": (
        lambda x, w, b, r: (x, w, b, pair(r, mean=r.mean * np.nan), ON),
        ValueError,
        "running.mean must be finite",
    ),
    "running-var": (
        lambda x, w, b, r: (x, w, b, pair(r, var=r.var[:1]), ON),
        ValueError,
        r"running.var must have shape \(2,\)",
    ),
    "negative": (lambda x, w, b, r: (x, w, b, pair(r, var=-r.var), ON), ValueError, "running.var must be at least 0"),
    "few-rows": (
        lambda x, w, b, r: (x, w, b, RunningStatistics(*(np.stack([s] * 3) for s in r)), STEPS),
        ValueError,
        "at least T=4 rows to train on x, got 3",
    ),
    "one-value": (lambda x, w, b, r: (x[:1, :1], w, b, r, ON), ValueError, "at least 2 values of .* got 1"),
    "one-value-at-a-step": (
        lambda x, w, b, r: (
            x,
            w,
            b,
            RunningStatistics(*(np.stack([s] * 4) for s in r)),
            {**STEPS, "lengths": np.array([3, 2, 2])},
        ),
        ValueError,
        "got 1 at step 2",
    ),
    "lengths": (lambda x, w, b, r: (x, w, b, r, {**ON, "lengths": np.array([5, 1, 1])}), ValueError, "lengths .* 5"),
    "momentum": (
        lambda x, w, b, r: (x, w, b, r, {**ON, "momentum": 1.5}),
        ValueError,
        "momentum must be at least 0 and at most 1",
    ),
    "momentum-none": (lambda x, w, b, r: (x, w, b, r, {**ON, "momentum": None}), TypeError, "momentum must be a"),
    "eps": (lambda x, w, b, r: (x, w, b, r, {**ON, "eps": 0}), ValueError, "eps must be above 0"),
}


@pytest.mark.parametrize("spoil, error, message", BAD.values(), ids=BAD.keys())
def test_bad_input_is_named(spoil, error, message):
    *arrays, options = spoil(*draw(7, (4, 3, 2))[:4])
    with pytest.raises(error, match=message):
        batch_norm_forward(*arrays, **options)


def test_bad_cotangents_are_named():
    *arrays, dy = draw(8, (4, 3, 2))
    _, _, cache = batch_norm_forward(*arrays, training=True)
    with pytest.raises(ValueError, match=r"dy must have shape \(4, 3, 2\), got \(3, 2\)"):
        batch_norm_backward(dy[0], cache)
    with pytest.raises(TypeError, match="dy must have dtype float64"):
        batch_norm_backward(dy.astype(np.float32), cache)
