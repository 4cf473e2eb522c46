"""One process and two: the same losses, the same weights, one checkpoint that either goes on with."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from rnncourse.models import LanguageModel, LanguageModelConfig  # noqa: E402
from rnncourse.training.checkpoint import load  # noqa: E402
from rnncourse.training.config import TrainingConfig  # noqa: E402
from rnncourse.training.run import CHECKPOINT  # noqa: E402
from rnncourse.training.trainer import Trainer  # noqa: E402
from rnncourse.training.world import World, join  # noqa: E402

# Of one process and two, in float64, relative to the largest entry. In float32 Adam makes much of a gradient near 0
# that is rounded otherwise.
AGREEMENT = 1e-9

# Trains a few updates, carries on from a checkpoint where there is one, and says what became of it.
WORKER = """
import json, os, signal, sys
from pathlib import Path
import torch
from rnncourse.training.checkpoint import load
from rnncourse.training.run import CHECKPOINT
from rnncourse.training.world import join
from tests.training.test_run import make

folder, steps, stop, options = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), json.loads(sys.argv[4])
torch.set_num_threads(1)
with join("cpu") as world:
    run = make(folder, dropout=0.0, steps=steps, world=world, dtype=torch.float64, **options)
    if (folder / CHECKPOINT).exists():
        run.take_up(load(folder / CHECKPOINT))

    norms = []

    def on_step(step):
        norms.append(step.norm)
        if step.number == stop and world.rank == world.size - 1:
            os.kill(os.getpid(), signal.SIGTERM)

    try:
        run.go(on_step=on_step)
    except KeyboardInterrupt:
        print("stopped", run.trainer.done)
    if world.first:
        print(json.dumps(norms))
"""


def start(processes: int, folder: Path, *, steps: int = 24, stop: int = 0, **options) -> str:
    folder.mkdir(exist_ok=True)
    script = folder / "worker.py"
    script.write_text(WORKER)
    arguments = [str(script), str(folder), str(steps), str(stop), json.dumps(options)]
    command = [sys.executable, *arguments]
    if processes > 1:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        launch = ["torch.distributed.run", "--nproc-per-node", str(processes), "--master-port", str(port)]
        command = [sys.executable, "-m", *launch, *arguments]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=240, env=environment(root))
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def environment(root: Path) -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(root)}


def agree(a: Path, b: Path) -> None:
    """Every tensor of the two checkpoints, the carried state among them, and the history."""
    one, two = load(a / CHECKPOINT), load(b / CHECKPOINT)
    assert one.tensors.keys() == two.tensors.keys()
    assert any(name.startswith("state.") for name in one.tensors)
    for name, tensor in one.tensors.items():
        scale = max(tensor.abs().max().item(), 1e-3)
        assert (tensor - two.tensors[name]).abs().max().item() <= AGREEMENT * scale, name
    for left, right in zip(one.meta["history"], two.meta["history"], strict=True):
        for name in left.keys() - {"seconds"}:
            assert left[name] == pytest.approx(right[name], rel=AGREEMENT), name


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    folder = tmp_path_factory.mktemp("one") / "run"
    return folder, json.loads(start(1, folder))


@pytest.mark.slow
def test_two_processes_are_one(one, tmp_path):
    folder, norms = one
    # Adam and clipping would hide a gradient of another size; its norm does not.
    assert json.loads(start(2, tmp_path / "two")) == pytest.approx(norms, rel=AGREEMENT)
    agree(folder, tmp_path / "two")


@pytest.mark.slow
@pytest.mark.parametrize("before, after", [(2, 1), (1, 2)])
def test_a_run_goes_on_with_another_number_of_processes(one, tmp_path, before, after):
    """Stopped by a signal to one process alone."""
    folder = tmp_path / "run"
    assert start(before, folder, stop=14).count("stopped 14") == before
    start(after, folder)
    agree(one[0], folder)


@pytest.mark.slow
def test_two_processes_take_up_their_own_numbers(tmp_path):
    """With the same number of processes it is the same bit for bit."""
    start(2, tmp_path / "a")
    start(2, tmp_path / "b", stop=7)
    start(2, tmp_path / "b")
    left, right = load(tmp_path / "a" / CHECKPOINT), load(tmp_path / "b" / CHECKPOINT)
    for name, tensor in left.tensors.items():
        assert torch.equal(tensor, right.tensors[name]), name


def test_alone_nothing_is_changed(monkeypatch):
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    with join("cpu") as world:
        assert (world.rank, world.size, world.first) == (0, 1, True)
        assert world.columns(6) == slice(0, 6)
        assert world.sum(1.5, 2) == (1.5, 2)
        assert world.agree(3.0) == (3.0,)
        assert world.any(True, False) == (True, False)
        tensor = torch.arange(3)
        assert world.gather(tensor, 0) is tensor


def test_streams_are_shared_out():
    assert [World(rank, 3).columns(12) for rank in range(3)] == [slice(0, 4), slice(4, 8), slice(8, 12)]
    ids = np.arange(300) % 5
    model = LanguageModel(LanguageModelConfig(5, "gru", 4, 4))
    with pytest.raises(ValueError, match="B must be a multiple of 6, for 3 processes with 2 parts each, got 8"):
        Trainer(model, ids, TrainingConfig(steps=1, evaluations=1, T=5, B=8, accumulate=2), World(1, 3))
