"""The command line, as a process and through Typer's runner."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest
from typer.testing import CliRunner

import rnncourse
from rnncourse import cli, results
from rnncourse.cli import repeat
from rnncourse.experiments import EXPERIMENTS, _record, _run


def run(*arguments, **environment):
    """`python -m rnncourse ARGUMENTS` with no mirror and no proxy: nothing to download from."""
    env = {key: value for key, value in os.environ.items() if key != "RNNCOURSE_DATA"}
    command = [sys.executable, "-m", "rnncourse", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env={**env, **environment}, check=False, timeout=120)


def invoke(*arguments):
    return CliRunner().invoke(cli.build_app(), list(arguments))


def python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)


def test_version():
    done = run("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"rnncourse {rnncourse.__version__}\n", "")
    assert invoke("--version").output == done.stdout


def test_version_needs_no_package_and_other_commands_name_the_missing_one():
    code = "import sys; sys.modules.update(dict.fromkeys(['typer', 'click', 'numpy', 'tqdm', 'torch']))\n"
    code += "sys.argv = ['rnncourse', {!r}]\nfrom rnncourse.cli import main; main()"
    version = python(code.format("--version"))
    assert (version.returncode, version.stdout) == (0, f"rnncourse {rnncourse.__version__}\n")
    other = python(code.format("experiment"))
    assert other.returncode == 1
    assert other.stderr == "rnncourse: this command needs typer, which is not installed: pip install typer\n"


def test_listing_imports_nothing_heavy():
    code = (
        "import sys; sys.argv = ['rnncourse', 'experiment']\nfrom rnncourse.cli import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "print(sorted({'numpy', 'torch', 'matplotlib', 'tqdm', 'pooch'} & set(sys.modules)))"
    )
    done = python(code)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


@pytest.mark.parametrize("command", ["experiment", "bench"])
def test_without_a_name_lists(command):
    done = invoke(command)
    assert done.exit_code == 0
    assert ("char_rnn_numpy  " if command == "experiment" else "reference  ") in done.output


@pytest.mark.parametrize("arguments", [[], ["experiment"], ["bench"]])
def test_help_has_an_example(arguments):
    done = invoke(*arguments, "--help")
    assert done.exit_code == 0
    assert re.search(r"Examples:\s+rnncourse \w+", done.output)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["experiment", "char_rnn"], "Did you mean char_rnn_numpy?"),
        (["experiment", "zzz"], "there is no experiment 'zzz'; there are: adding_problem, "),
        (["bench", "refrence"], "there is no benchmark 'refrence'; there are: reference. Did you mean reference?"),
        (["experiment", "char_rnn_numpy", "--seeds", "0"], "--seeds"),
        (["experiment", "char_rnn_numpy", "--seeds", "-3"], "--seeds"),
        (["experiment", "char_rnn_numpy", "--seeds", "two"], "--seeds"),
        (["experiment", "char_rnn_numpy", "--slow"], "--slow"),
        (["experiment", "char_rnn_numpy", "--output", "/missing/folder/a.json"], "must lie in an existing folder"),
        (["experiment", "char_rnn_numpy", "--output", os.curdir], "must name a file, got the folder"),
        (["bench", "reference", "--output", "/missing/folder/a.json"], "must lie in an existing folder"),
        (["train"], "train"),
    ],
)
def test_usage_errors(arguments, message):
    done = invoke(*arguments)
    assert done.exit_code == 2
    assert message in re.sub(r"\s+", " ", done.output)
    assert "Traceback" not in done.output


def test_unwritable_folder(monkeypatch, tmp_path):
    def refuse(*arguments, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(_record.tempfile, "TemporaryFile", refuse)
    done = invoke("experiment", "char_rnn_numpy", "--quick", "--output", str(tmp_path / "a.json"))
    assert done.exit_code == 2
    assert "--output must be writable" in done.output
    assert "Permission denied" in done.output


def test_installed_package_asks_for_an_output(monkeypatch, tmp_path):
    monkeypatch.setattr(_record, "PACKAGE", tmp_path / "rnncourse")
    done = invoke("experiment", "char_rnn_numpy")
    assert done.exit_code == 2
    assert "say where to write with --output FILE" in done.output


def test_missing_data_is_an_error_message(monkeypatch, tmp_path):
    # The tests' conftest refuses connections, as a machine without a network does.
    monkeypatch.delenv("RNNCOURSE_DATA", raising=False)
    monkeypatch.setenv("RNNCOURSE_CACHE", str(tmp_path / "cache"))
    done = invoke("experiment", "char_rnn_numpy", "--output", str(tmp_path / "a.json"))
    assert done.exit_code == 2
    assert "RNNCOURSE_DATA" in done.output
    assert "Traceback" not in done.output
    assert not list(tmp_path.glob("a.json*"))


def test_quick_without_output_writes_nothing(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    recorded = {path: path.stat().st_mtime_ns for path in _record.RESULTS.iterdir()}
    done = invoke("experiment", "char_rnn_numpy", "--quick")
    assert done.exit_code == 0, done.output
    assert '"goal_met": false' in done.output
    assert done.stdout.endswith("Nothing was written.\n")
    assert list(tmp_path.iterdir()) == []
    assert {path: path.stat().st_mtime_ns for path in _record.RESULTS.iterdir()} == recorded


def test_interrupt_in_the_first_seed(monkeypatch, tmp_path):
    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(_run, "run", interrupted)
    done = invoke("experiment", "char_rnn_numpy", "--quick", "--output", str(tmp_path / "a.json"))
    assert done.exit_code == 130
    assert "No seed was finished, so nothing was kept" in done.output
    (tmp_path / "a.json.partial").write_text('{"seeds": {}, "common": {}}')  # the common part alone
    done = invoke("experiment", "char_rnn_numpy", "--quick", "--output", str(tmp_path / "a.json"))
    assert "No seed was finished, so nothing was kept" in done.output
    done = invoke("experiment", "char_rnn_numpy", "--quick")
    assert done.exit_code == 130
    assert "Nothing was kept, since there is no --output." in done.output


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
def test_interrupt_and_go_on(tmp_path):
    name = "char_rnn_numpy"
    arguments = ["experiment", name, "--quick", "--seeds", "4", "--output", str(tmp_path / "a.json")]
    partial = tmp_path / "a.json.partial"
    process = subprocess.Popen(
        [sys.executable, "-m", "rnncourse", *arguments], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 100
    while not (partial.exists() and json.loads(partial.read_text())["seeds"]):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "the same command goes on from there" in err
    assert "Traceback" not in err
    kept = json.loads(partial.read_text())["seeds"]
    assert 1 <= len(kept) < 4

    done = run(*arguments)
    assert done.returncode == 0, done.stderr
    assert f"{len(kept)} of 4 seeds were done before" in done.stderr
    record = json.loads((tmp_path / "a.json").read_text())
    assert not partial.exists()
    whole = run("experiment", name, "--quick", "--seeds", "4", "--output", str(tmp_path / "b.json"))
    assert whole.returncode == 0, whole.stderr
    other = json.loads((tmp_path / "b.json").read_text())
    assert record["conclusion"] == other["conclusion"]
    assert [s["train_curve"] for s in record["seeds"]] == [s["train_curve"] for s in other["seeds"]]


def test_a_conclusion_is_told_in_short():
    whole = {
        "met": True,
        "mean": 1.234567,
        "parts": {"a": 1, "b": [2]},
        "rows": [{"x": 1}],
        "many": dict.fromkeys("abcdefghijklmn", 0),
    }
    text, last = repeat.short_text(whole).rsplit("\n", 1)
    assert json.loads(text) == {"met": True, "mean": 1.2346, "parts": {"a": 1}}
    assert last == "In short; the record holds the rest."
    assert json.loads(repeat.short_text({"met": None})) == {"met": None}
    for name in EXPERIMENTS:
        assert 1 < len(repeat.short_text(results.load(name)["conclusion"]).splitlines()) < 40


def test_interrupted_while_it_starts(monkeypatch):
    def app(**_):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "build_app", lambda: app)
    monkeypatch.setattr("sys.argv", ["rnncourse", "claims"])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert stopped.value.code == 130


def test_settled_claims():
    from rnncourse.claims import load

    shown = invoke("claims", "--settled").output
    assert all((claim.id in shown) == claim.settled for claim in load().values())
    done = invoke("claims", "--settled", "--open")
    assert done.exit_code == cli.USAGE_ERROR
    assert "--open and --settled do not go together" in done.output


def test_quick_bench():
    pytest.importorskip("torch")
    done = invoke("bench", "reference", "--quick")
    assert done.exit_code == 0, done.output
    assert re.search(r"LSTM\s+35\s+1\s+64\s+[\d.]+ \(1\)\s+[\d.]+ \(1\)\s+[\d.]+", done.output)
    assert done.stdout.endswith("Nothing was written.\n")


def test_widgets_are_listed():
    from rnncourse.widgets import WIDGETS

    lines = invoke("widget").output.splitlines()
    assert [line.split()[0] for line in lines] == list(WIDGETS)


def test_widget_quick_writes_where_it_is_told(tmp_path):
    done = invoke("widget", "char-model", "--quick", "--output", str(tmp_path / "mine"))
    assert (done.exit_code, done.stdout.splitlines()[-1]) == (0, f"Written to {tmp_path / 'mine' / 'char-model.html'}")
    assert (tmp_path / "mine" / "char-model.data.js").is_file()
    done = invoke("widget", "char-model", "--quick")
    assert (done.exit_code, done.stdout.splitlines()[-1]) == (0, "Nothing was written.")


def test_widget_faults_are_told(tmp_path):
    done = invoke("widget", "char-modle")
    assert done.exit_code == cli.USAGE_ERROR
    assert "there is no widget 'char-modle'; there are: char-model" in done.output
    assert "Did you mean char-model?" in done.output
    (tmp_path / "file").write_text("")
    done = invoke("widget", "char-model", "--quick", "--output", str(tmp_path / "file"))
    assert done.exit_code == cli.USAGE_ERROR
    assert "--output must name a folder" in done.output
