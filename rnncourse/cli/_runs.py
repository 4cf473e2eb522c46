"""Runs in their folders, and the text they are measured on: what several commands need."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rnncourse.training.checkpoint import Checkpoint


def note_damage(checkpoint: "Checkpoint") -> None:
    """Say so where the last checkpoint could not be read and the one before it was."""
    import typer

    from rnncourse.training.run import CHECKPOINT

    if checkpoint.path.name != CHECKPOINT:
        typer.echo(f"{checkpoint.path.parent / CHECKPOINT} is damaged: this is the one before it.", err=True)


def own_validation(run: Path, checkpoint: "Checkpoint") -> str:
    """The text on which a run was validated.

    Raises:
        DataError: it is no longer there, or it has changed.
    """
    from rnncourse.data import DataError
    from rnncourse.data.corpus import MAX_VALIDATION
    from rnncourse.data.text_source import find_text

    said: dict[str, Any] = checkpoint.meta["text"]
    text = find_text(said["origin"], said["validation"], MAX_VALIDATION)
    if text.scan.sha256 != said["sha256"]:
        raise DataError(f"{said['origin']} is not the text that {run} was trained on.")
    return "".join(text.validation())
