"""One layer of a Transformer as a module: self-attention, then two affine maps at each position, each with a bypass."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import Tensor, nn

from .._checks import check_choice, check_number
from ..ops._tensors import check_tensor
from .multihead_attention import KeyValue, MultiheadAttention

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": nn.functional.relu,
    "gelu": nn.functional.gelu,
    "gelu_tanh": partial(nn.functional.gelu, approximate="tanh"),
}


class TransformerBlock(nn.Module):
    r"""Self-attention mixes the steps, the feed-forward part F works on each alone; each is added to what it read.

    .. math::
        F(x) &= W_2 \, \phi(W_1 x + b_1) + b_2 \\
        \text{post-norm:} \quad u &= N_1(x + A(x)), \qquad y = N_2(u + F(u)) \\
        \text{pre-norm:} \quad u &= x + A(N_1(x)), \qquad y = u + F(N_2(u))

    Time comes first: (T, B, E). Arguments, numbers, first weights, dropout and state dict are those of
    `torch.nn.TransformerEncoderLayer`, the equations those of `rnncourse.reference.transformer_block_forward`. What
    torch's layer lacks is the cache of keys and values.

    Args:
        d_model: E.
        nhead: N, a divisor of E.
        dim_feedforward: F.
        dropout: p in [0, 1), of attention weights, of both parts' outputs and inside the feed-forward part.
        activation: phi: "relu", "gelu" or "gelu_tanh" (GPT-2's form of GELU).
        layer_norm_eps: the normalisations' epsilon, above 0.
        norm_first: pre-norm (True) or post-norm (False).
        bias: whether there are biases, those of norms included.
        device: where the parameters are made.
        dtype: their dtype.
        rotary: whether queries and keys are turned by their positions (Su et al., 2021).

    Raises:
        TypeError: an argument of another type.
        ValueError: a size or a rate out of range, E not divisible by N, an unknown activation.

    Source: Vaswani et al. (2017); Xiong et al. (2020) on where to normalise; chapter 28.
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str = "relu",
        layer_norm_eps: float = 1e-5,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        rotary: bool = False,
    ) -> None:
        super().__init__()
        made = {"device": device, "dtype": dtype}
        self.activation = check_choice("activation", activation, tuple(ACTIVATIONS))
        self.norm_first = check_choice("norm_first", norm_first, (True, False))
        check_number("dim_feedforward", dim_feedforward, at_least=1, integer=True)
        check_number("layer_norm_eps", layer_norm_eps, above=0)
        self.self_attn = MultiheadAttention(d_model, nhead, dropout, bias, **made, rotary=rotary)
        self.linear1 = nn.Linear(d_model, dim_feedforward, bias, **made)
        self.linear2 = nn.Linear(dim_feedforward, d_model, bias, **made)
        self.norm1 = nn.LayerNorm(d_model, layer_norm_eps, bias=bias, **made)
        self.norm2 = nn.LayerNorm(d_model, layer_norm_eps, bias=bias, **made)
        self.dropout = nn.Dropout(dropout)

    def reset_parameters(self) -> None:
        """Draw all parameters anew, as torch does."""
        for part in self.children():
            if not isinstance(part, nn.Dropout):
                part.reset_parameters()

    def forward(
        self,
        x: Tensor,
        *,
        causal: bool = False,
        window: int | None = None,
        mask: Tensor | None = None,
        lengths: Tensor | None = None,
        past: KeyValue | None = None,
        need_weights: bool = False,
    ) -> tuple[Tensor, KeyValue, Tensor | None]:
        """Read steps.

        Args:
            x: of shape (T, B, E).
            causal: whether a step may look only at itself and at earlier ones.
            window: with `causal`, at how many steps at most, its own included. None: at all.
            mask: booleans of shape (P + T, B): True where the step exists and may be looked at. None: all do.
            lengths: integers of shape (B,), each in 1 … P + T, in place of a mask.
            past: the state that an earlier call returned, of P steps. None: P = 0.
            need_weights: whether the attention's weights are returned.

        Returns:
            y, of shape (T, B, E); the keys and values so far, as the next call's `past`; the weights, of shape
            (B, N, T, P + T), or None.

        Raises:
            TypeError: an argument of another type or dtype.
            ValueError: a wrong shape.
        """
        check_tensor("x", x, ("T", "B", self.self_attn.embed_dim), like=self.linear1.weight)
        options = {
            "causal": causal,
            "window": window,
            "mask": mask,
            "lengths": lengths,
            "past": past,
            "need_weights": need_weights,
        }
        if self.norm_first:
            A, state, weights = self.self_attn(self.norm1(x), **options)
            u = x + self.dropout(A)
            y = u + self._feed_forward(self.norm2(u))
        else:
            A, state, weights = self.self_attn(x, **options)
            u = self.norm1(x + self.dropout(A))
            y = self.norm2(u + self._feed_forward(u))
        return y, state, weights

    def _feed_forward(self, x: Tensor) -> Tensor:
        h = ACTIVATIONS[self.activation](self.linear1(x))
        return self.dropout(self.linear2(self.dropout(h)))

    def extra_repr(self) -> str:
        """What the parts do not show."""
        return f"activation={self.activation!r}, norm_first={self.norm_first}"
