"""A learning rate that falls when a loss no longer does."""

from __future__ import annotations

import math

from .._checks import check_choice, check_number


class Plateau:
    r"""Decay on a plateau: `torch.optim.lr_scheduler.ReduceLROnPlateau`, with its options and defaults.

    The rate is multiplied by `factor` when, more than `patience` times in a row, a value was no progress: not beyond
    the best so far by the threshold, which for a loss (mode "min") means not below

    .. math::
        \text{best} \cdot (1 - \text{threshold}) \;\text{(rel)} \qquad \text{best} - \text{threshold} \;\text{(abs)}

    and for a score (mode "max") not above the same with a plus. "rel" is meant for positive values.

    Args:
        lr: the rate at the start, at least 0; then the rate now.
        factor: of a fall, in (0, 1).
        patience: values without progress that are let pass, at least 0.
        threshold: the progress that counts, at least 0; below 1 if relative.
        mode: "min" for a loss, "max" for a score.
        threshold_mode: "rel" or "abs".
        cooldown: after a fall, how many values without progress are not counted, at least 0.
        min_lr: the rate never falls below this, at least 0.
        eps: a fall that would change the rate by no more than this does not take place, at least 0.

    Raises:
        TypeError: an argument of another type.
        ValueError: an argument out of its range, an unknown mode or threshold_mode.

    Source: chapters 08 and 16.

    >>> schedule = Plateau(0.1, factor=0.5, patience=1)
    >>> [schedule.step(loss) for loss in (3.0, 2.0, 2.0, 2.0)]
    [0.1, 0.1, 0.1, 0.05]
    """

    def __init__(
        self,
        lr: float,
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        *,
        mode: str = "min",
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float = 0.0,
        eps: float = 1e-8,
    ) -> None:
        self.lr = check_number("lr", lr, at_least=0)
        self.factor = check_number("factor", factor, above=0, below=1)
        self.patience = check_number("patience", patience, at_least=0, integer=True)
        self.mode = check_choice("mode", mode, ("min", "max"))
        self.threshold_mode = check_choice("threshold_mode", threshold_mode, ("rel", "abs"))
        self.threshold = check_number("threshold", threshold, at_least=0, below=1 if threshold_mode == "rel" else None)
        self.cooldown = check_number("cooldown", cooldown, at_least=0, integer=True)
        self.min_lr = check_number("min_lr", min_lr, at_least=0)
        self.eps = check_number("eps", eps, at_least=0)
        self.best = math.inf if mode == "min" else -math.inf
        self.waited = 0
        self.cooling = 0

    def step(self, loss: float) -> float:
        """Take note of a loss, measured on held-out data as a rule.

        Args:
            loss: the loss (or score) now. NaN is no progress, nor is a loss of plus infinity.

        Returns:
            The rate from now on.
        """
        if self._progress(loss):
            self.best, self.waited = loss, 0
        else:
            self.waited += 1
        if self.cooling > 0:
            self.cooling -= 1
            self.waited = 0
        if self.waited > self.patience:
            lower = max(self.lr * self.factor, self.min_lr)
            if self.lr - lower > self.eps:
                self.lr = lower
            self.waited, self.cooling = 0, self.cooldown
        return self.lr

    def _progress(self, loss: float) -> bool:
        sign = 1 if self.mode == "min" else -1
        if self.threshold_mode == "rel":
            needed = self.best * (1 - sign * self.threshold)
        else:
            needed = self.best - sign * self.threshold
        return sign * loss < sign * needed
