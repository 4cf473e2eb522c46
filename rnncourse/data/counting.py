r"""Counting languages: :math:`a^n b^n` and longer ones, which a finite automaton cannot tell from others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from rnncourse._checks import check_number
from rnncourse.data.formal import FormalLanguage, binary_entropy

__all__ = ["Counting"]

State = tuple[int, int, int]


@dataclass(frozen=True)
class Counting(FormalLanguage):
    r"""The stream of strings :math:`a^n b^n \ldots`, each letter n times, with a full stop behind each string.

    With k letters, n is drawn anew for each string: uniform on low … high, or, with `stop` in place of `high`, low plus
    the number of failures before a success of that probability. All chance is in n. So a string of kn + 1 symbols has
    the entropy of n, and in the long run, by the law of large numbers for the strings and for their lengths,

    .. math::
        H = \frac{H(n)}{k \, \mathrm{E}[n] + 1}, \qquad
        \text{uniform: } H(n) = \log(\mathrm{high} - \mathrm{low} + 1), \;
        \mathrm{E}[n] = \frac{\mathrm{low} + \mathrm{high}}{2}, \qquad
        \text{else: } H(n) = \frac{h(\mathrm{stop})}{\mathrm{stop}}, \;
        \mathrm{E}[n] = \mathrm{low} + \frac{1 - \mathrm{stop}}{\mathrm{stop}}

    where :math:`h(p) = -p \log p - (1 - p) \log(1 - p)`. While a's are read, the chance of a b after m of them is
    :math:`P(n = m \mid n \ge m)`: 1 / (high - m + 1), or `stop`; all later symbols are certain.

    Attributes:
        letters: k, 2 to 26.
        low: the smallest n, at least 1.
        high: the largest n.
        stop: in (0, 1].

    Raises:
        TypeError: an attribute that is no number, or no integer.
        ValueError: an attribute out of range; both or neither of `high` and `stop`.

    Source: Gers and Schmidhuber (2001); chapter 09.

    >>> language = Counting(letters=2, high=3)
    >>> language.text(language.sample(np.random.default_rng(0), 20))
    'aaabbb.aabb.aabb.aaa'
    """

    start: ClassVar[State] = (0, 0, 0)
    letters: int = 2
    low: int = 1
    high: int | None = None
    stop: float | None = None

    def __post_init__(self) -> None:
        check_number("letters", self.letters, at_least=2, at_most=26, integer=True)
        check_number("low", self.low, at_least=1, integer=True)
        if (self.high is None) == (self.stop is None):
            raise ValueError(f"one of high and stop must be given, got high={self.high} and stop={self.stop}")
        if self.high is not None:
            check_number("high", self.high, at_least=self.low, integer=True)
        else:
            check_number("stop", self.stop, above=0, at_most=1)

    @property
    def symbols(self) -> str:
        """The full stop, and the letters."""
        return ".abcdefghijklmnopqrstuvwxyz"[: self.letters + 1]

    @property
    def entropy(self) -> float:
        """H, in nats a symbol."""
        if self.high is not None:
            of_n, mean = float(np.log(self.high - self.low + 1)), (self.low + self.high) / 2
        else:
            of_n, mean = binary_entropy(self.stop) / self.stop, self.low + (1 - self.stop) / self.stop
        return of_n / (self.letters * mean + 1)

    def probabilities(self, state: State) -> tuple[float, ...]:
        """The distribution of the next symbol.

        Args:
            state: n as far as it is known, which letter is being written (1 … k), and how many of it there are.

        Returns:
            One probability for each symbol.
        """
        n, letter, written = state
        p = [0.0] * (self.letters + 1)
        if letter <= 1:
            p[2] = self._ends(n)
            p[1] = 1 - p[2]
        elif written < n:
            p[letter] = 1.0
        else:
            p[(letter + 1) % (self.letters + 1)] = 1.0
        return tuple(p)

    def advance(self, state: State, symbol: int) -> State:
        """The state after one more symbol, which must be possible.

        Args:
            state: as for `probabilities`.
            symbol: its number.

        Returns:
            The next state.
        """
        n, letter, written = state
        if symbol == 0:
            return self.start
        return n + (symbol == 1), symbol, written + 1 if symbol == letter else 1

    def _ends(self, m: int) -> float:
        """P(n = m | n >= m)."""
        if m < self.low:
            return 0.0
        return 1 / (self.high - m + 1) if self.high is not None else float(self.stop)
