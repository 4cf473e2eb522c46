"""A table of counts beside a trained network: together they are nearly always better than each alone."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from ..models import MixtureModel, NGramModel, Predictor, surprise
from .checkpoint import load, save_checkpoint

__all__ = ["COMPANION", "Apart", "Companion", "Measured", "fit_companion", "measure", "set_apart"]

COMPANION = "companion.safetensors"
SHARE, PIECES = 0.02, 20
COUNTED = 2_000_000  # symbols: of a longer text its end is counted, so that counting takes seconds
LONG = 20 * COUNTED  # what is so long that no copy of it is made, and no network reads it all
MEASURED = 200_000  # symbols of the validation split that are read in one stream at the end


class Companion(NamedTuple):
    """What stands beside a network.

    Attributes:
        ngram: counts of the whole training text.
        weights: the network's share of the mixture, and the counts'.
    """

    ngram: NGramModel
    weights: np.ndarray

    def beside(self, network: Predictor) -> MixtureModel:
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


class Apart(NamedTuple):
    """A training text divided among those who learn from it.

    Attributes:
        network: what the network is trained on.
        counted: what is counted at first.
        held_out: what neither has seen, for the weights.
        whole: what is counted in the end: the two parts before, in the text's order.
    """

    network: np.ndarray
    counted: np.ndarray
    held_out: np.ndarray
    whole: np.ndarray


def set_apart(train: np.ndarray) -> Apart:
    """Divide a training text between the network, the counts and their weights.

    The pieces for the weights are spread over what is counted. At its end they would cost more: there stands what is
    most like the text that follows, which is the validation split.

    Args:
        train: ids of shape (N,), N at least 3; of a text of over 40 million symbols no copy is made.

    Returns:
        The parts; 2 % of what is counted, and at least 2 symbols, are held out.
    """
    whole = train[-COUNTED:]
    N = len(whole)
    pieces = max(1, min(PIECES, N // 1000))
    length = max(2 if pieces == 1 else 1, round(SHARE * N / pieces))
    apart = np.zeros(N, bool)
    for k in range(pieces):
        start = min((2 * k + 1) * N // (2 * pieces), N - length)
        apart[start : start + length] = True
    before, counted = train[:-COUNTED], whole[~apart]
    network = before if len(train) > LONG else np.concatenate([before, counted])
    return Apart(network, counted, whole[apart], whole)


def fit_companion(network: Predictor, train: np.ndarray, *, order: int) -> Companion:
    """Count n-grams, and find the weights of counts and network on text that neither has seen.

    Args:
        network: trained on the part for the network that `set_apart` gives, in evaluation mode.
        train: the whole training text.
        order: of the n-grams.

    Returns:
        The counts of the whole text, with the weights found for counts of a part of it.

    Source: Jelinek and Mercer (1980); chapter 04.
    """
    apart = set_apart(train)
    options = {"order": order, "vocab_size": network.vocab_size, "modified": True}
    seen = NGramModel.fit(apart.counted, **options)
    mixture, _ = MixtureModel.fit([network, seen], torch.from_numpy(apart.held_out.astype(np.int64)))
    return Companion(NGramModel.fit(apart.whole, **options), mixture.weights)


class Measured(NamedTuple):
    """What a network, its companion and both together are worth, in nats a symbol, the text read in one stream.

    Attributes:
        network, counts, both: the three losses; the last two None without a companion.
        symbols: how many were read.
    """

    network: float
    counts: float | None
    both: float | None
    symbols: int


def measure(network: Predictor, companion: Companion | None, validation: np.ndarray) -> Measured:
    """Read the validation split once in one stream.

    Args:
        network: in evaluation mode, on the processor.
        companion: what stands beside it.
        validation: ids; of a long split the first 200,000 are read.
    """
    ids = validation[:MEASURED]
    models = [network, *([companion.ngram, companion.beside(network)] if companion else [])]
    losses = [surprise(model, ids) / (len(ids) - 1) for model in models]
    return Measured(*(losses if companion else [*losses, None, None]), len(ids))
