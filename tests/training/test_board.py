"""What goes to TensorBoard: with TensorBoard itself where it is installed, else with a stand-in for its writer."""

from __future__ import annotations

import sys
import types

import pytest

torch = pytest.importorskip("torch")

from rnncourse.training.board import Board  # noqa: E402
from rnncourse.training.trainer import Step  # noqa: E402

STEPS = [Step(k, 3.0 / k, 0.5 * k, 0.01) for k in (1, 2, 3)]
ROW = {"step": 3, "epoch": 0.5, "train_loss": 1.5, "validation_loss": 1.75, "rate": 0.01, "seconds": 9.0}


def write(board: Board) -> None:
    for step in STEPS:
        board.step(step)
    board.row(ROW)
    board.close()


def test_all_is_written(tmp_path, monkeypatch):
    written, made = [], []

    class SummaryWriter:
        def __init__(self, folder, purge_step):
            made.append((folder, purge_step))

        def add_scalar(self, name, value, step):
            written.append((name, value, step))

        def close(self):
            written.append("closed")

    stand_in = types.ModuleType("torch.utils.tensorboard")
    stand_in.SummaryWriter = SummaryWriter
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", stand_in)
    write(Board(tmp_path, done=7))
    assert made == [(str(tmp_path), 8)]
    assert written[:3] == [("update/loss", 3.0, 1), ("update/norm", 0.5, 1), ("update/rate", 0.01, 1)]
    assert written[9:] == [
        ("evaluation/train_loss", 1.5, 3),
        ("evaluation/validation_loss", 1.75, 3),
        ("evaluation/epoch", 0.5, 3),
        "closed",
    ]


def test_tensorboard_reads_it(tmp_path):
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    write(Board(tmp_path))
    events = reader.EventAccumulator(str(tmp_path)).Reload()
    assert [(e.step, e.value) for e in events.Scalars("update/loss")] == [(1, 3.0), (2, 1.5), (3, 1.0)]
    assert [(e.step, e.value) for e in events.Scalars("evaluation/validation_loss")] == [(3, 1.75)]


def test_without_tensorboard(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ImportError, match="pip install tensorboard"):
        Board(tmp_path)
