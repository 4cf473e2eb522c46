"""A text of any length as ids: a few kilobytes or a gigabyte, in bounded memory."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

import numpy as np

from rnncourse._checks import check_choice, check_number
from rnncourse.data import id_store
from rnncourse.data.codec import Codec, vocabulary_from_json
from rnncourse.data.download import cache_folder
from rnncourse.data.errors import DataError
from rnncourse.data.learn import learn_characters, learn_subwords, learn_words
from rnncourse.data.piece_encoding import check_vocabulary, encode_pieces, id_dtype
from rnncourse.data.text import check_name
from rnncourse.data.text_source import TextSource, find_text

__all__ = ["Corpus", "load_corpus"]

UNITS = ("characters", "words", "subwords")

MAX_VALIDATION = 1_000_000
"""The most characters that are held out, unless more are asked for."""

MAPPED = 64_000_000
"""Bytes of text from which ids are kept in a file."""

_FORMAT = 1  # of what is cached, with the way that texts are cut and vocabularies learnt


@dataclass(frozen=True, repr=False, eq=False)
class Corpus:
    """A text as ids, in two parts.

    Attributes:
        name: the name it was loaded by; a file's name.
        vocabulary: of characters, words or subwords, learnt on the training part or given.
        train: ids to learn from, of shape (T,), in the smallest of uint8, uint16 and uint32 that holds V - 1. A
            read-only memory map if the text is long.
        validation: the same of what is held out; empty if nothing is.
        source: where the text comes from, and whether less was held out than asked for.
        licence: of the text, None if it is not known.
        sha256: SHA-256 of the text in UTF-8, in hexadecimal; `Text.sha256` of the same text.
        train_characters: length of the training part in characters.
        validation_characters: length of the validation part. With the number of ids it turns a loss per symbol into one
            per character.
    """

    name: str
    vocabulary: Codec
    train: np.ndarray
    validation: np.ndarray
    source: str
    licence: str | None
    sha256: str
    train_characters: int
    validation_characters: int
    unit: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "unit", self.vocabulary.to_json()["kind"])

    def __repr__(self) -> str:
        return (
            f"Corpus({self.name!r}, {len(self.train):,} {self.unit} to train on, {len(self.validation):,} for "
            f"validation, V={len(self.vocabulary):,}, {self.train.dtype}, sha256={self.sha256[:12]!r}…)"
        )


def load_corpus(
    name_or_path: str | Path,
    *,
    unit: str = "characters",
    size: int | None = None,
    validation: float = 0.1,
    max_validation: int | None = MAX_VALIDATION,
    cache: str | Path | None = None,
    vocabulary: Codec | None = None,
) -> Corpus:
    r"""Load a text of any length as ids, and split it.

    The file is read in pieces, a few times over, and never held as a whole. Ids of texts of 64 MB and more are kept in
    a cache, as memory maps, and found there the next time by the text's SHA-256. What is in the cache is checked when
    it is used: a damaged entry is made anew.

    The split is that of `load_text`, unless more than `max_validation` characters would be held out, which would make
    each evaluation long. Then only so many are, the last ones, and training is longer. "numpy-docs", which is split by
    docstrings, is not limited.

    Vocabularies are learnt on the training part:

    - characters: those which occur, and U+FFFD for all others;
    - words: those which occur at least twice, the most frequent `size`. Where a text has over two million different
      words, the rarest are forgotten while counting;
    - subwords: `size` symbols, from 64 million characters at most: of a longer text, pieces spread over all of it.

    Args:
        name_or_path: a name or a file, as `load_text` takes.
        unit: "characters", "words" or "subwords".
        size: the greatest V, for words (at least 1; 50,000 by default) and subwords (at least 256; 4,096 by default).
        validation: the part held out, in [0, 1).
        max_validation: the most characters held out, at least 1; None: no limit.
        cache: a folder for the ids of texts of any length. By default "corpora" in the cache for downloads
            (RNNCOURSE_CACHE), for long texts alone.
        vocabulary: one to encode with; then nothing is learnt, and `unit` and `size` are not looked at.

    Returns:
        The text's ids with all that belongs to them.

    Raises:
        TypeError: an argument of another type.
        ValueError: an argument out of range; a character that the given vocabulary lacks and has no unknown one for.
        DataError: what `load_text` raises; a file that changes while it is read; words or subwords, and over a million
            characters without a place to cut; a cache that cannot be written.
        ImportError: subwords, and the package `tokenizers` is not installed.

    >>> corpus = load_corpus("numpy-docs", unit="words", size=1000)
    >>> corpus.train.dtype, len(corpus.vocabulary)
    (dtype('uint16'), 1000)
    """
    check_name(name_or_path)
    check_choice("unit", unit, UNITS)
    check_number("validation", validation, at_least=0, below=1)
    if max_validation is not None:
        check_number("max_validation", max_validation, at_least=1, integer=True)
    if vocabulary is None:
        _check_size(unit, size)
    else:
        check_vocabulary(vocabulary)
    text = find_text(name_or_path, validation, max_validation)
    if cache is None and text.scan.size < MAPPED:
        found = _learn(text, unit, size) if vocabulary is None else vocabulary
        train, held_out = (_array(found, part()) for part in (text.train, text.validation))
    else:
        folder = Path(cache).expanduser() if cache is not None else cache_folder() / "corpora"
        stored = _stored(folder, text, unit, size, vocabulary)
        found, train, held_out = vocabulary_from_json(stored.meta["vocabulary"]), stored.train, stored.validation
    return Corpus(
        name=text.name,
        vocabulary=found,
        train=train,
        validation=held_out,
        source=text.source,
        licence=text.licence,
        sha256=text.scan.sha256,
        train_characters=text.n,
        validation_characters=text.scan.characters - text.n,
    )


def _learn(text: TextSource, unit: str, size: int | None) -> Codec:
    if unit == "characters":
        return learn_characters(text.train())
    if unit == "words":
        return learn_words(text.train(), size)
    return learn_subwords(text.train(), text.n, size)


def _array(vocabulary: Codec, pieces: Iterator[str]) -> np.ndarray:
    return np.concatenate([np.zeros(0, id_dtype(vocabulary)), *encode_pieces(vocabulary, pieces)])


def _stored(folder: Path, text: TextSource, unit: str, size: int | None, vocabulary: Codec | None) -> id_store.Stored:
    """The ids and the vocabulary from the cache, after putting them there if need be."""
    key = _key(text, unit, size, vocabulary)
    stored = id_store.read(folder, key)
    if stored is None:
        found = _learn(text, unit, size) if vocabulary is None else vocabulary
        parts = [lambda part=part: encode_pieces(found, part()) for part in (text.train, text.validation)]
        id_store.write(folder, key, id_dtype(found), parts, {"vocabulary": found.to_json()})
        stored = id_store.read(folder, key)
    if stored is None:
        raise DataError(f"The cache {folder} does not keep what is written there: {key}.ids was changed. Try again.")
    return stored


def _key(text: TextSource, unit: str, size: int | None, vocabulary: Codec | None) -> str:
    """Differs wherever the ids could."""
    kind = unit if vocabulary is None else vocabulary.to_json()["kind"]
    made_by = {
        "characters": lambda: "",
        "words": lambda: unicodedata.unidata_version,
        "subwords": lambda: metadata.version("tokenizers"),
    }[kind]()
    given = None if vocabulary is None else vocabulary.to_json()
    about = [_FORMAT, text.scan.sha256, text.n, kind, size if vocabulary is None else None, given, made_by]
    return f"{kind}-{hashlib.sha256(json.dumps(about).encode('utf-8')).hexdigest()[:32]}"


def _check_size(unit: str, size: int | None) -> None:
    if size is None:
        return
    if unit == "characters":
        raise ValueError(f'size is for words and subwords; unit="characters" knows all that occur, got size={size}')
    check_number("size", size, at_least=256 if unit == "subwords" else 1, integer=True)
