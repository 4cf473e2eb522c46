"""What all forms of attention share: who may look where, weights by softmax, and a weighted mean of the values.

Whether a mask leaves every query a key is not looked at, because on a GPU that would wait for all that has been queued
before: a query without a key gets weights and a context of 0, and passes no gradient on.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from ..ops._tensors import check_lengths, check_tensor


def check_attention(queries: Any, keys: Any, values: Any, query_size: int, key_size: int, like: Tensor) -> None:
    """Raise unless queries are (T, B, Q), keys (S, B, K) and values (S, B, V), of `like`'s dtype and device."""
    check_tensor("queries", queries, ("T", "B", query_size), like=like)
    check_tensor("keys", keys, ("S", queries.shape[1], key_size), like=like)
    check_tensor("values", values, (len(keys), queries.shape[1], "V"), like=like)


def key_mask(mask: Any, lengths: Any, S: int, B: int, device: torch.device) -> Tensor | None:
    """Which keys exist: booleans of shape (S, B), from a mask or from lengths; None where both are None.

    Raises:
        TypeError: a mask that is no tensor of booleans, lengths that are no tensor of integers.
        ValueError: another shape, a length out of 1 … S, a mask and lengths.
    """
    if lengths is None:
        return None if mask is None else check_mask(mask, S, B).to(device)
    if mask is not None:
        raise ValueError("mask and lengths say the same: give one of them, got both")
    return torch.arange(S, device=device)[:, None] < check_lengths(lengths, S, B).to(device)


def check_mask(mask: Any, S: int, B: int) -> Tensor:
    """Return `mask` if it is a tensor of booleans of shape (S, B), else raise TypeError or ValueError."""
    if not isinstance(mask, Tensor) or mask.dtype != torch.bool:
        got = f"dtype {mask.dtype}" if isinstance(mask, Tensor) else type(mask).__name__
        raise TypeError(f"mask must be a boolean torch.Tensor of shape ({S}, {B}), got {got}")
    if mask.shape != (S, B):
        raise ValueError(f"mask must have shape ({S}, {B}), got {tuple(mask.shape)}")
    return mask


def draw_by_width(module: nn.Module) -> None:
    r"""Draw every parameter from :math:`U(\pm 1/\sqrt{n})`, with n the numbers that each of its rows is summed over."""
    for p in module.parameters():
        bound = 1 / math.sqrt(p.shape[-1])
        nn.init.uniform_(p, -bound, bound)


def attention_weights(scores: Tensor, allowed: Tensor | None) -> Tensor:
    r"""The softmax over what is allowed, :math:`\alpha_{ti} = e^{e_{ti}} / \sum_j e^{e_{tj}}`.

    Args:
        scores: e, of shape (…, T, S).
        allowed: booleans that broadcast to the scores. None: every query may look at every key.

    Returns:
        Of shape (…, T, S); 0 where not allowed.
    """
    if allowed is None:
        return scores.softmax(-1)
    # The lowest number and not -inf: a row without a key would be NaN, and its gradient too.
    lowest = torch.finfo(scores.dtype).min
    return scores.masked_fill(~allowed, lowest).softmax(-1).masked_fill(~allowed, 0.0)


def mix(scores: Tensor, values: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
    r"""Mix the values by the softmax of the scores, :math:`c_t = \sum_i \alpha_{ti} v_i`.

    Args:
        scores: of shape (B, T, S).
        values: of shape (S, B, V).
        mask: of shape (S, B), or None.

    Returns:
        The context, of shape (T, B, V), and the weights, of shape (B, T, S).
    """
    weights = attention_weights(scores, None if mask is None else mask.T[:, None])
    return (weights @ values.transpose(0, 1)).transpose(0, 1), weights
