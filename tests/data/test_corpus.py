"""Texts of any length as ids: the same as from `load_text` and a vocabulary, in whatever pieces they are read."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from rnncourse.data import (
    Corpus,
    DataError,
    SubwordVocabulary,
    Vocabulary,
    WordVocabulary,
    corpus,
    cuts,
    learn,
    load_corpus,
    load_text,
    text_source,
    text_stream,
)
from tests.data.conftest import files_below
from tests.data.texts import AWKWARD

MIRROR = os.environ.get("RNNCOURSE_DATA")  # read before the fixture clears it
needs_mirror = pytest.mark.skipif(not MIRROR, reason="needs the public sets: set RNNCOURSE_DATA to their folder")

TEXT = "The cat sat on the mat; the rat sat on the cat. 東京の猫! It's naïve, isn't it?\n" * 10
TEXTS = {name: text for name, text in AWKWARD.items() if text not in ("", "x")} | {
    "english": TEXT,
    "one line": "to be, or not to be that is the question",
    "one character": "a" * 300,
    "one space": " " * 50,
    "a\nb": "a\r\nb\r" * 40,
    "new in validation": "abab" * 20 + "xyz",
}
UNITS = ("characters", "words", "subwords")


@pytest.fixture
def write(tmp_path):
    def write(text: str, name: str = "own.txt") -> Path:
        path = tmp_path / name
        path.write_bytes(text.encode("utf-8"))
        return path

    return write


def needs(unit):
    if unit == "subwords":
        pytest.importorskip("tokenizers", reason="the extra subword is not installed")


def vocabulary_of(train, unit):
    """As documented, from the whole text."""
    if unit == "characters":
        return Vocabulary.from_text(train, unknown="\ufffd")
    if unit == "words":
        return WordVocabulary.from_text(train, min_count=2, max_size=50_000)
    return SubwordVocabulary.from_text(train, 4096)


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_the_same_as_from_the_whole_text(write, monkeypatch, tmp_path, unit, size):
    needs(unit)
    monkeypatch.setattr(text_stream, "PIECE", size)
    for k, text in enumerate(TEXTS.values()):
        path = write(text)
        whole = load_text(path, validation=0.25)
        vocabulary = vocabulary_of(whole.train, unit)
        found = load_corpus(path, unit=unit, validation=0.25, cache=tmp_path / "kept" if k % 2 else None)
        assert found.vocabulary == vocabulary
        assert np.array_equal(found.train, vocabulary.encode(whole.train))
        assert np.array_equal(found.validation, vocabulary.encode(whole.validation))
        assert (found.name, found.source, found.sha256) == (whole.name, whole.source, whole.sha256)
        assert (found.train_characters, found.validation_characters) == (len(whole.train), len(whole.validation))
        assert (found.unit, found.licence) == (unit, None)


@pytest.mark.parametrize("validation", [0, 0.1, 1 / 3, 0.9])
def test_the_split_is_that_of_load_text(write, validation):
    for n in (10, 11, 19, 257):
        path = write("ab" * n)
        whole, found = load_text(path, validation=validation), load_corpus(path, validation=validation)
        assert (len(found.train), len(found.validation)) == (len(whole.train), len(whole.validation))


def test_no_more_is_held_out_than_the_limit(write):
    text = "0123456789" * 20
    found = load_corpus(write(text), validation=0.2, max_validation=15)
    assert (found.train_characters, found.validation_characters) == (185, 15)
    assert found.vocabulary.decode(found.validation) == text[-15:]
    assert found.vocabulary.decode(found.train) == text[:-15]
    assert found.sha256 == load_text(write(text)).sha256
    assert found.source.endswith("own.txt (validation: no more than its last 15 characters)")
    for limit in (40, None):
        free = load_corpus(write(text), validation=0.2, max_validation=limit)
        assert (free.train_characters, free.validation_characters) == (160, 40)
        assert free.source.endswith("own.txt")


@pytest.mark.parametrize(
    ("kinds", "dtype"), [(255, np.uint8), (256, np.uint16), (65_535, np.uint16), (65_536, np.uint32)]
)
def test_the_smallest_dtype(write, kinds, dtype):
    """One more symbol than the text has stands for the unknown."""
    text = "".join(map(chr, [*range(0x20, 0x7F), *range(0x4E00, 0x9FFF), *range(0x20000, 0x2BFFF)]))[:kinds]
    found = load_corpus(write(text), validation=0)
    assert len(found.vocabulary) == kinds + 1
    assert found.train.dtype == found.validation.dtype == dtype
    assert found.train.max() == found.vocabulary.encode(max(text))
    assert found.vocabulary.decode(found.train) == text


def test_numpy_docs_keeps_its_own_split():
    whole = load_text("numpy-docs")
    found = load_corpus("numpy-docs", max_validation=10)
    assert found.vocabulary.decode(found.train) == whole.train
    assert found.vocabulary.decode(found.validation) == whole.validation
    assert (found.sha256, found.licence) == (whole.sha256, "BSD-3-Clause")
    assert found.source == whole.source.removesuffix("; BSD-3-Clause")


@needs_mirror
def test_public_texts(monkeypatch):
    monkeypatch.setenv("RNNCOURSE_DATA", MIRROR)
    for name in ("shakespeare", "time_machine", "state_union"):
        whole, found = load_text(name), load_corpus(name)
        assert found.vocabulary.decode(found.train) == whole.train
        assert found.vocabulary.decode(found.validation) == whole.validation
        assert (found.name, found.sha256, found.licence) == (name, whole.sha256, "public domain")
    assert len(load_corpus("shakespeare", max_validation=1000).validation) == 1000


def test_long_texts_are_mapped_and_short_ones_are_not(write, monkeypatch, cache):
    path = write(TEXT)
    assert not isinstance(load_corpus(path).train, np.memmap)
    assert files_below(cache) == []
    monkeypatch.setattr(corpus, "MAPPED", len(TEXT.encode()))
    found = load_corpus(path)
    assert isinstance(found.train, np.memmap)
    assert isinstance(found.validation, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        found.train[0] = 1
    assert len(files_below(cache / "corpora")) == 2
    monkeypatch.setattr(corpus, "MAPPED", len(TEXT.encode()) + 1)
    assert not isinstance(load_corpus(path).train, np.memmap)


@pytest.mark.parametrize("unit", UNITS)
def test_the_second_time_nothing_is_learnt_or_encoded(write, monkeypatch, tmp_path, unit):
    needs(unit)
    first = load_corpus(write(TEXT), unit=unit, cache=tmp_path / "kept")

    def refuse(*args):
        raise AssertionError("encoded again")

    monkeypatch.setattr(corpus, "encode_pieces", refuse)
    second = load_corpus(write(TEXT, "other name.txt"), unit=unit, cache=str(tmp_path / "kept"))  # by its content
    assert second.vocabulary == first.vocabulary
    assert np.array_equal(second.train, first.train)
    assert np.array_equal(second.validation, first.validation)
    with pytest.raises(AssertionError, match="encoded again"):
        load_corpus(write(TEXT + "."), unit=unit, cache=tmp_path / "kept")


def test_whatever_changes_the_ids_changes_the_entry(write, tmp_path):
    needs("subwords")
    words = {"unit": "words"}
    calls = [
        {},
        {"validation": 0.2},
        {"max_validation": 50},
        words,
        words | {"size": 9},
        words | {"size": 10},
        {"unit": "subwords"},
        {"unit": "subwords", "size": 256},
        {"vocabulary": Vocabulary.from_text(TEXT)},
        {"vocabulary": Vocabulary.from_text(TEXT + "x")},
        {"vocabulary": WordVocabulary.from_text(TEXT)},
    ]
    wanted = [load_corpus(write(TEXT), **options) for options in calls]
    for _ in range(2):
        for options, want in zip(calls, wanted, strict=True):
            found = load_corpus(write(TEXT), **options, cache=tmp_path / "kept")
            assert found.vocabulary == want.vocabulary
            assert np.array_equal(found.train, want.train)
            assert np.array_equal(found.validation, want.validation)
    assert len(files_below(tmp_path / "kept")) == 2 * len(calls)


@pytest.mark.parametrize("suffix", ["ids", "json"])
def test_a_damaged_entry_is_made_anew(write, tmp_path, suffix):
    want = load_corpus(write(TEXT), cache=tmp_path / "kept")
    (path,) = (tmp_path / "kept").glob(f"*.{suffix}")
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.unlink()  # on some systems a mapped file cannot be written over
    path.write_bytes(data)
    found = load_corpus(write(TEXT), cache=tmp_path / "kept")
    assert np.array_equal(found.train, want.train)
    assert found.vocabulary == want.vocabulary
    assert path.read_bytes() != data


def test_an_entry_that_is_changed_at_once(write, tmp_path, monkeypatch):
    monkeypatch.setattr(corpus.id_store, "read", lambda folder, key: None)
    with pytest.raises(DataError, match=r"does not keep what is written there: characters-\w+\.ids was changed"):
        load_corpus(write(TEXT), cache=tmp_path / "kept")


def test_a_cache_that_cannot_be_written(write, tmp_path):
    with pytest.raises(DataError, match=r"The cache .*own\.txt cannot be written"):
        load_corpus(write(TEXT), cache=tmp_path / "own.txt")


def test_a_given_vocabulary_is_used(write, monkeypatch):
    monkeypatch.setattr(text_stream, "PIECE", 4)
    few = Vocabulary.from_text("ab", unknown="b")
    found = load_corpus(write("abcabcabca"), vocabulary=few, unit="words", size=3)  # both not looked at
    assert found.vocabulary is few
    assert found.unit == "characters"
    assert found.train.tolist() == [0, 1, 1] * 3
    with pytest.raises(ValueError, match=r"character 'c' \(U\+0063\) at position 6, which is not among .* 2 symbols"):
        load_corpus(write("ababbacbac"), vocabulary=Vocabulary.from_text("ab"))
    words = load_corpus(write("to be or not to be"), vocabulary=WordVocabulary(("<unk>", "be", "to")), validation=0)
    assert words.train.tolist() == [2, 1, 0, 0, 2, 1]


@pytest.mark.parametrize(
    "change", [{"normalizer": {"type": "Lowercase"}}, {"add_prefix_space": True}, {"use_regex": False}, None]
)
def test_a_tokenizer_that_cuts_otherwise_is_refused(write, change):
    needs("subwords")
    tokenizer = SubwordVocabulary.from_text(TEXT, 300).to_json()["tokenizer"]
    if change is None:
        tokenizer["pre_tokenizer"] = None
    else:
        (tokenizer if "normalizer" in change else tokenizer["pre_tokenizer"]).update(change)
    foreign = SubwordVocabulary(json.dumps(tokenizer))
    with pytest.raises(ValueError, match=r"vocabulary must cut a text as SubwordVocabulary.from_text does"):
        load_corpus(write(TEXT), vocabulary=foreign)


def test_of_too_many_kinds_the_rare_are_forgotten(monkeypatch):
    monkeypatch.setattr(learn, "MOST_KINDS", 6)
    pieces = ["a a a b b c\n", *(f"a b x{k} y{k} z{k}\n" for k in range(50))]
    assert learn.learn_words(pieces).symbols == ("<unk>", "a", "b", "\n")
    monkeypatch.setattr(learn, "MOST_KINDS", 1000)
    assert learn.learn_words(pieces, 3).symbols == ("<unk>", "a", "b")


def test_merges_come_from_all_over_a_long_text(monkeypatch):
    needs("subwords")
    pieces = [f"{word} " * 20 for word in ("one", "six", "ten", "two")]
    monkeypatch.setattr(learn, "MOST_MERGED", 160)
    found = learn.learn_subwords(pieces, 320, 1000)
    learnt = {word: len(found.encode(f" {word}")) == 1 for word in ("one", "six", "ten", "two")}
    assert sum(learnt.values()) == 2
    assert learnt["one"] or learnt["six"]
    assert learnt["ten"] or learnt["two"]


@pytest.mark.parametrize("unit", ["words", "subwords"])
def test_a_run_without_a_place_to_cut(write, unit, monkeypatch):
    needs(unit)
    monkeypatch.setattr(text_stream, "PIECE", 1000)
    monkeypatch.setattr(cuts, "LONGEST", 4000)
    path = write("a" * 9000)
    with pytest.raises(DataError, match=r'more than 4,000 characters without a space.*unit="characters"'):
        load_corpus(path, unit=unit)
    assert len(load_corpus(path).vocabulary) == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"own\.txt is empty"),
        (b"\xef\xbb\xbf", r"own\.txt is empty"),
        (b"a", r"too short: with validation=0\.1, none of its 1 characters"),
        (b"ab\r\ngr\xfcn", r"must be UTF-8 text, got the byte 0xfc at offset 6 \(line 2\)"),
    ],
)
def test_texts_that_are_none(tmp_path, content, message):
    (tmp_path / "own.txt").write_bytes(content)
    with pytest.raises(DataError, match=message):
        load_corpus(tmp_path / "own.txt")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"name_or_path": 3}, TypeError, "name_or_path must be a name .*got int"),
        ({"name_or_path": "shakespear"}, DataError, 'Did you mean "shakespeare"'),
        ({"name_or_path": Path("nowhere")}, DataError, "There is no file nowhere"),
        ({"name_or_path": Path(".")}, DataError, "is a folder"),
        ({"unit": "letters"}, ValueError, "unit must be one of 'characters', 'words', 'subwords', got 'letters'"),
        ({"size": 100}, ValueError, "size is for words and subwords.*got size=100"),
        ({"unit": "words", "size": 0}, ValueError, "size must be at least 1, got 0"),
        ({"unit": "words", "size": 2.5}, TypeError, "size must be an integer"),
        ({"unit": "subwords", "size": 255}, ValueError, "size must be at least 256, got 255"),
        ({"validation": 1}, ValueError, "validation must be at least 0 and below 1"),
        ({"max_validation": 0}, ValueError, "max_validation must be at least 1, got 0"),
        ({"max_validation": 1e6}, TypeError, "max_validation must be an integer"),
        ({"vocabulary": "abc"}, TypeError, "vocabulary must be a Vocabulary.*got str"),
    ],
)
def test_what_is_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        load_corpus(**{"name_or_path": "numpy-docs"} | arguments)


def test_a_file_that_changes_between_the_readings(write, monkeypatch):
    path = write(TEXT)
    scan = text_stream.scan

    def scan_and_append(pieces):
        found = scan(pieces)
        path.write_text(TEXT + "more", encoding="utf-8")
        return found

    monkeypatch.setattr(text_source, "scan", scan_and_append)
    for validation in (0, 0.1):
        with pytest.raises(DataError, match="changed while it was read"):
            load_corpus(path, validation=validation)
        write(TEXT)


def test_shows_itself_in_one_line(write):
    found = load_corpus(write(TEXT))
    assert isinstance(found, Corpus)
    assert repr(found).startswith("Corpus('own.txt', 684 characters to train on, 76 for validation, V=")
    assert "uint8, sha256='" in repr(found)
    assert len(repr(found)) < 200
