"""What a node of an ONNX graph says beside its weights: which operator it is, and its attributes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from .._checks import check_choice
from ._parameters import check_kind

OPERATORS = {"rnn": "RNN", "lstm": "LSTM", "gru": "GRU", "peephole": "LSTM"}
_ACTIVATIONS = {"tanh": "Tanh", "relu": "Relu", "sigmoid": "Sigmoid"}
_DEFAULT_ACTIVATIONS = {"RNN": ["Tanh"], "LSTM": ["Sigmoid", "Tanh", "Tanh"], "GRU": ["Sigmoid", "Tanh"]}
# What holds where an attribute is missing; and the layout of inputs and outputs does not concern the weights.
_DEFAULTS = {"direction": "forward", "linear_before_reset": 0, "input_forget": 0}
_INDIFFERENT = {"layout"}


class ONNXLayer(NamedTuple):
    """One node of an ONNX graph, as far as parameters go.

    Attributes:
        operator: "RNN", "LSTM" or "GRU".
        attributes: `hidden_size` and `direction`; for a GRU `linear_before_reset`, which ONNX sets to 0 where it is
            missing; for an RNN `activations`. Keyword arguments for `onnx.helper.make_node`.
        weights: the inputs W, R, B, with peepholes also P.

    Source: the specification of ONNX's operators RNN, LSTM and GRU, version 22; chapters 11 to 14.
    """

    operator: str
    attributes: dict[str, Any]
    weights: dict[str, np.ndarray]


def attributes_of(R: np.ndarray, kind: str, reset_after: bool, nonlinearity: str) -> dict[str, Any]:
    """The attributes of the node of that kind, R being its input of that name."""
    attributes: dict[str, Any] = {"hidden_size": R.shape[2], "direction": ("forward", "bidirectional")[len(R) - 1]}
    if kind == "gru":
        attributes["linear_before_reset"] = int(reset_after)
    if kind == "rnn":
        attributes["activations"] = [_ACTIVATIONS[nonlinearity]] * len(R)
    return attributes


def check_options(kind: str, reset_after: bool, z_keeps: bool, nonlinearity: str) -> None:
    """Raise unless the kind is known and the options are such as it has.

    Raises:
        TypeError: a kind that is no string, or an option that is no bool.
        ValueError: an unknown kind or nonlinearity, or an option for another kind.
    """
    check_kind(kind, tuple(OPERATORS), reset_after=reset_after, z_keeps=z_keeps)
    check_choice("nonlinearity", nonlinearity, tuple(_ACTIVATIONS))
    if kind != "rnn" and nonlinearity != "tanh":
        raise ValueError(f"nonlinearity is for kind 'rnn', got {nonlinearity!r} with {kind!r}")


def check_node(name: str, layer: ONNXLayer, operator: str, expected: Mapping[str, Any]) -> None:
    """Raise unless the node is that operator and its attributes say what is expected and nothing more.

    Args:
        name: what to call the node in messages.
        layer: the node.
        operator: what it must be.
        expected: what its attributes must say, as `attributes_of` returns it.

    Raises:
        TypeError: attributes that are no mapping.
        ValueError: another operator, or an attribute of another value.
    """
    if layer.operator != operator:
        raise ValueError(f"{name}.operator must be {operator!r}, got {layer.operator!r}")
    if not isinstance(layer.attributes, Mapping):
        raise TypeError(f"{name}.attributes must be a mapping, got {type(layer.attributes).__name__}")
    D = 1 + (expected["direction"] == "bidirectional")
    defaults = _DEFAULTS | {"activations": _DEFAULT_ACTIVATIONS[operator] * D, "hidden_size": expected["hidden_size"]}
    wanted = defaults | dict(expected)
    for key in sorted({*layer.attributes, *expected} - _INDIFFERENT):
        if key not in wanted:
            raise ValueError(f"{name}.attributes must leave out what has no counterpart here, got {key!r}")
        value = _plain(layer.attributes.get(key, defaults[key]))
        if value != wanted[key]:
            raise ValueError(
                f"{name}.attributes[{key!r}] must be {wanted[key]!r} for this kind and options, got {value!r}"
            )


def _plain(value: Any) -> Any:
    """Strings as strings, which ONNX's own helpers return as bytes; sequences as lists."""
    if isinstance(value, bytes):
        return value.decode()
    return [_plain(entry) for entry in value] if isinstance(value, list | tuple) else value
