r"""From scores to the distribution that the next symbol is drawn from: temperature, top-k, top-p."""

from __future__ import annotations

import torch
from torch import Tensor

from rnncourse._checks import check_number


def truncated(
    log_p: Tensor, *, temperature: float = 1.0, top_k: int | None = None, top_p: float | None = None
) -> Tensor:
    r"""Sharpen or flatten a distribution, then keep its likeliest symbols.

    .. math::
        q(w) \propto p(w)^{1/\tau}, \qquad
        q'(w) = \frac{q(w)\,[w \in A]}{\sum_{v \in A} q(v)}

    With the symbols ranked by q (of equal ones the lower id first), A is, after `top_k`, the first k of them; then,
    after `top_p`, the fewest of those that together have at least the part p of what they have.

    Args:
        log_p: scores, log-probabilities up to a constant, of shape (…, V), V at least 1; -inf forbids a symbol.
        temperature: tau, at least 0. Below 1 favours likely symbols, above 1 evens them out; 0 keeps the likeliest
            alone, as `top_k=1` does.
        top_k: k, in 1 … V. None: all.
        top_p: p, above 0 and at most 1. None or 1: all.

    Returns:
        Probabilities q', of the shape of `log_p`, float64; what is not kept has exactly 0.

    Raises:
        TypeError: an argument of another type.
        ValueError: a number out of its range.

    Source: Fan et al. (2018), top-k; Holtzman et al. (2020), top-p, "nucleus"; chapter 07.

    >>> truncated(torch.tensor([0.5, 0.3, 0.2]).log(), top_p=0.6).round(decimals=4).tolist()
    [0.625, 0.375, 0.0]
    """
    check_choices(log_p.shape[-1], temperature, top_k, top_p)
    log_p = log_p.double()
    log_p = log_p - log_p.max(-1, keepdim=True).values  # so that a tiny temperature gives -inf and not NaN
    if temperature == 0:
        return _only(log_p.argmax(-1, keepdim=True), log_p)
    q = (log_p / temperature).softmax(-1)
    if top_k is None and (top_p is None or top_p == 1):
        return q
    ranked, order = q.sort(dim=-1, descending=True, stable=True)
    if top_k is not None:
        ranked = ranked[..., :top_k] / ranked[..., :top_k].sum(-1, keepdim=True)
        order = order[..., :top_k]
    if top_p is not None and top_p < 1:
        before = ranked.cumsum(-1) - ranked
        ranked = ranked.where((before < top_p).cumprod(-1).bool(), 0.0)  # the first has 0 before it
        ranked = ranked / ranked.sum(-1, keepdim=True)
    return torch.zeros_like(q).scatter(-1, order, ranked)


def draw(p: Tensor, generator: torch.Generator) -> Tensor:
    """One symbol a row, by the inverse of the cumulative distribution; never one of probability 0.

    Args:
        p: probabilities of shape (B, V), each row's sum 1 but for rounding.
        generator: what the B uniform numbers come from.

    Returns:
        int64 of shape (B,).
    """
    cumulative = p.cumsum(-1)
    u = torch.rand(len(p), 1, dtype=p.dtype, device=generator.device, generator=generator).to(p.device)
    return (cumulative[:, :-1] <= u * cumulative[:, -1:]).sum(-1)


def check_choices(V: int, temperature: float, top_k: int | None, top_p: float | None) -> None:
    """Raise TypeError or ValueError unless these can truncate a distribution over V symbols.

    Args:
        V: the number of symbols.
        temperature: as in `truncated`.
        top_k: as in `truncated`.
        top_p: as in `truncated`.
    """
    check_number("temperature", temperature, at_least=0)
    if top_k is not None:
        check_number("top_k", top_k, at_least=1, at_most=V, integer=True)
    if top_p is not None:
        check_number("top_p", top_p, above=0, at_most=1)


def _only(index: Tensor, like: Tensor) -> Tensor:
    return torch.zeros_like(like).scatter(-1, index, 1.0)
