"""The gates of a trained LSTM or GRU, or of their minimal forms, while it reads. Chapters 11, 12, 27 and 31."""

from __future__ import annotations

import numpy as np

from .._checks import check_choice, check_sequence
from ..reference import gru_forward, lstm_forward, mingru_forward, minlstm_forward, split_layers

GATES = {"lstm": ("i", "f", "g", "o"), "gru": ("r", "z", "n"), "mingru": ("z", "n"), "minlstm": ("i", "f", "g")}
"""The names of a cell's gates, in the order of its weights. Of them g and n are candidates: they lie in -1 … 1, those
of minimal networks anywhere."""


def gate_values(cell: str, x: np.ndarray, params: dict[str, np.ndarray]) -> list[dict[str, np.ndarray]]:
    r"""Every gate of every layer of a stack at every step, from a state of zeros.

    An LSTM's are :math:`i_t, f_t, g_t, o_t`, a GRU's :math:`r_t, z_t, n_t`, as `lstm_cell` and `gru_cell` define them;
    z is the share of the old state that stays. A minGRU's are :math:`z_t, n_t`, as in `mingru_cell`, where z is the
    share of the candidate that comes in; a minLSTM's are :math:`i'_t, f'_t, g_t`, as in `minlstm_cell`, of which the
    first two add up to 1. Both are taken with their plain candidate, "linear".

    Args:
        cell: "lstm", "gru", "mingru" or "minlstm".
        x: what the lowest layer reads, of shape (T, B, I).
        params: the stack's, under the names of `torch.nn`: `weight_ih_l0` and so on.

    Returns:
        For each layer from the bottom up, each gate by its name, of shape (T, B, H).

    Raises:
        TypeError: arrays of another type or of different dtypes.
        ValueError: another cell, a wrong shape, parameters that are missing, NaN or infinity.

    Source: chapters 11, 12, 27 and 31.
    """
    check_choice("cell", cell, tuple(GATES))
    check_sequence(x)
    found = []
    for layer in split_layers(params):
        H = len(layer.get("weight_ih_l0", ())) // len(GATES[cell])
        zeros = np.zeros((x.shape[1], H), x.dtype)
        if cell == "lstm":
            x, _, cache = lstm_forward(x, (zeros, zeros), layer)
            gates = cache.gates.swapaxes(0, 1)
        elif cell == "gru":
            x, _, cache = gru_forward(x, zeros, layer)
            gates = cache.gates
        elif cell == "mingru":
            x, _, cache = mingru_forward(x, zeros, layer)
            gates = 1 - cache.keep, cache.n
        else:
            x, _, cache = minlstm_forward(x, zeros, layer)
            gates = cache.gates.i, cache.gates.f, cache.gates.g
        found.append(dict(zip(GATES[cell], gates, strict=True)))
    return found
