"""A run that is interrupted, killed or resumed ends in the very same numbers as one that is not."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from rnncourse.data import Vocabulary  # noqa: E402
from rnncourse.models import LanguageModelConfig  # noqa: E402
from rnncourse.training import run as module  # noqa: E402
from rnncourse.training.checkpoint import CheckpointError, load, load_latest, previous  # noqa: E402
from rnncourse.training.config import TrainingConfig  # noqa: E402
from rnncourse.training.evaluate import evaluate  # noqa: E402
from rnncourse.training.run import CHECKPOINT, Run, load_model, seed_model  # noqa: E402
from rnncourse.training.trainer import TrainingError  # noqa: E402
from rnncourse.training.world import World  # noqa: E402

TEXT = "".join(np.random.default_rng(0).choice(list("abcde "), 900))


def make(
    folder: Path | None,
    text: str = TEXT,
    every: float = 1e9,
    dropout: float = 0.3,
    world: World | None = None,
    dtype: torch.dtype = torch.float32,
    **options,
) -> Run:
    vocabulary = Vocabulary.from_text(text)
    train, validation = vocabulary.encode(text[:700]), vocabulary.encode(text[700:])
    config = {"steps": 24, "T": 9, "B": 4, "evaluations": 4, "learning_rate": 0.02, "average": 0.9, "accumulate": 2}
    config = TrainingConfig(**config | options)
    model = seed_model(LanguageModelConfig(len(vocabulary), "lstm", 5, 8, 2, dropout), config.seed).to(dtype)
    said = {"name": "random", "sha256": hashlib.sha256(text.encode()).hexdigest()}
    return Run(folder, said, vocabulary, train, validation, model, config, world or World(), every=every)


def same(a: Path, b: Path) -> None:
    """Both folders hold the same run: every tensor bit for bit, the history but for the time."""
    one, two = load(a / CHECKPOINT), load(b / CHECKPOINT)
    assert one.tensors.keys() == two.tensors.keys()
    for name, tensor in one.tensors.items():
        assert torch.equal(tensor, two.tensors[name]), name
    for meta in (one.meta, two.meta):
        meta.pop("seconds")
        for row in meta["history"]:
            row.pop("seconds")
    assert one.meta == two.meta


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    run = make(folder)
    run.go()
    return folder, run


@pytest.mark.parametrize("stops", [(1,), (5, 6, 23), (13,)])
def test_interrupted_and_resumed(whole, tmp_path, stops):
    for stop in stops:
        run = make(tmp_path)
        if (tmp_path / CHECKPOINT).exists():
            run.take_up(load_latest(tmp_path / CHECKPOINT))

        def press(step, stop=stop):
            if step.number == stop:
                os.kill(os.getpid(), signal.SIGINT)

        with pytest.raises(KeyboardInterrupt):
            run.go(on_step=press)
        assert load(tmp_path / CHECKPOINT).meta["done"] == stop
    run = make(tmp_path)
    run.take_up(load_latest(tmp_path / CHECKPOINT))
    run.go()
    same(tmp_path, whole[0])


def test_interrupted_in_the_middle_of_an_update(whole, tmp_path, monkeypatch):
    """The update is finished first: half of one is no state to go on from."""
    run = make(tmp_path)
    step = run.trainer.optimizer.step

    def press(*arguments):
        if run.trainer.done == 7:
            os.kill(os.getpid(), signal.SIGINT)
        return step(*arguments)

    monkeypatch.setattr(run.trainer.optimizer, "step", press)
    with pytest.raises(KeyboardInterrupt):
        run.go()
    run = make(tmp_path)
    run.take_up(load(tmp_path / CHECKPOINT))
    assert run.trainer.done == 8
    run.go()
    same(tmp_path, whole[0])
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_interrupt_stops_at_once(tmp_path):
    run = make(tmp_path)
    seen = []

    def press(step):
        seen.append(step.number)
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(1)

    with pytest.raises(KeyboardInterrupt):
        run.go(on_step=press)
    assert seen == [1]
    assert not (tmp_path / CHECKPOINT).exists()


def test_outside_the_main_thread(whole, tmp_path):
    run = make(tmp_path)
    thread = threading.Thread(target=run.go)
    thread.start()
    thread.join()
    same(tmp_path, whole[0])


def test_the_one_before_is_as_good(whole, tmp_path):
    make(tmp_path).go()
    with open(tmp_path / CHECKPOINT, "r+b") as file:
        file.truncate(1000)
    before = load_latest(tmp_path / CHECKPOINT)
    assert before.path == previous(tmp_path / CHECKPOINT)
    assert before.meta["done"] == 18
    run = make(tmp_path)
    run.take_up(before)
    run.go()
    same(tmp_path, whole[0])


def test_history_is_cut_to_the_checkpoint(tmp_path):
    make(tmp_path).go()
    (tmp_path / CHECKPOINT).unlink()
    run = make(tmp_path)
    run.take_up(load_latest(tmp_path / CHECKPOINT))
    run.save()
    rows = json.loads((tmp_path / "history.json").read_text())
    assert [row["step"] for row in rows] == [6, 12, 18]
    with open(tmp_path / "history.csv", newline="") as file:
        read = list(csv.DictReader(file))
    assert [{name: float(value) for name, value in row.items()} for row in read] == rows


def test_history_and_best_model(whole):
    folder, run = whole
    rows = run.history
    assert [row["step"] for row in rows] == [6, 12, 18, 24]
    assert rows[1]["epoch"] == 12 / len(run.trainer.windows)
    best = min(rows, key=lambda row: row["validation_loss"])
    assert run.best == {"loss": best["validation_loss"], "step": best["step"]}
    model, vocabulary, checkpoint = load_model(folder)
    assert vocabulary == run.vocabulary
    assert checkpoint.meta["best"] == run.best
    assert not model.training
    assert evaluate(model, run.validation) == pytest.approx(best["validation_loss"], rel=1e-12)


def test_patience(tmp_path):
    run = make(tmp_path, learning_rate=1e-9, average=0.0, patience=2, steps=50, evaluations=10, dropout=0.0)
    losses = iter([3.0, 2.0, 2.5, 2.0, 1.0])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "evaluate", lambda *_, **__: next(losses))
        run.go()
    assert run.finished
    assert run.trainer.done == 20
    assert run.best == {"loss": 2.0, "step": 10}


def test_a_validation_loss_that_is_not_finite_stops(tmp_path, monkeypatch):
    run = make(tmp_path)
    monkeypatch.setattr(module, "evaluate", lambda *_, **__: float("nan"))
    with pytest.raises(TrainingError, match=r"the validation loss is nan after update 6. Try a learning rate of 0.005"):
        run.go()


def test_a_history_that_cannot_be_written(tmp_path, monkeypatch):
    run = make(tmp_path)
    (tmp_path / "history.json").mkdir()
    with pytest.raises(CheckpointError, match=r"cannot write .*history.json"):
        run.go()
    assert load(tmp_path / CHECKPOINT).meta["done"] == 6
    assert not list(tmp_path.glob(".history*"))


def test_loading_leaves_the_global_generator(whole):
    before = torch.get_rng_state()
    load_model(whole[0])
    assert torch.equal(before, torch.get_rng_state())


def test_checkpoints_by_the_clock(tmp_path):
    seen = []
    run = make(tmp_path, every=0.0, evaluations=1)
    run.go(on_step=lambda step: seen.append((tmp_path / CHECKPOINT).exists()))
    assert seen[0] is False
    assert all(seen[1:])


@pytest.mark.parametrize(
    "options, message",
    [
        ({"text": TEXT[::-1]}, "was trained on"),
        ({"steps": 25}, "the checkpoint was made with"),
        ({"seed": 1}, "made with"),
    ],
)
def test_another_run_is_refused(whole, options, message):
    other = make(None, **options)
    with pytest.raises(CheckpointError, match=message):
        other.take_up(load(whole[0] / CHECKPOINT))


def test_nothing_is_written_without_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = make(None, every=0.0)
    run.go()
    assert run.finished
    assert not any(tmp_path.iterdir())


def test_a_seed_is_a_model():
    before = torch.get_rng_state()
    config = LanguageModelConfig(5, "gru", 3, 4)
    one, two, other = (seed_model(config, seed) for seed in (0, 0, 1))
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))
    assert not torch.equal(one.embedding.weight, other.embedding.weight)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_killed_at_random_moments(tmp_path):
    text = tmp_path / "text.txt"
    text.write_text(TEXT * 20)
    arguments = ["--steps", "300", "--evaluations", "6", "--hidden-size", "24", "--threads", "1", "--dropout", "0.2"]

    def command(folder, *more):
        return [sys.executable, "-m", "rnncourse", "train", str(text), "--output", str(folder), *more]

    subprocess.run(command(tmp_path / "a", *arguments), check=True, capture_output=True)
    rng, kills = np.random.default_rng(0), 0
    more = arguments
    for _ in range(30):
        process = subprocess.Popen(
            command(tmp_path / "b", *more), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        started = (tmp_path / "b" / CHECKPOINT).exists()
        deadline = time.monotonic() + 60
        # Kill some moment after the first checkpoint of this process.
        stamp = (tmp_path / "b" / CHECKPOINT).stat().st_mtime_ns if started else 0
        while process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(FileNotFoundError):
                if (tmp_path / "b" / CHECKPOINT).stat().st_mtime_ns != stamp:
                    break
            time.sleep(0.005)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=rng.uniform(0, 0.4))
        if process.poll() is not None:
            assert process.returncode == 0, process.communicate()
            break
        process.kill()
        process.communicate()
        kills += 1
        more = ["--resume"]
    assert process.returncode == 0
    assert kills > 1
    same(tmp_path / "a", tmp_path / "b")
