"""Arrays and data as text that a page's script reads: `unpack` in extra/widgets/common.js gives the same numbers."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

_SCRIPT = re.compile(r"\(window\.rnnWidgets = window\.rnnWidgets \|\| \[\]\)\.push\((.*)\);\s*", re.DOTALL)


def pack(array: np.ndarray, *, quantise: bool = True) -> dict[str, Any]:
    r"""An array as JSON: whole numbers in -127 … 127 and one scale a row, or float32.

    With the scale :math:`s_i = \max_j |w_{ij}| / 127` of row i, each entry becomes
    :math:`q_{ij} = \mathrm{round}(w_{ij} / s_i)` and is read back as :math:`s_i q_{ij}`, at most :math:`s_i / 2` away.

    Args:
        array: of shape (rows, columns); any shape without `quantise`.
        quantise: whether to quantise; otherwise the values are kept in float32.

    Returns:
        `shape` and either `int8` and `scale` or `float32`: base64, little-endian.

    Raises:
        TypeError: not a float array.
        ValueError: not of two dimensions (to quantise), or with entries that are not finite.
    """
    if not isinstance(array, np.ndarray) or not np.issubdtype(array.dtype, np.floating):
        raise TypeError(f"array must be a float array, got {getattr(array, 'dtype', type(array).__name__)}")
    if not np.isfinite(array).all():
        raise ValueError("array must be finite, got entries that are not")
    if not quantise:
        return {"shape": list(array.shape), "float32": _base64(array.astype("<f4"))}
    if array.ndim != 2 or not array.size:
        raise ValueError(f"array must have shape (rows, columns) to be quantised, got {array.shape}")
    largest = np.abs(array).max(axis=1).astype(np.float64)
    scale = np.where(largest > 0, largest / 127, 1).astype("<f4")
    whole = np.clip(np.rint(array / scale[:, None].astype(np.float64)), -127, 127).astype(np.int8)
    return {"shape": list(array.shape), "int8": _base64(whole), "scale": _base64(scale)}


def unpack(packed: Mapping[str, Any]) -> np.ndarray:
    """The array that `pack` wrote, in float64.

    Args:
        packed: what `pack` returned.
    """
    shape = tuple(packed["shape"])
    if "float32" in packed:
        return _array(packed["float32"], "<f4").reshape(shape).astype(np.float64)
    scale = _array(packed["scale"], "<f4").astype(np.float64)
    return _array(packed["int8"], np.int8).reshape(shape).astype(np.float64) * scale[:, None]


def script(name: str, value: Mapping[str, Any]) -> str:
    """A widget's data as a script that announces itself, so that a page opened from a file can read it, too.

    Args:
        name: the widget's name.
        value: what can be written as JSON. One line for each entry.
    """
    lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(item, allow_nan=False)}" for key, item in value.items())
    entry = f'{{"data": {json.dumps(name)}, "value": {{\n{lines}\n}}}}'
    return f"(window.rnnWidgets = window.rnnWidgets || []).push({entry});\n"


def read_script(text: str) -> dict[str, Any]:
    """What `script` wrote.

    Args:
        text: the script.

    Raises:
        ValueError: it is no such script.
    """
    found = _SCRIPT.fullmatch(text)
    if not found:
        raise ValueError("text must be a widget's data script, got something else")
    return json.loads(found.group(1))["value"]


def _base64(array: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")


def _array(text: str, dtype: Any) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), dtype)
