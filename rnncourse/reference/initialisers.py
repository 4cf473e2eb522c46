"""Initial weights. Every function takes the generator it draws from. Biases of gates: `gate_biases`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._checks import check_choice, check_number

# About the factor by which each nonlinearity shrinks a signal, undone: torch's table (torch.nn.init.calculate_gain).
GAINS = {"linear": 1.0, "sigmoid": 1.0, "tanh": 5 / 3, "relu": math.sqrt(2)}


def pytorch_uniform(
    rng: np.random.Generator, shape: tuple[int, ...], hidden_size: int, dtype: Any = np.float64
) -> np.ndarray:
    r"""Uniform on :math:`[-1/\sqrt{H}, 1/\sqrt{H}]`: what `torch.nn.RNN` does with all its parameters.

    Args:
        rng: the generator to draw from.
        shape: the array's shape.
        hidden_size: H, at least 1.
        dtype: float32 or float64.

    Returns:
        An array of that shape.

    Raises:
        TypeError: a hidden_size that is no integer, or another dtype.
        ValueError: a hidden_size below 1.

    Source: `torch.nn.RNN`; chapter 02.
    """
    bound = 1 / math.sqrt(check_number("hidden_size", hidden_size, at_least=1, integer=True))
    return rng.uniform(-bound, bound, shape).astype(_float(dtype))


def xavier_uniform(
    rng: np.random.Generator, shape: tuple[int, int], gain: float = 1.0, dtype: Any = np.float64
) -> np.ndarray:
    r"""Uniform with variance :math:`2 g^2 / (N_{in} + N_{out})`, which keeps forward and backward signals alike.

    Args:
        rng: the generator to draw from.
        shape: (N_out, N_in).
        gain: g; see `GAINS`.
        dtype: float32 or float64.

    Returns:
        An array of that shape.

    Raises:
        TypeError: another dtype.
        ValueError: a shape that is not two numbers of at least 1.

    Source: Glorot and Bengio (2010); chapter 10.
    """
    fan_out, fan_in = _fans(shape)
    bound = gain * math.sqrt(6 / (fan_in + fan_out))
    return rng.uniform(-bound, bound, shape).astype(_float(dtype))


def xavier_normal(
    rng: np.random.Generator, shape: tuple[int, int], gain: float = 1.0, dtype: Any = np.float64
) -> np.ndarray:
    r"""Normal with variance :math:`2 g^2 / (N_{in} + N_{out})`.

    Args:
        rng: the generator to draw from.
        shape: (N_out, N_in).
        gain: g; see `GAINS`.
        dtype: float32 or float64.

    Returns:
        An array of that shape.

    Raises:
        TypeError: another dtype.
        ValueError: a shape that is not two numbers of at least 1.

    Source: Glorot and Bengio (2010); chapter 10.
    """
    fan_out, fan_in = _fans(shape)
    return (gain * math.sqrt(2 / (fan_in + fan_out)) * rng.standard_normal(shape)).astype(_float(dtype))


def kaiming_normal(
    rng: np.random.Generator, shape: tuple[int, int], nonlinearity: str = "relu", dtype: Any = np.float64
) -> np.ndarray:
    r"""Normal with variance :math:`g^2 / N_{in}`, with g the nonlinearity's gain.

    Args:
        rng: the generator to draw from.
        shape: (N_out, N_in).
        nonlinearity: "linear", "sigmoid", "tanh" or "relu".
        dtype: float32 or float64.

    Returns:
        An array of that shape.

    Raises:
        TypeError: another dtype.
        ValueError: an unknown nonlinearity, or a shape that is not two numbers of at least 1.

    Source: He et al. (2015); chapter 10.
    """
    check_choice("nonlinearity", nonlinearity, tuple(GAINS))
    _, fan_in = _fans(shape)
    return (GAINS[nonlinearity] / math.sqrt(fan_in) * rng.standard_normal(shape)).astype(_float(dtype))


def kaiming_uniform(
    rng: np.random.Generator, shape: tuple[int, int], nonlinearity: str = "relu", dtype: Any = np.float64
) -> np.ndarray:
    r"""Uniform with variance :math:`g^2 / N_{in}`, with g the nonlinearity's gain.

    Args:
        rng: the generator to draw from.
        shape: (N_out, N_in).
        nonlinearity: "linear", "sigmoid", "tanh" or "relu".
        dtype: float32 or float64.

    Returns:
        An array of that shape.

    Raises:
        TypeError: another dtype.
        ValueError: an unknown nonlinearity, or a shape that is not two numbers of at least 1.

    Source: He et al. (2015); chapter 10.
    """
    check_choice("nonlinearity", nonlinearity, tuple(GAINS))
    _, fan_in = _fans(shape)
    bound = GAINS[nonlinearity] * math.sqrt(3 / fan_in)
    return rng.uniform(-bound, bound, shape).astype(_float(dtype))


def orthogonal(
    rng: np.random.Generator, shape: tuple[int, int], gain: float = 1.0, dtype: Any = np.float64
) -> np.ndarray:
    r"""A random (semi-)orthogonal matrix times `gain`: all its singular values equal `gain`.

    .. math::
        W W^\top = g^2 I \;\text{ or }\; W^\top W = g^2 I,

    whichever of the two products is the smaller matrix.

    Args:
        rng: the generator to draw from.
        shape: (N_out, N_in); the rows or the columns, whichever are fewer, are orthonormal.
        gain: the singular values.
        dtype: float32 or float64.

    Returns:
        An array of that shape, drawn uniformly (Haar measure).

    Raises:
        TypeError: another dtype.
        ValueError: a shape that is not two numbers of at least 1.

    Source: Saxe, McClelland and Ganguli (2014); chapters 08 and 10.
    """
    rows, columns = _fans(shape)
    q, r = np.linalg.qr(rng.standard_normal((max(rows, columns), min(rows, columns))))
    # QR is unique only up to signs; fixing them makes the draw uniform and the same for every LAPACK.
    q *= np.sign(np.diag(r))
    return (gain * (q if rows >= columns else q.T)).astype(_float(dtype))


def identity(size: int, gain: float = 1.0, dtype: Any = np.float64) -> np.ndarray:
    r"""`gain` times the identity matrix of shape (size, size), for recurrent weights with ReLU.

    .. math::
        W = g\, I

    Args:
        size: H, at least 1.
        gain: the diagonal's value.
        dtype: float32 or float64.

    Returns:
        An array of shape (size, size).

    Raises:
        TypeError: a size that is no integer, or another dtype.
        ValueError: a size below 1.

    Source: Le, Jaitly and Hinton (2015); chapters 08 and 10.
    """
    return gain * np.eye(check_number("size", size, at_least=1, integer=True), dtype=_float(dtype))


def init_rnn(
    rng: np.random.Generator, input_size: int, hidden_size: int, dtype: Any = np.float64, *, num_layers: int = 1
) -> dict[str, np.ndarray]:
    r"""Parameters for `rnn_forward` and `stacked_rnn_forward`, drawn as `torch.nn.RNN` draws them.

    All come from :math:`U(\pm 1/\sqrt{H})`, layer by layer.

    Args:
        rng: the generator to draw from.
        input_size: I, at least 1.
        hidden_size: H, at least 1.
        dtype: float32 or float64.
        num_layers: L, at least 1.

    Returns:
        For each layer l: `weight_ih_l{l}` of shape (H, I), or (H, H) above the first; `weight_hh_l{l}` (H, H);
        `bias_ih_l{l}` and `bias_hh_l{l}` (H,).

    Raises:
        TypeError: a size that is no integer, or another dtype.
        ValueError: a size below 1.

    Source: `torch.nn.RNN`; chapters 02 and 08.
    """
    check_number("input_size", input_size, at_least=1, integer=True)
    H = check_number("hidden_size", hidden_size, at_least=1, integer=True)
    check_number("num_layers", num_layers, at_least=1, integer=True)
    params = {}
    for layer in range(num_layers):
        fan_in = input_size if layer == 0 else H
        params[f"weight_ih_l{layer}"] = pytorch_uniform(rng, (H, fan_in), H, dtype)
        params[f"weight_hh_l{layer}"] = pytorch_uniform(rng, (H, H), H, dtype)
        params[f"bias_ih_l{layer}"] = pytorch_uniform(rng, (H,), H, dtype)
        params[f"bias_hh_l{layer}"] = pytorch_uniform(rng, (H,), H, dtype)
    return params


def _fans(shape: tuple[int, int]) -> tuple[int, int]:
    if len(shape) != 2 or min(shape) < 1:
        raise ValueError(f"shape must be (rows, columns), each at least 1, got {shape}")
    return shape[0], shape[1]


def _float(dtype: Any) -> np.dtype:
    dtype = np.dtype(dtype)
    if dtype not in (np.float32, np.float64):
        raise TypeError(f"dtype must be float32 or float64, got {dtype}")
    return dtype
