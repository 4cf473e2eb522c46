r"""The linear recurrence in Torch, in about log2 T rounds, with its derivative by hand.

:math:`h_t = a_t \odot h_{t-1} + b_t`. Blelloch (1990); Martin and Cundy (2018); chapter 31; in NumPy:
`rnncourse.reference.linear_scan_forward`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .._checks import check_choice
from ._tensors import check_tensor


def linear_scan(a: Tensor, b: Tensor, h_0: Tensor, *, method: str = "parallel") -> Tensor:
    r"""Run the linear recurrence over a batch of sequences, each unit by itself.

    .. math::
        h_t = a_t \odot h_{t-1} + b_t

    "parallel" merges steps, :math:`(a_t, b_t) \circ (a_s, b_s) = (a_t a_s, a_t b_s + b_t)`, in
    :math:`\lceil \log_2 T \rceil` rounds. Nothing is divided, no logarithm is taken: a may be zero or negative, and a
    product of many a's may underflow without harm. As long as :math:`|a| \le 1` nothing overflows. The backward pass
    is the same scan from the end; nothing of the rounds is stored for it.

    Args:
        a: coefficients, of shape (T, B, H).
        b: inputs, of shape (T, B, H). For a sequence that ends earlier, let a = 1 and b = 0 after its end.
        h_0: state before the first step, of shape (B, H).
        method: "parallel" or "sequential", the loop.

    Returns:
        h_1 … h_T, of shape (T, B, H).

    Raises:
        TypeError: an argument of another type, or tensors of different dtypes.
        ValueError: a wrong shape, no step, an unknown method.

    Source: Martin and Cundy (2018); Blelloch (1990); chapter 31.

    >>> linear_scan(torch.full((4, 1, 1), 0.5), torch.ones(4, 1, 1), torch.zeros(1, 1)).ravel()
    tensor([1.0000, 1.5000, 1.7500, 1.8750])
    """
    T, B, H = check_tensor("a", a, ("T", "B", "hidden_size")).shape
    if T == 0:
        raise ValueError(f"a must have T >= 1, got shape {tuple(a.shape)}")
    check_tensor("b", b, (T, B, H), like=a)
    check_tensor("h_0", h_0, (B, H), like=a)
    check_choice("method", method, ("parallel", "sequential"))
    if method == "parallel":
        # Under autocast the coefficients may have fewer digits than the state.
        dtype = torch.promote_types(torch.promote_types(a.dtype, b.dtype), h_0.dtype)
        return _LinearScan.apply(a.to(dtype), b.to(dtype), h_0.to(dtype))
    h, h_t = [], h_0
    for a_t, b_t in zip(a.unbind(), b.unbind(), strict=True):
        h_t = a_t * h_t + b_t
        h.append(h_t)
    return torch.stack(h)


class _LinearScan(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(a: Tensor, b: Tensor, h_0: Tensor) -> Tensor:
        h = torch.cat([torch.addcmul(b[:1], a[:1], h_0), b[1:]])  # from here on h_0 is part of the first input
        span = 1  # entry t covers the steps t - span + 1 … t, as far as they exist
        while span < len(h):
            h = torch.cat([h[:span], torch.addcmul(h[span:], a[span:], h[:-span])])
            a = torch.cat([a[:span], a[span:] * a[:-span]])
            span *= 2
        return h

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        a, _, h_0 = inputs
        ctx.save_for_backward(a, h_0, output)

    @staticmethod
    def backward(ctx: Any, d_output: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        a, h_0, h = ctx.saved_tensors
        # dh_t = a_{t+1} dh_{t+1} + d_output_t; step T has nothing after it.
        a_next = torch.cat([a[1:], torch.zeros_like(a[:1])])
        dh = _LinearScan.apply(a_next.flip(0), d_output.flip(0), torch.zeros_like(h_0)).flip(0)
        return dh * torch.cat([h_0[None], h[:-1]]), dh, a[0] * dh[0]
