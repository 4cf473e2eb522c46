"""The texts that the course knows by name: what they are, under which terms, and where they would come from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from rnncourse.data.download import PublicFile, find_public

__all__ = ["TEXT_NAMES", "TextEntry", "list_texts"]


@dataclass(frozen=True)
class PublicText:
    """A public text: its file, what it is, and its licence."""

    file: PublicFile
    description: str
    licence: str


PUBLIC = {
    "shakespeare": PublicText(
        PublicFile(
            "tiny_shakespeare/input.txt",
            "https://raw.githubusercontent.com/karpathy/char-rnn/6f9487a6fe5b420b7ca9afb0d7c078e37c1d1b4e"
            "/data/tinyshakespeare/input.txt",
            "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
            1_115_394,
        ),
        "tiny Shakespeare, from karpathy/char-rnn",
        "public domain",
    ),
    "time_machine": PublicText(
        PublicFile(
            "time_machine/timemachine.txt",
            "https://d2l-data.s3-accelerate.amazonaws.com/timemachine.txt",
            "8424dbd9532ac81f7e5f0b6add90e6952baea29158309d7d1bf3884f4e12c516",
            178_979,
        ),
        "H. G. Wells, The Time Machine (1895), Project Gutenberg no. 35 as prepared for d2l",
        "public domain",
    ),
    "state_union": PublicText(
        PublicFile(
            "state_union/state_union.zip",
            "https://raw.githubusercontent.com/nltk/nltk_data/5db857e6f7df11eabb5e5665836db9ec8df07e28"
            "/packages/corpora/state_union.zip",
            "366c1dc82b2abf896f42b2ec50ba802a0141a29f75d29ca48a7a243ce5bfbe8d",
            808_757,
        ),
        "65 State of the Union addresses (1945 to 2006), C-Span's texts, from nltk/nltk_data",
        "public domain",
    ),
}

TEXT_NAMES = ("numpy-docs", *PUBLIC)
"""The names that `load_text` knows."""


DOCS_LICENCE = "BSD-3-Clause"


class TextEntry(NamedTuple):
    """A text that `load_text` knows by name.

    Attributes:
        name: what `load_text` takes.
        description: what it is.
        licence: under which terms.
        size: bytes of the file; None for a text that is made on this machine.
        place: "made here", "mirror", "cache", "to download", or "damaged" for another file in its place in the mirror.
        path: the file, where there is one.
    """

    name: str
    description: str
    licence: str
    size: int | None
    place: str
    path: Path | None


def list_texts() -> list[TextEntry]:
    """Every text that `load_text` knows by name, and where it would come from now. Downloads nothing.

    Returns:
        One entry a name, in the order of `TEXT_NAMES`.

    >>> [entry.name for entry in list_texts()][0]
    'numpy-docs'
    """
    made = TextEntry("numpy-docs", describe_docs(), DOCS_LICENCE, None, "made here", None)
    return [made] + [
        TextEntry(name, public.description, public.licence, public.file.size, *find_public(public.file))
        for name, public in PUBLIC.items()
    ]


def describe_docs() -> str:
    return f"docstrings of NumPy {np.__version__}"
