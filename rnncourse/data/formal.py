"""Small formal languages as endless streams of strings, whose entropy is known exactly."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from rnncourse._checks import check_ids, check_number, check_rng

__all__ = ["FormalLanguage"]


class FormalLanguage(ABC):
    r"""A random process that writes one string after the other, each ended by a symbol that says so.

    Its state :math:`s_t` follows from the symbols so far, and each symbol is drawn from the state alone. So no
    predictor is better than the state's own distribution, and by the chain rule of entropy the best cross-entropy is

    .. math:: H = \sum_s \pi_s \, H(p(\cdot \mid s)), \qquad \pi_s \text{ the share of time in } s

    A model's cross-entropy minus H is its distance from the possible. Every stream begins where a string begins.

    Attributes:
        symbols: one character for each symbol, to be read; symbol number i is `symbols[i]`.
        start: the state before a string's first symbol.

    Source: Shannon (1951) for the entropy; chapter 01.
    """

    symbols: str
    start: Any

    @property
    @abstractmethod
    def entropy(self) -> float:
        """H, in nats a symbol."""

    @abstractmethod
    def probabilities(self, state: Any) -> tuple[float, ...]:
        """The distribution of the next symbol.

        Args:
            state: `start`, or what `advance` returned.

        Returns:
            One probability for each symbol.
        """

    @abstractmethod
    def advance(self, state: Any, symbol: int) -> Any:
        """The state after one more symbol, which must be possible.

        Args:
            state: `start`, or what `advance` returned.
            symbol: its number.

        Returns:
            The next state.
        """

    def sample(self, rng: np.random.Generator, N: int) -> np.ndarray:
        """Draw the first N symbols of a stream.

        Args:
            rng: the generator to draw from; each symbol takes one draw.
            N: how many, at least 1. The last string may be cut off.

        Returns:
            Symbols' numbers, int64 of shape (N,).

        Raises:
            TypeError: `rng` is no generator, N no integer.
            ValueError: N below 1.
        """
        check_rng(rng)
        check_number("N", N, at_least=1, integer=True)
        state, ids = self.start, []
        for u in rng.random(N).tolist():
            ids.append(_draw(self.probabilities(state), u))
            state = self.advance(state, ids[-1])
        return np.array(ids)

    def predict(self, ids: np.ndarray) -> np.ndarray:
        r"""The optimal predictor: the exact distribution of each symbol, given those before it.

        .. math:: p_{ti} = P(s_{t+1} = i \mid s_1 \ldots s_t), \qquad t = 0 \ldots N

        Args:
            ids: the beginning of a stream, symbols' numbers of shape (N,).

        Returns:
            Of shape (N + 1, V): entry t is what `ids[t]` was drawn from, the last that of the symbol that follows.

        Raises:
            TypeError: `ids` is not an array of integers.
            ValueError: another shape, a symbol that does not exist, or one that cannot follow those before it.
        """
        check_ids("ids", ids, ("N",), len(self.symbols))
        state = self.start
        rows = [self.probabilities(state)]
        for t, symbol in enumerate(ids.tolist()):
            if not rows[-1][symbol]:
                raise ValueError(f"ids must be a text of the language, got {self.symbols[symbol]!r} at index {t}")
            state = self.advance(state, symbol)
            rows.append(self.probabilities(state))
        return np.array(rows)

    def text(self, ids: np.ndarray) -> str:
        """The symbols, to be read.

        Args:
            ids: symbols' numbers of shape (N,).

        Returns:
            N characters.

        Raises:
            TypeError: `ids` is not an array of integers.
            ValueError: another shape, or a symbol that does not exist.
        """
        return "".join(self.symbols[i] for i in check_ids("ids", ids, ("N",), len(self.symbols)))


def _draw(probabilities: tuple[float, ...], u: float) -> int:
    """The symbol in whose share of [0, 1) the number u lies; never one of probability 0."""
    possible = [symbol for symbol, p in enumerate(probabilities) if p]
    for symbol in possible[:-1]:
        u -= probabilities[symbol]
        if u < 0:
            return symbol
    return possible[-1]  # rounding may have left a little of u


def binary_entropy(p: float) -> float:
    """The entropy in nats of a choice between two, of which one has probability p."""
    return float(-sum(q * np.log(q) for q in (p, 1 - p) if q))
