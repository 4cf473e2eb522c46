"""Positions for a Transformer: added to the embeddings (sinusoidal, learned), or turning queries and keys (rotary)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from .._checks import check_number
from ..ops._tensors import check_tensor


class SinusoidalPositions(nn.Module):
    r"""Fixed positions: sines and cosines of wavelengths from :math:`2\pi` to nearly :math:`10000 \cdot 2\pi`.

    .. math::
        y_t = x_t + p_t, \qquad p_{t,2i} = \sin(t / 10000^{2i/E}), \qquad p_{t,2i+1} = \cos(t / 10000^{2i/E})

    Time comes first: (T, B, E). The numbers are those of `rnncourse.reference.sinusoidal_positions`. No parameters.

    Args:
        embed_dim: E, even.

    Raises:
        TypeError: `embed_dim` is no integer.
        ValueError: `embed_dim` odd or below 2.

    Source: Vaswani et al. (2017), section 3.5; chapter 28.
    """

    def __init__(self, embed_dim: int) -> None:
        super().__init__()
        self.embed_dim = check_even("embed_dim", embed_dim)

    def forward(self, x: Tensor, positions: Tensor | None = None) -> Tensor:
        """Add the positions.

        Args:
            x: of shape (T, B, E).
            positions: t, integers of shape (T,), or (T, B) where sequences stand at different ones. None: from 0 on.

        Returns:
            y, of shape (T, B, E).

        Raises:
            TypeError: an argument of another type.
            ValueError: a wrong shape.
        """
        check_tensor("x", x, ("T", "B", self.embed_dim))
        angles = _angles(check_positions(positions, x), self.embed_dim, x.dtype)
        return x + torch.stack((angles.sin(), angles.cos()), -1).flatten(-2).to(x.dtype)

    def extra_repr(self) -> str:
        """The width."""
        return f"{self.embed_dim}"


class LearnedPositions(nn.Module):
    r"""Learned positions: row t of a matrix is added to whatever stands at position t, :math:`y_{tb} = x_{tb} + p_t`.

    Time comes first: (T, B, E). The parameter, `weight` of shape (N, E), is that of
    `rnncourse.reference.learned_positions_forward` and of `torch.nn.Embedding`, and starts as :math:`N(0, 0.02^2)`.

    Args:
        num_positions: N.
        embed_dim: E.
        device: where the parameters are made.
        dtype: their dtype.

    Raises:
        TypeError: a size that is no integer.
        ValueError: a size below 1.

    Source: Gehring et al. (2017), Radford et al. (2018); chapter 28.
    """

    def __init__(self, num_positions: int, embed_dim: int, device: Any = None, dtype: Any = None) -> None:
        super().__init__()
        self.num_positions = check_number("num_positions", num_positions, at_least=1, integer=True)
        self.embed_dim = check_number("embed_dim", embed_dim, at_least=1, integer=True)
        self.weight = nn.Parameter(torch.empty(num_positions, embed_dim, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all parameters anew."""
        nn.init.normal_(self.weight, std=0.02)

    def forward(self, x: Tensor, positions: Tensor | None = None) -> Tensor:
        """Add the positions.

        Args:
            x: of shape (T, B, E).
            positions: t, integers of shape (T,), or (T, B) where sequences stand at different ones. None: from 0 on.

        Returns:
            y, of shape (T, B, E).

        Raises:
            TypeError: an argument of another type.
            ValueError: a wrong shape, or without `positions` more steps than N.
            IndexError: a position out of range.
        """
        check_tensor("x", x, ("T", "B", self.embed_dim), like=self.weight)
        if positions is None and len(x) > self.num_positions:
            raise ValueError(f"x must have T <= num_positions={self.num_positions}, got T={len(x)}")
        return x + nn.functional.embedding(check_positions(positions, x), self.weight)

    def extra_repr(self) -> str:
        """The sizes."""
        return f"{self.num_positions}, {self.embed_dim}"


def rotary(x: Tensor, start: int = 0) -> Tensor:
    r"""Turn each pair of features by an angle that grows with the position.

    .. math::
        \begin{pmatrix} y_{t,2i} \\ y_{t,2i+1} \end{pmatrix} =
        \begin{pmatrix} \cos t\omega_i & -\sin t\omega_i \\ \sin t\omega_i & \cos t\omega_i \end{pmatrix}
        \begin{pmatrix} x_{t,2i} \\ x_{t,2i+1} \end{pmatrix}, \qquad \omega_i = 10000^{-2i/D}

    The product of a query turned by s and a key turned by t depends on s - t alone: positions are relative.

    Args:
        x: of shape (…, T, D), D even.
        start: the position of the first step.

    Returns:
        y, of the same shape.

    Source: Su et al. (2021); chapter 28.
    """
    T, D = x.shape[-2:]
    angles = _angles(torch.arange(start, start + T, device=x.device), D, x.dtype)
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), -1).flatten(-2)


def check_even(name: str, size: Any) -> int:
    """Return `size` if it is an even number, at least 2, else raise."""
    if check_number(name, size, at_least=2, integer=True) % 2:
        raise ValueError(f"{name} must be even, for a sine and a cosine each, got {size}")
    return size


def check_positions(positions: Any, x: Tensor) -> Tensor:
    """Integers of shape (T, 1) or (T, B), from what the caller passed."""
    T, B, _ = x.shape
    if positions is None:
        return torch.arange(T, device=x.device)[:, None]
    if not isinstance(positions, Tensor) or positions.dtype not in (torch.int64, torch.int32):
        got = f"dtype {positions.dtype}" if isinstance(positions, Tensor) else type(positions).__name__
        raise TypeError(f"positions must be an integer torch.Tensor of shape ({T},) or ({T}, {B}), got {got}")
    if positions.shape not in ((T,), (T, B)):
        raise ValueError(f"positions must have shape ({T},) or ({T}, {B}), got {tuple(positions.shape)}")
    return positions[:, None] if positions.dim() == 1 else positions


def _angles(positions: Tensor, size: int, dtype: torch.dtype) -> Tensor:
    """Of shape (*positions, size / 2), in float32 at least."""
    dtype = torch.promote_types(dtype, torch.float32)
    pairs = torch.arange(0, size, 2, device=positions.device, dtype=dtype)
    return positions[..., None].to(dtype) / 10000 ** (pairs / size)
