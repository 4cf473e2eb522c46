"""Cores, threads, memory and disk, as far as this process may use them."""

from __future__ import annotations

import math
import os
import shutil
from pathlib import Path

from .._machine import cores
from .finding import MISSING, OK, SLOW, Finding, set_variable

LEAST_MEMORY = 2.0  # GB
LEAST_ROOM = 1.0  # GB
CGROUPS = Path("/sys/fs/cgroup")


def quota(root: Path = CGROUPS, own: str | None = None) -> float | None:
    """How many cores' time a container grants, which the system's own count does not show; None: no limit.

    Args:
        root: where control groups are mounted.
        own: this process's group below it; None: look it up.
    """
    found = []
    for folder in _groups(root, own):
        try:
            granted, period = (folder / "cpu.max").read_text().split()
        except (OSError, ValueError):
            continue
        if granted != "max":
            found.append(int(granted) / int(period))
    try:  # the first version of control groups
        granted_v1 = int((root / "cpu" / "cpu.cfs_quota_us").read_text())
        if granted_v1 > 0:
            found.append(granted_v1 / int((root / "cpu" / "cpu.cfs_period_us").read_text()))
    except (OSError, ValueError):
        pass
    return min(found, default=None)


def usable() -> int:
    """Threads that can run at once: cores, or fewer where a container grants less time."""
    granted = quota()
    return cores() if granted is None else max(1, min(cores(), math.ceil(granted)))


def threads(asked_for: str | None) -> list[Finding]:
    """How many threads programs will start, and how many can run.

    Args:
        asked_for: OMP_NUM_THREADS as the user set it; None: not set.
    """
    granted, can_run = quota(), usable()
    words = [f"{cores()} core{'s' * (cores() != 1)} to run on"]
    if granted is not None:
        words.append(f"a container that grants the time of {granted:g}")
    words.append("OMP_NUM_THREADS not set" if asked_for is None else f"OMP_NUM_THREADS={asked_for}")
    started = int(asked_for) if asked_for and asked_for.isdigit() else cores()
    if started <= can_run:
        return [Finding("threads", OK, ", ".join(words))]
    effect = "each product in your own programs is slower than on one thread"
    why = f"{started} threads are started and {can_run} can run: they wait for each other"
    return [Finding("threads", SLOW, ", ".join(words), effect, why, set_variable("OMP_NUM_THREADS", str(can_run)))]


def memory(meminfo: Path = Path("/proc/meminfo"), root: Path = CGROUPS) -> list[Finding]:
    """What can still be taken.

    Args:
        meminfo: the system's account of it.
        root: where control groups are mounted.
    """
    free = _free_memory(meminfo, root)
    if free is None:
        return [Finding("memory", OK, "this system does not say how much is free")]
    if free >= LEAST_MEMORY:
        return [Finding("memory", OK, f"{free:.1f} GB free")]
    effect, why = "larger models and long texts do not fit", f"less than {LEAST_MEMORY:g} GB are free"
    mend = "rnncourse train TEXT --hidden-size 128 --batch-size 8"
    return [Finding("memory", SLOW, f"{free:.1f} GB free", effect, why, mend)]


def cache() -> list[Finding]:
    """Room and permission where downloads are kept."""
    from ..data.download import cache_folder

    folder = cache_folder()
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free = shutil.disk_usage(there).free / 1e9
    mend = set_variable("RNNCOURSE_CACHE", "FOLDER")
    if not there.is_dir() or not os.access(there, os.W_OK):
        why = f"{there} takes no files from this user"
        return [Finding("cache", MISSING, str(folder), "public texts cannot be downloaded", why, mend)]
    if free < LEAST_ROOM:
        why = f"less than {LEAST_ROOM:g} GB are free on its disk"
        return [Finding("cache", MISSING, f"{folder}, {free:.1f} GB free", "downloads may not fit", why, mend)]
    return [Finding("cache", OK, f"{folder}, {free:.0f} GB free")]


def _free_memory(meminfo: Path, root: Path) -> float | None:
    """GB: what the system has, or less where a container grants less."""
    found = []
    try:
        rows = dict(line.split(":", 1) for line in meminfo.read_text().splitlines() if ":" in line)
        found.append(int(rows["MemAvailable"].split()[0]) * 1024)
    except (OSError, KeyError, ValueError, IndexError):
        pass
    for folder in _groups(root, None):
        try:
            found.append(int((folder / "memory.max").read_text()) - int((folder / "memory.current").read_text()))
        except (OSError, ValueError):  # "max", or no such file
            continue
    return min(found) / 1e9 if found else None


def _groups(root: Path, own: str | None) -> list[Path]:
    """This process's control group and those around it: each may set a limit."""
    if own is None:
        try:
            own = next(
                line.split("::", 1)[1] for line in Path("/proc/self/cgroup").read_text().splitlines() if "::" in line
            )
        except (OSError, StopIteration):
            own = "/"
    folder = root / own.strip().lstrip("/")
    return [folder, *(parent for parent in folder.parents if parent == root or root in parent.parents)]
