"""The commands `data list` and `data get`: the texts that the package knows, and fetching them ahead of time."""

import difflib
from typing import TYPE_CHECKING, Annotated, Any

from rnncourse.cli import INTERRUPTED
from rnncourse.cli._complete import text_names

if TYPE_CHECKING:
    import typer

    from rnncourse.data import TextEntry


def add_commands(app: "typer.Typer", fail: Any) -> None:
    """Register the commands.

    Args:
        app: the application.
        fail: says an error to the user and ends the command.
    """
    import typer

    group = typer.Typer(
        name="data",
        help="List the texts that the package knows, and fetch them.",
        epilog="Examples:\n\nrnncourse data list\n\nrnncourse data get shakespeare",
        no_args_is_help=True,
    )
    app.add_typer(group)

    @group.command("list", epilog="Examples:\n\nrnncourse data list")
    def list_() -> None:
        """List the texts: name, size, where it is found now, what it is, licence."""
        from rnncourse.data import list_texts

        rows = [(e.name, _size(e.size), _place(e), f"{e.description}; {e.licence}") for e in list_texts()]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            typer.echo("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())

    @group.command(epilog="Examples:\n\nrnncourse data get shakespeare\n\nrnncourse data get --all")
    def get(
        names: Annotated[list[str] | None, typer.Argument(help="Which ones.", autocompletion=text_names)] = None,
        all_: Annotated[bool, typer.Option("--all", help="Every text.")] = False,
    ) -> None:
        """Fetch texts into the cache, checked against their SHA-256. What is there already is checked."""
        from rnncourse.data import TEXT_NAMES, DataError, list_texts, load_text

        if bool(names) == all_:
            fail("say which texts, or --all" if all_ is False else "names and --all do not go together")
        for name in names or ():
            if name not in TEXT_NAMES:
                close = difflib.get_close_matches(name, TEXT_NAMES, n=1)
                hint = f" Did you mean {close[0]}?" if close else ""
                fail(f"there is no text {name!r}; there are: {', '.join(TEXT_NAMES)}.{hint}")
        failed = False
        for name in TEXT_NAMES if all_ else dict.fromkeys(names):
            try:
                load_text(name, validation=0)
            except DataError as error:
                typer.echo(f"\nrnncourse: {name}: {error}", err=True)  # below a progress bar
                failed = True
            except KeyboardInterrupt:
                typer.echo("\nInterrupted. Nothing half-written was kept.", err=True)
                raise typer.Exit(INTERRUPTED) from None
            else:
                (entry,) = (e for e in list_texts() if e.name == name)
                typer.echo(f"{name}: {_place(entry)}" + (f", {entry.path}" if entry.path else ""))
        if failed:
            raise typer.Exit(1)


def _size(size: int | None) -> str:
    return "" if size is None else f"{size / 1e6:.1f} MB"


def _place(entry: "TextEntry") -> str:
    """Where a text is, in words."""
    return {"mirror": "in the mirror", "cache": "in the cache", "damaged": "damaged in the mirror"}.get(
        entry.place, entry.place
    )
