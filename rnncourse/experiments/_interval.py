"""Student's interval of a mean over seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

#: 97.5 % quantiles, by degrees of freedom.
T_QUANTILES = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131)


def t_interval(values: Sequence[float]) -> tuple[float | None, float | None]:
    """The 95 % t-interval of the mean; None and None of fewer than 2 values or more than 16."""
    n = len(values)
    if not 2 <= n <= len(T_QUANTILES) + 1:
        return None, None
    mean, half = float(np.mean(values)), T_QUANTILES[n - 2] * float(np.std(values, ddof=1)) / math.sqrt(n)
    return mean - half, mean + half
