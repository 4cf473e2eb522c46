"""Initial weights. Every function takes the generator it draws from. Biases of gates: `gate_biases`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._checks import check_choice, check_dtype, check_number, check_rng, check_sizes

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
    return _uniform(rng, bound, check_sizes("shape", shape), dtype)


def xavier_uniform(
    rng: np.random.Generator, shape: tuple[int, int], gain: float = 1.0, dtype: Any = np.float64
) -> np.ndarray:
    r"""Uniform with variance :math:`2 g^2 / (N_{in} + N_{out})`, which keeps forward and backward signals alike.

    Args:
        rng: the generator to draw from.
        shape: (N_out, N_in).
        gain: g, at least 0; see `GAINS`.
        dtype: float32 or float64.

    Returns:
        An array of that shape.

    Raises:
        TypeError: another dtype.
        ValueError: a shape that is not two numbers of at least 1.

    Source: Glorot and Bengio (2010); chapter 10.
    """
    fan_out, fan_in = _fans(shape)
    return _uniform(rng, check_number("gain", gain, at_least=0) * math.sqrt(6 / (fan_in + fan_out)), shape, dtype)


def xavier_normal(
    rng: np.random.Generator, shape: tuple[int, int], gain: float = 1.0, dtype: Any = np.float64
) -> np.ndarray:
    r"""Normal with variance :math:`2 g^2 / (N_{in} + N_{out})`.

    Args:
        rng: the generator to draw from.
        shape: (N_out, N_in).
        gain: g, at least 0; see `GAINS`.
        dtype: float32 or float64.

    Returns:
        An array of that shape.

    Raises:
        TypeError: another dtype.
        ValueError: a shape that is not two numbers of at least 1.

    Source: Glorot and Bengio (2010); chapter 10.
    """
    fan_out, fan_in = _fans(shape)
    return _normal(rng, check_number("gain", gain, at_least=0) * math.sqrt(2 / (fan_in + fan_out)), shape, dtype)


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
    return _normal(rng, GAINS[nonlinearity] / math.sqrt(fan_in), shape, dtype)


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
    return _uniform(rng, GAINS[nonlinearity] * math.sqrt(3 / fan_in), shape, dtype)


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
        gain: the singular values, at least 0.
        dtype: float32 or float64.

    Returns:
        An array of that shape, drawn uniformly (Haar measure).

    Raises:
        TypeError: another dtype.
        ValueError: a shape that is not two numbers of at least 1.

    Source: Saxe, McClelland and Ganguli (2014); chapters 08 and 10.
    """
    rows, columns = _fans(shape)
    check_number("gain", gain, at_least=0)
    q, r = np.linalg.qr(_normal(rng, 1.0, (max(rows, columns), min(rows, columns)), np.float64))
    # QR is unique only up to signs; fixing them makes the draw uniform and the same for every LAPACK.
    q *= np.sign(np.diag(r))
    return (gain * (q if rows >= columns else q.T)).astype(check_dtype(dtype))


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
    check_number("size", size, at_least=1, integer=True)
    return (check_number("gain", gain) * np.eye(size)).astype(check_dtype(dtype))


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


def _uniform(rng: np.random.Generator, bound: float, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    dtype = check_dtype(dtype)
    return check_rng(rng).uniform(-bound, bound, shape).astype(dtype)


def _normal(rng: np.random.Generator, std: float, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    dtype = check_dtype(dtype)
    return (std * check_rng(rng).standard_normal(shape)).astype(dtype)


def _fans(shape: tuple[int, int]) -> tuple[int, int]:
    return check_sizes("shape", shape, axes=2, at_least=1)
