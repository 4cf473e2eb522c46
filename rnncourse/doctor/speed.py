"""A small LSTM's step, forward and backward, on one thread and on all."""

from __future__ import annotations

import time

from .finding import OK, SLOW, Finding, set_variable
from .machine import cores

T, B, H = 32, 16, 128
SECONDS = 0.15  # for each number of threads
SLOW_STEP = 0.1  # seconds; a laptop takes a tenth of it


def threads(asked_for: str | None) -> list[Finding]:
    """Whether more threads help, and whether the machine is slow.

    Args:
        asked_for: OMP_NUM_THREADS as the user set it; None: not set.
    """
    taken = {n: step_seconds(n) for n in sorted({1, cores()})}
    one, most = taken[1], taken[cores()]
    words = ", ".join(f"{1000 * seconds:.1f} ms on {n} thread{'s' * (n > 1)}" for n, seconds in taken.items())
    words = f"{words} for an LSTM's update of {T} steps, {B} streams, {H} units"
    if one > SLOW_STEP:
        effect, why = "training is slow", "the processor is busy or slow"
        return [Finding("speed", SLOW, words, effect, why, "rnncourse train TEXT --hidden-size 64")]
    if most > 1.2 * one and asked_for is None:
        effect = f"small networks in your own programs take {most / one:.1f} times as long"
        why = "threads that share small products wait for each other"
        return [Finding("speed", SLOW, words, effect, why, set_variable("OMP_NUM_THREADS", "1"))]
    return [Finding("speed", OK, words)]


def step_seconds(threads: int) -> float:
    """The fastest update in a short while; PyTorch's number of threads is afterwards what it was.

    Args:
        threads: how many PyTorch may use.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with torch.random.fork_rng([]):
            lstm, x = torch.nn.LSTM(H, H), torch.randn(T, B, H)
        taken, end = [], time.perf_counter() + SECONDS
        while len(taken) < 3 or (time.perf_counter() < end and len(taken) < 50):
            start = time.perf_counter()
            lstm.zero_grad()
            lstm(x)[0].sum().backward()
            taken.append(time.perf_counter() - start)
        return min(taken)
    finally:
        torch.set_num_threads(before)
