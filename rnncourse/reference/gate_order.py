r"""The order in which the gates of a cell are packed into one matrix, and how to go from one to another.

The letters are this course's: i, f, g, o for an LSTM's input gate, forget gate, candidate and output gate; r, z, n for
a GRU's reset gate, update gate and candidate. Keras and ONNX call g "c" and n "h".
"""

from __future__ import annotations

import numpy as np

from .._checks import check_array, check_number

#: The blocks' order by library and kind of cell; "peepholes" is that of ONNX's input P. cuDNN's is PyTorch's.
GATE_ORDERS = {
    "torch": {"rnn": "h", "lstm": "ifgo", "gru": "rzn"},
    "keras": {"rnn": "h", "lstm": "ifgo", "gru": "zrn"},
    "onnx": {"rnn": "h", "lstm": "iofg", "gru": "zrn", "peepholes": "iof"},
}


def reorder_gates(array: np.ndarray, source: str, target: str, *, axis: int = 0) -> np.ndarray:
    """Put the blocks of a packed weight or bias into another order.

    `GATE_ORDERS` has those of the libraries.

    Args:
        array: blocks of H entries along one axis, as of shape (4H, I).
        source: one letter a block, in the order that `array` has.
        target: the same letters in the order that is wanted.
        axis: where the blocks stand: 0 for PyTorch and ONNX, -1 for Keras.

    Returns:
        A new array of the same shape.

    Raises:
        TypeError: `array` is not a floating-point array, an order is no string, or `axis` no integer.
        ValueError: orders that are not the same distinct letters, an axis that `array` does not have or whose length
            is no multiple of the number of blocks, NaN or infinity.

    Source: the documentation of `torch.nn.LSTM` and `torch.nn.GRU`, Keras's sources, ONNX's operators LSTM and GRU;
    chapters 11 and 12, and the page "Notation and conventions".

    >>> reorder_gates(np.array([1.0, 1, 2, 2, 3, 3]), "rzn", "zrn")
    array([2., 2., 1., 1., 3., 3.])
    """
    check_array("array", array, tuple("…" for _ in array.shape) if isinstance(array, np.ndarray) else ("…",))
    check_number("axis", axis, at_least=-array.ndim, below=array.ndim, integer=True)
    for name, order in {"source": source, "target": target}.items():
        if not isinstance(order, str):
            raise TypeError(f"{name} must be a string with one letter a block, got {type(order).__name__}")
    if not source or len(set(source)) != len(source):
        raise ValueError(f"source must be distinct letters, one a block, got {source!r}")
    if sorted(source) != sorted(target):
        raise ValueError(f"target must be the letters of source, {source!r}, in another order, got {target!r}")
    if array.shape[axis] % len(source) or not array.shape[axis]:
        raise ValueError(f"array must have {len(source)} * H entries along axis {axis}, got shape {array.shape}")
    blocks = np.split(array, len(source), axis=axis)
    return np.concatenate([blocks[source.index(letter)] for letter in target], axis=axis)
