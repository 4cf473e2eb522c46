"""Argument errors that name the argument, what was expected and what was received."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

# One entry an axis: an int for a size that is fixed, a letter ("T", "B", …) for a free one. `...` in front stands for
# any number of leading axes.
Shape = Sequence[Any]


def check_array(name: str, value: Any, shape: Shape, *, like: np.ndarray | None = None) -> np.ndarray:
    """Return `value` if it is a finite floating-point array of the given shape, else raise.

    Args:
        name: the argument's name, for the message.
        value: what the caller passed.
        shape: one entry an axis: an int for a size that is fixed, a letter ("T", "B", …) for a free one; `...` in front
            for any number of leading axes.
        like: an array whose dtype `value` must share.

    Raises:
        TypeError: not a NumPy array, not floating point, or another dtype than `like`.
        ValueError: another shape, or NaN or infinite entries.
    """
    if not isinstance(value, np.ndarray):
        raise TypeError(f"{name} must be a numpy.ndarray of shape {_show(shape)}, got {type(value).__name__}")
    if not np.issubdtype(value.dtype, np.floating):
        raise TypeError(f"{name} must be of a floating-point dtype, got {value.dtype}")
    if like is not None and value.dtype != like.dtype:
        raise TypeError(f"{name} must have dtype {like.dtype} like the other arrays, got {value.dtype}")
    _check_shape(name, value, shape)
    if not np.isfinite(value).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(value))[0])
        raise ValueError(f"{name} must be finite, got {value[where]} at index {where}")
    return value


def check_ids(name: str, value: Any, shape: Shape, size: int) -> np.ndarray:
    """Return `value` if it is an integer array of the given shape with entries in [0, size), else raise.

    Raises:
        TypeError: not a NumPy array of integers.
        ValueError: another shape, or an entry below 0 or not below `size`.
    """
    if not isinstance(value, np.ndarray) or not np.issubdtype(value.dtype, np.integer):
        got = f"dtype {value.dtype}" if isinstance(value, np.ndarray) else type(value).__name__
        raise TypeError(f"{name} must be an integer numpy.ndarray of shape {_show(shape)}, got {got}")
    _check_shape(name, value, shape)
    range_ = np.iinfo(value.dtype)
    if range_.min >= 0 and range_.max < size:
        return value  # no entry can be wrong: a file of a gigabyte need not be read
    if value.size and not (int(value.min()) >= 0 and int(value.max()) < size):
        bad = value[(value < 0) | (value >= size)].flat[0]
        raise ValueError(f"{name} must lie in 0 … {size - 1}, got {int(bad)}")
    return value


def check_choice(name: str, value: Any, choices: Sequence[Any]) -> Any:
    """Return `value` if it is one of `choices`, else raise ValueError. 1 is not True, nor 0 False."""
    if not any(isinstance(value, (type(choice), np.generic)) and value == choice for choice in choices):
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, got {value!r}")
    return value


def check_number(
    name: str,
    value: Any,
    *,
    above: float | None = None,
    at_least: float | None = None,
    at_most: float | None = None,
    below: float | None = None,
    integer: bool = False,
) -> Any:
    """Return `value` if it is a finite number (an integer if asked) within the bounds, else raise.

    Raises:
        TypeError: not a real number (bool counts as not a number), or not an integer where one is needed.
        ValueError: NaN, infinite or out of bounds.
    """
    kind = (int, np.integer) if integer else (int, float, np.integer, np.floating)
    if isinstance(value, bool) or not isinstance(value, kind):
        raise TypeError(f"{name} must be {'an integer' if integer else 'a number'}, got {value!r}")
    bounds = []
    if above is not None:
        bounds.append((f"above {above}", value > above))
    if at_least is not None:
        bounds.append((f"at least {at_least}", value >= at_least))
    if at_most is not None:
        bounds.append((f"at most {at_most}", value <= at_most))
    if below is not None:
        bounds.append((f"below {below}", value < below))
    if not np.isfinite(value) or not all(ok for _, ok in bounds):
        raise ValueError(f"{name} must be {' and '.join(text for text, _ in bounds) or 'finite'}, got {value}")
    return value


def check_dtype(dtype: Any) -> np.dtype:
    """Return `dtype` as a NumPy dtype if it is float32 or float64, else raise TypeError."""
    try:
        found = None if dtype is None else np.dtype(dtype)  # NumPy takes None for float64
    except TypeError:
        found = None
    if found not in (np.float32, np.float64):
        raise TypeError(f"dtype must be float32 or float64, got {repr(dtype) if found is None else found}")
    return found


def check_rng(rng: Any) -> np.random.Generator:
    """Return `rng` if it is a generator, else raise TypeError: a seed is none, nor is NumPy's older RandomState."""
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng must be a numpy.random.Generator, such as np.random.default_rng(0), got {rng!r}")
    return rng


def check_sizes(name: str, value: Any, *, axes: int | None = None, at_least: int = 0) -> tuple[int, ...]:
    """Return `value` if it is a tuple of integers, the sizes of an array's axes, else raise.

    Raises:
        TypeError: not a tuple, or an entry that is no integer.
        ValueError: another number of axes than asked for, or a size below `at_least`.
    """
    if not isinstance(value, tuple):
        raise TypeError(f"{name} must be a tuple of sizes, got {value!r}")
    if axes is not None and len(value) != axes:
        raise ValueError(f"{name} must have {axes} sizes, got {value}")
    for k, size in enumerate(value):
        check_number(f"{name}[{k}]", size, at_least=at_least, integer=True)
    return value


def check_sequence(x: Any) -> np.ndarray:
    """Return `x` if it is a finite array of shape (T, B, I) with at least one step of one sequence, else raise."""
    check_array("x", x, ("T", "B", "input_size"))
    if x.shape[0] == 0 or x.shape[1] == 0:
        raise ValueError(f"x must have T >= 1 and B >= 1, got shape {x.shape}")
    return x


def check_mapping(name: str, value: Any) -> Any:
    """Return `value` if it is a mapping, else raise TypeError."""
    if not isinstance(value, Mapping):
        raise TypeError(f"{name} must be a mapping of names to arrays, got {type(value).__name__}")
    return value


def check_params(params: Any, shapes: Mapping[str, Sequence[int]], like: np.ndarray) -> None:
    """Raise unless `params` holds exactly the arrays named in `shapes`, in those shapes and `like`'s dtype."""
    if not isinstance(params, Mapping) or set(params) != set(shapes):
        got = sorted(map(str, params)) if isinstance(params, Mapping) else type(params).__name__
        raise ValueError(f"params must have the keys {', '.join(shapes)}, got {got}")
    for name, shape in shapes.items():
        check_array(f"params[{name!r}]", params[name], shape, like=like)


def check_mask(name: str, value: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Return `value` if it is an array of booleans of that shape, else raise TypeError or ValueError."""
    if not isinstance(value, np.ndarray) or value.dtype != bool:
        got = f"dtype {value.dtype}" if isinstance(value, np.ndarray) else type(value).__name__
        raise TypeError(f"{name} must be a boolean numpy.ndarray of shape {_show(shape)}, got {got}")
    _check_shape(name, value, shape)
    return value


def cotangent(name: str, d: np.ndarray | None, shape: tuple[int, ...], like: np.ndarray) -> np.ndarray:
    """`d` itself if it has that shape and `like`'s dtype, zeros where it is None; else raise."""
    return np.zeros(shape, like.dtype) if d is None else check_array(name, d, shape, like=like)


@contextmanager
def noted(where: str) -> Iterator[None]:
    """Add to an argument error, raised within, a note that says where it comes from."""
    try:
        yield
    except (TypeError, ValueError) as error:
        error.add_note(where)
        raise


def _check_shape(name: str, value: np.ndarray, shape: Shape) -> None:
    wanted, sizes = tuple(shape), value.shape
    if wanted[:1] == (...,):
        wanted = wanted[1:]
        sizes = sizes[max(value.ndim - len(wanted), 0) :]
    matches = len(sizes) == len(wanted) and all(
        isinstance(want, str) or want == got for want, got in zip(wanted, sizes, strict=True)
    )
    if not matches:
        raise ValueError(f"{name} must have shape {_show(shape)}, got {value.shape}")


def _show(shape: Shape) -> str:
    names = ["…" if size is ... else str(size) for size in shape]
    return f"({', '.join(names)}{',' if len(names) == 1 and names != ['…'] else ''})"
