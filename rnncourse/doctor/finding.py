"""One line of the report."""

from __future__ import annotations

import os
from typing import NamedTuple

OK, SLOW, MISSING = "OK", "slow", "missing"


class Finding(NamedTuple):
    """What one check found.

    Attributes:
        name: what was looked at.
        state: "OK", "slow" or "missing".
        found: what there is.
        effect: what will be slow or impossible; "" where all is well.
        why: the reason.
        mend: the command that helps.
        essential: whether nothing works without it.
    """

    name: str
    state: str
    found: str
    effect: str = ""
    why: str = ""
    mend: str = ""
    essential: bool = False


def set_variable(name: str, value: str) -> str:
    """The shell's command that sets an environment variable."""
    return f"set {name}={value}" if os.name == "nt" else f"export {name}={value}"


def install(*packages: str) -> str:
    """The command that installs packages."""
    quoted = (f'"{package}"' if "[" in package or "<" in package else package for package in packages)
    return f"python -m pip install {' '.join(quoted)}"
