r"""Parameters to and from the operators RNN, LSTM and GRU of ONNX: gates in other places, both biases in one array.

| input | RNN | LSTM | GRU |
|---|---|---|---|
| W | (D, H, I) | (D, 4H, I) | (D, 3H, I) |
| R | (D, H, H) | (D, 4H, H) | (D, 3H, H) |
| B | (D, 2H) | (D, 8H) | (D, 6H) |
| P | | (D, 3H), order i, o, f | |
| gates | | i, o, f, g | z, r, n |

D is 1 or 2, the number of directions. B holds b_ih and behind it b_hh; P holds peepholes, where the output gate sees
the new :math:`c_t`, as in `peephole_lstm_cell`. ONNX calls g "c" and n "h"; its z is the share of the old state. An
operator is one layer. Its output Y is of shape (T, D, B, H): ours is `Y.swapaxes(1, 2).reshape(T, B, D * H)`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .._checks import check_array
from ._parameters import BLOCKS, Layer, negate_z, read_layers, write_layers
from .gate_order import GATE_ORDERS, reorder_gates
from .onnx_node import OPERATORS, ONNXLayer, attributes_of, check_node, check_options
from .scan import Params

_ORDERS = GATE_ORDERS["onnx"] | {"peephole": GATE_ORDERS["onnx"]["lstm"]}
_OURS = GATE_ORDERS["torch"] | {"peephole": GATE_ORDERS["torch"]["lstm"]}
_PEEPHOLES = GATE_ORDERS["onnx"]["peepholes"]


def to_onnx(
    params: Params, kind: str, *, reset_after: bool = True, z_keeps: bool = True, nonlinearity: str = "tanh"
) -> list[ONNXLayer]:
    """The nodes of ONNX that compute what `params` compute, one a layer.

    Nothing is lost: `from_onnx` gives back the same arrays, bit for bit.

    Args:
        params: of any number of layers and directions, under the names of `torch.nn`.
        kind: "rnn", "lstm", "gru", or "peephole" for diagonal peepholes without the candidate's. ONNX's LSTM has no
            projection.
        reset_after: for a GRU, whether r multiplies after the product. It becomes `linear_before_reset`.
        z_keeps: for a GRU, the meaning that z has in `params`. True: ONNX's; else the rows of z change sign.
        nonlinearity: for kind "rnn": "tanh", "relu" or "sigmoid". It becomes `activations`.

    Returns:
        The layers from the bottom up.

    Raises:
        TypeError: no mapping, no floating-point arrays, different dtypes, an option that is no bool.
        ValueError: an unknown kind or nonlinearity, missing or unknown names, a projection, a wrong shape, NaN or
            infinity, an option for another kind.

    Source: the specification of ONNX's operators RNN, LSTM and GRU, version 22; chapters 11 to 14.

    >>> from rnncourse.reference import init_gru
    >>> (layer,) = to_onnx(init_gru(np.random.default_rng(0), 2, 3), "gru", reset_after=False)
    >>> layer.attributes
    {'hidden_size': 3, 'direction': 'forward', 'linear_before_reset': 0}
    >>> {name: array.shape for name, array in layer.weights.items()}
    {'W': (1, 9, 2), 'R': (1, 9, 3), 'B': (1, 18)}
    """
    check_options(kind, reset_after, z_keeps, nonlinearity)
    layers = []
    for layer in read_layers(params, kind, no_projection_in="ONNX"):
        if not z_keeps:
            layer = [negate_z(p) for p in layer]
        packed = {
            part: np.stack([reorder_gates(p[part], _OURS[kind], _ORDERS[kind]) for p in layer])
            for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        }
        weights = {
            "W": packed["weight_ih"],
            "R": packed["weight_hh"],
            "B": np.concatenate([packed["bias_ih"], packed["bias_hh"]], axis=1),
        }
        if kind == "peephole":
            weights["P"] = np.stack([np.concatenate([p[f"weight_c{gate}"] for gate in _PEEPHOLES]) for p in layer])
        attributes = attributes_of(weights["R"], kind, reset_after, nonlinearity)
        layers.append(ONNXLayer(OPERATORS[kind], attributes, weights))
    return layers


def from_onnx(
    layers: Sequence[ONNXLayer],
    kind: str,
    *,
    reset_after: bool = True,
    z_keeps: bool = True,
    nonlinearity: str = "tanh",
) -> dict[str, np.ndarray]:
    """The parameters that compute what these nodes of ONNX compute: `to_onnx` the other way round.

    Args:
        layers: one entry a layer from the bottom up. Without B the biases are zero, without P so are the peepholes.
            Attributes may be missing where ONNX has a default; one that says more than `kind` and the options is
            refused, and so is `direction="reverse"`, since the functions here run a single direction forwards.
        kind: "rnn", "lstm", "gru", or "peephole".
        reset_after: for a GRU, what `gru_forward` has to be called with: it must agree with `linear_before_reset`.
        z_keeps: for a GRU, the meaning that z shall have in the result. True: ONNX's.
        nonlinearity: for kind "rnn", what `rnn_forward` has to be called with: it must agree with `activations`.

    Returns:
        New arrays under the names of `torch.nn`.

    Raises:
        TypeError: no sequence of `ONNXLayer`, no floating-point arrays, different dtypes, an option that is no bool.
        ValueError: an unknown kind or nonlinearity, no layer, another operator, an attribute that does not fit, missing
            or unknown inputs, a wrong shape, NaN or infinity, an option for another kind.

    Source: the specification of ONNX's operators RNN, LSTM and GRU, version 22; chapters 11 to 14.
    """
    check_options(kind, reset_after, z_keeps, nonlinearity)
    if not isinstance(layers, Sequence) or isinstance(layers, ONNXLayer | str) or not layers:
        raise TypeError(f"layers must be a sequence with at least one ONNXLayer, got {type(layers).__name__}")
    found: list[Layer] = []
    for l, layer in enumerate(layers):
        if not isinstance(layer, ONNXLayer):
            raise TypeError(f"layers[{l}] must be an ONNXLayer, got {type(layer).__name__}")
        weights = _read(f"layers[{l}].weights", layer.weights, kind, found)
        check_node(f"layers[{l}]", layer, OPERATORS[kind], attributes_of(weights["R"], kind, reset_after, nonlinearity))
        directions = []
        for d in range(len(weights["W"])):
            b_ih, b_hh = np.split(weights["B"][d], 2)
            p = {"weight_ih": weights["W"][d], "weight_hh": weights["R"][d], "bias_ih": b_ih, "bias_hh": b_hh}
            p = {part: reorder_gates(array, _ORDERS[kind], _OURS[kind]) for part, array in p.items()}
            if kind == "peephole":
                looks = np.split(reorder_gates(weights["P"][d], _PEEPHOLES, "ifo"), 3)
                p |= {f"weight_c{gate}": look.copy() for gate, look in zip("ifo", looks, strict=True)}
            directions.append(p if z_keeps else negate_z(p))
        found.append(directions)
    return write_layers(found)


def _read(name: str, weights: Any, kind: str, below: list[Layer]) -> dict[str, np.ndarray]:
    """W, R, B and with peepholes P, all of the shapes they must have; what is optional and missing is zero."""
    allowed = {"W", "R", "B"} | ({"P"} if kind == "peephole" else set())
    if not isinstance(weights, Mapping) or not {"W", "R"} <= set(weights) <= allowed:
        got = sorted(weights) if isinstance(weights, Mapping) else type(weights).__name__
        raise ValueError(f"{name} must hold W and R, and of {', '.join(sorted(allowed))} no others, got {got}")
    G = BLOCKS[kind]
    W = check_array(f"{name}['W']", weights["W"], ("D", f"{G}H", "I"))
    like = below[0][0]["weight_ih"] if below else W
    R = check_array(f"{name}['R']", weights["R"], ("D", f"{G}H", "H"), like=like)
    D, _, H = R.shape
    I = len(below[-1]) * below[-1][0]["weight_hh"].shape[1] if below else "I"
    if D not in (1, 2) or (below and len(below[0]) != D) or not H:
        raise ValueError(f"{name}['R'] must have 1 or 2 directions, the same in every layer, and H >= 1, got {R.shape}")
    shapes = {"R": (D, G * H, H), "W": (D, G * H, I), "B": (D, 2 * G * H), "P": (D, 3 * H)}
    return {
        key: check_array(f"{name}[{key!r}]", weights[key], shapes[key], like=like)
        if key in weights
        else np.zeros(shapes[key], R.dtype)
        for key in sorted(allowed)
    }
