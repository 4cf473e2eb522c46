"""The command `compare`: several runs on one text, with one measure."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from rnncourse.cli._comparison import BLOCK, Candidate, aligned, notes, table
from rnncourse.cli._complete import run_folders, text_names

if TYPE_CHECKING:
    import typer


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
        """Measure several runs on one text, and how sure that is.

        All are read in one stream with the state carried, as by `evaluate`.
        """
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
        typer.echo(aligned(rows))
        for line in notes(candidates, read, rows):
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


def _shared_text(candidates: list[Candidate], fail: Any) -> str:
    """The validation split that all runs have."""
    from rnncourse.cli._runs import own_validation
    from rnncourse.data import DataError

    first = candidates[0]
    for other in candidates[1:]:
        if any(_said(other)[key] != _said(first)[key] for key in ("sha256", "validation")):
            fail(
                f"{first.run} was trained on {_split(first)} and {other.run} on {_split(other)}: "
                "say with --text what all are to be measured on"
            )
    try:
        return own_validation(first.run, first.checkpoint)
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
