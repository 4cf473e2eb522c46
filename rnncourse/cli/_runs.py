"""Runs in their folders, and the text they are measured on: what several commands need."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rnncourse.data import Text
    from rnncourse.training.checkpoint import Checkpoint


def note_damage(checkpoint: "Checkpoint") -> None:
    """Say so where the last checkpoint could not be read and the one before it was."""
    import typer

    from rnncourse.training.run import CHECKPOINT

    if checkpoint.path.name != CHECKPOINT:
        typer.echo(f"{checkpoint.path.parent / CHECKPOINT} is damaged: this is the one before it.", err=True)


def own_text(run: Path, checkpoint: "Checkpoint") -> "Text":
    """The text that a run was trained on, split as it was then.

    Raises:
        DataError: it is no longer there, or it has changed.
    """
    from rnncourse.data import DataError, load_text

    said: dict[str, Any] = checkpoint.meta["text"]
    loaded = load_text(said["origin"], validation=said["validation"])
    if loaded.sha256 != said["sha256"]:
        raise DataError(f"{said['origin']} is not the text that {run} was trained on.")
    return loaded
