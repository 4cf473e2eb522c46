"""Whole recurrent networks, of several layers and directions, drawn at random and run by the reference's scan.

What another library is compared with when its weights come from a converter, or go through one.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from rnncourse.reference import (
    bidirectional_backward,
    bidirectional_forward,
    gru_cell,
    lstm_cell,
    peephole_lstm_cell,
    rnn_cell,
    scan_backward,
    scan_forward,
    split_layers,
)

# T, B, I, H, layers, directions; distinct, so that a transposed or swapped axis cannot fit by chance.
SIZES = {
    "ordinary": (5, 4, 2, 3, 1, 1),
    "both-directions": (5, 4, 2, 3, 1, 2),
    "one-step": (1, 4, 2, 3, 1, 1),
    "one-sequence": (6, 1, 3, 2, 1, 2),
    "one-unit": (4, 3, 2, 1, 2, 1),
    "one-input": (4, 2, 1, 5, 1, 1),
    "two-layers": (5, 3, 2, 4, 2, 1),
    "two-layers-both": (6, 3, 5, 4, 2, 2),
}
LENGTHS = {4: np.array([5, 1, 4, 3]), 3: np.array([2, 6, 5])}  # by B
_BLOCKS = {"rnn": 1, "lstm": 4, "gru": 3, "peephole": 4}
_CELLS = {"rnn": rnn_cell, "lstm": lstm_cell, "gru": gru_cell, "peephole": peephole_lstm_cell}


class Network(NamedTuple):
    """Parameters, inputs, first states `states[layer][direction]`, cotangents for the output and the last states."""

    kind: str
    size: tuple[int, ...]
    params: dict[str, np.ndarray]
    x: np.ndarray
    states: list[list[tuple[np.ndarray, ...]]]
    d_output: np.ndarray
    d_states: list[list[tuple[np.ndarray, ...]]]
    lengths: np.ndarray | None = None


def draw(kind: str, size: tuple[int, ...], *, seed: int = 0, dtype: Any = np.float64, lengths: Any = None) -> Network:
    """A network with everything random, biases too, so that no zero hides a place."""
    T, B, I, H, L, D = size
    rng = np.random.default_rng(seed)
    normal = lambda *shape: rng.standard_normal(shape).astype(dtype)  # noqa: E731
    G, params = _BLOCKS[kind], {}
    for l in range(L):
        for end in ("", "_reverse")[:D]:
            params[f"weight_ih_l{l}{end}"] = normal(G * H, I if l == 0 else D * H) / 2
            params[f"weight_hh_l{l}{end}"] = normal(G * H, H) / 2
            params[f"bias_ih_l{l}{end}"], params[f"bias_hh_l{l}{end}"] = normal(G * H), normal(G * H)
            if kind == "peephole":
                params |= {f"weight_c{gate}_l{l}{end}": normal(H) for gate in "ifo"}
    count = 2 if kind in ("lstm", "peephole") else 1
    states, d_states = (
        [[tuple(normal(B, H) for _ in range(count)) for _ in range(D)] for _ in range(L)] for _ in range(2)
    )
    return Network(kind, size, params, normal(T, B, I), states, normal(T, B, D * H), d_states, lengths)


def ours(network: Network, params: Any = None, **options: Any) -> dict[str, np.ndarray]:
    """Output and last states, and the gradients by input, first states and parameters; `options` are the cell's."""
    cell = _CELLS[network.kind](**options)
    both = network.size[5] == 2
    output, values, caches = network.x, {}, []
    for l, layer in enumerate(split_layers(network.params if params is None else params)):
        if both:
            output, last, cache = bidirectional_forward(cell, output, tuple(network.states[l]), layer, network.lengths)
        else:
            output, state, cache = scan_forward(cell, output, network.states[l][0], layer, lengths=network.lengths)
            last = (state,)
        values |= by_name("last", [last], first=l)
        caches.append(cache)
    values["output"] = output

    d_output = network.d_output
    for l in reversed(range(len(caches))):
        if both:
            d_output, d_first, grads = bidirectional_backward(d_output, tuple(network.d_states[l]), caches[l])
        else:
            d_output, state, grads = scan_backward(d_output, network.d_states[l][0], caches[l])
            d_first = (state,)
        values |= by_name("d_first", [d_first], first=l)
        values |= {f"d_{name.replace('_l0', f'_l{l}')}": grad for name, grad in grads.items()}
    return values | {"dx": d_output}


def forward_part(values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Without the gradients."""
    return {name: value for name, value in values.items() if name == "output" or name.startswith("last")}


def by_name(name: str, states: Any, *, first: int = 0) -> dict[str, Any]:
    """Nested states by a name that says layer, direction and which of the state's arrays."""
    return {
        f"{name}[{l}][{d}][{k}]": array
        for l, layer in enumerate(states, first)
        for d, state in enumerate(layer)
        for k, array in enumerate(state)
    }
