"""Interpolated Kneser-Ney n-grams behind the interface of language models."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rnncourse._checks import check_array, check_choice, check_ids, check_mapping, check_number
from rnncourse.models._tensors import check_id_tensor
from rnncourse.models.interface import select_batch
from rnncourse.models.ngram_tables import NGramTables
from rnncourse.reference.ngram_counts import Order, count_orders

State = tuple[Tensor]

_PARTS = ("codes", "kept", "totals", "handed", "discounts")


class NGramModel:
    r"""A Kneser-Ney model that is read a symbol at a time: `rnncourse.reference.KneserNey` with tables for streaming.

    .. math::
        p_n(w \mid h) = \frac{c_n(hw) - D_n(c_n(hw)) + S_n(h)\, p_{n-1}(w \mid h')}{c_n(h\,\cdot)}

    Make it with `fit`, or from a checkpoint with `from_arrays`. The state is one tensor of shape (B, N), which stands
    for the last N - 1 symbols of each text (`ngram_tables` says how); its size does not grow with what was read. It
    computes on the CPU; ids and scores may be elsewhere. The scores are log-probabilities, float64.

    Args:
        arrays: what `state_arrays` returned.

    Attributes:
        order: N: it sees the N - 1 symbols before the one that it predicts.
        vocab_size: V.
        modified: whether each order has three discounts.

    Source: Kneser and Ney (1995); Chen and Goodman (1999); chapter 04.

    >>> model = NGramModel.fit(np.array([0, 1, 0, 2]), order=2, vocab_size=3)
    >>> log_p, state = model(torch.tensor([[0]]), model.initial_state(1))
    >>> [round(p, 4) for p in log_p[0, 0].exp().tolist()]
    [0.25, 0.375, 0.375]
    """

    def __init__(self, arrays: Mapping[str, Any]) -> None:
        self._arrays = _checked(arrays)
        self.order, self.vocab_size, modified = (int(n) for n in self._arrays["sizes"])
        self.modified = bool(modified)
        orders = [
            Order(*(self._arrays[f"orders.{n}.{part}"] for part in _PARTS[:-1]), discounts=())
            for n in range(1, self.order + 1)
        ]
        self._tables = NGramTables(self._arrays["symbols"], orders, self.vocab_size)

    @classmethod
    def fit(cls, ids: np.ndarray, *, order: int, vocab_size: int, modified: bool = False) -> NGramModel:
        """Count the n-grams of a text.

        Args:
            ids: the text, integers of shape (T,), T at least 1.
            order: N, at least 1.
            vocab_size: V, at least 1: the number of symbols, seen or not.
            modified: three discounts an order instead of one.

        Raises:
            TypeError: `ids` is not an integer array, a number not an integer.
            ValueError: an empty text, another shape, a symbol out of range, a number below 1.
        """
        check_number("order", order, at_least=1, integer=True)
        check_number("vocab_size", vocab_size, at_least=1, integer=True)
        check_choice("modified", modified, (True, False))
        check_ids("ids", ids, ("T",), vocab_size)
        if ids.size == 0:
            raise ValueError("ids must hold at least one symbol to count, got an empty array")
        symbols, text = np.unique(ids.astype(np.int64), return_inverse=True)
        arrays = {"sizes": np.array([order, vocab_size, modified], np.int64), "symbols": symbols}
        for n, counted in enumerate(count_orders(text, len(symbols), order, modified=modified), 1):
            for part in _PARTS:
                dtype = np.int64 if part == "codes" else np.float64
                arrays[f"orders.{n}.{part}"] = np.asarray(getattr(counted, part), dtype)
        return cls(arrays)

    def initial_state(self, batch_size: int) -> State:
        """Nothing read: the state of B texts, (contexts,) with contexts of shape (B, N).

        Args:
            batch_size: B, at least 1.
        """
        check_number("batch_size", batch_size, at_least=1, integer=True)
        contexts = torch.full((batch_size, self.order), -1)
        contexts[:, 0] = 0
        return (contexts,)

    def __call__(self, ids: Tensor, state: State) -> tuple[Tensor, State]:
        """Read symbols.

        Args:
            ids: int64 of shape (T, B).
            state: before them.

        Returns:
            Log-probabilities, float64 of shape (T, B, V), and the state after them.

        Raises:
            TypeError: `ids` is not an int64 tensor.
            ValueError: a symbol out of range, or not as many texts as the state has.
        """
        contexts = state[0].numpy()
        check_id_tensor("ids", ids, ("T", len(contexts)), self.vocab_size)
        if len(ids) == 0:
            return torch.zeros(0, len(contexts), self.vocab_size, dtype=torch.float64, device=ids.device), state
        after = self._tables.read(ids.cpu().numpy(), contexts)
        p = self._tables.distributions(after.reshape(-1, self.order))
        log_p = torch.from_numpy(np.log(p, out=p)).reshape(*ids.shape, self.vocab_size)
        return log_p.to(ids.device), (torch.from_numpy(after[-1].copy()),)

    def select(self, state: State, index: Tensor) -> State:
        """The state of some of the texts.

        Args:
            state: of B texts.
            index: int64 of shape (K,).
        """
        return select_batch(state, index)

    def state_arrays(self) -> dict[str, np.ndarray]:
        """All that the model is, as int64 and float64 arrays by name, for a checkpoint of tensors.

        `sizes` is (N, V, modified), `symbols` the ids that the text had; `orders.n.codes`, `kept`, `totals`, `handed`
        and `discounts` are the fields of `rnncourse.reference.ngram_counts.Order`.
        """
        return dict(self._arrays)

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> NGramModel:
        """The model that `state_arrays` described, with the same predictions bit for bit.

        Args:
            arrays: NumPy arrays or tensors by name.

        Raises:
            TypeError: not a mapping, or an array of another dtype.
            ValueError: a name missing or unknown, arrays that do not fit together.
        """
        return cls(arrays)


def _checked(arrays: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """The arrays of a model, as NumPy's, after a look at whether they can be one."""
    check_mapping("arrays", arrays)
    found = {name: np.asarray(array) for name, array in arrays.items()}
    levels = {int(m[1]) for name in found if (m := re.fullmatch(r"orders\.(\d+)\.codes", name))}
    wanted = {"sizes", "symbols"} | {
        f"orders.{n}.{part}" for n in range(1, max(levels, default=1) + 1) for part in _PARTS
    }
    if set(found) != wanted:
        odd = sorted(set(found) ^ wanted)
        raise ValueError(f"arrays must have the names that state_arrays gives, got more or fewer: {', '.join(odd[:5])}")
    order, V, modified = (int(n) for n in check_ids("arrays['sizes']", found["sizes"], (3,), 2**62))
    if order != max(levels) or V < 1 or modified > 1:
        raise ValueError(
            f"arrays['sizes'] must be (order, V, modified) = ({max(levels)}, V, 0 or 1), got {(order, V, modified)}"
        )
    symbols = check_ids("arrays['symbols']", found["symbols"], ("size",), V)
    _check_sorted("symbols", symbols)
    contexts = 1
    for n in range(1, order + 1):
        at = f"orders.{n}."
        codes = check_ids(f"arrays['{at}codes']", found[at + "codes"], ("grams",), contexts * len(symbols))
        _check_sorted(at + "codes", codes)
        for part, shape in {
            "kept": codes.shape,
            "totals": (contexts,),
            "handed": (contexts,),
            "discounts": (3,),
        }.items():
            check_array(f"arrays['{at}{part}']", found[at + part], shape, like=np.empty(0))
        contexts = len(codes)
    return found


def _check_sorted(name: str, array: np.ndarray) -> None:
    if not (np.diff(array) > 0).all():
        raise ValueError(f"arrays[{name!r}] must be sorted, each entry once")
