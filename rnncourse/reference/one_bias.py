r"""Two biases or one: what PyTorch, cuDNN and ONNX keep apart, most papers and Keras's LSTM add up."""

from __future__ import annotations

import numpy as np

from ._parameters import BLOCKS, check_kind, read_layers, write_layers
from .scan import Params


def merge_biases(params: Params, kind: str, *, reset_after: bool = True) -> dict[str, np.ndarray]:
    r"""The same network with one bias wherever only the sum of two matters; the other is zero.

    .. math:: b_{ih} \leftarrow b_{ih} + b_{hh}, \qquad b_{hh} \leftarrow 0

    except for :math:`b_{hn}` of a GRU whose reset gate multiplies it, in
    :math:`n_t = \tanh(W_{in} x_t + b_{in} + r_t \odot (W_{hn} h_{t-1} + b_{hn}))`: it stays where it is. The network
    computes what it did, but for rounding. Training is not the same: two biases that both move by the gradient move
    their sum twice as far.

    Args:
        params: of any number of layers and directions, under the names of `torch.nn`.
        kind: "rnn", "lstm" (with or without projection), "gru" or "peephole".
        reset_after: for a GRU, whether r multiplies after the product.

    Returns:
        New biases, and the arrays of `params` otherwise, under the same names.

    Raises:
        TypeError: no mapping, no floating-point arrays, different dtypes, an option that is no bool.
        ValueError: an unknown kind, missing or unknown names, a wrong shape, NaN or infinity, a GRU's option for
            another kind.

    Source: chapter 12; the page "Notation and conventions".

    >>> params = {"weight_ih_l0": np.ones((1, 1)), "weight_hh_l0": np.ones((1, 1)),
    ...           "bias_ih_l0": np.array([2.0]), "bias_hh_l0": np.array([3.0])}
    >>> merged = merge_biases(params, "rnn")
    >>> merged["bias_ih_l0"], merged["bias_hh_l0"]
    (array([5.]), array([0.]))
    """
    check_kind(kind, tuple(BLOCKS), reset_after=reset_after)
    layers = read_layers(params, kind)
    for layer in layers:
        for p in layer:
            b_ih, b_hh = p["bias_ih"].copy(), p["bias_hh"].copy()
            summed = slice(2 * len(b_ih) // 3) if kind == "gru" and reset_after else slice(None)
            b_ih[summed] += b_hh[summed]
            b_hh[summed] = 0
            p["bias_ih"], p["bias_hh"] = b_ih, b_hh
    return write_layers(layers)
