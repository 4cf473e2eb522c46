r"""Parameters to and from the weights of Keras's layers: matrices transposed, gates in other places, one bias or two.

| layer | kernel | recurrent kernel | bias | gates |
|---|---|---|---|---|
| `SimpleRNN` | (I, H) | (H, H) | (H,): the sum of the two | |
| `LSTM` | (I, 4H) | (H, 4H) | (4H,): the sum of the two | i, f, g, o |
| `GRU(reset_after=True)`, the default | (I, 3H) | (H, 3H) | (2, 3H): b_ih, then b_hh | z, r, n |
| `GRU(reset_after=False)` | (I, 3H) | (H, 3H) | (3H,): the sum of the two | z, r, n |

Keras calls g "c" and n "h"; its z is the share of the old state. Keras has one layer for each layer and wraps it in
`Bidirectional` for two directions. Its inputs are of shape (B, T, I). `Embedding` and `LayerNormalization` have the
arrays of `embedding_forward` and `layer_norm_forward` as they are, but Keras's epsilon is 1e-3 where PyTorch's is 1e-5.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .._checks import check_array
from ._parameters import BLOCKS, Layer, check_kind, negate_z, read_layers, write_layers
from .gate_order import GATE_ORDERS, reorder_gates
from .scan import Params

_KINDS = ("rnn", "lstm", "gru")


def to_keras(params: Params, kind: str, *, reset_after: bool = True, z_keeps: bool = True) -> list[list[np.ndarray]]:
    """The weights with which Keras's layers compute what `params` compute: one list a layer, for its `set_weights`.

    Where Keras has one bias, it gets the sum of two. That loses nothing of the function, but it cannot be undone: what
    comes back from `from_keras` has the sum in `bias_ih` and zeros in `bias_hh`. All else comes back bit for bit.

    Args:
        params: of any number of layers and directions, under the names of `torch.nn`.
        kind: "rnn", "lstm" or "gru". Keras's LSTM has neither a projection nor peepholes.
        reset_after: for a GRU, whether r multiplies after the product; Keras's layer must be made with the same.
        z_keeps: for a GRU, the meaning that z has in `params`. True: Keras's; else the rows of z change sign.

    Returns:
        For each layer from the bottom up [kernel, recurrent kernel, bias], with two directions those of the forward one
        and then those of the backward one, as `Bidirectional` wants them.

    Raises:
        TypeError: no mapping, no floating-point arrays, different dtypes, an option that is no bool.
        ValueError: an unknown kind, missing or unknown names, a projection, a wrong shape, NaN or infinity, a GRU's
            option for another kind.

    Source: the documentation and sources of `keras.layers.LSTM` and `keras.layers.GRU`; chapters 11, 12 and 14.

    >>> from rnncourse.reference import init_gru
    >>> (weights,) = to_keras(init_gru(np.random.default_rng(0), 2, 3), "gru")
    >>> [array.shape for array in weights]
    [(2, 9), (3, 9), (2, 9)]
    """
    check_kind(kind, _KINDS, reset_after=reset_after, z_keeps=z_keeps)
    two = kind == "gru" and reset_after
    layers = []
    for layer in read_layers(params, kind, no_projection_in="Keras"):
        weights = []
        for p in layer:
            p = _reorder(p if z_keeps else negate_z(p), kind, "torch", "keras")
            b_ih, b_hh = p["bias_ih"], p["bias_hh"]
            bias = np.stack([b_ih, b_hh]) if two else b_ih + b_hh
            weights += [np.ascontiguousarray(p["weight_ih"].T), np.ascontiguousarray(p["weight_hh"].T), bias]
        layers.append(weights)
    return layers


def from_keras(
    layers: Sequence[Sequence[np.ndarray]], kind: str, *, reset_after: bool = True, z_keeps: bool = True
) -> dict[str, np.ndarray]:
    """The parameters that compute what Keras's layers with these weights compute: `to_keras` the other way round.

    Args:
        layers: one entry a layer from the bottom up, what its `get_weights()` returns: [kernel, recurrent kernel,
            bias], or six arrays from a `Bidirectional`. Two or four, from layers with `use_bias=False`: the biases are
            zero.
        kind: "rnn", "lstm" or "gru".
        reset_after: for a GRU, what the layer was made with, and what `gru_forward` has to be called with. A bias of
            shape (3H,) goes with False, one of shape (2, 3H) with True; without bias nothing in the weights tells.
        z_keeps: for a GRU, the meaning that z shall have in the result. True: Keras's.

    Returns:
        New arrays under the names of `torch.nn`. Where Keras has one bias, it is `bias_ih`, and `bias_hh` is zero.

    Raises:
        TypeError: no sequence of sequences, no floating-point arrays, different dtypes, an option that is no bool.
        ValueError: an unknown kind, no layer, another number of arrays, a wrong shape, NaN or infinity, a GRU's option
            for another kind.

    Source: the documentation and sources of `keras.layers.LSTM` and `keras.layers.GRU`; chapters 11, 12 and 14.
    """
    check_kind(kind, _KINDS, reset_after=reset_after, z_keeps=z_keeps)
    if not isinstance(layers, Sequence) or isinstance(layers, str) or not layers:
        raise TypeError(f"layers must be a sequence with at least one layer's weights, got {type(layers).__name__}")
    found: list[Layer] = []
    for l, weights in enumerate(layers):
        if not isinstance(weights, Sequence) or isinstance(weights, str):
            raise TypeError(
                f"layers[{l}] must be a list of arrays, as get_weights returns it (for one layer: [weights]), "
                f"got {type(weights).__name__}"
            )
        if len(weights) not in (2, 3, 4, 6):
            raise ValueError(
                f"layers[{l}] must hold kernel, recurrent kernel and perhaps a bias, for one direction or for two, "
                f"got {len(weights)} arrays"
            )
        each = len(weights) // (2 if len(weights) > 3 else 1)
        sizes = [] if not found else [len(found[-1]) * found[-1][0]["weight_hh"].shape[1]]
        layer = []
        for at in range(0, len(weights), each):
            names = [f"layers[{l}][{k}]" for k in range(at, at + each)]
            p = _read(names, weights[at : at + each], sizes, kind, reset_after, layers[0][0])
            layer.append(_reorder(p, kind, "keras", "torch"))
            sizes = [p["weight_ih"].shape[1], p["weight_hh"].shape[1]]  # the second direction's are the first's
        found.append(layer if z_keeps else [negate_z(p) for p in layer])
    return write_layers(found)


def _reorder(p: Params, kind: str, source: str, target: str) -> dict[str, np.ndarray]:
    return {part: reorder_gates(a, GATE_ORDERS[source][kind], GATE_ORDERS[target][kind]) for part, a in p.items()}


def _read(
    names: list[str],
    weights: Sequence[np.ndarray],
    sizes: list[int],
    kind: str,
    reset_after: bool,
    like: np.ndarray,
) -> dict[str, np.ndarray]:
    """One direction's weights, checked, as matrices (out, in) and two biases; gates still in Keras's order.

    Args:
        names: what to call the arrays in messages.
        weights: kernel, recurrent kernel and perhaps a bias.
        sizes: [], [I] or [I, H], as far as what stands below or beside says what they must be.
        kind: "rnn", "lstm" or "gru".
        reset_after: a GRU's, whether the bias has two rows.
        like: an array whose dtype all must have.
    """
    G = BLOCKS[kind]
    W_ih, W_hh = weights[:2]
    check_array(names[0], W_ih, ("I", f"{G}H"))  # first, since `like` may be this very array
    check_array(names[1], W_hh, ("H", f"{G}H"), like=like)
    H = sizes[1] if len(sizes) == 2 else W_hh.shape[0]
    check_array(names[1], W_hh, (H, G * H), like=like)
    check_array(names[0], W_ih, (sizes[0] if sizes else "I", G * H), like=like)
    if not H or not W_ih.shape[0]:
        raise ValueError(f"{names[0]} must have at least one input and unit, got shape {W_ih.shape}")
    biases = np.zeros((2, G * H), W_hh.dtype)
    if len(weights) == 3:
        two = kind == "gru" and reset_after
        check_array(names[2], weights[2], biases.shape if two else (G * H,), like=like)
        biases[: 2 if two else 1] = weights[2]
    return {"weight_ih": W_ih.T, "weight_hh": W_hh.T, "bias_ih": biases[0], "bias_hh": biases[1]}
