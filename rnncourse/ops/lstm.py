r"""Long short-term memory as a plain loop in Torch.

Hochreiter and Schmidhuber (1997), Gers et al. (2000), with Sak et al.'s projection (2014); chapter 11; by hand:
`rnncourse.reference.lstm_cell`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .._checks import check_mapping
from ._tensors import Keep, Params, Shapes, State, check_parameters, check_state, check_steps, check_tensor
from .scan import scan


def lstm_loop(
    x: Tensor, state: State, params: Params, *, lengths: Tensor | None = None, keep: Keep = None
) -> tuple[Tensor, State]:
    r"""Run an LSTM over a batch of sequences; its state is (h, c), its output h.

    .. math::
        i_t &= \sigma(W_{ii} x_t + b_{ii} + W_{hi} h_{t-1} + b_{hi}), \qquad
        f_t = \sigma(W_{if} x_t + b_{if} + W_{hf} h_{t-1} + b_{hf}) \\
        g_t &= \tanh(W_{ig} x_t + b_{ig} + W_{hg} h_{t-1} + b_{hg}), \qquad
        o_t = \sigma(W_{io} x_t + b_{io} + W_{ho} h_{t-1} + b_{ho}) \\
        c_t &= f_t \odot c_{t-1} + i_t \odot g_t, \qquad
        m_t = o_t \odot \tanh c_t, \qquad h_t = W_{hr} m_t

    Without `weight_hr_l0` there is no projection: :math:`h_t = m_t`.

    Args:
        x: inputs, of shape (T, B, I).
        state: (h_0, c_0), of shapes (B, P) and (B, H); without a projection P = H.
        params: `weight_ih_l0` of shape (4H, I) and `weight_hh_l0` of shape (4H, P), in the order i, f, g, o;
            `bias_ih_l0` and `bias_hh_l0` of shape (4H,), which may be missing: zero; with a projection `weight_hr_l0`
            of shape (P, H).
        lengths: how many steps each sequence has, as for `scan`.
        keep: the shares of the old h and c that stay, as for `scan`.

    Returns:
        `output`, of shape (T, B, P), and (h_n, c_n), each sequence's last.

    Raises:
        TypeError: an argument of another type, or tensors of different dtypes.
        ValueError: a wrong shape, missing or unknown parameters, a length out of range.

    Source: Hochreiter and Schmidhuber (1997), Gers et al. (2000), Sak et al. (2014); chapter 11.
    """
    _, B, I = check_steps(x)
    h_0, c_0 = check_state(state, x, ("proj_size", "hidden_size"))
    P, H = h_0.shape[1], c_0.shape[1]
    W_hr = check_mapping("params", params).get("weight_hr_l0")
    if W_hr is None:
        check_tensor("state[0]", h_0, (B, H))
    check_parameters(params, lstm_shapes(I, H, None if W_hr is None else P), x)
    W_hh, b_hh = params["weight_hh_l0"], params.get("bias_hh_l0")

    def step(a_t: Tensor, state: State) -> State:
        h, c = state
        a_i, a_f, a_g, a_o = (a_t + F.linear(h, W_hh, b_hh)).chunk(4, dim=1)
        i = torch.sigmoid(a_i)
        f = torch.sigmoid(a_f)
        g = torch.tanh(a_g)
        o = torch.sigmoid(a_o)
        c_t = f * c + i * g
        m_t = o * torch.tanh(c_t)
        return m_t if W_hr is None else F.linear(m_t, W_hr), c_t

    return scan(step, F.linear(x, params["weight_ih_l0"], params.get("bias_ih_l0")), state, lengths=lengths, keep=keep)


def lstm_shapes(I: int, H: int, P: int | None = None) -> Shapes:
    """The parameters' shapes; P is None where there is no projection."""
    shapes: Shapes = {
        "weight_ih_l0": (4 * H, I),
        "weight_hh_l0": (4 * H, H if P is None else P),
        "bias_ih_l0": (4 * H,),
        "bias_hh_l0": (4 * H,),
    }
    return shapes if P is None else shapes | {"weight_hr_l0": (P, H)}
