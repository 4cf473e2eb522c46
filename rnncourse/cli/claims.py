"""The command `claims`: what the articles say, and what came out when it was tested."""

import difflib
import re
import shutil
import textwrap
from typing import TYPE_CHECKING, Annotated, Any

from rnncourse.cli._complete import claim_ids

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
        epilog="Examples:\n\nrnncourse claims\n\nrnncourse claims elman-equations\n\n"
        'rnncourse claims --verdict "does not hold" --document 003'
    )
    def claims(
        id: Annotated[
            str | None, typer.Argument(help="Which one, in full. Without it: list them.", autocompletion=claim_ids)
        ] = None,
        verdict: Annotated[
            str | None, typer.Option(help="Only those with this verdict, such as holds or 'does not hold'.")
        ] = None,
        document: Annotated[str | None, typer.Option(help="Only what this article says: 000 to 004.")] = None,
        open_: Annotated[bool, typer.Option("--open", help="Only those that no chapter has settled yet.")] = False,
        settled: Annotated[bool, typer.Option("--settled", help="Only those that a chapter has settled.")] = False,
    ) -> None:
        """List what articles say of recurrent networks, tested.

        Each statement of the articles that the course follows, and what came out when it was tested.
        """
        from rnncourse.claims import VERDICTS, LedgerError, load

        try:
            rows = load()
        except LedgerError as error:
            fail(str(error))
        width = max(shutil.get_terminal_size().columns, 20)
        if id is not None:
            if verdict is not None or document is not None or open_ or settled:
                fail("an id and a filter do not go together")
            if id not in rows:
                close = difflib.get_close_matches(id, rows, n=3)
                hint = f"Did you mean {' or '.join(close)}?" if close else "`rnncourse claims` lists them."
                fail(f"there is no claim {id!r}. {hint}")
            show_claim(id, width)
            return
        if verdict is not None and verdict not in VERDICTS:
            close = difflib.get_close_matches(verdict, VERDICTS, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            fail(f"--verdict must be one of {', '.join(map(repr, VERDICTS))}, got {verdict!r}.{hint}")
        if document is not None and not re.fullmatch("00[0-4]", document):
            fail(f"--document must be one of 000, 001, 002, 003, 004, got {document!r}")
        if verdict is not None and open_:
            fail("--verdict and --open do not go together: what is open has no verdict")
        if settled and open_:
            fail("--open and --settled do not go together: a claim is one or the other")
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

    def show_claim(id: str, width: int) -> None:
        from rnncourse.claims import LedgerError, chapters_folder, get, stored
        from rnncourse.claims_page import detail_text

        claim = get(id)
        cells = []
        if claim.settled and (page := chapters_folder() / f"{claim.page}.ipynb").is_file():
            try:
                cells = stored(page.parent).get(id, [])
            except LedgerError as error:
                fail(str(error))
        typer.echo(detail_text(claim, cells[0][1] if cells else None, min(width, 100)))
