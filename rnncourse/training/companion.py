"""A table of counts beside a trained network: together they are better than each alone, for a second of counting."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from ..models import LanguageModel, MixtureModel, NGramModel
from .checkpoint import load, save_checkpoint

__all__ = ["COMPANION", "Companion", "fit_companion", "held_out_for_weights"]

COMPANION = "companion.safetensors"
SHARE, PIECES = 0.02, 20


class Companion(NamedTuple):
    """What stands beside a network.

    Attributes:
        ngram: counts of the whole training text.
        weights: the network's share of the mixture, and the counts'.
    """

    ngram: NGramModel
    weights: np.ndarray

    def beside(self, network: LanguageModel) -> MixtureModel:
        """The mixture of the network and the counts."""
        return MixtureModel([network, self.ngram], self.weights)

    def save(self, folder: Path) -> None:
        """Write it beside a run's checkpoint."""
        tensors = {name: torch.from_numpy(array) for name, array in self.ngram.state_arrays().items()}
        save_checkpoint(folder / COMPANION, tensors, {"weights": self.weights.tolist()})

    @classmethod
    def load(cls, folder: Path) -> Companion:
        """Read what `save` wrote.

        Raises:
            CheckpointError: there is none, or it is damaged.
        """
        stored = load(folder / COMPANION)
        return cls(NGramModel.from_arrays(stored.tensors), np.array(stored.meta["weights"]))


def held_out_for_weights(train: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The training text in two: what the models are trained on, and pieces on which their weights are found.

    The pieces are spread over the text. At its end they would cost more: there stands what is most like the text that
    follows, which is the validation split.

    Args:
        train: ids of shape (N,), N at least 3.

    Returns:
        All but 2 %, and these 2 %, at least 2 symbols, each joined to one text.
    """
    N = len(train)
    pieces = max(1, min(PIECES, N // 1000))
    length = max(2 if pieces == 1 else 1, round(SHARE * N / pieces))
    apart = np.zeros(N, bool)
    for k in range(pieces):
        start = min((2 * k + 1) * N // (2 * pieces), N - length)
        apart[start : start + length] = True
    return train[~apart], train[apart]


def fit_companion(network: LanguageModel, train: np.ndarray, *, order: int) -> Companion:
    """Count n-grams, and find the weights of counts and network on text that neither has seen.

    Args:
        network: trained on the first part that `held_out_for_weights` gives, in evaluation mode.
        train: the whole training text.
        order: of the n-grams.

    Returns:
        The counts of the whole text, with the weights found for counts of the first part.

    Source: Jelinek and Mercer (1980); chapter 04.
    """
    seen, held_out = held_out_for_weights(train)
    options = {"order": order, "vocab_size": network.vocab_size, "modified": True}
    mixture, _ = MixtureModel.fit([network, NGramModel.fit(seen, **options)], torch.from_numpy(held_out))
    return Companion(NGramModel.fit(train, **options), mixture.weights)
