r"""Counting the n-grams of all orders in a text, and what each count gives up: the tables of a Kneser-Ney model.

The formulas of `ngram` need, for each order n, the counts c_n and the discounts D_n.

What c_n counts is the idea of Kneser and Ney. The highest order counts occurrences. A lower order matters where
the longer context was seen too rarely, so it counts in how many *different* places its n-gram stands: c_n(g) is
the number of distinct left neighbours of g in the text (the continuation count). "Francisco" may be frequent, but
after an unseen word it is a poor guess, because it follows "San" alone.

The discount is estimated from n1, n2, n3 and n4, the numbers of n-grams with c_n = 1, 2, 3 and 4. The plain form
takes the same from every count; the modified form (Chen and Goodman) takes three different ones:

    plain       D_n(c) = Y = n1 / (n1 + 2 n2)
    modified    D_n(1) = 1 - 2 Y n2 / n1,   D_n(2) = 2 - 3 Y n3 / n2,   D_n(c) = 3 - 4 Y n4 / n3  for c >= 3

Conventions where books differ:

- The beginning of the text counts as one more left neighbour, so every n-gram that occurs counts at least 1.
- Y must lie between 0 and 1. Where n1 or n2 is 0 the estimate is 0, 1 or undefined, and Y = 1/2 is used.
- Where one of the modified discounts is undefined, or not between 0 and its count, the order uses the plain one.

Sources: those of `ngram`. Chapter 04.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Order:
    """What the model knows about the n-grams of one order.

    An n-gram is the pair (context, symbol): the number of its first n-1 symbols among the (n-1)-grams, and the
    number of its last symbol. Numbering the contexts anew at each order keeps the pair's code below (length of the
    text)**2, whatever the order and the size of the vocabulary.
    """

    codes: np.ndarray  # (grams,) sorted: context * symbols + symbol; an n-gram's number is its place here
    kept: np.ndarray  # (grams,) c_n - D_n(c_n)
    totals: np.ndarray  # (contexts,) c_n(h .)
    handed: np.ndarray  # (contexts,) S_n(h)
    discounts: tuple[float, float, float]  # D_n(1), D_n(2), D_n(3 and more)


def count_orders(text: np.ndarray, size: int, N: int, *, modified: bool) -> list[Order]:
    """The n-grams of a text, of all orders from 1 to N.

    Args:
        text: integers in 0 … size - 1, of shape (T,), each of which occurs.
        size: the number of different symbols in the text.
        N: the highest order.
        modified: three discounts an order instead of one.

    Returns:
        The orders, the lowest first.
    """
    # Upwards: number the n-grams. `ending[i]` is the number of the n-gram that ends at position n-1+i.
    codes, suffixes, firsts = [], [], []
    ending = np.zeros(len(text) + 1, dtype=np.int64)  # the one empty context, before each position and at the end
    for _ in range(N):
        # A context that ends the text has nothing after it; a text shorter than n has no n-gram.
        context, shorter = ending[:-1], ending[1:]
        symbol = text[len(text) - len(context) :]
        found, where, ending = np.unique(context * size + symbol, return_index=True, return_inverse=True)
        codes.append(found)
        suffixes.append(shorter[where])  # each n-gram's number without its oldest symbol
        firsts.append(ending[:1])  # the n-gram that begins the text, if the text is that long
    occurrences = np.bincount(ending, minlength=len(codes[-1]))

    # Then the counts: occurrences at the highest order, left neighbours below it.
    orders = []
    for n in range(1, N + 1):
        if n == N:
            counts = occurrences
        else:
            counts = np.bincount(suffixes[n], minlength=len(codes[n - 1]))
            counts[firsts[n - 1]] += 1
        contexts = 1 if n == 1 else len(codes[n - 2])
        orders.append(_order(codes[n - 1], counts, size, contexts, modified))
    return orders


def find(keys: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Places of `wanted` in the sorted `keys`, -1 for what is not there."""
    if keys.size == 0:
        return np.full(wanted.shape, -1, dtype=np.int64)
    place = np.minimum(np.searchsorted(keys, wanted), keys.size - 1)
    return np.where(keys[place] == wanted, place, -1)


def _order(codes: np.ndarray, counts: np.ndarray, size: int, contexts: int, modified: bool) -> Order:
    context = codes // size
    discounts = _discounts(counts, modified)
    taken = np.array(discounts)[np.minimum(counts, 3) - 1]
    return Order(
        codes=codes,
        kept=counts - taken,
        totals=np.bincount(context, weights=counts, minlength=contexts),
        handed=np.bincount(context, weights=taken, minlength=contexts),
        discounts=discounts,
    )


def _discounts(counts: np.ndarray, modified: bool) -> tuple[float, float, float]:
    """What a count of 1, of 2, and of 3 and more gives up."""
    n1, n2, n3, n4 = (int((counts == k).sum()) for k in (1, 2, 3, 4))
    Y = n1 / (n1 + 2 * n2) if n1 and n2 else 0.5
    if modified and n1 and n2 and n3:
        D = 1 - 2 * Y * n2 / n1, 2 - 3 * Y * n3 / n2, 3 - 4 * Y * n4 / n3
        if all(0 < D[k] < k + 1 for k in range(3)):
            return D
    return Y, Y, Y
