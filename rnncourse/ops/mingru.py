r"""The minimal GRU as a plain loop in Torch.

Feng et al. (2024); chapter 31; by hand: `rnncourse.reference.mingru_cell`. All steps at once: `mingru_scan`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .._checks import check_choice
from ._tensors import Keep, Params, Shapes, State, check_parameters, check_state, check_steps
from .scan import scan

CANDIDATES = {
    "linear": lambda a: a,
    "positive": lambda a: torch.where(a >= 0, a + 0.5, torch.sigmoid(a)),
    "tanh": torch.tanh,
}


def mingru_loop(
    x: Tensor,
    state: State,
    params: Params,
    *,
    nonlinearity: str = "linear",
    z_keeps: bool = False,
    lengths: Tensor | None = None,
    keep: Keep = None,
) -> tuple[Tensor, State]:
    r"""Run the minimal GRU over a batch of sequences, step by step; its state is (h,), its output h.

    .. math::
        z_t = \sigma(W_{iz} x_t + b_{iz}), \qquad n_t = \phi(W_{in} x_t + b_{in}), \qquad
        h_t = (1 - z_t) \odot h_{t-1} + z_t \odot n_t

    Args:
        x: inputs, of shape (T, B, I).
        state: (h_0,), of shape (B, H).
        params: `weight_ih_l0` of shape (2H, I) and `bias_ih_l0` of shape (2H,), in the order z, n. The bias may be
            missing: zero.
        nonlinearity: phi: "linear" (none), "positive" (:math:`a + \frac12` for :math:`a \ge 0`, else
            :math:`\sigma(a)`) or "tanh".
        z_keeps: whether z is the share of the old state, :math:`h_t = z_t \odot h_{t-1} + (1 - z_t) \odot n_t`.
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

    def step(a_t: Tensor, state: State) -> State:
        (h,) = state
        share, inflow = mingru_coefficients(a_t, nonlinearity, z_keeps)
        return (share * h + inflow,)

    return scan(step, F.linear(x, params["weight_ih_l0"], params.get("bias_ih_l0")), state, lengths=lengths, keep=keep)


def mingru_coefficients(a: Tensor, nonlinearity: str, z_keeps: bool) -> tuple[Tensor, Tensor]:
    """What multiplies the old state and what is added to it, for one step or for all."""
    a_z, a_n = a.chunk(2, dim=-1)
    n = CANDIDATES[nonlinearity](a_n)
    if z_keeps:
        a_z = -a_z
    return torch.sigmoid(-a_z), torch.sigmoid(a_z) * n


def check_mingru(x: Tensor, state: State, params: Params, nonlinearity: str, z_keeps: bool) -> None:
    """Raise unless all of these are arguments of `mingru_loop`."""
    _, _, I = check_steps(x)
    (h_0,) = check_state(state, x, ("hidden_size",))
    check_parameters(params, mingru_shapes(I, h_0.shape[1]), x)
    check_choice("nonlinearity", nonlinearity, tuple(CANDIDATES))
    check_choice("z_keeps", z_keeps, (True, False))


def mingru_shapes(I: int, H: int) -> Shapes:
    """The parameters' shapes."""
    return {"weight_ih_l0": (2 * H, I), "bias_ih_l0": (2 * H,)}
