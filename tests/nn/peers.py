"""What the modules are bound to: the reference's cells, stacked, in both directions, with the same masks."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from rnncourse import nn, reference
from rnncourse.reference.rnn import rnn_cell
from tests.ops.peers import Scripted


class Setup(NamedTuple):
    """A module's class and options, and the reference's cell of one layer."""

    kind: type[torch.nn.Module]
    options: dict[str, Any]
    cell: reference.Cell


_ALL = {"num_layers": 2, "bidirectional": True, "dropout": 0.4, "zoneout": 0.3, "input_dropout": 0.2}
_LOCKED = {"num_layers": 3, "locked_dropout": 0.5, "weight_drop": 0.4, "learned_state": True}

SETUPS = {
    "rnn-zoneout": Setup(nn.RNN, {"zoneout": 0.3}, rnn_cell()),
    "rnn-relu": Setup(nn.RNN, {"nonlinearity": "relu", "num_layers": 2, "weight_drop": 0.5}, rnn_cell("relu")),
    "rnn-learned": Setup(nn.RNN, {"learned_state": True, "num_layers": 2, "bidirectional": True}, rnn_cell()),
    "rnn-norm": Setup(nn.RNN, {"layer_norm": True}, reference.layer_norm_rnn_cell()),
    "rnn-norm-all": Setup(nn.RNN, {"layer_norm": True, "bias": False, **_ALL}, reference.layer_norm_rnn_cell()),
    "lstm-locked": Setup(nn.LSTM, _LOCKED, reference.lstm_cell()),
    "lstm-all": Setup(nn.LSTM, {**_ALL, "zoneout": (0.1, 0.6), "weight_drop": 0.3}, reference.lstm_cell()),
    "lstm-half-zoneout": Setup(nn.LSTM, {"zoneout": (0.0, 0.5), "bias": False}, reference.lstm_cell()),
    "lstm-projected": Setup(nn.LSTM, {"proj_size": 2, "learned_state": True, **_ALL}, reference.lstm_cell()),
    "peepholes": Setup(nn.LSTM, {"peepholes": True}, reference.peephole_lstm_cell()),
    "peepholes-all": Setup(nn.LSTM, {"peepholes": True, "bias": False, **_ALL}, reference.peephole_lstm_cell()),
    "coupled": Setup(nn.LSTM, {"coupled_gates": True}, reference.coupled_lstm_cell()),
    "coupled-locked": Setup(nn.LSTM, {"coupled_gates": True, **_LOCKED}, reference.coupled_lstm_cell()),
    "lstm-norm": Setup(nn.LSTM, {"layer_norm": True}, reference.layer_norm_lstm_cell()),
    "lstm-norm-all": Setup(nn.LSTM, {"layer_norm": True, **_ALL}, reference.layer_norm_lstm_cell()),
    "gru-before": Setup(nn.GRU, {"reset_after": False}, reference.gru_cell(reset_after=False)),
    "gru-admits-all": Setup(nn.GRU, {"z_keeps": False, "bias": False, **_ALL}, reference.gru_cell(z_keeps=False)),
    "gru-locked": Setup(nn.GRU, {"reset_after": False, "z_keeps": False, **_LOCKED}, reference.gru_cell(False, False)),
    "mingru": Setup(nn.MinGRU, {}, reference.mingru_cell()),
    "mingru-all": Setup(nn.MinGRU, {"nonlinearity": "tanh", "z_keeps": True, **_ALL},
                        reference.mingru_cell("tanh", z_keeps=True)),
    "mingru-steps": Setup(nn.MinGRU, {"method": "sequential", **_ALL}, reference.mingru_cell()),
    "minlstm": Setup(nn.MinLSTM, {"nonlinearity": "positive"}, reference.minlstm_cell("positive")),
    "minlstm-locked": Setup(nn.MinLSTM, {"num_layers": 2, "locked_dropout": 0.5, "learned_state": True},
                            reference.minlstm_cell()),
    "minlstm-steps": Setup(nn.MinLSTM, {"method": "sequential", "bias": False, **_ALL}, reference.minlstm_cell()),
}  # fmt: skip


class Case:
    """A module with everything random, inputs, first states and cotangents; in a batch of several lengths or not."""

    def __init__(self, setup: Setup, size: tuple[int, ...], *, lengths: np.ndarray | None = None, seed: int = 0):
        T, B, I, H = size
        self.setup, self.lengths = setup, lengths
        options = dict(setup.options)
        if H == 1:
            options.pop("proj_size", None)
        torch.manual_seed(seed)
        self.module = setup.kind(I, H, **options, dtype=torch.float64)
        with torch.no_grad():
            for p in self.module.parameters():
                p.normal_(0, 0.5)
        self.directions = 2 if self.module.bidirectional else 1
        self.sizes = tuple(self.module._parts().values())
        self.x = torch.randn(T, B, I, dtype=torch.float64)
        count = self.module.num_layers * self.directions
        self.state = [torch.randn(count, B, n, dtype=torch.float64) for n in self.sizes]
        if self.module.learned_state:  # what the module has learned, for every sequence
            self.state = [getattr(self.module, f"{part}_0").detach()[:, None].repeat(1, B, 1)
                          for part in self.module._parts()]  # fmt: skip
        self.d_output = torch.randn(T, B, self.directions * self.sizes[0], dtype=torch.float64)
        self.d_state = [torch.randn(s.shape, dtype=torch.float64) for s in self.state]


def by_module(case: Case, seed: int) -> dict[str, np.ndarray]:
    """Output, last states and gradients from the module, with masks drawn from a generator of that seed."""
    module, learned = case.module, case.module.learned_state
    x = case.x.clone().requires_grad_()
    state = [s.clone().requires_grad_() for s in case.state]
    input = x
    if case.lengths is not None:
        input = pack_padded_sequence(x, torch.from_numpy(case.lengths), enforce_sorted=False)
    hx = None if learned else state[0] if len(state) == 1 else tuple(state)
    output, last = module(input, hx, generator=torch.Generator().manual_seed(seed))
    if case.lengths is not None:
        output, lengths = pad_packed_sequence(output)
        assert torch.equal(lengths, torch.from_numpy(case.lengths))
        assert len(output) == len(x), "one sequence must be of full length"
    last = (last,) if len(state) == 1 else last
    leaves = {"x": x, **dict(module.named_parameters())}
    if not learned:
        leaves |= {f"{part}_0": s for part, s in zip(module._parts(), state, strict=True)}
    grads = torch.autograd.grad([output, *last], list(leaves.values()), [case.d_output, *case.d_state])
    values = {"output": output, **{f"last[{k}]": s for k, s in enumerate(last)}}
    values |= {f"d_{name}": grad for name, grad in zip(leaves, grads, strict=True)}
    return {name: value.detach().numpy() for name, value in values.items()}


def by_reference(case: Case, seed: int) -> dict[str, np.ndarray]:
    """The same from the reference: uniform numbers drawn in the order that `forward` documents, on a sorted batch."""
    module, D = case.module, case.directions
    T, B, _ = case.x.shape
    order, lengths = np.arange(B), None
    if case.lengths is not None:
        packed = pack_padded_sequence(case.x, torch.from_numpy(case.lengths), enforce_sorted=False)
        order = packed.sorted_indices.numpy()
        lengths = case.lengths[order]
    generator = torch.Generator().manual_seed(seed)
    uniform = lambda *shape: torch.rand(shape, generator=generator).double().numpy()  # noqa: E731
    rates = module.zoneout if isinstance(module.zoneout, tuple) else (module.zoneout,) * len(case.sizes)
    training = module.training

    output, undo = case.x.numpy()[:, order], []
    if training and module.input_dropout:
        u = Scripted(uniform(1, *output.shape[1:]))
        output, input_cache = reference.locked_dropout_forward(output, module.input_dropout, rng=u)
    last: list[tuple[np.ndarray, ...]] = []
    for layer in range(module.num_layers):
        between = []
        if layer and training and module.dropout:
            output, cache = reference.dropout_forward(output, module.dropout, rng=Scripted(uniform(*output.shape)))
            between.append(cache)
        if layer and training and module.locked_dropout:
            u = Scripted(uniform(1, *output.shape[1:]))
            output, cache = reference.locked_dropout_forward(output, module.locked_dropout, rng=u)
            between.append(cache)
        params, drops, zones, states = {}, {}, [], []
        for end in ("", "_reverse")[:D]:
            params |= _layer(module, layer, end, output.shape[2])
            if training and module.weight_drop:
                drops[f"weight_hh_l0{end}"] = uniform(*params[f"weight_hh_l0{end}"].shape)
            if training and any(rates):
                u = [uniform(T, B, n) if p else np.ones((T, B, n)) for n, p in zip(case.sizes, rates, strict=True)]
                zones += [part[t] for t in range(T) for part in u]
            states.append(tuple(s.numpy()[len(last) + len(states)][order] for s in case.state))
        dropped = {}
        if drops:
            params, dropped = reference.weight_drop_forward(
                params, module.weight_drop, names=tuple(drops), rng=Scripted(*drops.values())
            )
        cell = reference.zoneout(case.setup.cell, rates, rng=Scripted(*zones) if training else None)
        if not any(rates):
            cell = case.setup.cell
        if D == 2:
            output, finals, cache = reference.bidirectional_forward(cell, output, tuple(states), params, lengths)
        else:
            output, final, cache = reference.scan_forward(cell, output, states[0], params, lengths=lengths)
            finals = (final,)
        last += finals
        undo.append((between, dropped, cache))

    back = np.argsort(order)
    values = {"output": output[:, back]}
    values |= {f"last[{k}]": np.stack([s[k] for s in last])[:, back] for k in range(len(case.sizes))}
    d_output, d_state = case.d_output.numpy()[:, order], [d.numpy()[:, order] for d in case.d_state]
    firsts: list[tuple[np.ndarray, ...]] = []
    for layer in reversed(range(module.num_layers)):
        between, dropped, cache = undo[layer]
        d_last = [tuple(d[layer * D + k] for d in d_state) for k in range(D)]
        if D == 2:
            d_output, d_first, grads = reference.bidirectional_backward(d_output, tuple(d_last), cache)
        else:
            d_output, d_only, grads = reference.scan_backward(d_output, d_last[0], cache)
            d_first = (d_only,)
        grads = reference.weight_drop_backward(grads, dropped)
        firsts = [*d_first, *firsts]
        for cache in reversed(between):
            d_output = reference.dropout_backward(d_output, cache)
        for name, grad in grads.items():
            if hasattr(module, name.replace("_l0", f"_l{layer}")):  # else a bias that the module has not
                values[f"d_{name.replace('_l0', f'_l{layer}')}"] = grad
    if training and module.input_dropout:
        d_output = reference.dropout_backward(d_output, input_cache)
    for k, part in enumerate(module._parts()):
        d_first = np.stack([s[k] for s in firsts])[:, back]
        values[f"d_{part}_0"] = d_first.sum(1) if module.learned_state else d_first
    return values | {"d_x": d_output[:, back]}


def _layer(module: torch.nn.Module, layer: int, end: str, width: int) -> dict[str, np.ndarray]:
    """A layer's parameters as the reference names them, for one direction; biases that are missing are zero."""
    ending = f"_l{layer}{end}"
    names = [name for name, _ in module.named_parameters() if name.endswith(ending)]
    params = {f"{name.removesuffix(ending)}_l0{end}": getattr(module, name).detach().numpy() for name in names}
    for name, shape in module._shapes(width).items():
        params.setdefault(name + end, np.zeros(shape))
    return params
