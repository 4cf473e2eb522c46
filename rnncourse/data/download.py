"""Public files: from a local mirror, from the cache, or downloaded once, always checked against their SHA-256."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from rnncourse.data.errors import DataError

__all__ = ["PublicFile", "cache_folder", "find_public", "read_public"]

_TIMEOUT = 30  # seconds without an answer, after which a server counts as out of reach


@dataclass(frozen=True)
class PublicFile:
    """A file that anyone can download.

    Attributes:
        path: its place below the cache and the mirror, with forward slashes: "tiny_shakespeare/input.txt".
        url: where it is downloaded from.
        sha256: SHA-256 of its bytes, in hexadecimal.
        size: how many bytes it has; None where nobody has written it down.
    """

    path: str
    url: str
    sha256: str
    size: int | None = None


def read_public(file: PublicFile) -> bytes:
    """The file's bytes.

    Looked for in this order:

    1. below the folder that the environment variable RNNCOURSE_DATA names (a local mirror; only read);
    2. below the cache: RNNCOURSE_CACHE, or else the user's cache folder for "rnncourse";
    3. at its URL; it is then stored in the cache, under a temporary name until its SHA-256 has been checked.

    Raises:
        DataError: damaged, not to be downloaded, or the cache cannot be written. No part of a file stays behind.
    """
    mirrored = _mirrored(file)
    if mirrored and mirrored.is_file():
        return _read_checked(mirrored, file)
    return _read_checked(_cached(file), file)


def find_public(file: PublicFile) -> tuple[str, Path | None]:
    """Where `read_public` would find a file now; nothing is downloaded.

    Args:
        file: which.

    Returns:
        "mirror" or "cache" with the path there; "to download" without one, also where the cache's copy is damaged;
        "damaged" with the mirror's path, where the file there is another, which stops `read_public`.
    """
    for place, path in (("mirror", _mirrored(file)), ("cache", cache_folder() / file.path)):
        if path is None or not path.is_file():
            continue
        try:
            _read_checked(path, file)
        except DataError:
            return ("damaged", path) if place == "mirror" else ("to download", None)
        return place, path
    return "to download", None


def cache_folder() -> Path:
    """Where downloads are kept: RNNCOURSE_CACHE, or else the user's cache folder for "rnncourse"."""
    if folder := os.environ.get("RNNCOURSE_CACHE"):
        return Path(folder).expanduser().absolute()
    import pooch

    return Path(pooch.os_cache("rnncourse"))


def _mirrored(file: PublicFile) -> Path | None:
    folder = os.environ.get("RNNCOURSE_DATA")
    return Path(folder).expanduser() / file.path if folder else None


def _read_checked(path: Path, file: PublicFile) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error}. Check its permissions.") from error
    found = hashlib.sha256(data).hexdigest()
    if found != file.sha256:
        raise DataError(
            f"{path} is not the expected file: SHA-256 must be {file.sha256}, got {found}. "
            f"Delete it, or replace it by {file.url}"
        )
    return data


def _cached(file: PublicFile) -> Path:
    """Path of the file in the cache, after downloading it if it is missing or damaged there."""
    import pooch
    import requests

    target = cache_folder() / file.path
    download = pooch.HTTPDownloader(progressbar=True, timeout=_TIMEOUT)
    try:
        pooch.retrieve(file.url, f"sha256:{file.sha256}", target.name, target.parent, downloader=download)
    except requests.exceptions.RequestException as error:
        raise DataError(_out_of_reach(file, target, error)) from error
    except OSError as error:
        raise DataError(
            f"The cache {target.parent} cannot be used: {error}. "
            "Set the environment variable RNNCOURSE_CACHE to a folder that can be written."
        ) from error
    except ValueError as error:  # pooch's for a wrong hash; it has removed the download
        raise DataError(
            f"The file at {file.url} is not the expected one, and was not kept: {error} "
            f"Try again later, or put a copy of the right file at {target}"
        ) from error
    return target


def _out_of_reach(file: PublicFile, target: Path, error: Exception) -> str:
    lines = [f"{file.url} could not be downloaded: {error}"]
    if mirrored := _mirrored(file):
        lines.append(f"RNNCOURSE_DATA is set, but there is no file {mirrored}")
    if target.exists():
        lines.append(f"The file {target} is damaged (its SHA-256 is not {file.sha256}); it can be deleted.")
    return "\n".join(
        [
            *lines,
            "Do one of these:",
            "- connect to the network and try again;",
            f"- download that file by hand, on any machine, and save it as {target}",
            f"- set RNNCOURSE_DATA to a folder that contains {file.path}",
            "- set RNNCOURSE_CACHE to the cache of an earlier download.",
            'The text "numpy-docs" needs no network.',
        ]
    )
