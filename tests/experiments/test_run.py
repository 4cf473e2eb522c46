"""The runner, on an experiment that takes no time: resuming, refusing, recording."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from rnncourse import experiments
from rnncourse.experiments import _record, _run


class Toy(SimpleNamespace):
    """An experiment that counts its calls and can be interrupted at a seed."""

    QUESTION, DECISION_RULE, SEEDS = "q", "r", 3

    def __init__(self):
        super().__init__(calls=[], stop_at=None, factor=1, sha="0")

    def settings(self, quick):
        return {"factor": self.factor}

    def prepare(self, settings):
        return {}, [{"name": "none", "sha256": self.sha}]

    def steps(self, settings, inputs):
        return 1, 2

    def common(self, settings, inputs, tick):
        self.calls.append("common")
        tick("common")
        return {"base": 10}

    def one_seed(self, seed, settings, inputs, tick):
        if seed == self.stop_at:
            raise KeyboardInterrupt
        self.calls.append(seed)
        tick("a")
        tick("b")
        return {"value": seed * settings["factor"]}

    def conclude(self, common, seeds):
        return {"total": common["base"] + sum(seed["value"] for seed in seeds)}


@pytest.fixture
def toy(monkeypatch):
    toy = Toy()
    monkeypatch.setattr(_run, "load", lambda name: toy)
    return toy


def test_record(toy, tmp_path):
    path = tmp_path / "toy.json"
    record = _run.run("toy", output=path, bar=False)
    assert toy.calls == ["common", 0, 1, 2]
    assert json.loads(path.read_text())["conclusion"] == record["conclusion"] == {"total": 13}
    assert [seed["seed"] for seed in record["seeds"]] == [0, 1, 2]
    assert record["provenance"]["command"] == "rnncourse experiment toy --seeds 3"
    assert set(record["provenance"]) >= {"date", "commit", "modified", "seconds", "data", "versions", "hardware"}
    assert [p.name for p in tmp_path.iterdir()] == ["toy.json"]


def test_goes_on_after_an_interrupt(toy, tmp_path):
    path = tmp_path / "toy.json"
    toy.stop_at = 2
    with pytest.raises(KeyboardInterrupt):
        _run.run("toy", output=path, bar=False)
    assert [p.name for p in tmp_path.iterdir()] == ["toy.json.partial"]
    toy.calls.clear()
    toy.stop_at = None
    assert _run.run("toy", output=path, bar=False)["conclusion"] == {"total": 13}
    assert toy.calls == [2]
    assert [p.name for p in tmp_path.iterdir()] == ["toy.json"]


def test_more_and_fewer_seeds_after_an_interrupt(toy, tmp_path):
    path = tmp_path / "toy.json"
    toy.stop_at = 2
    with pytest.raises(KeyboardInterrupt):
        _run.run("toy", output=path, bar=False)
    toy.calls.clear()
    assert _run.run("toy", seeds=1, output=path, bar=False)["conclusion"] == {"total": 10}
    assert toy.calls == []


def test_keep_adds_seeds_to_a_record(toy, tmp_path):
    path = tmp_path / "toy.json"
    _run.run("toy", seeds=2, output=path, bar=False)
    before = json.loads(path.read_text())
    toy.calls.clear()
    record = _run.run("toy", output=path, keep=True, bar=False)
    assert toy.calls == [2]
    assert record["conclusion"] == {"total": 13}
    assert record["seeds"][:2] == before["seeds"]
    assert record["provenance"]["command"] == "rnncourse experiment toy --seeds 3 --keep"


def test_keep_goes_on_after_an_interrupt(toy, tmp_path):
    path = tmp_path / "toy.json"
    _run.run("toy", seeds=1, output=path, bar=False)
    toy.stop_at = 2
    with pytest.raises(KeyboardInterrupt):
        _run.run("toy", output=path, keep=True, bar=False)
    toy.calls.clear()
    toy.stop_at = None
    assert len(_run.run("toy", output=path, keep=True, bar=False)["seeds"]) == 3
    assert toy.calls == [2]


@pytest.mark.parametrize("change", ["factor", "sha"])
def test_keep_refuses_a_record_of_another_run(toy, tmp_path, change):
    path = tmp_path / "toy.json"
    _run.run("toy", seeds=1, output=path, bar=False)
    setattr(toy, change, 5)
    with pytest.raises(_record.RecordError, match="other settings or other data: --keep cannot add"):
        _run.run("toy", output=path, keep=True, bar=False)


def test_keep_needs_a_record(toy, tmp_path):
    with pytest.raises(_record.RecordError, match="--keep needs a record to add to"):
        _run.run("toy", output=tmp_path / "toy.json", keep=True, bar=False)
    with pytest.raises(_record.RecordError, match="--keep needs a record to add to"):
        _run.run("toy", keep=True, bar=False)


@pytest.mark.parametrize("change", ["factor", "sha"])
def test_refuses_partial_results_of_another_run(toy, tmp_path, change):
    path = tmp_path / "toy.json"
    toy.stop_at = 1
    with pytest.raises(KeyboardInterrupt):
        _run.run("toy", output=path, bar=False)
    kept = (tmp_path / "toy.json.partial").read_bytes()
    setattr(toy, change, 5)
    with pytest.raises(_record.RecordError, match="a run with other settings or other data: remove it"):
        _run.run("toy", output=path, bar=False)
    assert (tmp_path / "toy.json.partial").read_bytes() == kept


def test_damaged_partial_results(toy, tmp_path):
    (tmp_path / "toy.json.partial").write_text("{")
    with pytest.raises(_record.RecordError, match=r"toy.json.partial is not JSON .*: remove it and run again"):
        _run.run("toy", output=tmp_path / "toy.json", bar=False)


def test_an_error_in_a_seed_keeps_the_others(toy, tmp_path, monkeypatch):
    path = tmp_path / "toy.json"
    monkeypatch.setattr(toy, "one_seed", lambda seed, *rest: {"value": 1 / (1 - seed)})
    with pytest.raises(ZeroDivisionError):
        _run.run("toy", output=path, bar=False)
    assert list(json.loads((tmp_path / "toy.json.partial").read_text())["seeds"]) == ["0"]


@pytest.mark.parametrize("seeds", [0, -1])
def test_seeds_below_one(toy, seeds):
    with pytest.raises(ValueError, match=f"--seeds must be at least 1, got {seeds}"):
        _run.run("toy", seeds=seeds, bar=False)


def test_output_is_checked_before_the_work(toy, tmp_path):
    with pytest.raises(_record.RecordError, match="existing folder"):
        _run.run("toy", output=tmp_path / "missing" / "toy.json", bar=False)
    assert toy.calls == []


def test_every_experiment_offers_what_the_runner_needs():
    for name in experiments.EXPERIMENTS:
        module = experiments.load(name)
        for part in ("settings", "prepare", "steps", "common", "one_seed", "conclude"):
            assert callable(getattr(module, part))
        assert module.QUESTION
        assert module.DECISION_RULE
        assert "Decision rule" in module.__doc__
        json.dumps(module.settings(False))
    with pytest.raises(KeyError, match="choose one of adding_problem"):
        experiments.load("nothing")
