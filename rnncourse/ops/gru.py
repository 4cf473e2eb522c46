r"""The gated recurrent unit as a plain loop in Torch.

Cho et al. (2014); chapter 12; by hand, and where papers and libraries differ: `rnncourse.reference.gru_cell`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .._checks import check_choice
from ._tensors import Keep, Params, Shapes, State, check_parameters, check_state, check_steps
from .scan import scan


def gru_loop(
    x: Tensor,
    state: State,
    params: Params,
    *,
    reset_after: bool = True,
    z_keeps: bool = True,
    lengths: Tensor | None = None,
    keep: Keep = None,
) -> tuple[Tensor, State]:
    r"""Run a GRU over a batch of sequences; its state is (h,), its output h.

    .. math::
        r_t &= \sigma(W_{ir} x_t + b_{ir} + W_{hr} h_{t-1} + b_{hr}) \\
        z_t &= \sigma(W_{iz} x_t + b_{iz} + W_{hz} h_{t-1} + b_{hz}) \\
        n_t &= \tanh(W_{in} x_t + b_{in} + r_t \odot (W_{hn} h_{t-1} + b_{hn})) \\
        h_t &= z_t \odot h_{t-1} + (1 - z_t) \odot n_t

    Args:
        x: inputs, of shape (T, B, I).
        state: (h_0,), of shape (B, H).
        params: `weight_ih_l0` of shape (3H, I) and `weight_hh_l0` of shape (3H, H), in the order r, z, n; `bias_ih_l0`
            and `bias_hh_l0` of shape (3H,), which may be missing: zero.
        reset_after: whether r multiplies after the product, as above. If not,
            :math:`n_t = \tanh(W_{in} x_t + b_{in} + W_{hn} (r_t \odot h_{t-1}) + b_{hn})`.
        z_keeps: whether z is the share of the old state, as above. If not,
            :math:`h_t = (1 - z_t) \odot h_{t-1} + z_t \odot n_t`.
        lengths: how many steps each sequence has, as for `scan`.
        keep: the share of the old state that stays, as for `scan`.

    Returns:
        `output`, of shape (T, B, H), and (h_n,), each sequence's last.

    Raises:
        TypeError: an argument of another type, or tensors of different dtypes.
        ValueError: a wrong shape, missing or unknown parameters, a length out of range, an option that is neither True
            nor False.

    Source: Cho et al. (2014); chapter 12.
    """
    _, _, I = check_steps(x)
    (h_0,) = check_state(state, x, ("hidden_size",))
    H = h_0.shape[1]
    check_parameters(params, gru_shapes(I, H), x)
    check_choice("reset_after", reset_after, (True, False))
    check_choice("z_keeps", z_keeps, (True, False))
    W_hh, b_hh = params["weight_hh_l0"], params.get("bias_hh_l0")
    W_hrz, W_hn = W_hh[: 2 * H], W_hh[2 * H :]
    b_hrz, b_hn = (None, None) if b_hh is None else (b_hh[: 2 * H], b_hh[2 * H :])

    def step(a_t: Tensor, state: State) -> State:
        (h,) = state
        a_r, a_z, a_n = a_t.chunk(3, dim=1)
        if reset_after:
            u_r, u_z, u_n = F.linear(h, W_hh, b_hh).chunk(3, dim=1)
            n = torch.tanh(a_n + torch.sigmoid(a_r + u_r) * u_n)
        else:
            u_r, u_z = F.linear(h, W_hrz, b_hrz).chunk(2, dim=1)
            n = torch.tanh(a_n + F.linear(torch.sigmoid(a_r + u_r) * h, W_hn, b_hn))
        z = torch.sigmoid(a_z + u_z)
        return (z * h + (1 - z) * n if z_keeps else (1 - z) * h + z * n,)

    return scan(step, F.linear(x, params["weight_ih_l0"], params.get("bias_ih_l0")), state, lengths=lengths, keep=keep)


def gru_shapes(I: int, H: int) -> Shapes:
    """The parameters' shapes."""
    return {
        "weight_ih_l0": (3 * H, I),
        "weight_hh_l0": (3 * H, H),
        "bias_ih_l0": (3 * H,),
        "bias_hh_l0": (3 * H,),
    }
