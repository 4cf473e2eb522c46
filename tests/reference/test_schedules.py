"""Learning-rate schedules, step for step against torch.optim.lr_scheduler."""

import math

import pytest
import torch
from torch.optim import lr_scheduler

from rnncourse.reference import schedules
from tests.tolerances import FLOAT64, assert_close

CASES = {
    "constant": (lambda k: schedules.constant(k, 0.3), lambda o: lr_scheduler.ConstantLR(o, 1.0)),
    "exponential": (lambda k: schedules.exponential(k, 0.3, 0.9), lambda o: lr_scheduler.ExponentialLR(o, 0.9)),
    "step": (lambda k: schedules.step(k, 0.3, 7), lambda o: lr_scheduler.StepLR(o, 7)),
    "step-gamma": (lambda k: schedules.step(k, 0.3, 3, 0.5), lambda o: lr_scheduler.StepLR(o, 3, 0.5)),
    "cosine": (lambda k: schedules.cosine(k, 0.3, 25), lambda o: lr_scheduler.CosineAnnealingLR(o, 25)),
    "cosine-final": (
        lambda k: schedules.cosine(k, 0.3, 25, 0.01),
        lambda o: lr_scheduler.CosineAnnealingLR(o, 25, eta_min=0.01),
    ),
    "warmup": (lambda k: schedules.warmup(k, 0.3, 10), lambda o: lr_scheduler.LinearLR(o, total_iters=10)),
    "warmup-factor": (
        lambda k: schedules.warmup(k, 0.3, 8, 0.01),
        lambda o: lr_scheduler.LinearLR(o, start_factor=0.01, total_iters=8),
    ),
}


def optimizer(lr=0.3):
    return torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr)


@pytest.mark.parametrize("ours, theirs", CASES.values(), ids=CASES.keys())
def test_equals_torch_step_for_step(ours, theirs):
    sgd = optimizer()
    scheduler = theirs(sgd)
    for k in range(26):
        assert_close(ours(k), sgd.param_groups[0]["lr"], FLOAT64, f"rate after {k} steps")
        sgd.step()
        scheduler.step()


@pytest.mark.parametrize("options", [{}, {"factor": 0.5, "patience": 0}, {"patience": 3, "threshold": 0.2}])
def test_plateau_equals_torch_step_for_step(options):
    sgd = optimizer()
    theirs, ours = lr_scheduler.ReduceLROnPlateau(sgd, **options), schedules.Plateau(0.3, **options)
    falls = 0
    for k in range(300):
        # Falls, rests and rises; not a number now and then.
        loss = math.nan if k % 41 == 40 else 1 / (1 + k // 20) + 0.1 * math.sin(k)
        before = ours.lr
        theirs.step(loss)
        assert_close(ours.step(loss), sgd.param_groups[0]["lr"], FLOAT64, f"rate after {k + 1} losses")
        falls += ours.lr < before
    assert falls > 1


def test_cosine_stays_at_the_end():
    assert schedules.cosine(40, 0.3, 25, 0.01) == 0.01


@pytest.mark.parametrize(
    "call, argument",
    [
        (lambda: schedules.exponential(-1, 0.1, 0.9), "k"),
        (lambda: schedules.exponential(1, -0.1, 0.9), "lr"),
        (lambda: schedules.exponential(1, 0.1, 0.0), "gamma"),
        (lambda: schedules.step(1, 0.1, 0), "every"),
        (lambda: schedules.cosine(1, 0.1, 0), "total"),
        (lambda: schedules.warmup(1, 0.1, 0), "steps"),
        (lambda: schedules.warmup(1, 0.1, 5, 0.0), "start_factor"),
        (lambda: schedules.Plateau(0.1, factor=1.0), "factor"),
        (lambda: schedules.Plateau(0.1, patience=-1), "patience"),
        (lambda: schedules.Plateau(0.1, threshold=1.0), "threshold"),
    ],
)
def test_errors_name_the_argument(call, argument):
    with pytest.raises(ValueError, match=f"^{argument} must be"):
        call()
