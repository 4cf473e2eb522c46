"""Argument errors for tensors, which name the argument, what was expected and what was received.

Values are not looked at (NaN passes), because on a GPU that would wait for all that has been queued before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from .._checks import check_mapping, check_number

Params = Mapping[str, Tensor]
State = tuple[Tensor, ...]
Keep = tuple[Tensor | float, ...] | None
Shapes = dict[str, tuple[int, ...]]


def check_tensor(name: str, value: Any, shape: Sequence[int | str], *, like: Tensor | None = None) -> Tensor:
    """Return `value` if it is a floating-point tensor of the given shape, else raise.

    Args:
        name: the argument's name, for the message.
        value: what the caller passed.
        shape: one entry an axis: an int for a size that is fixed, a letter ("T", "B", …) for a free one.
        like: a tensor whose dtype and device `value` must share. Under autocast dtypes may differ.

    Raises:
        TypeError: not a tensor, not floating point, another dtype or device than `like`.
        ValueError: another shape.
    """
    shown = f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"
    if not isinstance(value, Tensor):
        raise TypeError(f"{name} must be a torch.Tensor of shape {shown}, got {type(value).__name__}")
    if not value.is_floating_point():
        raise TypeError(f"{name} must be of a floating-point dtype, got {value.dtype}")
    if like is not None and value.device != like.device:
        raise TypeError(f"{name} must be on device {like.device} like x, got {value.device}")
    if like is not None and value.dtype != like.dtype and not torch.is_autocast_enabled(like.device.type):
        raise TypeError(f"{name} must have dtype {like.dtype} like x, got {value.dtype}")
    fits = value.dim() == len(shape) and all(
        isinstance(want, str) or want == got for want, got in zip(shape, value.shape, strict=True)
    )
    if not fits:
        raise ValueError(f"{name} must have shape {shown}, got {tuple(value.shape)}")
    return value


def check_steps(x: Any) -> tuple[int, int, int]:
    """Return T, B and I if x is of shape (T, B, I) with at least one step, else raise."""
    T, B, I = check_tensor("x", x, ("T", "B", "input_size")).shape
    if T == 0:
        raise ValueError(f"x must have T >= 1, got shape {tuple(x.shape)}")
    return T, B, I


def check_state(state: Any, x: Tensor, sizes: Sequence[int | str]) -> State:
    """Return `state` if it is a tuple of tensors of shapes (B, size), one for each of `sizes`, else raise."""
    if not isinstance(state, tuple):
        raise TypeError(f"state must be a tuple of tensors, got {type(state).__name__}")
    if len(state) != len(sizes):
        raise ValueError(f"state must hold {len(sizes)} tensor(s), got {len(state)}")
    for k, (s, size) in enumerate(zip(state, sizes, strict=True)):
        check_tensor(f"state[{k}]", s, (x.shape[1], size), like=x)
    return state


def check_parameters(params: Any, shapes: Shapes, x: Tensor) -> None:
    """Raise unless `params` holds the tensors named in `shapes`, biases left out or not, and nothing else."""
    check_mapping("params", params)
    names = set(params)
    if names - set(shapes) or any(name not in names for name in shapes if not name.startswith("bias")):
        raise ValueError(
            f"params must have the keys {', '.join(shapes)}, of which biases may be missing, "
            f"got {sorted(map(str, params))}"
        )
    for name, value in params.items():
        check_tensor(f"params[{name!r}]", value, shapes[name], like=x)


def check_lengths(lengths: Any, T: int, B: int) -> Tensor:
    """Return `lengths` if it is an integer tensor of shape (B,) with entries in 1 … T, else raise."""
    if not isinstance(lengths, Tensor) or lengths.dtype not in (torch.int64, torch.int32, torch.int16, torch.uint8):
        got = lengths.dtype if isinstance(lengths, Tensor) else type(lengths).__name__
        raise TypeError(f"lengths must be an integer torch.Tensor of shape ({B},), got {got}")
    if lengths.shape != (B,):
        raise ValueError(f"lengths must have shape ({B},), got {tuple(lengths.shape)}")
    if B and not (int(lengths.min()) >= 1 and int(lengths.max()) <= T):
        raise ValueError(f"lengths must lie in 1 … {T}, got {lengths.tolist()}")
    return lengths


def check_keep(keep: Any, state: State, T: int) -> None:
    """Raise unless `keep` is a tuple with a share in [0, 1] or a tensor (T, B, size) for each tensor of the state."""
    if not isinstance(keep, tuple) or len(keep) != len(state):
        raise TypeError(f"keep must be a tuple of {len(state)} shares or tensors, like the state, got {keep!r}")
    for k, (d, s) in enumerate(zip(keep, state, strict=True)):
        if isinstance(d, Tensor):
            check_tensor(f"keep[{k}]", d, (T, *s.shape), like=s)
        else:
            check_number(f"keep[{k}]", d, at_least=0, at_most=1)
