"""The unigram cache behind the interface of language models."""

from __future__ import annotations

import torch
from torch import Tensor

from rnncourse._checks import check_number
from rnncourse.models._tensors import check_id_tensor
from rnncourse.models.interface import select_batch
from rnncourse.reference import UnigramCache

State = tuple[Tensor, Tensor]


class UnigramCacheModel:
    r"""What came lately comes again: `rnncourse.reference.UnigramCache`, read a symbol at a time.

    .. math::
        p_t(w) = \frac{\sum_{i<t} \gamma^{t-1-i}\, [x_i = w]}{\sum_{i<t} \gamma^{t-1-i}}

    with the sums over the last W symbols. A symbol that did not come has probability 0 and the score -inf: mix it with
    a model that rules nothing out (`MixtureModel`). The state is (weights, recent): each symbol's weight, float64 of
    shape (B, V), and the remembered symbols, the oldest first, of shape (B, W), -1 for none; W = 0 without a window.

    Args:
        vocab_size: V, at least 1.
        decay: gamma, in [0, 1].
        window: W, at least 1. None: all are remembered. With a window there is no decay.

    Attributes:
        vocab_size: V.

    Raises:
        TypeError: an argument of another type.
        ValueError: an argument out of its range, or both a window and a decay.

    Source: Kuhn and De Mori (1990); Clarkson and Robinson (1997); chapter 01.
    """

    def __init__(self, vocab_size: int, *, decay: float = 1.0, window: int | None = None) -> None:
        cache = UnigramCache(vocab_size, decay=decay, window=window)
        self.vocab_size, self.decay, self.window = cache.vocab_size, cache.decay, cache.window or 0

    def initial_state(self, batch_size: int) -> State:
        """Nothing read.

        Args:
            batch_size: B, at least 1.
        """
        check_number("batch_size", batch_size, at_least=1, integer=True)
        weights = torch.zeros(batch_size, self.vocab_size, dtype=torch.float64)
        return weights, torch.full((batch_size, self.window), -1)

    def __call__(self, ids: Tensor, state: State) -> tuple[Tensor, State]:
        """Read symbols.

        Args:
            ids: int64 of shape (T, B).
            state: before them.

        Returns:
            Log-probabilities, float64 of shape (T, B, V), and the state after them.

        Raises:
            TypeError: `ids` is not an int64 tensor.
            ValueError: a symbol out of range, or not as many texts as the state has.
        """
        weights, recent = (part.to(ids.device) for part in state)
        check_id_tensor("ids", ids, ("T", len(weights)), self.vocab_size)
        p = weights.new_empty(*ids.shape, self.vocab_size)
        for t in range(len(ids)):
            symbol = ids[t, :, None]
            weights = (weights * self.decay).scatter_add(1, symbol, torch.ones_like(symbol, dtype=weights.dtype))
            if self.window:
                oldest = recent[:, :1]
                weights = weights.scatter_add(1, oldest.clamp(min=0), -(oldest >= 0).to(weights.dtype))
                recent = torch.cat((recent[:, 1:], symbol), 1)
            p[t] = weights / weights.sum(1, keepdim=True)
        return p.log(), (weights, recent)

    def select(self, state: State, index: Tensor) -> State:
        """The state of some of the texts.

        Args:
            state: of B texts.
            index: int64 of shape (K,).
        """
        return select_batch(state, index)
