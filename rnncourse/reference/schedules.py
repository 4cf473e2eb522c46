"""Learning-rate schedules: the rate before step k + 1, for k = 0, 1, …; numbers as in torch.optim.lr_scheduler.

A rate that depends on k alone is a function; `Plateau` waits for what it is told. Set the optimiser's rate with
`optimizer.lr = exponential(k, lr, gamma)`. Chapters 08 and 16. Defined elsewhere: `one_cycle`, `Plateau`.
"""

from __future__ import annotations

import math

from .._checks import check_number
from .one_cycle import one_cycle, one_cycle_momentum
from .plateau import Plateau

__all__ = [
    "Plateau",
    "constant",
    "cosine",
    "exponential",
    "one_cycle",
    "one_cycle_momentum",
    "step",
    "warmup",
    "warmup_cosine",
]


def constant(k: int, lr: float) -> float:
    r"""The same rate at every step, :math:`\eta_k = \eta`.

    Args:
        k: steps made so far, at least 0.
        lr: the rate eta, at least 0.

    Returns:
        `lr`.

    Raises:
        TypeError: an argument of another type.
        ValueError: an argument out of its range.

    Source: chapter 16.
    """
    return _checked(k, lr)


def exponential(k: int, lr: float, gamma: float) -> float:
    r"""Exponential decay, :math:`\eta_k = \eta_0 \gamma^k`: `torch.optim.lr_scheduler.ExponentialLR`.

    Args:
        k: steps made so far, at least 0.
        lr: the rate at the start, eta_0, at least 0.
        gamma: the factor a step, above 0.

    Returns:
        The rate eta_k.

    Raises:
        TypeError: an argument of another type.
        ValueError: an argument out of its range.

    Source: chapter 16.
    """
    return _checked(k, lr) * check_number("gamma", gamma, above=0) ** k


def step(k: int, lr: float, every: int, gamma: float = 0.1) -> float:
    r"""Decay in steps, :math:`\eta_k = \eta_0 \gamma^{\lfloor k / s \rfloor}`: `torch.optim.lr_scheduler.StepLR`.

    Args:
        k: steps made so far, at least 0.
        lr: the rate at the start, eta_0, at least 0.
        every: s, steps between two falls, at least 1.
        gamma: the factor of a fall, above 0.

    Returns:
        The rate eta_k.

    Raises:
        TypeError: an argument of another type.
        ValueError: an argument out of its range.

    Source: chapter 16.
    """
    every = check_number("every", every, at_least=1, integer=True)
    return _checked(k, lr) * check_number("gamma", gamma, above=0) ** (k // every)


def cosine(k: int, lr: float, total: int, final_lr: float = 0.0) -> float:
    r"""Half a cosine from `lr` down to `final_lr`, in the closed form of `torch.optim.lr_scheduler.CosineAnnealingLR`.

    .. math::
        \eta_k = \eta_N + \tfrac12 (\eta_0 - \eta_N) \bigl(1 + \cos(\pi k / N)\bigr)

    Beyond k = N, where the cosine would rise again, the rate stays at `final_lr`.

    Args:
        k: steps made so far, at least 0.
        lr: the rate at the start, eta_0, at least 0.
        total: N, the steps of the whole training, at least 1.
        final_lr: the rate at the end, eta_N, at least 0.

    Returns:
        The rate eta_k.

    Raises:
        TypeError: an argument of another type.
        ValueError: an argument out of its range.

    Source: Loshchilov and Hutter (2017); chapter 16.
    """
    total = check_number("total", total, at_least=1, integer=True)
    final_lr = check_number("final_lr", final_lr, at_least=0)
    return final_lr + (_checked(k, lr) - final_lr) * (1 + math.cos(math.pi * min(k, total) / total)) / 2


def warmup(k: int, lr: float, steps: int, start_factor: float = 1 / 3) -> float:
    r"""A linear rise from `start_factor` times the rate to the rate: `torch.optim.lr_scheduler.LinearLR`.

    .. math::
        \eta_k = \eta \bigl(f + (1 - f) \min(k, s) / s\bigr)

    Args:
        k: steps made so far, at least 0.
        lr: the rate after the rise, eta, at least 0.
        steps: s, how many steps the rise takes, at least 1.
        start_factor: f, above 0.

    Returns:
        The rate eta_k.

    Raises:
        TypeError: an argument of another type.
        ValueError: an argument out of its range.

    Source: Goyal et al. (2017); chapter 16.
    """
    steps = check_number("steps", steps, at_least=1, integer=True)
    factor = check_number("start_factor", start_factor, above=0)
    return _checked(k, lr) * (factor + (1 - factor) * min(k, steps) / steps)


def warmup_cosine(
    k: int, lr: float, steps: int, total: int, start_factor: float = 1 / 3, final_lr: float = 0.0
) -> float:
    r"""A linear rise, then half a cosine down: `warmup` and `cosine` in torch's `SequentialLR`.

    .. math::
        \eta_k = \mathrm{warmup}(k) \;\text{ for } k < s, \qquad \eta_k = \mathrm{cosine}(k - s) \;\text{ for } k \ge s

    The rise begins at `start_factor` times the rate and the cosine takes the N - s steps that are left.

    Args:
        k: steps made so far, at least 0.
        lr: the rate after the rise, eta, at least 0.
        steps: s, how many steps the rise takes, at least 1 and below `total`.
        total: N, the steps of the whole training; beyond them the rate stays at `final_lr`.
        start_factor: above 0.
        final_lr: the rate at the end, at least 0.

    Returns:
        The rate eta_k.

    Raises:
        TypeError: an argument of another type.
        ValueError: an argument out of its range.

    Source: Loshchilov and Hutter (2017) for the cosine; Goyal et al. (2017) for the rise; chapter 16.
    """
    steps = check_number("steps", steps, at_least=1, integer=True)
    total = check_number("total", total, above=steps, integer=True)
    up = warmup(k, lr, steps, start_factor)
    down = cosine(max(k - steps, 0), lr, total - steps, final_lr)
    return up if k < steps else down


def _checked(k: int, lr: float) -> float:
    check_number("k", k, at_least=0, integer=True)
    return check_number("lr", lr, at_least=0)
