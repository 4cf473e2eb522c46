"""Ids in files: written once, read as memory maps, safe against kills, damage and other processes.

An entry is two files. KEY.ids holds the ids of training and validation one after the other. KEY.json holds what they
are, with the SHA-256 of KEY.ids and, in its first line, its own. Both are written under temporary names, forced to
disk and renamed, KEY.json last. So at any moment there is either no valid KEY.json, or one whose SHA-256 tells whether
KEY.ids is what it speaks of. Two processes that write the same entry write the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from rnncourse.data.errors import DataError

_TEMPORARY = ".part"
_ABANDONED = 24 * 3600  # seconds after which nobody writes to a temporary file any more


@dataclass(frozen=True)
class Stored:
    """An entry.

    Attributes:
        meta: what was stored with the ids.
        train: read-only memory map, of shape (T,).
        validation: the same of the held-out ids.
    """

    meta: dict[str, Any]
    train: np.ndarray
    validation: np.ndarray


def read(folder: Path, key: str) -> Stored | None:
    """An entry, or None if there is no such or it is damaged.

    Args:
        folder: where entries are.
        key: its name.
    """
    try:
        digest, _, body = (folder / f"{key}.json").read_bytes().partition(b"\n")
        if digest.decode("ascii", "replace") != hashlib.sha256(body).hexdigest():
            return None
        about = json.loads(body)
        dtype, counts = np.dtype(about["dtype"]), about["counts"]
        with open(folder / f"{key}.ids", "rb") as file:
            if os.fstat(file.fileno()).st_size != sum(counts) * dtype.itemsize:
                return None
            if hashlib.file_digest(file, "sha256").hexdigest() != about["sha256"]:
                return None
            return Stored(about["meta"], _map(file, dtype, 0, counts[0]), _map(file, dtype, *counts))
    except OSError:
        return None


def write(
    folder: Path, key: str, dtype: np.dtype, parts: Iterable[Callable[[], Iterable[np.ndarray]]], meta: dict[str, Any]
) -> None:
    """Write an entry, or write over it.

    Args:
        folder: where entries are; it is made.
        key: its name.
        dtype: of the ids.
        parts: two functions that give the ids of training and of validation, in pieces.
        meta: anything that JSON can hold.

    Raises:
        DataError: the folder cannot be written.
    """
    digest, counts = hashlib.sha256(), []
    with _said(folder), _replacing(folder, key, ".ids") as file:
        for part in parts:
            count = 0
            for ids in part():
                data = np.ascontiguousarray(ids, dtype).data
                digest.update(data)
                file.write(data)
                count += len(ids)
            counts.append(count)
    about = {"dtype": str(dtype), "counts": counts, "sha256": digest.hexdigest(), "meta": meta}
    body = json.dumps(about).encode("utf-8")
    with _said(folder), _replacing(folder, key, ".json") as file:
        file.write(hashlib.sha256(body).hexdigest().encode("ascii") + b"\n" + body)


def _map(file: BinaryIO, dtype: np.dtype, start: int, count: int) -> np.ndarray:
    if count == 0:  # nothing cannot be mapped
        return np.zeros(0, dtype)
    return np.memmap(file, dtype, "r", offset=start * dtype.itemsize, shape=(count,))


@contextmanager
def _replacing(folder: Path, key: str, suffix: str) -> Iterator[BinaryIO]:
    """A temporary file that takes the place of KEY + suffix when all went well, and is removed otherwise."""
    folder.mkdir(parents=True, exist_ok=True)
    _tidy(folder)
    number, name = tempfile.mkstemp(_TEMPORARY, key, folder)
    try:
        with os.fdopen(number, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, folder / f"{key}{suffix}")
    finally:
        Path(name).unlink(missing_ok=True)


def _tidy(folder: Path) -> None:
    """Remove what processes that were killed left behind."""
    for path in folder.glob(f"*{_TEMPORARY}"):
        try:
            if time.time() - path.stat().st_mtime > _ABANDONED:
                path.unlink()
        except OSError:
            continue  # another process was faster


@contextmanager
def _said(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DataError(
            f"The cache {folder} cannot be written: {error}. Make room there, or name another folder: cache=…, or the "
            "environment variable RNNCOURSE_CACHE."
        ) from error
