"""Where a text can be cut so that its words or subwords stay the same.

encode(whole) == encode(piece 1) + encode(piece 2) + …
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator

from rnncourse.data.errors import DataError
from rnncourse.data.word_split import is_word

LONGEST = 1 << 20
"""Characters without a place to cut after which a text is refused."""

# Characters that had a category in Unicode 3.2 have kept it, whatever tables the package `tokenizers` has.
_category = unicodedata.ucd_3_2_0.category

Cut = Callable[[str], tuple[int, int]]


def recut(pieces: Iterable[str], cut: Cut) -> Iterator[str]:
    """The same text in other pieces.

    Args:
        pieces: a text, cut anywhere.
        cut: `cut_words` or `cut_subwords`.

    Raises:
        DataError: more than about a million characters without a place to cut.
    """
    held = ""
    for piece in pieces:
        held += piece
        stop, start = cut(held)
        if stop:
            yield held[:stop]
            held = held[start:]
        if len(held) > LONGEST:
            raise DataError(
                f"the text has more than {LONGEST:,} characters without a space or another place to cut, which begin "
                f'{held[:20]!r}. Use unit="characters".'
            )
    if held:
        yield held


def cut_words(text: str) -> tuple[int, int]:
    """The last place to cut for `split_words`: after a character that is not of a word.

    The space that two words imply goes with neither side: at an end of a piece it would be a symbol.

    Args:
        text: begins the text or follows a cut; what comes after it may still be unknown.

    Returns:
        (stop, start): text[:stop] is a piece, and the next one begins with text[start:]. (0, 0): nowhere.

    >>> cut_words("to be, or not")
    (9, 10)
    """
    for j in range(len(text) - 2, -1, -1):
        if not is_word(text[j]):
            implied = text[j] == " " and j > 0 and is_word(text[j - 1]) and is_word(text[j + 1])
            return j + (not implied), j + 1
    return 0, 0


def cut_subwords(text: str) -> tuple[int, int]:
    r"""The last place to cut for `SubwordVocabulary`, whose merges stay within what GPT-2's expression matches.

    Before a space or newline that follows something else, or between a letter and a punctuation mark: there one match
    ends and another begins, and neither looks over the border (only `\s+(?!\S)` looks ahead, from within spaces).

    Args:
        text: begins the text or follows a cut; what comes after it may still be unknown.

    Returns:
        As `cut_words`; stop and start are equal.

    >>> cut_subwords("to be,  or")
    (6, 6)
    """
    for j in range(len(text) - 1, 0, -1):
        a, b = text[j - 1], text[j]
        if (b in " \n" and not a.isspace()) or (_category(a)[0] == "L" and _category(b)[0] == "P"):
            return j, j
    return 0, 0
