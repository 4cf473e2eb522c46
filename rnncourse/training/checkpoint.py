"""Checkpoints: one safetensors file with JSON metadata and a SHA-256; nothing in it can run code.

A checkpoint is written to a temporary file, flushed to the disk and renamed, and the one before it is kept beside it.
So whenever the process is killed, `load_latest` finds a whole one.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

__all__ = ["Checkpoint", "CheckpointError", "load", "load_latest", "previous", "save_checkpoint"]

FORMAT = "rnncourse 1"


class CheckpointError(Exception):
    """A checkpoint cannot be read or written; the message says what to do."""


class Checkpoint(NamedTuple):
    """What a checkpoint holds.

    Attributes:
        tensors: by name, on the processor.
        meta: what `save_checkpoint` was given: dicts, lists, strings, numbers, booleans and None.
        path: the file it was read from.
    """

    tensors: dict[str, torch.Tensor]
    meta: dict[str, Any]
    path: Path


def save_checkpoint(path: Path, tensors: Mapping[str, torch.Tensor], meta: Mapping[str, Any]) -> None:
    """Write a checkpoint; the file that was there before becomes `previous(path)`.

    Names of one and the same tensor, such as tied weights, are stored once.

    Args:
        path: the file, ending in .safetensors.
        tensors: by name.
        meta: what JSON can hold. Floats come back as they were.

    Raises:
        CheckpointError: the file cannot be written; then neither checkpoint has changed.
        ValueError: NaN or infinity in `meta`.
    """
    stored, same = _once(tensors)
    head = {"format": FORMAT, "same": same, "meta": meta}
    text = json.dumps(head, allow_nan=False, sort_keys=True)
    data = save(stored, {"rnncourse": text, "sha256": _digest(stored, text)})
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(scratch, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            path.replace(previous(path))
        scratch.replace(path)
        _flush_folder(path.parent)
    except OSError as error:
        raise CheckpointError(
            f"cannot write {path}: {error.strerror}. The checkpoint before it is whole: make room, then --resume."
        ) from error
    finally:
        scratch.unlink(missing_ok=True)


def load(path: Path) -> Checkpoint:
    """Read a checkpoint.

    Raises:
        CheckpointError: no such file, or one that is truncated, altered, or not a checkpoint of ours.
    """
    try:
        with safe_open(path, framework="pt") as file:
            head = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError as error:
        raise CheckpointError(f"there is no checkpoint {path}") from error
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror or error}") from error
    except (SafetensorError, ValueError) as error:
        raise CheckpointError(f"{path} is damaged or not a checkpoint ({error})") from error
    if "rnncourse" not in head:
        raise CheckpointError(f"{path} is a safetensors file, but not a checkpoint of rnncourse")
    text = head["rnncourse"]
    if _digest(tensors, text) != head.get("sha256"):
        raise CheckpointError(f"{path} was altered: its SHA-256 does not fit what it holds")
    read = json.loads(text)
    if read["format"] != FORMAT:
        raise CheckpointError(f"{path} has the format {read['format']!r}; this version reads {FORMAT!r}")
    tensors |= {name: tensors[kept] for name, kept in read["same"].items()}
    return Checkpoint(tensors, read["meta"], path)


def load_latest(path: Path) -> Checkpoint:
    """`load(path)`, or, where that fails, the checkpoint before it.

    Raises:
        CheckpointError: neither can be read. Says why the first cannot.
    """
    try:
        return load(path)
    except CheckpointError as error:
        try:
            return load(previous(path))
        except CheckpointError:
            raise error from None


def previous(path: Path) -> Path:
    """Where the checkpoint before the last one is kept.

    >>> previous(Path("run") / "checkpoint.safetensors").name
    'checkpoint.previous.safetensors'
    """
    return path.with_name(f"{path.stem}.previous{path.suffix}")


def _once(tensors: Mapping[str, torch.Tensor]) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """Each tensor once, contiguous, on the processor; and which other names stand for it."""
    stored: dict[str, torch.Tensor] = {}
    same: dict[str, str] = {}
    seen: dict[tuple, str] = {}
    for name, tensor in sorted(tensors.items()):
        # Two empty tensors may share an address without being one.
        key = (tensor.data_ptr(), tensor.shape, tensor.stride(), tensor.dtype) if tensor.numel() else (name,)
        if key in seen:
            same[name] = seen[key]
        else:
            seen[key] = name
            stored[name] = tensor.detach().cpu().contiguous().clone()
    return stored, same


def _digest(tensors: Mapping[str, torch.Tensor], text: str) -> str:
    digest = hashlib.sha256(text.encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"\0{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\0".encode())
        digest.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def _flush_folder(folder: Path) -> None:
    """The renaming itself onto the disk, where the system can do that."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
