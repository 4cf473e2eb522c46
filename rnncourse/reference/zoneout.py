r"""Zoneout: at every step some units of the state are left as they were, drawn anew each time.

Krueger et al. (2017), "Zoneout: Regularizing RNNs by randomly preserving hidden activations". Derived in chapter 18.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .._checks import check_number, check_rng
from .scan import Cell, Params, State, check_cell


def zoneout(cell: Cell, rates: float | Sequence[float], *, rng: np.random.Generator | None = None) -> Cell:
    r"""Wrap a cell so that each unit of its state keeps its old value with a given probability.

    With :math:`\hat s_t` for the state that the cell makes out of :math:`s_{t-1}`, each array of it by itself:

    .. math::
        s_t = d_t \odot s_{t-1} + (1 - d_t) \odot \hat s_t, \qquad
        d_t \sim \mathrm{Bernoulli}(p) \text{ in training}, \quad d_t = p \text{ in evaluation}

    The gradient passes where the value did:

    .. math::
        d\hat s_t = (1 - d_t) \odot ds_t, \qquad ds_{t-1} = d_t \odot ds_t + \text{what the cell hands back}

    The output is the new state's first array, as it is for the cells of this course: so an LSTM puts out the h that the
    next step will see. It has been made from the new c before any of that was kept back, as in the paper,
    :math:`h_t = d^h_t \odot h_{t-1} + (1 - d^h_t) \odot o_t \odot \tanh(f_t \odot c_{t-1} + i_t \odot g_t)`.

    Args:
        cell: the cell, one that puts out the first array of its state (h of an LSTM, y of Jordan's network).
        rates: p in [0, 1), a number for all arrays of the state, or one for each in their order. The paper's 0.5 for c
            and 0.05 for h are `(0.05, 0.5)`, since the state is (h, c).
        rng: in training, the generator that the masks are drawn from, at every step and for every unit of every
            sequence. None: evaluation, the expectation over the masks of one step.

    Returns:
        The cell with zoneout; its state and parameters are those of `cell`.

    Raises:
        TypeError: `rng` of another type, or a rate that is no number.
        ValueError: a rate out of range; when run, another number of rates than the state has arrays, or a cell that
            puts out something else than the first of them.

    Source: Krueger et al. (2017); chapter 18.

    >>> from rnncourse.reference import init_rnn
    >>> from rnncourse.reference.rnn import rnn_cell
    >>> from rnncourse.reference.scan import scan_forward
    >>> rng = np.random.default_rng(0)
    >>> cell = zoneout(rnn_cell(), 0.5, rng=rng)
    >>> _, (h,), _ = scan_forward(cell, np.ones((1, 1, 2)), (np.zeros((1, 6)),), init_rnn(rng, 2, 6))
    >>> (h == 0).astype(int)  # kept from before
    array([[1, 1, 1, 0, 1, 0]])
    """
    check_cell("cell", cell)
    if rng is not None:
        check_rng(rng)
    single = not isinstance(rates, Sequence)
    for k, rate in enumerate([rates] if single else rates):
        check_number("rates" if single else f"rates[{k}]", rate, at_least=0, below=1)

    def keep(s: np.ndarray, rate: float) -> np.ndarray | float:
        """d: which units stay as they were, as 0 and 1, or in evaluation to which part."""
        return float(rate) if rng is None else (rng.random(s.shape) < rate).astype(s.dtype)

    def forward(x_t: np.ndarray, state: State, params: Params) -> tuple[np.ndarray, State, tuple]:
        output, new, cache = cell.forward(x_t, state, params)
        if not np.array_equal(output, new[0]):
            raise ValueError("cell must put out the first array of its state, got something else")
        d = tuple(keep(s, rate) for s, rate in zip(state, [rates] * len(state) if single else rates, strict=True))
        zoned = tuple(d_k * old + (1 - d_k) * s for d_k, old, s in zip(d, state, new, strict=True))
        return zoned[0], zoned, (d, cache)

    def backward(d_output: np.ndarray, d_state: State, cache: tuple) -> tuple[np.ndarray, State, dict[str, np.ndarray]]:
        d, cell_cache = cache
        ds = (d_output + d_state[0], *d_state[1:])
        d_new = tuple((1 - d_k) * ds_k for d_k, ds_k in zip(d, ds, strict=True))
        dx, d_before, grads = cell.backward(np.zeros_like(d_output), d_new, cell_cache)
        return dx, tuple(d_k * ds_k + b for d_k, ds_k, b in zip(d, ds, d_before, strict=True)), grads

    def check(x: np.ndarray, state: State, params: Params) -> None:
        cell.check(x, state, params)
        if not single and len(rates) != len(state):
            raise ValueError(f"rates must be one number or {len(state)}, one for each array of the state, got {rates}")

    return Cell(forward, backward, check)
