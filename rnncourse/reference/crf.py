r"""The linear-chain conditional random field: a softmax over whole tag sequences, forward and backward by hand.

The likeliest tags are found in `crf_decode`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .._checks import check_array, check_choice, check_ids, check_params
from .masks import length_mask
from .scan import Params


class CRFCache(NamedTuple):
    """What `crf_backward` needs."""

    emissions: np.ndarray
    tags: np.ndarray
    params: Params
    lengths: np.ndarray
    log_alpha: np.ndarray
    log_Z: np.ndarray
    share: np.ndarray
    reduction: str


def crf_forward(
    emissions: np.ndarray,
    tags: np.ndarray,
    params: Params,
    *,
    lengths: np.ndarray | None = None,
    reduction: str = "mean",
) -> tuple[float | np.ndarray, CRFCache]:
    r"""Negative log-probability of the right tags among all tag sequences.

    .. math::
        s(y) = a_{y_1} + \sum_{t=1}^{T} e_t(y_t) + \sum_{t=2}^{T} A_{y_{t-1} y_t} + b_{y_T}, \qquad
        \ell = \log Z - s(y), \qquad Z = \sum_{y'} e^{s(y')}

    Args:
        emissions: e, each tag's score at each step, of shape (T, B, K): a network's output.
        tags: y, integers in 0 … K-1, of shape (T, B); any may stand beyond a sequence's length.
        params: `transitions`, A, of shape (K, K), the score of tag j right after tag i in row i and column j;
            `start_transitions`, a, and `end_transitions`, b, of shape (K,). For a forbidden move use a large negative
            number, such as -1e4.
        lengths: integers of shape (B,), each in 1 … T: how many steps each sequence has. None: all have T.
        reduction: "none" returns each sequence's loss, "sum" their sum, "mean" their mean over the batch.

    Returns:
        The loss, a float, or with "none" an array of shape (B,); the cache for `crf_backward`.

    Raises:
        TypeError: an argument of another type, or arrays of different dtypes.
        ValueError: a wrong shape or an empty axis, a tag or length out of range, NaN or infinity, other keys, an
            unknown reduction.

    Source: Lafferty, McCallum and Pereira (2001); chapter 15.
    """
    lengths = check_crf(emissions, params, lengths)
    T, B, K = emissions.shape
    check_ids("tags", tags, (T, B), K)
    check_choice("reduction", reduction, ("none", "sum", "mean"))
    log_alpha, log_Z = _forward(emissions, params, lengths)
    losses = log_Z - _score(emissions, tags, params, lengths)
    share = np.full(B, 1 / B if reduction == "mean" else 1.0)
    cache = CRFCache(emissions, tags, params, lengths, log_alpha, log_Z, share, reduction)
    return losses if reduction == "none" else float(losses @ share), cache


def crf_backward(cache: CRFCache, d_losses: np.ndarray | None = None) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    r"""The loss's derivatives: what the model expects less what was there.

    With beta_t(i) the sum over all endings after step t, given tag i at step t:

    .. math::
        \beta_T(i) &= e^{b_i}, \qquad \beta_t(i) = \sum_j e^{A_{ij} + e_{t+1}(j)} \beta_{t+1}(j) \\
        P(y_t = i) &= \alpha_t(i)\, \beta_t(i) / Z, \qquad
        P(y_t = i, y_{t+1} = j) = \alpha_t(i)\, e^{A_{ij} + e_{t+1}(j)}\, \beta_{t+1}(j) / Z \\
        de_t(i) &= P(y_t = i) - [y_t = i], \qquad
        dA_{ij} = \sum_{t < T} \bigl( P(y_t = i, y_{t+1} = j) - [y_t = i, y_{t+1} = j] \bigr) \\
        da_i &= P(y_1 = i) - [y_1 = i], \qquad db_i = P(y_T = i) - [y_T = i]

    Args:
        cache: what `crf_forward` returned.
        d_losses: with reduction "none", the derivatives by the losses, of shape (B,); None: 1 each.

    Returns:
        `d_emissions` of shape (T, B, K), zero beyond a sequence's length; `grads` under the keys of `params`.

    Raises:
        TypeError: d_losses of another type or dtype.
        ValueError: d_losses of a wrong shape, not finite, or given although the losses were reduced.

    Source: Lafferty, McCallum and Pereira (2001); chapter 15.
    """
    e, tags, params, lengths, log_alpha, log_Z, share, reduction = cache
    T, B, _ = e.shape
    if d_losses is not None:
        if reduction != "none":
            raise ValueError(f"d_losses must be None unless reduction is 'none', got reduction {reduction!r}")
        share = check_array("d_losses", d_losses, (B,), like=e)
    share = share.astype(e.dtype)

    A = params["transitions"]
    d_e, d_A = np.zeros_like(e), np.zeros_like(A)
    log_beta = np.tile(params["end_transitions"], (B, 1))
    for t in reversed(range(T)):
        on = np.flatnonzero(lengths > t + 1)  # the sequences that have a next step
        if on.size:
            after = (e[t + 1, on] + log_beta[on])[:, None]
            pair = np.exp(log_alpha[t, on, :, None] + A + after - log_Z[on, None, None])
            pair[np.arange(on.size), tags[t, on], tags[t + 1, on]] -= 1
            d_A += np.tensordot(share[on], pair, 1)
            log_beta[on] = _log_sum_exp(A + after, axis=2)
        on = np.flatnonzero(lengths > t)
        unary = np.exp(log_alpha[t, on] + log_beta[on] - log_Z[on, None])
        unary[np.arange(on.size), tags[t, on]] -= 1
        d_e[t, on] = share[on, None] * unary
    grads = {
        "transitions": d_A,
        "start_transitions": d_e[0].sum(0),
        "end_transitions": d_e[lengths - 1, np.arange(B)].sum(0),
    }
    return d_e, grads


def _score(e: np.ndarray, tags: np.ndarray, params: Params, lengths: np.ndarray) -> np.ndarray:
    """Of shape (B,): s(y)."""
    T, B, _ = e.shape
    rows, mask = np.arange(B), length_mask(lengths, T, B)[:, :, 0]
    emitted = np.take_along_axis(e, tags[:, :, None], axis=2)[:, :, 0] * mask
    moved = params["transitions"][tags[:-1], tags[1:]] * mask[1:]
    ends = params["start_transitions"][tags[0]] + params["end_transitions"][tags[lengths - 1, rows]]
    return emitted.sum(0) + moved.sum(0) + ends


def _forward(e: np.ndarray, params: Params, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    r"""The logarithms of alpha, of shape (T, B, K), and of Z, of shape (B,).

    .. math::
        \alpha_1(j) = e^{a_j + e_1(j)}, \qquad \alpha_t(j) = \sum_i \alpha_{t-1}(i)\, e^{A_{ij}}\, e^{e_t(j)}, \qquad
        Z = \sum_j \alpha_T(j)\, e^{b_j}
    """
    log_alpha = np.empty_like(e)
    log_alpha[0] = params["start_transitions"] + e[0]
    for t in range(1, len(e)):
        log_alpha[t] = _log_sum_exp(log_alpha[t - 1][:, :, None] + params["transitions"], axis=1) + e[t]
    last = log_alpha[lengths - 1, np.arange(e.shape[1])]
    return log_alpha, _log_sum_exp(last + params["end_transitions"], axis=1)


def _log_sum_exp(a: np.ndarray, axis: int) -> np.ndarray:
    top = a.max(axis=axis, keepdims=True)
    return (np.log(np.exp(a - top).sum(axis=axis, keepdims=True)) + top).squeeze(axis)


def check_crf(emissions: np.ndarray, params: Params, lengths: np.ndarray | None) -> np.ndarray:
    """Raise unless emissions, params and lengths fit together; return the lengths, T each where None."""
    check_array("emissions", emissions, ("T", "B", "K"))
    T, B, K = emissions.shape
    if min(T, B, K) == 0:
        raise ValueError(f"emissions must have T, B and K at least 1, got shape {emissions.shape}")
    shapes = {"transitions": (K, K), "start_transitions": (K,), "end_transitions": (K,)}
    check_params(params, shapes, emissions)
    lengths = np.full(B, T) if lengths is None else lengths
    length_mask(lengths, T, B)
    return lengths
