"""Softmax, cross-entropy, and the two units in which language models report it."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from .._checks import check_array, check_ids, check_number


def log_softmax(logits: np.ndarray) -> np.ndarray:
    r"""Log-probabilities from scores: :math:`\log p_v = z_v - \log \sum_u e^{z_u}`, along the last axis.

    Args:
        logits: the scores z, unnormalised, of shape (…, V).

    Returns:
        Natural logarithms of probabilities, of shape (…, V).

    Source: chapter 02.

    >>> np.exp(log_softmax(np.array([0.0, np.log(3.0)])))
    array([0.25, 0.75])
    """
    # Subtracting the largest score changes nothing but keeps exp from overflowing.
    z = logits - logits.max(axis=-1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=-1, keepdims=True))


def softmax(logits: np.ndarray) -> np.ndarray:
    r"""Probabilities from scores: :math:`p_v = e^{z_v} / \sum_u e^{z_u}`, along the last axis.

    Args:
        logits: the scores z, unnormalised, of shape (…, V).

    Returns:
        Probabilities, of shape (…, V), each last axis summing to 1.

    Source: chapter 02.
    """
    return np.exp(log_softmax(logits))


class CrossEntropyCache(NamedTuple):
    """What `cross_entropy_backward` needs."""

    log_p: np.ndarray
    targets: np.ndarray
    mask: np.ndarray
    count: int


def cross_entropy_forward(
    logits: np.ndarray, targets: np.ndarray, mask: np.ndarray | None = None
) -> tuple[float, CrossEntropyCache]:
    r"""Mean negative log-probability of the targets: :math:`L = -\frac{1}{N} \sum_{t,b} m_{tb} \log p_{tb}(y_{tb})`.

    Args:
        logits: scores, of shape (T, B, V).
        targets: the symbols that came, integers in 0 … V-1, of shape (T, B).
        mask: booleans of shape (T, B); False leaves a position (padding) out. N counts the True ones. None: all.

    Returns:
        The loss in nats a symbol, and the cache for `cross_entropy_backward`.

    Raises:
        TypeError: logits not floating point, targets not integers, mask not boolean.
        ValueError: a wrong shape, a target out of range, NaN or infinity, or a mask without a True.

    Source: chapter 02.
    """
    check_array("logits", logits, ("T", "B", "V"))
    T, B, V = logits.shape
    check_ids("targets", targets, (T, B), V)
    if mask is None:
        mask = np.ones((T, B), bool)
    elif not isinstance(mask, np.ndarray) or mask.dtype != bool:
        raise TypeError(f"mask must be a boolean numpy.ndarray of shape {(T, B)}, got {type(mask).__name__}")
    elif mask.shape != (T, B):
        raise ValueError(f"mask must have shape {(T, B)}, got {mask.shape}")
    count = int(mask.sum())
    if count == 0:
        raise ValueError("mask must keep at least one position, got none (or logits of size 0)")
    log_p = log_softmax(logits)
    picked = np.take_along_axis(log_p, targets[:, :, None], axis=2)[:, :, 0]
    loss = -float(picked[mask].sum(dtype=np.float64)) / count
    return loss, CrossEntropyCache(log_p, targets, mask, count)


def cross_entropy_backward(cache: CrossEntropyCache) -> np.ndarray:
    r"""The loss's derivative by the logits: :math:`dz_{tb} = \frac{m_{tb}}{N} (p_{tb} - e_{y_{tb}})`.

    Args:
        cache: what `cross_entropy_forward` returned.

    Returns:
        Of shape (T, B, V).

    Source: chapter 03.
    """
    log_p, targets, mask, count = cache
    d_logits = np.exp(log_p)
    T, B = targets.shape
    d_logits[np.arange(T)[:, None], np.arange(B), targets] -= 1
    d_logits *= mask[:, :, None] / log_p.dtype.type(count)
    return d_logits


def perplexity(nats: float) -> float:
    """The number of equally likely symbols that would be as hard to guess: exp(nats).

    Args:
        nats: mean cross-entropy in nats a symbol, at least 0.

    Returns:
        The perplexity, at least 1.

    >>> round(perplexity(math.log(65)), 6)
    65.0
    """
    return math.exp(check_number("nats", nats, at_least=0))


def bits_per_character(nats: float) -> float:
    """Nats a character turned into bits a character: nats / ln 2.

    Args:
        nats: mean cross-entropy in nats a character, at least 0.

    Returns:
        Bits a character: what an ideal compressor built on the model would need.

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
    check_array("output", output, getattr(output, "shape", ()))
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
