r"""Dropout in a recurrent network: what is dropped, and how often the mask is drawn anew.

Every kind multiplies by a mask whose entries are 0 with probability p and 1 / (1 - p) otherwise, so that the expected
value stays and nothing is rescaled in evaluation. They differ in which entries share a draw:

- `dropout_forward`: none. On a sequence, each step gets a mask of its own.
- `locked_dropout_forward`: all steps of a sequence.

Weights can be dropped in place of what they are multiplied with: `weight_drop`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .._checks import check_array, check_choice, check_dtype, check_number, check_rng, check_sizes


class DropoutCache(NamedTuple):
    """What `dropout_backward` needs; no mask in evaluation."""

    x: np.ndarray
    mask: np.ndarray | None


def dropout_mask(rng: np.random.Generator, shape: tuple[int, ...], p: float, dtype: Any = np.float64) -> np.ndarray:
    r"""Independent entries: :math:`m_i = 0` with probability p, else :math:`1 / (1 - p)`, of mean 1.

    Args:
        rng: the generator to draw from; the draws do not depend on the dtype.
        shape: the mask's shape.
        p: the probability of 0, in [0, 1).
        dtype: float32 or float64.

    Returns:
        The mask.

    Raises:
        TypeError: rng is not a generator, p not a number.
        ValueError: p outside [0, 1).

    Source: Srivastava et al. (2014); chapter 18.
    """
    check_number("p", p, at_least=0, below=1)
    dtype = check_dtype(dtype)
    return (check_rng(rng).random(check_sizes("shape", shape)) >= p).astype(dtype) / dtype.type(1 - p)


def dropout_forward(
    x: np.ndarray, p: float, *, rng: np.random.Generator, training: bool = True
) -> tuple[np.ndarray, DropoutCache]:
    r"""Drop each entry by itself: :math:`o_i = m_i x_i`. On a sequence a new mask each step: naive dropout.

    Args:
        x: of any shape.
        p: the probability of being dropped, in [0, 1).
        rng: the generator to draw from.
        training: False returns x as it is and draws nothing.

    Returns:
        The output, of the shape of x, and the cache for `dropout_backward`.

    Raises:
        TypeError: x not floating point, rng not a generator, p not a number.
        ValueError: p outside [0, 1), NaN or infinity.

    Source: Srivastava et al. (2014), between layers Zaremba, Sutskever and Vinyals (2014); chapter 18.
    """
    check_array("x", x, (...,))
    return drop(x, x.shape, p, rng, training)


def locked_dropout_forward(
    x: np.ndarray, p: float, *, rng: np.random.Generator, training: bool = True
) -> tuple[np.ndarray, DropoutCache]:
    r"""Drop the same units of a sequence at all its steps: :math:`o_{tbh} = m_{bh} x_{tbh}`. Also variational dropout.

    Args:
        x: inputs or outputs of a recurrent layer, of shape (T, B, H).
        p: the probability of being dropped, in [0, 1).
        rng: the generator to draw from.
        training: False returns x as it is and draws nothing.

    Returns:
        The output, of shape (T, B, H), and the cache for `dropout_backward`.

    Raises:
        TypeError: x not floating point, rng not a generator, p not a number.
        ValueError: another shape, p outside [0, 1), NaN or infinity.

    Source: Gal and Ghahramani (2016); chapter 18.
    """
    check_array("x", x, ("T", "B", "H"))
    return drop(x, (1, *x.shape[1:]), p, rng, training)


def dropout_backward(d_output: np.ndarray, cache: DropoutCache) -> np.ndarray:
    r"""Backward pass of all that drops by a mask: what was dropped gets no gradient, :math:`dx_i = m_i\, do_i`.

    Args:
        d_output: the loss's derivative by the output, of its shape.
        cache: what the forward pass returned.

    Returns:
        `dx`, of the same shape.

    Raises:
        TypeError: another dtype than the forward pass had.
        ValueError: a wrong shape, NaN or infinity.

    Source: chapter 18.
    """
    check_array("d_output", d_output, cache.x.shape, like=cache.x)
    return d_output if cache.mask is None else d_output * cache.mask


def drop(
    x: np.ndarray, shape: tuple[int, ...], p: float, rng: np.random.Generator, training: bool
) -> tuple[np.ndarray, DropoutCache]:
    """Multiply by a mask of the given shape, which says what shares a draw: an axis of 1 shares it along that axis."""
    check_rng(rng)
    if not check_choice("training", training, (True, False)):
        check_number("p", p, at_least=0, below=1)
        return x, DropoutCache(x, None)
    mask = dropout_mask(rng, shape, p, x.dtype)
    return x * mask, DropoutCache(x, mask)
