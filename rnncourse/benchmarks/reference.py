"""The NumPy Elman network beside `torch.nn.RNN` on the processor: forward and backward, float32.

Method
    Both sides get the same weights, inputs and output gradients, and both compute the output, the last state and the
    gradients by the inputs, the initial state and all weights. First the two are compared (`TOLERANCE`, relative to the
    largest entry); where they differ, nothing is timed.

    Each side runs at its better number of threads, one or two. NumPy's BLAS takes that number when NumPy is imported,
    so each number gets a process of its own, and both sides are timed in it: in turns, a short block of NumPy, a short
    block of PyTorch, and so on, so that whatever else the machine does hits both. There is a pause before each
    block, since the other side's idle threads wait in a busy loop for a while and would take a core away; the first
    call of a block is not counted. The processes alternate as well, over several rounds.

    Reported are medians and quartiles over all calls, and the ratio of the medians, NumPy to PyTorch: below 1, NumPy is
    faster.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from rnncourse.experiments._record import RecordError, code_state, environment, now
from rnncourse.reference import init_rnn, rnn_backward, rnn_forward

SIZES = ((100, 32, 128), (64, 32, 256), (35, 20, 650), (35, 1, 64))
"""(T, B, H); the input size is H."""

TOLERANCE = 1e-5
ROUNDS, BLOCKS, CALLS = 3, 5, 5
PAUSE = 0.1  # seconds; OpenBLAS's idle threads wait some 30 ms

Side = Callable[[], tuple[np.ndarray, ...]]


def run(*, quick: bool = False) -> dict[str, Any]:
    """Time all sizes and return the record.

    Args:
        quick: the smallest size only, one thread, one short round.

    Raises:
        RecordError: the two sides disagree, or a timing process failed.
    """
    sizes = SIZES[-1:] if quick else SIZES
    threads = [n for n in (1, 2) if n <= (os.cpu_count() or 1)][: 1 if quick else 2]
    rounds, blocks = (1, 1) if quick else (ROUNDS, BLOCKS)
    load_before, start = _load(), time.perf_counter()
    calls: dict[tuple[tuple[int, int, int], int, str], list[float]] = {}
    versions: dict[str, Any] = {}
    for _ in range(rounds):
        for n in threads:
            answer = _in_process(n, sizes, blocks)
            versions = answer["environment"]["versions"]
            for size, sides in zip(sizes, answer["seconds"], strict=True):
                for side, seconds in sides.items():
                    calls.setdefault((size, n, side), []).extend(seconds)

    results = []
    for size in sizes:
        T, B, H = size
        row: dict[str, Any] = {"T": T, "B": B, "H": H}
        for side in ("numpy", "torch"):
            tried = {str(n): _summary(calls[size, n, side]) for n in threads}
            best = min(tried, key=lambda n: tried[n]["median_ms"])
            row[side] = {"threads": int(best), **tried[best], "tried": tried}
        row["ratio"] = row["numpy"]["median_ms"] / row["torch"]["median_ms"]
        results.append(row)
    return {
        "benchmark": "reference",
        "question": "How long does the NumPy Elman network take, forward and backward, beside torch.nn.RNN?",
        "provenance": {
            "command": f"rnncourse bench reference{' --quick' if quick else ''}",
            "date": now(),
            **code_state(),
            "seconds": time.perf_counter() - start,
            "load_average": [load_before, _load()],
            "nice": os.nice(0) if hasattr(os, "nice") else None,
            **environment(),
            "versions": versions,
        },
        "settings": {
            "dtype": "float32",
            "tolerance": TOLERANCE,
            "rounds": rounds,
            "blocks": blocks,
            "calls": CALLS,
            "pause": PAUSE,
        },
        "results": results,
    }


def table(record: dict[str, Any]) -> str:
    """The record as lines of text."""
    lines = ["    T   B    H     NumPy ms (threads)   torch ms (threads)   ratio"]
    for row in record["results"]:
        numpy, torch = row["numpy"], row["torch"]
        lines.append(
            f"{row['T']:>5}{row['B']:>4}{row['H']:>5}"
            f"{numpy['median_ms']:>13.2f} ({numpy['threads']})"
            f"{torch['median_ms']:>17.2f} ({torch['threads']})"
            f"{row['ratio']:>12.2f}"
        )
    return "\n".join(lines)


def sides(T: int, B: int, H: int) -> dict[str, Side]:
    """The two computations on the same numbers; each call returns output, last state and all gradients."""
    import torch

    rng = np.random.default_rng(0)
    params = init_rnn(rng, H, H, np.float32)
    x, d_output = (rng.standard_normal((T, B, H)).astype(np.float32) for _ in range(2))
    h_0, d_h_n = (rng.standard_normal((B, H)).astype(np.float32) for _ in range(2))

    def in_numpy() -> tuple[np.ndarray, ...]:
        output, h_n, cache = rnn_forward(x, h_0, params)
        dx, dh_0, grads = rnn_backward(d_output, d_h_n, cache)
        return output, h_n, dx, dh_0, *(grads[name] for name in params)

    module = torch.nn.RNN(H, H)
    module.load_state_dict({name: torch.from_numpy(p) for name, p in params.items()})
    wanted = [torch.from_numpy(x).requires_grad_(), torch.from_numpy(h_0)[None].requires_grad_()]
    wanted += [getattr(module, name) for name in params]
    given = [torch.from_numpy(d_output), torch.from_numpy(d_h_n)[None]]

    def in_torch() -> tuple[np.ndarray, ...]:
        outputs = module(wanted[0], wanted[1])
        grads = torch.autograd.grad(outputs, wanted, given)
        output, h_n, dh_0 = outputs[0], outputs[1][0], grads[1][0]
        return tuple(a.detach().numpy() for a in (output, h_n, grads[0], dh_0, *grads[2:]))

    return {"numpy": in_numpy, "torch": in_torch}


def check_agreement(ours: Side, theirs: Side) -> float:
    """The largest difference, relative to the largest entry of its array.

    Raises:
        RecordError: it is above `TOLERANCE`, or the shapes differ.
    """
    names = ("output", "h_n", "dx", "dh_0", "dW_ih", "dW_hh", "db_ih", "db_hh")
    worst = 0.0
    for name, a, b in zip(names, ours(), theirs(), strict=True):
        if a.shape != b.shape:
            raise RecordError(f"nothing was timed: {name} has shape {a.shape} in NumPy and {b.shape} in PyTorch")
        difference = float(np.abs(a - b).max() / np.abs(b).max())
        if not difference <= TOLERANCE:
            raise RecordError(f"nothing was timed: {name} differs by {difference:.1e}, allowed is {TOLERANCE:.0e}")
        worst = max(worst, difference)
    return worst


def _time(size: tuple[int, int, int], blocks: int) -> dict[str, list[float]]:
    """Seconds of each counted call, by side."""
    both = sides(*size)
    check_agreement(both["numpy"], both["torch"])
    seconds: dict[str, list[float]] = {side: [] for side in both}
    for _ in range(blocks):
        for side, call in both.items():
            time.sleep(PAUSE)
            call()
            for _ in range(CALLS):
                start = time.perf_counter()
                call()
                seconds[side].append(time.perf_counter() - start)
    return seconds


def _in_process(threads: int, sizes: tuple[tuple[int, int, int], ...], blocks: int) -> dict[str, Any]:
    """Run `worker` in a process whose BLAS and PyTorch have so many threads."""
    job = json.dumps({"threads": threads, "sizes": sizes, "blocks": blocks})
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
    done = subprocess.run(
        [sys.executable, "-m", "rnncourse.benchmarks.reference", job],
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
    """What the timing process does: print the seconds as JSON."""
    import torch

    wanted = json.loads(job)
    torch.set_num_threads(wanted["threads"])
    seconds = [_time(tuple(size), wanted["blocks"]) for size in wanted["sizes"]]
    print(json.dumps({"seconds": seconds, "environment": environment(torch=True)}))


def _summary(seconds: list[float]) -> dict[str, float]:
    low, median, high = np.percentile(np.array(seconds) * 1000, [25, 50, 75])
    return {"median_ms": float(median), "quartiles_ms": [float(low), float(high)], "calls": len(seconds)}


def _load() -> float | None:
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


if __name__ == "__main__":
    worker(sys.argv[1])
