"""Two affine maps with a nonlinearity between them, at each position alone: the Transformer's feed-forward part."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from .._checks import check_array, check_choice, check_params
from .gelu import gelu_backward, gelu_forward
from .linear import LinearCache, linear_backward, linear_forward
from .scan import Params


class Activation(NamedTuple):
    """A nonlinearity: `forward(a) -> h, cache` and `backward(dh, cache) -> da`."""

    forward: Callable[[np.ndarray], tuple[np.ndarray, Any]]
    backward: Callable[[np.ndarray, Any], np.ndarray]


ACTIVATIONS = {
    "relu": Activation(lambda a: (np.maximum(a, 0), a > 0), lambda dh, positive: dh * positive),
    "gelu": Activation(gelu_forward, gelu_backward),
    "gelu_tanh": Activation(lambda a: gelu_forward(a, "tanh"), gelu_backward),
}


class MLPCache(NamedTuple):
    """What `mlp_backward` needs."""

    linear1: LinearCache
    phi: Any
    linear2: LinearCache
    activation: str


def mlp_forward(x: np.ndarray, params: Params, *, activation: str = "relu") -> tuple[np.ndarray, MLPCache]:
    r"""Apply :math:`y = W_2 \, \phi(W_1 x + b_1) + b_2` along the last axis.

    Args:
        x: of shape (…, E).
        params: `linear1.weight` (F, E), `linear1.bias` (F,), `linear2.weight` (E, F) and `linear2.bias` (E,), the names
            of `torch.nn.TransformerEncoderLayer`. F is 4 E as a rule.
        activation: phi: "relu", "gelu" or "gelu_tanh" (GPT-2's form of GELU).

    Returns:
        y, of shape (…, E), and the cache for `mlp_backward`.

    Raises:
        TypeError: an argument of another type, or arrays of different dtypes.
        ValueError: a wrong shape, NaN or infinity, an unknown activation.

    Source: Vaswani et al. (2017), section 3.3; chapter 28.
    """
    check_choice("activation", activation, tuple(ACTIVATIONS))
    check_array("x", x, (..., "E"))
    check_params(params, mlp_shapes(x.shape[-1], hidden_units(params)), x)
    a, linear1 = linear_forward(x, params["linear1.weight"], params["linear1.bias"])
    h, phi = ACTIVATIONS[activation].forward(a)
    y, linear2 = linear_forward(h, params["linear2.weight"], params["linear2.bias"])
    return y, MLPCache(linear1, phi, linear2, activation)


def mlp_backward(dy: np.ndarray, cache: MLPCache) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    r"""Backward pass of `mlp_forward`.

    .. math::
        dh = W_2^\top dy, \qquad da = dh \odot \phi'(a), \qquad dx = W_1^\top da

    Args:
        dy: the loss's derivative by y, of shape (…, E).
        cache: what `mlp_forward` returned.

    Returns:
        dx, of shape (…, E), and `grads` under the keys of `params`.

    Raises:
        TypeError: another dtype than the forward pass had.
        ValueError: a wrong shape, NaN or infinity.

    Source: chapter 28.
    """
    check_array("dy", dy, cache.linear1.x.shape, like=cache.linear1.x)
    dh, second = linear_backward(dy, cache.linear2)
    da = ACTIVATIONS[cache.activation].backward(dh, cache.phi)
    dx, first = linear_backward(da, cache.linear1)
    parts = {"linear1": first, "linear2": second}
    return dx, {f"{part}.{name}": g for part, grads in parts.items() for name, g in grads.items()}


def mlp_shapes(E: int, F: int | str) -> dict[str, tuple[int | str, ...]]:
    """The shapes of the parameters, E wide outside and F wide inside."""
    return {"linear1.weight": (F, E), "linear1.bias": (F,), "linear2.weight": (E, F), "linear2.bias": (E,)}


def hidden_units(params: Params) -> int | str:
    """F, the length of `linear1.bias`; where that is no vector, a letter for the check of the parameters to show."""
    bias = params.get("linear1.bias") if isinstance(params, Mapping) else None
    return len(bias) if isinstance(bias, np.ndarray) and bias.ndim == 1 else "F"
