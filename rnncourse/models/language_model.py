"""A recurrent language model in Torch: embedding, recurrence, readout (chapters 05 and 06)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from .. import nn as cells
from .._checks import check_choice, check_number
from .interface import select_batch
from .readout import check_cutoffs, make_readout, read_out, readout_loss

__all__ = ["LanguageModel", "LanguageModelConfig"]

CELLS = {"rnn": cells.RNN, "lstm": cells.LSTM, "gru": cells.GRU, "mingru": cells.MinGRU, "minlstm": cells.MinLSTM}

State = tuple[Tensor, ...]


@dataclass(frozen=True)
class LanguageModelConfig:
    """The shape of a `LanguageModel`.

    Attributes:
        vocab_size: V, how many symbols there are.
        cell: "rnn", "lstm", "gru", "mingru" or "minlstm", of `rnncourse.nn`.
        embedding_size: E, the width of a symbol's vector.
        hidden_size: H, the width of the state.
        num_layers: layers of the recurrence.
        dropout: the share of units that training zeroes, of embeddings, between layers and before the readout.
        tied: whether the readout's weight is the embedding's; then E must be H.
        cutoffs: where the classes of an adaptive softmax begin, rising, in 1 … V - 1: symbols below the first are
            scored always, in a loss a later class only where a target is in it. That is cheap if ids are in the order
            of falling frequency. Empty: an ordinary softmax.

    Raises:
        TypeError: a size that is no integer, a dropout that is no number, `tied` that is no bool.
        ValueError: a size below 1, a dropout outside [0, 1), an unknown cell, tied weights of two sizes, cutoffs out of
            range or with tied weights.
    """

    vocab_size: int
    cell: str = "lstm"
    embedding_size: int = 64
    hidden_size: int = 256
    num_layers: int = 1
    dropout: float = 0.0
    tied: bool = False
    cutoffs: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for name in ("vocab_size", "embedding_size", "hidden_size", "num_layers"):
            check_number(name, getattr(self, name), at_least=1, integer=True)
        check_choice("cell", self.cell, tuple(CELLS))
        check_number("dropout", self.dropout, at_least=0, below=1)
        check_choice("tied", self.tied, (True, False))
        if self.tied and self.embedding_size != self.hidden_size:
            raise ValueError(
                f"tied weights need embedding_size = hidden_size, got {self.embedding_size} and {self.hidden_size}"
            )
        cutoffs = check_cutoffs(self.cutoffs, self.vocab_size, self.hidden_size, tied=self.tied)
        object.__setattr__(self, "cutoffs", cutoffs)  # a list that comes from JSON becomes a tuple

    def to_json(self) -> dict[str, Any]:
        """The attributes, for a checkpoint: `LanguageModelConfig(**config.to_json())` is the same."""
        return asdict(self) | {"cutoffs": list(self.cutoffs)}


class LanguageModel(nn.Module):
    r"""The scores of the next symbol, given the symbols so far.

    .. math::
        x_t = E_{s_t}, \qquad (o_t, \mathrm{state}_t) = \mathrm{cell}(x_t, \mathrm{state}_{t-1}), \qquad
        z_t = W o_t + b, \qquad p(s_{t+1} \mid s_1 \ldots s_t) = \mathrm{softmax}(z_t)

    An LSTM's forget gates start open (bias 1), its recurrent matrices orthogonal; the rest is as in `torch.nn`. With
    cutoffs the readout is `torch.nn.AdaptiveLogSoftmaxWithLoss`, and scores are log-probabilities.

    Args:
        config: the model's shape.
        device: where the parameters are made.
        dtype: of the parameters.

    Source: Mikolov et al. (2010); Press and Wolf (2017) for tied weights; Grave, Joulin, Cissé, Grangier and Jégou
    (2017) for the adaptive softmax; chapters 05 and 06.

    >>> model = LanguageModel(LanguageModelConfig(vocab_size=5, hidden_size=8))
    >>> logits, state = model(torch.zeros(3, 2, dtype=torch.long), model.initial_state(2))
    >>> logits.shape, [s.shape for s in state]
    (torch.Size([3, 2, 5]), [torch.Size([1, 2, 8]), torch.Size([1, 2, 8])])
    """

    def __init__(
        self, config: LanguageModelConfig, *, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> None:
        super().__init__()
        self.config = config
        made = {"device": device, "dtype": dtype}
        self.embedding = nn.Embedding(config.vocab_size, config.embedding_size, **made)
        between = config.dropout if config.num_layers > 1 else 0.0
        self.rnn = CELLS[config.cell](
            config.embedding_size, config.hidden_size, config.num_layers, dropout=between, **made
        )
        self.dropout = nn.Dropout(config.dropout)
        self.readout = make_readout(config.hidden_size, config.vocab_size, config.cutoffs, **made)
        nn.init.normal_(self.embedding.weight, std=config.embedding_size**-0.5)
        if config.tied:
            self.readout.weight = self.embedding.weight
        self._start_recurrence()

    @property
    def vocab_size(self) -> int:
        """V, the number of symbols."""
        return self.config.vocab_size

    @property
    def feature_size(self) -> int:
        """H, the width of what `features` returns first."""
        return self.config.hidden_size

    def initial_state(self, batch_size: int) -> State:
        """Zeros: what the recurrence starts from.

        Args:
            batch_size: B.

        Returns:
            h of shape (layers, B, H), and for an LSTM c of the same shape.
        """
        shape = (self.config.num_layers, batch_size, self.config.hidden_size)
        return tuple(self.embedding.weight.new_zeros(shape) for _ in range(2 if self.config.cell == "lstm" else 1))

    def forward(self, ids: Tensor, state: State) -> tuple[Tensor, State]:
        """Read symbols.

        Args:
            ids: integers of shape (T, B), each in 0 … V - 1.
            state: what `initial_state` or an earlier call returned.

        Returns:
            `logits`, of shape (T, B, V): entry t scores the symbol after `ids[t]`; the state after the last symbol.

        Raises:
            ValueError: `ids` of another shape.
            IndexError: a symbol out of range.
        """
        _, scores, state = self.features(ids, state)
        return scores, state

    def features(self, ids: Tensor, state: State) -> tuple[Tensor, Tensor, State]:
        """Read symbols, and show from what the next one is predicted.

        Args:
            ids: as for a call.
            state: as for a call.

        Returns:
            The recurrence's outputs, of shape (T, B, H), before dropout; what a call returns.

        Raises:
            ValueError: `ids` of another shape.
            IndexError: a symbol out of range.
        """
        output, state = self._read(ids, state)
        return output, read_out(self.readout, self.dropout(output)), state

    def loss(self, ids: Tensor, targets: Tensor, state: State) -> tuple[Tensor, State]:
        r"""Read symbols and compare: :math:`-\sum_{t,b} \log p(\mathrm{target}_{tb})`.

        With cutoffs scores of rare symbols are computed only where the target is one.

        Args:
            ids: as for a call.
            targets: what came after each, int64 of shape (T, B).
            state: as for a call.

        Returns:
            The sum over all targets, in nats, at least in float32; the state after the last symbol.

        Raises:
            ValueError: `ids` or `targets` of another shape.
            IndexError: a symbol out of range.
            RuntimeError: with cutoffs, a target out of range.
        """
        output, state = self._read(ids, state)
        return readout_loss(self.readout, self.dropout(output), targets), state

    def _read(self, ids: Tensor, state: State) -> tuple[Tensor, State]:
        if ids.ndim != 2:
            raise ValueError(f"ids must have shape (T, B), got {tuple(ids.shape)}")
        x = self.dropout(self.embedding(ids))
        output, last = self.rnn(x, state if self.config.cell == "lstm" else state[0])
        return output, last if isinstance(last, tuple) else (last,)

    def select(self, state: State, index: Tensor) -> State:
        """The state of some of the texts, in another order or repeatedly.

        Args:
            state: of B texts.
            index: int64 of shape (K,), each in 0 … B - 1.

        Returns:
            The state of K texts.
        """
        return select_batch(state, index, dim=1)

    @torch.no_grad()
    def _start_recurrence(self) -> None:
        H = self.config.hidden_size
        for name, parameter in self.rnn.named_parameters():
            if name.startswith("weight_hh"):
                for block in parameter.split(H):
                    nn.init.orthogonal_(block)
            elif name.startswith("bias_hh"):
                nn.init.zeros_(parameter)
            elif name.startswith("bias_ih") and self.config.cell == "lstm":
                parameter[H : 2 * H] = 1.0
