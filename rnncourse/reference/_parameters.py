"""Reading the parameters of a whole recurrent network, checked, for the functions that convert them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from .._checks import check_array, check_choice
from .layer_names import join_layers, split_layers
from .scan import Params

#: How many blocks a cell's matrices have.
BLOCKS = {"rnn": 1, "lstm": 4, "gru": 3, "peephole": 4}
_PARTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
_PEEPHOLES = ("weight_ci", "weight_cf", "weight_co")
_DIRECTIONS = ("", "_reverse")

# A layer is a list with one dictionary a direction; the names in it are without layer and direction.
Layer = list[dict[str, np.ndarray]]


def read_layers(params: Params, kind: str, *, name: str = "params", no_projection_in: str = "") -> list[Layer]:
    """The parameters by layer and direction, once names, shapes and dtypes are found to be those of `kind`.

    Args:
        params: under the names of `torch.nn`.
        kind: a key of BLOCKS.
        name: what the caller calls `params`, for messages.
        no_projection_in: the library that has no projection, if that is so.

    Raises:
        TypeError: no mapping, no floating-point arrays, or different dtypes.
        ValueError: missing or unknown names, a projection where none can be, a wrong shape, NaN or infinity.
    """
    if not isinstance(params, Mapping):
        raise TypeError(f"{name} must be a mapping of names to arrays, got {type(params).__name__}")
    projected = sorted(str(key) for key in params if str(key).startswith("weight_hr_l"))
    if projected and no_projection_in:
        raise ValueError(f"{name} must hold no projection, since {no_projection_in} has none, got {projected[0]}")
    parts = _PARTS + (_PEEPHOLES if kind == "peephole" else ())
    if projected and kind == "lstm":
        parts += ("weight_hr",)
    known = {f"{part}_l0{direction}" for part in parts for direction in _DIRECTIONS}
    try:
        layers = split_layers(params)
    except ValueError as error:
        raise ValueError(str(error).replace("params", name, 1)) from None
    D = 1 + any(key.endswith("_reverse") for key in layers[0])
    for l, layer in enumerate(layers):
        wanted = {f"{part}_l0{direction}" for part in parts for direction in _DIRECTIONS[:D]}
        if set(layer) != wanted:
            missing, unknown = (
                ", ".join(sorted(key.replace("_l0", f"_l{l}") for key in keys)) or "none"
                for keys in (wanted - set(layer), set(layer) - known)
            )
            raise ValueError(f"{name} must be those of kind {kind!r}, got missing keys: {missing}; unknown: {unknown}")
    found = [[{part: layer[f"{part}_l0{d}"] for part in parts} for d in _DIRECTIONS[:D]] for layer in layers]
    _check_shapes(found, kind, name)
    return found


def write_layers(layers: Iterable[Layer]) -> dict[str, np.ndarray]:
    """`read_layers` undone."""
    return join_layers(
        [
            {f"{part}_l0{d}": array for p, d in zip(layer, _DIRECTIONS, strict=False) for part, array in p.items()}
            for layer in layers
        ]
    )


def check_kind(kind: str, kinds: Sequence[str], *, reset_after: bool = True, z_keeps: bool = True) -> None:
    """Raise unless the kind is known and the options are True or False, and those of a GRU if not the default."""
    if not isinstance(kind, str):
        raise TypeError(f"kind must be one of {', '.join(map(repr, kinds))}, got {type(kind).__name__}")
    check_choice("kind", kind, kinds)
    for name, value in {"reset_after": reset_after, "z_keeps": z_keeps}.items():
        if not isinstance(value, bool):
            raise TypeError(f"{name} must be True or False, got {value!r}")
        if kind != "gru" and not value:
            raise ValueError(f"{name} is for kind 'gru' and must be left True for others, got False with {kind!r}")


def negate_z(p: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """One direction of a GRU, gates in the order r, z, n, with the other meaning of z."""
    signs = np.array([1, -1, 1])
    flipped = {}
    for part, array in p.items():
        sign = np.repeat(signs, array.shape[0] // 3).astype(array.dtype)
        flipped[part] = array * (sign if array.ndim == 1 else sign[:, None])
    return flipped


def _check_shapes(layers: list[Layer], kind: str, name: str) -> None:
    G, first, below = BLOCKS[kind], layers[0][0]["weight_ih"], None
    for l, layer in enumerate(layers):
        W_ih, W_hh = (f"{name}['{part}_l{l}']" for part in ("weight_ih", "weight_hh"))
        check_array(W_ih, layer[0]["weight_ih"], (f"{G}H", "I"))
        check_array(W_hh, layer[0]["weight_hh"], (f"{G}H", "P" if "weight_hr" in layer[0] else "H"))
        rows, P = layer[0]["weight_hh"].shape
        H = rows // G if "weight_hr" in layer[0] else P
        I = layer[0]["weight_ih"].shape[1] if below is None else below
        if not H or not I or not P:
            raise ValueError(f"{W_ih} and {W_hh} must have at least one input and unit, got I = {I}, H = {H}")
        shapes = {part: (H,) for part in _PEEPHOLES} | {
            "weight_ih": (G * H, I),
            "weight_hh": (G * H, P),
            "bias_ih": (G * H,),
            "bias_hh": (G * H,),
            "weight_hr": (P, H),
        }
        for d, p in enumerate(layer):
            for part, array in p.items():
                check_array(f"{name}['{part}_l{l}{_DIRECTIONS[d]}']", array, shapes[part], like=first)
        below = len(layer) * P
