"""The command `chapters`: the book's notebooks in a folder of the reader's, to be changed and run."""

import importlib.util
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from rnncourse.cli._output import write

if TYPE_CHECKING:
    import typer

NAMED = 5  # of the files that differ


def add_commands(app: "typer.Typer", fail: Any) -> None:
    """Register the command.

    Args:
        app: the application.
        fail: says an error to the user and ends the command.
    """
    import typer

    @app.command(epilog="Examples:\n\nrnncourse chapters my-course\n\nrnncourse chapters my-course --overwrite")
    def chapters(
        folder: Annotated[Path, typer.Argument(help="Where to; made if it is not there.")],
        overwrite: Annotated[
            bool, typer.Option("--overwrite", help="Replace what you changed; without it nothing of yours is lost.")
        ] = False,
    ) -> None:
        """Write the book's notebooks into a folder, to be run and changed.

        Its interactive figures come along.
        """
        wanted = files()
        try:
            there = {name: (folder / name).read_bytes() for name in wanted if (folder / name).exists()}
            changed = [name for name, data in there.items() if data != wanted[name]]
            if changed and not overwrite:
                more = f" and {len(changed) - NAMED} more" if len(changed) > NAMED else ""
                fail(
                    f"{folder} holds {', '.join(changed[:NAMED])}{more}, changed or of another version. Nothing was "
                    "written: name another folder, or replace them with --overwrite"
                )
            for name, data in wanted.items():
                if there.get(name) != data:
                    (folder / name).parent.mkdir(parents=True, exist_ok=True)
                    write(folder / name, data)
        except OSError as error:
            fail(f"cannot write to {folder}: {error.strerror}")
        notebooks = sum(name.endswith(".ipynb") for name in wanted)
        typer.echo(f"{notebooks} notebooks in {folder}, interactive figures in {folder / 'widgets'}")
        if importlib.util.find_spec("jupyterlab") is None:
            typer.echo("JupyterLab is not installed. Install it with: python -m pip install jupyterlab")
        typer.echo(f"Open them with: jupyter lab {shlex.quote(str(folder / 'intro.ipynb'))}")


def files() -> dict[str, bytes]:
    """What is written, by its name below the folder.

    The notebooks read no file: their pictures are in them, and links go from one to another. The interactive figures
    stand in them as pictures; their pages come along to be opened in a browser.
    """
    from rnncourse.claims import chapters_folder
    from rnncourse.widgets import static_folder

    found = {path.name: path.read_bytes() for path in sorted(chapters_folder().glob("*.ipynb"))}
    return found | {f"widgets/{path.name}": path.read_bytes() for path in sorted(static_folder().iterdir())}
