"""The minimal LSTM as a module."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import Tensor

from ..ops import minlstm_loop, minlstm_scan
from ..ops.minlstm import minlstm_shapes
from ._minimal import Minimal
from ._steps import State


class MinLSTM(Minimal):
    r"""A minimal LSTM of one layer or several; shapes and arguments are those of `torch.nn.GRU`, and it has one state.

    .. math::
        i_t &= \sigma(W_{ii} x_t + b_{ii}), \qquad f_t = \sigma(W_{if} x_t + b_{if}), \qquad
        g_t = \phi(W_{ig} x_t + b_{ig}) \\
        f'_t &= \frac{f_t}{f_t + i_t}, \qquad i'_t = \frac{i_t}{f_t + i_t}, \qquad
        h_t = f'_t \odot h_{t-1} + i'_t \odot g_t

    No gate looks at the state, so all steps can be computed in about log2 T rounds. Parameters of layer l are
    `weight_ih_l{l}` (3H, I) and `bias_ih_l{l}` (3H,), in the order i, f, g, drawn from :math:`U(\pm 1/\sqrt{I})`.

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
        nonlinearity: phi: "linear", "positive" or "tanh", as for `rnncourse.reference.minlstm_cell`.
        method: "parallel", a scan in about log2 T rounds, or "sequential", step by step.
        zoneout: p in [0, 1), in training the probability that a unit of h keeps its old value, in evaluation the share
            of the old value (Krueger et al., 2017).
        input_dropout: p in [0, 1) for the inputs, one mask for all steps (Gal and Ghahramani, 2016).
        locked_dropout: p in [0, 1) between layers, one mask for all steps; in place of `dropout`.
        learned_state: whether the state before the first step is learned, `h_0` of shape (D L, H), where none is given.

    Raises:
        TypeError: an argument of another type.
        ValueError: a size or a rate out of range, an unknown option, both `dropout` and `locked_dropout`.

    Source: Feng et al. (2024); chapter 31.

    >>> import torch
    >>> output, h_n = MinLSTM(2, 3, bidirectional=True)(torch.ones(5, 4, 2))
    >>> output.shape, h_n.shape
    (torch.Size([5, 4, 6]), torch.Size([2, 4, 3]))
    """

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
        nonlinearity: str = "linear",
        method: str = "parallel",
        zoneout: float = 0.0,
        input_dropout: float = 0.0,
        locked_dropout: float = 0.0,
        learned_state: bool = False,
    ) -> None:
        super().__init__(
            "RNN_TANH",  # for torch's checks of sizes; the parameters it makes are replaced
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            device=device,
            dtype=dtype,
        )
        self._choose(nonlinearity, method)
        self._complete(
            zoneout=zoneout,
            input_dropout=input_dropout,
            locked_dropout=locked_dropout,
            learned_state=learned_state,
            device=device,
            dtype=dtype,
        )

    def _shapes(self, input_size: int) -> dict[str, tuple[int, ...]]:
        return minlstm_shapes(input_size, self.hidden_size)

    def _recurrence(self) -> Callable[..., tuple[Tensor, State]]:
        return partial(minlstm_scan if self.method == "parallel" else minlstm_loop, nonlinearity=self.nonlinearity)
