"""Additive attention as a module: a small network scores every pair of a query and a key."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from .._checks import check_number
from ._attend import check_attention, draw_by_width, key_mask, mix


class AdditiveAttention(nn.Module):
    r"""A mean of the values, each weighed by how well its key answers the query: attention of Bahdanau et al.

    .. math::
        e_{ti} = v^\top \tanh(W_q q_t + W_k k_i), \qquad
        \alpha_{ti} = \frac{e^{e_{ti}}}{\sum_j e^{e_{tj}}}, \qquad
        c_t = \sum_i \alpha_{ti} v_i

    Time comes first, as in all modules here: (T, B, ...). Equations and the names of the weights, `weight_q` (A, Q),
    `weight_k` (A, K) and `v` (A,), are those of `rnncourse.reference.additive_attention_forward`; they start as
    :math:`U(\pm 1/\sqrt{\text{fan in}})`. In a translator the query is the decoder's state before its step, and the
    encoder's outputs are keys and values both.

    Args:
        query_size: Q.
        key_size: K.
        attention_size: A, the units that score.
        device: where the parameters are made.
        dtype: their dtype.

    Raises:
        TypeError: a size that is no integer.
        ValueError: a size below 1.

    Source: Bahdanau, Cho and Bengio (2015); chapter 24.

    >>> context, weights = AdditiveAttention(2, 3, 5)(torch.ones(1, 4, 2), torch.ones(7, 4, 3))
    >>> context.shape, weights.shape
    (torch.Size([1, 4, 3]), torch.Size([4, 1, 7]))
    """

    def __init__(
        self, query_size: int, key_size: int, attention_size: int, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.query_size = check_number("query_size", query_size, at_least=1, integer=True)
        self.key_size = check_number("key_size", key_size, at_least=1, integer=True)
        self.attention_size = check_number("attention_size", attention_size, at_least=1, integer=True)
        made = {"device": device, "dtype": dtype}
        self.weight_q = nn.Parameter(torch.empty(attention_size, query_size, **made))
        self.weight_k = nn.Parameter(torch.empty(attention_size, key_size, **made))
        self.v = nn.Parameter(torch.empty(attention_size, **made))
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
            The context c, of shape (T, B, V); the weights alpha, of shape (B, T, S), one matrix a sequence as
            `torch.nn.MultiheadAttention` returns them. A query without a key gets zeros.

        Raises:
            TypeError: an argument of another type or dtype.
            ValueError: a wrong shape, a length out of range, a mask and lengths.
        """
        values = keys if values is None else values
        check_attention(queries, keys, values, self.query_size, self.key_size, self.v)
        mask = key_mask(mask, lengths, len(keys), queries.shape[1], queries.device)
        q = nn.functional.linear(queries, self.weight_q).transpose(0, 1)
        k = nn.functional.linear(keys, self.weight_k).transpose(0, 1)
        h = torch.tanh(q[:, :, None] + k[:, None])  # every query meets every key: (B, T, S, A)
        return mix(h @ self.v, values, mask)

    def extra_repr(self) -> str:
        """The sizes."""
        return f"{self.query_size}, {self.key_size}, {self.attention_size}"
