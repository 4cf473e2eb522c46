"""Ids in files: what was written comes back, and nothing else does."""

from __future__ import annotations

import hashlib
import json
import os
import time

import numpy as np
import pytest

from rnncourse.data import DataError, id_store
from tests.data.conftest import files_below

TRAIN, VALIDATION = np.arange(300, dtype=np.uint16), np.arange(7, dtype=np.uint16) + 500


def write(folder, train=TRAIN, validation=VALIDATION):
    parts = [lambda: [train[:100], train[100:]], lambda: [validation]]
    id_store.write(folder, "key", np.dtype(np.uint16), parts, {"says": "hä"})


def test_comes_back_as_read_only_maps(tmp_path):
    folder = tmp_path / "new" / "folder"
    assert id_store.read(folder, "key") is None
    write(folder)
    stored = id_store.read(folder, "key")
    assert stored.meta == {"says": "hä"}
    for found, wanted in ((stored.train, TRAIN), (stored.validation, VALIDATION)):
        assert isinstance(found, np.memmap)
        assert found.dtype == np.uint16
        np.testing.assert_array_equal(found, wanted)
        with pytest.raises(ValueError, match="read-only"):
            found[0] = 1
    assert {path.name for path in files_below(folder)} == {"key.ids", "key.json"}
    assert id_store.read(folder, "other") is None


def test_nothing_held_out(tmp_path):
    write(tmp_path, validation=TRAIN[:0])
    stored = id_store.read(tmp_path, "key")
    assert (len(stored.train), len(stored.validation), stored.validation.dtype) == (300, 0, np.uint16)


@pytest.mark.parametrize("name", ["key.ids", "key.json"])
@pytest.mark.parametrize("harm", ["flip", "cut", "grow", "empty", "remove"])
def test_damage_is_noticed_and_written_over(tmp_path, name, harm):
    write(tmp_path)
    path = tmp_path / name
    data = path.read_bytes()
    if harm == "remove":
        path.unlink()
    else:
        middle = len(data) // 2
        flipped = data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
        path.write_bytes({"flip": flipped, "cut": data[:-1], "grow": data + b"\0", "empty": b""}[harm])
    assert id_store.read(tmp_path, "key") is None
    write(tmp_path)
    np.testing.assert_array_equal(id_store.read(tmp_path, "key").train, TRAIN)


def test_the_first_line_is_of_the_rest(tmp_path):
    write(tmp_path)
    digest, _, body = (tmp_path / "key.json").read_bytes().partition(b"\n")
    assert digest.decode() == hashlib.sha256(body).hexdigest()
    assert json.loads(body)["sha256"] == hashlib.sha256((tmp_path / "key.ids").read_bytes()).hexdigest()


def test_ids_of_another_entry_are_not_taken(tmp_path):
    """As after a kill between the two renames."""
    write(tmp_path)
    (tmp_path / "key.ids").write_bytes((TRAIN[::-1].tobytes()) + VALIDATION.tobytes())
    assert id_store.read(tmp_path, "key") is None


def test_a_failure_leaves_what_was_there(tmp_path):
    write(tmp_path)

    def broken():
        yield TRAIN
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        id_store.write(tmp_path, "key", np.dtype(np.uint16), [broken, broken], {})
    assert {path.name for path in files_below(tmp_path)} == {"key.ids", "key.json"}
    assert id_store.read(tmp_path, "key").meta == {"says": "hä"}


def test_maps_stay_valid_when_the_entry_is_written_anew(tmp_path):
    write(tmp_path)
    before = id_store.read(tmp_path, "key")
    write(tmp_path, train=TRAIN[::-1])
    np.testing.assert_array_equal(before.train, TRAIN)
    np.testing.assert_array_equal(id_store.read(tmp_path, "key").train, TRAIN[::-1])


def test_only_what_is_long_abandoned_is_tidied_away(tmp_path):
    old, new = tmp_path / "old.part", tmp_path / "new.part"
    for path, age in ((old, 25), (new, 23)):
        path.write_bytes(b"half")
        os.utime(path, times=(time.time() - age * 3600,) * 2)
    write(tmp_path)
    assert {path.name for path in files_below(tmp_path)} == {"key.ids", "key.json", "new.part"}


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DataError, match=r"The cache .*file cannot be written: .*cache=…, or .*RNNCOURSE_CACHE"):
        write(tmp_path / "file")


def test_a_full_disk(tmp_path, monkeypatch):
    def full(number):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataError, match=r"cannot be written: .*No space left on device\. Make room"):
        write(tmp_path)
    assert files_below(tmp_path) == []
