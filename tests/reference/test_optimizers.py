"""The optimisers and clipping, step for step against torch."""

import math

import numpy as np
import pytest
import torch

from rnncourse.reference import SGD, Adam, clip_grad_norm_
from rnncourse.reference.adagrad import Adagrad
from rnncourse.reference.adamw import AdamW
from rnncourse.reference.rmsprop import RMSProp
from tests.tolerances import FLOAT32, FLOAT64, assert_close

# Ours, torch's, and the options: the same words in both.
CASES = {
    "sgd": (SGD, torch.optim.SGD, {"lr": 0.1}),
    "sgd-decay": (SGD, torch.optim.SGD, {"lr": 0.1, "weight_decay": 0.3}),
    "sgd-momentum": (SGD, torch.optim.SGD, {"lr": 0.1, "momentum": 0.9}),
    "sgd-nesterov": (SGD, torch.optim.SGD, {"lr": 0.1, "momentum": 0.8, "nesterov": True}),
    "sgd-all": (SGD, torch.optim.SGD, {"lr": 0.1, "momentum": 0.7, "nesterov": True, "weight_decay": 0.2}),
    "adam": (Adam, torch.optim.Adam, {}),
    "adam-options": (Adam, torch.optim.Adam, {"lr": 0.03, "betas": (0.5, 0.7), "eps": 1e-2}),
    "adamw": (AdamW, torch.optim.AdamW, {}),
    "adamw-options": (
        AdamW,
        torch.optim.AdamW,
        {"lr": 0.03, "betas": (0.5, 0.7), "eps": 1e-2, "weight_decay": 0.4},
    ),
    "adagrad": (Adagrad, torch.optim.Adagrad, {}),
    "adagrad-decays": (Adagrad, torch.optim.Adagrad, {"lr": 0.1, "lr_decay": 0.2, "weight_decay": 0.3}),
    "adagrad-start": (Adagrad, torch.optim.Adagrad, {"lr": 0.1, "initial_accumulator_value": 0.5, "eps": 1e-2}),
    "rmsprop": (RMSProp, torch.optim.RMSprop, {}),
    "rmsprop-momentum": (RMSProp, torch.optim.RMSprop, {"alpha": 0.8, "momentum": 0.7, "weight_decay": 0.3}),
    "rmsprop-centred": (RMSProp, torch.optim.RMSprop, {"alpha": 0.9, "centered": True, "eps": 1e-3}),
    "rmsprop-all": (
        RMSProp,
        torch.optim.RMSprop,
        {"lr": 0.02, "alpha": 0.9, "eps": 1e-2, "weight_decay": 0.1, "momentum": 0.5, "centered": True},
    ),
}
CLASSES = [SGD, Adam, AdamW, Adagrad, RMSProp]


def draw(seed, dtype=np.float64):
    rng = np.random.default_rng(seed)
    shapes = {"weight": (3, 2), "bias": (3,), "scale": (2, 1, 4)}
    return {name: rng.standard_normal(shape).astype(dtype) for name, shape in shapes.items()}


@pytest.mark.parametrize("dtype, tolerance", [(np.float64, FLOAT64), (np.float32, FLOAT32)])
@pytest.mark.parametrize("ours, theirs, options", CASES.values(), ids=CASES.keys())
def test_equals_torch_step_for_step(ours, theirs, options, dtype, tolerance):
    params = draw(0, dtype)
    tensors = {name: torch.tensor(p, requires_grad=True) for name, p in params.items()}
    ours, theirs = ours(params, **options), theirs(list(tensors.values()), **options)
    for step in range(50):
        if step == 25:
            ours.lr = theirs.param_groups[0]["lr"] = 0.5 * ours.lr
        grads = draw(step + 1, dtype)
        for name, tensor in tensors.items():
            tensor.grad = torch.tensor(grads[name])
        ours.step(grads)
        theirs.step()
        for name, tensor in tensors.items():
            assert params[name].dtype == dtype
            assert_close(params[name], tensor.detach().numpy(), tolerance, f"{name} after step {step + 1}")


@pytest.mark.parametrize("make", CLASSES)
def test_changes_the_arrays_it_was_given_and_nothing_else(make):
    params, grads = draw(0), draw(1)
    arrays = dict(params)
    optimizer = make(params, lr=0.1)
    optimizer.step(grads)
    assert optimizer.params is params
    assert all(params[name] is arrays[name] for name in params)
    assert all(np.array_equal(g, draw(1)[name]) for name, g in grads.items())
    assert not any(np.array_equal(p, draw(0)[name]) for name, p in params.items())


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


@pytest.mark.parametrize("make", CLASSES)
def test_a_bad_gradient_moves_nothing(make):
    params = draw(0)
    optimizer = make(params, lr=0.1)
    for spoil, message in {
        "nan": (lambda g: {**g, "bias": g["bias"] * math.nan}, r"grads\['bias'\] must be finite"),
        "shape": (lambda g: {**g, "bias": g["bias"][None]}, r"grads\['bias'\] must have shape \(3,\), got \(1, 3\)"),
        "missing": (lambda g: {name: g[name] for name in ("weight", "scale")}, r"\['bias'\] missing"),
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


@pytest.mark.parametrize("make", CLASSES)
def test_a_refused_step_leaves_the_state_as_it_was(make):
    once, again = draw(0), draw(0)
    first, second = make(once, lr=0.1), make(again, lr=0.1)
    with pytest.raises(ValueError, match="finite"):
        second.step({name: g * math.nan for name, g in draw(1).items()})
    first.step(draw(1))
    second.step(draw(1))
    assert all(np.array_equal(once[name], again[name]) for name in once)


def test_a_gradient_that_was_always_zero_moves_nothing():
    for make in CLASSES:
        params = draw(0)
        options = {"weight_decay": 0} if make is AdamW else {}
        make(params, lr=0.1, **options).step({name: 0 * p for name, p in params.items()})
        assert all(np.array_equal(p, draw(0)[name]) for name, p in params.items())


def test_a_centred_variance_that_rounds_below_zero_is_zero():
    # With a constant gradient s - m^2 tends to 0 from above, and rounding takes it below.
    params, tensor = {"w": np.zeros(3)}, torch.zeros(3, dtype=torch.float64, requires_grad=True)
    ours = RMSProp(params, lr=0.01, alpha=0.5, centered=True, eps=1.0)
    theirs = torch.optim.RMSprop([tensor], lr=0.01, alpha=0.5, centered=True, eps=1.0)
    for _ in range(100):
        ours.step({"w": np.array([0.1, 0.3, 1.7])})
        tensor.grad = torch.tensor([0.1, 0.3, 1.7], dtype=torch.float64)
        theirs.step()
    assert np.isfinite(params["w"]).all()
    found = tensor.detach().numpy()
    good = np.isfinite(found)
    assert_close(params["w"][good], found[good], 1e-6)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: SGD({}, lr=0.1, momentum=1.0), "momentum must be at least 0 and below 1, got 1.0"),
        (lambda: SGD({}, lr=0.1, weight_decay=-1), "weight_decay must be at least 0, got -1"),
        (lambda: SGD({}, lr=0.1, nesterov=True), "nesterov needs a momentum above 0, got momentum=0"),
        (lambda: AdamW({}, weight_decay=-1), "weight_decay must be at least 0, got -1"),
        (lambda: Adagrad({}, lr=-1), "lr must be at least 0, got -1"),
        (lambda: Adagrad({}, lr_decay=-1), "lr_decay must be at least 0, got -1"),
        (lambda: Adagrad({}, weight_decay=-1), "weight_decay must be at least 0, got -1"),
        (lambda: Adagrad({}, initial_accumulator_value=-1), "initial_accumulator_value must be at least 0, got -1"),
        (lambda: Adagrad({}, eps=0), "eps must be above 0, got 0"),
        (lambda: RMSProp({}, lr=-1), "lr must be at least 0, got -1"),
        (lambda: RMSProp({}, alpha=1), "alpha must be at least 0 and below 1, got 1"),
        (lambda: RMSProp({}, eps=0), "eps must be above 0, got 0"),
        (lambda: RMSProp({}, weight_decay=-1), "weight_decay must be at least 0, got -1"),
        (lambda: RMSProp({}, momentum=1), "momentum must be at least 0 and below 1, got 1"),
        (lambda: Adam({"w": np.array([math.inf])}), r"params\['w'\] must be finite, got inf"),
    ],
)
def test_a_bad_option_is_named(make, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        make()


def test_parameters_that_are_not_floating_point_are_refused():
    for make in CLASSES:
        with pytest.raises(TypeError, match=r"params\['w'\] must be of a floating-point dtype, got int64"):
            make({"w": np.arange(3)}, lr=0.1)
