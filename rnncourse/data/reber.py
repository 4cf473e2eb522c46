"""Reber's grammar, and the embedded one, in which the second symbol returns as the last but one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from rnncourse._checks import check_choice
from rnncourse.data.formal import FormalLanguage

__all__ = ["Reber"]

#: The plain grammar: from each node the symbols that may follow, all alike, and the nodes they lead to.
ARROWS = (
    {"B": 1},
    {"T": 2, "P": 3},
    {"S": 2, "X": 4},
    {"T": 3, "V": 5},
    {"X": 3, "S": 6},
    {"P": 4, "V": 6},
    {"E": 7},
)
LAST = 7
State = tuple[str, int]


@dataclass(frozen=True)
class Reber(FormalLanguage):
    r"""The stream of Reber strings, from B to E.

    The plain grammar has seven nodes; where two arrows leave a node, each has probability 1/2. With :math:`v_i` the
    expected number of visits to node i in a string, :math:`k_i` the number of its arrows and P the chances of the
    arrows from node to node,

    .. math::
        v = e_0 + P^\top v, \qquad H = \frac{\sum_i v_i \log k_i}{\sum_i v_i}

    An embedded string is B, then T or P, a plain string, the same T or P again, E: one more choice and four more
    symbols, so :math:`H = (\log 2 + \sum_i v_i \log k_i) / (4 + \sum_i v_i)`. That choice must be remembered as
    long as the plain string lasts.

    Attributes:
        embedded: whether strings are embedded.

    Raises:
        ValueError: `embedded` is no bool.

    Source: Reber (1967); Hochreiter and Schmidhuber (1997), experiment 1, for the embedded one; chapter 09.

    >>> language = Reber()
    >>> language.text(language.sample(np.random.default_rng(0), 20))
    'BTSSXXVVEBPTVPXTVVEB'
    """

    symbols: ClassVar[str] = "BTPSXVE"
    embedded: bool = False

    def __post_init__(self) -> None:
        check_choice("embedded", self.embedded, (True, False))

    @property
    def start(self) -> State:
        """The state before a string's first symbol."""
        return ("", -2 if self.embedded else 0)

    @property
    def entropy(self) -> float:
        """H, in nats a symbol."""
        P = np.zeros((LAST, LAST))
        for node, arrows in enumerate(ARROWS):
            for to in arrows.values():
                if to < LAST:
                    P[node, to] = 1 / len(arrows)
        v = np.linalg.solve(np.eye(LAST) - P.T, np.eye(LAST)[0])
        choices = v @ np.log([len(arrows) for arrows in ARROWS])
        if self.embedded:
            return float((np.log(2) + choices) / (4 + v.sum()))
        return float(choices / v.sum())

    def probabilities(self, state: State) -> tuple[float, ...]:
        """The distribution of the next symbol.

        Args:
            state: the symbol to be repeated, T or P ("" where there is none), and the node: below 0 before a plain
                string that is embedded, above 6 after it.

        Returns:
            One probability for each symbol.
        """
        arrows = self._arrows(state)
        return tuple(1 / len(arrows) if symbol in arrows else 0.0 for symbol in self.symbols)

    def advance(self, state: State, symbol: int) -> State:
        """The state after one more symbol, which must be possible.

        Args:
            state: as for `probabilities`.
            symbol: its number.

        Returns:
            The next state.
        """
        letter = self.symbols[symbol]
        memory, node = state
        to = self._arrows(state)[letter]
        if to == LAST + 2 or (to == LAST and not self.embedded):
            return self.start
        return letter if node == -1 else memory, to

    def _arrows(self, state: State) -> dict[str, int]:
        memory, node = state
        around = {-2: {"B": -1}, -1: {"T": 0, "P": 0}, LAST: {memory: LAST + 1}, LAST + 1: {"E": LAST + 2}}
        return around[node] if node in around else ARROWS[node]
