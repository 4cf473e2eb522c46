"""Parameters to and from a module of `torch.nn`: names and order agree, so it is types, prefixes and missing biases.

NumPy alone: tensors are read by their own methods, and `torch.from_numpy` is left to the caller.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .._checks import check_dtype
from ._parameters import check_kind, negate_z, read_layers, write_layers
from .scan import Params

_KINDS = ("rnn", "lstm", "gru")
_DTYPES = ("float32", "float64")


def from_torch(
    state_dict: Mapping[str, Any], kind: str, *, prefix: str = "", dtype: Any = None, z_keeps: bool = True
) -> dict[str, np.ndarray]:
    """The parameters in a state dict of `torch.nn.RNN`, `torch.nn.LSTM` or `torch.nn.GRU`, of any depth and direction.

    A module made with `bias=False` has no biases: here they are zero. Dropout between layers has no parameters.

    Args:
        state_dict: names to tensors or arrays, as `module.state_dict()` returns them.
        kind: "rnn", "lstm" (with or without projection) or "gru".
        prefix: what the names begin with, as "rnn." in the state dict of a whole model; others are left out.
        dtype: float32 or float64. None: as it is, which must be one of the two and the same for all.
        z_keeps: for a GRU, the meaning that z shall have in the result. True: PyTorch's.

    Returns:
        Copies, under the names of `torch.nn` without the prefix, as the functions of this package take them; a GRU's
        are for `reset_after=True`.

    Raises:
        TypeError: no mapping, entries that are no floating-point tensors or arrays, different dtypes, an option that is
            no bool.
        ValueError: an unknown kind or dtype, no such prefix, missing or unknown names, a wrong shape, NaN or infinity,
            a GRU's option for another kind.

    Source: the documentation of `torch.nn.LSTM`; chapters 11, 12 and 14.
    """
    check_kind(kind, _KINDS, z_keeps=z_keeps)
    if dtype is not None:
        check_dtype(dtype)
    if not isinstance(state_dict, Mapping):
        raise TypeError(f"state_dict must be a mapping of names to tensors, got {type(state_dict).__name__}")
    if not isinstance(prefix, str):
        raise TypeError(f"prefix must be a string, got {type(prefix).__name__}")
    found = {
        str(name).removeprefix(prefix): _array(f"state_dict[{name!r}]", value, dtype)
        for name, value in state_dict.items()
        if str(name).startswith(prefix)
    }
    if not found:
        raise ValueError(f"state_dict must have names that begin with {prefix!r}, got {sorted(map(str, state_dict))}")
    if not any(name.startswith("bias_") for name in found):
        for name in [name for name in found if name.startswith("weight_hh_l")]:
            for bias in ("bias_ih_l", "bias_hh_l"):
                found[name.replace("weight_hh_l", bias)] = np.zeros(found[name].shape[:1], found[name].dtype)
    layers = read_layers(found, kind, name="state_dict")
    return write_layers(layers if z_keeps else [[negate_z(p) for p in layer] for layer in layers])


def to_torch(
    params: Params,
    kind: str,
    *,
    prefix: str = "",
    dtype: Any = None,
    reset_after: bool = True,
    z_keeps: bool = True,
) -> dict[str, np.ndarray]:
    """The state dict, in NumPy, of the module of `torch.nn` that computes what `params` compute.

    `module.load_state_dict({name: torch.from_numpy(array) for name, array in to_torch(…).items()})` puts it in.

    Args:
        params: of any number of layers and directions, under the names of `torch.nn`.
        kind: "rnn", "lstm" (with or without projection) or "gru".
        prefix: what the names shall begin with, as "rnn.".
        dtype: float32 or float64, in which copies are made. None: as it is.
        reset_after: for a GRU, whether r multiplies after the product. `torch.nn.GRU` knows no other form.
        z_keeps: for a GRU, the meaning that z has in `params`. True: PyTorch's; else the rows of z change sign.

    Returns:
        Copies, in PyTorch's order of names.

    Raises:
        TypeError: no mapping, no floating-point arrays, different dtypes, an option that is no bool.
        ValueError: an unknown kind or dtype, a GRU that resets before the product, missing or unknown names, a wrong
            shape, NaN or infinity, a GRU's option for another kind.

    Source: the documentation of `torch.nn.LSTM`; chapters 11, 12 and 14.

    >>> from rnncourse.reference import init_gru
    >>> list(to_torch(init_gru(np.random.default_rng(0), 2, 3), "gru", prefix="rnn."))
    ['rnn.weight_ih_l0', 'rnn.weight_hh_l0', 'rnn.bias_ih_l0', 'rnn.bias_hh_l0']
    """
    check_kind(kind, _KINDS, reset_after=reset_after, z_keeps=z_keeps)
    if dtype is not None:
        check_dtype(dtype)
    if not isinstance(prefix, str):
        raise TypeError(f"prefix must be a string, got {type(prefix).__name__}")
    if not reset_after:
        raise ValueError("reset_after must be True: torch.nn.GRU resets after the product, got False")
    layers = read_layers(params, kind)
    if not z_keeps:
        layers = [[negate_z(p) for p in layer] for layer in layers]
    return {f"{prefix}{name}": np.array(array, dtype=dtype) for name, array in write_layers(layers).items()}


def _array(name: str, value: Any, dtype: Any) -> np.ndarray:
    """A copy of an array or of a tensor, wherever it lies and whether or not it asks for gradients."""
    for method in ("detach", "cpu", "numpy"):
        if not isinstance(value, np.ndarray) and hasattr(value, method):
            try:
                value = getattr(value, method)()
            except TypeError as error:
                raise TypeError(f"{name} must be of a dtype that NumPy has, got {value.dtype}") from error
    if not isinstance(value, np.ndarray) or value.dtype.name not in ("float16", *_DTYPES):
        got = f"dtype {value.dtype}" if isinstance(value, np.ndarray) else type(value).__name__
        raise TypeError(f"{name} must be a tensor or array of floats, got {got}")
    if dtype is None and value.dtype.name not in _DTYPES:
        raise TypeError(f"{name} must be float32 or float64, or dtype must be given, got {value.dtype}")
    return np.array(value, dtype=dtype)
