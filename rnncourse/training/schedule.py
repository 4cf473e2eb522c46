"""How the learning rate moves from the first update to the last."""

from __future__ import annotations

import math

from .._checks import check_choice

__all__ = ["SCHEDULES", "schedule_factor"]

FLOOR = 0.01  # of the largest rate: where the exponential ends

SCHEDULES = {
    "cosine": lambda x: (1 + math.cos(math.pi * x)) / 2,
    "linear": lambda x: 1 - x,
    "exponential": lambda x: FLOOR**x,
    "constant": lambda x: 1.0,
}


def schedule_factor(name: str, step: int, steps: int, warmup: int) -> float:
    r"""What the largest learning rate is multiplied with at update k of n, of which w warm up:

    .. math::
        \begin{cases} (k + 1) / w & k < w \\ f\left(\frac{k - w}{n - w}\right) & \text{else} \end{cases} \qquad
        f(x) = \tfrac{1}{2} (1 + \cos \pi x), \quad 1 - x, \quad 0.01^x \quad \text{or} \quad 1

    Args:
        name: "cosine", "linear", "exponential" or "constant".
        step: k, counted from 0.
        steps: n.
        warmup: w.

    Returns:
        A number in [0, 1].

    Raises:
        ValueError: an unknown name.

    Source: Loshchilov and Hutter (2017) for the cosine; chapter 16.

    >>> [round(schedule_factor("cosine", k, 8, 2), 3) for k in range(8)]
    [0.5, 1.0, 1.0, 0.933, 0.75, 0.5, 0.25, 0.067]
    """
    check_choice("schedule", name, tuple(SCHEDULES))
    if step < warmup:
        return (step + 1) / warmup
    return SCHEDULES[name]((step - warmup) / (steps - warmup))
