"""The NumPy reference beside `torch.nn` on the processor: forward and backward in float32.

LSTM, GRU, Elman network and one Transformer block with causal attention, each against PyTorch's module of the same
numbers: outputs, last states and the gradients by inputs, initial states and all weights. `_side_by_side` says how the
two are timed.

A recurrence's arithmetic is counted as its matrix products alone: with G gates, 2 T B G H (I + H) operations forward
and twice as many backward. Its activations are what the backward equations read besides inputs and weights: h (RNN),
with r, z, n and u (GRU), with i, f, g, o, c and tanh c (LSTM).
"""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from rnncourse import reference as np_reference
from rnncourse.experiments._record import code_state, environment, now

from . import _side_by_side
from ._side_by_side import Results, Side

SIZES = ((100, 32, 128), (64, 32, 256), (35, 20, 650), (35, 1, 64))
"""(T, B, H); the input size is H."""

GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
KEPT = {"LSTM": 7, "GRU": 5, "RNN": 1}
"""Activations a step, a sequence and a unit."""

MODELS = (*GATES, "TransformerEncoderLayer")
HEAD, WIDENING = 64, 4
"""The block's units a head, at least, and how much wider its feed-forward part is."""


def run(*, quick: bool = False) -> dict[str, Any]:
    """Time all models at all sizes and return the record.

    Args:
        quick: the smallest size only, one thread, one short round.

    Raises:
        RecordError: the two sides disagree, or a timing process failed.
    """
    cases = [(model, *size) for model in MODELS for size in (SIZES[-1:] if quick else SIZES)]
    threads = [n for n in (1, 2) if n <= (os.cpu_count() or 1)][: 1 if quick else 2]
    rounds, blocks = (1, 1) if quick else (_side_by_side.ROUNDS, _side_by_side.BLOCKS)
    load_before, start = _load(), time.perf_counter()
    measured = _side_by_side.measure(__name__, cases, threads=threads, rounds=rounds, blocks=blocks)
    product = measured["product"]
    results = []
    for (model, T, B, H), row in zip(cases, measured["results"], strict=True):
        gflops = operations(model, T, B, H) / row["numpy"]["median_ms"] / 1e6
        memory = 4 * activations(model, T, B, H)
        row = {"model": model, "T": T, "B": B, "H": H, **row, "gflops": gflops}
        row["of_product_rate"] = gflops / product[str(row["numpy"]["threads"])]
        row["activation_bytes"] = memory
        results.append(row)
    return {
        "benchmark": "reference",
        "question": "How long does the NumPy reference take, forward and backward, beside torch.nn?",
        "provenance": {
            "command": f"rnncourse bench reference{' --quick' if quick else ''}",
            "date": now(),
            **code_state(),
            "seconds": time.perf_counter() - start,
            "load_average": [load_before, _load()],
            "nice": os.nice(0) if hasattr(os, "nice") else None,
            **environment(),
            "versions": measured["versions"],
        },
        "settings": {
            "dtype": "float32",
            "tolerance": _side_by_side.TOLERANCE,
            "rounds": rounds,
            "blocks": blocks,
            "calls": _side_by_side.CALLS,
            "pause": _side_by_side.PAUSE,
            "product_size": _side_by_side.PRODUCT,
        },
        "product_gflops": product,
        "results": results,
    }


def table(record: dict[str, Any]) -> str:
    """The record as lines of text."""
    names = {"TransformerEncoderLayer": "block"}
    lines = ["         T   B    H     NumPy ms      torch ms  ratio  of rate  peak MB  of kept"]
    for row in record["results"]:
        numpy, torch = row["numpy"], row["torch"]
        lines.append(
            f"{names.get(row['model'], row['model']):5}{row['T']:>5}{row['B']:>4}{row['H']:>5}"
            f"{numpy['median_ms']:>9.2f} ({numpy['threads']})"
            f"{torch['median_ms']:>10.2f} ({torch['threads']})"
            f"{row['ratio']:>7.2f}{row['of_product_rate']:>9.0%}"
            f"{row['peak_bytes'] / 1e6:>9.2f}{row['peak_bytes'] / row['activation_bytes']:>9.1f}"
        )
    rates = ", ".join(f"{rate:.0f} GFLOP/s ({n})" for n, rate in record["product_gflops"].items())
    return "\n".join([*lines, f"(n): on n threads. The rate of a large matrix product: {rates}."])


def operations(model: str, T: int, B: int, H: int) -> int:
    """Multiplications and additions of the matrix products, forward and backward."""
    if model in GATES:
        return 3 * 2 * T * B * GATES[model] * H * (H + H)
    return 3 * 2 * T * B * (4 * H * H + 2 * H * WIDENING * H + 2 * T * H)


def activations(model: str, T: int, B: int, H: int) -> int:
    """How many numbers the backward equations read besides inputs and weights."""
    if model in KEPT:
        return KEPT[model] * T * B * H
    # Two normalised inputs, q, k, v, what the heads give, the hidden units before and after phi; the weights.
    return (6 + 2 * WIDENING) * T * B * H + B * _heads(H) * T * T


def sides(model: str, T: int, B: int, H: int) -> dict[str, Side]:
    """The two computations on the same numbers; each call returns outputs, last states and all gradients."""
    import torch

    rng = np.random.default_rng(0)

    def draw(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape).astype(np.float32)

    x, d_output = draw(T, B, H), draw(T, B, H)
    state_size = {"LSTM": 2, "GRU": 1, "RNN": 1}.get(model, 0)
    state, d_state = ([draw(B, H) for _ in range(state_size)] for _ in range(2))
    if model in GATES:
        module, call = getattr(torch.nn, model)(H, H), _recurrence(model)
    else:
        # GPT-2's activation; ReLU's kink makes the two sides differ where a hidden unit is within a rounding of 0.
        gelu = functools.partial(torch.nn.functional.gelu, approximate="tanh")
        module = torch.nn.TransformerEncoderLayer(H, _heads(H), WIDENING * H, 0, gelu, norm_first=True)
        call = _block(_heads(H))
    params = {name: draw(*p.shape) / np.float32(np.sqrt(p.shape[-1])) for name, p in module.named_parameters()}
    module.load_state_dict({name: torch.from_numpy(p) for name, p in params.items()})

    wanted = [torch.from_numpy(x).requires_grad_(), *(torch.from_numpy(s)[None].requires_grad_() for s in state)]
    given = [torch.from_numpy(d_output), *(torch.from_numpy(d)[None] for d in d_state)]
    mask = torch.nn.Transformer.generate_square_subsequent_mask(T)

    def in_torch() -> Results:
        if not state:
            outputs = [module(wanted[0], src_mask=mask, is_causal=True)]
        else:
            output, last = module(wanted[0], wanted[1] if len(state) == 1 else tuple(wanted[1:]))
            outputs = [output, last] if len(state) == 1 else [output, *last]
        grads = torch.autograd.grad(outputs, [*wanted, *module.parameters()], given)
        dx, *d_states = grads[: len(wanted)]
        values = {
            "output": outputs[0],
            **{f"last[{k}]": s[0] for k, s in enumerate(outputs[1:])},
            "dx": dx,
            **{f"d_state[{k}]": d[0] for k, d in enumerate(d_states)},
            **dict(zip(params, grads[len(wanted) :], strict=True)),
        }
        return {name: value.detach().numpy() for name, value in values.items()}

    return {"numpy": lambda: call(x, tuple(state), params, d_output, tuple(d_state)), "torch": in_torch}


def _recurrence(model: str) -> Callable[..., Results]:
    name = model.lower()
    forward, backward = (getattr(np_reference, f"{name}_{way}") for way in ("forward", "backward"))

    def call(x: np.ndarray, state: tuple, params: dict, d_output: np.ndarray, d_state: tuple) -> Results:
        one = len(state) == 1
        output, last, cache = forward(x, state[0] if one else state, params)
        dx, d_first, grads = backward(d_output, d_state[0] if one else d_state, cache)
        last, d_first = ((last,), (d_first,)) if one else (last, d_first)
        return {
            "output": output,
            **{f"last[{k}]": s for k, s in enumerate(last)},
            "dx": dx,
            **{f"d_state[{k}]": d for k, d in enumerate(d_first)},
            **grads,
        }

    return call


def _block(num_heads: int) -> Callable[..., Results]:
    def call(x: np.ndarray, state: tuple, params: dict, d_output: np.ndarray, d_state: tuple) -> Results:
        options = {"num_heads": num_heads, "norm_first": True, "activation": "gelu_tanh", "causal": True}
        output, _, cache = np_reference.transformer_block_forward(x, params, **options)
        dx, grads = np_reference.transformer_block_backward(d_output, cache)
        return {"output": output, "dx": dx, **{name: grads[name] for name in params}}

    return call


def _heads(H: int) -> int:
    """How many heads: as many of at least `HEAD` units as divide H."""
    return max(n for n in range(1, max(H // HEAD, 1) + 1) if H % n == 0)


def _load() -> float | None:
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None
