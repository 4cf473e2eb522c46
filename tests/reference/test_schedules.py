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
    "warmup-cosine": (
        lambda k: schedules.warmup_cosine(k, 0.3, 6, 25),
        lambda o: lr_scheduler.SequentialLR(
            o, [lr_scheduler.LinearLR(o, total_iters=6), lr_scheduler.CosineAnnealingLR(o, 19)], [6]
        ),
    ),
    "warmup-cosine-options": (
        lambda k: schedules.warmup_cosine(k, 0.3, 1, 25, 0.05, 0.01),
        lambda o: lr_scheduler.SequentialLR(
            o,
            [
                lr_scheduler.LinearLR(o, start_factor=0.05, total_iters=1),
                lr_scheduler.CosineAnnealingLR(o, 24, eta_min=0.01),
            ],
            [1],
        ),
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


ONE_CYCLE = {
    "default": (50, {}),
    "linear": (50, {"anneal_strategy": "linear"}),
    "factors": (50, {"div_factor": 4.0, "final_div_factor": 7.0}),
    "early-peak": (37, {"pct_start": 0.1}),
    "late-peak": (37, {"pct_start": 0.97, "anneal_strategy": "linear"}),
    "three-phases": (41, {"three_phase": True, "pct_start": 0.4, "final_div_factor": 3.0}),
    "three-linear-phases": (41, {"three_phase": True, "anneal_strategy": "linear", "final_div_factor": 3.0}),
    "shortest": (4, {"pct_start": 0.5}),
}


@pytest.mark.parametrize("total, options", ONE_CYCLE.values(), ids=ONE_CYCLE.keys())
def test_one_cycle_equals_torch_step_for_step(total, options):
    sgd = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1, momentum=0.9)
    scheduler = lr_scheduler.OneCycleLR(sgd, 0.3, total, base_momentum=0.7, max_momentum=0.96, **options)
    shape = {name: value for name, value in options.items() if not name.endswith("factor")}
    for k in range(total):
        group = sgd.param_groups[0]
        assert_close(schedules.one_cycle(k, 0.3, total, **options), group["lr"], FLOAT64, f"rate after {k} steps")
        momentum = schedules.one_cycle_momentum(k, 0.7, 0.96, total, **shape)
        assert_close(momentum, group["momentum"], FLOAT64, f"momentum after {k} steps")
        sgd.step()
        if k < total - 1:
            scheduler.step()


def test_one_cycle_stays_at_the_end():
    assert schedules.one_cycle(99, 0.3, 25) == pytest.approx(0.3 / 25 / 1e4, rel=1e-12)
    assert schedules.one_cycle_momentum(99, 0.7, 0.96, 25) == pytest.approx(0.96, rel=1e-12)


PLATEAU = [
    {},
    {"factor": 0.5, "patience": 0},
    {"patience": 3, "threshold": 0.2},
    {"patience": 2, "threshold": 0.05, "threshold_mode": "abs"},
    {"patience": 1, "factor": 0.7, "cooldown": 4},
    {"patience": 1, "factor": 0.4, "min_lr": 0.02},
    {"patience": 0, "factor": 0.5, "eps": 0.01},
    {"patience": 3, "factor": 0.5, "mode": "max"},
    {"patience": 2, "factor": 0.5, "mode": "max", "threshold": 0.3},
    {"patience": 2, "factor": 0.5, "mode": "max", "threshold": 0.04, "threshold_mode": "abs", "cooldown": 2},
]


@pytest.mark.parametrize("options", PLATEAU, ids=str)
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


@pytest.mark.parametrize("mode", ["min", "max"])
def test_a_value_as_good_as_the_best_is_no_progress(mode):
    sgd, options = optimizer(), {"mode": mode, "factor": 0.5, "patience": 2, "threshold": 0.0}
    theirs, ours = lr_scheduler.ReduceLROnPlateau(sgd, **options), schedules.Plateau(0.3, **options)
    for _ in range(9):
        theirs.step(0.7)
        assert ours.step(0.7) == sgd.param_groups[0]["lr"]
    assert ours.lr < 0.1


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
        (lambda: schedules.Plateau(0.1, threshold=-1.0, threshold_mode="abs"), "threshold"),
        (lambda: schedules.Plateau(0.1, mode="most"), "mode"),
        (lambda: schedules.Plateau(0.1, threshold_mode="most"), "threshold_mode"),
        (lambda: schedules.Plateau(0.1, cooldown=-1), "cooldown"),
        (lambda: schedules.Plateau(0.1, min_lr=-1), "min_lr"),
        (lambda: schedules.Plateau(0.1, eps=-1), "eps"),
        (lambda: schedules.warmup_cosine(1, 0.1, 0, 9), "steps"),
        (lambda: schedules.warmup_cosine(1, 0.1, 9, 9), "total"),
        (lambda: schedules.warmup_cosine(5, 0.1, 3, 9, 0.0), "start_factor"),
        (lambda: schedules.warmup_cosine(1, 0.1, 3, 9, 0.1, -1), "final_lr"),
        (lambda: schedules.warmup_cosine(-1, 0.1, 3, 9), "k"),
        (lambda: schedules.one_cycle(-1, 0.1, 9), "k"),
        (lambda: schedules.one_cycle(1, -0.1, 9), "lr"),
        (lambda: schedules.one_cycle(1, 0.1, 0), "total"),
        (lambda: schedules.one_cycle(1, 0.1, 9, pct_start=1.0), "pct_start"),
        (lambda: schedules.one_cycle(1, 0.1, 10, pct_start=0.1), "pct_start"),
        (lambda: schedules.one_cycle(1, 0.1, 9, pct_start=0.6, three_phase=True), "pct_start"),
        (lambda: schedules.one_cycle(1, 0.1, 9, anneal_strategy="exp"), "anneal_strategy"),
        (lambda: schedules.one_cycle(1, 0.1, 9, div_factor=0), "div_factor"),
        (lambda: schedules.one_cycle(1, 0.1, 9, final_div_factor=0), "final_div_factor"),
        (lambda: schedules.one_cycle_momentum(1, 1.0, 0.9, 9), "low"),
        (lambda: schedules.one_cycle_momentum(1, 0.8, 1.0, 9), "high"),
    ],
)
def test_errors_name_the_argument(call, argument):
    with pytest.raises(ValueError, match=f"^{argument} must be"):
        call()
