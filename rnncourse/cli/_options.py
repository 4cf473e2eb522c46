"""Errors about arguments in the words of the command line."""

import os
import re
from collections.abc import Collection
from typing import Any

from rnncourse.cli import USAGE_ERROR

NAMED = {"size": "vocab-size", "T": "window", "B": "batch-size"}


def option(attribute: str) -> str:
    """What an attribute is called on the command line."""
    return "--" + NAMED.get(attribute, attribute.replace("_", "-"))


def as_options(message: str, known: Collection[str]) -> str:
    """An error with the names that the command line has: of the argument it begins with, and of what it names besides.

    Args:
        message: the error.
        known: the options, as attributes.
    """

    def renamed(match: re.Match[str]) -> str:
        name = option(match[0])
        return name if name.removeprefix("--").replace("-", "_") in known else match[0]

    message = re.sub(r"^[a-z_]+(?= (must|is|do|and) |\[)", renamed, message)
    return re.sub(r"(?<![-\w])([a-z]+_[a-z_]+|[TB])(?= [=*+]|=| must|,| and)", renamed, message)


def fail_once(error: Exception, known: Collection[str], fail: Any) -> None:
    """Say an error and end, in process 0 alone where all processes have it."""
    import typer

    from rnncourse.data import DataError

    if int(os.environ.get("RANK", 0)) > 0 and not isinstance(error, DataError):
        raise typer.Exit(USAGE_ERROR)
    fail(as_options(str(error), known))
