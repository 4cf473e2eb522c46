"""A text by its name or its file, split into training and validation."""

from __future__ import annotations

import codecs
import difflib
import functools
import hashlib
import os
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from rnncourse._checks import check_number
from rnncourse.data import numpy_docs
from rnncourse.data.download import PublicFile, find_public, read_public
from rnncourse.data.errors import DataError

__all__ = ["TEXT_NAMES", "Text", "TextEntry", "list_texts", "load_text"]


@dataclass(frozen=True)
class _Public:
    """A public text: its file, what it is, and its licence."""

    file: PublicFile
    description: str
    licence: str


_PUBLIC = {
    "shakespeare": _Public(
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
    "time_machine": _Public(
        PublicFile(
            "time_machine/timemachine.txt",
            "https://d2l-data.s3-accelerate.amazonaws.com/timemachine.txt",
            "8424dbd9532ac81f7e5f0b6add90e6952baea29158309d7d1bf3884f4e12c516",
            178_979,
        ),
        "H. G. Wells, The Time Machine (1895), Project Gutenberg no. 35 as prepared for d2l",
        "public domain",
    ),
}

TEXT_NAMES = ("numpy-docs", *_PUBLIC)
"""The names that `load_text` knows."""


_DOCS_LICENCE = "BSD-3-Clause"


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


@dataclass(frozen=True, repr=False)
class Text:
    """A text in two parts.

    Attributes:
        name: the name it was loaded by; a file's name.
        train: what models learn from; also what vocabularies are built on.
        validation: what they are measured on; empty if none was held out.
        source: where it comes from and its licence.
        sha256: SHA-256 of `train + validation` in UTF-8, in hexadecimal: what a result was computed on.
    """

    name: str
    train: str
    validation: str
    source: str
    sha256: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sha256", _sha256(self.train + self.validation))

    def __repr__(self) -> str:
        return (
            f"Text({self.name!r}, {len(self.train):,} characters to train on, {len(self.validation):,} for "
            f"validation, source={self.source!r}, sha256={self.sha256[:12]!r}…)"
        )


def list_texts() -> list[TextEntry]:
    """Every text that `load_text` knows by name, and where it would come from now. Downloads nothing.

    Returns:
        One entry a name, in the order of `TEXT_NAMES`.

    >>> [entry.name for entry in list_texts()][0]
    'numpy-docs'
    """
    made = TextEntry("numpy-docs", _docs_description(), _DOCS_LICENCE, None, "made here", None)
    return [made] + [
        TextEntry(name, public.description, public.licence, public.file.size, *find_public(public.file))
        for name, public in _PUBLIC.items()
    ]


def load_text(name_or_path: str | Path, *, validation: float = 0.1) -> Text:
    """Load a text and split it.

    - "numpy-docs", the default of the course: NumPy's own docstrings, no download (see `rnncourse.data.numpy_docs`).
      Validation is about the given part of the docstrings, chosen by a hash of their names. Another NumPy than the
      one the book was computed with has other docstrings: then a UserWarning says so, once.
    - "shakespeare" (tiny Shakespeare, nanoGPT's split) and "time_machine": downloaded on first use, or read from
      the mirror RNNCOURSE_DATA (see `rnncourse.data.download`). Validation is the end of the text.
    - a text file of your own: a pathlib.Path, or a str that names an existing file. UTF-8, with or without a byte
      order mark; all line ends become newlines. Validation is the end of the text.

    Args:
        name_or_path: one of the above.
        validation: the part held out, in [0, 1).

    Raises:
        TypeError: `name_or_path` is neither str nor pathlib.Path, `validation` not a number.
        ValueError: `validation` outside [0, 1).
        DataError: unknown name, no such file, a folder, an empty or undecodable file, a text too short to split, a
            wrong SHA-256, no network, a cache that cannot be written. Nothing half-written stays behind.
    """
    if not isinstance(name_or_path, str | Path):
        raise TypeError(
            f"name_or_path must be a name ({_names()}) or the pathlib.Path of a text file, "
            f"got {type(name_or_path).__name__}"
        )
    check_number("validation", validation, at_least=0, below=1)
    if name_or_path == "numpy-docs":
        return _load_numpy_docs(validation)
    if name_or_path in _PUBLIC:
        public = _PUBLIC[name_or_path]
        text = _decode(read_public(public.file), public.file.path)
        return _split_at_end(name_or_path, text, validation, f"{public.description}; {public.licence}")
    return _load_file(name_or_path, validation)


def _load_numpy_docs(validation: float) -> Text:
    if _sha256("".join(numpy_docs.split(0.1))) != numpy_docs.PINNED_SHA256:
        _warn_once(
            f'"numpy-docs" made from NumPy {np.__version__} differs from the text that the course was computed on, '
            f"that of NumPy {numpy_docs.PINNED_NUMPY}: figures will differ a little from the printed ones. For the "
            f"same text, install numpy=={numpy_docs.PINNED_NUMPY} (and run Python without -OO)."
        )
    train, held_out = numpy_docs.split(validation)
    return Text("numpy-docs", train, held_out, f"{_docs_description()}; {_DOCS_LICENCE}")


def _docs_description() -> str:
    return f"docstrings of NumPy {np.__version__}"


def _load_file(name: str | Path, validation: float) -> Text:
    path = os.path.expanduser(name)
    if os.path.isdir(path):
        raise DataError(f"{path} is a folder. Name a text file in it.")
    if not os.path.isfile(path):
        raise DataError(_not_found(name))
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error}. Check its permissions.") from error
    return _split_at_end(Path(path).name, _decode(data, str(path)), validation, f"the file {path}")


def _not_found(path: str | Path) -> str:
    if isinstance(path, Path):
        return f"There is no file {path} (looked for in {os.getcwd()}). Check the path."
    close = difflib.get_close_matches(path.lower(), TEXT_NAMES, n=1)
    hint = f' Did you mean "{close[0]}"?' if close else ""
    return (
        f"{path!r} is neither the name of a text ({_names()}) nor an existing file (looked for in {os.getcwd()}).{hint}"
    )


def _decode(data: bytes, path: str) -> str:
    if not data.removeprefix(codecs.BOM_UTF8):
        raise DataError(f"{path} is empty. Choose a file with some text in it.")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise DataError(
            f"{path} must be UTF-8 text, got the byte 0x{data[error.start]:02x} at offset {error.start} (line {line}). "
            "Save it as UTF-8 in an editor, or convert it with iconv."
        ) from error
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def _split_at_end(name: str, text: str, validation: float, source: str) -> Text:
    n = int(round(len(text) * (1 - validation), 6))  # rounded: 10 * (1 - 0.9) is 0.99… in binary
    if n == 0:
        raise DataError(
            f"{name} is too short: with validation={validation}, none of its {len(text)} characters is left to train "
            "on. Choose a longer text, or a smaller part for validation."
        )
    return Text(name, text[:n], text[n:], source)


@functools.cache
def _warn_once(message: str) -> None:
    warnings.warn(message, UserWarning, stacklevel=4)


def _names() -> str:
    return ", ".join(f'"{name}"' for name in TEXT_NAMES)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
