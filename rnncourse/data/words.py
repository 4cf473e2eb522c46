"""Words to numbers and back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rnncourse._checks import check_ids, check_mapping, check_number
from rnncourse.data.codec import check_fields, check_id, ids_array
from rnncourse.data.word_split import is_word, split_words

UNKNOWN = "<unk>"


@dataclass(frozen=True)
class WordVocabulary:
    """The words a model knows, the frequent ones first. A word's id is its place among them; 0 is the unknown word.

    A text is cut so that it can be put together again:

    - a word is a longest run of letters, digits, underscores and combining marks;
    - every other character is a symbol by itself, and so is each Chinese character, kana, or letter of another script
      that has no spaces between words;
    - one space between two words is left out, and comes back between two words when they are decoded. Every other
      space or newline is a symbol.

    So `decode(encode(text)) == text` for every text all of whose symbols are known. Upper and lower case differ. Which
    characters are letters is what the Unicode tables of this Python say.

    Attributes:
        symbols: the words, each once; the first is "<unk>", which no text has as one word.

    Raises:
        TypeError: something else than strings.
        ValueError: an empty word, a word twice, or "<unk>" not the first.

    >>> vocabulary = WordVocabulary.from_text("to be, or not to be")
    >>> vocabulary.symbols
    ('<unk>', 'be', 'to', ' ', ',', 'not', 'or')
    >>> vocabulary.encode("to be or to see")
    array([2, 1, 6, 2, 0])
    >>> vocabulary.decode([2, 1, 4, 3, 5, 2, 0])
    'to be, not to <unk>'
    """

    symbols: tuple[str, ...]
    _number: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "symbols", tuple(self.symbols))
        for symbol in self.symbols:
            if not isinstance(symbol, str):
                raise TypeError(f"each of symbols must be a str, got {symbol!r}")
        if self.symbols[:1] != (UNKNOWN,):
            raise ValueError(f"symbols must begin with {UNKNOWN!r}, got {self.symbols[:1]}")
        if "" in self.symbols or len(set(self.symbols)) < len(self.symbols):
            twice = [symbol for symbol, times in Counter(self.symbols).items() if times > 1 or not symbol]
            raise ValueError(f"symbols must not be empty and each stand once, got {twice[:3]}")
        object.__setattr__(self, "_number", {symbol: i for i, symbol in enumerate(self.symbols)})

    @classmethod
    def from_text(cls, train: str, *, min_count: int = 1, max_size: int | None = None) -> WordVocabulary:
        """The vocabulary of a text: its words by falling frequency, equally frequent ones by code point.

        Args:
            train: the training split.
            min_count: how often a word must occur to be known, at least 1.
            max_size: the greatest V, "<unk>" counted, at least 1: rarer words are unknown. None: no limit.

        Raises:
            TypeError: `train` is not a str, a number not an integer.
            ValueError: `train` is empty, a number below 1.
        """
        if not isinstance(train, str):
            raise TypeError(f"train must be a str, such as load_text(…).train, got {type(train).__name__}")
        if not train:
            raise ValueError("train must have at least one word, got an empty str")
        return cls.from_counts(Counter(split_words(train)), min_count=min_count, max_size=max_size)

    @classmethod
    def from_counts(
        cls, counts: Mapping[str, int], *, min_count: int = 1, max_size: int | None = None
    ) -> WordVocabulary:
        """The vocabulary of counted words, as `from_text` orders them.

        Args:
            counts: how often each word occurs.
            min_count: how often a word must occur to be known, at least 1.
            max_size: the greatest V, "<unk>" counted, at least 1. None: no limit.

        Raises:
            TypeError: not a mapping, a number not an integer.
            ValueError: a number below 1.
        """
        check_mapping("counts", counts)
        check_number("min_count", min_count, at_least=1, integer=True)
        if max_size is not None:
            check_number("max_size", max_size, at_least=1, integer=True)
        known = sorted((w for w, n in counts.items() if n >= min_count), key=lambda w: (-counts[w], w))
        return cls((UNKNOWN, *known)[:max_size])

    def __len__(self) -> int:
        """The number of symbols, V."""
        return len(self.symbols)

    def encode(self, text: str) -> np.ndarray:
        """The ids of a text's words, int64 of shape (T,), each in 0 … V - 1; 0 for what is not known.

        Args:
            text: any str.

        Raises:
            TypeError: `text` is not a str.
        """
        if not isinstance(text, str):
            raise TypeError(f"text must be a str, got {type(text).__name__}")
        return np.array([self._number.get(word, 0) for word in split_words(text)], np.int64)

    def decode(self, ids: np.ndarray | Sequence[int]) -> str:
        """The text of ids: the inverse of `encode`, except that what was unknown is "<unk>", as if it were a word.

        Args:
            ids: integers of shape (T,).

        Raises:
            TypeError: not integers.
            ValueError: not one-dimensional, or an id outside 0 … V - 1.
        """
        ids = check_ids("ids", ids_array(ids), ("T",), len(self))
        decoder = self.decoder()
        return "".join([decoder.push(i) for i in ids.tolist()])

    def decoder(self) -> WordDecoder:
        """A decoder that takes one id after another and gives each word with the space before it, if there is one."""
        return WordDecoder(self.symbols)

    def to_json(self) -> dict[str, Any]:
        """The vocabulary as JSON can hold it."""
        return {"kind": "words", "symbols": list(self.symbols)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> WordVocabulary:
        """The vocabulary that `to_json` described.

        Args:
            data: what it returned.

        Raises:
            TypeError: not a mapping, or symbols that are not strings.
            ValueError: other keys, or symbols that cannot be a vocabulary's.
        """
        return cls(check_fields(data, "words", ("symbols",))["symbols"])


class WordDecoder:
    """The decoder of a `WordVocabulary`.

    Args:
        symbols: the vocabulary's.
    """

    def __init__(self, symbols: Sequence[str]) -> None:
        self._symbols = symbols
        self._after_word = False

    def push(self, id: int) -> str:
        """Take one id and give its text, after a word a space before a word.

        Args:
            id: in 0 … V - 1.
        """
        id = check_id(id, len(self._symbols))
        word = id == 0 or is_word(self._symbols[id])
        space = " " if word and self._after_word else ""
        self._after_word = word
        return space + self._symbols[id]

    def finish(self) -> str:
        """Nothing is ever left over."""
        return ""
