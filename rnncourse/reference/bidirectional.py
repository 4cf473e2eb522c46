r"""Two networks over one sequence, one from the left and one from the right.

Schuster and Paliwal (1997), "Bidirectional recurrent neural networks". Derived in chapter 14.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .._checks import check_array, check_mapping, noted
from .scan import Cell, Params, ScanCache, State, check_cell, scan_backward, scan_forward

_ENDING = "_reverse"


class BidirectionalCache(NamedTuple):
    """What `bidirectional_backward` needs: both scans, and which step stands where when sequences are turned round."""

    forward: ScanCache
    reverse: ScanCache
    turn: tuple[np.ndarray, np.ndarray]


def bidirectional_forward(
    cell: Cell, x: np.ndarray, states: tuple[State, State], params: Params, lengths: np.ndarray | None = None
) -> tuple[np.ndarray, tuple[State, State], BidirectionalCache]:
    r"""Run a cell over a batch of sequences in both directions, each with its own parameters, and join the outputs.

    With L for the length of a sequence, from t = 1 up to L and from t = L down to 1:

    .. math::
        (\overrightarrow{o}_t, \overrightarrow{s}_t) = \mathrm{cell}(x_t, \overrightarrow{s}_{t-1}; \theta), \qquad
        (\overleftarrow{o}_t, \overleftarrow{s}_t) = \mathrm{cell}(x_t, \overleftarrow{s}_{t+1}; \theta'), \qquad
        o_t = (\overrightarrow{o}_t, \overleftarrow{o}_t)

    So output t has seen the whole sequence. A shorter sequence is turned round within its own length: its second
    network starts at its own last step, not at the padding behind it. Conventions are those of `torch.nn.RNN` with
    `bidirectional=True` and packed sequences.

    Args:
        cell: the step, the same kind for both directions.
        x: inputs, of shape (T, B, I).
        states: (state before the first step, state after the last): one for each direction, as `scan_forward` takes
            it.
        params: the cell's parameters twice: as they are called, and for the way back with the ending `_reverse`
            (`weight_ih_l0`, `weight_ih_l0_reverse`, …).
        lengths: integers of shape (B,), each in 1 … T: how many steps each sequence has. After its end a sequence's
            output is zero. None: all have T steps.

    Returns:
        `output`, of shape (T, B, 2H) where the cell's outputs are H wide; `states`, the last state of either direction:
        of the way back it is the one at step 1; `cache` for `bidirectional_backward`.

    Raises:
        TypeError: an argument of another type, or arrays of different dtypes.
        ValueError: a wrong shape, a length out of range, NaN or infinity, a parameter for one direction only.

    Source: Schuster and Paliwal (1997); chapter 14.

    >>> from rnncourse.reference import init_rnn
    >>> from rnncourse.reference.rnn import rnn_cell
    >>> rng = np.random.default_rng(0)
    >>> params = init_rnn(rng, 2, 3) | {f"{name}_reverse": a for name, a in init_rnn(rng, 2, 3).items()}
    >>> states = ((np.zeros((4, 3)),), (np.zeros((4, 3)),))
    >>> output, _, _ = bidirectional_forward(rnn_cell(), np.ones((5, 4, 2)), states, params)
    >>> output.shape
    (5, 4, 6)
    """
    check_cell("cell", cell)
    if not isinstance(states, tuple) or len(states) != 2:
        raise TypeError(f"states must be a tuple of 2 states, one for each direction, got {type(states).__name__}")
    there, back = _by_direction(params)

    with noted("in the forward direction"):
        output, state, forward = scan_forward(cell, x, states[0], there, lengths=lengths)
    T, B, _ = x.shape
    turn = _turn(T, B, lengths)
    with noted("in the reverse direction"):
        output_back, state_back, reverse = scan_forward(cell, x[turn], states[1], back, lengths=lengths)
    output = np.concatenate([output, output_back[turn]], axis=-1)
    return output, (state, state_back), BidirectionalCache(forward, reverse, turn)


def bidirectional_backward(
    d_output: np.ndarray | None, d_states: tuple[State | None, State | None] | None, cache: BidirectionalCache
) -> tuple[np.ndarray, tuple[State, State], dict[str, np.ndarray]]:
    r"""Backward pass of `bidirectional_forward`: each direction by itself; both have read x.

    .. math::
        (\overrightarrow{do}_t, \overleftarrow{do}_t) = do_t, \qquad dx_t = \overrightarrow{dx}_t + \overleftarrow{dx}_t

    where the arrows mark what the `scan_backward` of either direction takes and gives.

    Args:
        d_output: the loss's derivative by `output`, of shape (T, B, 2H). None: zero.
        d_states: its derivatives by the last states, one for each direction. None, or None for one: zero.
        cache: what `bidirectional_forward` returned.

    Returns:
        `dx` of shape (T, B, I); the derivatives by `states`; `grads` under the keys of `params`.

    Raises:
        TypeError: an argument of another type, or another dtype than the forward pass had.
        ValueError: a wrong shape, NaN or infinity.

    Source: Schuster and Paliwal (1997); chapter 14.
    """
    forward, reverse, turn = cache
    if d_states is None:
        d_states = (None, None)
    if not isinstance(d_states, tuple) or len(d_states) != 2:
        raise TypeError(f"d_states must be a tuple of 2 states, one for each direction, got {type(d_states).__name__}")
    *leading, H = forward.output_shape
    there = back = None
    if d_output is not None:
        check_array("d_output", d_output, (*leading, 2 * H), like=forward.x)
        there, back = d_output[..., :H], d_output[..., H:][turn]

    with noted("in the forward direction"):
        dx, d_state, grads = scan_backward(there, d_states[0], forward)
    with noted("in the reverse direction"):
        dx_back, d_state_back, grads_back = scan_backward(back, d_states[1], reverse)
    grads |= {name + _ENDING: grad for name, grad in grads_back.items()}
    # To turn twice is to leave alone: the same indices undo the turning, and they are their own transpose.
    return dx + dx_back[turn], (d_state, d_state_back), grads


def _turn(T: int, B: int, lengths: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Indices that turn each sequence round within its length and leave what is behind its end where it is."""
    t = np.arange(T)[:, None]
    last = np.full(B, T - 1) if lengths is None else lengths - 1
    return np.where(t <= last, last - t, t), np.arange(B)


def _by_direction(params: Params) -> tuple[Params, Params]:
    check_mapping("params", params)
    there = {name: array for name, array in params.items() if not name.endswith(_ENDING)}
    back = {name.removesuffix(_ENDING): array for name, array in params.items() if name.endswith(_ENDING)}
    if set(there) != set(back):
        raise ValueError(
            f"params must hold every name with and without the ending {_ENDING}, got only one of the two for "
            f"{sorted(set(there) ^ set(back))}"
        )
    return there, back
