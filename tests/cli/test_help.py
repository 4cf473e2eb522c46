"""What the command line says of itself, and what the shell completes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from rnncourse import cli
from rnncourse.cli._complete import CHECKPOINT, run_folders
from tests.cli.conftest import invoke

COMMANDS = ["train", "evaluate", "generate", "compare", "plot", "data", "chapters", "doctor"]
COMMANDS += ["experiment", "bench", "claims", "widget"]


def test_commands_stand_in_order():
    lines = invoke("--help").output.splitlines()
    listed = [line.split()[1] for line in lines if re.match(r"\u2502 [a-z]+ ", line)]
    assert listed == COMMANDS == list(cli.ORDER)
    assert set(get_command(cli.build_app()).commands) == set(COMMANDS)


def test_what_it_is_for():
    said = " ".join(invoke("--help").output.split())
    assert "Train a recurrent language model on a text of your own" in said
    assert "repeat what the course on recurrent networks measured" in said


@pytest.mark.parametrize("command", [*([name] for name in COMMANDS), ["data", "list"], ["data", "get"]])
def test_every_command_has_examples_that_parse(command):
    said = invoke(*command, "--help").output
    assert re.search(rf"Examples:\s+rnncourse {' '.join(command)}", said)
    assert not re.search(r"\bIterable\b|<function", said)


@pytest.mark.parametrize("name", ["compare", "plot", "data", "chapters", "doctor", "experiment", "bench", "widget"])
def test_a_description_fits_on_a_line(name):
    line = next(line for line in invoke("--help").output.splitlines() if re.match(rf"\u2502 {name} ", line))
    assert re.search(r"[.] +\u2502$", line)


def complete(words: str, number: int, folder: Path) -> list[str]:
    """What bash is offered: the words so far, and which of them is being typed."""
    env = os.environ | {"COMP_WORDS": words, "COMP_CWORD": str(number), "_RNNCOURSE_COMPLETE": "complete_bash"}
    env |= {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-m", "rnncourse"], capture_output=True, text=True, env=env, cwd=folder, timeout=60, check=True
    )
    assert done.stderr == ""
    return done.stdout.split()


def test_the_script_for_bash(tmp_path):
    env = os.environ | {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    env |= {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "rnncourse", "--show-completion", "bash"]
    done = subprocess.run(command, capture_output=True, text=True, env=env, cwd=tmp_path, timeout=60, check=True)
    assert "complete -o default -F _rnncourse_completion rnncourse" in done.stdout
    assert "_RNNCOURSE_COMPLETE=complete_bash" in done.stdout


def test_a_real_completion(tmp_path):
    (tmp_path / "runs" / "mine").mkdir(parents=True)
    (tmp_path / "runs" / "mine" / CHECKPOINT).touch()
    (tmp_path / "runs" / "other").mkdir()
    assert complete("rnncourse e", 1, tmp_path) == ["evaluate", "experiment"]
    assert complete("rnncourse compare ", 2, tmp_path) == ["runs/mine"]
    assert complete("rnncourse experiment g", 2, tmp_path) == ["gradient_by_lag"]
    assert complete("rnncourse data get sh", 3, tmp_path) == ["shakespeare"]


def test_folders_of_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("runs/a", "runs/b", "big/c", ".hidden"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("runs/a", "big/c"):
        (tmp_path / name / CHECKPOINT).touch()
    (tmp_path / "file").touch()
    join = os.path.join
    assert run_folders("") == [join("runs", "a")]
    assert run_folders("r") == [join("runs", "a")]
    assert run_folders(join("runs", "")) == [join("runs", "a")]
    assert run_folders("b") == [join("big", "")]
    assert run_folders(join("big", "")) == [join("big", "c")]
    assert run_folders(str(tmp_path / "big" / "c")) == [str(tmp_path / "big" / "c")]
    assert run_folders("nothing") == run_folders(join("no", "folder", "x")) == []


def test_completion_loads_nothing_heavy():
    code = (
        "import sys, os; sys.argv = ['rnncourse']\nfrom rnncourse.cli import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "print(sorted({'numpy', 'torch', 'matplotlib', 'pooch'} & set(sys.modules)))"
    )
    env = os.environ | {"COMP_WORDS": "rnncourse compare ", "COMP_CWORD": "2", "_RNNCOURSE_COMPLETE": "complete_bash"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, timeout=60)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr
