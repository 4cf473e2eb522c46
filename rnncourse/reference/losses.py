"""The two units in which language models report the cross-entropy, and the mean squared error.

The cross-entropy itself is in `cross_entropy.py`.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from .._checks import check_array, check_number


def perplexity(nats: float) -> float:
    """The number of equally likely symbols that would be as hard to guess: :math:`e^{L}`, with L in nats.

    Args:
        nats: mean cross-entropy in nats a symbol, at least 0.

    Returns:
        The perplexity, at least 1.

    Raises:
        TypeError: nats that are no number.
        ValueError: nats below 0, NaN or infinite.

    Source: Jelinek et al. (1977); chapter 04.

    >>> round(perplexity(math.log(65)), 6)
    65.0
    """
    return math.exp(check_number("nats", nats, at_least=0))


def bits_per_character(nats: float) -> float:
    r"""Nats a character turned into bits a character: :math:`L / \ln 2`.

    Args:
        nats: mean cross-entropy in nats a character, at least 0.

    Returns:
        Bits a character: what an ideal compressor built on the model would need.

    Raises:
        TypeError: nats that are no number.
        ValueError: nats below 0, NaN or infinite.

    Source: Shannon (1951); chapter 04.

    >>> bits_per_character(math.log(2))
    1.0
    """
    return check_number("nats", nats, at_least=0) / math.log(2)


class MSECache(NamedTuple):
    """What `mse_backward` needs."""

    difference: np.ndarray


def mse_forward(output: np.ndarray, targets: np.ndarray) -> tuple[float, MSECache]:
    r"""Mean squared error: :math:`L = \frac{1}{N} \sum_i (o_i - y_i)^2`, over all N entries.

    Args:
        output: o, of any shape.
        targets: y, of the same shape and dtype.

    Returns:
        The loss, and the cache for `mse_backward`.

    Raises:
        TypeError: an argument of another type, or arrays of different dtypes.
        ValueError: different shapes, an empty array, NaN or infinity.

    Source: chapter 08; `torch.nn.functional.mse_loss`.
    """
    check_array("output", output, (...,))
    check_array("targets", targets, output.shape, like=output)
    if output.size == 0:
        raise ValueError(f"output must have at least one entry, got shape {output.shape}")
    difference = output - targets
    return float(np.square(difference, dtype=np.float64).mean()), MSECache(difference)


def mse_backward(cache: MSECache) -> np.ndarray:
    r"""The loss's derivative by the output: :math:`do_i = \frac{2}{N} (o_i - y_i)`.

    Args:
        cache: what `mse_forward` returned.

    Returns:
        Of the shape of `output`.

    Source: chapter 08.
    """
    return 2 / cache.difference.size * cache.difference
