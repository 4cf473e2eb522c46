"""The recurrences of `rnncourse.ops` beside their cells in `rnncourse.reference`, and how the two are compared."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np
import torch

from rnncourse import ops, reference
from rnncourse.reference.rnn import rnn_cell
from tests.reference.cell_checks import Case


class Pair(NamedTuple):
    """A function of `rnncourse.ops`, the reference's cell, its initialiser, and the state's widths."""

    run: object
    cell: reference.Cell
    init: object
    sizes: object


def _one(I, H):
    return (H,)


def _two(I, H):
    return (H, H)


def projected(rng, I, H, dtype):
    """An LSTM with a projection to one unit less, or none where there is one unit only."""
    return reference.init_lstm(rng, I, H, dtype, proj_size=H - 1)


def norms_drawn(init):
    """The initialiser with random norms: at 1 and 0 a swap of two norms, or a missing one, would not be seen."""

    def drawn(rng, I, H, dtype):
        params = init(rng, I, H, dtype)
        return {n: a + rng.normal(size=a.shape).astype(dtype) * ("_ln_" in n) for n, a in params.items()}

    return drawn


PAIRS = {
    **{
        f"rnn-{phi}": Pair(partial(ops.rnn_loop, nonlinearity=phi), rnn_cell(phi), reference.init_rnn, _one)
        for phi in ("tanh", "relu")
    },
    "lstm": Pair(ops.lstm_loop, reference.lstm_cell(), reference.init_lstm, _two),
    "projected": Pair(ops.lstm_loop, reference.lstm_cell(), projected, lambda I, H: (H - 1 or H, H)),
    "peephole": Pair(ops.peephole_lstm_loop, reference.peephole_lstm_cell(), reference.init_peephole_lstm, _two),
    "coupled": Pair(ops.coupled_lstm_loop, reference.coupled_lstm_cell(), reference.init_coupled_lstm, _two),
    "layer-norm-lstm": Pair(
        ops.layer_norm_lstm_loop, reference.layer_norm_lstm_cell(), norms_drawn(reference.init_layer_norm_lstm), _two
    ),
    **{
        f"layer-norm-rnn-{phi}": Pair(
            partial(ops.layer_norm_rnn_loop, nonlinearity=phi),
            reference.layer_norm_rnn_cell(phi),
            norms_drawn(reference.init_layer_norm_rnn),
            _one,
        )
        for phi in ("tanh", "relu")
    },
    **{
        f"gru-{'after' if after else 'before'}-{'keeps' if keeps else 'admits'}": Pair(
            partial(ops.gru_loop, reset_after=after, z_keeps=keeps),
            reference.gru_cell(after, keeps),
            reference.init_gru,
            _one,
        )
        for after in (True, False)
        for keeps in (True, False)
    },
    **{
        f"mingru-{run.__name__[7:]}-{phi}-{'keeps' if keeps else 'admits'}": Pair(
            partial(run, nonlinearity=phi, z_keeps=keeps),
            reference.mingru_cell(phi, z_keeps=keeps),
            reference.init_mingru,
            _one,
        )
        for run in (ops.mingru_loop, ops.mingru_scan)
        for phi, keeps in (("linear", False), ("positive", True), ("tanh", False))
    },
    **{
        f"minlstm-{run.__name__[8:]}-{phi}": Pair(
            partial(run, nonlinearity=phi), reference.minlstm_cell(phi), reference.init_minlstm, _one
        )
        for run in (ops.minlstm_loop, ops.minlstm_scan)
        for phi in ("linear", "positive", "tanh")
    },
}


class Scripted(np.random.Generator):
    """A generator whose `random` hands out the arrays it was given, one after the other."""

    def __init__(self, *draws):
        super().__init__(np.random.PCG64(0))
        self.draws = list(draws)

    def random(self, size=None, **_):
        draw = self.draws.pop(0)
        assert draw.shape == tuple(size), f"drawn {draw.shape}, asked for {size}"
        return draw


def draw_case(pair, size, **options):
    """A `Case` whose outputs are as wide as the state's first part."""
    return Case(pair.init, pair.sizes, size, output_size=lambda I, H: pair.sizes(I, H)[0], **options)


def by_autograd(run, case, lengths=None, keep=None):
    """Values and gradients of a function of `rnncourse.ops`, under the names that `scanned` gives them."""
    leaves = {name: torch.tensor(a, requires_grad=True) for name, a in case.leaves.items()}
    state = tuple(leaves[f"state[{k}]"] for k in range(len(case.state)))
    lengths = None if lengths is None else torch.from_numpy(lengths)
    output, final = run(leaves["x"], state, {n: leaves[n] for n in case.params}, lengths=lengths, keep=keep)
    outs, cotangents = (output, *final), (case.d_output, *case.d_state)
    grads = torch.autograd.grad(outs, tuple(leaves.values()), [torch.from_numpy(c) for c in cotangents])
    values = {"output": output, **{f"final[{k}]": s for k, s in enumerate(final)}}
    return {n: v.detach().numpy() for n, v in (values | dict(zip(leaves, grads, strict=True))).items()}
