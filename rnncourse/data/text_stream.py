"""A text in pieces, so that no more than one of them is in memory; decoded as `load_text` decodes the whole."""

from __future__ import annotations

import codecs
import hashlib
import io
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rnncourse.data.errors import DataError
from rnncourse.data.text import undecodable, unreadable

PIECE = 1 << 20
"""Bytes of a file, or characters of a str, that are read at a time."""


@dataclass(frozen=True)
class Scan:
    """What one reading of a text finds out.

    Attributes:
        characters: how many.
        size: bytes in UTF-8.
        sha256: of those bytes, in hexadecimal; `Text.sha256` of the same text.
    """

    characters: int
    size: int
    sha256: str


class TextFile:
    """A UTF-8 file that can be read repeatedly, without its byte order mark, all line ends made newlines.

    Args:
        path: of an existing file.

    Raises:
        DataError: it cannot be read.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        try:
            self._stamp = self._now()
        except OSError as error:
            raise unreadable(path, error) from error

    def pieces(self) -> Iterator[str]:
        """The text in pieces of at most about `PIECE` characters.

        Raises:
            DataError: it cannot be read, is not UTF-8, or has changed since the object was made.
        """
        decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder("utf-8")(), translate=True)
        try:
            with open(self.path, "rb") as file:
                if file.read(len(codecs.BOM_UTF8)) != codecs.BOM_UTF8:
                    file.seek(0)
                offset, lines, data = file.tell(), 0, b"\n"
                while data:  # an empty one tells the decoder that this was all
                    data = file.read(PIECE)
                    text = self._decoded(decoder, data, offset, lines)
                    offset, lines = offset + len(data), lines + data.count(b"\n")
                    if text:
                        yield text
                if self._now() != self._stamp:
                    raise DataError(f"{self.path} changed while it was read. Try again when it stays as it is.")
        except OSError as error:
            raise unreadable(self.path, error) from error

    def _decoded(self, decoder: io.IncrementalNewlineDecoder, data: bytes, offset: int, lines: int) -> str:
        try:
            return decoder.decode(data, final=not data)
        except UnicodeDecodeError as error:
            held = len(error.object) - len(data)  # the first bytes of a character that the last piece cut
            line = lines + error.object[: error.start].count(b"\n") + 1
            raise undecodable(self.path, error.object[error.start], offset - held + error.start, line) from error

    def _now(self) -> tuple[int, int]:
        found = os.stat(self.path)
        return found.st_size, found.st_mtime_ns


def pieces_of(text: str) -> Iterator[str]:
    """A str in pieces of `PIECE` characters.

    Args:
        text: any str.
    """
    return (text[start : start + PIECE] for start in range(0, len(text), PIECE))


def scan(pieces: Iterable[str]) -> Scan:
    """Read a text once.

    Args:
        pieces: the whole of it.
    """
    digest, characters, size = hashlib.sha256(), 0, 0
    for piece in pieces:
        data = piece.encode("utf-8")
        digest.update(data)
        characters, size = characters + len(piece), size + len(data)
    return Scan(characters, size, digest.hexdigest())


def window(pieces: Iterable[str], start: int, stop: int) -> Iterator[str]:
    """A part of a text, in pieces.

    If it is the end of the text, `pieces` is run to its end, where a `TextFile` sees whether the file has changed.

    Args:
        pieces: the whole text.
        start: the first character's number.
        stop: one more than the last one's.

    >>> list(window(["abc", "def", "ghi"], 2, 7))
    ['c', 'def', 'g']
    """
    at = 0
    for piece in pieces:
        if at >= stop:
            return
        if part := piece[max(start - at, 0) : stop - at]:
            yield part
        at += len(piece)
