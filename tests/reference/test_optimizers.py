"""SGD, Adam and clipping, step for step against torch."""

import math

import numpy as np
import pytest
import torch

from rnncourse.reference import SGD, Adam, clip_grad_norm_
from tests.tolerances import FLOAT32, FLOAT64, assert_close

CASES = {
    "sgd": (lambda p: SGD(p, lr=0.1), lambda p: torch.optim.SGD(p, lr=0.1)),
    "adam": (lambda p: Adam(p), lambda p: torch.optim.Adam(p)),
    "adam-options": (
        lambda p: Adam(p, lr=0.03, betas=(0.5, 0.7), eps=1e-2),
        lambda p: torch.optim.Adam(p, lr=0.03, betas=(0.5, 0.7), eps=1e-2),
    ),
}


def draw(seed, dtype=np.float64):
    rng = np.random.default_rng(seed)
    return {"weight": rng.standard_normal((3, 2)).astype(dtype), "bias": rng.standard_normal(3).astype(dtype)}


@pytest.mark.parametrize("dtype, tolerance", [(np.float64, FLOAT64), (np.float32, FLOAT32)])
@pytest.mark.parametrize("ours, theirs", CASES.values(), ids=CASES.keys())
def test_equals_torch_step_for_step(ours, theirs, dtype, tolerance):
    params = draw(0, dtype)
    tensors = {name: torch.tensor(p, requires_grad=True) for name, p in params.items()}
    ours, theirs = ours(params), theirs(list(tensors.values()))
    for step in range(12):
        if step == 6:
            ours.lr = theirs.param_groups[0]["lr"] = 0.5 * ours.lr
        grads = draw(step + 1, dtype)
        for name, tensor in tensors.items():
            tensor.grad = torch.tensor(grads[name])
        ours.step(grads)
        theirs.step()
        for name, tensor in tensors.items():
            assert params[name].dtype == dtype
            assert_close(params[name], tensor.detach().numpy(), tolerance, f"{name} after step {step + 1}")


@pytest.mark.parametrize("max_norm", [0.5, 100.0])
def test_clipping_equals_torch(max_norm):
    grads = draw(0)
    tensors = [torch.tensor(np.zeros_like(g), requires_grad=True) for g in grads.values()]
    for tensor, g in zip(tensors, grads.values(), strict=True):
        tensor.grad = torch.tensor(g)
    theirs = torch.nn.utils.clip_grad_norm_(tensors, max_norm)
    ours = clip_grad_norm_(grads, max_norm)
    assert_close(ours, theirs.item(), FLOAT64)
    for tensor, g in zip(tensors, grads.values(), strict=True):
        assert_close(g, tensor.grad.numpy(), FLOAT64)


def test_clipping_keeps_the_direction():
    grads = {"a": np.array([3.0, 0.0]), "b": np.array([4.0])}
    assert clip_grad_norm_(grads, 1.0) == 5.0
    assert_close(grads["a"], [0.6, 0.0], 1e-6)
    assert_close(grads["b"], [0.8], 1e-6)


def test_clipping_names_the_gradient_that_is_not_finite():
    with pytest.raises(ValueError, match=r"grads\['b'\] must be finite"):
        clip_grad_norm_({"a": np.ones(2), "b": np.array([1.0, math.nan])}, 1.0)
    with pytest.raises(ValueError, match="max_norm must be above 0"):
        clip_grad_norm_({"a": np.ones(2)}, 0.0)


@pytest.mark.parametrize("make", [lambda p: SGD(p, lr=0.1), Adam], ids=["sgd", "adam"])
def test_a_bad_gradient_moves_nothing(make):
    params = draw(0)
    optimizer = make(params)
    for spoil, message in {
        "nan": (lambda g: {**g, "bias": g["bias"] * math.nan}, r"grads\['bias'\] must be finite"),
        "shape": (lambda g: {**g, "bias": g["bias"][None]}, r"grads\['bias'\] must have shape \(3,\), got \(1, 3\)"),
        "missing": (lambda g: {"weight": g["weight"]}, r"\['bias'\] missing"),
        "extra": (lambda g: {**g, "more": g["bias"]}, r"\['more'\] too many"),
    }.values():
        with pytest.raises(ValueError, match=message):
            optimizer.step(spoil(draw(1)))
        for name, p in draw(0).items():
            assert np.array_equal(params[name], p)


def test_a_negative_learning_rate_is_refused():
    with pytest.raises(ValueError, match=r"lr must be at least 0, got -0\.1"):
        SGD({}, lr=-0.1)
    with pytest.raises(TypeError, match=r"params must be a dict of numpy arrays, such as model\.params, got list"):
        SGD([np.ones(2)], lr=0.1)
    with pytest.raises(ValueError, match=r"betas\[1\] must be at least 0 and below 1, got 1"):
        Adam({}, betas=(0.9, 1.0))


def test_clipping_gradients_whose_squares_overflow():
    grads = {"a": np.array([3e20, 0], np.float32), "b": np.array([4e20], np.float32), "c": np.zeros(2, np.float32)}
    assert clip_grad_norm_(grads, 1.0) == pytest.approx(5e20, rel=1e-6)
    assert_close(grads["a"], [0.6, 0], FLOAT32)
    assert_close(grads["b"], [0.8], FLOAT32)
    grads = {"a": np.array([3e200]), "b": np.array([4e200])}
    assert clip_grad_norm_(grads, 1.0) == pytest.approx(5e200)


def test_a_refused_step_leaves_adam_as_it_was():
    once, again = draw(0), draw(0)
    first, second = Adam(once), Adam(again)
    with pytest.raises(ValueError, match="finite"):
        second.step({name: g * math.nan for name, g in draw(1).items()})
    first.step(draw(1))
    second.step(draw(1))
    assert all(np.array_equal(once[name], again[name]) for name in once)
