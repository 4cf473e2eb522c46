r"""Recurrent layers one above the other: each reads the states of the layer below.

Schmidhuber (1992), "Learning complex, extended sequences"; Graves (2013). Derived in chapter 14; chapter 08 asks what
depth does to gradients.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from .._checks import check_array, check_mapping, check_number, check_sequence
from .rnn import Params, RNNCache, rnn_backward, rnn_forward

_PARTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


class StackedRNNCache(NamedTuple):
    """What `stacked_rnn_backward` needs: one cache a layer, from the bottom up."""

    layers: tuple[RNNCache, ...]


def stacked_rnn_forward(
    x: np.ndarray,
    h_0: np.ndarray,
    params: Params,
    *,
    nonlinearity: str = "tanh",
    lengths: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, StackedRNNCache]:
    r"""Run a stack of L Elman layers over a batch of sequences.

    .. math::
        h^0_t = x_t, \qquad
        h^l_t = \phi(W^l_{ih} h^{l-1}_t + b^l_{ih} + W^l_{hh} h^l_{t-1} + b^l_{hh}), \quad l = 1 \dots L

    Conventions, names and shapes are those of `torch.nn.RNN` with `num_layers=L` and `batch_first=False`.

    Args:
        x: inputs, of shape (T, B, I).
        h_0: each layer's state before the first step, of shape (L, B, H).
        params: for each layer l from 0, `weight_ih_l{l}` of shape (H, I), above the first (H, H); `weight_hh_l{l}` of
            shape (H, H); `bias_ih_l{l}` and `bias_hh_l{l}` of shape (H,).
        nonlinearity: phi: "tanh", "relu", "sigmoid" or "linear" (none).
        lengths: integers of shape (B,), each in 1 … T, as for `rnn_forward`. None: all have T steps.

    Returns:
        `output`, of shape (T, B, H): the top layer's states; `h_n`, of shape (L, B, H): each layer's last state;
        `cache` for `stacked_rnn_backward`.

    Raises:
        TypeError: an argument of another type, or arrays of different dtypes.
        ValueError: a wrong shape, missing or unknown parameters, a length out of range, NaN or infinity.

    Source: Graves (2013); chapter 08.
    """
    check_sequence(x)
    check_array("h_0", h_0, ("num_layers", x.shape[1], "hidden_size"), like=x)
    L, _, H = h_0.shape
    if L == 0:
        raise ValueError(f"h_0 must have at least one layer, got shape {h_0.shape}")
    _check_params(params, L, H, x)
    output, caches, h_n = x, [], []
    for l in range(L):
        output, h, cache = rnn_forward(
            output, h_0[l], layer_params(params, l), nonlinearity=nonlinearity, lengths=lengths
        )
        caches.append(cache)
        h_n.append(h)
    return output, np.stack(h_n), StackedRNNCache(tuple(caches))


def stacked_rnn_backward(
    d_output: np.ndarray | None, d_h_n: np.ndarray | None, cache: StackedRNNCache
) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    r"""Backpropagation through time and through the layers, from the top down.

    .. math::
        da^l_t = \phi'(a^l_t) \odot \bigl(do^l_t + (W^l_{hh})^\top da^l_{t+1}\bigr), \qquad
        do^{l-1}_t = (W^l_{ih})^\top da^l_t, \quad l = L \dots 1, \qquad dx_t = do^0_t

    with :math:`a^l_t` what stands inside of phi. At the last step `d_h_n` takes the place of what comes from t + 1.

    What a layer hands to the layer below as `d_output` is its own `dx`: the two sums over time are done one layer after
    the other.

    Args:
        d_output: the loss's derivative by `output`, of shape (T, B, H). None: zero.
        d_h_n: the loss's derivative by `h_n`, of shape (L, B, H), in addition to what comes through `output`.
            None: zero.
        cache: what `stacked_rnn_forward` returned.

    Returns:
        `dx` of shape (T, B, I); `dh_0` of shape (L, B, H); `grads`, the gradients under the keys of `params`.

    Raises:
        TypeError: an argument of another type, or another dtype than the forward pass had.
        ValueError: a wrong shape, NaN or infinity.

    Source: chapters 03 and 08.
    """
    layers = cache.layers
    if d_h_n is not None:
        _, B, H = layers[0].h.shape
        check_array("d_h_n", d_h_n, (len(layers), B, H), like=layers[0].x)
    grads: dict[str, np.ndarray] = {}
    dh_0 = []
    for l in reversed(range(len(layers))):
        d_output, dh, layer_grads = rnn_backward(d_output, None if d_h_n is None else d_h_n[l], layers[l])
        dh_0.append(dh)
        grads |= {name.replace("_l0", f"_l{l}"): grad for name, grad in layer_grads.items()}
    return d_output, np.stack(dh_0[::-1]), grads


def layer_params(params: Params, layer: int) -> dict[str, np.ndarray]:
    """The parameters of one layer under the names that `rnn_forward` takes.

    Args:
        params: a stack's parameters.
        layer: l, from 0.

    Returns:
        `weight_ih_l0`, `weight_hh_l0`, `bias_ih_l0`, `bias_hh_l0`.

    Raises:
        TypeError: `params` is not a mapping, or `layer` not an integer.
        ValueError: a negative layer, or one that is not in `params`.

    Source: chapters 08 and 14.
    """
    check_number("layer", layer, at_least=0, integer=True)
    check_mapping("params", params)
    if missing := [name for part in _PARTS if (name := f"{part}_l{layer}") not in params]:
        raise ValueError(f"params must hold {', '.join(missing)} for layer {layer}, got {sorted(map(str, params))}")
    return {f"{part}_l0": params[f"{part}_l{layer}"] for part in _PARTS}


def _check_params(params: Params, num_layers: int, H: int, x: np.ndarray) -> None:
    """Raise unless `params` holds all layers' arrays in shapes that fit; `rnn_forward` sees them under other names."""
    names = {f"{part}_l{layer}" for layer in range(num_layers) for part in _PARTS}
    if not isinstance(params, Mapping) or set(params) != names:
        got = ", ".join(sorted(params)) if isinstance(params, Mapping) else type(params).__name__
        raise ValueError(
            f"params must have the keys {', '.join(f'{part}_l0' for part in _PARTS)} and so on for each of the "
            f"{num_layers} layers of h_0, got {got}"
        )
    for layer in range(num_layers):
        shapes = dict(zip(_PARTS, ((H, H if layer else x.shape[2]), (H, H), (H,), (H,)), strict=True))
        for part, shape in shapes.items():
            check_array(f"params['{part}_l{layer}']", params[f"{part}_l{layer}"], shape, like=x)
