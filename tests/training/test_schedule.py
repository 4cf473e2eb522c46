"""Learning-rate schedules against PyTorch's."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch.optim import lr_scheduler as peer  # noqa: E402

from rnncourse.training.config import TrainingConfig  # noqa: E402
from rnncourse.training.schedule import FLOOR, SCHEDULES, schedule_factor  # noqa: E402

STEPS, WARMUP = 23, 5
AFTER = STEPS - WARMUP
PEERS = {
    "cosine": lambda o: peer.CosineAnnealingLR(o, AFTER),
    "linear": lambda o: peer.LinearLR(o, 1.0, 0.0, AFTER),
    "exponential": lambda o: peer.ExponentialLR(o, FLOOR ** (1 / AFTER)),
    "constant": lambda o: peer.ConstantLR(o, 1.0),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_as_pytorchs(name):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    warm = peer.LinearLR(optimizer, 1 / WARMUP, 1.0, WARMUP - 1)
    theirs = []
    for k in range(STEPS):
        if k == WARMUP:
            optimizer.param_groups[0]["lr"] = 1.0
            after = PEERS[name](optimizer)
        theirs.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        (warm if k < WARMUP else after).step()
    ours = [schedule_factor(name, k, STEPS, WARMUP) for k in range(STEPS)]
    assert ours == pytest.approx(theirs, rel=1e-10, abs=1e-12)


def test_the_configuration_asks_for_it():
    config = TrainingConfig(steps=STEPS, evaluations=1, schedule="linear", warmup=0.2, learning_rate=0.3)
    assert [config.rate(k) for k in range(STEPS)] == [
        0.3 * schedule_factor("linear", k, STEPS, 5) for k in range(STEPS)
    ]
    with pytest.raises(ValueError, match="schedule must be one of 'cosine', 'linear', 'exponential', 'constant', got"):
        TrainingConfig(steps=3, schedule="step")


def test_no_warm_up():
    assert schedule_factor("cosine", 0, 4, 0) == 1.0
