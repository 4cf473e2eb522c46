r"""The LSTM with peepholes as a plain loop in Torch.

Gers and Schmidhuber (2000), Gers et al. (2002); chapter 13; by hand: `rnncourse.reference.peephole_lstm_cell`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ._tensors import Keep, Params, Shapes, State, check_parameters, check_state, check_steps, check_tensor
from .lstm import lstm_shapes
from .scan import scan


def peephole_lstm_loop(
    x: Tensor, state: State, params: Params, *, lengths: Tensor | None = None, keep: Keep = None
) -> tuple[Tensor, State]:
    r"""Run an LSTM with diagonal peepholes over a batch of sequences; its state is (h, c), its output h.

    .. math::
        i_t &= \sigma(W_{ii} x_t + b_{ii} + W_{hi} h_{t-1} + b_{hi} + w_{ci} \odot c_{t-1}) \\
        f_t &= \sigma(W_{if} x_t + b_{if} + W_{hf} h_{t-1} + b_{hf} + w_{cf} \odot c_{t-1}) \\
        g_t &= \tanh(W_{ig} x_t + b_{ig} + W_{hg} h_{t-1} + b_{hg}) \\
        c_t &= f_t \odot c_{t-1} + i_t \odot g_t \\
        o_t &= \sigma(W_{io} x_t + b_{io} + W_{ho} h_{t-1} + b_{ho} + w_{co} \odot c_t) \\
        h_t &= o_t \odot \tanh c_t

    Args:
        x: inputs, of shape (T, B, I).
        state: (h_0, c_0), both of shape (B, H).
        params: those of `lstm_loop` without a projection, and `weight_ci_l0`, `weight_cf_l0`, `weight_co_l0` of
            shape (H,).
        lengths: how many steps each sequence has, as for `scan`.
        keep: the shares of the old h and c that stay, as for `scan`.

    Returns:
        `output`, of shape (T, B, H), and (h_n, c_n), each sequence's last.

    Raises:
        TypeError: an argument of another type, or tensors of different dtypes.
        ValueError: a wrong shape, missing or unknown parameters, a length out of range.

    Source: Gers and Schmidhuber (2000), Gers et al. (2002); chapter 13.
    """
    _, B, I = check_steps(x)
    h_0, c_0 = check_state(state, x, ("hidden_size", "hidden_size"))
    check_tensor("state[1]", c_0, (B, h_0.shape[1]))
    check_parameters(params, peephole_lstm_shapes(I, h_0.shape[1]), x)
    W_hh, b_hh = params["weight_hh_l0"], params.get("bias_hh_l0")
    w_ci, w_cf, w_co = (params[f"weight_c{gate}_l0"] for gate in "ifo")

    def step(a_t: Tensor, state: State) -> State:
        h, c = state
        a_i, a_f, a_g, a_o = (a_t + F.linear(h, W_hh, b_hh)).chunk(4, dim=1)
        i = torch.sigmoid(a_i + w_ci * c)
        f = torch.sigmoid(a_f + w_cf * c)
        g = torch.tanh(a_g)
        c_t = f * c + i * g
        o = torch.sigmoid(a_o + w_co * c_t)
        return o * torch.tanh(c_t), c_t

    return scan(step, F.linear(x, params["weight_ih_l0"], params.get("bias_ih_l0")), state, lengths=lengths, keep=keep)


def peephole_lstm_shapes(I: int, H: int) -> Shapes:
    """The parameters' shapes."""
    return lstm_shapes(I, H) | {f"weight_c{gate}_l0": (H,) for gate in "ifo"}
