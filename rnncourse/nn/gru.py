"""The gated recurrent unit as a module: `torch.nn.GRU`, and what it lacks."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor

from .._checks import check_choice
from ..ops import gru_loop
from ..ops.gru import gru_shapes
from ._layers import Layers
from ._steps import State


class GRU(Layers, torch.nn.GRU):
    r"""A GRU of one layer or several, in place of `torch.nn.GRU`.

    .. math::
        r_t &= \sigma(W_{ir} x_t + b_{ir} + W_{hr} h_{t-1} + b_{hr}) \\
        z_t &= \sigma(W_{iz} x_t + b_{iz} + W_{hz} h_{t-1} + b_{hz}) \\
        n_t &= \tanh(W_{in} x_t + b_{in} + r_t \odot (W_{hn} h_{t-1} + b_{hn})) \\
        h_t &= z_t \odot h_{t-1} + (1 - z_t) \odot n_t

    Without the options behind `dtype` it is `torch.nn.GRU`: the same numbers, parameters, state dict and errors. All
    options combine, and none changes names or shapes of the weights.

    Args:
        input_size: I.
        hidden_size: H.
        num_layers: L.
        bias: whether there are biases.
        batch_first: whether input and output are of shape (B, T, ...) instead of (T, B, ...).
        dropout: p in [0, 1], between layers, another mask at each step.
        bidirectional: whether a second network runs from the end; outputs are then 2H wide.
        device: where the parameters are made.
        dtype: their dtype.
        proj_size: not for this network: anything but None is refused, as torch does.
        reset_after: whether r multiplies after the product, as above. If not (Cho et al. as published),
            `n_t = tanh(W_in x_t + b_in + W_hn (r_t * h_{t-1}) + b_hn)`.
        z_keeps: whether z is the share of the old state, as above. If not (Chung et al.),
            `h_t = (1 - z_t) * h_{t-1} + z_t * n_t`.
        zoneout: p in [0, 1), in training the probability that a unit of h keeps its old value, in evaluation the share
            of the old value (Krueger et al., 2017).
        weight_drop: p in [0, 1) for the entries of `weight_hh`, one mask for all steps (Merity et al., 2018).
        input_dropout: p in [0, 1) for the inputs, one mask for all steps (Gal and Ghahramani, 2016).
        locked_dropout: p in [0, 1) between layers, one mask for all steps; in place of `dropout`.
        learned_state: whether the state before the first step is learned, `h_0` of shape (D L, H), where none is given.

    Raises:
        TypeError: an argument of another type.
        ValueError: a size or a rate out of range, an option that is neither True nor False, both `dropout` and
            `locked_dropout`.

    Source: Cho et al. (2014), Chung et al. (2014); chapters 12 and 18.

    >>> output, h_n = GRU(2, 3, reset_after=False, z_keeps=False)(torch.ones(5, 4, 2))
    >>> output.shape, h_n.shape
    (torch.Size([5, 4, 3]), torch.Size([1, 4, 3]))
    """

    _EXTRAS: ClassVar[dict[str, Any]] = {
        "reset_after": True,
        "z_keeps": True,
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
        device: Any = None,
        dtype: Any = None,
        *,
        proj_size: None = None,
        reset_after: bool = True,
        z_keeps: bool = True,
        zoneout: float = 0.0,
        weight_drop: float = 0.0,
        input_dropout: float = 0.0,
        locked_dropout: float = 0.0,
        learned_state: bool = False,
    ) -> None:
        if proj_size is not None:
            raise ValueError(f"proj_size is for LSTM alone, GRU takes none, got {proj_size!r}")
        super().__init__(
            input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, device=device, dtype=dtype
        )
        self.reset_after = check_choice("reset_after", reset_after, (True, False))
        self.z_keeps = check_choice("z_keeps", z_keeps, (True, False))
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
        return self.reset_after and self.z_keeps

    def _shapes(self, input_size: int) -> dict[str, tuple[int, ...]]:
        return gru_shapes(input_size, self.hidden_size)

    def _recurrence(self) -> Callable[..., tuple[Tensor, State]]:
        return partial(gru_loop, reset_after=self.reset_after, z_keeps=self.z_keeps)
