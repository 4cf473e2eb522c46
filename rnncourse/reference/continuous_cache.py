r"""The continuous cache: what came in a similar state comes again.

As in `cache_model`, with weights that are a softmax over the past, an attention whose keys are old states and whose
values are the symbols that followed them. With theta = 0 it is a `UnigramCache`. Nothing is trained: it can be put on
any finished model, and is mixed with it (`mixture`), since a symbol outside the cache has probability 0.
"""

from __future__ import annotations

import numpy as np

from .._checks import check_array, check_ids, check_number
from .cross_entropy import softmax


class ContinuousCache:
    r"""The cache of states: what came in a like state comes again.

    .. math::
        p_t(w) = \frac{\sum_{i<t} a_{t,i} [x_i = w]}{\sum_{i<t} a_{t,i}}, \qquad
        a_{t,i} = \exp(\theta\, h_t^\top h_i)

    for the last W symbols; before them a is 0. h_t is the network's state from which it predicts x_t.

    Args:
        vocab_size: V, at least 1.
        theta: how sharply likeness counts, at least 0.
        window: W, how many symbols are remembered, at least 1. None: all.

    Raises:
        TypeError: an argument of another type.
        ValueError: an argument out of its range.

    Source: Grave, Joulin and Usunier (2017), equations 2 and 3; chapter 24.
    """

    def __init__(self, vocab_size: int, theta: float, *, window: int | None = None) -> None:
        self.vocab_size = int(check_number("vocab_size", vocab_size, at_least=1, integer=True))
        self.theta = float(check_number("theta", theta, at_least=0))
        self.window = None if window is None else int(check_number("window", window, at_least=1, integer=True))

    def distribution(self, state: np.ndarray, states: np.ndarray, ids: np.ndarray) -> np.ndarray:
        """Probabilities of the symbol that follows a context.

        Args:
            state: h_t, of shape (H,), from which the network predicts it.
            states: those from which it predicted the context's symbols, of shape (T, H); T = 0 is allowed.
            ids: the context's symbols, integers of shape (T,).

        Returns:
            Of shape (V,) and the states' dtype; it sums to 1.

        Raises:
            TypeError: states that are not floating point or of different dtypes, ids that are not integers.
            ValueError: a wrong shape, NaN or infinity, an entry of ids outside 0 … V-1.
        """
        check_array("states", states, ("T", "H"))
        check_array("state", state, (states.shape[1],), like=states)
        check_ids("ids", ids, (len(states),), self.vocab_size)
        p = np.zeros(self.vocab_size, states.dtype)
        a, remembered = self._weights(state, states, len(ids))
        if len(a) == 0:
            return np.full_like(p, 1 / self.vocab_size)
        np.add.at(p, ids[remembered], a)
        return p

    def distributions(self, states: np.ndarray, ids: np.ndarray) -> np.ndarray:
        """Probabilities of all symbols at each place of a text.

        Args:
            states: of shape (N, H): states[t] is the one from which the network predicts ids[t].
            ids: the text x, integers of shape (N,).

        Returns:
            Of shape (N, V) and the states' dtype; each row sums to 1.

        Raises:
            TypeError: states that are not floating point, ids that are not integers.
            ValueError: a wrong shape, NaN or infinity, an entry of ids outside 0 … V-1.
        """
        self._check(states, ids)
        p = np.full((len(ids), self.vocab_size), 1 / self.vocab_size, states.dtype)
        for t in range(1, len(ids)):
            a, remembered = self._weights(states[t], states, t)
            p[t] = 0
            np.add.at(p[t], ids[remembered], a)
        return p

    def probabilities(self, states: np.ndarray, ids: np.ndarray) -> np.ndarray:
        """The probability of each symbol of a text given those before it, without a table of all symbols.

        Args:
            states: as in `distributions`.
            ids: the text x, integers of shape (N,).

        Returns:
            Of shape (N,) and the states' dtype: p_t(x_t).

        Raises:
            TypeError: states that are not floating point, ids that are not integers.
            ValueError: a wrong shape, NaN or infinity, an entry of ids outside 0 … V-1.
        """
        self._check(states, ids)
        p = np.full(len(ids), 1 / self.vocab_size, states.dtype)
        for t in range(1, len(ids)):
            a, remembered = self._weights(states[t], states, t)
            p[t] = a[ids[remembered] == ids[t]].sum()
        return p

    def _weights(self, state: np.ndarray, states: np.ndarray, t: int) -> tuple[np.ndarray, slice]:
        """The weights a_{t,i}, which sum to 1, and the places i that are remembered."""
        remembered = slice(0 if self.window is None else max(0, t - self.window), t)
        scores = self.theta * (states[remembered] @ state)
        return (softmax(scores) if len(scores) else scores), remembered

    def _check(self, states: np.ndarray, ids: np.ndarray) -> None:
        check_array("states", states, ("N", "H"))
        check_ids("ids", ids, (len(states),), self.vocab_size)
