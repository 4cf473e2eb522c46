"""Pruning as masks of zeros and ones: `weight * mask` is the pruned weight.

A mask says what stays. Training goes on with the product, or with the mask applied after every step. Chapters 08 and
21.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from .._checks import check_array, check_dtype, check_mapping, check_number, check_rng, check_sizes


def magnitude_mask(weight: np.ndarray, sparsity: float) -> np.ndarray:
    r"""Keep the weights of largest absolute value: `torch.nn.utils.prune.l1_unstructured`.

    .. math::
        m_k = [\,\mathrm{rank}_k > \mathrm{round}(s N)\,]

    with rank 1 for the entry of smallest absolute value and N for the largest.

    Args:
        weight: an array of any shape.
        sparsity: s, the share of entries to remove, from 0 to 1; the number is rounded to a whole one (half to even).

    Returns:
        Zeros and ones in the shape and dtype of `weight`. Of equal absolute values the first ones, in C order, are
        removed first.

    Raises:
        TypeError: not a floating-point array, or `sparsity` not a number.
        ValueError: NaN or infinity, or `sparsity` outside 0 … 1.

    Source: Han, Pool, Tran and Dally (2015); chapter 08.

    >>> magnitude_mask(np.array([[0.3, -2.0], [0.1, 0.5]]), 0.5)
    array([[0., 1.],
           [0., 1.]])
    """
    check_array("weight", weight, (...,))
    removed = np.argsort(np.abs(weight), axis=None, kind="stable")[: _count(weight.size, sparsity)]
    return _without(removed, weight.shape, weight.dtype)


def global_magnitude_masks(weights: Mapping[str, np.ndarray], sparsity: float) -> dict[str, np.ndarray]:
    r"""Keep the weights of largest absolute value among several arrays: `torch.nn.utils.prune.global_unstructured`.

    .. math::
        m_k = [\,\mathrm{rank}_k > \mathrm{round}(s N)\,]

    with the ranks and the number N of entries taken over all arrays together.

    An array of small weights loses more than its share, perhaps all. That is meant where the arrays are of one scale.

    Args:
        weights: arrays by name, of any shapes and of one dtype.
        sparsity: s, the share of all entries together to remove, from 0 to 1; rounded as by `magnitude_mask`.

    Returns:
        Masks under the keys of `weights`. Of equal absolute values the first ones, in the order of the mapping and then
        in C order, are removed first.

    Raises:
        TypeError: not a mapping of floating-point arrays of one dtype, or `sparsity` not a number.
        ValueError: no array, NaN or infinity, or `sparsity` outside 0 … 1.

    Source: Han, Pool, Tran and Dally (2015); chapter 21.

    >>> global_magnitude_masks({"a": np.array([0.3, -2.0]), "b": np.array([0.1, 0.2])}, 0.75)
    {'a': array([0., 1.]), 'b': array([0., 0.])}
    """
    check_mapping("weights", weights)
    if not weights:
        raise ValueError("weights must hold at least one array, got none")
    first = next(iter(weights.values()))
    for name, weight in weights.items():
        check_array(f"weights[{name!r}]", weight, (...,), like=first)
    mask = magnitude_mask(np.concatenate([weight.ravel() for weight in weights.values()]), sparsity)
    ends = np.cumsum([weight.size for weight in weights.values()])[:-1]
    parts = zip(weights.items(), np.split(mask, ends), strict=True)
    return {name: part.reshape(weight.shape) for (name, weight), part in parts}


def random_mask(
    rng: np.random.Generator, shape: tuple[int, ...], sparsity: float, dtype: Any = np.float64
) -> np.ndarray:
    r"""Keep weights drawn by lot, all equally likely: the control for `magnitude_mask`.

    .. math::
        m \text{ uniform on } \{0, 1\}^N \text{ with } \textstyle\sum_k m_k = N - \mathrm{round}(s N)

    Args:
        rng: the generator to draw from.
        shape: the mask's shape.
        sparsity: s, the share of entries to remove, from 0 to 1; exactly as many as `magnitude_mask` removes.
        dtype: float32 or float64.

    Returns:
        Zeros and ones, of shape `shape`.

    Raises:
        TypeError: `sparsity` is not a number, or `dtype` another one.
        ValueError: `sparsity` outside 0 … 1.

    Source: torch.nn.utils.prune.random_unstructured; chapter 08.
    """
    size = math.prod(check_sizes("shape", shape))
    removed = check_rng(rng).permutation(size)[: _count(size, sparsity)]
    return _without(removed, shape, check_dtype(dtype))


def unit_mask(weight: np.ndarray, sparsity: float) -> np.ndarray:
    r"""Remove whole units of a recurrent layer: those whose incoming recurrent weights are smallest.

    .. math::
        u_i = [\,\mathrm{rank}_i > \mathrm{round}(s H)\,], \qquad M_{ij} = u_i u_j

    with rank 1 for the unit whose row of W_hh has the smallest Euclidean norm.

    A removed unit's row and its column become zero, so it neither hears the other units nor is heard by them.

    Args:
        weight: a recurrent matrix, of shape (H, H).
        sparsity: s, the share of *units* to remove, from 0 to 1; the number is rounded to a whole one (half to even).

    Returns:
        Zeros and ones in the shape and dtype of `weight`.

    Raises:
        TypeError: not a floating-point array, or `sparsity` not a number.
        ValueError: not square, NaN or infinity, or `sparsity` outside 0 … 1.

    Source: torch.nn.utils.prune.ln_structured, applied to rows, and the columns after them; chapter 08.

    >>> unit_mask(np.array([[2.0, 0.0, 0.0], [0.1, 0.1, 0.1], [0.0, 1.0, 1.0]]), 1 / 3)
    array([[1., 0., 1.],
           [0., 0., 0.],
           [1., 0., 1.]])
    """
    check_array("weight", weight, ("H", "H"))
    if weight.shape[0] != weight.shape[1]:
        raise ValueError(f"weight must be square, got shape {weight.shape}")
    H = weight.shape[0]
    removed = np.argsort(np.linalg.norm(weight, axis=1), kind="stable")[: _count(H, sparsity)]
    kept = _without(removed, (H,), weight.dtype)
    return np.outer(kept, kept)


def _count(size: int, sparsity: float) -> int:
    return round(check_number("sparsity", sparsity, at_least=0, at_most=1) * size)


def _without(removed: np.ndarray, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """Ones, with zeros at the flat indices `removed`."""
    mask = np.ones(shape, dtype)
    mask.flat[removed] = 0
    return mask
