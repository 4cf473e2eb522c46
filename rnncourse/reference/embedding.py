"""The embedding: one row of a matrix for each symbol."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .._checks import check_array, check_ids


class EmbeddingCache(NamedTuple):
    """What `embedding_backward` needs."""

    ids: np.ndarray
    weight: np.ndarray


def embedding_forward(ids: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, EmbeddingCache]:
    r"""Look up the rows of `weight`: :math:`x_t = W^\top e_{i_t}`, with :math:`e_i` the i-th unit vector.

    Args:
        ids: integers in 0 … V-1, of any shape (…).
        weight: of shape (V, E), as `torch.nn.Embedding` stores it.

    Returns:
        The rows, of shape (…, E), and the cache for `embedding_backward`.

    Raises:
        TypeError: ids that are not integers, weights that are not floating point.
        ValueError: an id out of range, weights of another rank or not finite.

    Source: Bengio et al. (2003); chapter 04.
    """
    check_array("weight", weight, ("V", "E"))
    check_ids("ids", ids, (...,), weight.shape[0])
    return weight[ids], EmbeddingCache(ids, weight)


def embedding_backward(d_output: np.ndarray, cache: EmbeddingCache) -> dict[str, np.ndarray]:
    r"""Add up each symbol's gradients: :math:`dW_i = \sum_{t: i_t = i} dx_t`.

    Args:
        d_output: the loss's derivative by the looked-up rows, of shape (…, E).
        cache: what `embedding_forward` returned.

    Returns:
        A dict with `weight`, of shape (V, E); rows of symbols that did not occur are zero.

    Raises:
        TypeError: another dtype than the weights'.
        ValueError: a wrong shape, NaN or infinity.

    Source: chapter 04.
    """
    ids, weight = cache
    check_array("d_output", d_output, (*ids.shape, weight.shape[1]), like=weight)
    d_weight = np.zeros_like(weight)
    if ids.size:
        # Sorting brings equal symbols together: one sweep sums each one's rows.
        order = np.argsort(ids, axis=None, kind="stable")
        symbols, starts = np.unique(ids.flat[order], return_index=True)
        rows = d_output.reshape(ids.size, -1)[order]
        d_weight[symbols] = np.add.reduceat(rows, starts, axis=0)
    return {"weight": d_weight}
