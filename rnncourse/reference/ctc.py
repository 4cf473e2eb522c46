r"""Connectionist temporal classification: the loss of a labelling whose alignment in time nobody gave.

A path names one symbol a step, or the blank. It spells a label sequence: merge repeats, then drop blanks. The loss is
the negative log-probability of all paths that spell the target together; decoding is in `ctc_decode.py`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .._checks import check_array, check_choice, check_ids, check_number
from .cross_entropy import log_softmax
from .masks import length_mask


class CTCCache(NamedTuple):
    """What `ctc_backward` needs; `states` are the targets with blanks between, `skip` where one may be jumped over."""

    log_p: np.ndarray
    emitted: np.ndarray
    log_alpha: np.ndarray
    log_prob: np.ndarray
    states: np.ndarray
    skip: np.ndarray
    input_lengths: np.ndarray
    target_lengths: np.ndarray
    feasible: np.ndarray
    share: np.ndarray
    reduction: str


def ctc_forward(
    logits: np.ndarray,
    targets: np.ndarray,
    input_lengths: np.ndarray,
    target_lengths: np.ndarray,
    *,
    blank: int = 0,
    reduction: str = "mean",
    infeasible: str = "raise",
) -> tuple[float | np.ndarray, CTCCache]:
    r"""Negative log-probability of the targets, summed over all their alignments by dynamic programming.

    For each sequence, with S and T its own target's and input's length, s the target with a blank before, between and
    after its labels (2S + 1 states), and alpha_t(u) the probability of all beginnings of paths that are in state u at
    step t:

    .. math::
        \alpha_1(1) &= p_1(s_1), \qquad \alpha_1(2) = p_1(s_2) \\
        \alpha_t(u) &= \bigl( \alpha_{t-1}(u) + \alpha_{t-1}(u-1) + [s_u \ne s_{u-2}]\, \alpha_{t-1}(u-2) \bigr)\,
        p_t(s_u) \\
        P &= \alpha_T(2S+1) + \alpha_T(2S), \qquad \ell = -\log P

    computed in logarithms. The jump over one state leads from a label to a different one: never from blank to blank,
    nor over the blank that keeps two equal labels apart. Conventions are those of
    `torch.nn.functional.ctc_loss`, from scores in place of log-probabilities.

    Args:
        logits: scores, of shape (T, B, V), the blank's among them.
        targets: labels, integers in 0 … V-1, of shape (B, S); any may stand beyond a target's length.
        input_lengths: integers of shape (B,), each in 1 … T.
        target_lengths: integers of shape (B,), each in 0 … S.
        blank: the blank's index; no label may be it.
        reduction: "none" returns the losses, "sum" their sum, "mean" their mean over the batch after each was divided
            by its target's length (by 1 where that is 0).
        infeasible: what to do with a target that no path of its input's length spells: it needs a step for each label
            and one for the blank between two equal ones. "raise"; "inf" gives the loss infinity; "zero" gives 0. The
            last two give the gradient 0.

    Returns:
        The loss, a float, or with "none" an array of shape (B,); the cache for `ctc_backward`.

    Raises:
        TypeError: logits not floating point, other arrays not integers.
        ValueError: a wrong shape, a label or length out of range, a label that is the blank, NaN or infinity, an
            unknown choice, an infeasible target under "raise".

    Source: Graves et al. (2006), section 4.1; chapter 15.

    >>> logits = np.zeros((2, 1, 2))  # blank and one label, equally likely: 3 of 4 paths spell it
    >>> loss, _ = ctc_forward(logits, np.array([[1]]), np.array([2]), np.array([1]))
    >>> print(round(np.exp(-loss), 6))
    0.75
    """
    check_array("logits", logits, ("T", "B", "V"))
    T, B, V = logits.shape
    if T == 0 or B == 0:
        raise ValueError(f"logits must have T >= 1 and B >= 1, got shape {logits.shape}")
    check_ids("blank", np.array(check_number("blank", blank, integer=True)), (), V)
    check_ids("targets", targets, (B, "S"), V)
    check_ids("target_lengths", target_lengths, (B,), targets.shape[1] + 1)
    check_ids("input_lengths", input_lengths, (B,), T + 1)
    if input_lengths.min() < 1:
        raise ValueError(f"input_lengths must lie in 1 … {T}, got {int(input_lengths.min())}")
    check_choice("reduction", reduction, ("none", "sum", "mean"))
    check_choice("infeasible", infeasible, ("raise", "inf", "zero"))
    read = np.arange(targets.shape[1]) < target_lengths[:, None]
    if (read & (targets == blank)).any():
        raise ValueError(f"targets must not hold the blank, {blank}, within their lengths")
    needed = target_lengths + (read[:, 1:] & (targets[:, 1:] == targets[:, :-1])).sum(1)
    feasible = needed <= input_lengths
    if infeasible == "raise" and not feasible.all():
        b = int(np.argmin(feasible))
        raise ValueError(f"input_lengths[{b}] must be at least {needed[b]} for targets[{b}], got {input_lengths[b]}")

    states = np.full((B, 2 * targets.shape[1] + 1), blank)
    states[:, 1::2] = targets
    skip = np.zeros(states.shape, bool)
    skip[:, 2:] = states[:, 2:] != states[:, :-2]

    log_p = log_softmax(logits)
    emitted = np.take_along_axis(log_p, states[None], axis=2)  # log p_t(s_u), of shape (T, B, 2S + 1)
    log_alpha = np.full_like(emitted, -np.inf)
    log_alpha[0, :, :2] = emitted[0, :, :2]
    for t in range(1, T):
        before = log_alpha[t - 1]
        jumped = np.where(skip, _shift(before, 2), -np.inf)
        log_alpha[t] = np.logaddexp(np.logaddexp(before, _shift(before, 1)), jumped) + emitted[t]

    rows, end = np.arange(B), 2 * target_lengths
    last = log_alpha[input_lengths - 1, rows]
    # An empty target has no last label, only the blank.
    log_prob = np.where(end > 0, np.logaddexp(last[rows, end], last[rows, end - 1]), last[rows, end])
    losses = np.where(feasible, -log_prob, np.inf if infeasible == "inf" else 0)
    share = {"none": np.ones(B), "sum": np.ones(B), "mean": 1 / (B * np.maximum(target_lengths, 1))}[reduction]
    cache = CTCCache(
        log_p, emitted, log_alpha, log_prob, states, skip, input_lengths, target_lengths, feasible, share, reduction
    )
    return losses if reduction == "none" else float(losses @ share), cache


def ctc_backward(cache: CTCCache, d_losses: np.ndarray | None = None) -> np.ndarray:
    r"""The loss's derivative by the logits: each symbol's probability less how often the alignments use it.

    With beta_t(u) the probability of all ends of paths after step t, given state u at step t:

    .. math::
        \beta_t(u) &= \beta_{t+1}(u)\, p_{t+1}(s_u) + \beta_{t+1}(u+1)\, p_{t+1}(s_{u+1}) +
        [s_{u+2} \ne s_u]\, \beta_{t+1}(u+2)\, p_{t+1}(s_{u+2}) \\
        \gamma_t(u) &= \alpha_t(u)\, \beta_t(u) / P, \qquad
        dz_t(v) = p_t(v) - \sum_{u:\, s_u = v} \gamma_t(u)

    starting at beta_T = 1 in the last two states. gamma_t(u) is the posterior probability of state u at step t.

    Args:
        cache: what `ctc_forward` returned.
        d_losses: with reduction "none", the derivatives by the losses, of shape (B,); None: 1 each.

    Returns:
        Of shape (T, B, V); zero beyond an input's length and for infeasible targets.

    Raises:
        TypeError: d_losses of another type or dtype.
        ValueError: d_losses of a wrong shape, not finite, or given although the losses were reduced.

    Source: Graves et al. (2006), section 4.2; chapter 15.
    """
    log_p, emitted, log_alpha, log_prob, states, skip, input_lengths, target_lengths, feasible, share, reduction = cache
    T, B, U = emitted.shape
    if d_losses is not None:
        if reduction != "none":
            raise ValueError(f"d_losses must be None unless reduction is 'none', got reduction {reduction!r}")
        share = check_array("d_losses", d_losses, (B,), like=log_p)

    rows = np.arange(B)
    at_end = np.full((B, U), -np.inf, log_p.dtype)
    at_end[rows, 2 * target_lengths] = 0
    at_end[rows, np.maximum(2 * target_lengths - 1, 0)] = 0
    log_beta = np.full_like(emitted, -np.inf)
    for t in reversed(range(T)):
        if t + 1 < T:
            after = log_beta[t + 1] + emitted[t + 1]
            jumped = _shift(np.where(skip, after, -np.inf), -2)
            log_beta[t] = np.logaddexp(np.logaddexp(after, _shift(after, -1)), jumped)
        log_beta[t, input_lengths == t + 1] = at_end[input_lengths == t + 1]

    gamma = np.exp(log_alpha + log_beta - np.where(feasible, log_prob, 0)[:, None])
    d_logits = np.exp(log_p)
    for u in range(U):  # one state at a time, since several may hold the same symbol
        d_logits[:, rows, states[:, u]] -= gamma[:, :, u]
    within = length_mask(input_lengths, T, B) & feasible[:, None]
    return np.where(within, d_logits * share[:, None].astype(log_p.dtype), 0)


def _shift(a: np.ndarray, by: int) -> np.ndarray:
    """Move log-probabilities of shape (B, U) `by` states to the right (left if negative); what comes in is log 0."""
    moved = np.full_like(a, -np.inf)
    if by > 0:
        moved[:, by:] = a[:, :-by]
    else:
        moved[:, :by] = a[:, -by:]
    return moved
