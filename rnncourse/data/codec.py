"""What all vocabularies have in common, and a vocabulary from a checkpoint's metadata."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from rnncourse._checks import check_choice, check_mapping


class Decoder(Protocol):
    """Text from ids as they come, whole characters only: made by a vocabulary's `decoder`, one for each text.

    All that `push` and then `finish` gave is together what `decode` gives for the same ids.
    """

    def push(self, id: int) -> str:
        """Take one id.

        Args:
            id: in 0 … V - 1.

        Returns:
            What can be printed by now: "" while a character is not complete.

        Raises:
            TypeError: not an integer.
            ValueError: not in 0 … V - 1.
        """

    def finish(self) -> str:
        """What is left at the end: U+FFFD for a character that was never completed, else ""."""


class Codec(Protocol):
    """A vocabulary: characters, words or subwords, used alike. `len` is V, its number of symbols.

    `from_json` of the same class makes an equal one from what `to_json` returned; `vocabulary_from_json` finds the
    class.
    """

    def __len__(self) -> int:
        """The number of symbols, V."""

    def encode(self, text: str) -> np.ndarray:
        """The ids of a text, int64 of shape (T,), each in 0 … V - 1.

        Args:
            text: any str.
        """

    def decode(self, ids: np.ndarray | Sequence[int]) -> str:
        """The text of ids: the inverse of `encode` where the text had nothing unknown.

        Args:
            ids: integers of shape (T,).
        """

    def decoder(self) -> Decoder:
        """A decoder that takes one id after another."""

    def to_json(self) -> dict[str, Any]:
        """The vocabulary as JSON can hold it, for a checkpoint's metadata; "kind" says which it is."""


class TextDecoder:
    """The decoder of a vocabulary whose symbols are whole characters or words.

    Args:
        texts: each symbol's text.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts

    def push(self, id: int) -> str:
        """Take one id and give its text.

        Args:
            id: in 0 … V - 1.
        """
        return self._texts[check_id(id, len(self._texts))]

    def finish(self) -> str:
        """Nothing is ever left over."""
        return ""


def check_id(id: Any, size: int) -> int:
    """Return `id` as an int if it is an integer in [0, size), else raise TypeError or ValueError.

    Args:
        id: what the caller passed; anything that can be an index, such as a NumPy integer.
        size: V.
    """
    if isinstance(id, bool | np.bool_) or not hasattr(id, "__index__"):
        raise TypeError(f"id must be an integer, got {id!r}")
    if not 0 <= id < size:
        raise ValueError(f"id must lie in 0 … {size - 1}, got {id}")
    return id.__index__()


def ids_array(ids: Any) -> np.ndarray:
    """A sequence of ids as an array: that of an empty list has integers too.

    Args:
        ids: an array or a sequence.
    """
    if isinstance(ids, np.ndarray):
        return ids
    return np.array(ids) if len(ids) else np.zeros(0, int)


def check_fields(data: Any, kind: str, fields: tuple[str, ...]) -> Mapping[str, Any]:
    """Return `data` if it is what `to_json` of that kind of vocabulary gives, else raise.

    Args:
        data: what `from_json` got.
        kind: "characters", "words" or "subwords".
        fields: the keys besides "kind".

    Raises:
        TypeError: not a mapping.
        ValueError: another kind, or other keys.
    """
    check_mapping("data", data)
    if data.get("kind") != kind:
        raise ValueError(f"data['kind'] must be {kind!r}, got {data.get('kind')!r}")
    if set(data) != {"kind", *fields}:
        raise ValueError(f"data must have the keys kind, {', '.join(fields)}, got {', '.join(sorted(map(str, data)))}")
    return data


def vocabulary_from_json(data: Mapping[str, Any]) -> Codec:
    """The vocabulary that `to_json` described, of whichever kind.

    Args:
        data: what `to_json` of a `Vocabulary`, `WordVocabulary` or `SubwordVocabulary` returned.

    Returns:
        An equal vocabulary of the same class.

    Raises:
        TypeError: not a mapping.
        ValueError: an unknown kind, or what the class's `from_json` refuses.
        ImportError: subwords, and the package `tokenizers` is not installed.

    >>> from rnncourse.data import Vocabulary
    >>> vocabulary_from_json(Vocabulary.from_text("banana").to_json())
    Vocabulary(symbols=('a', 'b', 'n'), unknown=None)
    """
    from rnncourse.data.subwords import SubwordVocabulary
    from rnncourse.data.vocabulary import Vocabulary
    from rnncourse.data.words import WordVocabulary

    classes = {"characters": Vocabulary, "words": WordVocabulary, "subwords": SubwordVocabulary}
    check_mapping("data", data)
    kind = check_choice("data['kind']", data.get("kind"), tuple(classes))
    return classes[kind].from_json(data)
