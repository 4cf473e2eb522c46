"""Texts by name and from files, and the errors of both."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from rnncourse.data import TEXT_NAMES, DataError, Vocabulary, load_text, state_union

MIRROR = os.environ.get("RNNCOURSE_DATA")  # read before the fixture clears it
needs_mirror = pytest.mark.skipif(not MIRROR, reason="needs the public sets: set RNNCOURSE_DATA to their folder")


@pytest.fixture
def write(tmp_path):
    def write(data: bytes) -> Path:
        path = tmp_path / "own.txt"
        path.write_bytes(data)
        return path

    return write


def test_own_file_by_path_and_by_str(write):
    path = write(b"0123456789" * 3)
    text = load_text(path)
    assert text == load_text(str(path))
    assert (text.name, text.train, text.validation) == ("own.txt", "0123456789" * 2 + "0123456", "789")
    assert str(path) in text.source
    assert text.sha256 == hashlib.sha256(b"0123456789" * 3).hexdigest()


@pytest.mark.parametrize(("validation", "held_out"), [(0, 0), (0.1, 1), (0.25, 3), (0.9, 9)])
def test_validation_is_the_end_of_the_file(write, validation, held_out):
    text = load_text(write(b"0123456789"), validation=validation)
    assert len(text.validation) == held_out  # training is rounded down
    assert text.train + text.validation == "0123456789"


def test_line_ends_and_byte_order_mark(write):
    text = load_text(write("\ufeffgrün\r\nfür\rßa\n".encode()), validation=0)
    assert text.train == "grün\nfür\nßa\n"


def test_a_known_name_beats_a_file_in_the_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("numpy-docs").write_text("mine")
    assert load_text("numpy-docs").train != load_text(Path("numpy-docs")).train


def test_text_cannot_be_changed_and_shows_itself_in_one_line(write):
    text = load_text(write(b"abc" * 5000))
    with pytest.raises(dataclasses.FrozenInstanceError):
        text.train = ""
    assert "13,500 characters to train on, 1,500 for validation" in repr(text)
    assert len(repr(text)) < 400


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf"])
def test_empty_file(write, content):
    with pytest.raises(DataError, match=r"own\.txt is empty"):
        load_text(write(content))


def test_too_short_to_split(write):
    with pytest.raises(DataError, match=r"too short: with validation=0\.1, none of its 1 characters"):
        load_text(write(b"a"))
    assert load_text(write(b"a"), validation=0).train == "a"


def test_undecodable_file(write):
    with pytest.raises(DataError, match=r"must be UTF-8 text, got the byte 0xfc at offset 9 \(line 2\)"):
        load_text(write(b"\xef\xbb\xbfab\r\ngr\xfcn"))


def test_utf16_file(write):
    with pytest.raises(DataError, match="got the byte 0xff at offset 0"):
        load_text(write(b"\xff\xfea\0b\0"))


@pytest.mark.parametrize("kind", [str, Path])
def test_folder(tmp_path, kind):
    with pytest.raises(DataError, match="is a folder"):
        load_text(kind(tmp_path))


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("shakespear", 'Did you mean "shakespeare"'),
        ("Numpy-Docs", 'Did you mean "numpy-docs"'),
        ("numpy_docs", 'Did you mean "numpy-docs"'),
        ("xyz", r"existing file \(looked for in .*\)\.$"),
        ("", r"existing file \(looked for in .*\)\.$"),
        ("a\0b", r"existing file \(looked for in .*\)\.$"),
        ("x" * 5000, r"existing file \(looked for in .*\)\.$"),
    ],
)
def test_unknown_name_lists_the_known_ones(name, hint):
    with pytest.raises(DataError, match=hint) as caught:
        load_text(name)
    assert all(f'"{known}"' in str(caught.value) for known in TEXT_NAMES)


def test_missing_path():
    with pytest.raises(DataError, match=r"There is no file nowhere\.txt \(looked for in "):
        load_text(Path("nowhere.txt"))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no /dev/null")
def test_device_is_not_a_file():
    with pytest.raises(DataError, match="There is no file /dev/null"):
        load_text(Path("/dev/null"))


def test_unreadable_file(write, monkeypatch):
    path = write(b"abc")

    def refuse(self):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(DataError, match="cannot be read"):
        load_text(path)


@pytest.mark.parametrize("name", [None, 3, b"shakespeare", ["shakespeare"]])
def test_name_of_another_type(name):
    with pytest.raises(TypeError, match=r"name_or_path must be a name .*got"):
        load_text(name)


@pytest.mark.parametrize("validation", [1, -0.1, float("nan")])
def test_validation_out_of_bounds(validation):
    with pytest.raises(ValueError, match="validation must be at least 0 and below 1"):
        load_text("numpy-docs", validation=validation)


def test_validation_of_another_type():
    with pytest.raises(TypeError, match="validation must be a number"):
        load_text("numpy-docs", validation="0.1")


def test_loading_the_default_text_imports_neither_torch_nor_matplotlib_nor_pooch():
    program = (
        "import sys, rnncourse.data\n"
        'rnncourse.data.load_text("numpy-docs")\n'
        'print(sorted({"torch", "matplotlib", "pooch", "requests", "tqdm", "scipy"} & set(sys.modules)))'
    )
    assert subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout == "[]\n"


@needs_mirror
@pytest.mark.parametrize(
    ("name", "train", "validation", "symbols"),
    [
        ("shakespeare", 1_003_854, 111_540, 65),
        ("time_machine", 161_081, 17_898, 70),
        ("state_union", 1_866_236, 207_360, 93),
    ],
)
def test_public_texts(monkeypatch, name, train, validation, symbols):
    monkeypatch.setenv("RNNCOURSE_DATA", MIRROR)
    text = load_text(name)
    assert (len(text.train), len(text.validation)) == (train, validation)
    vocabulary = Vocabulary.from_text(text.train)
    assert len(vocabulary) == symbols
    assert vocabulary.decode(vocabulary.encode(text.validation)) == text.validation  # nothing unknown in it


@needs_mirror
def test_the_addresses_are_whole_in_order_and_decoded(monkeypatch):
    monkeypatch.setenv("RNNCOURSE_DATA", MIRROR)
    text = load_text("state_union")
    whole = text.train + text.validation
    archive = (Path(MIRROR) / "state_union" / "state_union.zip").read_bytes()
    found = state_union.addresses(archive)
    assert len(found) == 65
    names = list(found)
    assert [name[:4] for name in names] == sorted(name[:4] for name in names)
    assert (names[0], names[-1]) == ("1945-Truman", "2006-GWBush")
    assert names[names.index("1963-Kennedy") + 1] == "1963-Johnson"
    assert names.index("2001-GWBush-1") + 1 == names.index("2001-GWBush-2")
    places = [whole.index(address) for address in found.values()]
    assert places == sorted(places)
    assert sum(map(len, found.values())) + 64 * len("\n\n") == len(whole)
    assert {c for c in whole if ord(c) > 126 or ord(c) < 32} == set("\n\u3000½¢…—’“”")
    assert "a growing feeling the “Things are in the saddle, and ride mankind.”" in found["1971-Nixon"]
    assert "cancellation of the ½¢ decrease" in found["1954-Eisenhower"]
    assert text.sha256 == "59d45342e78f4f9d8eb21b955bdfd4a779963cde3d29b147db19eb58c796553e"


def zipped(**addresses: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("state_union/README", "about")
        for name, data in addresses.items():
            archive.writestr(f"state_union/{name.replace('_', '-')}.txt", data)
    return file.getvalue()


def test_addresses_of_a_small_archive():
    archive = zipped(
        **{
            "1970_Nixon": b"man\xa1\xa6s\r\n",
            "1963_Kennedy": b"January",
            "1954_Eisenhower": b"\xbd\xa2",
            "1963_Johnson": b"November\r",
        }
    )
    assert state_union.joined(archive) == "½¢\n\nJanuary\n\nNovember\n\n\nman’s\n"


def test_a_home_folder_is_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / "mine.txt").write_text("abcdefghij", encoding="utf-8")
    assert load_text("~/mine.txt").train == "abcdefghi"
