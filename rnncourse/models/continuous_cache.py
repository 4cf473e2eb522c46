"""The continuous cache on top of a network, behind the interface of language models."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from rnncourse._checks import check_number
from rnncourse.models._tensors import check_id_tensor
from rnncourse.models.interface import Predictor, State, select_batch
from rnncourse.models.scoring import normalised
from rnncourse.reference import ContinuousCache


class FeaturePredictor(Predictor, Protocol):
    """A model that also shows the features from which it predicts, such as a network's hidden states.

    Attributes:
        feature_size: H, the length of a feature vector.
    """

    @property
    def feature_size(self) -> int:
        """H, the length of a feature vector."""

    def features(self, ids: Tensor, state: State) -> tuple[Tensor, Tensor, State]:
        """Read symbols, as a call does.

        Args:
            ids: int64 of shape (T, B).
            state: before them.

        Returns:
            Features h of shape (T, B, H), the scores that follow from them, of shape (T, B, V), and the state.
        """


class ContinuousCacheModel:
    r"""A network and, mixed with it, what came when the network was in a similar state.

    .. math::
        p(w) = (1 - \lambda)\, p_{\mathrm{model}}(w) +
            \lambda \sum_{i} \frac{\exp(\theta\, h_t^\top h_i)}{\sum_j \exp(\theta\, h_t^\top h_j)}\, [x_i = w]

    with the sums over the last W symbols: `rnncourse.reference.ContinuousCache`, read a symbol at a time. h_i is the
    feature from which the network predicted :math:`x_i`; the first symbol of all was not predicted and is not
    remembered. Where nothing is remembered the cache's part is uniform. The network is run once for both parts.

    The state is (the model's, h, keys, symbols): the last feature, of shape (B, H); the remembered features, of shape
    (B, W, H), and symbols, of shape (B, W), the oldest first, -1 for none.

    Args:
        model: the network.
        theta: how sharply likeness counts, at least 0.
        weight: lambda, in [0, 1].
        window: W, at least 1.

    Attributes:
        model: the network.
        vocab_size: V, the network's.

    Raises:
        TypeError: an argument of another type.
        ValueError: an argument out of its range.

    Source: Grave, Joulin and Usunier (2017), equations 2, 3 and 5; chapter 24.
    """

    def __init__(self, model: FeaturePredictor, *, theta: float, weight: float, window: int) -> None:
        check_number("window", window, at_least=1, integer=True)
        cache = ContinuousCache(model.vocab_size, theta, window=window)
        self.model, self.vocab_size, self.theta, self.window = model, cache.vocab_size, cache.theta, cache.window
        self.weight = float(check_number("weight", weight, at_least=0, at_most=1))

    def initial_state(self, batch_size: int) -> State:
        """Nothing read.

        Args:
            batch_size: B, at least 1.
        """
        check_number("batch_size", batch_size, at_least=1, integer=True)
        B, W, H = batch_size, self.window, self.model.feature_size
        h = torch.full((B, H), torch.nan, dtype=torch.float64)  # NaN: there is none yet
        keys = torch.zeros(B, W, H, dtype=torch.float64)
        return self.model.initial_state(B), h, keys, torch.full((B, W), -1)

    def __call__(self, ids: Tensor, state: State) -> tuple[Tensor, State]:
        """Read symbols.

        Args:
            ids: int64 of shape (T, B).
            state: before them.

        Returns:
            Log-probabilities, float64 of shape (T, B, V), and the state after them.

        Raises:
            TypeError: `ids` is not an int64 tensor.
            ValueError: a symbol out of range, another number of texts than the state has, scores that are NaN.
        """
        own, h, keys, symbols = state
        check_id_tensor("ids", ids, ("T", len(h)), self.vocab_size)
        features, scores, own = self.model.features(ids, own)
        log_p = normalised(scores, (*ids.shape, self.vocab_size))
        h, keys, symbols = (part.to(ids.device) for part in (h, keys, symbols))
        cached = torch.empty_like(log_p)
        for t in range(len(ids)):
            predicted = ~h.isnan().any(1, keepdim=True)
            symbols = torch.cat((symbols[:, 1:], ids[t, :, None].where(predicted, -1)), 1)
            keys = torch.cat((keys[:, 1:], h.nan_to_num()[:, None]), 1)
            h = features[t].to(keys.dtype)
            cached[t] = self._distribution(h, keys, symbols)
        p = (1 - self.weight) * log_p.exp() + self.weight * cached
        return p.log(), (own, h, keys, symbols)

    def select(self, state: State, index: Tensor) -> State:
        """The state of some of the texts.

        Args:
            state: of B texts.
            index: int64 of shape (K,).
        """
        return self.model.select(state[0], index), *select_batch(state[1:], index)

    def _distribution(self, h: Tensor, keys: Tensor, symbols: Tensor) -> Tensor:
        """The cache's probabilities, of shape (B, V)."""
        known = symbols >= 0
        scores = (self.theta * (keys @ h[:, :, None]).squeeze(2)).where(known, -torch.inf)
        a = scores.softmax(1).where(known.any(1, keepdim=True), 0.0)
        p = a.new_zeros(len(h), self.vocab_size).scatter_add(1, symbols.clamp(min=0), a)
        return p.where(known.any(1, keepdim=True), 1 / self.vocab_size)
