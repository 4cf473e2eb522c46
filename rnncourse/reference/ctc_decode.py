r"""From CTC's scores to labels: the best path, and prefix beam search for the best label sequence.

The two differ: a label sequence's probability is the sum over all paths that spell it, and the best path may spell a
sequence that loses to another one with many middling paths.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .._checks import check_array, check_ids, check_number
from .cross_entropy import log_softmax

# A prefix's two log-probabilities: of the paths that end in the blank, and of those that end in its last label.
Beam = dict[tuple[int, ...], tuple[float, float]]


class Labelling(NamedTuple):
    """A decoded label sequence.

    Attributes:
        labels: the labels, without blanks.
        log_prob: the logarithm of the probability that the search found for it.

    Source: chapter 15.
    """

    labels: tuple[int, ...]
    log_prob: float


def ctc_greedy(logits: np.ndarray, *, blank: int = 0) -> Labelling:
    r"""Spell the likeliest path: the likeliest symbol of each step, repeats merged, blanks dropped.

    .. math::
        \pi_t = \arg\max_v p_t(v), \qquad \log p(\pi) = \sum_t \log p_t(\pi_t)

    Args:
        logits: one sequence's scores, of shape (T, V).
        blank: the blank's index.

    Returns:
        The labels, and the log-probability of that one path: a lower bound of the labels' own.

    Raises:
        TypeError: logits not floating point, blank not an integer.
        ValueError: another shape or no step, a blank out of range, NaN or infinity.

    Source: Graves et al. (2006), section 3.2; chapter 15.

    >>> logits = np.log(np.array([[0.6, 0.4], [0.6, 0.4]]))  # the blank is likelier at both steps
    >>> ctc_greedy(logits).labels
    ()
    """
    log_p = _log_probs(logits, blank)
    path = log_p.argmax(axis=1)
    changed = np.concatenate([[True], path[1:] != path[:-1]])
    return Labelling(tuple(path[changed & (path != blank)].tolist()), float(log_p.max(axis=1).sum()))


def ctc_beam_search(logits: np.ndarray, beam_size: int, *, blank: int = 0) -> list[Labelling]:
    r"""Search for the likeliest label sequences, keeping the best prefixes after each step.

    A prefix l is kept with two probabilities, of all paths so far that spell it and end in the blank (b) or in its last
    label (n). From one step to the next, with last(l) its last label and a any label:

    .. math::
        p_b(l) &\leftarrow (p_b(l) + p_n(l))\, p_t(\mathrm{blank}) \\
        p_n(l) &\leftarrow p_n(l)\, p_t(\mathrm{last}(l)) \\
        p_n(l\,a) &\mathrel{+}= \begin{cases} p_b(l)\, p_t(a) & a = \mathrm{last}(l) \\
        (p_b(l) + p_n(l))\, p_t(a) & \text{else} \end{cases}

    A label equal to the last one is a new label only after a blank. A beam that holds all prefixes gives the exact
    probability of every label sequence; a narrower one leaves out what passed through dropped prefixes.

    Args:
        logits: one sequence's scores, of shape (T, V).
        beam_size: how many prefixes are kept, at least 1.
        blank: the blank's index.

    Returns:
        The label sequences of the last beam, likeliest first (the smaller labels first among equals), with their
        log-probabilities: sums over the paths that the beam followed.

    Raises:
        TypeError: logits not floating point, beam_size or blank not an integer.
        ValueError: another shape or no step, a blank or beam_size out of range, NaN or infinity.

    Source: Hannun et al. (2014), without a language model; chapter 15.

    >>> logits = np.log(np.array([[0.6, 0.4], [0.6, 0.4]]))  # 0.4 0.4 + 0.4 0.6 + 0.6 0.4 = 0.64 spell one label
    >>> [(labels, round(np.exp(log_prob).item(), 6)) for labels, log_prob in ctc_beam_search(logits, 2)]
    [((1,), 0.64), ((), 0.36)]
    """
    check_number("beam_size", beam_size, at_least=1, integer=True)
    log_p = _log_probs(logits, blank)
    beam: Beam = {(): (0.0, -np.inf)}
    for log_p_t in log_p:
        new: Beam = {}
        for prefix, (log_b, log_n) in beam.items():
            both = np.logaddexp(log_b, log_n)
            last = prefix[-1] if prefix else None
            _add(new, prefix, both + log_p_t[blank], -np.inf if last is None else log_n + log_p_t[last])
            for a in range(len(log_p_t)):
                if a != blank:
                    _add(new, (*prefix, a), -np.inf, (log_b if a == last else both) + log_p_t[a])
        beam = dict(sorted(new.items(), key=lambda item: (-np.logaddexp(*item[1]), item[0]))[:beam_size])
    return [Labelling(prefix, float(np.logaddexp(*log_bn))) for prefix, log_bn in beam.items()]


def _add(beam: Beam, prefix: tuple[int, ...], log_b: float, log_n: float) -> None:
    """Add probabilities to a prefix's two, unless both are zero, as they are for a repeat without a blank."""
    if log_b > -np.inf or log_n > -np.inf:
        b, n = beam.get(prefix, (-np.inf, -np.inf))
        beam[prefix] = np.logaddexp(b, log_b), np.logaddexp(n, log_n)


def _log_probs(logits: np.ndarray, blank: int) -> np.ndarray:
    """Log-probabilities in float64, of checked scores."""
    check_array("logits", logits, ("T", "V"))
    if len(logits) == 0:
        raise ValueError(f"logits must have T >= 1, got shape {logits.shape}")
    check_ids("blank", np.array(check_number("blank", blank, integer=True)), (), logits.shape[1])
    return log_softmax(logits.astype(np.float64))
