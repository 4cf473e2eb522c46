"""The command `rnncourse`: train a model, repeat an experiment, time the code, look up a claim, make a figure.

`rnncourse --version` needs Python alone. The other commands are a Typer application; NumPy, PyTorch and the rest are
imported inside the command that needs them.
"""

import difflib
import os
import re
import shutil
import sys
import textwrap
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
    # The figures in the book are those of one thread. BLAS reads this when NumPy is first imported; `train` asks
    # PyTorch for more by itself.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    try:
        app = build_app()
    except ModuleNotFoundError as error:
        if error.name != "typer":
            raise
        sys.exit("rnncourse: this command needs typer, which is not installed: pip install typer")
    try:
        app(prog_name="rnncourse")
    except KeyboardInterrupt:  # while a command's imports are read
        sys.exit(INTERRUPTED)


def build_app() -> "typer.Typer":
    """The Typer application.

    Raises:
        ModuleNotFoundError: Typer is not installed.
    """
    import typer

    app = typer.Typer(
        name="rnncourse",
        help="The course's command line: repeat an experiment, time the code, look up a claim, make a widget.",
        epilog="Examples:\n\nrnncourse experiment char_rnn_numpy --quick\n\nrnncourse bench reference\n\n"
        "rnncourse claims --open",
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

    @app.command(
        epilog="Examples:\n\nrnncourse claims\n\nrnncourse claims elman-equations\n\n"
        'rnncourse claims --verdict "does not hold" --document 003'
    )
    def claims(
        id: Annotated[str | None, typer.Argument(help="Which one, in full. Without it: list them.")] = None,
        verdict: Annotated[
            str | None, typer.Option(help="Only those with this verdict, such as holds or 'does not hold'.")
        ] = None,
        document: Annotated[str | None, typer.Option(help="Only what this article says: 000 to 004.")] = None,
        open_: Annotated[bool, typer.Option("--open", help="Only those that no chapter has settled yet.")] = False,
        settled: Annotated[bool, typer.Option("--settled", help="Only those that a chapter has settled.")] = False,
    ) -> None:
        """List what the articles say that the course follows, and what came out when it was tested."""
        from rnncourse.claims import VERDICTS, LedgerError, load

        try:
            rows = load()
        except LedgerError as error:
            _fail(str(error))
        width = max(shutil.get_terminal_size().columns, 20)
        if id is not None:
            if verdict is not None or document is not None or open_ or settled:
                _fail("an id and a filter do not go together")
            if id not in rows:
                close = difflib.get_close_matches(id, rows, n=3)
                hint = f"Did you mean {' or '.join(close)}?" if close else "`rnncourse claims` lists them."
                _fail(f"there is no claim {id!r}. {hint}")
            _show_claim(id, width)
            return
        if verdict is not None and verdict not in VERDICTS:
            close = difflib.get_close_matches(verdict, VERDICTS, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            _fail(f"--verdict must be one of {', '.join(map(repr, VERDICTS))}, got {verdict!r}.{hint}")
        if document is not None and not re.fullmatch("00[0-4]", document):
            _fail(f"--document must be one of 000, 001, 002, 003, 004, got {document!r}")
        if verdict is not None and open_:
            _fail("--verdict and --open do not go together: what is open has no verdict")
        if settled and open_:
            _fail("--open and --settled do not go together: a claim is one or the other")
        chosen = [
            claim
            for claim in rows.values()
            if (verdict is None or claim.verdict == verdict)
            and (document is None or document in claim.documents)
            and not (open_ and claim.settled)
            and not (settled and not claim.settled)
        ]
        from rnncourse.claims_page import counts_text, ledger_text

        typer.echo(ledger_text(chosen, width))
        if chosen:
            typer.echo("\n" + textwrap.fill(counts_text(chosen), width))

    @app.command(
        epilog="Examples:\n\nrnncourse widget\n\nrnncourse widget char-model --output my-folder\n\n"
        "rnncourse widget char-model --quick --output my-folder"
    )
    def widget(
        name: Annotated[str | None, typer.Argument(help="Which one. Without it: list them.")] = None,
        quick: Annotated[
            bool, typer.Option("--quick", help="A model trained for seconds, to see that it works.")
        ] = False,
        output: Annotated[
            Path | None,
            typer.Option(help="The folder (default: extra/widgets of the checkout; with --quick: none)."),
        ] = None,
    ) -> None:
        """Make an interactive figure of the course anew, training what must be trained."""
        from rnncourse import widgets

        if name is None:
            typer.echo(_listing(widgets.WIDGETS))
            return
        _check_name("widget", name, widgets.WIDGETS)

        from rnncourse.data import DataError
        from rnncourse.experiments import _record

        folder = output
        try:
            if folder is None and not quick:
                _record.default_output(name)  # says so where the package is installed, not checked out
                folder = widgets.static_folder()
            if folder is not None and folder.exists() and not folder.is_dir():
                _fail(f"--output must name a folder, got the file {folder}")
            options = widgets.load(name).course(**({"quick": True} if quick else {}))
            page = None if folder is None else widgets.export(name, folder, **options)
        except (DataError, _record.RecordError) as error:
            _fail(str(error))
        except OSError as error:
            _fail(f"cannot write to {folder}: {error.strerror}")
        except KeyboardInterrupt:
            typer.echo("\nInterrupted. Nothing was written.", err=True)
            raise typer.Exit(INTERRUPTED) from None
        _report({}, page)

    def _show_claim(id: str, width: int) -> None:
        from rnncourse.claims import LedgerError, chapters_folder, get, stored
        from rnncourse.claims_page import detail_text

        claim = get(id)
        cells = []
        if claim.settled and (page := chapters_folder() / f"{claim.page}.ipynb").is_file():
            try:
                cells = stored(page.parent).get(id, [])
            except LedgerError as error:
                _fail(str(error))
        typer.echo(detail_text(claim, cells[0][1] if cells else None, min(width, 100)))

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
            typer.echo(_short_text(conclusion))
        typer.echo("Nothing was written." if path is None else f"Written to {path}")

    from rnncourse.cli import predict, train

    train.add_commands(app, _fail)
    predict.add_commands(app, _fail)
    return app


def _listing(entries: dict[str, str]) -> str:
    width = max(map(len, entries))
    return "\n".join(f"{name:<{width}}  {summary}" for name, summary in entries.items())


def _short_text(conclusion: dict[str, Any]) -> str:
    """What is short in a conclusion: numbers, words, and small tables of them; the rest is in the file."""
    from rnncourse.experiments._record import rounded, to_json

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
    text = to_json(rounded(shown, 5))
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
