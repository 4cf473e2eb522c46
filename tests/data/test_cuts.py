"""Texts cut into pieces: encoded one by one they give what the whole gives."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnncourse.data import DataError, WordVocabulary, cuts
from rnncourse.data.cuts import cut_subwords, cut_words, recut
from rnncourse.data.word_split import is_word, split_words
from tests.data.texts import AWKWARD

# Spaces of many kinds, contractions, letters, digits, marks, scripts without spaces, a letter of Unicode 16 (U+10D50).
odd = st.text(
    st.sampled_from("ab  's12_.,\n\t\r\u00a0\u3000\u2003\x1c\x85\u0301漢。のก☃é\u05d0\U00010d50😀"), max_size=40
)
anything = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
sizes = st.integers(1, 6)


def cut_up(text, size):
    return [text[i : i + size] for i in range(0, len(text), size)]


def split_slowly(text):
    """`split_words` as its description says, a character at a time."""
    tokens, k = [], 0
    while k < len(text):
        stop = k + 1
        while is_word(text[k]) and stop < len(text) and is_word(text[stop]):
            stop += 1
        between = 0 < k < len(text) - 1 and is_word(text[k - 1]) and is_word(text[k + 1])
        if not (text[k] == " " and between):
            tokens.append(text[k:stop])
        k = stop
    return tokens


@given(odd | anything)
def test_split_words_is_what_it_says(text):
    assert split_words(text) == split_slowly(text)


@given(odd | anything, sizes)
def test_words_of_pieces_are_those_of_the_whole(text, size):
    pieces = list(recut(cut_up(text, size), cut_words))
    assert list(itertools.chain(*map(split_words, pieces))) == split_words(text)


def test_every_short_text_of_words_and_spaces():
    for n in range(1, 8):
        for letters in itertools.product("a .", repeat=n):
            text = "".join(letters)
            for size in range(1, n):
                pieces = list(recut(cut_up(text, size), cut_words))
                assert list(itertools.chain(*map(split_words, pieces))) == split_words(text), (text, size)


@given(odd | anything, sizes)
def test_subwords_of_pieces_are_those_of_the_whole(text, size):
    """What merges stay within is the same, so the merges are."""
    tokenizers = pytest.importorskip("tokenizers", reason="the extra subword is not installed")
    before = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    pieces = list(recut(cut_up(text, size), cut_subwords))
    assert "".join(pieces) == text
    found = [part for piece in pieces for part, _ in before.pre_tokenize_str(piece)]
    assert found == [part for part, _ in before.pre_tokenize_str(text)]


@pytest.mark.parametrize("cut", [cut_words, cut_subwords])
@pytest.mark.parametrize("text", ["to be, or not\n" * 99, "to be " * 99, "她说：你好，世界！" * 99, "a,b" * 99])
def test_pieces_are_short(cut, text):
    pieces = list(recut(cut_up(text, 20), cut))
    assert len(pieces) > len(text) / 30
    assert max(map(len, pieces)) < 45


@pytest.mark.parametrize("cut", [cut_words, cut_subwords])
def test_no_place_to_cut(cut, monkeypatch):
    monkeypatch.setattr(cuts, "LONGEST", 50)
    assert list(recut(["x" * 10] * 5, cut)) == ["x" * 50]
    with pytest.raises(DataError, match=r"more than 50 characters without a space .* begin 'xxxx.*unit=\"characters\""):
        list(recut(["x" * 10] * 6, cut))


def test_awkward_texts_as_words():
    for text in AWKWARD.values():
        vocabulary = WordVocabulary.from_text(text + "x")
        for size in (1, 3, 100):
            ids = [i for piece in recut(cut_up(text, size), cut_words) for i in vocabulary.encode(piece).tolist()]
            assert ids == vocabulary.encode(text).tolist()


def test_the_longest_text_without_a_cut_is_stated():
    assert re.search(r"about a million characters", recut.__doc__)
    assert cuts.LONGEST == 2**20
