r"""The minimal LSTM as a plain loop in Torch.

Feng et al. (2024); chapter 31; by hand: `rnncourse.reference.minlstm_cell`. All steps at once: `minlstm_scan`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .._checks import check_choice
from ._tensors import Keep, Params, Shapes, State, check_parameters, check_state, check_steps
from .mingru import CANDIDATES
from .scan import scan


def minlstm_loop(
    x: Tensor,
    state: State,
    params: Params,
    *,
    nonlinearity: str = "linear",
    lengths: Tensor | None = None,
    keep: Keep = None,
) -> tuple[Tensor, State]:
    r"""Run the minimal LSTM over a batch of sequences, step by step; its state is (h,), its output h.

    .. math::
        i_t &= \sigma(W_{ii} x_t + b_{ii}), \qquad f_t = \sigma(W_{if} x_t + b_{if}), \qquad
        g_t = \phi(W_{ig} x_t + b_{ig}) \\
        f'_t &= \frac{f_t}{f_t + i_t}, \qquad i'_t = \frac{i_t}{f_t + i_t}, \qquad
        h_t = f'_t \odot h_{t-1} + i'_t \odot g_t

    The shares are computed from logarithms, :math:`f'_t = \sigma(\ln f_t - \ln i_t)`, since both gates can be rounded
    to zero.

    Args:
        x: inputs, of shape (T, B, I).
        state: (h_0,), of shape (B, H).
        params: `weight_ih_l0` of shape (3H, I) and `bias_ih_l0` of shape (3H,), in the order i, f, g. The bias may be
            missing: zero.
        nonlinearity: phi: "linear", "positive" or "tanh", as for `mingru_loop`.
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

    def step(a_t: Tensor, state: State) -> State:
        (h,) = state
        share, inflow = minlstm_coefficients(a_t, nonlinearity)
        return (share * h + inflow,)

    return scan(step, F.linear(x, params["weight_ih_l0"], params.get("bias_ih_l0")), state, lengths=lengths, keep=keep)


def minlstm_coefficients(a: Tensor, nonlinearity: str) -> tuple[Tensor, Tensor]:
    """What multiplies the old state and what is added to it, for one step or for all."""
    a_i, a_f, a_g = a.chunk(3, dim=-1)
    delta = F.logsigmoid(a_f) - F.logsigmoid(a_i)  # ln f - ln i
    return torch.sigmoid(delta), torch.sigmoid(-delta) * CANDIDATES[nonlinearity](a_g)


def check_minlstm(x: Tensor, state: State, params: Params, nonlinearity: str) -> None:
    """Raise unless all of these are arguments of `minlstm_loop`."""
    _, _, I = check_steps(x)
    (h_0,) = check_state(state, x, ("hidden_size",))
    check_parameters(params, minlstm_shapes(I, h_0.shape[1]), x)
    check_choice("nonlinearity", nonlinearity, tuple(CANDIDATES))


def minlstm_shapes(I: int, H: int) -> Shapes:
    """The parameters' shapes."""
    return {"weight_ih_l0": (3 * H, I), "bias_ih_l0": (3 * H,)}
