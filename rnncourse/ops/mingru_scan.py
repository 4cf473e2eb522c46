r"""The minimal GRU in Torch, all steps at once. Feng et al. (2024); chapter 31; step by step: `mingru`."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ._tensors import Keep, Params, State, check_keep
from .linear_scan import linear_scan
from .mingru import check_mingru, mingru_coefficients
from .scan import length_mask


def mingru_scan(
    x: Tensor,
    state: State,
    params: Params,
    *,
    nonlinearity: str = "linear",
    z_keeps: bool = False,
    lengths: Tensor | None = None,
    keep: Keep = None,
) -> tuple[Tensor, State]:
    r"""Run the minimal GRU over a batch of sequences: what `mingru_loop` computes, in about log2 T rounds.

    .. math::
        h_t = a_t \odot h_{t-1} + b_t, \qquad a_t = 1 - z_t, \qquad b_t = z_t \odot n_t

    Args:
        x: inputs, of shape (T, B, I).
        state: (h_0,), of shape (B, H).
        params: as for `mingru_loop`.
        nonlinearity: as for `mingru_loop`.
        z_keeps: as for `mingru_loop`.
        lengths: how many steps each sequence has, as for `scan`.
        keep: the share of the old state that stays, as for `scan`.

    Returns:
        `output`, of shape (T, B, H), and (h_n,), each sequence's last.

    Raises:
        TypeError: an argument of another type, or tensors of different dtypes.
        ValueError: a wrong shape, missing or unknown parameters, a length out of range, an unknown option.

    Source: Feng et al. (2024); chapter 31.
    """
    check_mingru(x, state, params, nonlinearity, z_keeps)
    a = F.linear(x, params["weight_ih_l0"], params.get("bias_ih_l0"))
    return scan_coefficients(*mingru_coefficients(a, nonlinearity, z_keeps), state, lengths, keep)


def scan_coefficients(
    share: Tensor, inflow: Tensor, state: State, lengths: Tensor | None, keep: Keep
) -> tuple[Tensor, State]:
    """The linear scan, with units kept and sequences that end: each is again a step of the same kind."""
    T, B, _ = share.shape
    if keep is not None:
        check_keep(keep, state, T)
        (d,) = keep
        share, inflow = d + (1 - d) * share, (1 - d) * inflow
    if lengths is None:
        output = linear_scan(share, inflow, state[0])
        return output, (output[-1],)
    mask = length_mask(lengths, T, B).to(share.device)
    output = linear_scan(torch.where(mask, share, 1), torch.where(mask, inflow, 0), state[0])
    return torch.where(mask, output, 0), (output[-1],)
