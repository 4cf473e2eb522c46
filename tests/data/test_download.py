"""Downloads from a server on this machine: what arrives is checked, and what fails leaves nothing behind."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import os
import subprocess
import sys
import time
from pathlib import Path

import pooch
import pytest

from rnncourse.data import DataError, load_text, named_texts
from rnncourse.data.download import PublicFile, cache_folder, read_public
from tests.data.conftest import CONTENT, files_below


def test_good_download_is_kept_and_not_repeated(server, cache, capfd):
    assert read_public(server.file) == CONTENT
    assert files_below(cache) == [cache / "tiny_shakespeare" / "input.txt"]
    assert "100%" in capfd.readouterr().err  # the progress bar
    server.behaviour = "500"
    assert read_public(server.file) == CONTENT
    assert server.requests == 1


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        ("wrong", "expected"),
        ("unannounced", "expected"),
        ("truncated", "could not be downloaded"),
        ("404", "404"),
        ("500", "500"),
    ],
)
def test_failed_download_leaves_nothing_and_can_be_repeated(server, cache, behaviour, reason):
    server.behaviour = behaviour
    with pytest.raises(DataError, match=reason) as caught:
        read_public(server.file)
    assert server.file.url in str(caught.value)
    assert files_below(cache) == []
    server.behaviour = "good"
    assert read_public(server.file) == CONTENT


def test_wrong_hash_names_both(server):
    server.behaviour = "wrong"
    with pytest.raises(DataError) as caught:
        read_public(server.file)
    assert hashlib.sha256(CONTENT.upper()).hexdigest() in str(caught.value)
    assert server.file.sha256 in str(caught.value)


def test_no_network_says_what_to_do(cache, tmp_path, monkeypatch):
    file = PublicFile("tiny_shakespeare/input.txt", "http://127.0.0.1:9/input.txt", "0" * 64)
    monkeypatch.setenv("RNNCOURSE_DATA", str(tmp_path / "mirror"))
    with pytest.raises(DataError) as caught:
        read_public(file)
    message = str(caught.value)
    for part in (
        file.url,
        str(cache / "tiny_shakespeare" / "input.txt"),
        f"no file {tmp_path / 'mirror' / 'tiny_shakespeare' / 'input.txt'}",
        "set RNNCOURSE_DATA",
        "set RNNCOURSE_CACHE",
        "numpy-docs",
    ):
        assert part in message
    assert files_below(cache) == []


def test_damaged_cache_is_downloaded_again(server, cache):
    damaged = cache / "tiny_shakespeare" / "input.txt"
    damaged.parent.mkdir(parents=True)
    damaged.write_bytes(CONTENT[:100])
    assert read_public(server.file) == CONTENT
    assert damaged.read_bytes() == CONTENT


def test_damaged_cache_without_network_is_named(server, cache):
    damaged = cache / "tiny_shakespeare" / "input.txt"
    damaged.parent.mkdir(parents=True)
    damaged.write_bytes(CONTENT[:100])
    server.behaviour = "500"
    with pytest.raises(DataError, match=r"input\.txt is damaged .* it can be deleted"):
        read_public(server.file)


def test_mirror_comes_first_and_is_checked(server, tmp_path, cache, monkeypatch):
    monkeypatch.setenv("RNNCOURSE_DATA", str(tmp_path / "mirror"))
    mirrored = tmp_path / "mirror" / "tiny_shakespeare" / "input.txt"
    mirrored.parent.mkdir(parents=True)
    mirrored.write_bytes(CONTENT)
    assert read_public(server.file) == CONTENT
    mirrored.write_bytes(CONTENT[1:])
    with pytest.raises(DataError, match=f"SHA-256 must be {server.file.sha256}, got "):
        read_public(server.file)
    assert server.requests == 0
    assert files_below(cache) == []


def test_mirror_without_the_file_falls_through(server, tmp_path, monkeypatch):
    (tmp_path / "mirror").mkdir()
    monkeypatch.setenv("RNNCOURSE_DATA", str(tmp_path / "mirror"))
    assert read_public(server.file) == CONTENT
    assert server.requests == 1


def test_unreadable_mirror(server, tmp_path, monkeypatch):
    monkeypatch.setenv("RNNCOURSE_DATA", str(tmp_path))
    mirrored = tmp_path / "tiny_shakespeare" / "input.txt"
    mirrored.parent.mkdir()
    mirrored.write_bytes(CONTENT)

    def refuse(self):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(DataError, match="cannot be read"):
        read_public(server.file)


def test_cache_below_a_file(server, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("RNNCOURSE_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(DataError, match="Set the environment variable RNNCOURSE_CACHE"):
        read_public(server.file)


def test_read_only_cache(server, cache, monkeypatch):
    """Tests may run as root, whom permissions do not stop: the refusal is simulated where pooch opens its file."""

    def refuse(*args, **kwargs):
        raise PermissionError(30, "Read-only file system", kwargs.get("dir"))

    monkeypatch.setattr("tempfile.NamedTemporaryFile", refuse)
    with pytest.raises(DataError, match=r"Read-only file system.* Set the environment variable RNNCOURSE_CACHE"):
        read_public(server.file)
    assert files_below(cache) == []


def test_full_disk(server, cache, monkeypatch):
    """The disk is full half-way through the download."""

    class Full(io.FileIO):
        def write(self, data):
            raise OSError(28, "No space left on device")

    builtin_open = open

    def full(path, mode="r", *args, **kwargs):
        return Full(path, "w") if mode == "w+b" else builtin_open(path, mode, *args, **kwargs)

    monkeypatch.setattr("pooch.downloaders.open", full, raising=False)
    with pytest.raises(DataError, match="No space left on device"):
        read_public(server.file)
    assert files_below(cache) == []


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_killed_download_is_never_taken_for_good(server, cache):
    server.behaviour = "slow"
    program = (
        "from rnncourse.data.download import PublicFile, read_public\n"
        f"read_public(PublicFile(**{dataclasses.asdict(server.file)!r}))"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not any(path.stat().st_size for path in files_below(cache)):
        assert process.poll() is None, "the download ended by itself"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.kill()
    process.wait()
    assert files_below(cache), "the test must have left something half-written"
    assert not (cache / "tiny_shakespeare" / "input.txt").exists()
    server.behaviour = "good"
    assert read_public(server.file) == CONTENT


def test_without_variables_the_users_cache_is_used(monkeypatch):
    monkeypatch.delenv("RNNCOURSE_CACHE")
    assert cache_folder() == Path(pooch.os_cache("rnncourse"))


def test_empty_variables_count_as_unset(server, monkeypatch):
    monkeypatch.setenv("RNNCOURSE_DATA", "")
    assert read_public(server.file) == CONTENT


def test_load_text_downloads(server, monkeypatch):
    monkeypatch.setitem(named_texts.PUBLIC, "shakespeare", named_texts.PublicText(server.file, "a test", "none"))
    loaded = load_text("shakespeare")
    assert (loaded.train + loaded.validation).encode() == CONTENT
    assert len(loaded.train) == int(len(CONTENT) * 0.9)
    assert loaded.sha256 == server.file.sha256
    assert loaded.source == "a test; none"


def test_every_public_file_is_fetched_over_https():
    for public in named_texts.PUBLIC.values():
        assert public.file.url.startswith("https://")
        assert len(public.file.sha256) == 64
        assert public.licence == "public domain"
