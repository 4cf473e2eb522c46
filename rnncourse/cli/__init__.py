"""The command `rnncourse`: train a model on a text of one's own; repeat what the course measured.

`rnncourse --version` needs Python alone. The other commands are a Typer application; NumPy, PyTorch and the rest are
imported inside the command that needs them. Each command, or few that belong together, is a file with `add_commands`.
"""

import os
import sys
from typing import TYPE_CHECKING, Annotated

import rnncourse

if TYPE_CHECKING:
    import typer

USAGE_ERROR = 2
INTERRUPTED = 130  # what a shell reports for a program ended by Ctrl-C

#: The order in which `--help` lists them.
ORDER = (
    "train",
    "evaluate",
    "generate",
    "compare",
    "plot",
    "data",
    "chapters",
    "doctor",
    "experiment",
    "bench",
    "claims",
    "widget",
)

#: What the user said of threads, before `main` decides: `doctor` reports it.
THREADS_ASKED_FOR = os.environ.get("OMP_NUM_THREADS")


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
    from typer.core import TyperGroup

    class InOrder(TyperGroup):
        """A group that lists its commands as `ORDER` has them, not groups first."""

        def list_commands(self, ctx: typer.Context) -> list[str]:
            return sorted(super().list_commands(ctx), key=lambda name: ORDER.index(name) if name in ORDER else 99)

    app = typer.Typer(
        name="rnncourse",
        cls=InOrder,
        help="Train a recurrent language model on a text of your own, measure it, let it write; and repeat what the "
        "course on recurrent networks measured.",
        epilog="Examples:\n\nrnncourse train my.txt\n\nrnncourse generate runs/my\n\n"
        "rnncourse experiment char_rnn_numpy --quick\n\nrnncourse doctor",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    def show_version(wanted: bool) -> None:
        if wanted:
            typer.echo(f"rnncourse {rnncourse.__version__}")
            raise typer.Exit

    def fail(message: str) -> None:
        typer.echo(f"rnncourse: {message}", err=True)
        raise typer.Exit(USAGE_ERROR)

    @app.callback()
    def root(
        version: Annotated[
            bool, typer.Option("--version", callback=show_version, is_eager=True, help="Show the version and stop.")
        ] = False,
    ) -> None:
        pass

    from rnncourse.cli import chapters, claims, compare, data, doctor, plot, predict, repeat, train

    for module in (train, predict, compare, plot, data, chapters, doctor, repeat, claims):
        module.add_commands(app, fail)
    return app
