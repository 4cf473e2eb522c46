"""The texts that the course uses: which are at hand."""

from __future__ import annotations

import os

from .finding import MISSING, OK, Finding, install


def texts() -> list[Finding]:
    """The mirror if one is named, then each text with its place."""
    from ..data import list_texts

    found = []
    if mirror := os.environ.get("RNNCOURSE_DATA"):
        if os.path.isdir(os.path.expanduser(mirror)):
            found.append(Finding("mirror", OK, mirror))
        else:
            effect, why = "public texts are downloaded instead", "RNNCOURSE_DATA names no folder"
            found.append(Finding("mirror", MISSING, mirror, effect, why, "unset RNNCOURSE_DATA"))
    for entry in list_texts():
        name = f"text {entry.name}"
        if entry.place == "to download":
            effect = "what uses it needs the network once"
            why, mend = "it is neither in the mirror nor in the cache", f"rnncourse data get {entry.name}"
            found.append(Finding(name, MISSING, "to download", effect, why, mend))
        elif entry.place == "damaged":
            effect, why = "it cannot be read", "its SHA-256 is not that of the public file"
            found.append(Finding(name, MISSING, f"{entry.path}", effect, why, f"rm {entry.path}"))
        elif entry.place == "made here":
            found.append(_default_text(name))
        else:
            found.append(Finding(name, OK, f"{entry.place}, {entry.path}"))
    return found


def _default_text(name: str) -> Finding:
    """The text that is made from NumPy's docstrings, which other versions of NumPy have other ones of."""
    import numpy as np

    from ..data.numpy_docs import PINNED_NUMPY

    if np.__version__ == PINNED_NUMPY:
        return Finding(name, OK, f"made here, from NumPy {np.__version__}, as in the book")
    effect = "figures differ a little from the printed ones"
    why = f"the book was made with NumPy {PINNED_NUMPY}, this is {np.__version__}"
    return Finding(name, MISSING, "the book's own version", effect, why, install(f"numpy=={PINNED_NUMPY}"))
