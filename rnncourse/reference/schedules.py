"""Learning-rate schedules: the rate before step k + 1, for k = 0, 1, …; numbers as in torch.optim.lr_scheduler.

A rate that depends on k alone is a function; `Plateau` waits for what it is told. Set the optimiser's rate with
`optimizer.lr = exponential(k, lr, gamma)`. Chapters 08 and 16.
"""

from __future__ import annotations

import math

from .._checks import check_number


def constant(k: int, lr: float) -> float:
    """The same rate at every step.

    Args:
        k: steps made so far, at least 0.
        lr: the rate, at least 0.

    Returns:
        `lr`.
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

    Source: Loshchilov and Hutter (2017).
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
    """
    steps = check_number("steps", steps, at_least=1, integer=True)
    factor = check_number("start_factor", start_factor, above=0)
    return _checked(k, lr) * (factor + (1 - factor) * min(k, steps) / steps)


class Plateau:
    """Decay on a plateau: `torch.optim.lr_scheduler.ReduceLROnPlateau` for a loss, with its defaults.

    The rate is multiplied by `factor` when, more than `patience` times in a row, a loss was not below the smallest so
    far times (1 - `threshold`).

    Args:
        lr: the rate at the start, at least 0; then the rate now.
        factor: of a fall, in (0, 1).
        patience: losses without progress that are let pass, at least 0.
        threshold: the relative progress that counts, in [0, 1).
    """

    def __init__(self, lr: float, factor: float = 0.1, patience: int = 10, threshold: float = 1e-4) -> None:
        self.lr = check_number("lr", lr, at_least=0)
        self.factor = check_number("factor", factor, above=0, below=1)
        self.patience = check_number("patience", patience, at_least=0, integer=True)
        self.threshold = check_number("threshold", threshold, at_least=0, below=1)
        self.best = math.inf
        self.waited = 0

    def step(self, loss: float) -> float:
        """Take note of a loss, measured on held-out data as a rule.

        Args:
            loss: the loss now. NaN or infinity is no progress.

        Returns:
            The rate from now on.
        """
        if loss < self.best * (1 - self.threshold):
            self.best, self.waited = loss, 0
        else:
            self.waited += 1
        if self.waited > self.patience:
            # torch leaves a rate alone that would change by less than 1e-8.
            if self.lr * (1 - self.factor) > 1e-8:
                self.lr *= self.factor
            self.waited = 0
        return self.lr


def _checked(k: int, lr: float) -> float:
    check_number("k", k, at_least=0, integer=True)
    return check_number("lr", lr, at_least=0)
