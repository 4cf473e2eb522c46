"""A network's parameters by layer: one dictionary with the layers' numbers in its names, or one dictionary a layer.

`torch.nn` keeps all layers in one state dict: `weight_ih_l0`, `weight_ih_l1`, and `…_reverse` for the second direction.
`stacked_rnn_forward` takes that form; `stack_forward` and `bidirectional_forward` take a layer at a time, named `…_l0`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from .scan import Params

_NAME = re.compile(r"(?P<part>.+)_l(?P<layer>0|[1-9][0-9]*)(?P<direction>_reverse)?")


def split_layers(params: Params) -> list[dict[str, np.ndarray]]:
    """The parameters of a stack, one dictionary a layer, as `stack_forward` and `bidirectional_forward` take them.

    Args:
        params: a stack's parameters under the names of `torch.nn`: `weight_ih_l{l}`, with a second direction also
            `weight_ih_l{l}_reverse`, and so on.

    Returns:
        For each layer from the bottom up a dictionary with names in `…_l0` and `…_l0_reverse`. The arrays are the same
        ones, not copies.

    Raises:
        TypeError: `params` is no mapping.
        ValueError: no parameters, a name of another form, or layers and directions that do not hold the same names.

    Source: chapter 14; the page "Notation and conventions".

    >>> two = {"weight_hh_l0": np.zeros((3, 3)), "weight_hh_l1": np.ones((3, 3))}
    >>> [list(layer) for layer in split_layers(two)]
    [['weight_hh_l0'], ['weight_hh_l0']]
    """
    if not isinstance(params, Mapping):
        raise TypeError(f"params must be a mapping of names to arrays, got {type(params).__name__}")
    layers: dict[int, dict[str, np.ndarray]] = {}
    for name, array in params.items():
        match = _NAME.fullmatch(str(name))
        if not match:
            raise ValueError(f"params must have names like weight_ih_l0 and weight_ih_l0_reverse, got {name!r}")
        part, layer, direction = match.group("part", "layer", "direction")
        layers.setdefault(int(layer), {})[f"{part}_l0{direction or ''}"] = array
    if sorted(layers) != list(range(len(layers))) or not layers:
        raise ValueError(f"params must hold the layers 0, 1, … without a gap, got {sorted(layers)}")
    wanted = {name.removesuffix("_reverse") for layer in layers.values() for name in layer}
    if any(name.endswith("_reverse") for layer in layers.values() for name in layer):
        wanted |= {f"{name}_reverse" for name in wanted}
    for l, layer in layers.items():
        if set(layer) != wanted:
            lacking = ", ".join(sorted(name.replace("_l0", f"_l{l}") for name in wanted - set(layer)))
            raise ValueError(f"params must hold the same names in every layer and direction, got no {lacking}")
    return [layers[l] for l in range(len(layers))]


def join_layers(params_list: Sequence[Params]) -> dict[str, np.ndarray]:
    """The parameters of a stack in one dictionary, as `torch.nn` has them: `split_layers` undone.

    Args:
        params_list: each layer's parameters from the bottom up, with names in `…_l0` and `…_l0_reverse`.

    Returns:
        One dictionary with names in `…_l{l}` and `…_l{l}_reverse`. The arrays are the same ones, not copies.

    Raises:
        TypeError: `params_list` is no sequence of mappings.
        ValueError: no layer, a name that is not of layer 0, or layers that do not hold the same names.

    Source: chapter 14; the page "Notation and conventions".
    """
    if not isinstance(params_list, Sequence) or isinstance(params_list, str):
        raise TypeError(f"params_list must be a sequence with one mapping a layer, got {type(params_list).__name__}")
    if not params_list:
        raise ValueError("params_list must hold at least one layer, got none")
    joined = {}
    for l, params in enumerate(params_list):
        if not isinstance(params, Mapping):
            raise TypeError(f"params_list[{l}] must be a mapping of names to arrays, got {type(params).__name__}")
        for name, array in params.items():
            match = _NAME.fullmatch(str(name))
            if not match or match["layer"] != "0":
                raise ValueError(f"params_list[{l}] must have names like weight_ih_l0, got {name!r}")
            joined[f"{match['part']}_l{l}{match['direction'] or ''}"] = array
    split_layers(joined)  # raises where a layer or a direction lacks something
    if len({match for name in joined if (match := _NAME.fullmatch(name)["layer"])}) != len(params_list):
        raise ValueError("params_list must hold parameters for every layer, got an empty one")
    return joined
