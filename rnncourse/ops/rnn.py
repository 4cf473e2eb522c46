r"""The Elman network as a plain loop in Torch. Elman (1990); chapter 02; by hand: `rnncourse.reference.rnn_forward`."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .._checks import check_choice
from ._tensors import Keep, Params, Shapes, State, check_parameters, check_state, check_steps
from .scan import scan

NONLINEARITIES = {"tanh": torch.tanh, "relu": torch.relu}


def rnn_loop(
    x: Tensor,
    state: State,
    params: Params,
    *,
    nonlinearity: str = "tanh",
    lengths: Tensor | None = None,
    keep: Keep = None,
) -> tuple[Tensor, State]:
    r"""Run an Elman network over a batch of sequences; its state is (h,), its output h.

    .. math::
        a_t = W_{ih} x_t + b_{ih} + W_{hh} h_{t-1} + b_{hh}, \qquad h_t = \phi(a_t)

    Args:
        x: inputs, of shape (T, B, I).
        state: (h_0,), of shape (B, H).
        params: `weight_ih_l0` of shape (H, I), `weight_hh_l0` of shape (H, H), `bias_ih_l0` and `bias_hh_l0` of
            shape (H,). Biases may be missing: zero.
        nonlinearity: phi: "tanh" or "relu".
        lengths: how many steps each sequence has, as for `scan`.
        keep: the share of the old state that stays, as for `scan`.

    Returns:
        `output`, of shape (T, B, H), and (h_n,), each sequence's last.

    Raises:
        TypeError: an argument of another type, or tensors of different dtypes.
        ValueError: a wrong shape, missing or unknown parameters, a length out of range, an unknown nonlinearity.

    Source: Elman (1990); chapter 02.
    """
    _, _, I = check_steps(x)
    (h_0,) = check_state(state, x, ("hidden_size",))
    check_parameters(params, rnn_shapes(I, h_0.shape[1]), x)
    phi = NONLINEARITIES[check_choice("nonlinearity", nonlinearity, tuple(NONLINEARITIES))]
    W_hh, b_hh = params["weight_hh_l0"], params.get("bias_hh_l0")

    def step(a_t: Tensor, state: State) -> State:
        (h,) = state
        return (phi(a_t + F.linear(h, W_hh, b_hh)),)

    return scan(step, F.linear(x, params["weight_ih_l0"], params.get("bias_ih_l0")), state, lengths=lengths, keep=keep)


def rnn_shapes(I: int, H: int) -> Shapes:
    """The parameters' shapes."""
    return {"weight_ih_l0": (H, I), "weight_hh_l0": (H, H), "bias_ih_l0": (H,), "bias_hh_l0": (H,)}
