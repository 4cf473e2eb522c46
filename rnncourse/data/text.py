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

import numpy as np

from rnncourse._checks import check_number
from rnncourse.data import named_texts, numpy_docs, state_union
from rnncourse.data.download import read_public
from rnncourse.data.errors import DataError
from rnncourse.data.named_texts import DOCS_LICENCE, TEXT_NAMES, describe_docs

__all__ = ["Text", "load_text"]


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


def load_text(name_or_path: str | Path, *, validation: float = 0.1) -> Text:
    """Load a text and split it.

    - "numpy-docs", the default of the course: NumPy's own docstrings, no download (see `rnncourse.data.numpy_docs`).
      Validation is about the given part of the docstrings, chosen by a hash of their names. Another NumPy than the
      one the book was computed with has other docstrings: then a UserWarning says so, once.
    - "shakespeare" (tiny Shakespeare, nanoGPT's split), "time_machine" and "state_union" (65 addresses in the order
      in which they were given): downloaded on first use, or read from the mirror RNNCOURSE_DATA (see
      `rnncourse.data.download`). Validation is the end of the text.
    - a text file of your own: a pathlib.Path, or a str that names an existing file. UTF-8, with or without a byte
      order mark; all line ends become newlines. Validation is the end of the text. The whole is held in memory:
      `load_corpus` reads files of any length.

    Args:
        name_or_path: one of the above.
        validation: the part held out, in [0, 1).

    Raises:
        TypeError: `name_or_path` is neither str nor pathlib.Path, `validation` not a number.
        ValueError: `validation` outside [0, 1).
        DataError: unknown name, no such file, a folder, an empty or undecodable file, a text too short to split, a
            wrong SHA-256, no network, a cache that cannot be written. Nothing half-written stays behind.
    """
    check_name(name_or_path)
    check_number("validation", validation, at_least=0, below=1)
    if name_or_path == "numpy-docs":
        return _load_numpy_docs(validation)
    if name_or_path in named_texts.PUBLIC:
        public = named_texts.PUBLIC[name_or_path]
        data = read_public(public.file)
        text = state_union.joined(data) if name_or_path == "state_union" else _decode(data, public.file.path)
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
    return Text("numpy-docs", train, held_out, f"{describe_docs()}; {DOCS_LICENCE}")


def _load_file(name: str | Path, validation: float) -> Text:
    path = find_file(name)
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise unreadable(path, error) from error
    return _split_at_end(Path(path).name, _decode(data, path), validation, file_source(path))


def check_name(name_or_path: object) -> None:
    """Raise TypeError unless it can be a text's name or path.

    Args:
        name_or_path: what the caller passed.
    """
    if not isinstance(name_or_path, str | Path):
        raise TypeError(
            f"name_or_path must be a name ({_names()}) or the pathlib.Path of a text file, "
            f"got {type(name_or_path).__name__}"
        )


def find_file(name: str | Path) -> str:
    """The path of a text file, the home folder expanded.

    Args:
        name: what the caller passed.

    Raises:
        DataError: a folder, or nothing.
    """
    path = os.path.expanduser(name)
    if os.path.isdir(path):
        raise DataError(f"{path} is a folder. Name a text file in it.")
    if not os.path.isfile(path):
        raise DataError(_not_found(name))
    return str(path)


def file_source(path: str) -> str:
    """What a text's `source` says of a file.

    Args:
        path: the file's.
    """
    return f"the file {path}"


def unreadable(path: str, error: OSError) -> DataError:
    """The error for a file that cannot be read.

    Args:
        path: the file's.
        error: why.
    """
    return DataError(f"{path} cannot be read: {error}. Check its permissions.")


def empty(path: str) -> DataError:
    """The error for a file without text.

    Args:
        path: the file's.
    """
    return DataError(f"{path} is empty. Choose a file with some text in it.")


def undecodable(path: str, byte: int, offset: int, line: int) -> DataError:
    """The error for a file that is not UTF-8.

    Args:
        path: the file's.
        byte: the first that does not fit.
        offset: its number, from 0.
        line: the number of its line, from 1.
    """
    return DataError(
        f"{path} must be UTF-8 text, got the byte 0x{byte:02x} at offset {offset} (line {line}). "
        "Save it as UTF-8 in an editor, or convert it with iconv."
    )


def training_length(name: str, characters: int, validation: float) -> int:
    """How many characters of a text come before its end is held out.

    Args:
        name: the text's.
        characters: how many it has.
        validation: the part held out.

    Raises:
        DataError: none is left.
    """
    n = int(round(characters * (1 - validation), 6))  # rounded: 10 * (1 - 0.9) is 0.99… in binary
    if n == 0:
        raise DataError(
            f"{name} is too short: with validation={validation}, none of its {characters} characters is left to train "
            "on. Choose a longer text, or a smaller part for validation."
        )
    return n


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
        raise empty(path)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise undecodable(path, data[error.start], error.start, line) from error
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def _split_at_end(name: str, text: str, validation: float, source: str) -> Text:
    n = training_length(name, len(text), validation)
    return Text(name, text[:n], text[n:], source)


@functools.cache
def _warn_once(message: str) -> None:
    warnings.warn(message, UserWarning, stacklevel=4)


def _names() -> str:
    return ", ".join(f'"{name}"' for name in TEXT_NAMES)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
