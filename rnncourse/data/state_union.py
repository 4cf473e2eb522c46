"""The State of the Union addresses, 1945 to 2006, as one text: about two million characters of modern English."""

from __future__ import annotations

import io
import re
import zipfile

_BETWEEN = "\n\n"

# All others are ASCII. Nixon's came by way of a Taiwanese keyboard: in Big5, A1 A6 is an apostrophe, A1 A7 and A1 A8
# are quotation marks, A1 40 is an indent. Eisenhower's has two signs, half a cent.
_ENCODINGS = {
    "1954-Eisenhower": "latin-1",
    "1970-Nixon": "big5",
    "1971-Nixon": "big5",
    "1972-Nixon": "big5",
    "1973-Nixon": "big5",
    "1974-Nixon": "big5",
}

# Files are named by their years. In 1963 Kennedy spoke in January, Johnson in November.
_FIRST = "1963-Kennedy"


def addresses(archive: bytes) -> dict[str, str]:
    """The addresses by name, such as "1963-Kennedy", in the order in which they were given.

    Args:
        archive: the zip file's bytes.

    Returns:
        Each address as it stands, but for its line ends, which are newlines.
    """
    with zipfile.ZipFile(io.BytesIO(archive)) as files:
        names = [match[1] for name in files.namelist() if (match := re.fullmatch(r"state_union/(\d{4}-.+)\.txt", name))]
        names.sort(key=lambda name: (name[:4], name != _FIRST, name))
        return {
            name: _lines(files.read(f"state_union/{name}.txt").decode(_ENCODINGS.get(name, "ascii"))) for name in names
        }


def joined(archive: bytes) -> str:
    """The addresses one after another, an empty line between them.

    Args:
        archive: the zip file's bytes.
    """
    return _BETWEEN.join(addresses(archive).values())


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
