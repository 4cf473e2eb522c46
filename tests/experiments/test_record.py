"""The record's file format, its atomic writing, and its provenance."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnncourse import results
from rnncourse.experiments import _record

scalars = st.none() | st.booleans() | st.integers(-(10**6), 10**6) | st.floats(-1e6, 1e6) | st.text()
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4)
)


@given(st.dictionaries(st.text(), values, max_size=5))
def test_json_round_trip(value):
    assert json.loads(_record.to_json(value)) == value


def test_plain_lists_take_one_line():
    text = _record.to_json({"a": [1, 2, 3], "b": {"c": [[1, 2], [3]]}, "d": [], "e": {}})
    assert text.splitlines() == [
        "{",
        '  "a": [1, 2, 3],',
        '  "b": {',
        '    "c": [',
        "      [1, 2],",
        "      [3]",
        "    ]",
        "  },",
        '  "d": [],',
        '  "e": {}',
        "}",
    ]


@given(st.floats(-1e12, 1e12, allow_subnormal=False), st.integers(1, 9))
def test_rounding_keeps_significant_digits(value, digits):
    got = _record.rounded(value, digits)
    assert got == float(f"{value:.{digits - 1}e}") or abs(got - value) <= abs(value) * 10 ** (1 - digits)
    assert _record.rounded({"a": [value, 7, "x", True, None]}, digits) == {"a": [got, 7, "x", True, None]}


def test_rounding_numpy_scalars_gives_plain_floats():
    assert type(_record.rounded(np.float64(1.23456), 3)) is float


def test_write_is_whole_or_not_at_all(tmp_path):
    path = tmp_path / "a.json"
    _record.write_json(path, {"x": 1 / 3})
    assert _record.read_json(path) == {"x": 0.333333}
    _record.write_json(path, {"x": 1 / 3}, digits=None)
    assert _record.read_json(path) == {"x": 1 / 3}
    with pytest.raises(ValueError, match="Out of range"):
        _record.write_json(path, {"x": float("nan")})
    with pytest.raises(TypeError):
        _record.write_json(path, {"x": np.arange(3)})
    assert _record.read_json(path) == {"x": 1 / 3}
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_a_failed_write_leaves_nothing_behind(tmp_path):
    (tmp_path / "a.json").mkdir()  # a file cannot replace a folder
    with pytest.raises(_record.RecordError, match="cannot write"):
        _record.write_json(tmp_path / "a.json", {"x": 1})
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_paths_that_cannot_be_written(tmp_path):
    _record.check_writable(tmp_path / "a.json")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(_record.RecordError, match="must name a file, got the folder"):
        _record.check_writable(tmp_path)
    with pytest.raises(_record.RecordError, match=r"must lie in an existing folder, got .*create .*missing first"):
        _record.check_writable(tmp_path / "missing" / "a.json")
    (tmp_path / "file").write_text("")
    with pytest.raises(_record.RecordError, match="must lie in an existing folder"):
        _record.check_writable(tmp_path / "file" / "a.json")
    with pytest.raises(_record.RecordError, match="cannot write"):
        _record.write_json(tmp_path / "missing" / "a.json", {})


def test_reading_what_is_no_json(tmp_path):
    path = tmp_path / "a.json"
    with pytest.raises(_record.RecordError, match="cannot read"):
        _record.read_json(path)
    path.write_text("{")
    with pytest.raises(_record.RecordError, match=r"is not JSON .*: remove it and run again"):
        _record.read_json(path)


def test_default_output_needs_a_checkout(tmp_path, monkeypatch):
    package = tmp_path / "rnncourse"
    package.mkdir()
    monkeypatch.setattr(_record, "PACKAGE", package)
    with pytest.raises(_record.RecordError, match="say where to write with --output FILE"):
        _record.default_output("x")
    assert _record.code_state() == {"commit": None, "modified": []}


def test_code_state_names_modified_modules(tmp_path, monkeypatch):
    def git(*arguments):
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        subprocess.run(["git", *identity, *arguments], cwd=tmp_path, check=True, capture_output=True)

    package = tmp_path / "rnncourse"
    package.mkdir()
    for name in ("same.py", "changed.py", "not_loaded.py"):
        (package / name).write_text("x = 1\n")
    git("init")
    git("add", ".")
    git("commit", "-m", "all")
    for name in ("changed.py", "not_loaded.py", "new.py"):
        (package / name).write_text("x = 2\n")
    monkeypatch.setattr(_record, "PACKAGE", package)
    for name in [name for name in sys.modules if name.split(".")[0] == "rnncourse"]:
        monkeypatch.delitem(sys.modules, name)
    for name in ("same", "changed", "new"):
        module = type(sys)(f"rnncourse.{name}")
        module.__file__ = str(package / f"{name}.py")
        monkeypatch.setitem(sys.modules, f"rnncourse.{name}", module)
    state = _record.code_state()
    assert len(state["commit"]) == 40
    assert state["modified"] == ["rnncourse/changed.py", "rnncourse/new.py"]


def test_environment_is_json_and_complete():
    environment = json.loads(json.dumps(_record.environment()))
    assert environment["versions"]["numpy"] == np.__version__
    assert environment["hardware"]["threads"] == "1"  # the tests' conftest sets it
    assert environment["hardware"]["cores"] >= 1
    assert environment["hardware"]["cpu"]


def test_results_reader():
    for name in results.names():
        record = results.load(name)
        assert record["provenance"]["modified"] == [], f"{name} was recorded with uncommitted code"
        assert len(record["provenance"]["commit"]) == 40
    with pytest.raises(KeyError, match="there is no recorded result 'nothing'"):
        results.load("nothing")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_or_a_device_is_no_output_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(_record.RecordError, match="a device, a pipe or a socket"):
        _record.check_writable(tmp_path / "pipe")
