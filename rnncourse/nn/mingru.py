"""The minimal GRU as a module."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

from torch import Tensor

from .._checks import check_choice
from ..ops import mingru_loop, mingru_scan
from ..ops.mingru import mingru_shapes
from ._minimal import Minimal
from ._steps import State


class MinGRU(Minimal):
    r"""A minimal GRU of one layer or several; shapes and arguments are those of `torch.nn.GRU`.

    .. math::
        z_t = \sigma(W_{iz} x_t + b_{iz}), \qquad n_t = \phi(W_{in} x_t + b_{in}), \qquad
        h_t = (1 - z_t) \odot h_{t-1} + z_t \odot n_t

    No gate looks at the state, so all steps can be computed in about log2 T rounds. Parameters of layer l are
    `weight_ih_l{l}` (2H, I) and `bias_ih_l{l}` (2H,), in the order z, n, drawn from :math:`U(\pm 1/\sqrt{I})`.

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
        nonlinearity: phi: "linear", "positive" or "tanh", as for `rnncourse.reference.mingru_cell`.
        z_keeps: whether z is the share of the old state, as for the same.
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
    >>> output, h_n = MinGRU(2, 3, num_layers=2)(torch.ones(5, 4, 2))
    >>> output.shape, h_n.shape
    (torch.Size([5, 4, 3]), torch.Size([2, 4, 3]))
    """

    _EXTRAS: ClassVar[dict[str, Any]] = {**Minimal._EXTRAS, "z_keeps": False}

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
        z_keeps: bool = False,
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
        self.z_keeps = check_choice("z_keeps", z_keeps, (True, False))
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
        return mingru_shapes(input_size, self.hidden_size)

    def _recurrence(self) -> Callable[..., tuple[Tensor, State]]:
        run = mingru_scan if self.method == "parallel" else mingru_loop
        return partial(run, nonlinearity=self.nonlinearity, z_keeps=self.z_keeps)
