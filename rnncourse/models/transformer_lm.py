"""A Transformer as a language model in Torch: embedding, blocks that look only back, readout."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from .. import nn as cells
from ._tensors import check_id_tensor
from .interface import select_batch
from .readout import make_readout, read_out, readout_loss
from .transformer_config import TransformerLMConfig

__all__ = ["TransformerLM"]

State = tuple[Tensor, Tensor, Tensor]
PIECE = 128  # the fewest symbols that are worth a round of their own


class TransformerLM(nn.Module):
    r"""The scores of the next symbol, given the symbols so far, by a decoder-only Transformer.

    .. math::
        x_t = E_{s_t} + p_t, \qquad x \leftarrow \mathrm{block}_l(x) \quad (l = 0 \dots L-1), \qquad
        z_t = W N(x_t), \qquad p(s_{t+1} \mid s_1 \ldots s_t) = \mathrm{softmax}(z_t)

    With learned positions, "gelu_tanh", pre-norm and tied weights it is GPT-2, `rnncourse.reference.gpt2_forward`, and
    first weights are drawn as GPT-2's: :math:`N(0, 0.02^2)`, those that write into the bypass
    :math:`N(0, 0.02^2 / 2L)`, biases are 0.

    The state holds the keys and values of the last C - 1 symbols, and how many symbols were read. Each layer looks at
    the last C symbols, its own included: a window that slides. So memory is constant, nothing is read twice, and a text
    of any length can be cut anywhere without changing a number. A layer's keys know of symbols before them, so that up
    to L (C - 1) symbols back have an influence: the memory of Transformer-XL. Where training carries the state from
    window to window, that memory is trained, as a constant: gradients end with the window.

    A window that slides needs positions that do. Rotary ones are relative, counted within the window. Learned and
    sinusoidal ones are counted modulo C: in every window each occurs once, so that the order can be told. But a model
    that was only trained on texts of at most C symbols has not learned what comes after the first C: train it with the
    state carried, or take rotary positions.

    Args:
        config: the model's shape.
        device: where the parameters are made.
        dtype: of the parameters.

    Source: Radford et al. (2019); Dai et al. (2019) for the memory; Su et al. (2021) for rotary positions; chapter 28.

    >>> model = TransformerLM(TransformerLMConfig(vocab_size=5, embedding_size=8, context=16))
    >>> logits, state = model(torch.zeros(3, 2, dtype=torch.long), model.initial_state(2))
    >>> logits.shape, [s.shape for s in state]
    (torch.Size([3, 2, 5]), [torch.Size([2, 15, 2, 8]), torch.Size([2, 15, 2, 8]), torch.Size([1, 1, 2])])
    """

    def __init__(
        self, config: TransformerLMConfig, *, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> None:
        super().__init__()
        self.config = config
        V, E = config.vocab_size, config.embedding_size
        made = {"device": device, "dtype": dtype}
        self.embedding = nn.Embedding(V, E, **made)
        self.positions = None
        if config.positions == "learned":
            self.positions = cells.LearnedPositions(config.context, E, **made)
        elif config.positions == "sinusoidal":
            self.positions = cells.SinusoidalPositions(E)
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(_block(config, **made) for _ in range(config.num_layers))
        self.norm = nn.LayerNorm(E, **made) if config.norm_first else nn.Identity()
        self.readout = make_readout(E, V, config.cutoffs, bias=False, **made)
        if config.tied:
            self.readout.weight = self.embedding.weight
        self._start()

    @property
    def vocab_size(self) -> int:
        """V, the number of symbols."""
        return self.config.vocab_size

    @property
    def feature_size(self) -> int:
        """E, the width of what `features` returns first."""
        return self.config.embedding_size

    def initial_state(self, batch_size: int) -> State:
        """Nothing read.

        Args:
            batch_size: B.

        Returns:
            Keys and values, of shape (L, C - 1, B, E), zeros that are not looked at; the number of symbols read, int64
            of shape (1, 1, B).
        """
        shape = (self.config.num_layers, self.config.context - 1, batch_size, self.config.embedding_size)
        k = self.embedding.weight.new_zeros(shape)
        return k, torch.zeros_like(k), torch.zeros(1, 1, batch_size, dtype=torch.int64, device=k.device)

    def forward(self, ids: Tensor, state: State) -> tuple[Tensor, State]:
        """Read symbols.

        Args:
            ids: integers of shape (T, B), each in 0 … V - 1.
            state: what `initial_state` or an earlier call returned.

        Returns:
            `logits`, of shape (T, B, V): entry t scores the symbol after `ids[t]`; the state after the last symbol.

        Raises:
            TypeError: a state that is no tuple.
            ValueError: `ids` or a state of another shape.
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
            The last layer's outputs, of shape (T, B, E), normalised with pre-norm; what a call returns.

        Raises:
            TypeError: a state that is no tuple.
            ValueError: `ids` or a state of another shape.
            IndexError: a symbol out of range.
        """
        output, state = self._read(ids, state)
        return output, read_out(self.readout, output), state

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
            TypeError: a state that is no tuple.
            ValueError: `ids`, `targets` or a state of another shape.
            IndexError: a symbol out of range.
            RuntimeError: with cutoffs, a target out of range.
        """
        output, state = self._read(ids, state)
        return readout_loss(self.readout, output, targets), state

    @torch.no_grad()
    def attention(self, ids: Tensor) -> Tensor:
        r"""How much every head looks at each symbol of a text that is read from its beginning.

        .. math::
            \alpha_{lnts} = \mathrm{softmax}_s \Bigl( \frac{q_{lnt} \cdot k_{lns}}{\sqrt{D}} \Bigr), \qquad
            t - C < s \le t, \qquad \sum_s \alpha_{lnts} = 1

        Without dropout, whatever mode the model is in; the mode stays.

        Args:
            ids: the text, int64 of shape (T,), T at least 1. L N T^2 numbers and more are held at once.

        Returns:
            The weights, of shape (L, N, T, T): entry [l, n, t, s] says how much head n of layer l, reading symbol t,
            takes of symbol s. It is 0 for a symbol that comes later or lies C or more back.

        Raises:
            TypeError: `ids` is not an int64 tensor.
            ValueError: another shape, no symbol, or one out of range.
        """
        check_id_tensor("ids", ids, ("T",), self.vocab_size)
        if not len(ids):
            raise ValueError("ids must hold at least 1 symbol, got 0")
        modes = [(module, module.training) for module in self.modules()]
        self.eval()
        try:
            weights: list[Tensor] = []
            self._read_piece(ids[:, None], self.initial_state(1), weights)
        finally:
            for module, mode in modes:
                module.training = mode
        return torch.stack([layer[0, :, :, self.config.context - 1 :] for layer in weights])  # without the empty past

    def select(self, state: State, index: Tensor) -> State:
        """The state of some of the texts, in another order or repeatedly.

        Args:
            state: of B texts.
            index: int64 of shape (K,), each in 0 … B - 1.

        Returns:
            The state of K texts.
        """
        return select_batch(state, index, dim=2)

    def _read(self, ids: Tensor, state: State) -> tuple[Tensor, State]:
        if ids.ndim != 2:
            raise ValueError(f"ids must have shape (T, B), got {tuple(ids.shape)}")
        state, outputs = self._check_state(state, ids.shape[1]), []
        for piece in ids.split(max(self.config.context, PIECE)):  # all at once, T^2 scores would have to be held
            output, state = self._read_piece(piece, state)
            outputs.append(output)
        return torch.cat(outputs), state

    def _read_piece(self, ids: Tensor, state: State, weights: list[Tensor] | None = None) -> tuple[Tensor, State]:
        """Read at once; each layer's attention weights are appended to `weights`, if there is such a list."""
        T, C = len(ids), self.config.context
        k, v, count = state
        known = torch.arange(C - 1, device=ids.device)[:, None] >= C - 1 - count[0]  # the latest stand last
        mask = torch.cat((known, torch.ones_like(ids, dtype=torch.bool)))
        x = self.embedding(ids)
        if self.positions is not None:
            x = self.positions(x, (count[0] + torch.arange(T, device=ids.device)[:, None]) % C)
        x, kept = self.dropout(x), []
        for block, past in zip(self.blocks, map(cells.KeyValue, k, v), strict=True):
            x, now, alpha = block(x, causal=True, window=C, mask=mask, past=past, need_weights=weights is not None)
            if weights is not None:
                weights.append(alpha)
            kept.append((now.k[T:], now.v[T:]))
        k, v = (torch.stack(parts) for parts in zip(*kept, strict=True))
        return self.norm(x), (k, v, count + T)

    def _check_state(self, state: Any, B: int) -> State:
        if not isinstance(state, tuple) or len(state) != 3:
            raise TypeError(f"state must be what initial_state returned, three tensors, got {type(state).__name__}")
        shape = (self.config.num_layers, self.config.context - 1, B, self.config.embedding_size)
        for part, wanted in zip(state, (shape, shape, (1, 1, B)), strict=True):
            if part.shape != wanted:
                raise ValueError(f"state must have shapes {shape}, {shape} and (1, 1, {B}), got {tuple(part.shape)}")
        return state

    @torch.no_grad()
    def _start(self) -> None:
        bypass = 0.02 / math.sqrt(2 * self.config.num_layers)
        for name, parameter in self.named_parameters():
            if parameter.ndim > 1:
                nn.init.normal_(parameter, std=bypass if name.endswith(("out_proj.weight", "linear2.weight")) else 0.02)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)


def _block(config: TransformerLMConfig, **made: Any) -> cells.TransformerBlock:
    return cells.TransformerBlock(
        config.embedding_size,
        config.num_heads,
        config.feedforward_size or 4 * config.embedding_size,
        config.dropout,
        config.activation,
        norm_first=config.norm_first,
        rotary=config.positions == "rotary",
        **made,
    )
