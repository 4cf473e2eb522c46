"""Runs of a few updates, trained once for all tests of the command line that need some."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from rnncourse import cli

TEXTS = {"one": "abc de\n", "other": "abxyz \n"}
RUNS = {
    "lstm": ("one", ["--cell", "lstm", "--hidden-size", "7", "--num-layers", "2", "--steps", "4", "--ngram", "3"]),
    "gru": ("one", ["--cell", "gru", "--hidden-size", "5", "--steps", "6", "--ngram", "3"]),
    "rnn": ("one", ["--cell", "rnn", "--hidden-size", "4", "--steps", "2", "--ngram", "0"]),
    "mingru": ("one", ["--cell", "mingru", "--hidden-size", "5", "--num-layers", "2", "--steps", "2", "--ngram", "0"]),
    "minlstm": ("one", ["--cell", "minlstm", "--hidden-size", "4", "--steps", "2", "--ngram", "0"]),
    "transformer": (
        "one",
        ["--cell", "transformer", "--embedding-size", "8", "--num-heads", "2", "--num-layers", "3", "--context", "5"]
        + ["--steps", "3", "--ngram", "3"],
    ),
    "other": ("other", ["--cell", "gru", "--hidden-size", "5", "--steps", "2", "--ngram", "0"]),
    "shorter": ("one", ["--cell", "gru", "--hidden-size", "5", "--steps", "2", "--ngram", "0", "--validation", "0.2"]),
}


def invoke(*arguments):
    return CliRunner().invoke(cli.build_app(), [str(a) for a in arguments])


def refused(*arguments):
    done = invoke(*arguments)
    assert done.exit_code == cli.USAGE_ERROR, done.output
    assert "Traceback" not in done.output
    return " ".join(done.output.split())


@pytest.fixture(scope="session")
def trained(tmp_path_factory) -> Path:
    """A folder with texts and runs; not to be changed."""
    folder = tmp_path_factory.mktemp("trained")
    rng = np.random.default_rng(0)
    for name, letters in TEXTS.items():
        words = ["".join(rng.choice(list(letters), size)) for size in rng.integers(1, 6, 40)]
        (folder / f"{name}.txt").write_text("".join(rng.choice(words, 8000))[:21_000], encoding="utf-8")
    before = Path.cwd()
    os.chdir(folder)
    try:
        for name, (text, options) in RUNS.items():
            options = ["--evaluations", "2", "--threads", "1", "--embedding-size", "3", *options]
            done = invoke("train", f"{text}.txt", "--output", name, *options)
            assert done.exit_code == 0, done.output
    finally:
        os.chdir(before)
    return folder


@pytest.fixture
def runs(trained, tmp_path, monkeypatch) -> Path:
    """A copy of the runs, which may be changed; the texts stay where they were. It is the current folder."""
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path
