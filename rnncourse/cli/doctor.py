"""The command `doctor`: what this machine and its software are good for."""

import json
from typing import TYPE_CHECKING, Annotated, Any

if TYPE_CHECKING:
    import typer

    from rnncourse.doctor import Finding


def add_commands(app: "typer.Typer", fail: Any) -> None:
    """Register the command.

    Args:
        app: the application.
        fail: says an error to the user and ends the command.
    """
    import typer

    @app.command(epilog="Examples:\n\nrnncourse doctor\n\nrnncourse doctor --json")
    def doctor(
        as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    ) -> None:
        """Look what is missing or slow on this machine, and what helps.

        Python, packages, processor, memory, texts. The exit status is 1 where something essential is broken.
        """
        from rnncourse.cli import THREADS_ASKED_FOR
        from rnncourse.doctor import OK, examine

        found = examine(THREADS_ASKED_FOR)
        broken = [finding for finding in found if finding.essential and finding.state == "missing"]
        if as_json:
            typer.echo(json.dumps({"ok": not broken, "findings": [f._asdict() for f in found]}, indent=1))
        else:
            typer.echo(report(found))
            others = sum(finding.state != OK for finding in found) - len(broken)
            typer.echo(
                f"\nBroken: {', '.join(finding.name for finding in broken)}." if broken else "\nThe course runs here."
            )
            if others:
                typer.echo(f"{others} thing{'s' * (others > 1)} could be better; nothing else depends on them.")
        if broken:
            raise typer.Exit(1)


def report(found: "list[Finding]") -> str:
    """A line for each finding, and what follows from one that is not OK below it."""
    width = max(len(finding.name) for finding in found)
    lines = []
    for finding in found:
        lines.append(f"{finding.state:<7}  {finding.name:<{width}}  {finding.found}")
        for word, text in (("so", finding.effect), ("why", finding.why), ("mend", finding.mend)):
            if text:
                lines.append(f"{'':<7}  {'':<{width}}  {word}: {text}")
    return "\n".join(lines)
