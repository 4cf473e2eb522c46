"""Multiplicative attention as a module: the score is a product of query and key."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from .._checks import check_choice, check_number
from ._attend import check_attention, draw_by_width, key_mask, mix


class MultiplicativeAttention(nn.Module):
    r"""A mean of the values, each weighed by how well its key answers the query: attention of Luong et al.

    .. math::
        e_{ti} = \begin{cases}
        q_t^\top k_i & \text{"dot"} \\
        q_t^\top W k_i & \text{"general"} \\
        v^\top \tanh(W [q_t; k_i]) & \text{"concat"}
        \end{cases} \qquad
        \alpha_{ti} = \frac{e^{e_{ti}}}{\sum_j e^{e_{tj}}}, \qquad
        c_t = \sum_i \alpha_{ti} v_i

    Time comes first, as in all modules here: (T, B, ...). Equations and the names of the weights, `weight` (Q, K) for
    "general", `weight` (A, Q + K) and `v` (A,) for "concat", none for "dot", are those of
    `rnncourse.reference.multiplicative_attention_forward`; they start as :math:`U(\pm 1/\sqrt{\text{fan in}})`. The
    query is the decoder's state after its step.

    Args:
        query_size: Q.
        key_size: K; for "dot" it must be Q.
        score: "dot", "general" or "concat".
        attention_size: A, the units that score, for "concat"; None with the others.
        device: where the parameters are made.
        dtype: their dtype.

    Raises:
        TypeError: a size that is no integer.
        ValueError: a size below 1, an unknown score, an `attention_size` too many.

    Source: Luong, Pham and Manning (2015); chapter 24.

    >>> context, weights = MultiplicativeAttention(2, 3)(torch.ones(1, 4, 2), torch.ones(7, 4, 3))
    >>> context.shape, weights.shape
    (torch.Size([1, 4, 3]), torch.Size([4, 1, 7]))
    """

    def __init__(
        self,
        query_size: int,
        key_size: int,
        score: str = "general",
        attention_size: int | None = None,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.query_size = check_number("query_size", query_size, at_least=1, integer=True)
        self.key_size = check_number("key_size", key_size, at_least=1, integer=True)
        self.score = check_choice("score", score, ("dot", "general", "concat"))
        self.attention_size = attention_size
        made = {"device": device, "dtype": dtype}
        if score == "concat":
            A = check_number("attention_size", attention_size, at_least=1, integer=True)
            self.weight = nn.Parameter(torch.empty(A, query_size + key_size, **made))
            self.v = nn.Parameter(torch.empty(A, **made))
        elif attention_size is not None:
            raise ValueError(f"attention_size must be None for the score {score!r}, got {attention_size}")
        elif score == "general":
            self.weight = nn.Parameter(torch.empty(query_size, key_size, **made))
        elif query_size != key_size:
            raise ValueError(f"key_size must be query_size={query_size} for the score 'dot', got {key_size}")
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all parameters anew."""
        draw_by_width(self)

    def forward(
        self,
        queries: Tensor,
        keys: Tensor,
        values: Tensor | None = None,
        *,
        mask: Tensor | None = None,
        lengths: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Look at all keys from every query.

        Args:
            queries: q, of shape (T, B, Q).
            keys: k, of shape (S, B, K).
            values: of shape (S, B, V). None: the keys.
            mask: booleans of shape (S, B): True where key s of sequence b exists and may be looked at. None: all do.
            lengths: integers of shape (B,), each in 1 … S: how many keys each sequence has, in place of a mask.

        Returns:
            The context c, of shape (T, B, V); the weights alpha, of shape (B, T, S). A query without a key gets zeros.

        Raises:
            TypeError: an argument of another type or dtype.
            ValueError: a wrong shape, a length out of range, a mask and lengths.
        """
        values = keys if values is None else values
        like = next(self.parameters(), queries)
        check_attention(queries, keys, values, self.query_size, self.key_size, like)
        mask = key_mask(mask, lengths, len(keys), queries.shape[1], queries.device)
        return mix(self._scores(queries.transpose(0, 1), keys.transpose(0, 1)), values, mask)

    def _scores(self, q: Tensor, k: Tensor) -> Tensor:
        """Of shape (B, T, S), from (B, T, Q) and (B, S, K)."""
        if self.score == "concat":
            W_q, W_k = self.weight.split((self.query_size, self.key_size), 1)
            h = torch.tanh((q @ W_q.T)[:, :, None] + (k @ W_k.T)[:, None])
            return h @ self.v
        qW = q @ self.weight if self.score == "general" else q
        return qW @ k.transpose(1, 2)

    def extra_repr(self) -> str:
        """The sizes and the score."""
        more = "" if self.attention_size is None else f", {self.attention_size}"
        return f"{self.query_size}, {self.key_size}, {self.score!r}{more}"
