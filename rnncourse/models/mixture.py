"""Several models in one, behind the interface of language models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rnncourse._checks import check_array
from rnncourse.models.interface import Predictor
from rnncourse.models.scoring import log_probs, score
from rnncourse.reference import MixtureFit, fit_mixture

State = tuple[Any, ...]


class MixtureModel:
    r"""Linear interpolation: :math:`p(w) = \sum_k \lambda_k\, p_k(w)`. Its state is the tuple of its models' states.

    Args:
        models: K of one vocabulary, at least one.
        weights: lambda, floats of shape (K,), none negative, with sum 1. None: all alike.

    Attributes:
        models: the models.
        weights: lambda, float64 of shape (K,).
        vocab_size: V, that of its models.

    Raises:
        TypeError: `models` is not a sequence, `weights` not an array of floats.
        ValueError: no model, different vocabularies, weights of another shape, negative or of another sum.

    Source: Jelinek and Mercer (1980); chapter 01.
    """

    def __init__(self, models: Sequence[Predictor], weights: np.ndarray | None = None) -> None:
        self.models, self.vocab_size = _check_models(models)
        K = len(self.models)
        weights = np.full(K, 1 / K) if weights is None else check_array("weights", weights, (K,))
        if weights.min() < 0 or abs(weights.sum(dtype=np.float64) - 1) > 1e-5:
            raise ValueError(f"weights must not be negative and must sum to 1, got {weights.tolist()}")
        self.weights = weights.astype(np.float64)
        self._log_weights = torch.from_numpy(self.weights).log()

    @classmethod
    def fit(
        cls, models: Sequence[Predictor], held_out: Tensor, *, tolerance: float = 1e-6, steps: int = 1000
    ) -> tuple[MixtureModel, MixtureFit]:
        """Weights by expectation and maximisation on a text that no model was trained on: `reference.fit_mixture`.

        Args:
            models: of one vocabulary.
            held_out: the text, int64 of shape (N,), N at least 2; its first symbol is read, not scored.
            tolerance: stop when the loss is at most this above the best, in nats a symbol.
            steps: stop after so many in any case.

        Returns:
            The mixture, and what `fit_mixture` says of its weights.

        Raises:
            TypeError: an argument of another type.
            ValueError: what `score` and `fit_mixture` refuse, such as a symbol that every model rules out.
        """
        models, _ = _check_models(models)
        p = [score(model, held_out).exp().clamp(max=1).cpu().numpy() for model in models]
        found = fit_mixture(p, tolerance=tolerance, steps=steps)
        return cls(models, found.weights), found

    def initial_state(self, batch_size: int) -> State:
        """Nothing read.

        Args:
            batch_size: B, at least 1.
        """
        return tuple(model.initial_state(batch_size) for model in self.models)

    def __call__(self, ids: Tensor, state: State) -> tuple[Tensor, State]:
        """Read symbols.

        Args:
            ids: int64 of shape (T, B).
            state: before them.

        Returns:
            Log-probabilities, float64 of shape (T, B, V), and the state after them.

        Raises:
            ValueError: what `log_probs` refuses in a model's scores.
        """
        parts, states = [], []
        for weight, model, own in zip(self._log_weights.tolist(), self.models, state, strict=True):
            log_p, own = log_probs(model, ids, own)
            parts.append(log_p + weight)
            states.append(own)
        return torch.stack(parts).logsumexp(0), tuple(states)

    def select(self, state: State, index: Tensor) -> State:
        """The state of some of the texts.

        Args:
            state: of B texts.
            index: int64 of shape (K,).
        """
        return tuple(model.select(own, index) for model, own in zip(self.models, state, strict=True))


def _check_models(models: Sequence[Predictor]) -> tuple[tuple[Predictor, ...], int]:
    """The models, and the size of their vocabulary."""
    if not isinstance(models, Sequence):
        raise TypeError(f"models must be a sequence of models, got {type(models).__name__}")
    sizes = [model.vocab_size for model in models]
    if len(set(sizes)) != 1:
        raise ValueError(f"models must be at least one, all of one vocab_size, got {sizes}")
    return tuple(models), sizes[0]
