"""Where a text is read from, and which part of it is to train on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rnncourse.data.named_texts import TEXT_NAMES
from rnncourse.data.text import empty, file_source, find_file, load_text, training_length
from rnncourse.data.text_stream import Scan, TextFile, pieces_of, scan, window


@dataclass(frozen=True)
class TextSource:
    """A text that can be read in pieces, repeatedly.

    Attributes:
        name: the name it was loaded by; a file's name.
        source: where it comes from.
        licence: its, if known.
        pieces: gives the whole text in pieces.
        scan: its length and SHA-256.
        n: so many of its characters, the first ones, are to train on.
    """

    name: str
    source: str
    licence: str | None
    pieces: Callable[[], Iterator[str]]
    scan: Scan
    n: int

    def train(self) -> Iterator[str]:
        """The training part in pieces."""
        return window(self.pieces(), 0, self.n)

    def validation(self) -> Iterator[str]:
        """What is held out, in pieces."""
        return window(self.pieces(), self.n, self.scan.characters)


def find_text(name_or_path: str | Path, validation: float, limit: int | None) -> TextSource:
    """A text by its name or its file, read once.

    Args:
        name_or_path: what the caller passed.
        validation: the part held out, in [0, 1).
        limit: the most characters held out; None: any number.

    Raises:
        DataError: what `load_text` raises.
    """
    if name_or_path in TEXT_NAMES:
        text = load_text(name_or_path, validation=validation)
        whole = text.train + text.validation
        source, _, licence = text.source.rpartition("; ")  # of these texts, the licence is what comes last
        n = len(text.train)
        if name_or_path != "numpy-docs":
            n, source = _limited(n, len(whole), limit, source)
        return TextSource(text.name, source, licence, lambda: pieces_of(whole), scan(pieces_of(whole)), n)
    path = find_file(name_or_path)
    file, name = TextFile(path), Path(path).name
    read = scan(file.pieces())
    if read.characters == 0:
        raise empty(path)
    n = training_length(name, read.characters, validation)
    n, source = _limited(n, read.characters, limit, file_source(path))
    return TextSource(name, source, None, file.pieces, read, n)


def _limited(n: int, characters: int, limit: int | None, source: str) -> tuple[int, str]:
    if limit is None or characters - n <= limit:
        return n, source
    return characters - limit, f"{source} (validation: no more than its last {limit:,} characters)"
