r"""Any cells one above the other: each reads the outputs of the one below.

Schmidhuber (1992), Graves (2013). Derived in chapter 14. `stacked_rnn_forward` is the same for Elman layers alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .._checks import noted
from .scan import Cell, Params, ScanCache, State, check_cell, scan_backward, scan_forward


class StackCache(NamedTuple):
    """What `stack_backward` needs: one cache a layer, from the bottom up."""

    layers: tuple[ScanCache, ...]


def stack_forward(
    cells: Sequence[Cell],
    x: np.ndarray,
    states: Sequence[State],
    params_list: Sequence[Params],
    *,
    lengths: np.ndarray | None = None,
) -> tuple[np.ndarray, tuple[State, ...], StackCache]:
    r"""Run a stack of cells over a batch of sequences, of one kind or of several.

    .. math::
        o^0_t = x_t, \qquad (o^l_t, s^l_t) = \mathrm{cell}^l(o^{l-1}_t, s^l_{t-1}; \theta^l), \quad l = 1 \dots L

    A layer waits for the layer below at the same step and for itself one step before. Both orders of the double loop
    respect that; here each layer runs over the whole sequence before the next begins.

    Args:
        cells: the layers' steps, from the bottom up.
        x: inputs, of shape (T, B, I).
        states: each layer's state before the first step, a tuple of arrays of shape (B, …).
        params_list: each layer's parameters, under the names that its cell gives them: `…_l0` in every layer.
        lengths: integers of shape (B,), each in 1 … T, as for `scan_forward`. None: all have T steps.

    Returns:
        `output`, of shape (T, B, …): the top layer's; `states`: each layer's last; `cache` for `stack_backward`.

    Raises:
        TypeError: an argument of another type, or arrays of different dtypes.
        ValueError: no layer, other numbers of cells, states and parameters, or what `scan_forward` refuses.

    Source: Graves (2013); chapter 14.

    >>> from rnncourse.reference import init_rnn
    >>> from rnncourse.reference.rnn import rnn_cell
    >>> rng = np.random.default_rng(0)
    >>> states = [(np.zeros((4, 3)),), (np.zeros((4, 6)),)]
    >>> params_list = [init_rnn(rng, 2, 3), init_rnn(rng, 3, 6)]
    >>> output, _, _ = stack_forward([rnn_cell(), rnn_cell("relu")], np.ones((5, 4, 2)), states, params_list)
    >>> output.shape
    (5, 4, 6)
    """
    for name, value in {"cells": cells, "states": states, "params_list": params_list}.items():
        # One cell, and one cell's parameters, are a tuple and a mapping themselves.
        if not isinstance(value, Sequence) or isinstance(value, Cell):
            raise TypeError(f"{name} must be a sequence with one entry a layer, got {type(value).__name__}")
        if len(value) != len(cells) or not value:
            raise ValueError(f"{name} must hold one entry for each of the {len(cells)} cells, got {len(value)}")
    for l, cell in enumerate(cells):
        check_cell(f"cells[{l}]", cell)

    output, last, caches = x, [], []
    for l, (cell, state, params) in enumerate(zip(cells, states, params_list, strict=True)):
        with noted(f"in layer {l}"):
            output, state, cache = scan_forward(cell, output, state, params, lengths=lengths)
        last.append(state)
        caches.append(cache)
    return output, tuple(last), StackCache(tuple(caches))


def stack_backward(
    d_output: np.ndarray | None, d_states: Sequence[State | None] | None, cache: StackCache
) -> tuple[np.ndarray, tuple[State, ...], list[dict[str, np.ndarray]]]:
    r"""Backward pass of `stack_forward`, from the top down: what a layer hands to the one below is its `dx`.

    .. math::
        (do^{l-1}_t, ds^l_{t-1}, d\theta^l_t) = \mathrm{cell}^{l\,\top}(do^l_t, ds^l_t), \qquad
        d\theta^l = \sum_t d\theta^l_t, \quad l = L \dots 1, \qquad dx_t = do^0_t

    Args:
        d_output: the loss's derivative by `output`, of its shape. None: zero.
        d_states: its derivatives by the last states, one entry a layer. None, or None for one: zero.
        cache: what `stack_forward` returned.

    Returns:
        `dx` of shape (T, B, I); the derivatives by `states`; `grads_list`, each layer's gradients under the keys of its
        parameters.

    Raises:
        TypeError: an argument of another type, or another dtype than the forward pass had.
        ValueError: a wrong shape, another number of layers, NaN or infinity.

    Source: Graves (2013); chapter 14.
    """
    L = len(cache.layers)
    if d_states is None:
        d_states = [None] * L
    if not isinstance(d_states, Sequence):
        raise TypeError(f"d_states must be a sequence with one entry a layer, got {type(d_states).__name__}")
    if len(d_states) != L:
        raise ValueError(f"d_states must hold one entry for each of the {L} layers, got {len(d_states)}")

    d_first, grads_list = [], []
    for l in reversed(range(L)):
        with noted(f"in layer {l}"):
            d_output, d_state, grads = scan_backward(d_output, d_states[l], cache.layers[l])
        d_first.append(d_state)
        grads_list.append(grads)
    return d_output, tuple(d_first[::-1]), grads_list[::-1]
