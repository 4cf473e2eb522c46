"""Words to ids and back."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnncourse.data import WordVocabulary, vocabulary_from_json
from rnncourse.data.word_split import is_word, split_words
from tests.data.texts import AWKWARD

anything = st.text(st.characters(exclude_categories=[]), min_size=1)  # surrogates too
spaced = st.text(st.sampled_from("ab  _1,.'\n\t\u00a0\u0301漢のก☃"), min_size=1, max_size=40)


@given(anything | spaced)
def test_decode_inverts_encode(text):
    vocabulary = WordVocabulary.from_text(text)
    ids = vocabulary.encode(text)
    assert ids.dtype == np.int64
    assert 0 not in ids
    assert vocabulary.decode(ids) == text
    decoder = vocabulary.decoder()
    assert "".join([decoder.push(i) for i in ids] + [decoder.finish()]) == text


@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_texts(name):
    text = AWKWARD[name]
    vocabulary = WordVocabulary.from_text(text + " x")
    assert vocabulary.decode(vocabulary.encode(text)) == text


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", []),
        (" ", [" "]),
        ("to be", ["to", "be"]),
        ("to  be", ["to", " ", " ", "be"]),
        (" to be ", [" ", "to", "be", " "]),
        ("to be, or", ["to", "be", ",", " ", "or"]),
        ("to\nbe", ["to", "\n", "be"]),
        ("to\u00a0be", ["to", "\u00a0", "be"]),
        ("don't x_1", ["don", "'", "t", "x_1"]),
        ("cafe\u0301s äß", ["cafe\u0301s", "äß"]),
        ("東京 2020 年", ["東", "京", " ", "2020", " ", "年"]),
        ("かな a b", ["か", "な", " ", "a", "b"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("👍🏽 ok", ["👍", "🏽", " ", "ok"]),
    ],
)
def test_how_a_text_is_cut(text, tokens):
    assert split_words(text) == tokens


def test_words_and_others():
    assert [is_word(token) for token in ("a", "é", "7", "_", "\u0301", " ", ",", "漢", "の", "ก", "☃")] == [
        True
    ] * 5 + [False] * 6


def test_the_frequent_come_first_and_the_rest_is_unknown():
    text = "b a b c. a b d"
    assert WordVocabulary.from_text(text).symbols == ("<unk>", "b", "a", " ", ".", "c", "d")
    assert WordVocabulary.from_text(text, min_count=2).symbols == ("<unk>", "b", "a")
    assert WordVocabulary.from_text(text, max_size=3).symbols == ("<unk>", "b", "a")
    assert WordVocabulary.from_text(text, min_count=3, max_size=9).symbols == ("<unk>", "b")
    assert WordVocabulary.from_text(text, max_size=1).symbols == ("<unk>",)
    few = WordVocabulary.from_text(text, min_count=2)
    assert few.encode(text).tolist() == [1, 2, 1, 0, 0, 0, 2, 1, 0]
    assert few.decode(few.encode("a c b")) == "a <unk> b"
    assert len(few) == 3


def test_the_name_of_the_unknown_is_no_word_of_a_text():
    vocabulary = WordVocabulary.from_text("<unk> x")
    ids = vocabulary.encode("<unk> x")
    assert 0 not in ids
    assert vocabulary.decode(ids) == "<unk> x"


def test_to_json_and_back():
    vocabulary = WordVocabulary.from_text("so it goes, 東京 é \ud800\udc00")
    stored = json.loads(json.dumps(vocabulary.to_json()))
    assert WordVocabulary.from_json(stored) == vocabulary == vocabulary_from_json(stored)
    assert vocabulary != WordVocabulary.from_text("so it goes")
    assert hash(vocabulary) == hash(WordVocabulary.from_json(stored))


def test_empty():
    vocabulary = WordVocabulary.from_text("a")
    assert vocabulary.encode("").shape == (0,)
    assert vocabulary.encode("").dtype == np.int64
    assert vocabulary.decode([]) == ""


def test_a_decoder_is_for_one_text():
    vocabulary = WordVocabulary.from_text("a b")
    first, second = vocabulary.decoder(), vocabulary.decoder()
    assert [first.push(1), first.push(np.int64(2)), second.push(2), first.push(0)] == ["a", " b", "b", " <unk>"]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: WordVocabulary.from_text(""), ValueError, "train must have at least one word"),
        (lambda: WordVocabulary.from_text(b"a"), TypeError, "train must be a str.*got bytes"),
        (lambda: WordVocabulary.from_text("a", min_count=0), ValueError, "min_count must be at least 1"),
        (lambda: WordVocabulary.from_text("a", max_size=0), ValueError, "max_size must be at least 1"),
        (lambda: WordVocabulary.from_text("a", max_size=2.0), TypeError, "max_size must be an integer"),
        (lambda: WordVocabulary(("a", "<unk>")), ValueError, "symbols must begin with '<unk>'"),
        (lambda: WordVocabulary(()), ValueError, "symbols must begin with '<unk>'"),
        (lambda: WordVocabulary(("<unk>", "a", "a")), ValueError, r"each stand once, got \['a'\]"),
        (lambda: WordVocabulary(("<unk>", "")), ValueError, "symbols must not be empty"),
        (lambda: WordVocabulary(("<unk>", 3)), TypeError, "each of symbols must be a str, got 3"),
        (lambda: WordVocabulary(("<unk>",)).encode(["a"]), TypeError, "text must be a str, got list"),
        (lambda: WordVocabulary(("<unk>",)).decode([1]), ValueError, "ids must lie in 0 … 0, got 1"),
        (lambda: WordVocabulary(("<unk>",)).decode([0.0]), TypeError, "ids must be an integer"),
        (lambda: WordVocabulary(("<unk>",)).decoder().push(-1), ValueError, "id must lie in 0 … 0, got -1"),
        (lambda: WordVocabulary(("<unk>",)).decoder().push("a"), TypeError, "id must be an integer, got 'a'"),
        (lambda: WordVocabulary(("<unk>",)).decoder().push(True), TypeError, "id must be an integer, got True"),
    ],
)
def test_what_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
