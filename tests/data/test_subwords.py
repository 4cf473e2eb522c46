"""Subwords to ids and back."""

from __future__ import annotations

import builtins
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnncourse.data import SubwordVocabulary, Vocabulary, vocabulary_from_json
from tests.data.texts import AWKWARD

tokenizers = pytest.importorskip("tokenizers", reason="the extra subword is not installed")

TRAIN = "The cat sat on the mat. The rat sat on the cat; 東京の猫 東京の猫 😀😀 naïve café\n" * 20
VOCABULARY = SubwordVocabulary.from_text(TRAIN, 290)

utf8 = st.text(st.characters(exclude_categories=["Cs"]))


@given(utf8)
def test_every_text_comes_back(text):
    ids = VOCABULARY.encode(text)
    assert ids.dtype == np.int64
    assert ids.ndim == 1
    assert VOCABULARY.decode(ids) == text
    decoder = VOCABULARY.decoder()
    assert "".join([decoder.push(i) for i in ids]) == text
    assert decoder.finish() == ""


@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_texts(name):
    assert VOCABULARY.decode(VOCABULARY.encode(AWKWARD[name])) == AWKWARD[name]


@given(st.lists(st.integers(0, len(VOCABULARY) - 1), max_size=30))
def test_any_ids_stream_as_they_decode(ids):
    """What a model draws need not be UTF-8."""
    decoder = VOCABULARY.decoder()
    pieces = [decoder.push(i) for i in ids]
    assert "".join([*pieces, decoder.finish()]) == VOCABULARY.decode(ids)


def test_a_decoder_gives_whole_characters():
    plain = SubwordVocabulary.from_text("a", 256)
    assert len(plain) == 256
    text = "é猫😀"
    decoder = plain.decoder()
    pieces = [decoder.push(i) for i in plain.encode(text)]
    assert pieces == ["", "é", "", "", "猫", "", "", "", "😀"]
    cut = plain.decoder()
    assert [cut.push(i) for i in plain.encode("猫")[:2]] == ["", ""]
    assert cut.finish() == "\ufffd" == plain.decode(plain.encode("猫")[:2])
    assert [cut.push(i) for i in plain.encode("a")] == ["a"]  # as new


def test_merges_shorten_what_they_were_learnt_on():
    assert len(VOCABULARY) == 290
    assert len(VOCABULARY.encode(TRAIN)) < 0.4 * len(TRAIN.encode())
    assert len(VOCABULARY.encode(" the")) == 1
    fewer = SubwordVocabulary.from_text("ab" * 9, 5000)
    assert 256 < len(fewer) < 270  # no pair is left


def test_training_is_repeatable_and_json_keeps_it():
    again = SubwordVocabulary.from_text(TRAIN, 290)
    assert again == VOCABULARY
    assert hash(again) == hash(VOCABULARY)
    assert SubwordVocabulary.from_text(TRAIN, 280) != VOCABULARY
    stored = json.loads(json.dumps(VOCABULARY.to_json()))
    for back in (SubwordVocabulary.from_json(stored), vocabulary_from_json(stored)):
        assert back == VOCABULARY
        assert np.array_equal(back.encode(AWKWARD["two kilobytes"]), VOCABULARY.encode(AWKWARD["two kilobytes"]))
    assert repr(back) == "SubwordVocabulary of 290 symbols"


def test_the_package_is_named_when_it_is_missing(monkeypatch):
    stored, real = VOCABULARY.to_json(), builtins.__import__

    def without(name, *arguments, **options):
        if name == "tokenizers":
            raise ModuleNotFoundError("No module named 'tokenizers'")
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    for make in (lambda: SubwordVocabulary.from_text("abc", 256), lambda: vocabulary_from_json(stored)):
        with pytest.raises(ImportError, match=r'pip install "rnncourse\[subword\]"'):
            make()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: SubwordVocabulary.from_text("", 300), ValueError, "train must have at least one character"),
        (lambda: SubwordVocabulary.from_text(7, 300), TypeError, "train must be a str, got int"),
        (lambda: SubwordVocabulary.from_text("a", 255), ValueError, "size must be at least 256"),
        (lambda: SubwordVocabulary.from_text("a", 300.0), TypeError, "size must be an integer"),
        (lambda: VOCABULARY.encode("ab\ud800"), ValueError, r"text must be .*U\+D800 at position 2"),
        (lambda: VOCABULARY.encode(b"a"), TypeError, "text must be a str, got bytes"),
        (lambda: VOCABULARY.decode([290]), ValueError, "ids must lie in 0 … 289, got 290"),
        (lambda: VOCABULARY.decode(np.ones(2)), TypeError, "ids must be an integer"),
        (lambda: VOCABULARY.decoder().push(290), ValueError, "id must lie in 0 … 289, got 290"),
        (lambda: SubwordVocabulary("{}"), ValueError, "tokenizer must be what tokenizers.Tokenizer.to_str gives"),
        (lambda: SubwordVocabulary(3), TypeError, "tokenizer must be a str of JSON"),
        (lambda: SubwordVocabulary(foreign()), ValueError, "tokenizer must have all 256 bytes"),
    ],
)
def test_what_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


def foreign():
    """A tokenizer of the same package that is not of bytes."""
    return tokenizers.Tokenizer(tokenizers.models.WordLevel({"a": 0, "猫": 1}, unk_token="a")).to_str()


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        ({}, ValueError, r"data\['kind'\] must be one of 'characters', 'words', 'subwords', got None"),
        ({"kind": "bytes"}, ValueError, "got 'bytes'"),
        ([], TypeError, "data must be a mapping"),
        ({"kind": "characters", "symbols": ["a"]}, ValueError, "data must have the keys kind, symbols, unknown"),
        ({"kind": "words", "symbols": ["a"]}, ValueError, "symbols must begin with '<unk>'"),
        ({"kind": "characters", "symbols": ["b", "a"], "unknown": None}, ValueError, "in sorted order"),
    ],
)
def test_json_that_is_no_vocabulary(data, error, message):
    with pytest.raises(error, match=message):
        vocabulary_from_json(data)
    with pytest.raises(ValueError, match=r"data\['kind'\] must be 'subwords', got 'characters'"):
        SubwordVocabulary.from_json(Vocabulary("a").to_json())
