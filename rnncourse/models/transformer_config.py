"""The shape of a Transformer as a language model."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from .._checks import check_choice, check_number
from ..nn.transformer_block import ACTIVATIONS
from .readout import check_cutoffs

__all__ = ["TransformerLMConfig"]


@dataclass(frozen=True)
class TransformerLMConfig:
    """The shape of a `TransformerLM`.

    Attributes:
        vocab_size: V, how many symbols there are.
        embedding_size: E, the width of all layers.
        num_heads: N, a divisor of E.
        num_layers: L.
        context: C, how many symbols a layer looks at, its own included.
        feedforward_size: F, inside the feed-forward parts. None: 4 E.
        dropout: the share that training zeroes, of embeddings, attention weights and in the blocks.
        positions: "rotary", "learned", "sinusoidal" or "none".
        activation: of the feed-forward parts: "relu", "gelu" or "gelu_tanh".
        norm_first: pre-norm, with a last normalisation before the readout, or post-norm without.
        tied: whether the readout's weight is the embedding's.
        cutoffs: where the classes of an adaptive softmax begin, as in `LanguageModelConfig`.

    Raises:
        TypeError: a size that is no integer, a dropout that is no number, a switch that is no bool.
        ValueError: a size below 1, a dropout outside [0, 1), E that N does not divide, positions that need an even
            width and have none, an unknown choice, cutoffs out of range or with tied weights.
    """

    vocab_size: int
    embedding_size: int = 128
    num_heads: int = 4
    num_layers: int = 2
    context: int = 128
    feedforward_size: int | None = None
    dropout: float = 0.0
    positions: str = "rotary"
    activation: str = "gelu_tanh"
    norm_first: bool = True
    tied: bool = False
    cutoffs: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for name in ("vocab_size", "embedding_size", "num_heads", "num_layers", "context"):
            check_number(name, getattr(self, name), at_least=1, integer=True)
        if self.feedforward_size is not None:
            check_number("feedforward_size", self.feedforward_size, at_least=1, integer=True)
        check_number("dropout", self.dropout, at_least=0, below=1)
        check_choice("positions", self.positions, ("rotary", "learned", "sinusoidal", "none"))
        check_choice("activation", self.activation, tuple(ACTIVATIONS))
        for name in ("norm_first", "tied"):
            check_choice(name, getattr(self, name), (True, False))
        E, N = self.embedding_size, self.num_heads
        if E % N:
            raise ValueError(f"num_heads must divide embedding_size = {E}, got {N}")
        turned = {"rotary": E // N, "sinusoidal": E}.get(self.positions, 2)
        if turned % 2:
            raise ValueError(
                f"{self.positions} positions need an even width, of a head or of all, got embedding_size = {E} and "
                f"num_heads = {N}"
            )
        cutoffs = check_cutoffs(self.cutoffs, self.vocab_size, E, tied=self.tied)
        object.__setattr__(self, "cutoffs", cutoffs)  # a list that comes from JSON becomes a tuple

    def to_json(self) -> dict[str, Any]:
        """The attributes, for a checkpoint: `TransformerLMConfig(**config.to_json())` is the same."""
        return asdict(self) | {"cutoffs": list(self.cutoffs)}
