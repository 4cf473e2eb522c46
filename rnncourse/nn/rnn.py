"""The Elman network as a module: `torch.nn.RNN`, and what it lacks."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor

from .._checks import check_choice
from ..ops import layer_norm_rnn_loop, rnn_loop
from ..ops.layer_norm_rnn import layer_norm_rnn_shapes
from ..ops.rnn import rnn_shapes
from ._layers import Layers
from ._steps import State


class RNN(Layers, torch.nn.RNN):
    r"""An Elman network of one layer or several, in place of `torch.nn.RNN`.

    .. math::
        h_t = \phi(W_{ih} x_t + b_{ih} + W_{hh} h_{t-1} + b_{hh})

    Without the options behind `dtype` it is `torch.nn.RNN`: the same numbers, parameters, state dict and errors. With
    `layer_norm`, `h_t = phi(LN(W_ih x_t + W_hh h_{t-1}))`, as `rnncourse.reference.layer_norm_rnn_cell` has it, with
    `weight_ln_l0` and `bias_ln_l0` in place of the biases. All options combine.

    Args:
        input_size: I.
        hidden_size: H.
        num_layers: L.
        nonlinearity: phi: "tanh" or "relu".
        bias: whether there are biases, those of the norm included.
        batch_first: whether input and output are of shape (B, T, ...) instead of (T, B, ...).
        dropout: p in [0, 1], between layers, another mask at each step.
        bidirectional: whether a second network runs from the end; outputs are then 2H wide.
        device: where the parameters are made.
        dtype: their dtype.
        proj_size: not for this network: anything but None is refused, as torch does.
        layer_norm: whether what phi is applied to is normalised over its H units (Ba et al., 2016).
        zoneout: p in [0, 1), in training the probability that a unit of h keeps its old value, in evaluation the share
            of the old value (Krueger et al., 2017).
        weight_drop: p in [0, 1) for the entries of `weight_hh`, one mask for all steps (Merity et al., 2018).
        input_dropout: p in [0, 1) for the inputs, one mask for all steps (Gal and Ghahramani, 2016).
        locked_dropout: p in [0, 1) between layers, one mask for all steps; in place of `dropout`.
        learned_state: whether the state before the first step is learned, `h_0` of shape (D L, H), where none is given.

    Raises:
        TypeError: an argument of another type.
        ValueError: a size or a rate out of range, an unknown nonlinearity, both `dropout` and `locked_dropout`.

    Source: Elman (1990); chapters 02, 17 and 18.

    >>> output, h_n = RNN(2, 3, layer_norm=True, zoneout=0.1)(torch.ones(5, 4, 2))
    >>> output.shape, h_n.shape
    (torch.Size([5, 4, 3]), torch.Size([1, 4, 3]))
    """

    _EXTRAS: ClassVar[dict[str, Any]] = {
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
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        proj_size: None = None,
        layer_norm: bool = False,
        zoneout: float = 0.0,
        weight_drop: float = 0.0,
        input_dropout: float = 0.0,
        locked_dropout: float = 0.0,
        learned_state: bool = False,
    ) -> None:
        if proj_size is not None:
            raise ValueError(f"proj_size is for LSTM alone, RNN takes none, got {proj_size!r}")
        super().__init__(
            input_size,
            hidden_size,
            num_layers,
            nonlinearity,
            bias,
            batch_first,
            dropout,
            bidirectional,
            device=device,
            dtype=dtype,
        )
        self.layer_norm = check_choice("layer_norm", layer_norm, (True, False))
        self._complete(
            zoneout=zoneout,
            weight_drop=weight_drop,
            input_dropout=input_dropout,
            locked_dropout=locked_dropout,
            learned_state=learned_state,
            device=device,
            dtype=dtype,
        )

    def _is_torch(self) -> bool:
        return not self.layer_norm

    def _shapes(self, input_size: int) -> dict[str, tuple[int, ...]]:
        return (layer_norm_rnn_shapes if self.layer_norm else rnn_shapes)(input_size, self.hidden_size)

    def _recurrence(self) -> Callable[..., tuple[Tensor, State]]:
        return partial(layer_norm_rnn_loop if self.layer_norm else rnn_loop, nonlinearity=self.nonlinearity)
