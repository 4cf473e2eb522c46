"""Multi-head attention as a module, with a cache of keys and values for reading step by step."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from .._checks import check_choice, check_number
from ..ops._tensors import check_tensor
from ._attend import attention_weights, key_mask
from .positions import check_even, rotary


class KeyValue(NamedTuple):
    """What is kept between steps: the projected keys and values of all steps so far.

    Attributes:
        k: keys, of shape (S, B, E), with rotary positions before they are turned.
        v: values, of shape (S, B, E).

    Source: chapter 28.
    """

    k: Tensor
    v: Tensor


class MultiheadAttention(nn.Module):
    r"""N attentions, each in its own D = E / N dimensions of projected queries, keys and values.

    .. math::
        Q = \mathrm{query}\, W_q^\top + b_q, \quad K = \mathrm{key}\, W_k^\top + b_k, \quad
        V = \mathrm{value}\, W_v^\top + b_v, \qquad
        C_n = \mathrm{softmax}\Bigl( \frac{Q_n K_n^\top}{\sqrt{D}} \Bigr) V_n, \qquad
        \mathrm{output} = [C_1, \dots, C_N]\, W_o^\top + b_o

    Time comes first: (T, B, E). Numbers, first weights and state dict are those of `torch.nn.MultiheadAttention`, and
    of `rnncourse.reference.multihead_attention_forward`. What torch's lacks is the cache, so that the next step need
    not read everything anew; masks say what may be looked at, the opposite of torch's `key_padding_mask`.

    Args:
        embed_dim: E.
        num_heads: N, a divisor of E.
        dropout: p in [0, 1), of the weights in training.
        bias: whether there are biases.
        device: where the parameters are made.
        dtype: their dtype.
        rotary: whether queries and keys are turned by their positions (Su et al., 2021); only self-attention can be.

    Raises:
        TypeError: an argument of another type.
        ValueError: a size or a rate out of range, E not divisible by N, an odd D with `rotary`.

    Source: Vaswani et al. (2017), section 3.2.2; chapter 28.

    >>> attention, x = MultiheadAttention(6, 2), torch.ones(5, 4, 6)
    >>> _, state, _ = attention(x[:4], causal=True)
    >>> output, state, weights = attention(x[4:], causal=True, past=state, need_weights=True)
    >>> output.shape, state.k.shape, weights.shape
    (torch.Size([1, 4, 6]), torch.Size([5, 4, 6]), torch.Size([4, 2, 1, 5]))
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        rotary: bool = False,
    ) -> None:
        super().__init__()
        self.embed_dim = E = check_number("embed_dim", embed_dim, at_least=1, integer=True)
        if E % check_number("num_heads", num_heads, at_least=1, integer=True):
            raise ValueError(f"num_heads must divide embed_dim={E}, got {num_heads}")
        self.num_heads = num_heads
        self.dropout = check_number("dropout", dropout, at_least=0, below=1)
        self.rotary = check_choice("rotary", rotary, (True, False))
        if rotary:
            check_even("embed_dim / num_heads", E // num_heads)
        made = {"device": device, "dtype": dtype}
        self.in_proj_weight = nn.Parameter(torch.empty(3 * E, E, **made))
        check_choice("bias", bias, (True, False))
        self.in_proj_bias = nn.Parameter(torch.empty(3 * E, **made)) if bias else None
        self.out_proj = nn.Linear(E, E, bias, **made)
        self._start_projections()

    def reset_parameters(self) -> None:
        """Draw all parameters anew, as torch does."""
        self.out_proj.reset_parameters()
        self._start_projections()

    def _start_projections(self) -> None:
        nn.init.xavier_uniform_(self.in_proj_weight)
        if self.in_proj_bias is not None:
            nn.init.zeros_(self.in_proj_bias)
            nn.init.zeros_(self.out_proj.bias)

    def forward(
        self,
        query: Tensor,
        key: Tensor | None = None,
        value: Tensor | None = None,
        *,
        causal: bool = False,
        window: int | None = None,
        mask: Tensor | None = None,
        lengths: Tensor | None = None,
        past: KeyValue | None = None,
        need_weights: bool = False,
    ) -> tuple[Tensor, KeyValue, Tensor | None]:
        """Look at all keys from every query.

        Args:
            query: of shape (T, B, E).
            key: of shape (S, B, E). None: the query, self-attention.
            value: of shape (S, B, E). None: the key.
            causal: whether a query may look only at its own step and earlier ones; query and key are then equally long.
            window: with `causal`, at how many steps at most, its own included. None: at all.
            mask: booleans of shape (P + S, B): True where key s of sequence b exists and may be looked at. None: all.
            lengths: integers of shape (B,), each in 1 … P + S: how many keys each has, in place of a mask.
            past: the state that an earlier call returned, of P steps: its keys and values come before these. None: 0.
            need_weights: whether weights are returned; without them torch's fused kernel does the work, which on a
                processor has no second derivatives.

        Returns:
            `output`, of shape (T, B, E); the keys and values so far, as the next call's `past`; the weights before
            dropout, of shape (B, N, T, P + S), or None. A query without a key gets a context of 0.

        Raises:
            TypeError: an argument of another type or dtype.
            ValueError: a wrong shape, a window without `causal`, a key that is not the query with `rotary`.
        """
        T, B, E = check_tensor("query", query, ("T", "B", self.embed_dim), like=self.in_proj_weight).shape
        if self.rotary and (key is not None or value is not None):
            raise ValueError("key and value must be None with rotary positions, which self-attention alone has")
        if window is not None and not causal:
            raise ValueError(f"window must be None without causal, got {window}")
        q, k, v = self._project(query, key, value, causal)
        if past is not None:
            check_past(past, B, E)
            k, v = (torch.cat((old, new.to(old.dtype))) for old, new in zip(past, (k, v), strict=True))
        state = KeyValue(k, v)
        mask = key_mask(mask, lengths, len(k), B, query.device)
        allowed = allowed_keys(mask, T, len(k), causal, window, query.device)
        q, k, v = (self._split(x.to(q.dtype)) for x in (q, k, v))
        if self.rotary:
            q, k = rotary(q, len(state.k) - T), rotary(k)
        context, weights = self._attend(q, k, v, allowed, need_weights)
        return self.out_proj(context.permute(2, 0, 1, 3).reshape(T, B, E)), state, weights

    def _project(self, query: Tensor, key: Any, value: Any, causal: bool) -> tuple[Tensor, Tensor, Tensor]:
        if key is None and value is None:  # one product instead of three
            return nn.functional.linear(query, self.in_proj_weight, self.in_proj_bias).chunk(3, -1)
        T, B, E = query.shape
        key = query if key is None else check_tensor("key", key, (T if causal else "S", B, E), like=query)
        value = key if value is None else check_tensor("value", value, key.shape, like=query)
        biases = (None,) * 3 if self.in_proj_bias is None else self.in_proj_bias.chunk(3)
        parts = zip((query, key, value), self.in_proj_weight.chunk(3), biases, strict=True)
        return tuple(nn.functional.linear(x, W, b) for x, W, b in parts)

    def _attend(
        self, q: Tensor, k: Tensor, v: Tensor, allowed: Tensor | None, need_weights: bool
    ) -> tuple[Tensor, Tensor | None]:
        """Contexts of shape (B, N, T, D), and weights of shape (B, N, T, S) if asked for."""
        p = self.dropout if self.training else 0.0
        if not need_weights:
            context = nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=allowed, dropout_p=p)
            return context, None
        weights = attention_weights(q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5, allowed)
        return nn.functional.dropout(weights, p, self.training) @ v, weights

    def _split(self, x: Tensor) -> Tensor:
        """(T, B, E) as (B, N, T, D): each head's own slice of the features."""
        T, B, E = x.shape
        return x.view(T, B, self.num_heads, E // self.num_heads).permute(1, 2, 0, 3)

    def extra_repr(self) -> str:
        """The sizes, and options that are not at their default."""
        dropout = f", dropout={self.dropout}" if self.dropout else ""
        return f"{self.embed_dim}, {self.num_heads}{dropout}{', rotary=True' if self.rotary else ''}"


def allowed_keys(
    mask: Tensor | None, T: int, S: int, causal: bool, window: int | None, device: torch.device
) -> Tensor | None:
    """Which query may look at which key: booleans that broadcast to (B, N, T, S), or None where everything is allowed.

    Args:
        mask: of shape (S, B), or None.
        T: the number of queries.
        S: the number of keys.
        causal: whether query t is the key S - T + t and may look at no later one.
        window: how many keys up to its own it may look at. None: all.
        device: where the mask is made.
    """
    allowed = None if mask is None else mask.T[:, None, None]
    if check_choice("causal", causal, (True, False)):
        ago = torch.arange(S - T, S, device=device)[:, None] - torch.arange(S, device=device)
        reach = ago >= 0
        if window is not None:
            reach &= ago < check_number("window", window, at_least=1, integer=True)
        allowed = reach if allowed is None else allowed & reach
    return allowed


def check_past(past: Any, B: int, E: int) -> None:
    """Raise unless `past` holds keys and values of the same steps, each of shape (P, B, E)."""
    if not isinstance(past, KeyValue):
        raise TypeError(f"past must be a KeyValue that an earlier call returned, got {type(past).__name__}")
    check_tensor("past.k", past.k, ("P", B, E))
    check_tensor("past.v", past.v, past.k.shape, like=past.k)
