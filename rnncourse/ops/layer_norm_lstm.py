r"""The LSTM with layer normalisation inside, as a plain loop in Torch.

Ba, Kiros and Hinton (2016); chapter 17; by hand: `rnncourse.reference.layer_norm_lstm_cell`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .._checks import check_number
from ._tensors import Keep, Params, Shapes, State, check_parameters, check_state, check_steps, check_tensor
from .scan import scan


def layer_norm_lstm_loop(
    x: Tensor,
    state: State,
    params: Params,
    *,
    eps: float = 1e-5,
    lengths: Tensor | None = None,
    keep: Keep = None,
) -> tuple[Tensor, State]:
    r"""Run an LSTM with layer normalisation over a batch of sequences; its state is (h, c), its output h.

    .. math::
        (a_i, a_f, a_g, a_o) &= \mathrm{LN}(W_{ih} x_t; w_{ih}, b_{ih})
        + \mathrm{LN}(W_{hh} h_{t-1}; w_{hh}, b_{hh}) + b \\
        c_t &= \sigma(a_f) \odot c_{t-1} + \sigma(a_i) \odot \tanh a_g \\
        h_t &= \sigma(a_o) \odot \tanh(\mathrm{LN}(c_t; w_c, b_c))

    Args:
        x: inputs, of shape (T, B, I).
        state: (h_0, c_0), both of shape (B, H).
        params: `weight_ih_l0` of shape (4H, I) and `weight_hh_l0` of shape (4H, H), in the order i, f, g, o;
            `weight_ln_ih_l0`, `bias_ln_ih_l0`, `weight_ln_hh_l0`, `bias_ln_hh_l0` and `bias_l0` (b) of shape (4H,);
            `weight_ln_c_l0` and `bias_ln_c_l0` of shape (H,). Biases may be missing: zero.
        eps: epsilon of the three normalisations, above 0.
        lengths: how many steps each sequence has, as for `scan`.
        keep: the shares of the old h and c that stay, as for `scan`.

    Returns:
        `output`, of shape (T, B, H), and (h_n, c_n), each sequence's last.

    Raises:
        TypeError: an argument of another type, or tensors of different dtypes.
        ValueError: a wrong shape, missing or unknown parameters, a length out of range, eps not above 0.

    Source: Ba et al. (2016), supplement; chapter 17.
    """
    _, B, I = check_steps(x)
    h_0, c_0 = check_state(state, x, ("hidden_size", "hidden_size"))
    check_tensor("state[1]", c_0, (B, h_0.shape[1]))
    check_parameters(params, layer_norm_lstm_shapes(I, h_0.shape[1]), x)
    check_number("eps", eps, above=0)

    def ln(a: Tensor, part: str) -> Tensor:
        return F.layer_norm(a, a.shape[-1:], params[f"weight_ln_{part}_l0"], params.get(f"bias_ln_{part}_l0"), eps)

    def step(a_t: Tensor, state: State) -> State:
        h, c = state
        a_i, a_f, a_g, a_o = (a_t + ln(F.linear(h, params["weight_hh_l0"]), "hh")).chunk(4, dim=1)
        i = torch.sigmoid(a_i)
        f = torch.sigmoid(a_f)
        g = torch.tanh(a_g)
        o = torch.sigmoid(a_o)
        c_t = f * c + i * g
        return o * torch.tanh(ln(c_t, "c")), c_t

    a = ln(F.linear(x, params["weight_ih_l0"]), "ih")
    if "bias_l0" in params:
        a = a + params["bias_l0"]
    return scan(step, a, state, lengths=lengths, keep=keep)


def layer_norm_lstm_shapes(I: int, H: int) -> Shapes:
    """The parameters' shapes."""
    wide = ("weight_ln_ih_l0", "bias_ln_ih_l0", "weight_ln_hh_l0", "bias_ln_hh_l0", "bias_l0")
    return {
        "weight_ih_l0": (4 * H, I),
        "weight_hh_l0": (4 * H, H),
        **dict.fromkeys(wide, (4 * H,)),
        "weight_ln_c_l0": (H,),
        "bias_ln_c_l0": (H,),
    }
