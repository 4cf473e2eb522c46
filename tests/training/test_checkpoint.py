"""Checkpoints come back bit for bit, refuse what was damaged, and survive a full disk and a kill."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from rnncourse.training import checkpoint  # noqa: E402
from rnncourse.training.checkpoint import CheckpointError, load, load_latest, previous, save_checkpoint  # noqa: E402


@pytest.fixture
def path(tmp_path):
    return tmp_path / "checkpoint.safetensors"


def tensors():
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(5, 3, generator=generator)
    return {
        "decoder.weight": weight,
        "embedding.weight": weight,
        "transposed": torch.randn(4, 2, generator=generator).T,
        "half": torch.randn(3, generator=generator).bfloat16(),
        "double": torch.randn(3, generator=generator).double(),
        "rng": torch.get_rng_state(),
        "scalar": torch.tensor(3),
        "empty": torch.zeros(0, 2),
        "also empty": torch.zeros(0, 2),
    }


META = {"step": 7, "rate": 0.1 + 0.2, "nested": {"a": [1, None, True, "ü"]}, "big": 2**100}


def test_round_trip(path):
    given = tensors()
    save_checkpoint(path, given, META)
    found = load(path)
    assert found.meta == META
    assert found.path == path
    assert found.tensors.keys() == given.keys()
    for name, tensor in given.items():
        assert found.tensors[name].dtype == tensor.dtype
        assert torch.equal(found.tensors[name], tensor), name
    assert sorted(p.name for p in path.parent.iterdir()) == [path.name]


def test_tied_weights_are_stored_once_and_stay_tied(path):
    big = torch.zeros(100, 100)
    save_checkpoint(path, {"a": big, "b": big}, {})
    assert path.stat().st_size < 1.1 * big.numel() * 4
    found = load(path).tensors
    assert found["a"] is found["b"]


def test_views_of_one_tensor_are_not_taken_for_one(path):
    whole = torch.arange(6.0)
    save_checkpoint(path, {"a": whole[:3], "b": whole[3:], "c": whole, "d": whole.reshape(2, 3)}, {})
    found = load(path).tensors
    assert [found[name].tolist() for name in ("a", "b", "d")] == [[0, 1, 2], [3, 4, 5], [[0, 1, 2], [3, 4, 5]]]


def test_the_one_before_is_kept(path):
    for step in range(3):
        save_checkpoint(path, {"x": torch.tensor(step)}, {"step": step})
    assert load(path).meta == {"step": 2}
    assert load(previous(path)).meta == {"step": 1}


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_truncated(path, share):
    save_checkpoint(path, tensors(), {"step": 0})
    save_checkpoint(path, tensors(), {"step": 1})
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(CheckpointError, match=r"damaged or not a checkpoint"):
        load(path)
    assert load_latest(path).meta == {"step": 0}


def test_altered_anywhere(path):
    save_checkpoint(path, tensors(), {"step": 0})
    save_checkpoint(path, tensors(), {"step": 1})
    data = path.read_bytes()
    for position in np.random.default_rng(0).integers(8, len(data), 40):
        path.write_bytes(data[:position] + bytes([data[position] ^ 4]) + data[position + 1 :])
        with pytest.raises(CheckpointError):
            load(path)
        assert load_latest(path).meta == {"step": 0}


def test_other_files(path):
    with pytest.raises(CheckpointError, match="there is no checkpoint"):
        load_latest(path)
    path.write_bytes(b"")
    with pytest.raises(CheckpointError, match="damaged or not a checkpoint"):
        load_latest(path)
    from safetensors.torch import save_file

    save_file({"x": torch.zeros(1)}, path)
    with pytest.raises(CheckpointError, match="not a checkpoint of rnncourse"):
        load(path)


def test_another_format(path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "FORMAT", "rnncourse 99")
        save_checkpoint(path, {}, {})
    with pytest.raises(CheckpointError, match="has the format 'rnncourse 99'; this version reads 'rnncourse 1'"):
        load(path)


def test_nan_is_no_json(path):
    with pytest.raises(ValueError, match="JSON"):
        save_checkpoint(path, {}, {"loss": float("nan")})
    assert not any(path.parent.iterdir())


@pytest.mark.parametrize("fails", ["write", "fsync", "rename"])
def test_a_full_disk_loses_nothing(path, monkeypatch, fails):
    save_checkpoint(path, tensors(), {"step": 0})
    save_checkpoint(path, tensors(), {"step": 1})

    def full(*_):
        raise OSError(28, "No space left on device")

    class Full:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

        write = full

    if fails == "write":
        monkeypatch.setattr(checkpoint, "open", lambda *_: Full(), raising=False)
    elif fails == "fsync":
        monkeypatch.setattr(checkpoint.os, "fsync", full)
    else:
        monkeypatch.setattr(type(path), "replace", full)
    with pytest.raises(CheckpointError, match=r"No space left on device\. The checkpoint before it is whole"):
        save_checkpoint(path, tensors(), {"step": 2})
    monkeypatch.undo()
    assert load(path).meta == {"step": 1}
    assert load(previous(path)).meta == {"step": 0}
    assert len(list(path.parent.iterdir())) == 2


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_killed_at_any_moment(path):
    code = textwrap.dedent("""
        import sys, torch
        from pathlib import Path
        from rnncourse.training.checkpoint import save_checkpoint
        for step in range(10**9):
            save_checkpoint(Path(sys.argv[1]), {"x": torch.full((200_000,), step)}, {"step": step})
            print(step, flush=True)
    """)
    rng = np.random.default_rng(0)
    for _ in range(8):
        process = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        process.stdout.readline()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=rng.uniform(0, 0.3))
        process.send_signal(signal.SIGKILL)
        said = process.communicate()[0].split()
        found = load_latest(path)
        assert found.meta["step"] >= int(said[-1] if said else 0)
        assert torch.all(found.tensors["x"] == found.meta["step"])
