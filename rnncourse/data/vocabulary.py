"""Characters to numbers and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnncourse._checks import check_ids
from rnncourse.data.codec import TextDecoder, check_fields, ids_array

__all__ = ["Vocabulary"]

CODE_POINTS = 0x110000
"""How many numbers Unicode has for characters."""


@dataclass(frozen=True)
class Vocabulary:
    """The characters a model knows. A character's id is its place among them.

    Build it with `from_text`, on the training split only: a symbol that only validation has could not be learnt, and
    counting it would let validation shape the model.

    Attributes:
        symbols: the characters, each once, sorted by code point.
        unknown: the one among them that stands for every character which is not; None if there is no such symbol.

    Raises:
        TypeError: something else than characters.
        ValueError: no symbols, a symbol twice or out of order, `unknown` not among them.

    >>> vocabulary = Vocabulary.from_text("banana")
    >>> vocabulary.symbols
    ('a', 'b', 'n')
    >>> vocabulary.encode("nab")
    array([2, 0, 1])
    >>> vocabulary.decode([1, 0, 2])
    'ban'
    """

    symbols: tuple[str, ...]
    unknown: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "symbols", tuple(self.symbols))
        for symbol in self.symbols:
            _check_character("each of symbols", symbol)
        if not self.symbols or list(self.symbols) != sorted(set(self.symbols)):
            raise ValueError(f"symbols must be at least one character, each once, in sorted order, got {self.symbols}")
        if self.unknown is not None and self.unknown not in self.symbols:
            raise ValueError(f"unknown must be None or one of symbols, got {self.unknown!r}")

    @classmethod
    def from_text(cls, train: str, *, unknown: str | None = None) -> Vocabulary:
        """The vocabulary of a text: the characters that occur in it, and `unknown` if given.

        Args:
            train: the training split.
            unknown: a character to stand for those that do not occur in `train`, such as "\\ufffd"; None makes
                `encode` reject them.

        Raises:
            TypeError: `train` is not a str, `unknown` not a character.
            ValueError: `train` is empty.
        """
        if not isinstance(train, str):
            raise TypeError(f"train must be a str, such as load_text(…).train, got {type(train).__name__}")
        if not train:
            raise ValueError("train must have at least one character, got an empty str")
        if unknown is not None:
            _check_character("unknown", unknown)
        return cls(tuple(sorted(set(train) | ({unknown} if unknown else set()))), unknown)

    def __len__(self) -> int:
        """The number of symbols, V."""
        return len(self.symbols)

    def encode(self, text: str) -> np.ndarray:
        """The ids of a text's characters, int64 of shape (len(text),), each in 0 … V - 1.

        Raises:
            TypeError: `text` is not a str.
            ValueError: a character is not in the vocabulary, and there is no `unknown`. Names it and its position.
        """
        if not isinstance(text, str):
            raise TypeError(f"text must be a str, got {type(text).__name__}")
        known, given = code_points("".join(self.symbols)), code_points(text)
        ids = np.searchsorted(known, given).clip(max=len(self) - 1)
        lacking = known[ids] != given
        if lacking.any():
            if self.unknown is None:
                position = int(lacking.argmax())
                raise missing(self, text[position], position)
            ids[lacking] = self.symbols.index(self.unknown)
        return ids.astype(np.int64, copy=False)

    def decode(self, ids: np.ndarray | Sequence[int]) -> str:
        """The text of ids, of shape (T,): the inverse of `encode`, except that `unknown` stays itself.

        Raises:
            TypeError: not integers.
            ValueError: not one-dimensional, or an id outside 0 … V - 1.
        """
        ids = check_ids("ids", ids_array(ids), ("T",), len(self))
        return "".join([self.symbols[i] for i in ids.tolist()])

    def decoder(self) -> TextDecoder:
        """A decoder that takes one id after another and gives its character."""
        return TextDecoder(self.symbols)

    def to_json(self) -> dict[str, Any]:
        """The vocabulary as JSON can hold it."""
        return {"kind": "characters", "symbols": list(self.symbols), "unknown": self.unknown}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Vocabulary:
        """The vocabulary that `to_json` described.

        Args:
            data: what it returned.

        Raises:
            TypeError: not a mapping, or symbols that are not characters.
            ValueError: other keys, or symbols that cannot be a vocabulary's.
        """
        data = check_fields(data, "characters", ("symbols", "unknown"))
        return cls(tuple(data["symbols"]), data["unknown"])


def missing(vocabulary: Vocabulary, character: str, position: int) -> ValueError:
    """The error for a text with a character that is not in the vocabulary.

    Args:
        vocabulary: one without an unknown symbol.
        character: the one that it lacks.
        position: its place in the text.
    """
    return ValueError(
        f"text has the character {character!r} (U+{ord(character):04X}) at position {position}, which is not "
        f"among the vocabulary's {len(vocabulary)} symbols. Remove it from the text, or build the vocabulary with "
        'unknown="\\ufffd", which then stands for every such character.'
    )


def _check_character(name: str, value: object) -> None:
    if not isinstance(value, str) or len(value) != 1:
        raise TypeError(f"{name} must be one character, got {value!r}")


def code_points(text: str) -> np.ndarray:
    """The numbers of a text's characters in Unicode, uint8 or uint32 of shape (len(text),).

    Args:
        text: any str.
    """
    if text.isascii():  # three times as fast
        return np.frombuffer(text.encode("ascii"), np.uint8)
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
