r"""Any cell over any number of steps: the loop that all recurrences share, forward and backward.

A recurrence is a `Cell`, one step of it with its derivative; this file does the rest. The plain form of every
recurrence of the course is its cell under `scan_forward`; where a faster form stands beside it, a test binds the two.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from .._checks import check_array, check_sequence, cotangent
from .masks import length_mask

Params = Mapping[str, np.ndarray]
State = tuple[np.ndarray, ...]


class Cell(NamedTuple):
    r"""One step of a recurrence: :math:`(o_t, s_t) = \mathrm{cell}(x_t, s_{t-1})`, with its derivative.

    Attributes:
        forward: `(x_t, state, params) -> (output_t, new_state, cache)`, with x_t of shape (B, I) and a state of one or
            more arrays of shape (B, …).
        backward: `(d_output_t, d_new_state, cache) -> (dx_t, d_state, grads)`: given the loss's derivatives by what
            `forward` returned, those by what it took. `grads` has keys of params. It must be linear in the first two:
            the scan stops a sequence that has ended by handing it zeros.
        check: `(x, state, params)`, with x of shape (T, B, I): raises unless shapes and dtypes fit.

    Source: chapter 11.
    """

    forward: Callable[[np.ndarray, State, Params], tuple[np.ndarray, State, Any]]
    backward: Callable[[np.ndarray, State, Any], tuple[np.ndarray, State, dict[str, np.ndarray]]]
    check: Callable[[np.ndarray, State, Params], None]


class ScanCache(NamedTuple):
    """What `scan_backward` needs: the cell, one cache a step, and which steps count."""

    cell: Cell
    steps: tuple[Any, ...]
    mask: np.ndarray | None
    x: np.ndarray
    state: State
    params: Params
    output_shape: tuple[int, ...]


def scan_forward(
    cell: Cell, x: np.ndarray, state: State, params: Params, *, lengths: np.ndarray | None = None
) -> tuple[np.ndarray, State, ScanCache]:
    r"""Run a cell over a batch of sequences: :math:`(o_t, s_t) = \mathrm{cell}(x_t, s_{t-1})`.

    Args:
        cell: the step.
        x: inputs, of shape (T, B, I).
        state: the state before the first step, a tuple of arrays of shape (B, …).
        params: the cell's parameters, the same at every step.
        lengths: integers of shape (B,), each in 1 … T: how many steps each sequence has. After its end a sequence's
            output is zero and its state stays as it was. None: all have T steps.

    Returns:
        `output`, of shape (T, B, …): the cell's outputs; `state`: each sequence's last; `cache` for `scan_backward`.

    Raises:
        TypeError: an argument of another type, or arrays of different dtypes.
        ValueError: a wrong shape, a length out of range, NaN or infinity.

    Source: chapter 11.
    """
    check_cell("cell", cell)
    check_sequence(x)
    T, B, _ = x.shape
    if not isinstance(state, tuple):
        raise TypeError(f"state must be a tuple of arrays, got {type(state).__name__}")
    cell.check(x, state, params)
    mask = None if lengths is None else length_mask(lengths, T, B)

    first, outputs, steps = state, [], []
    for t in range(T):
        output_t, new, cache = cell.forward(x[t], state, params)
        if mask is not None:
            output_t = output_t * mask[t]
            new = tuple(np.where(mask[t], after, before) for after, before in zip(new, state, strict=True))
        outputs.append(output_t)
        steps.append(cache)
        state = new
    output = np.stack(outputs)
    return output, state, ScanCache(cell, tuple(steps), mask, x, first, params, output.shape)


def scan_backward(
    d_output: np.ndarray | None, d_state: State | None, cache: ScanCache
) -> tuple[np.ndarray, State, dict[str, np.ndarray]]:
    r"""Backpropagation through time for `scan_forward`: the cell's own backward, from the last step to the first.

    .. math::
        (dx_t, ds_{t-1}, d\theta_t) = \mathrm{cell}^{\top}(do_t, ds_t), \qquad d\theta = \sum_t d\theta_t

    Args:
        d_output: the loss's derivative by `output`, of its shape. None: zero.
        d_state: its derivatives by the last state, a tuple like the state. None: zero.
        cache: what `scan_forward` returned.

    Returns:
        `dx` of shape (T, B, I); `d_state`, by the state before the first step; `grads` under the keys of `params`.

    Raises:
        TypeError: an argument of another type, or another dtype than the forward pass had.
        ValueError: a wrong shape, NaN or infinity.

    Source: Werbos (1990); chapters 03 and 11.
    """
    cell, steps, mask, x, first, params, output_shape = cache
    if d_state is None:
        d_state = tuple(np.zeros_like(s) for s in first)
    if not isinstance(d_state, tuple) or len(d_state) != len(first):
        raise TypeError(f"d_state must be a tuple of {len(first)} arrays, like the state, got {type(d_state).__name__}")
    for k, (d, s) in enumerate(zip(d_state, first, strict=True)):
        check_array(f"d_state[{k}]", d, s.shape, like=s)
    d_output = cotangent("d_output", d_output, output_shape, x)

    dx = np.empty_like(x)
    grads = {name: np.zeros_like(p) for name, p in params.items()}
    for t in reversed(range(len(x))):
        if mask is None:
            dx[t], d_state, step = cell.backward(d_output[t], d_state, steps[t])
        else:  # a sequence that has ended hands its state's derivative on unchanged
            on = mask[t]
            dx[t], before, step = cell.backward(d_output[t] * on, tuple(d * on for d in d_state), steps[t])
            d_state = tuple(np.where(on, b, d) for b, d in zip(before, d_state, strict=True))
        for name, grad in step.items():
            grads[name] += grad
    return dx, d_state, grads


def check_cell(name: str, value: Any) -> None:
    """Raise TypeError unless `value` is a `Cell`."""
    if not isinstance(value, Cell):
        raise TypeError(f"{name} must be a Cell, got {type(value).__name__}")


def check_state(state: State, sizes: tuple[int | str, ...], x: np.ndarray) -> None:
    """Raise unless `state` is a tuple of arrays of shapes (B, size), one for each of `sizes`, of x's dtype.

    Raises:
        ValueError: another number of arrays, or a wrong shape, NaN or infinity.
        TypeError: an entry of another type or dtype.
    """
    if len(state) != len(sizes):
        raise ValueError(f"state must hold {len(sizes)} array(s), got {len(state)}")
    for k, (s, size) in enumerate(zip(state, sizes, strict=True)):
        check_array(f"state[{k}]", s, (x.shape[1], size), like=x)
