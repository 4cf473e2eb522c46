"""Clipping gradients by their norm."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from .._checks import check_mapping, check_number


def clip_grad_norm_(grads: Mapping[str, np.ndarray], max_norm: float) -> float:
    r"""Scale all gradients, in place, so that their joint norm is at most `max_norm`.

    .. math::
        g \leftarrow g \cdot \min\!\left(1, \frac{\theta}{\lVert g \rVert + 10^{-6}}\right), \qquad
        \lVert g \rVert = \Bigl(\sum_k \lVert g_k \rVert_2^2\Bigr)^{1/2}

    The direction is kept. Numbers agree with `torch.nn.utils.clip_grad_norm_`, small constant included.

    Args:
        grads: arrays by name; changed in place.
        max_norm: the threshold theta, above 0.

    Returns:
        The norm before clipping.

    Raises:
        TypeError: not a mapping of floating-point arrays.
        ValueError: `max_norm` not above 0, or a gradient that is not finite (its name is given): no scaling mends it.

    Source: Pascanu, Mikolov and Bengio (2013); chapter 04.
    """
    check_number("max_norm", max_norm, above=0)
    _check_grads(grads)
    norm = math.sqrt(sum(float(np.vdot(g, g)) for g in grads.values()))
    if not math.isfinite(norm):  # a square has overflowed, or an entry is not finite
        norm = math.hypot(*(_large_norm(name, g) for name, g in grads.items()))
    scale = max_norm / (norm + 1e-6)
    if scale < 1:
        for g in grads.values():
            g *= scale
    return norm


def _check_grads(grads: Mapping[str, np.ndarray]) -> None:
    check_mapping("grads", grads)
    for name, g in grads.items():
        if not isinstance(g, np.ndarray) or not np.issubdtype(g.dtype, np.floating):
            got = getattr(g, "dtype", type(g).__name__)
            raise TypeError(f"grads[{name!r}] must be a floating-point numpy.ndarray, got {got}")


def _large_norm(name: str, g: np.ndarray) -> float:
    """The norm of entries whose squares may overflow."""
    largest = float(np.abs(g).max(initial=0))
    if not math.isfinite(largest):
        raise ValueError(f"grads[{name!r}] must be finite, got {largest} as its largest entry")
    return largest * float(np.linalg.norm(g.astype(np.float64) / largest)) if largest else 0.0
