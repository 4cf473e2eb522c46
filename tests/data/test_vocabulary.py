"""Characters to ids and back."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnncourse.data import Vocabulary, vocabulary_from_json
from tests.data.texts import AWKWARD

anything = st.text(st.characters(exclude_categories=[]), min_size=1)  # surrogates too


@given(anything)
def test_decode_inverts_encode(text):
    vocabulary = Vocabulary.from_text(text)
    ids = vocabulary.encode(text)
    assert ids.dtype == np.int64
    assert ids.shape == (len(text),)
    assert vocabulary.decode(ids) == text
    assert [vocabulary.symbols[i] for i in ids] == list(text)


@given(anything, anything, st.sampled_from("\ufffd a?"))
def test_unknown_characters_become_the_unknown_symbol(train, text, unknown):
    vocabulary = Vocabulary.from_text(train, unknown=unknown)
    expected = "".join(c if c in train else unknown for c in text)
    assert vocabulary.decode(vocabulary.encode(text)) == expected
    assert list(vocabulary.symbols) == sorted(set(train) | {unknown})


@given(anything, anything)
def test_without_unknown_the_first_stranger_is_named(train, text):
    strangers = [i for i, c in enumerate(text) if c not in train]
    vocabulary = Vocabulary.from_text(train)
    if not strangers:
        assert vocabulary.decode(vocabulary.encode(text)) == text
        return
    with pytest.raises(ValueError, match=f"at position {strangers[0]}, ") as caught:
        vocabulary.encode(text)
    assert f"{text[strangers[0]]!r} (U+{ord(text[strangers[0]]):04X})" in str(caught.value)


def test_symbols_are_sorted_and_counted():
    vocabulary = Vocabulary.from_text("hello\n")
    assert vocabulary.symbols == ("\n", "e", "h", "l", "o")
    assert len(vocabulary) == 5
    assert vocabulary == Vocabulary(["\n", "e", "h", "l", "o"])
    assert vocabulary == Vocabulary("\nehlo")
    with pytest.raises(dataclasses.FrozenInstanceError):
        vocabulary.symbols = ()


def test_ids_come_from_training_alone():
    """A symbol that only validation has changes no id."""
    assert Vocabulary.from_text("ac").encode("c")[0] == 1
    with pytest.raises(ValueError, match=r"the character 'b' \(U\+0062\) at position 1"):
        Vocabulary.from_text("ac").encode("abc")


def test_empty_texts():
    vocabulary = Vocabulary.from_text("a")
    assert vocabulary.encode("").shape == (0,)
    assert vocabulary.decode([]) == ""
    assert vocabulary.decode(np.zeros(0, int)) == ""
    with pytest.raises(ValueError, match="train must have at least one character"):
        Vocabulary.from_text("")


@pytest.mark.parametrize("ids", [[3], [-1], np.array([0, 7])])
def test_ids_out_of_range(ids):
    with pytest.raises(ValueError, match=r"ids must lie in 0 … 2, got"):
        Vocabulary("abc").decode(ids)


@pytest.mark.parametrize("ids", [[0.0], np.ones(2), [None], ["a"], [True], np.array([np.nan])])
def test_ids_that_are_no_integers(ids):
    with pytest.raises(TypeError, match="ids must be an integer"):
        Vocabulary("abc").decode(ids)


def test_ids_of_another_shape():
    with pytest.raises(ValueError, match=r"ids must have shape \(T,\), got \(2, 2\)"):
        Vocabulary("abc").decode(np.zeros((2, 2), int))
    with pytest.raises(ValueError, match=r"ids must have shape \(T,\), got \(\)"):
        Vocabulary("abc").decode(np.array(1))


@pytest.mark.parametrize("symbols", ["", "ba", "aab"])
def test_symbols_must_be_sorted_and_distinct(symbols):
    with pytest.raises(ValueError, match="symbols must be at least one character, each once, in sorted order"):
        Vocabulary(symbols)


def test_other_mistakes():
    with pytest.raises(TypeError, match="each of symbols must be one character, got 'ab'"):
        Vocabulary(["ab"])
    with pytest.raises(TypeError, match="unknown must be one character, got '<unk>'"):
        Vocabulary.from_text("abc", unknown="<unk>")
    with pytest.raises(TypeError, match="unknown must be one character, got ''"):
        Vocabulary.from_text("abc", unknown="")
    with pytest.raises(ValueError, match="unknown must be None or one of symbols, got 'z'"):
        Vocabulary("abc", unknown="z")
    with pytest.raises(TypeError, match=r"train must be a str, .*got bytes"):
        Vocabulary.from_text(b"abc")
    with pytest.raises(TypeError, match="text must be a str, got list"):
        Vocabulary("abc").encode(["a"])


@given(anything, st.sampled_from([None, "\ufffd"]))
def test_to_json_and_back(text, unknown):
    vocabulary = Vocabulary.from_text(text, unknown=unknown)
    stored = json.loads(json.dumps(vocabulary.to_json()))
    assert Vocabulary.from_json(stored) == vocabulary == vocabulary_from_json(stored)


def test_a_decoder_takes_one_id_after_another():
    decoder = Vocabulary("a猫😀").decoder()
    assert [decoder.push(i) for i in (2, np.int64(0), 1)] == ["😀", "a", "猫"]
    assert decoder.finish() == ""
    with pytest.raises(ValueError, match="id must lie in 0 … 2, got 3"):
        decoder.push(3)
    with pytest.raises(TypeError, match=r"id must be an integer, got 1\.0"):
        decoder.push(1.0)


@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_texts(name):
    text = AWKWARD[name]
    vocabulary = Vocabulary.from_text(text + "x")
    decoder = vocabulary.decoder()
    assert (
        "".join([decoder.push(i) for i in vocabulary.encode(text)])
        == text
        == vocabulary.decode(vocabulary.encode(text))
    )
