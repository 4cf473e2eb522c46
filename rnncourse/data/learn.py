"""Vocabularies of texts that do not fit into memory."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable

import numpy as np

from rnncourse.data.cuts import cut_subwords, cut_words, recut
from rnncourse.data.subwords import SubwordVocabulary
from rnncourse.data.vocabulary import CODE_POINTS, Vocabulary, code_points
from rnncourse.data.word_split import split_words
from rnncourse.data.words import WordVocabulary

UNKNOWN_CHARACTER = "\ufffd"

MOST_WORDS = 50_000
"""The greatest V of words where none is given."""

LEAST_COUNT = 2
"""How often a word must occur to be known."""

MOST_SUBWORDS = 4_096
"""The greatest V of subwords where none is given."""

MOST_KINDS = 2_000_000
"""Different words that are counted at a time."""

MOST_MERGED = 64_000_000
"""Characters that merges are learnt on: of a longer text, pieces spread over all of it."""


def learn_characters(pieces: Iterable[str]) -> Vocabulary:
    r"""The characters of a text, and U+FFFD for all others: `Vocabulary.from_text(text, unknown="\ufffd")`.

    Args:
        pieces: the training split.
    """
    found = np.zeros(CODE_POINTS, bool)
    for piece in pieces:
        found[code_points(piece)] = True
    found[ord(UNKNOWN_CHARACTER)] = True
    return Vocabulary(tuple(map(chr, np.flatnonzero(found).tolist())), UNKNOWN_CHARACTER)


def learn_words(pieces: Iterable[str], size: int | None = None) -> WordVocabulary:
    """The words that a text has at least twice, at most so many: `WordVocabulary.from_text`.

    No more than about `MOST_KINDS` different words are counted at a time: beyond, the rarest are forgotten, those that
    occurred once before those that occurred twice. A frequent word may then be counted a little short.

    Args:
        pieces: the training split.
        size: the greatest V; `MOST_WORDS` by default.
    """
    counts: Counter[str] = Counter()
    for piece in recut(pieces, cut_words):
        counts.update(split_words(piece))
        rare = 0
        while len(counts) > MOST_KINDS:
            rare += 1
            counts = Counter({word: n for word, n in counts.items() if n > rare})
    return WordVocabulary.from_counts(counts, min_count=LEAST_COUNT, max_size=MOST_WORDS if size is None else size)


def learn_subwords(pieces: Iterable[str], characters: int, size: int | None = None) -> SubwordVocabulary:
    """Merges: `SubwordVocabulary.from_text`, from `MOST_MERGED` characters at most.

    Args:
        pieces: the training split.
        characters: how many it has.
        size: the greatest V; `MOST_SUBWORDS` by default.
    """
    every = -(-characters // MOST_MERGED)
    some = itertools.islice(recut(pieces, cut_subwords), 0, None, every)
    return SubwordVocabulary.from_pieces(some, MOST_SUBWORDS if size is None else size)
