r"""The unigram cache: what came lately comes again.

A cache gives the next symbol the weight that it has among those already seen in this very text:

.. math::
    p_t(w) = \frac{\sum_{i<t} a_{t,i}\, [x_i = w]}{\sum_{i<t} a_{t,i}}

Caches differ in a. The one of this file weighs by age, `continuous_cache` by how alike the network's states are. Where
nothing has been seen yet p is uniform. A symbol outside the cache has probability 0, so that a cache is no model by
itself: it is mixed with one (`mixture`).

`probabilities` gives those of the symbols that came, of shape (N,); `distributions` those of all symbols, (N, V): row
t is for x_t given the symbols before it.
"""

from __future__ import annotations

import numpy as np

from .._checks import check_ids, check_number


class UnigramCache:
    r"""The cache of counts: what came lately comes again.

    .. math:: p_t(w) = \frac{\sum_{i<t} a_{t,i} [x_i = w]}{\sum_{i<t} a_{t,i}}, \qquad a_{t,i} = \gamma^{t-1-i}

    for the last W symbols; before them a is 0.

    Args:
        vocab_size: V, at least 1.
        decay: gamma, in [0, 1]: how much of a symbol's weight is left one step later. 1: it does not fade.
        window: W, how many symbols are remembered, at least 1. None: all. With a window there is no decay.

    Raises:
        TypeError: an argument of another type.
        ValueError: an argument out of its range, or both a window and a decay.

    Source: Kuhn and De Mori (1990), the window; Clarkson and Robinson (1997), the decay; chapter 01.

    >>> UnigramCache(3, decay=0.5).distributions(np.array([0, 1, 1])).round(4)
    array([[0.3333, 0.3333, 0.3333],
           [1.    , 0.    , 0.    ],
           [0.3333, 0.6667, 0.    ]])
    """

    def __init__(self, vocab_size: int, *, decay: float = 1.0, window: int | None = None) -> None:
        self.vocab_size = int(check_number("vocab_size", vocab_size, at_least=1, integer=True))
        self.decay = float(check_number("decay", decay, at_least=0, at_most=1))
        self.window = None if window is None else int(check_number("window", window, at_least=1, integer=True))
        if window is not None and decay != 1:
            raise ValueError(f"decay must be 1 with a window, got {decay}: choose one of the two")

    def distribution(self, context: np.ndarray) -> np.ndarray:
        """Probabilities of the symbol that follows a context.

        Args:
            context: integers of shape (T,); T = 0 is allowed.

        Returns:
            float64 of shape (V,), which sums to 1.

        Raises:
            TypeError: not an integer array.
            ValueError: not one-dimensional, or an entry outside 0 … V-1.
        """
        check_ids("context", context, ("T",), self.vocab_size)
        if self.window is not None:
            context = context[-self.window :]
        if len(context) == 0:
            return np.full(self.vocab_size, 1 / self.vocab_size)
        a = self.decay ** np.arange(len(context) - 1, -1, -1.0)
        return np.bincount(context.astype(np.int64), a, self.vocab_size) / a.sum()

    def distributions(self, ids: np.ndarray) -> np.ndarray:
        """Probabilities of all symbols at each place of a text.

        Args:
            ids: the text x, integers of shape (N,).

        Returns:
            float64 of shape (N, V); each row sums to 1.

        Raises:
            TypeError: not an integer array.
            ValueError: not one-dimensional, or an entry outside 0 … V-1.
        """
        check_ids("ids", ids, ("N",), self.vocab_size)
        weights = np.zeros(self.vocab_size)
        p = np.full((len(ids), self.vocab_size), 1 / self.vocab_size)
        for t, symbol in enumerate(ids):
            if t > 0:
                p[t] = weights / weights.sum()
            weights *= self.decay
            weights[symbol] += 1
            if self.window is not None and t >= self.window:
                weights[ids[t - self.window]] -= 1
        return p

    def probabilities(self, ids: np.ndarray) -> np.ndarray:
        """The probability of each symbol of a text given those before it, without a table of all symbols.

        Args:
            ids: the text x, integers of shape (N,).

        Returns:
            float64 of shape (N,): p_t(x_t).

        Raises:
            TypeError: not an integer array.
            ValueError: not one-dimensional, or an entry outside 0 … V-1.
        """
        check_ids("ids", ids, ("N",), self.vocab_size)
        p = np.full(len(ids), 1 / self.vocab_size)
        weight: dict[int, float] = {}  # each symbol's weight when it was last added, and when that was
        added: dict[int, int] = {}
        total = 0.0
        text = ids.tolist()
        for t, symbol in enumerate(text):
            own = weight[symbol] * self.decay ** (t - 1 - added[symbol]) if symbol in weight else 0.0
            if t > 0:
                p[t] = own / total
            weight[symbol], added[symbol] = self.decay * own + 1, t
            total = self.decay * total + 1
            if self.window is not None and t >= self.window:
                weight[text[t - self.window]] -= 1
                total -= 1
        return p
