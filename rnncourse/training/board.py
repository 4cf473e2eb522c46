"""A run's history in TensorBoard, where that is installed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .trainer import Step

__all__ = ["Board"]


class Board:
    """Writes what TensorBoard shows: each update's loss, gradient norm and learning rate, and each evaluation.

    Args:
        folder: where TensorBoard's files go.
        done: updates already done; what an earlier process wrote after them is not shown.

    Raises:
        ImportError: TensorBoard is not installed.
    """

    def __init__(self, folder: Path, *, done: int = 0) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise ImportError("TensorBoard is not installed: pip install tensorboard") from error
        self._writer: Any = SummaryWriter(str(folder), purge_step=done + 1)

    def step(self, step: Step) -> None:
        """Write an update."""
        for name, value in zip(("loss", "norm", "rate"), step[1:], strict=True):
            self._writer.add_scalar(f"update/{name}", value, step.number)

    def row(self, row: Mapping[str, float]) -> None:
        """Write an evaluation."""
        for name in ("train_loss", "validation_loss", "epoch"):
            self._writer.add_scalar(f"evaluation/{name}", row[name], int(row["step"]))

    def close(self) -> None:
        """Flush all to the disk."""
        self._writer.close()
