"""The command `compare`: several runs on one text, with one measure."""

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from rnncourse.cli._complete import run_folders, text_names

if TYPE_CHECKING:
    import numpy as np
    import typer

    from rnncourse.data import Codec
    from rnncourse.training.checkpoint import Checkpoint

BLOCK = 1000  # characters


class Candidate(NamedTuple):
    """A run that is compared."""

    run: Path
    model: Any
    vocabulary: "Codec"
    checkpoint: "Checkpoint"


def add_commands(app: "typer.Typer", fail: Any) -> None:
    """Register the command.

    Args:
        app: the application.
        fail: says an error to the user and ends the command.
    """
    import typer

    @app.command(
        epilog="Examples:\n\nrnncourse compare runs/lstm runs/gru\n\nrnncourse compare runs/* --output curves.png"
        "\n\nrnncourse compare runs/a runs/b --text other.txt --output table.csv"
    )
    def compare(
        runs: Annotated[
            list[Path], typer.Argument(help="Folders that `rnncourse train` wrote.", autocompletion=run_folders)
        ],
        text: Annotated[
            str | None,
            typer.Option(
                help="Measure on this text, read whole (default: the validation split that the runs share).",
                autocompletion=text_names,
            ),
        ] = None,
        network: Annotated[bool, typer.Option("--network", help="The networks alone, without the counts.")] = False,
        output: Annotated[
            Path | None, typer.Option(help="The table as .json or .csv, or the validation curves as .png or .svg.")
        ] = None,
    ) -> None:
        """Measure several runs on one text, and say how sure their differences are."""
        import torch

        from rnncourse.cli._output import PICTURES, check_output, use_no_screen, write_csv, write_picture
        from rnncourse.cli._runs import note_damage
        from rnncourse.data import DataError
        from rnncourse.experiments._record import write_json
        from rnncourse.training.checkpoint import CheckpointError
        from rnncourse.training.run import load_model, load_predictor

        if len(runs) < 2:
            fail(f"compare needs at least two runs, got {len(runs)}")
        for n, run in enumerate(runs):
            if run.resolve() in [other.resolve() for other in runs[:n]]:
                fail(f"{run} is given twice")
        if output is not None:
            check_output(output, (*PICTURES, ".json", ".csv"), fail)
        torch.set_num_threads(1)  # one stream is a chain of small products
        try:
            candidates = [Candidate(run, *(load_model if network else load_predictor)(run)) for run in runs]
            for candidate in candidates:
                note_damage(candidate.checkpoint)
            read = _shared_text(candidates, fail) if text is None else _other_text(text, candidates)
            rows = table(candidates, read)
        except (DataError, CheckpointError, ValueError) as error:
            fail(str(error))
        typer.echo(_aligned(rows))
        for line in _notes(candidates, read, rows):
            typer.echo(line)
        if output is None:
            return
        try:
            if output.suffix.lower() == ".json":
                write_json(output, {"symbols": len(read), "block": BLOCK, "runs": rows})
            elif output.suffix.lower() == ".csv":
                write_csv(output, rows)
            else:
                from rnncourse.figures import plot_runs

                use_no_screen()
                write_picture(output, plot_runs({str(c.run): c.checkpoint.meta["history"] for c in candidates}))
        except ValueError as error:
            fail(str(error))
        except OSError as error:
            fail(f"cannot write to {output}: {error.strerror}")
        typer.echo(f"Written to {output}")


def table(candidates: list[Candidate], read: str) -> list[dict[str, Any]]:
    """A row for each run: what it is, what it costs, what it is worth, and how far it is from the first."""
    from rnncourse.analysis import paired_difference

    losses = by_run(candidates, read)
    rows = []
    for candidate, loss in zip(candidates, losses, strict=True):
        meta, nats = candidate.checkpoint.meta, float(loss.mean())
        last = meta["history"][-1] if meta["history"] else None
        apart = paired_difference(loss, losses[0], block=BLOCK)
        first = candidate is candidates[0]
        network = getattr(candidate.model, "models", [candidate.model])[0]
        rows.append(
            {
                "run": str(candidate.run),
                "cell": meta["model"]["cell"],
                "parameters": sum(p.numel() for p in network.parameters()),
                "epochs": None if last is None else meta["done"] * last["epoch"] / last["step"],
                "updates": meta["done"],
                "seconds": meta["seconds"],
                "nats": nats,
                "bits": nats / math.log(2),
                "perplexity": math.exp(nats) if nats < 700 else None,
                "difference": None if first else apart.mean,
                "standard_error": None if first else apart.standard_error,
            }
        )
    return rows


def by_run(candidates: list[Candidate], read: str) -> "list[np.ndarray]":
    """Each run's loss for each character, the first ones left out that some run reads without predicting them.

    Raises:
        ValueError: symbols that do not give the text back, so that characters cannot be counted.
    """
    import torch

    from rnncourse.analysis import by_character
    from rnncourse.models import score

    losses = []
    for candidate in candidates:
        ids = candidate.vocabulary.encode(read)
        decoder = candidate.vocabulary.decoder()
        lengths = [len(decoder.push(id)) for id in ids.tolist()]
        if sum(lengths) != len(read):
            raise ValueError(f"{candidate.run} has symbols that do not give the text back: it cannot be compared")
        losses.append(by_character(-score(candidate.model, torch.from_numpy(ids)).numpy(), lengths))
    shortest = min(map(len, losses))
    return [loss[len(loss) - shortest :] for loss in losses]


def _shared_text(candidates: list[Candidate], fail: Any) -> str:
    """The validation split that all runs have."""
    from rnncourse.cli._runs import own_text
    from rnncourse.data import DataError

    first = candidates[0]
    for other in candidates[1:]:
        if any(_said(other)[key] != _said(first)[key] for key in ("sha256", "validation")):
            fail(
                f"{first.run} was trained on {_split(first)} and {other.run} on {_split(other)}: "
                "say with --text what all are to be measured on"
            )
    try:
        return own_text(first.run, first.checkpoint).validation
    except DataError as error:
        fail(f"{error} Say with --text what all are to be measured on.")


def _other_text(text: str, candidates: list[Candidate]) -> str:
    import typer

    from rnncourse.data import load_text

    loaded = load_text(text, validation=0)
    if trained := [str(c.run) for c in candidates if _said(c)["sha256"] == loaded.sha256]:
        typer.echo(f"Read whole, with what was trained on: {', '.join(trained)}", err=True)
    return loaded.train


def _said(candidate: Candidate) -> dict[str, Any]:
    return candidate.checkpoint.meta["text"]


def _split(candidate: Candidate) -> str:
    said = _said(candidate)
    return f"{said['name']} ({said['sha256'][:8]}, {said['validation']:.0%} held out)"


def _aligned(rows: list[dict[str, Any]]) -> str:
    """The table as text."""

    def cells(row: dict[str, Any]) -> list[str]:
        apart, error = row["difference"], row["standard_error"]
        return [
            row["run"],
            row["cell"],
            f"{row['parameters']:,}",
            "-" if row["epochs"] is None else f"{row['epochs']:.2f}",
            f"{row['updates']:,}",
            f"{row['seconds']:.0f}",
            f"{row['nats']:.4f}",
            f"{row['bits']:.4f}",
            "inf" if row["perplexity"] is None else f"{row['perplexity']:.3f}",
            "" if apart is None else f"{apart:+.4f}" + ("" if error is None else f" ± {error:.4f}"),
        ]

    head = ["run", "cell", "parameters", "epochs", "updates", "seconds", "nats", "bits", "perplexity", "to the first"]
    lines = [head, *map(cells, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    left = (0, 1)
    return "\n".join(
        "  ".join(
            f"{cell:<{w}}" if k in left else f"{cell:>{w}}" for k, (cell, w) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def _notes(candidates: list[Candidate], read: str, rows: list[dict[str, Any]]) -> list[str]:
    """What a reader of the table must know."""
    symbols = {json.dumps(candidate.vocabulary.to_json()) for candidate in candidates}
    unit = "symbol" if len(symbols) == 1 else "character"
    lines = [f"{len(read):,} characters in one stream; nats and bits a {unit}."]
    if len(symbols) > 1:
        lines.append("The runs have different symbols: all are measured by the character of the same text.")
    for candidate in candidates:
        meta = candidate.checkpoint.meta
        given_back = candidate.vocabulary.decode(candidate.vocabulary.encode(read))
        if unknown := sum(a != b for a, b in zip(given_back, read, strict=True)):
            lines.append(f"{unknown:,} characters are unknown to {candidate.run}: it predicts only that one comes.")
        if meta["done"] < meta["config"]["steps"]:
            lines.append(f"{candidate.run} has done {meta['done']:,} of {meta['config']['steps']:,} updates.")
    if any(row["standard_error"] is not None for row in rows):
        lines.append(f"±: the standard error of the paired difference, over blocks of {BLOCK:,} characters.")
    else:
        lines.append(f"No standard error: it needs {2 * BLOCK:,} characters.")
    return lines
