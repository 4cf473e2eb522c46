"""Files in pieces: the same text, and the same errors, as when they are read as a whole."""

from __future__ import annotations

import hashlib
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnncourse.data import DataError, load_text, text_stream
from rnncourse.data.text_stream import TextFile, pieces_of, scan, window

parts = st.sampled_from(["a", "\r", "\n", "\r\n", "é", "漢", "😀", "e\u0301", "\ufeff", "\x00", "\u2028", "\x85"])
damage = st.sampled_from([b"\xff", b"\xe6\xbc", b"\xf0\x9f\x98", b"\xc3", b"\xed\xa0\x80", b"\xc0\x80"])
sizes = st.sampled_from([1, 2, 3, 5, 1000])


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("stream") / "own.txt"


@given(st.lists(parts, min_size=1).map("".join), st.booleans(), sizes)
def test_as_load_text_reads_it(path, text, marked, size):
    path.write_bytes(b"\xef\xbb\xbf" * marked + text.encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_stream, "PIECE", size)
        try:
            whole = load_text(path, validation=0).train
        except DataError:  # a byte order mark alone
            whole = ""
        pieces = list(TextFile(str(path)).pieces())
    assert "".join(pieces) == whole
    assert all(0 < len(piece) <= size + 1 for piece in pieces)  # and a newline that the last piece held back


@given(st.lists(parts).map("".join), damage, st.lists(parts).map("".join), st.booleans(), sizes)
def test_what_is_not_utf8_is_named_as_load_text_does(path, before, wrong, after, marked, size):
    path.write_bytes(b"\xef\xbb\xbf" * marked + before.encode() + wrong + after.encode())
    with pytest.MonkeyPatch.context() as patch, pytest.raises(DataError) as found:
        patch.setattr(text_stream, "PIECE", size)
        list(TextFile(str(path)).pieces())
    with pytest.raises(DataError, match="must be UTF-8 text, got the byte 0x") as wanted:
        load_text(path)
    assert str(found.value) == str(wanted.value)


def test_a_file_that_changes_is_noticed(path):
    path.write_text("abc", encoding="utf-8")
    file = TextFile(str(path))
    assert list(file.pieces()) == ["abc"]
    with open(path, "a", encoding="utf-8") as grows:
        grows.write("d")
    with pytest.raises(DataError, match=r"own\.txt changed while it was read"):
        list(file.pieces())


def test_a_file_that_vanishes(path):
    path.write_text("abc", encoding="utf-8")
    file = TextFile(str(path))
    os.remove(path)
    for use in (lambda: list(file.pieces()), lambda: TextFile(str(path))):
        with pytest.raises(DataError, match=r"own\.txt cannot be read: .*Check its permissions"):
            use()


@given(st.lists(parts).map("".join), sizes)
def test_scan(text, size):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_stream, "PIECE", size)
        pieces = list(pieces_of(text))
    assert "".join(pieces) == text
    found = scan(pieces)
    data = text.encode()
    assert (found.characters, found.size, found.sha256) == (len(text), len(data), hashlib.sha256(data).hexdigest())


@given(st.lists(st.text("abc", max_size=4)), st.integers(0, 12), st.integers(0, 12))
def test_window(pieces, start, stop):
    found = list(window(pieces, start, stop))
    assert "".join(found) == "".join(pieces)[start:stop]
    assert "" not in found


def test_window_stops_early_but_sees_the_end_of_a_text_that_it_needs_all_of():
    """There the file is looked at again, whether it has changed."""

    def pieces():
        yield from ("abc", "def", "ghi")
        raise AssertionError("read on")

    assert "".join(window(pieces(), 1, 5)) == "bcde"
    assert "".join(window(pieces(), 1, 6)) == "bcdef"
    with pytest.raises(AssertionError, match="read on"):
        list(window(pieces(), 1, 9))
