"""Long short-term memory as a module: `torch.nn.LSTM`, and what it lacks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor

from .._checks import check_choice
from ..ops import coupled_lstm_loop, layer_norm_lstm_loop, lstm_loop, peephole_lstm_loop
from ..ops.coupled_lstm import coupled_lstm_shapes
from ..ops.layer_norm_lstm import layer_norm_lstm_shapes
from ..ops.lstm import lstm_shapes
from ..ops.peephole_lstm import peephole_lstm_shapes
from ._layers import Layers
from ._steps import State

_VARIANTS = {
    "peepholes": (peephole_lstm_loop, peephole_lstm_shapes),
    "coupled_gates": (coupled_lstm_loop, coupled_lstm_shapes),
    "layer_norm": (layer_norm_lstm_loop, layer_norm_lstm_shapes),
}


class LSTM(Layers, torch.nn.LSTM):
    r"""An LSTM of one layer or several, in place of `torch.nn.LSTM`.

    .. math::
        i_t &= \sigma(W_{ii} x_t + b_{ii} + W_{hi} h_{t-1} + b_{hi}) \\
        f_t &= \sigma(W_{if} x_t + b_{if} + W_{hf} h_{t-1} + b_{hf}) \\
        g_t &= \tanh(W_{ig} x_t + b_{ig} + W_{hg} h_{t-1} + b_{hg}) \\
        o_t &= \sigma(W_{io} x_t + b_{io} + W_{ho} h_{t-1} + b_{ho}) \\
        c_t &= f_t \odot c_{t-1} + i_t \odot g_t, \qquad h_t = o_t \odot \tanh c_t

    Without the options behind `dtype` it is `torch.nn.LSTM`: the same numbers, parameters, state dict and errors. Of
    `peepholes`, `coupled_gates`, `layer_norm` and a projection there may be one; all else combines. Equations and names
    of the further weights are those of `rnncourse.reference.peephole_lstm_cell`, `coupled_lstm_cell` and
    `layer_norm_lstm_cell`.

    Args:
        input_size: I.
        hidden_size: H.
        num_layers: L.
        bias: whether there are biases, those of norms included.
        batch_first: whether input and output are of shape (B, T, ...) instead of (T, B, ...).
        dropout: p in [0, 1], between layers, another mask at each step.
        bidirectional: whether a second network runs from the end; outputs are then twice as wide.
        proj_size: P, below H: what h is projected to (Sak et al., 2014). 0: no projection.
        device: where the parameters are made.
        dtype: their dtype.
        peepholes: whether the gates see their own cell, through `weight_ci_l0`, `weight_cf_l0`, `weight_co_l0` of shape
            (H,) (Gers and Schmidhuber, 2000).
        coupled_gates: whether f = 1 - i; weights are then (3H, ...) in the order i, g, o (Greff et al., 2017).
        layer_norm: whether products and the cell's view are normalised (Ba et al., 2016).
        zoneout: p in [0, 1), in training the probability that a unit keeps its old value, in evaluation the share of
            the old value; one number, or two, for h and c (Krueger et al., 2017: (0.05, 0.5)).
        weight_drop: p in [0, 1) for the entries of `weight_hh`, one mask for all steps (Merity et al., 2018).
        input_dropout: p in [0, 1) for the inputs, one mask for all steps (Gal and Ghahramani, 2016).
        locked_dropout: p in [0, 1) between layers, one mask for all steps; in place of `dropout`.
        learned_state: whether the state before the first step is learned, `h_0` and `c_0` of shape (D L, H), where none
            is given.

    Raises:
        TypeError: an argument of another type.
        ValueError: a size or a rate out of range, two options that do not combine.

    Source: Hochreiter and Schmidhuber (1997), Gers et al. (2000); chapters 11, 13, 17 and 18.

    >>> output, (h_n, c_n) = LSTM(2, 3, peepholes=True, zoneout=(0.05, 0.5))(torch.ones(5, 4, 2))
    >>> output.shape, h_n.shape, c_n.shape
    (torch.Size([5, 4, 3]), torch.Size([1, 4, 3]), torch.Size([1, 4, 3]))
    """

    _EXTRAS: ClassVar[dict[str, Any]] = {
        "peepholes": False,
        "coupled_gates": False,
        "layer_norm": False,
        "zoneout": 0.0,
        "weight_drop": 0.0,
        "input_dropout": 0.0,
        "locked_dropout": 0.0,
        "learned_state": False,
    }

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
        *,
        peepholes: bool = False,
        coupled_gates: bool = False,
        layer_norm: bool = False,
        zoneout: float | tuple[float, float] = 0.0,
        weight_drop: float = 0.0,
        input_dropout: float = 0.0,
        locked_dropout: float = 0.0,
        learned_state: bool = False,
    ) -> None:
        super().__init__(
            input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, proj_size, device, dtype
        )
        self.peepholes = check_choice("peepholes", peepholes, (True, False))
        self.coupled_gates = check_choice("coupled_gates", coupled_gates, (True, False))
        self.layer_norm = check_choice("layer_norm", layer_norm, (True, False))
        chosen = [name for name in (*_VARIANTS, "proj_size") if getattr(self, name)]
        if len(chosen) > 1:
            raise ValueError(
                f"peepholes, coupled_gates, layer_norm and proj_size do not combine, got {' and '.join(chosen)}"
            )
        self._complete(
            zoneout=zoneout,
            weight_drop=weight_drop,
            input_dropout=input_dropout,
            locked_dropout=locked_dropout,
            learned_state=learned_state,
            device=device,
            dtype=dtype,
        )

    def _variant(self) -> str | None:
        return next((name for name in _VARIANTS if getattr(self, name)), None)

    def _is_torch(self) -> bool:
        return self._variant() is None

    def _parts(self) -> dict[str, int]:
        return {"h": self.proj_size or self.hidden_size, "c": self.hidden_size}

    def _shapes(self, input_size: int) -> dict[str, tuple[int, ...]]:
        variant = self._variant()
        if variant is None:
            return lstm_shapes(input_size, self.hidden_size, self.proj_size or None)
        return _VARIANTS[variant][1](input_size, self.hidden_size)

    def _recurrence(self) -> Callable[..., tuple[Tensor, State]]:
        variant = self._variant()
        return lstm_loop if variant is None else _VARIANTS[variant][0]
