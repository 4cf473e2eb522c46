r"""The tables of a Kneser-Ney model, laid out for reading a symbol at a time.

A context of n - 1 symbols has a number among the (n-1)-grams of the text (`rnncourse.reference.ngram_counts`), so that
the last N - 1 symbols are N small integers, one an order, and reading a symbol is one look-up an order:

    h_1 = 0,    h_{n+1} after w  =  number of the n-gram (h_n, w),  or -1 where the text does not have it

With shares and rests divided out beforehand, the recursion of `rnncourse.reference.ngram` is, from n = 1 upwards,

    p_n = rest_n(h_n) p_{n-1},    then    p_n(w) += share_n(h_n, w)    for the w that followed h_n
    share_n(h, w) = (c_n(h w) - D_n) / c_n(h .),    rest_n(h) = S_n(h) / c_n(h .)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rnncourse.reference.ngram_counts import Order, find


class NGramTables:
    """What `NGramModel` looks up.

    Args:
        symbols: the ids that the text has, sorted, of shape (size,).
        orders: the counts of each order, the lowest first.
        vocab_size: V.
    """

    def __init__(self, symbols: np.ndarray, orders: Sequence[Order], vocab_size: int) -> None:
        self.size = len(symbols)
        self.number = np.full(vocab_size, -1, np.int64)  # of each id among the symbols
        self.number[symbols] = np.arange(self.size)
        # All orders' n-grams in one sorted array, the codes of order n + 1 above those of order n by `stride`.
        self.stride = max(len(order.totals) for order in orders) * self.size
        self.codes = np.concatenate([order.codes + n * self.stride for n, order in enumerate(orders)])
        self.offset = np.cumsum([0, *(len(order.codes) for order in orders)])
        self.first, self.followers, self.share, self.rest = [], [], [], []
        for order in orders:
            seen = order.totals > 0
            totals = np.where(seen, order.totals, 1.0)
            context, symbol = np.divmod(order.codes, self.size)
            self.first.append(np.searchsorted(context, np.arange(len(totals) + 1)))
            self.followers.append(symbols[symbol])
            self.share.append(order.kept / totals[context])
            self.rest.append(np.where(seen, order.handed / totals, 1.0))
        self.shortest = np.full(vocab_size, self.rest[0][0] / vocab_size)  # p_1
        self.shortest[self.followers[0]] += self.share[0]

    def read(self, ids: np.ndarray, contexts: np.ndarray) -> np.ndarray:
        """The contexts after each of some symbols.

        Args:
            ids: of shape (T, B).
            contexts: h_1 … h_N before the first, of shape (B, N).

        Returns:
            int64 of shape (T, B, N).
        """
        symbol = self.number[ids]
        after = np.zeros((*ids.shape, contexts.shape[1]), np.int64)
        if len(ids) == 1:  # what generation does: one search for all orders
            after[0, :, 1:] = self._find(contexts[:, :-1], symbol[0, :, None], slice(0, contexts.shape[1] - 1))
            return after
        for n in range(1, contexts.shape[1]):
            before = np.concatenate((contexts[None, :, n - 1], after[:-1, :, n - 1]))
            after[:, :, n] = self._find(before, symbol, slice(n - 1, n))
        return after

    def _find(self, context: np.ndarray, symbol: np.ndarray, orders: slice) -> np.ndarray:
        """The numbers of n-grams (context, symbol); one order for all, or one order a column."""
        base = np.arange(orders.start, orders.stop)
        wanted = np.where((context < 0) | (symbol < 0), -1, context * self.size + symbol + base * self.stride)
        first = self.offset[orders]
        place = find(self.codes[self.offset[orders.start] : self.offset[orders.stop]], wanted)
        return np.where(place < 0, -1, place + self.offset[orders.start] - first)

    def distributions(self, contexts: np.ndarray) -> np.ndarray:
        """Probabilities of the symbol that follows each of M contexts.

        Args:
            contexts: of shape (M, N).

        Returns:
            float64 of shape (M, V); each row sums to 1.
        """
        p = np.repeat(self.shortest[None], len(contexts), 0)
        for n in range(1, contexts.shape[1]):
            rows = np.flatnonzero(contexts[:, n] >= 0)
            if rows.size == 0:
                break  # a longer context that contains an unseen one is unseen as well
            h = contexts[rows, n]
            p[rows] *= self.rest[n][h, None]
            start, stop = self.first[n][h], self.first[n][h + 1]
            if rows.size == 1:
                grams = slice(start[0], stop[0])
                p[rows[0], self.followers[n][grams]] += self.share[n][grams]
                continue
            count = stop - start
            grams = np.arange(count.sum()) + np.repeat(stop - count.cumsum(), count)
            p[np.repeat(rows, count), self.followers[n][grams]] += self.share[n][grams]
        return p
