"""The trainer as it is trains a Transformer, whose state it carries from window to window."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from rnncourse.models import TransformerLM, TransformerLMConfig  # noqa: E402
from rnncourse.training.config import TrainingConfig  # noqa: E402
from rnncourse.training.evaluate import evaluate  # noqa: E402
from rnncourse.training.trainer import Trainer  # noqa: E402

V, PERIOD = 3, 11
TEXT = np.tile(np.random.default_rng(0).integers(0, V, PERIOD), 60)


def model(**options) -> TransformerLM:
    torch.manual_seed(0)
    base = {"embedding_size": 16, "num_heads": 2, "num_layers": 1, "context": 16}
    return TransformerLM(TransformerLMConfig(V, **{**base, **options}))


def config(**options) -> TrainingConfig:
    return TrainingConfig(**{"steps": 120, "T": 5, "B": 4, "evaluations": 1, "learning_rate": 0.02} | options)


@pytest.mark.parametrize(
    ("positions", "T"),
    [
        ("rotary", 5),
        ("learned", 24),
        pytest.param("rotary", 24, marks=pytest.mark.slow),
        pytest.param("learned", 5, marks=pytest.mark.slow),
    ],
)
def test_the_loss_falls_and_the_memory_helps(positions: str, T: int) -> None:
    """Few symbols do not say where in the period one is; the memory of the windows before does."""
    net = model(positions=positions)
    losses = [step.loss for step in Trainer(net, TEXT, config(T=T))]
    assert losses[0] == pytest.approx(np.log(V), abs=0.1)
    assert np.mean(losses[-10:]) < 0.6 * losses[0]
    carried = evaluate(net, TEXT[:400])
    fresh = np.mean([evaluate(net, TEXT[t : t + T + 1]) for t in range(0, 400, T)])
    assert carried < 0.45
    assert fresh > carried + 0.2


def test_parts_change_nothing() -> None:
    whole, parts = model(), model()
    one = [step.loss for step in Trainer(whole, TEXT, config(steps=6))]
    four = [step.loss for step in Trainer(parts, TEXT, config(steps=6, accumulate=4))]
    assert one == pytest.approx(four, rel=1e-4)


def test_bfloat16_with_dropout_and_an_average() -> None:
    net = model(dropout=0.05)
    options = {"precision": "bfloat16", "average": 0.9, "steps": 60, "T": 12}
    losses = [step.loss for step in Trainer(net, TEXT, config(**options))]
    assert np.mean(losses[-5:]) < 0.8 * losses[0]
    assert all(p.dtype == torch.float32 for p in net.parameters())
