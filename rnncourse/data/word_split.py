"""A text as words and what is between them, so that nothing is lost."""

from __future__ import annotations

import re
import unicodedata

# Scripts written without spaces between words: each of their characters is a word of its own.
_UNSPACED = ("CJK ", "HIRAGANA", "KATAKANA", "THAI", "LAO ", "KHMER", "MYANMAR", "BOPOMOFO", "YI SYLLABLE")


def split_words(text: str) -> list[str]:
    """Words, and each other character by itself; one space between two words is left out.

    A word is a longest run of letters, digits, underscores and combining marks; but Chinese characters, kana and other
    signs written without spaces each stand alone. `WordVocabulary.decode` puts every text together again.

    Args:
        text: any str.

    >>> split_words("to be,  or")
    ['to', 'be', ',', ' ', ' ', 'or']
    """
    w = "".join(sorted(filter(_in_word, set(text))))  # none of them means anything special between brackets
    if not w:
        return list(text)
    return re.findall(f"[{w}]+|[^{w} ]| (?![{w}])|(?<![{w}]) ", text)


def is_word(token: str) -> bool:
    """Whether a token of `split_words` is a word, which one space sets apart from a word before it.

    Args:
        token: at least one character.
    """
    return _in_word(token[0])


def _in_word(character: str) -> bool:
    category = unicodedata.category(character)
    if category[0] not in "LMN" and character != "_":
        return False
    return not (character > "\u0dff" and unicodedata.name(character, "").startswith(_UNSPACED))
