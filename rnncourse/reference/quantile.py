r"""The quantile (pinball) loss: a forecast of several quantiles in place of one mean."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .._checks import check_array


class QuantileCache(NamedTuple):
    """What `quantile_backward` needs; `e` is the target minus the forecast."""

    e: np.ndarray
    levels: np.ndarray


def quantile_forward(output: np.ndarray, targets: np.ndarray, levels: np.ndarray) -> tuple[float, QuantileCache]:
    r"""Mean pinball loss, whose minimum over constant forecasts is the data's q-quantile.

    .. math::
        e_{iq} = y_i - o_{iq}, \qquad \rho_q(e) = \max(q\, e,\; (q - 1)\, e), \qquad
        L = \frac{1}{N Q} \sum_{i,q} \rho_q(e_{iq})

    A forecast too low by 1 costs q, one too high by 1 costs 1 - q. For q = 1/2 it is half the absolute error.

    Args:
        output: o, the forecasts of the quantiles, of shape (…, Q).
        targets: y, of shape (…), N entries.
        levels: q, each in (0, 1), of shape (Q,). In any order; nothing keeps the forecasts themselves in order.

    Returns:
        The loss, and the cache for `quantile_backward`.

    Raises:
        TypeError: an argument of another type, or arrays of different dtypes.
        ValueError: a wrong shape, an empty array, NaN or infinity, a level outside (0, 1).

    Source: Koenker and Bassett (1978); chapter 25.

    >>> quantile_forward(np.array([[1.0, 1.0]]), np.array([2.0]), np.array([0.1, 0.9]))[0]  # (0.1 + 0.9) / 2
    0.5
    """
    check_array("levels", levels, ("Q",))
    Q = len(levels)
    if Q == 0 or not (levels.min() > 0 and levels.max() < 1):
        raise ValueError(f"levels must be one or more numbers in (0, 1), got {levels}")
    check_array("targets", targets, (...,), like=levels)
    check_array("output", output, (*targets.shape, Q), like=levels)
    if targets.size == 0:
        raise ValueError(f"targets must have at least one entry, got shape {targets.shape}")
    e = targets[..., None] - output
    rho = np.maximum(levels * e, (levels - 1) * e)
    return float(rho.mean(dtype=np.float64)), QuantileCache(e, levels)


def quantile_backward(cache: QuantileCache) -> np.ndarray:
    r"""A subgradient of the loss by the output.

    .. math::
        do_{iq} = \frac{1}{N Q} \begin{cases} -q & e_{iq} > 0 \\ 0 & e_{iq} = 0 \\ 1 - q & e_{iq} < 0 \end{cases}

    At the kink, e = 0, every number from -q to 1 - q is a subgradient. Zero is one of them: a forecast that fits
    exactly stays. (Autograd of the maximum gives the middle, 1/2 - q.)

    Args:
        cache: what `quantile_forward` returned.

    Returns:
        Of the shape of `output`.

    Source: Koenker and Bassett (1978); chapter 25.
    """
    e, levels = cache
    slope = np.where(e > 0, -levels, 1 - levels)
    slope[e == 0] = 0
    return slope / e.dtype.type(e.size)
