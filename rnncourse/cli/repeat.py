"""The commands `experiment`, `bench` and `widget`: what the course recorded or drew, made anew."""

import difflib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from rnncourse.cli import INTERRUPTED
from rnncourse.cli._complete import benchmark_names, experiment_names, widget_names

if TYPE_CHECKING:
    import typer


def add_commands(app: "typer.Typer", fail: Any) -> None:
    """Register the commands.

    Args:
        app: the application.
        fail: says an error to the user and ends the command.
    """
    import typer

    @app.command(
        epilog="Examples:\n\nrnncourse experiment\n\nrnncourse experiment char_rnn_numpy --quick\n\n"
        "rnncourse experiment char_rnn_numpy --seeds 2 --output mine.json"
    )
    def experiment(
        name: Annotated[
            str | None, typer.Argument(help="Which one. Without it: list them.", autocompletion=experiment_names)
        ] = None,
        seeds: Annotated[
            int | None,
            typer.Option(min=1, help="Run the seeds 0 … N-1 (default: as many as the record has).", metavar="N"),
        ] = None,
        quick: Annotated[
            bool, typer.Option("--quick", help="A run of seconds, to see that it works; its figures mean nothing.")
        ] = False,
        output: Annotated[
            Path | None,
            typer.Option(help="The JSON file (default: rnncourse/results/NAME.json; with --quick: none)."),
        ] = None,
        keep: Annotated[
            bool, typer.Option("--keep", help="Keep the seeds that the recorded file holds; run only the others.")
        ] = False,
    ) -> None:
        """Run an experiment and record it as JSON.

        After an interrupt the same command goes on.
        """
        from rnncourse import experiments

        if name is None:
            typer.echo(_listing(experiments.EXPERIMENTS))
            return
        check_name("experiment", name, experiments.EXPERIMENTS)

        from rnncourse.data import DataError
        from rnncourse.experiments import _record, _run

        path = None
        try:
            if output is not None or not quick:
                path = output or _record.default_output(name)
            record = _run.run(name, seeds=seeds, quick=quick, output=path, keep=keep)
        except (DataError, _record.RecordError) as error:
            fail(str(error))
        except KeyboardInterrupt:
            typer.echo(f"\nInterrupted. {_kept(path)}", err=True)
            raise typer.Exit(INTERRUPTED) from None
        report(record["conclusion"], path)

    @app.command(epilog="Examples:\n\nrnncourse bench\n\nrnncourse bench reference --output mine.json")
    def bench(
        name: Annotated[
            str | None, typer.Argument(help="Which one. Without it: list them.", autocompletion=benchmark_names)
        ] = None,
        quick: Annotated[
            bool, typer.Option("--quick", help="Smallest size, few repetitions; its figures mean nothing.")
        ] = False,
        output: Annotated[
            Path | None,
            typer.Option(help="The JSON file (default: rnncourse/results/bench_NAME.json; with --quick: none)."),
        ] = None,
    ) -> None:
        """Time our code beside PyTorch's, and record it as JSON."""
        from rnncourse import benchmarks

        if name is None:
            typer.echo(_listing(benchmarks.BENCHMARKS))
            return
        check_name("benchmark", name, benchmarks.BENCHMARKS)

        from rnncourse.experiments import _record

        module, path = benchmarks.load(name), None
        try:
            if output is not None or not quick:
                path = output or _record.default_output(f"bench_{name}")
                _record.check_writable(path)
            record = module.run(quick=quick)
            if path is not None:
                _record.write_json(path, record)
        except _record.RecordError as error:
            fail(str(error))
        except KeyboardInterrupt:
            typer.echo("\nInterrupted. Nothing was written.", err=True)
            raise typer.Exit(INTERRUPTED) from None
        typer.echo(module.table(record))
        report({}, path)

    @app.command(
        epilog="Examples:\n\nrnncourse widget\n\nrnncourse widget char-model --output my-folder\n\n"
        "rnncourse widget char-model --quick --output my-folder"
    )
    def widget(
        name: Annotated[
            str | None, typer.Argument(help="Which one. Without it: list them.", autocompletion=widget_names)
        ] = None,
        quick: Annotated[
            bool, typer.Option("--quick", help="A model trained for seconds, to see that it works.")
        ] = False,
        output: Annotated[
            Path | None,
            typer.Option(help="The folder (default: extra/widgets of the checkout; with --quick: none)."),
        ] = None,
    ) -> None:
        """Make an interactive figure of the course anew.

        What must be trained is trained.
        """
        from rnncourse import widgets

        if name is None:
            typer.echo(_listing(widgets.WIDGETS))
            return
        check_name("widget", name, widgets.WIDGETS)

        from rnncourse.data import DataError
        from rnncourse.experiments import _record

        folder = output
        try:
            if folder is None and not quick:
                _record.default_output(name)  # says so where the package is installed, not checked out
                folder = widgets.static_folder()
            if folder is not None and folder.exists() and not folder.is_dir():
                fail(f"--output must name a folder, got the file {folder}")
            options = widgets.load(name).course(**({"quick": True} if quick else {}))
            page = None if folder is None else widgets.export(name, folder, **options)
        except (DataError, _record.RecordError) as error:
            fail(str(error))
        except OSError as error:
            fail(f"cannot write to {folder}: {error.strerror}")
        except KeyboardInterrupt:
            typer.echo("\nInterrupted. Nothing was written.", err=True)
            raise typer.Exit(INTERRUPTED) from None
        report({}, page)

    def check_name(kind: str, name: str, known: dict[str, str]) -> None:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f" Did you mean {close[0]}?" if close else ""
            fail(f"there is no {kind} {name!r}; there are: {', '.join(known)}.{hint}")

    def report(conclusion: dict[str, Any], path: Path | None) -> None:
        if conclusion:
            typer.echo(short_text(conclusion))
        typer.echo("Nothing was written." if path is None else f"Written to {path}")


def _listing(entries: dict[str, str]) -> str:
    width = max(map(len, entries))
    return "\n".join(f"{name:<{width}}  {summary}" for name, summary in entries.items())


def short_text(conclusion: dict[str, Any]) -> str:
    """What is short in a conclusion, a line each: numbers, words, small tables of them; the rest is in the file."""
    import json

    from rnncourse.experiments._record import rounded

    def short(value: Any) -> bool:
        return not isinstance(value, (dict, list))

    shown = {}
    for name, value in conclusion.items():
        if isinstance(value, dict):
            inner = {k: v for k, v in value.items() if short(v) or (k == "parts" and all(map(short, v.values())))}
            if 0 < len(inner) <= 12:
                shown[name] = inner
        elif short(value):
            shown[name] = value
    lines = [f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in rounded(shown, 5).items()]
    text = "{\n" + ",\n".join(lines) + "\n}"
    return text if shown == conclusion else f"{text}\nIn short; the record holds the rest."


def _kept(path: Path | None) -> str:
    from rnncourse.experiments._record import read_json

    if path is None:
        return "Nothing was kept, since there is no --output."
    partial = path.with_name(path.name + ".partial")
    seeds = len(read_json(partial)["seeds"]) if partial.exists() else 0
    if not seeds:
        return "No seed was finished, so nothing was kept: the same command begins with the first."
    return f"Finished seeds: {seeds}, in {partial}; the same command goes on from there."
