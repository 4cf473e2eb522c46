r"""The minimal LSTM in Torch, all steps at once. Feng et al. (2024); chapter 31; step by step: `minlstm`."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from ._tensors import Keep, Params, State
from .mingru_scan import scan_coefficients
from .minlstm import check_minlstm, minlstm_coefficients


def minlstm_scan(
    x: Tensor,
    state: State,
    params: Params,
    *,
    nonlinearity: str = "linear",
    lengths: Tensor | None = None,
    keep: Keep = None,
) -> tuple[Tensor, State]:
    r"""Run the minimal LSTM over a batch of sequences: what `minlstm_loop` computes, in about log2 T rounds.

    .. math::
        h_t = a_t \odot h_{t-1} + b_t, \qquad a_t = f'_t, \qquad b_t = i'_t \odot g_t

    Args:
        x: inputs, of shape (T, B, I).
        state: (h_0,), of shape (B, H).
        params: as for `minlstm_loop`.
        nonlinearity: as for `minlstm_loop`.
        lengths: how many steps each sequence has, as for `scan`.
        keep: the share of the old state that stays, as for `scan`.

    Returns:
        `output`, of shape (T, B, H), and (h_n,), each sequence's last.

    Raises:
        TypeError: an argument of another type, or tensors of different dtypes.
        ValueError: a wrong shape, missing or unknown parameters, a length out of range, an unknown nonlinearity.

    Source: Feng et al. (2024); chapter 31.
    """
    check_minlstm(x, state, params, nonlinearity)
    a = F.linear(x, params["weight_ih_l0"], params.get("bias_ih_l0"))
    return scan_coefficients(*minlstm_coefficients(a, nonlinearity), state, lengths, keep)
