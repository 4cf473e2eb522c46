"""Dyck languages: well-bracketed strings, for which a reader must remember what is open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from rnncourse._checks import check_number
from rnncourse.data.formal import FormalLanguage, binary_entropy

__all__ = ["Dyck"]

Stack = tuple[int, ...]
OPENING, CLOSING = "([{<", ")]}>"


@dataclass(frozen=True)
class Dyck(FormalLanguage):
    r"""The stream of well-bracketed strings over k pairs of brackets, with a full stop behind each string.

    At depth d, below the largest depth D, a bracket is opened with probability :math:`p_d`, of each pair alike. Else
    the last one that is open is closed; at depth 0, where there is none, the string ends, which may be empty. At depth
    D it is always closed. So the depth walks up and down between 0 and D, and stays where it is at a full stop. In the
    long run it goes from d to d + 1 as often as back, and the choices at each depth make up the entropy:

    .. math::
        \pi_d \, p_d = \pi_{d+1} (1 - p_{d+1}), \qquad \sum_{d=0}^{D} \pi_d = 1, \qquad
        H = \sum_{d=0}^{D} \pi_d \, (h(p_d) + p_d \log k)

    with :math:`p_D = 0` and :math:`h(p) = -p \log p - (1 - p) \log(1 - p)`.

    Attributes:
        pairs: k, 1 to 4.
        opens: :math:`p_0 \ldots p_{D-1}`, the first in (0, 1], the others in (0, 1).

    Raises:
        TypeError: `pairs` is no integer, `opens` no tuple of numbers.
        ValueError: an attribute out of range, no depth.

    Source: Hewitt et al. (2020); chapter 09.

    >>> language = Dyck(pairs=2, opens=(0.9, 0.5, 0.5))
    >>> language.text(language.sample(np.random.default_rng(0), 20))
    '[[()]][]()[()()()](['
    """

    start: ClassVar[Stack] = ()
    pairs: int = 2
    opens: tuple[float, ...] = (0.9, 0.5, 0.5, 0.5)

    def __post_init__(self) -> None:
        check_number("pairs", self.pairs, at_least=1, at_most=len(OPENING), integer=True)
        if not isinstance(self.opens, tuple):
            raise TypeError(f"opens must be a tuple of numbers, one for each depth, got {self.opens!r}")
        if not self.opens:
            raise ValueError("opens must hold a probability for each depth below the largest, got ()")
        check_number("opens[0]", self.opens[0], above=0, at_most=1)
        for d, p in enumerate(self.opens[1:], start=1):
            check_number(f"opens[{d}]", p, above=0, below=1)

    @property
    def symbols(self) -> str:
        """The full stop, the opening brackets, and the closing ones in the same order."""
        return f".{OPENING[: self.pairs]}{CLOSING[: self.pairs]}"

    @property
    def shares(self) -> np.ndarray:
        """The share of time at each depth 0 … D, of shape (D + 1,)."""
        p = np.array([*self.opens, 0.0])
        weights = np.cumprod([1.0, *(p[:-1] / (1 - p[1:]))])
        return weights / weights.sum()

    @property
    def entropy(self) -> float:
        """H, in nats a symbol."""
        choices = [binary_entropy(p) + p * np.log(self.pairs) for p in self.opens]
        return float(self.shares[:-1] @ choices)

    def probabilities(self, state: Stack) -> tuple[float, ...]:
        """The distribution of the next symbol.

        Args:
            state: the pairs that are open, 1 … k, from the outermost.

        Returns:
            One probability for each symbol.
        """
        p_open = self.opens[len(state)] if len(state) < len(self.opens) else 0.0
        p = [0.0, *[p_open / self.pairs] * self.pairs, *[0.0] * self.pairs]
        p[self.pairs + state[-1] if state else 0] = 1 - p_open
        return tuple(p)

    def advance(self, state: Stack, symbol: int) -> Stack:
        """The state after one more symbol, which must be possible.

        Args:
            state: as for `probabilities`.
            symbol: its number.

        Returns:
            The next state.
        """
        if symbol == 0:
            return state
        return (*state, symbol) if symbol <= self.pairs else state[:-1]
