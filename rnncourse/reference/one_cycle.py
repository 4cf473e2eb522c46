r"""The one-cycle policy: the rate rises to a peak and falls far below its start, the momentum the other way round.

A schedule is drawn through a few points (step, value), with p = pct_start, N = total and eta the peak:

    two phases      (0, eta / d)   (p N - 1, eta)                           (N - 1, eta / (d f))
    three phases    (0, eta / d)   (p N - 1, eta)   (2 p N - 2, eta / d)    (N - 1, eta / (d f))

and the momentum through (0, high), (p N - 1, low) and back to high. Between two points the value follows a straight
line or half a cosine. The three phases with straight lines are Smith and Topin's; two with a cosine, torch's default.

Source: Smith and Topin (2019); `torch.optim.lr_scheduler.OneCycleLR`; chapter 16.
"""

from __future__ import annotations

import math

from .._checks import check_choice, check_number


def one_cycle(
    k: int,
    lr: float,
    total: int,
    *,
    pct_start: float = 0.3,
    anneal_strategy: str = "cos",
    div_factor: float = 25.0,
    final_div_factor: float = 1e4,
    three_phase: bool = False,
) -> float:
    r"""The rate of the one-cycle policy: up, down, and further down.

    .. math::
        \eta_0 = \frac{\eta}{d}, \qquad \eta_{pN-1} = \eta, \qquad \eta_{N-1} = \frac{\eta}{d f}

    Between these the rate follows a straight line or half a cosine. With three phases it passes through eta / d
    once more, at :math:`k = 2pN - 2`.

    Args:
        k: steps made so far, at least 0; from `total` - 1 on the rate stays at its end.
        lr: the rate at the peak, eta, at least 0 (torch's max_lr).
        total: N, the steps of the whole training.
        pct_start: p, the share of the steps in which the rate rises, in (0, 1) and so that the rise takes time:
            p N above 1. With three phases the fall must end before the training: 2 p N below N + 1.
        anneal_strategy: "cos" or "linear".
        div_factor: d: the rate starts at eta / d; above 0.
        final_div_factor: f: the rate ends at eta / (d f); above 0.
        three_phase: fall as slowly as the rate rose, then to the end; else fall to the end at once.

    Returns:
        The rate.

    Raises:
        TypeError: an argument of another type.
        ValueError: an argument out of its range.

    Source: Smith and Topin (2019); chapter 16.

    >>> [round(one_cycle(k, 1.0, 11, pct_start=0.5, anneal_strategy="linear"), 4) for k in (0, 4, 10)]
    [0.04, 0.8933, 0.0]
    """
    check_number("lr", lr, at_least=0)
    low = lr / check_number("div_factor", div_factor, above=0)
    end = low / check_number("final_div_factor", final_div_factor, above=0)
    return _cycle(k, (low, lr, low, end), total, pct_start, anneal_strategy, three_phase)


def one_cycle_momentum(
    k: int,
    low: float,
    high: float,
    total: int,
    *,
    pct_start: float = 0.3,
    anneal_strategy: str = "cos",
    three_phase: bool = False,
) -> float:
    r"""The momentum of the one-cycle policy: lowest where the rate is highest.

    .. math::
        \mu_0 = \mathrm{high}, \qquad \mu_{pN-1} = \mathrm{low}, \qquad \mu_{N-1} = \mathrm{high}

    and between these as in `one_cycle`. With three phases it is back at high by :math:`k = 2pN - 2` and stays there.

    Args:
        k: steps made so far, at least 0; from `total` - 1 on the momentum stays at its end.
        low: the momentum at the rate's peak, in [0, 1) (torch's base_momentum).
        high: the momentum at the start and at the end, in [0, 1) (torch's max_momentum).
        total: N, the steps of the whole training.
        pct_start: p, as in `one_cycle`.
        anneal_strategy: "cos" or "linear".
        three_phase: as in `one_cycle`.

    Returns:
        The momentum.

    Raises:
        TypeError: an argument of another type.
        ValueError: an argument out of its range.

    Source: Smith and Topin (2019); chapter 16.
    """
    check_number("low", low, at_least=0, below=1)
    check_number("high", high, at_least=0, below=1)
    return _cycle(k, (high, low, high, high), total, pct_start, anneal_strategy, three_phase)


def _cycle(
    k: int, values: tuple[float, ...], total: int, pct_start: float, anneal_strategy: str, three_phase: bool
) -> float:
    """The curve through four values, the third of them left out unless there are three phases."""
    check_number("k", k, at_least=0, integer=True)
    N = check_number("total", total, at_least=1, integer=True)
    p = check_number("pct_start", pct_start, above=0, below=1)
    check_choice("anneal_strategy", anneal_strategy, ("cos", "linear"))
    if not p * N > 1:
        raise ValueError(
            f"pct_start must be above 1 / total = {1 / N:.4g}, got {pct_start}: the rise would take no time"
        )
    if three_phase and not 2 * p * N < N + 1:
        raise ValueError(f"pct_start must be below {(N + 1) / (2 * N):.4g} with three phases, got {pct_start}")
    points = list(zip((0, p * N - 1, 2 * p * N - 2, N - 1), values, strict=True))
    if not three_phase:
        del points[2]
    k = min(k, N - 1)
    i = next(i for i in range(1, len(points)) if k <= points[i][0])
    (start, before), (stop, after) = points[i - 1 : i + 1]
    x = (k - start) / (stop - start)
    if anneal_strategy == "cos":
        x = (1 - math.cos(math.pi * x)) / 2
    return before + (after - before) * x
