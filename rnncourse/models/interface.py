"""The one interface of language models: what generation, mixtures and scoring ask of a model, and nothing more."""

from __future__ import annotations

from typing import Any, Protocol

from torch import Tensor

# A tensor, or a tuple of states. Only the model that made it knows what is in it.
State = Any


class Predictor(Protocol):
    r"""Anything that reads symbols one after another and says after each what may come next.

    .. math::
        p(i_{t+1} = w \mid i_1 \dots i_t) = \mathrm{softmax}(z_t)_w

    A network, a table of counts and a mixture of both are used alike: T symbols of B texts are read in one call, and
    the state that is returned goes into the next call, so that a text can be cut anywhere. Reading never changes a
    state in place: one state can be continued in several ways.

    Attributes:
        vocab_size: V, the number of symbols; ids are 0 … V - 1.
    """

    @property
    def vocab_size(self) -> int:
        """V, the number of symbols."""

    def initial_state(self, batch_size: int) -> State:
        """The state of B texts of which nothing has been read.

        Args:
            batch_size: B, at least 1.
        """

    def __call__(self, ids: Tensor, state: State) -> tuple[Tensor, State]:
        """Read symbols.

        Args:
            ids: int64 of shape (T, B).
            state: what `initial_state` or an earlier call returned, for B texts.

        Returns:
            Scores z of shape (T, B, V), log-probabilities up to a constant a row, of the symbol after each one that was
            read (-inf: impossible); and the state after the last.
        """

    def select(self, state: State, index: Tensor) -> State:
        """The state of some of the texts, in another order or repeatedly: what beam search goes on with.

        Args:
            state: of B texts.
            index: int64 of shape (K,), each in 0 … B - 1.

        Returns:
            The state of K texts; `select_batch` does it where all tensors have B on one axis.
        """


def select_batch(state: State, index: Tensor, dim: int = 0) -> State:
    """Take entries of the batch axis of every tensor in a nested tuple.

    Args:
        state: a tensor, or a tuple of such, a NamedTuple included, however deep; None and () stay as they are.
        index: int64 of shape (K,): which entries, in which order.
        dim: the batch axis: 0 for (B, …), 1 for PyTorch's (num_layers, B, H).

    Returns:
        The same nesting; new tensors.

    Raises:
        TypeError: something in `state` that is neither tensor nor tuple.

    >>> import torch
    >>> h = torch.arange(6.0).reshape(1, 3, 2)
    >>> select_batch((h, (h,)), torch.tensor([2, 0]), dim=1)[1][0].tolist()
    [[[4.0, 5.0], [0.0, 1.0]]]
    """
    if state is None:
        return None
    if isinstance(state, Tensor):
        return state.index_select(dim, index.to(state.device))
    if not isinstance(state, tuple):
        raise TypeError(f"state must be a tensor or a nested tuple of tensors, got {type(state).__name__}")
    parts = [select_batch(part, index, dim) for part in state]
    return type(state)(*parts) if hasattr(state, "_fields") else tuple(parts)
