"""Small models for the tests: a recurrent network that equals the reference's, and a table of scores."""

from __future__ import annotations

import numpy as np
import torch

from rnncourse.models import select_batch
from rnncourse.reference import RNNLanguageModel


class Elman:
    """`reference.RNNLanguageModel` in Torch, float64; its state is nested, with PyTorch's batch axis 1."""

    def __init__(self, V: int, seed: int = 0, H: int = 5, scale: float = 4.0) -> None:
        self.reference = RNNLanguageModel(V, 4, H, rng=np.random.default_rng(seed), dtype=np.float64)
        self.reference.params["readout.weight"] *= scale
        self.params = {name: torch.from_numpy(value) for name, value in self.reference.params.items()}
        self.params["readout.weight"].requires_grad_()
        self.vocab_size, self.feature_size = V, H
        self.selected = 0

    def initial_state(self, batch_size: int) -> tuple:
        return ((torch.zeros(1, batch_size, self.feature_size, dtype=torch.float64),),)

    def features(self, ids: torch.Tensor, state: tuple) -> tuple:
        p, ((h,),), output = self.params, state, []
        for x in p["embedding.weight"][ids]:
            z = x @ p["rnn.weight_ih_l0"].T + p["rnn.bias_ih_l0"] + h[0] @ p["rnn.weight_hh_l0"].T
            h = torch.tanh(z + p["rnn.bias_hh_l0"])[None]
            output.append(h[0])
        output = torch.stack(output) if output else h[0].new_zeros(0, *h[0].shape)
        return output, output @ p["readout.weight"].T + p["readout.bias"], ((h,),)

    def __call__(self, ids: torch.Tensor, state: tuple) -> tuple:
        return self.features(ids, state)[1:]

    def select(self, state: tuple, index: torch.Tensor) -> tuple:
        self.selected += 1
        return select_batch(state, index, dim=1)


class Table:
    """Scores of the next symbol by the last one: an array of shape (V, V)."""

    def __init__(self, scores: object) -> None:
        self.scores = torch.as_tensor(scores, dtype=torch.float64)
        self.vocab_size = len(self.scores)

    def initial_state(self, batch_size: int) -> tuple:
        return ()

    def __call__(self, ids: torch.Tensor, state: tuple) -> tuple:
        return self.scores[ids], state

    def select(self, state: tuple, index: torch.Tensor) -> tuple:
        return state


def ids(*symbols: int) -> torch.Tensor:
    return torch.tensor(symbols, dtype=torch.int64)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)
