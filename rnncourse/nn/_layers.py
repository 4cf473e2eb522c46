"""Layers, directions and noise around a recurrence: what all modules share."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from .._checks import check_choice
from ..ops import turn
from ._noise import check_rate, check_zoneout, drop, locked_drop, zoneout_keep
from ._parameters import Parameters
from ._steps import Hidden, State, from_steps, to_steps
from ._torch_layer import torch_layer


class Layers(Parameters):
    """Runs a recurrence of `rnncourse.ops` over layers and directions, or leaves the work to torch where it can.

    A subclass says which recurrence (`_recurrence`), with which parameters (`_shapes`), and whether its cell is torch's
    (`_is_torch`): then, without zoneout, torch's `forward` runs all of it, or torch's kernel each layer between masks.
    """

    def _recurrence(self) -> Callable[..., tuple[Tensor, State]]:
        raise NotImplementedError

    def _is_torch(self) -> bool:
        return False

    def _complete(
        self,
        *,
        zoneout: Any,
        input_dropout: Any,
        locked_dropout: Any,
        learned_state: Any,
        weight_drop: Any = 0.0,
        device: Any,
        dtype: Any,
    ) -> None:
        """The rest of `__init__`: options that all modules have, and the parameters that torch's module lacks."""
        check_zoneout(zoneout, list(self._parts()))
        self.zoneout = zoneout
        self.weight_drop = check_rate("weight_drop", weight_drop)
        self.input_dropout = check_rate("input_dropout", input_dropout)
        self.locked_dropout = check_rate("locked_dropout", locked_dropout)
        self.learned_state = check_choice("learned_state", learned_state, (True, False))
        if self.dropout and self.locked_dropout:
            raise ValueError(
                "dropout and locked_dropout both drop between layers: give one of them, "
                f"got dropout={self.dropout} and locked_dropout={self.locked_dropout}"
            )
        if self.locked_dropout and self.num_layers == 1:
            message = f"locked_dropout={locked_dropout} drops between layers, and num_layers=1 has nothing between"
            warnings.warn(message, stacklevel=3)

        self._register(device, dtype)

    def forward(
        self, input: Tensor | PackedSequence, hx: Hidden = None, *, generator: torch.Generator | None = None
    ) -> tuple[Tensor | PackedSequence, Hidden]:
        """Run the network, as `torch.nn.RNN`, `torch.nn.LSTM` and `torch.nn.GRU` do.

        In training masks are drawn in this order, each as uniform numbers u in float32: for `input_dropout` (B, I);
        then for each layer, before all but the first the mask between layers, (T, B, size) or locked (B, size); then
        for each direction `weight_drop`, of the shape of `weight_hh`, and zoneout, (T, B, size) for each part of the
        state whose rate is not 0, steps in the order in which the direction takes them. u < p drops, or keeps the old
        state. A packed batch is in the order in which it was packed.

        Args:
            input: of shape (T, B, I), with `batch_first` (B, T, I), unbatched (T, I), or packed.
            hx: state before the first step, of shape (D L, B, H), unbatched (D L, H), for D directions and L layers; of
                an LSTM the pair (h_0, c_0). None: zeros, or what has been learned.
            generator: where masks are drawn from in training. None: torch's own.

        Returns:
            `output`, of shape (T, B, D H) or as the input lies; h_n, of an LSTM the pair (h_n, c_n), like `hx`.

        Raises:
            ValueError: an input that has neither 2 nor 3 axes, or another dtype than the weights.
            RuntimeError: another shape of input or state, or another dtype of the state.
            TypeError: a generator that is none.
        """
        if generator is not None and not isinstance(generator, torch.Generator):
            raise TypeError(f"generator must be a torch.Generator or None, got {generator!r}")
        if hx is None and self.learned_state:
            hx = self._learned(input)
        rates = check_zoneout(self.zoneout, list(self._parts()))
        dropped = self.input_dropout or self.locked_dropout or self.weight_drop
        dropped = dropped or (generator is not None and self.dropout)
        if self._is_torch() and not any(rates) and not (self.training and dropped):
            return super().forward(input, hx)
        self._update_flat_weights()
        x, state, lengths, layout = to_steps(self, input, hx, tuple(self._parts().values()))
        output, state = self._run(x, state, lengths, rates, generator)
        return from_steps(output, state, lengths, layout)

    def _run(
        self,
        x: Tensor,
        state: State,
        lengths: Tensor | None,
        rates: tuple[float, ...],
        generator: torch.Generator | None,
    ) -> tuple[Tensor, State]:
        recurrence, sizes, finals = self._recurrence(), tuple(self._parts().values()), []
        if self._is_torch() and not any(rates):
            recurrence = partial(torch_layer, mode=self.mode, training=self.training)
        if self.training:
            x = locked_drop(x, self.input_dropout, generator)
        for layer in range(self.num_layers):
            if layer and self.training:
                x = locked_drop(drop(x, self.dropout, generator), self.locked_dropout, generator)
            outputs = []
            for direction in range(2 if self.bidirectional else 1):
                suffix = f"_l{layer}{'_reverse' if direction else ''}"
                names = self._all_weights[len(finals)]
                params = {name.removesuffix(suffix) + "_l0": getattr(self, name) for name in names}
                if self.training and self.weight_drop:
                    params["weight_hh_l0"] = drop(params["weight_hh_l0"], self.weight_drop, generator)
                keep = zoneout_keep(rates, x, sizes, generator, self.training)
                before = tuple(part[len(finals)] for part in state)
                steps = turn(x, lengths) if direction else x
                output, after = recurrence(steps, before, params, lengths=lengths, keep=keep)
                outputs.append(turn(output, lengths) if direction else output)
                finals.append(after)
            x = torch.cat(outputs, -1)
        return x, tuple(torch.stack(parts) for parts in zip(*finals, strict=True))

    def _learned(self, input: Tensor | PackedSequence) -> Hidden:
        parts = tuple(getattr(self, f"{part}_0") for part in self._parts())
        if isinstance(input, PackedSequence) or input.dim() == 3:
            packed = isinstance(input, PackedSequence)
            B = int(input.batch_sizes[0]) if packed else input.size(0 if self.batch_first else 1)
            parts = tuple(part.unsqueeze(1).expand(-1, B, -1).contiguous() for part in parts)
        data = input.data if isinstance(input, PackedSequence) else input
        parts = tuple(part.to(data.dtype) for part in parts)
        return parts[0] if len(parts) == 1 else parts
