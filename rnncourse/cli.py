"""The command `rnncourse`: repeat an experiment, time the code.

`rnncourse --version` needs Python alone. The other commands are a Typer application; NumPy, PyTorch and the rest are
imported inside the command that needs them.
"""

import difflib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import rnncourse

if TYPE_CHECKING:
    import typer

USAGE_ERROR = 2
INTERRUPTED = 130  # what a shell reports for a program ended by Ctrl-C


def main() -> None:
    """Entry point of the command line."""
    if sys.argv[1:] == ["--version"]:
        print(f"rnncourse {rnncourse.__version__}")
        return
    # The figures in the book are those of one thread. BLAS reads this when NumPy is first imported.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    try:
        app = build_app()
    except ModuleNotFoundError as error:
        if error.name != "typer":
            raise
        sys.exit("rnncourse: this command needs typer, which is not installed: pip install typer")
    app(prog_name="rnncourse")


def build_app() -> "typer.Typer":
    """The Typer application.

    Raises:
        ModuleNotFoundError: Typer is not installed.
    """
    import typer

    app = typer.Typer(
        name="rnncourse",
        help="The course's command line: repeat an experiment, time the code.",
        epilog="Examples:\n\nrnncourse experiment char_rnn_numpy --quick\n\nrnncourse bench reference",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    def show_version(wanted: bool) -> None:
        if wanted:
            typer.echo(f"rnncourse {rnncourse.__version__}")
            raise typer.Exit

    @app.callback()
    def root(
        version: Annotated[
            bool, typer.Option("--version", callback=show_version, is_eager=True, help="Show the version and stop.")
        ] = False,
    ) -> None:
        pass

    @app.command(
        epilog="Examples:\n\nrnncourse experiment\n\nrnncourse experiment char_rnn_numpy --quick\n\n"
        "rnncourse experiment char_rnn_numpy --seeds 2 --output mine.json"
    )
    def experiment(
        name: Annotated[str | None, typer.Argument(help="Which one. Without it: list them.")] = None,
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
        """Run an experiment and record it as JSON. After an interrupt the same command goes on."""
        from rnncourse import experiments

        if name is None:
            typer.echo(_listing(experiments.EXPERIMENTS))
            return
        _check_name("experiment", name, experiments.EXPERIMENTS)

        from rnncourse.data import DataError
        from rnncourse.experiments import _record, _run

        path = None
        try:
            if output is not None or not quick:
                path = output or _record.default_output(name)
            record = _run.run(name, seeds=seeds, quick=quick, output=path, keep=keep)
        except (DataError, _record.RecordError) as error:
            _fail(str(error))
        except KeyboardInterrupt:
            typer.echo(f"\nInterrupted. {_kept(path)}", err=True)
            raise typer.Exit(INTERRUPTED) from None
        _report(record["conclusion"], path)

    @app.command(epilog="Examples:\n\nrnncourse bench\n\nrnncourse bench reference --output mine.json")
    def bench(
        name: Annotated[str | None, typer.Argument(help="Which one. Without it: list them.")] = None,
        quick: Annotated[
            bool, typer.Option("--quick", help="Smallest size, few repetitions; its figures mean nothing.")
        ] = False,
        output: Annotated[
            Path | None,
            typer.Option(help="The JSON file (default: rnncourse/results/bench_NAME.json; with --quick: none)."),
        ] = None,
    ) -> None:
        """Time our code beside PyTorch's, side by side on this machine, and record it as JSON."""
        from rnncourse import benchmarks

        if name is None:
            typer.echo(_listing(benchmarks.BENCHMARKS))
            return
        _check_name("benchmark", name, benchmarks.BENCHMARKS)

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
            _fail(str(error))
        except KeyboardInterrupt:
            typer.echo("\nInterrupted. Nothing was written.", err=True)
            raise typer.Exit(INTERRUPTED) from None
        typer.echo(module.table(record))
        _report({}, path)

    def _fail(message: str) -> None:
        typer.echo(f"rnncourse: {message}", err=True)
        raise typer.Exit(USAGE_ERROR)

    def _check_name(kind: str, name: str, known: dict[str, str]) -> None:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f" Did you mean {close[0]}?" if close else ""
            _fail(f"there is no {kind} {name!r}; there are: {', '.join(known)}.{hint}")

    def _report(conclusion: dict[str, Any], path: Path | None) -> None:
        if conclusion:
            typer.echo(_record_text(conclusion))
        typer.echo("Nothing was written." if path is None else f"Written to {path}")

    return app


def _listing(entries: dict[str, str]) -> str:
    width = max(map(len, entries))
    return "\n".join(f"{name:<{width}}  {summary}" for name, summary in entries.items())


def _record_text(conclusion: dict[str, Any]) -> str:
    from rnncourse.experiments._record import rounded, to_json

    return to_json(rounded(conclusion, 5))


def _kept(path: Path | None) -> str:
    if path is None:
        return "Nothing was kept, since there is no --output."
    partial = path.with_name(path.name + ".partial")
    if not partial.exists():
        return "No seed was finished, so nothing was kept."
    return f"What was finished is in {partial}; the same command goes on from there."
