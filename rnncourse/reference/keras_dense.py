"""The affine map to and from Keras's `Dense` layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from .._checks import check_array
from .scan import Params


def linear_to_keras(params: Params) -> list[np.ndarray]:
    r"""The weights of the `Dense` layer that computes what `linear_forward` does: the matrix transposed.

    .. math:: y = W x + b = K^\top x + b, \qquad K = W^\top

    Args:
        params: `weight` of shape (M, N) and `bias` of shape (M,).

    Returns:
        [kernel of shape (N, M), bias of shape (M,)], copies, for the layer's `set_weights`.

    Raises:
        TypeError: arrays that are not floating point, or of different dtypes.
        ValueError: missing or unknown names, a wrong shape, NaN or infinity.

    Source: the documentation of `keras.layers.Dense`; chapter 02, and the page "Notation and conventions".

    >>> [array.shape for array in linear_to_keras({"weight": np.ones((3, 2)), "bias": np.ones(3)})]
    [(2, 3), (3,)]
    """
    if not isinstance(params, Mapping) or set(params) != {"weight", "bias"}:
        got = sorted(params) if isinstance(params, Mapping) else type(params).__name__
        raise ValueError(f"params must have the keys weight, bias, got {got}")
    weight = check_array("params['weight']", params["weight"], ("M", "N"))
    check_array("params['bias']", params["bias"], (weight.shape[0],), like=weight)
    return [weight.T.copy(), params["bias"].copy()]


def linear_from_keras(weights: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    r"""The parameters with which `linear_forward` computes what a `Dense` layer does: `linear_to_keras` undone.

    .. math:: W = K^\top

    Args:
        weights: [kernel of shape (N, M), bias of shape (M,)], as the layer's `get_weights()` returns them; or the
            kernel alone, from a layer with `use_bias=False`: the bias is then zero.

    Returns:
        `weight` of shape (M, N) and `bias` of shape (M,), copies.

    Raises:
        TypeError: no sequence, arrays that are not floating point, or of different dtypes.
        ValueError: another number of arrays, a wrong shape, NaN or infinity.

    Source: the documentation of `keras.layers.Dense`; chapter 02, and the page "Notation and conventions".
    """
    if not isinstance(weights, Sequence) or isinstance(weights, str):
        raise TypeError(f"weights must be a list of arrays, as get_weights returns it, got {type(weights).__name__}")
    if len(weights) not in (1, 2):
        raise ValueError(f"weights must hold kernel and bias, or the kernel alone, got {len(weights)} arrays")
    kernel = check_array("weights[0]", weights[0], ("N", "M"))
    M = kernel.shape[1]
    bias = np.zeros(M, kernel.dtype)
    if len(weights) == 2:
        bias[:] = check_array("weights[1]", weights[1], (M,), like=kernel)
    return {"weight": kernel.T.copy(), "bias": bias}
