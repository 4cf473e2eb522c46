r"""The Elman network with layer normalisation inside, as a plain loop in Torch.

Ba, Kiros and Hinton (2016); chapter 17; by hand: `rnncourse.reference.layer_norm_rnn_cell`.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from .._checks import check_choice, check_number
from ._tensors import Keep, Params, Shapes, State, check_parameters, check_state, check_steps
from .rnn import NONLINEARITIES
from .scan import scan


def layer_norm_rnn_loop(
    x: Tensor,
    state: State,
    params: Params,
    *,
    nonlinearity: str = "tanh",
    eps: float = 1e-5,
    lengths: Tensor | None = None,
    keep: Keep = None,
) -> tuple[Tensor, State]:
    r"""Run an Elman network with layer normalisation over a batch of sequences; its state is (h,), its output h.

    .. math::
        a_t = W_{ih} x_t + W_{hh} h_{t-1}, \qquad h_t = \phi(\mathrm{LN}(a_t; w, b))

    Args:
        x: inputs, of shape (T, B, I).
        state: (h_0,), of shape (B, H).
        params: `weight_ih_l0` of shape (H, I), `weight_hh_l0` of shape (H, H), `weight_ln_l0` (w) and `bias_ln_l0` (b)
            of shape (H,). The bias may be missing: zero.
        nonlinearity: phi: "tanh" or "relu".
        eps: epsilon of the normalisation, above 0.
        lengths: how many steps each sequence has, as for `scan`.
        keep: the share of the old state that stays, as for `scan`.

    Returns:
        `output`, of shape (T, B, H), and (h_n,), each sequence's last.

    Raises:
        TypeError: an argument of another type, or tensors of different dtypes.
        ValueError: a wrong shape, missing or unknown parameters, a length out of range, an unknown nonlinearity, eps
            not above 0.

    Source: Ba et al. (2016), equation 4; chapter 17.
    """
    _, _, I = check_steps(x)
    (h_0,) = check_state(state, x, ("hidden_size",))
    H = h_0.shape[1]
    check_parameters(params, layer_norm_rnn_shapes(I, H), x)
    phi = NONLINEARITIES[check_choice("nonlinearity", nonlinearity, tuple(NONLINEARITIES))]
    check_number("eps", eps, above=0)

    def step(a_t: Tensor, state: State) -> State:
        (h,) = state
        a_t = a_t + F.linear(h, params["weight_hh_l0"])
        return (phi(F.layer_norm(a_t, (H,), params["weight_ln_l0"], params.get("bias_ln_l0"), eps)),)

    return scan(step, F.linear(x, params["weight_ih_l0"]), state, lengths=lengths, keep=keep)


def layer_norm_rnn_shapes(I: int, H: int) -> Shapes:
    """The parameters' shapes."""
    return {"weight_ih_l0": (H, I), "weight_hh_l0": (H, H), "weight_ln_l0": (H,), "bias_ln_l0": (H,)}
