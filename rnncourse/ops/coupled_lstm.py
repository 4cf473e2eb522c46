r"""The LSTM that forgets exactly as much as it lets in, as a plain loop in Torch.

Greff et al. (2017); chapter 13; by hand: `rnncourse.reference.coupled_lstm_cell`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ._tensors import Keep, Params, Shapes, State, check_parameters, check_state, check_steps, check_tensor
from .scan import scan


def coupled_lstm_loop(
    x: Tensor, state: State, params: Params, *, lengths: Tensor | None = None, keep: Keep = None
) -> tuple[Tensor, State]:
    r"""Run an LSTM with coupled gates over a batch of sequences; its state is (h, c), its output h.

    .. math::
        i_t &= \sigma(W_{ii} x_t + b_{ii} + W_{hi} h_{t-1} + b_{hi}), \qquad f_t = 1 - i_t \\
        g_t &= \tanh(W_{ig} x_t + b_{ig} + W_{hg} h_{t-1} + b_{hg}), \qquad
        o_t = \sigma(W_{io} x_t + b_{io} + W_{ho} h_{t-1} + b_{ho}) \\
        c_t &= f_t \odot c_{t-1} + i_t \odot g_t, \qquad h_t = o_t \odot \tanh c_t

    Args:
        x: inputs, of shape (T, B, I).
        state: (h_0, c_0), both of shape (B, H).
        params: `weight_ih_l0` of shape (3H, I) and `weight_hh_l0` of shape (3H, H), in the order i, g, o; `bias_ih_l0`
            and `bias_hh_l0` of shape (3H,), which may be missing: zero.
        lengths: how many steps each sequence has, as for `scan`.
        keep: the shares of the old h and c that stay, as for `scan`.

    Returns:
        `output`, of shape (T, B, H), and (h_n, c_n), each sequence's last.

    Raises:
        TypeError: an argument of another type, or tensors of different dtypes.
        ValueError: a wrong shape, missing or unknown parameters, a length out of range.

    Source: Greff et al. (2017); chapter 13.
    """
    _, B, I = check_steps(x)
    h_0, c_0 = check_state(state, x, ("hidden_size", "hidden_size"))
    check_tensor("state[1]", c_0, (B, h_0.shape[1]))
    check_parameters(params, coupled_lstm_shapes(I, h_0.shape[1]), x)
    W_hh, b_hh = params["weight_hh_l0"], params.get("bias_hh_l0")

    def step(a_t: Tensor, state: State) -> State:
        h, c = state
        a_i, a_g, a_o = (a_t + F.linear(h, W_hh, b_hh)).chunk(3, dim=1)
        i = torch.sigmoid(a_i)
        f = 1 - i
        g = torch.tanh(a_g)
        o = torch.sigmoid(a_o)
        c_t = f * c + i * g
        return o * torch.tanh(c_t), c_t

    return scan(step, F.linear(x, params["weight_ih_l0"], params.get("bias_ih_l0")), state, lengths=lengths, keep=keep)


def coupled_lstm_shapes(I: int, H: int) -> Shapes:
    """The parameters' shapes."""
    return {
        "weight_ih_l0": (3 * H, I),
        "weight_hh_l0": (3 * H, H),
        "bias_ih_l0": (3 * H,),
        "bias_hh_l0": (3 * H,),
    }
