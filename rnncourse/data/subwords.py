"""Subwords to numbers and back: byte pairs, by Hugging Face's `tokenizers`, which is imported on use."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from rnncourse._checks import check_ids, check_number
from rnncourse.data.codec import check_fields, check_id, ids_array


class SubwordVocabulary:
    """Frequent strings of bytes, found by byte-pair encoding. Every text in UTF-8 can be encoded: nothing is unknown.

    The symbols are the 256 bytes and, for each of the merges that training made, the two symbols it joined. Merges stay
    within a word with the space before it, as GPT-2 cuts a text, so that `decode(encode(text)) == text` for every text.
    One character can take several symbols, and a symbol can end within one: `decoder` gives whole characters.

    Make it with `from_text`, or from a checkpoint with `from_json`. Needs the package `tokenizers`.

    Args:
        tokenizer: a tokenizer of that package as JSON, which holds byte-level pairs and adds nothing to a text.

    Raises:
        ImportError: `tokenizers` is not installed.
        TypeError: `tokenizer` is not a str.
        ValueError: it cannot be read, or has symbols that are not bytes.

    Source: Sennrich, Haddow and Birch (2016), the merges; Radford et al. (2019), bytes and words; chapter 06.
    """

    def __init__(self, tokenizer: str) -> None:
        if not isinstance(tokenizer, str):
            raise TypeError(f"tokenizer must be a str of JSON, got {type(tokenizer).__name__}")
        try:
            self._tokenizer = _tokenizers().Tokenizer.from_str(tokenizer)
        except ImportError:
            raise
        except Exception as error:  # the package raises nothing more special
            raise ValueError(f"tokenizer must be what tokenizers.Tokenizer.to_str gives: {error}") from error
        V = self._tokenizer.get_vocab_size()
        symbols = [self._tokenizer.id_to_token(i) for i in range(V)]
        byte = {character: value for value, character in enumerate(_byte_characters())}
        wrong = [symbol for symbol in symbols if symbol is None or not set(symbol) <= set(byte)]
        if wrong or len({symbol for symbol in symbols if len(symbol) == 1}) != 256:
            raise ValueError(f"tokenizer must have all 256 bytes and symbols made of them, got {wrong[:3]} of {V}")
        self._bytes = [bytes(byte[character] for character in symbol) for symbol in symbols]

    @classmethod
    def from_text(cls, train: str, size: int) -> SubwordVocabulary:
        """Learn merges on a text, the most frequent pair first.

        Args:
            train: the training split, at least one character.
            size: the greatest V, at least 256: the merges are V - 256, or fewer where no pair is left.

        Raises:
            ImportError: `tokenizers` is not installed.
            TypeError: `train` is not a str, `size` not an integer.
            ValueError: an empty text, one with surrogates, a size below 256.
        """
        _check_text("train", train)
        if not train:
            raise ValueError("train must have at least one character, got an empty str")
        return cls.from_pieces([train], size)

    @classmethod
    def from_pieces(cls, pieces: Iterable[str], size: int) -> SubwordVocabulary:
        """Learn merges on a text that comes in pieces: the same as on the whole if it is cut between words.

        Args:
            pieces: the training split; no merge joins two of them.
            size: the greatest V, at least 256.

        Raises:
            ImportError: `tokenizers` is not installed.
            TypeError: a piece is not a str, `size` not an integer.
            ValueError: a piece with surrogates, a size below 256.
        """
        check_number("size", size, at_least=256, integer=True)
        package = _tokenizers()
        byte_level = package.pre_tokenizers.ByteLevel
        tokenizer = package.Tokenizer(package.models.BPE())
        tokenizer.pre_tokenizer = byte_level(add_prefix_space=False)
        trainer = package.trainers.BpeTrainer(
            vocab_size=size, initial_alphabet=_byte_characters(), show_progress=False, special_tokens=[]
        )
        tokenizer.train_from_iterator((_check_text("each of pieces", piece) for piece in pieces), trainer)
        return cls(tokenizer.to_str())

    def __len__(self) -> int:
        """The number of symbols, V."""
        return len(self._bytes)

    def __eq__(self, other: object) -> bool:
        """Whether the other has the same merges and ids."""
        return isinstance(other, SubwordVocabulary) and self.to_json() == other.to_json()

    def __hash__(self) -> int:
        """Equal ones have the same."""
        return hash(tuple(self._bytes))

    def __repr__(self) -> str:
        return f"SubwordVocabulary of {len(self):,} symbols"

    def encode(self, text: str) -> np.ndarray:
        """The ids of a text's subwords, int64 of shape (T,), each in 0 … V - 1.

        Args:
            text: any str without surrogates.

        Raises:
            TypeError: `text` is not a str.
            ValueError: a surrogate, which UTF-8 does not have.
        """
        return np.array(self._tokenizer.encode(_check_text("text", text)).ids, np.int64)

    def decode(self, ids: np.ndarray | Sequence[int]) -> str:
        """The text of ids: the inverse of `encode`. Bytes that are not UTF-8, as a model may draw them, become U+FFFD.

        Args:
            ids: integers of shape (T,).

        Raises:
            TypeError: not integers.
            ValueError: not one-dimensional, or an id outside 0 … V - 1.
        """
        ids = check_ids("ids", ids_array(ids), ("T",), len(self))
        return b"".join([self._bytes[i] for i in ids.tolist()]).decode("utf-8", "replace")

    def decoder(self) -> SubwordDecoder:
        """A decoder that takes one id after another and gives characters as soon as they are complete."""
        return SubwordDecoder(self._bytes)

    def to_json(self) -> dict[str, Any]:
        """The vocabulary as JSON can hold it."""
        return {"kind": "subwords", "tokenizer": json.loads(self._tokenizer.to_str())}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> SubwordVocabulary:
        """The vocabulary that `to_json` described.

        Args:
            data: what it returned.

        Raises:
            ImportError: `tokenizers` is not installed.
            TypeError: not a mapping.
            ValueError: other keys, or what is no tokenizer of byte pairs.
        """
        return cls(json.dumps(check_fields(data, "subwords", ("tokenizer",))["tokenizer"]))


class SubwordDecoder:
    """The decoder of a `SubwordVocabulary`: it keeps the bytes of a character until the last has come.

    Args:
        symbols: each symbol's bytes.
    """

    def __init__(self, symbols: Sequence[bytes]) -> None:
        self._symbols = symbols
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def push(self, id: int) -> str:
        """Take one id and give the characters that are complete by now.

        Args:
            id: in 0 … V - 1.
        """
        return self._decoder.decode(self._symbols[check_id(id, len(self._symbols))])

    def finish(self) -> str:
        """U+FFFD for a character that was not completed, else ""; then the decoder is as new."""
        return self._decoder.decode(b"", final=True)


def _byte_characters() -> list[str]:
    """The character that stands for each byte: itself where it can be seen, else one from U+0100 on, in order."""
    seen = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = iter(range(0x100, 0x200))
    return [chr(value if value in seen else next(hidden)) for value in range(256)]


def _check_text(name: str, text: Any) -> str:
    if not isinstance(text, str):
        raise TypeError(f"{name} must be a str, got {type(text).__name__}")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(
            f"{name} must be text that UTF-8 can hold, got the surrogate U+{ord(text[error.start]):04X} at position "
            f"{error.start}"
        ) from error
    return text


def _tokenizers() -> Any:
    try:
        import tokenizers
    except ImportError as error:
        raise ImportError(
            'SubwordVocabulary needs the package "tokenizers". Install it with: pip install "rnncourse[subword]"'
        ) from error
    return tokenizers
