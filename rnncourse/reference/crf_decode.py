r"""From a conditional random field's scores to tags: the likeliest tag sequence, by Viterbi's algorithm."""

from __future__ import annotations

import numpy as np

from .crf import check_crf
from .masks import length_mask
from .scan import Params


def crf_viterbi(
    emissions: np.ndarray, params: Params, *, lengths: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    r"""The tags of the highest score, by dynamic programming.

    .. math::
        v_1(j) = a_j + e_1(j), \qquad v_t(j) = \max_i \bigl( v_{t-1}(i) + A_{ij} \bigr) + e_t(j), \qquad
        \max_y s(y) = \max_j \bigl( v_T(j) + b_j \bigr)

    and the tags by following the maxima back. Of equal scores the tag with the smaller number wins.

    Args:
        emissions: e, of shape (T, B, K).
        params: as for `crf_forward`.
        lengths: integers of shape (B,), each in 1 … T. None: all have T.

    Returns:
        `tags` of shape (T, B), -1 beyond a sequence's length; `scores` of shape (B,).

    Raises:
        TypeError: an argument of another type, or arrays of different dtypes.
        ValueError: a wrong shape, a length out of range, NaN or infinity, other keys.

    Source: Viterbi (1967); chapter 15.
    """
    lengths = check_crf(emissions, params, lengths)
    T, B, K = emissions.shape
    A, rows = params["transitions"], np.arange(B)
    v = params["start_transitions"] + emissions[0]
    best_before = np.tile(np.arange(K), (T, B, 1))  # where a sequence has ended, each tag points at itself
    for t in range(1, T):
        candidates = v[:, :, None] + A
        on = (lengths > t)[:, None]
        best_before[t] = np.where(on, candidates.argmax(1), best_before[t])
        v = np.where(on, candidates.max(1) + emissions[t], v)
    final = v + params["end_transitions"]
    tags = np.empty((T, B), np.int64)
    tags[-1] = final.argmax(1)
    for t in reversed(range(1, T)):
        tags[t - 1] = best_before[t, rows, tags[t]]
    return np.where(length_mask(lengths, T, B)[:, :, 0], tags, -1), final.max(1)
