r"""Interpolated Kneser-Ney n-gram models, plain and modified: well-made counting.

The model of order N predicts a symbol from the N-1 symbols before it. Write h for a context of n-1 symbols,
h' for the same context without its oldest symbol, and w for the symbol that follows. For n from N down to 1

    p_n(w | h) = (c_n(h w) - D_n(c_n(h w)) + S_n(h) p_{n-1}(w | h')) / c_n(h .)
    p_0(w)     = 1 / V
    c_n(h .)   = sum over w of c_n(h w)                        how often h was followed by anything
    S_n(h)     = sum over w of D_n(c_n(h w))                   what its followers gave up
    D_n(0)     = 0

Every n-gram gives up a discount D_n of its count. What a context collects that way, S_n(h), is handed to the shorter
context. Where h was never followed by anything, p_n(w | h) = p_{n-1}(w | h').

What c_n counts, how D_n is estimated from the counts, and where books differ about it, is in `ngram_counts`. They also
differ about the beginning: here the first N-1 symbols of a text are predicted from the shorter context there is, by the
lower order's p_n.

Sources: Ney, Essen and Kneser, "On structuring probabilistic dependences in stochastic language modelling",
Computer Speech and Language 8, 1994 (the discount); Kneser and Ney, "Improved backing-off for m-gram language
modeling", ICASSP 1995 (the continuation counts); Chen and Goodman, "An empirical study of smoothing techniques
for language modeling", Computer Speech and Language 13, 1999 (the interpolated and the modified form). Chapter 04.
"""

from __future__ import annotations

import numpy as np

from .._checks import check_choice, check_ids, check_number
from .ngram_counts import Order, count_orders, find


class KneserNey:
    r"""An interpolated Kneser-Ney n-gram model over the symbols 0 … V-1.

    .. math::
        p_n(w \mid h) = \frac{c_n(hw) - D_n(c_n(hw)) + S_n(h)\, p_{n-1}(w \mid h')}{c_n(h\,\cdot)}

    with h' the context h without its first symbol, S_n(h) the sum of what the discounts D_n took from the counts after
    h, and the uniform distribution below order 1. In the highest order c counts occurrences, in the others different
    symbols that came before. An unseen context hands on to the next lower order.

    Args:
        order: N, 1 or more: the model sees the N-1 symbols before the one that it predicts.
        vocab_size: V, the number of symbols, seen or not.
        modified: three discounts an order instead of one.

    Attributes:
        discounts: after `fit`, for each order 1 … N the discount of a count of 1, of 2, and of 3 and more.
        sizes: after `fit`, how many different n-grams of each order 1 … N it holds: the size of its table.

    Raises:
        TypeError: `order` or `vocab_size` is not an integer.
        ValueError: `order` or `vocab_size` is below 1.

    Source: Kneser and Ney (1995); Chen and Goodman (1999); chapter 04.

    >>> import numpy as np
    >>> model = KneserNey(order=2, vocab_size=3).fit(np.array([0, 1, 0, 2]))
    >>> model.distribution(np.array([0])).round(4).tolist()
    [0.25, 0.375, 0.375]
    """

    def __init__(self, order: int, vocab_size: int, *, modified: bool = False) -> None:
        self.order = int(check_number("order", order, at_least=1, integer=True))
        self.vocab_size = int(check_number("vocab_size", vocab_size, at_least=1, integer=True))
        self.modified = bool(check_choice("modified", modified, (True, False)))
        self.discounts: list[tuple[float, float, float]] = []
        self.sizes: list[int] = []
        self._symbols = np.zeros(0, dtype=np.int64)
        self._orders: list[Order] = []

    def fit(self, ids: np.ndarray) -> KneserNey:
        """Count the n-grams of all orders in a text and return the model. A second call forgets the first.

        Args:
            ids: the text, integers of shape (T,), T at least 1.

        Raises:
            TypeError: `ids` is not an integer array.
            ValueError: `ids` is empty, not one-dimensional or has an entry outside 0 … V-1.
        """
        ids = check_ids("ids", ids, ("T",), self.vocab_size)
        if ids.size == 0:
            raise ValueError("ids must hold at least one symbol to count, got an empty array")
        self._symbols, text = np.unique(ids.astype(np.int64), return_inverse=True)
        self._orders = count_orders(text, len(self._symbols), self.order, modified=self.modified)
        self.discounts = [order.discounts for order in self._orders]
        self.sizes = [len(order.codes) for order in self._orders]
        return self

    def log_prob(self, ids: np.ndarray) -> np.ndarray:
        """Log-probability of each symbol given those before it, in nats.

        Args:
            ids: a text, integers of shape (T,). Its first symbols have shorter contexts.

        Returns:
            float64 of shape (T,): log p(ids[t] | ids[:t]).

        Raises:
            RuntimeError: the model has not been fitted.
            TypeError: `ids` is not an integer array.
            ValueError: `ids` is not one-dimensional or has an entry outside 0 … V-1.
        """
        self._check_fitted()
        ids = check_ids("ids", ids, ("T",), self.vocab_size).astype(np.int64)
        symbol = find(self._symbols, ids)
        size = len(self._symbols)
        p = np.full(len(ids), 1 / self.vocab_size)
        context = np.zeros(len(ids) + 1, dtype=np.int64)  # as `ending` in fit, with -1 for what the text did not have
        for n, order in enumerate(self._orders, start=1):
            if len(ids) < n:
                break
            at, last = context[:-1], symbol[n - 1 :]
            gram = find(order.codes, np.where((at < 0) | (last < 0), -1, at * size + last))
            followed = np.flatnonzero(at >= 0)
            followed = followed[order.totals[at[followed]] > 0]
            h, g = at[followed], gram[followed]
            kept = np.where(g >= 0, order.kept[g], 0.0)
            p[n - 1 + followed] = (kept + order.handed[h] * p[n - 1 + followed]) / order.totals[h]
            context = gram
        return np.log(p)

    def distribution(self, context: np.ndarray) -> np.ndarray:
        """Probabilities of the symbol that follows a context.

        Args:
            context: integers of shape (T,); the last N-1 count, and T = 0 is allowed.

        Returns:
            float64 of shape (V,), which sums to 1.

        Raises:
            RuntimeError: the model has not been fitted.
            TypeError: `context` is not an integer array.
            ValueError: `context` is not one-dimensional or has an entry outside 0 … V-1.
        """
        self._check_fitted()
        context = check_ids("context", context, ("T",), self.vocab_size).astype(np.int64)
        known = find(self._symbols, context)
        size = len(self._symbols)
        p = np.full(self.vocab_size, 1 / self.vocab_size)
        for n in range(1, min(self.order, len(context) + 1) + 1):
            h = 0  # follow the last n-1 symbols down from the empty context
            for order, symbol in zip(self._orders[: n - 1], known[len(known) - (n - 1) :], strict=True):
                h = -1 if h < 0 or symbol < 0 else int(find(order.codes, np.array([h * size + symbol]))[0])
            order = self._orders[n - 1]
            if h < 0 or order.totals[h] == 0:
                break  # a longer context that contains an unseen one is unseen as well
            start, stop = np.searchsorted(order.codes, [h * size, (h + 1) * size])
            p *= order.handed[h] / order.totals[h]
            followers = self._symbols[order.codes[start:stop] - h * size]
            p[followers] += order.kept[start:stop] / order.totals[h]
        return p

    def _check_fitted(self) -> None:
        if not self._orders:
            raise RuntimeError("the model has no counts yet: call fit(ids) first")
