r"""Beam search: the likeliest outputs of any model that gives the next symbol's log-probabilities."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .._checks import check_choice, check_ids, check_number

State = tuple[np.ndarray, ...]
# From the last symbols, of shape (K,), and the states of K hypotheses to their (K, V) log-probabilities and new states.
Step = Callable[[np.ndarray, State], tuple[np.ndarray, State]]

# By how much log-probabilities may exceed zero: float32's rounding.
_ROUNDING = 1e-5


class Hypothesis(NamedTuple):
    """A decoded sequence.

    Attributes:
        ids: the symbols after `start`; the last one is `end` if the hypothesis is finished.
        log_prob: the sum of their log-probabilities.
        score: `log_prob` over the length's penalty: what hypotheses are ranked by.
        finished: whether it came to its end; otherwise it was cut off at `max_length`.

    Source: chapter 23.
    """

    ids: tuple[int, ...]
    log_prob: float
    score: float
    finished: bool


def beam_search(
    step: Step,
    state: State,
    *,
    start: int,
    end: int,
    beam_size: int,
    max_length: int,
    alpha: float = 0.0,
    penalty: str = "wu",
    n_best: int = 1,
) -> list[Hypothesis]:
    r"""Keep the `beam_size` likeliest beginnings of each length; return the best of all that came to an end.

    Among hypotheses y of different lengths the sum of log-probabilities favours short ones, so they are ranked by

    .. math::
        s(y) = \frac{\log P(y)}{\mathrm{lp}(|y|)}, \qquad
        \mathrm{lp}_{\mathrm{wu}}(n) = \Bigl( \frac{5 + n}{6} \Bigr)^{\alpha}, \qquad
        \mathrm{lp}_{\mathrm{plain}}(n) = n^{\alpha}

    with the end symbol counted in n. At each step all continuations of the beam compete for its places; those that end
    are set aside with the places they won, the others go on. The search stops when none goes on, when no beginning that
    goes on can still come among the n best (its score is at most its log-probability so far over lp of the greatest
    length), or at `max_length`, where what has not ended is cut off and counts as it is. With `beam_size=1` this is
    greedy decoding; with a beam as wide as there are sequences it is exact.

    Args:
        step: `(ids, state) -> (log_probs, state)`: ids, of shape (K,), are the last symbols of K hypotheses; log_probs,
            of shape (K, V), those of the next symbol. -inf forbids one. Must not change its arguments.
        state: the state before `start`, arrays with the hypotheses on the first axis, here of length 1. `step` gets
            them with K hypotheses and returns them so. () where there is none.
        start: the symbol that `step` reads first.
        end: the symbol that ends a sequence.
        beam_size: K at most, at least 1.
        max_length: the greatest number of symbols, the end among them, at least 1.
        alpha: how strongly length is made up for, at least 0. 0: not at all; 1 with "plain": the mean log-probability.
        penalty: "wu" or "plain".
        n_best: how many hypotheses to return, at least 1; fewer if the search did not meet so many.

    Returns:
        The best hypotheses, highest score first; of equal ones, the one found first.

    Raises:
        TypeError: an argument, or what `step` returned, of another type.
        ValueError: a number out of range, an unknown penalty; from `step`: a wrong shape, NaN, log-probabilities above
            0, or -inf for all of a hypothesis's continuations.

    Source: Sutskever, Vinyals and Le (2014) for the search; Wu et al. (2016), equation 14, for the penalty; chapter 23.

    >>> p = np.array([[0, 0.6, 0.4], [0.1, 0.45, 0.45], [0.9, 0.05, 0.05]])  # p[i, j]: j after i; 0 starts and ends
    >>> step = lambda ids, state: (np.log(np.maximum(p[ids], 1e-9)), state)
    >>> for beam_size in (1, 2):  # the greedy choice of 1 is a mistake
    ...     best = beam_search(step, (), start=0, end=0, beam_size=beam_size, max_length=3)[0]
    ...     print(best.ids, round(np.exp(best.log_prob), 2))
    (1, 1, 1) 0.12
    (2, 0) 0.36
    """
    _check_state("state", state, 1)
    for name, number in {"beam_size": beam_size, "max_length": max_length, "n_best": n_best}.items():
        check_number(name, number, at_least=1, integer=True)
    for name, symbol in {"start": start, "end": end}.items():
        check_number(name, symbol, at_least=0, integer=True)
    check_number("alpha", alpha, at_least=0)
    check_choice("penalty", penalty, ("wu", "plain"))

    def lp(n: int) -> float:
        return float((5 + n) / 6 if penalty == "wu" else n) ** alpha

    live, log_prob = [()], np.zeros(1)
    done: list[Hypothesis] = []
    for n in range(1, max_length + 1):
        log_p, state = step(np.array([y[-1] if y else start for y in live]), state)
        _check_step(log_p, state, len(live), end)
        totals = (log_prob[:, None] + log_p).ravel()
        places = np.argsort(-totals, kind="stable")[:beam_size]
        places = places[totals[places] > -np.inf]
        log_prob, parents, symbols = totals[places], *np.divmod(places, log_p.shape[1])
        grown = [(*live[k], int(symbol)) for k, symbol in zip(parents, symbols, strict=True)]
        ended = symbols == end
        done += [_hypothesis(grown[i], log_prob[i], lp(n), True) for i in np.flatnonzero(ended)]
        live, log_prob = [grown[i] for i in np.flatnonzero(~ended)], log_prob[~ended]
        state = tuple(s[parents[~ended]] for s in state)
        done.sort(key=lambda hypothesis: -hypothesis.score)
        if not live or (len(done) >= n_best and log_prob[0] / lp(max_length) <= done[n_best - 1].score):
            break
    else:
        done += [_hypothesis(y, total, lp(n), False) for y, total in zip(live, log_prob, strict=True)]
    return sorted(done, key=lambda hypothesis: -hypothesis.score)[:n_best]


def _hypothesis(ids: tuple[int, ...], log_prob: float, lp: float, finished: bool) -> Hypothesis:
    return Hypothesis(ids, float(log_prob), float(log_prob) / lp, finished)


def _check_state(name: str, state: State, K: int) -> None:
    if not isinstance(state, tuple):
        raise TypeError(f"{name} must be a tuple of arrays, got {type(state).__name__}")
    for k, s in enumerate(state):
        if not isinstance(s, np.ndarray):
            raise TypeError(f"{name}[{k}] must be a numpy.ndarray, got {type(s).__name__}")
        if s.ndim == 0 or len(s) != K:
            raise ValueError(f"{name}[{k}] must have shape ({K}, …), got {s.shape}")


def _check_step(log_p: np.ndarray, state: State, K: int, end: int) -> None:
    """Raise unless a step returned log-probabilities of shape (K, V) and a state of K hypotheses."""
    if not isinstance(log_p, np.ndarray) or not np.issubdtype(log_p.dtype, np.floating):
        raise TypeError(f"step's log_probs must be a floating-point numpy.ndarray, got {type(log_p).__name__}")
    if log_p.ndim != 2 or len(log_p) != K:
        raise ValueError(f"step's log_probs must have shape ({K}, V), got {log_p.shape}")
    check_ids("end", np.array(end), (), log_p.shape[1])
    top = log_p.max(1)
    if not ((top > -np.inf) & (top <= _ROUNDING)).all():
        raise ValueError(f"step's log_probs must be at most 0 and some of each row above -inf, got the maxima {top}")
    _check_state("step's state", state, K)
