"""NumPy beside PyTorch on the processor, in turns, each at its better number of threads.

Method
    Both sides get the same numbers. First their results are compared (`TOLERANCE`, relative to the largest entry);
    where they differ, nothing is timed.

    NumPy's BLAS takes its number of threads when NumPy is imported, so each number, one and two, gets a process of its
    own, and both sides are timed in it: in turns, a short block of NumPy, a short block of PyTorch, and so on, so that
    whatever else the machine does hits both. There is a pause before each block, since the other side's idle threads
    wait in a busy loop for a while and would take a core away; the first call of a block is not counted. The processes
    alternate as well, over several rounds. Between the blocks stands a square matrix product in NumPy, for the rate
    that the machine reaches when nothing else is asked of it.

    Reported are medians and quartiles over all calls, and the ratio of the medians, NumPy to PyTorch: below 1, NumPy is
    faster. The peak of memory is that of NumPy's allocations during one call, after the inputs and parameters are
    there; the results are part of it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from rnncourse.experiments._record import RecordError, environment

TOLERANCE = 1e-5
ROUNDS, BLOCKS, CALLS = 3, 4, 4
PAUSE = 0.1  # seconds; OpenBLAS's idle threads wait some 30 ms
PRODUCT = 1024  # the square product's size

Results = dict[str, np.ndarray]
Side = Callable[[], Results]
Case = tuple[Any, ...]


def check_agreement(ours: Side, theirs: Side) -> float:
    """The largest difference, relative to the largest entry of its array.

    Raises:
        RecordError: it is above `TOLERANCE`, or names or shapes differ.
    """
    a, b = ours(), theirs()
    if a.keys() != b.keys():
        raise RecordError(f"nothing was timed: NumPy gives {', '.join(a)} and PyTorch {', '.join(b)}")
    worst = 0.0
    for name in a:
        if a[name].shape != b[name].shape:
            raise RecordError(
                f"nothing was timed: {name} has shape {a[name].shape} in NumPy and {b[name].shape} in PyTorch"
            )
        difference = float(np.abs(a[name] - b[name]).max() / np.abs(b[name]).max())
        if not difference <= TOLERANCE:
            raise RecordError(f"nothing was timed: {name} differs by {difference:.1e}, allowed is {TOLERANCE:.0e}")
        worst = max(worst, difference)
    return worst


def measure(module: str, cases: Sequence[Case], *, threads: Sequence[int], rounds: int, blocks: int) -> dict[str, Any]:
    """Time all cases of a benchmark.

    Args:
        module: its name, importable; its `sides(*case)` returns {"numpy": side, "torch": side}.
        cases: what `sides` takes.
        threads: the numbers of threads to try.
        rounds: how many processes for each number.
        blocks: how many blocks for each case and side.

    Returns:
        `results`, one dict a case: for each side `threads` (the better number), `median_ms`, `quartiles_ms`, `calls`
        and `tried`, the same for each number; `ratio`; `peak_bytes`. Then `product`, the matrix product's GFLOP/s for
        each number of threads (the upper quartile), and `versions`.

    Raises:
        RecordError: the two sides disagree, or a process failed.
    """
    seconds: dict[tuple[int, int, str], list[float]] = {}
    rates: dict[int, list[float]] = {n: [] for n in threads}
    answer: dict[str, Any] = {}
    for _ in range(rounds):
        for n in threads:
            answer = _in_process(module, n, cases, blocks)
            rates[n] += answer["rates"]
            for k, sides in enumerate(answer["seconds"]):
                for side, calls in sides.items():
                    seconds.setdefault((k, n, side), []).extend(calls)
    results = []
    for k in range(len(cases)):
        row: dict[str, Any] = {}
        for side in ("numpy", "torch"):
            tried = {str(n): _summary(seconds[k, n, side]) for n in threads}
            best = min(tried, key=lambda n: tried[n]["median_ms"])
            row[side] = {"threads": int(best), **tried[best], "tried": tried}
        row["ratio"] = row["numpy"]["median_ms"] / row["torch"]["median_ms"]
        row["peak_bytes"] = answer["peaks"][k]
        results.append(row)
    return {
        "results": results,
        "product": {str(n): float(np.percentile(rates[n], 75)) for n in threads},
        "versions": answer["environment"]["versions"],
    }


def _in_process(module: str, threads: int, cases: Sequence[Case], blocks: int) -> dict[str, Any]:
    """Run `worker` in a process whose BLAS and PyTorch have so many threads."""
    job = json.dumps({"module": module, "threads": threads, "cases": cases, "blocks": blocks})
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
    done = subprocess.run(
        [sys.executable, "-m", __name__, job],
        env={**os.environ, **dict.fromkeys(names, str(threads))},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or ["no message"]
        raise RecordError(f"the timing process with {threads} thread(s) failed: {last[0]}")
    return json.loads(done.stdout)


def worker(job: str) -> None:
    """What the timing process does: print seconds, peaks and rates as JSON."""
    import importlib

    import torch

    wanted = json.loads(job)
    torch.set_num_threads(wanted["threads"])
    benchmark = importlib.import_module(wanted["module"])
    seconds, peaks, rates = [], [], []
    for case in wanted["cases"]:
        sides = benchmark.sides(*case)
        check_agreement(sides["numpy"], sides["torch"])
        peaks.append(_peak(sides["numpy"]))
        timed, rate = _time(sides, wanted["blocks"])
        seconds.append(timed)
        rates += rate
    print(json.dumps({"seconds": seconds, "peaks": peaks, "rates": rates, "environment": environment(torch=True)}))


def _time(sides: Mapping[str, Side], blocks: int) -> tuple[dict[str, list[float]], list[float]]:
    """Seconds of each counted call by side, and the matrix product's rate after each block."""
    seconds: dict[str, list[float]] = {side: [] for side in sides}
    rates = []
    for _ in range(blocks):
        for side, call in sides.items():
            time.sleep(PAUSE)
            call()
            seconds[side] += [_seconds(call) for _ in range(CALLS)]
        rates.append(_product_rate())
    return seconds, rates


def _seconds(call: Callable[[], Any]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _product_rate() -> float:
    """GFLOP/s of a square product in float32."""
    a = np.ones((PRODUCT, PRODUCT), np.float32)
    np.matmul(a, a)
    return 2 * PRODUCT**3 / _seconds(lambda: np.matmul(a, a)) / 1e9


def _peak(call: Side) -> int:
    """The most bytes that NumPy had allocated at once during the call, above what it had before."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        call()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def _summary(seconds: list[float]) -> dict[str, Any]:
    low, median, high = np.percentile(np.array(seconds) * 1000, [25, 50, 75])
    return {"median_ms": float(median), "quartiles_ms": [float(low), float(high)], "calls": len(seconds)}


if __name__ == "__main__":
    worker(sys.argv[1])
