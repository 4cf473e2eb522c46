"""`rnncourse data list` and `rnncourse data get`, with a server on this machine; and the list behind them."""

from __future__ import annotations

import os

import pooch
import pytest
from typer.testing import CliRunner

from rnncourse import cli
from rnncourse.data import TEXT_NAMES, list_texts, named_texts
from rnncourse.data.download import PublicFile, find_public
from tests.data.conftest import CONTENT, files_below

MIRROR = os.environ.get("RNNCOURSE_DATA")  # read before the fixture clears it


def invoke(*arguments):
    return CliRunner().invoke(cli.build_app(), ["data", *arguments])


@pytest.fixture
def two_texts(server, monkeypatch):
    """The server's file, and one that nobody serves."""
    # pooch's log keeps the error stream of the runner that was there first.
    monkeypatch.setattr(pooch.get_logger(), "disabled", True)
    gone = PublicFile("gone/a.txt", "http://127.0.0.1:9/a.txt", "0" * 64, 5)
    monkeypatch.setattr(
        named_texts,
        "PUBLIC",
        {
            "time_machine": named_texts.PublicText(gone, "a text out of reach", "a licence"),
            "shakespeare": named_texts.PublicText(server.file, "a text that is served", "none"),
        },
    )
    return server


def places():
    return {entry.name: (entry.place, entry.path) for entry in list_texts()}


def test_places(two_texts, cache, tmp_path, monkeypatch):
    path = two_texts.file.path
    assert places()["numpy-docs"] == ("made here", None)
    assert places()["shakespeare"] == ("to download", None)
    (cache / path).parent.mkdir(parents=True)
    (cache / path).write_bytes(CONTENT)
    assert places()["shakespeare"] == ("cache", cache / path)
    (cache / path).write_bytes(CONTENT[:-1])
    assert places()["shakespeare"] == ("to download", None)  # it is fetched anew
    mirror = tmp_path / "mirror"
    monkeypatch.setenv("RNNCOURSE_DATA", str(mirror))
    assert places()["shakespeare"] == ("to download", None)
    (mirror / path).parent.mkdir(parents=True)
    (mirror / path).write_bytes(CONTENT)
    assert places()["shakespeare"] == ("mirror", mirror / path)
    (mirror / path).write_bytes(b"x")
    assert places()["shakespeare"] == ("damaged", mirror / path)
    assert two_texts.requests == 0


def test_every_name_is_listed_with_its_size_and_licence():
    entries = list_texts()
    assert tuple(entry.name for entry in entries) == TEXT_NAMES
    assert all(entry.description and entry.licence for entry in entries)
    assert all((entry.size is None) == (entry.place == "made here") for entry in entries)


@pytest.mark.skipif(not MIRROR, reason="needs the public sets: set RNNCOURSE_DATA to their folder")
def test_sizes_are_those_of_the_files(monkeypatch):
    monkeypatch.setenv("RNNCOURSE_DATA", MIRROR)
    for public in named_texts.PUBLIC.values():
        place, path = find_public(public.file)
        assert (place, path.stat().st_size) == ("mirror", public.file.size)


def test_list(two_texts):
    done = invoke("list")
    assert done.exit_code == 0
    lines = done.output.splitlines()
    assert [line.split()[0] for line in lines] == ["numpy-docs", "time_machine", "shakespeare"]
    assert "made here" in lines[0] and lines[0].endswith("; BSD-3-Clause")
    assert "0.0 MB  to download  a text out of reach; a licence" in lines[1]


def test_get(two_texts, cache):
    done = invoke("get", "shakespeare", "shakespeare")
    assert done.exit_code == 0, done.output
    path = cache / two_texts.file.path
    assert done.stdout == f"shakespeare: in the cache, {path}\n"
    assert path.read_bytes() == CONTENT
    assert two_texts.requests == 1
    assert "in the cache" in invoke("list").output
    assert invoke("get", "numpy-docs").output == "numpy-docs: made here\n"


def test_all_goes_on_after_a_failure(two_texts, cache, monkeypatch):
    monkeypatch.setattr("rnncourse.data.TEXT_NAMES", ("numpy-docs", "time_machine", "shakespeare"))
    done = invoke("get", "--all")
    assert done.exit_code == 1
    assert "time_machine: http://127.0.0.1:9/a.txt could not be downloaded" in done.output
    assert "Traceback" not in done.output
    assert "shakespeare: in the cache" in done.output
    assert files_below(cache) == [cache / two_texts.file.path]


@pytest.mark.parametrize("behaviour", ["wrong", "truncated", "404"])
def test_a_bad_download_is_not_kept(two_texts, cache, behaviour):
    two_texts.behaviour = behaviour
    done = invoke("get", "shakespeare")
    assert done.exit_code == 1
    assert "\nrnncourse: shakespeare: " in done.output
    assert files_below(cache) == []


@pytest.mark.parametrize(
    "arguments, message",
    [
        ([], "say which texts, or --all"),
        (["shakespeare", "--all"], "names and --all do not go together"),
        (["shakespear"], "there is no text 'shakespear'; there are: numpy-docs, "),
        (["shakespear"], "Did you mean shakespeare?"),
    ],
)
def test_what_is_refused(arguments, message):
    done = invoke("get", *arguments)
    assert done.exit_code == cli.USAGE_ERROR
    assert message in done.output


def test_interrupted(monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("rnncourse.data.load_text", stop)
    done = invoke("get", "shakespeare")
    assert (done.exit_code, done.stderr) == (cli.INTERRUPTED, "\nInterrupted. Nothing half-written was kept.\n")
