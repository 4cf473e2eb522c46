"""`rnncourse doctor`: what it says on this machine, and on machines that lack something."""

from __future__ import annotations

import importlib
import importlib.util
import json
import re
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch")

from rnncourse import cli, doctor  # noqa: E402
from rnncourse.doctor import MISSING, OK, SLOW, Finding, accelerator, machine, software, speed, texts  # noqa: E402
from tests.cli.conftest import invoke  # noqa: E402

PYPROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    monkeypatch.setenv("RNNCOURSE_DATA", str(tmp_path / "mirror"))
    monkeypatch.setenv("RNNCOURSE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "mirror"


def test_this_machine(mirror):
    """Whatever is slow or missing here is named with its consequence, its reason and what helps."""
    done = invoke("doctor", "--json")
    assert done.exit_code == 0, done.output
    said = json.loads(done.output)
    assert said["ok"] is True
    findings = {f["name"]: Finding(**f) for f in said["findings"]}
    assert len(findings) == len(said["findings"])
    assert {"Python", "rnncourse", "NumPy", "PyTorch", "bfloat16", "threads", "speed", "memory", "cache"} <= set(
        findings
    )
    assert {"mirror", "text numpy-docs", "text shakespeare", *software.NEEDED, *software.OPTIONAL} <= set(findings)
    for finding in findings.values():
        assert finding.state in (OK, SLOW, MISSING)
        assert "could not be examined" not in finding.found
        assert all((part != "") == (finding.state != OK) for part in (finding.effect, finding.why, finding.mend)), (
            finding
        )
    assert findings["mirror"].state == findings["text shakespeare"].state == MISSING
    assert findings["text shakespeare"].mend == "rnncourse data get shakespeare"
    assert torch.__version__ in findings["PyTorch"].found
    assert torch.backends.cpu.get_cpu_capability() in findings["PyTorch"].found


def report(monkeypatch, *findings):
    monkeypatch.setattr(doctor, "examine", lambda asked_for: list(findings))
    return invoke("doctor")


def test_the_report(monkeypatch):
    well = Finding("a", OK, "there", essential=True)
    slow = Finding("long name", SLOW, "1", "it crawls", "no reason", "do this")
    done = report(monkeypatch, well, slow)
    assert done.exit_code == 0
    assert done.output.splitlines() == [
        "OK       a          there",
        "slow     long name  1",
        "                    so: it crawls",
        "                    why: no reason",
        "                    mend: do this",
        "",
        "The course runs here.",
        "1 thing could be better; nothing else depends on them.",
    ]
    gone = Finding("b", MISSING, "none", "nothing goes", "it is gone", "get it", essential=True)
    done = report(monkeypatch, well, gone)
    assert done.exit_code == 1
    assert done.output.endswith("\nBroken: b.\n")
    assert report(monkeypatch, well, gone._replace(essential=False)).exit_code == 0
    assert report(monkeypatch, well, slow._replace(essential=True)).exit_code == 0
    assert report(monkeypatch, well).output.endswith("The course runs here.\n")


def test_a_check_that_fails_is_a_finding(monkeypatch):
    quick = SimpleNamespace(python=list, course=list, numpy=list, torch=list, packages=list)

    def broken():
        raise RuntimeError("driver on fire")

    monkeypatch.setattr(doctor, "software", quick)
    monkeypatch.setattr(doctor, "speed", SimpleNamespace(threads=lambda _: []))
    monkeypatch.setattr(doctor, "accelerator", SimpleNamespace(gpu=broken, bfloat16=list))
    (found,) = (f for f in doctor.examine() if "fire" in f.found)
    assert (found.name, found.state) == ("GPU", MISSING)


@pytest.mark.parametrize("name, check", [("torch", software.torch), ("numpy", software.numpy)])
def test_what_everything_needs(monkeypatch, name, check):
    monkeypatch.setitem(sys.modules, name, None)
    (found,) = check()
    assert (found.state, found.essential, found.mend) == (MISSING, True, f"python -m pip install {name}")


def test_a_library_that_does_not_load(monkeypatch):
    def refuse(name):
        raise OSError("libtorch_cpu.so: cannot open shared object file")

    monkeypatch.setattr(importlib, "import_module", refuse)
    (found,) = software.torch()
    assert "cannot be imported" in found.found and "libtorch_cpu.so" in found.why
    assert "--force-reinstall torch" in found.mend


def test_packages(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setitem(sys.modules, "safetensors", None)
    found = {f.name: f for f in software.packages()}
    assert found["safetensors"].essential and found["safetensors"].state == MISSING
    assert found["matplotlib"].state == OK
    for name in software.OPTIONAL:
        assert (found[name].state, found[name].essential) == (MISSING, False)
    assert found["tokenizers"].mend == 'python -m pip install "rnncourse[subword]"'


def test_the_lists_are_those_of_the_package():
    project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]
    names = {re.match(r"[\w-]+", wanted)[0] for wanted in project["dependencies"]}
    assert set(software.NEEDED) | {"numpy", "torch"} == names
    assert project["requires-python"] == ">=" + ".".join(map(str, software.LEAST_PYTHON))
    for name, (_, asked_for) in software.OPTIONAL.items():
        if extra := re.fullmatch(r"rnncourse\[(\w+)\]", asked_for):
            assert any(re.match(rf"{name}\b", wanted) for wanted in project["optional-dependencies"][extra[1]])


def test_an_old_python(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 10, 1))
    (found,) = software.python()
    assert (found.state, found.essential) == (MISSING, True)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_quotas_of_control_groups(tmp_path):
    assert machine.quota(tmp_path, "/") is None
    write(tmp_path / "a/b/cpu.max", "max 100000\n")
    assert machine.quota(tmp_path, "/a/b") is None
    write(tmp_path / "a/cpu.max", "150000 100000\n")
    assert machine.quota(tmp_path, "/a/b") == 1.5
    write(tmp_path / "a/b/cpu.max", "400000 100000\n")
    assert machine.quota(tmp_path, "/a/b") == 1.5  # the group around it has less
    assert machine.quota(tmp_path, "/") is None
    old = tmp_path / "old"
    write(old / "cpu/cpu.cfs_quota_us", "-1\n")
    assert machine.quota(old, "/") is None
    write(old / "cpu/cpu.cfs_quota_us", "50000\n")
    write(old / "cpu/cpu.cfs_period_us", "100000\n")
    assert machine.quota(old, "/") == 0.5


@pytest.mark.parametrize(
    "cores, quota, asked_for, state, threads",
    [
        (8, None, None, OK, None),
        (8, None, "1", OK, None),
        (8, None, "9", SLOW, 8),
        (8, 1.5, None, SLOW, 2),
        (8, 1.5, "2", OK, None),
        (8, 0.5, "2", SLOW, 1),
        (1, None, None, OK, None),
        (2, 16.0, None, OK, None),
    ],
)
def test_threads(monkeypatch, cores, quota, asked_for, state, threads):
    monkeypatch.setattr(machine, "cores", lambda: cores)
    monkeypatch.setattr(machine, "quota", lambda: quota)
    (found,) = machine.threads(asked_for)
    assert found.state == state
    assert (f"OMP_NUM_THREADS={threads}" in found.mend) == (threads is not None)
    assert ("not set" in found.found) == (asked_for is None)
    assert ("container" in found.found) == (quota is not None)


@pytest.mark.parametrize("free, granted, state", [(8, None, OK), (1, None, SLOW), (8, 1, SLOW), (3, 5, OK)])
def test_memory(tmp_path, free, granted, state):
    write(tmp_path / "meminfo", f"MemTotal: 99 kB\nMemAvailable:   {free * 10**9 // 1024} kB\n")
    if granted is not None:
        write(tmp_path / "memory.max", f"{(granted + 2) * 10**9}\n")
        write(tmp_path / "memory.current", f"{2 * 10**9}\n")
    (found,) = machine.memory(tmp_path / "meminfo", tmp_path)
    assert found.state == state
    assert found.found == f"{min(free, granted or free)}.0 GB free"
    assert machine.memory(tmp_path / "none", tmp_path / "none")[0].state == OK


def test_cache(mirror, tmp_path, monkeypatch):
    (found,) = machine.cache()
    assert found.state == OK and str(tmp_path / "cache") in found.found
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda path: SimpleNamespace(free=5e8))
    (found,) = machine.cache()
    assert found.state == MISSING and "0.5 GB free" in found.found
    (tmp_path / "cache").write_text("a file")
    assert "takes no files" in machine.cache()[0].why


def test_texts(mirror, monkeypatch):
    assert texts.texts()[0].why == "RNNCOURSE_DATA names no folder"
    (mirror / "time_machine").mkdir(parents=True)
    (mirror / "time_machine" / "timemachine.txt").write_text("another")
    found = {f.name: f for f in texts.texts()}
    assert found["mirror"].state == OK
    assert found["text time_machine"].why == "its SHA-256 is not that of the public file"
    monkeypatch.setattr("numpy.__version__", "1.0")
    found = {f.name: f for f in texts.texts()}
    assert found["text numpy-docs"].state == MISSING and "numpy==" in found["text numpy-docs"].mend


@pytest.mark.parametrize("one, most, asked_for, state", [(0.01, 0.012, None, OK), (0.01, 0.013, None, SLOW)])
def test_speed(monkeypatch, one, most, asked_for, state):
    monkeypatch.setattr(speed, "cores", lambda: 4)
    monkeypatch.setattr(speed, "step_seconds", lambda n: {1: one, 4: most}[n])
    assert speed.threads(None)[0].state == state
    assert speed.threads("1")[0].state == OK
    monkeypatch.setattr(speed, "step_seconds", lambda n: 0.2)
    assert speed.threads("1")[0].state == SLOW


def test_timing_leaves_everything_as_it_was():
    threads, state = torch.get_num_threads(), torch.random.get_rng_state()
    assert 0 < speed.step_seconds(threads + 1) < 60
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize("ratio, off, state", [(0.5, 0.003, OK), (2.0, 0.003, SLOW), (0.5, 0.5, MISSING)])
def test_bfloat16(monkeypatch, ratio, off, state):
    times = iter([1.0, ratio])  # float32 comes first
    monkeypatch.setattr(accelerator, "_error", lambda *_: off)
    monkeypatch.setattr(accelerator, "_seconds", lambda *_: next(times))
    assert accelerator._bfloat16_on(torch, torch.device("cpu")).state == state


def test_bfloat16_is_computed():
    cpu = torch.device("cpu")
    assert 1e-4 < accelerator._error(torch, cpu, torch.bfloat16) < 0.05  # eight bits
    assert accelerator._error(torch, cpu, torch.float32) < 1e-5


def test_bfloat16_that_cannot_be_computed(monkeypatch):
    def refuse(*_):
        raise RuntimeError("not implemented for 'BFloat16'\nmore")

    monkeypatch.setattr(accelerator, "_error", refuse)
    found = accelerator._bfloat16_on(torch, torch.device("cpu"))
    assert (found.state, found.why) == (MISSING, "not implemented for 'BFloat16'")


@pytest.mark.parametrize("built, driver, why", [(None, False, "for the processor alone"), ("12.8", False, "no driver")])
def test_no_gpu(monkeypatch, built, driver, why):
    monkeypatch.setattr(torch.version, "cuda", built)
    monkeypatch.setattr(torch.version, "hip", None)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(accelerator, "Path", lambda _: SimpleNamespace(exists=lambda: driver))
    (found,) = accelerator.gpu()
    assert found.state == MISSING and why in found.why


def test_what_the_user_said_of_threads_is_what_counts(monkeypatch):
    heard = []
    monkeypatch.setattr(doctor, "examine", lambda asked_for: heard.append(asked_for) or [Finding("a", OK, "b")])
    monkeypatch.setattr(cli, "THREADS_ASKED_FOR", None)
    invoke("doctor")
    assert heard == [None]
