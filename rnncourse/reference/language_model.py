"""A character (or word) language model: embedding, Elman network, readout."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .._checks import check_array, check_choice, check_ids, check_number
from .cross_entropy import cross_entropy_backward, cross_entropy_forward, log_softmax
from .embedding import EmbeddingCache, embedding_backward, embedding_forward
from .initialisers import init_rnn, pytorch_uniform
from .linear import LinearCache, linear_backward, linear_forward
from .rnn import NONLINEARITIES, RNNCache, rnn_backward, rnn_forward


class LanguageModelCache(NamedTuple):
    """What `RNNLanguageModel.backward` needs."""

    embedding: EmbeddingCache
    rnn: RNNCache
    readout: LinearCache


class RNNLanguageModel:
    r"""Predicts the next symbol from all earlier ones.

    .. math::
        x_t = E^\top e_{i_t}, \qquad h_t = \phi(W_{ih} x_t + b_{ih} + W_{hh} h_{t-1} + b_{hh}), \qquad
        z_t = W_{hy} h_t + b_y, \qquad p_t = \mathrm{softmax}(z_t)

    Args:
        vocab_size: V, the number of symbols.
        embedding_size: E.
        hidden_size: H.
        nonlinearity: "tanh", "relu", "sigmoid" or "linear".
        rng: the generator for the initial weights: embedding from N(0, 1), all else uniform on
            :math:`\pm 1/\sqrt{H}`, which are PyTorch's defaults.
        dtype: float32 or float64.

    Attributes:
        params: the arrays by name: `embedding.weight` (V, E), `rnn.weight_ih_l0` …, `readout.weight` (V, H) and
            `readout.bias` (V,).

    Raises:
        TypeError: a size that is no integer, an `rng` that is no generator, or another dtype.
        ValueError: a size below 1, or an unknown nonlinearity.

    Source: Mikolov et al. (2010); chapter 04.
    """

    def __init__(
        self,
        vocab_size: int,
        embedding_size: int,
        hidden_size: int,
        *,
        nonlinearity: str = "tanh",
        rng: np.random.Generator,
        dtype: Any = np.float32,
    ) -> None:
        for name, value in {"vocab_size": vocab_size, "embedding_size": embedding_size}.items():
            check_number(name, value, at_least=1, integer=True)
        rnn = init_rnn(rng, embedding_size, hidden_size, dtype)
        self.nonlinearity = check_choice("nonlinearity", nonlinearity, tuple(NONLINEARITIES))
        self.params = {
            "embedding.weight": rng.standard_normal((vocab_size, embedding_size)).astype(dtype),
            **{f"rnn.{name}": array for name, array in rnn.items()},
            "readout.weight": pytorch_uniform(rng, (vocab_size, hidden_size), hidden_size, dtype),
            "readout.bias": pytorch_uniform(rng, (vocab_size,), hidden_size, dtype),
        }

    def __repr__(self) -> str:
        V, E = self.params["embedding.weight"].shape
        count = sum(array.size for array in self.params.values())
        return (
            f"RNNLanguageModel({V}, {E}, {self.hidden_size}, nonlinearity={self.nonlinearity!r}): {count:,} parameters"
        )

    @property
    def vocab_size(self) -> int:
        """V, the number of symbols."""
        return self.params["readout.weight"].shape[0]

    @property
    def hidden_size(self) -> int:
        """H, the number of hidden units."""
        return self.params["readout.weight"].shape[1]

    def initial_state(self, batch_size: int) -> np.ndarray:
        """A state of zeros, of shape (B, H): nothing read yet."""
        check_number("batch_size", batch_size, at_least=1, integer=True)
        return np.zeros((batch_size, self.hidden_size), self.params["readout.weight"].dtype)

    def forward(self, ids: np.ndarray, h_0: np.ndarray) -> tuple[np.ndarray, np.ndarray, LanguageModelCache]:
        """Scores for the symbol after each position.

        Args:
            ids: symbols, integers in 0 … V-1, of shape (T, B).
            h_0: state before the first symbol, of shape (B, H).

        Returns:
            `logits` of shape (T, B, V), `h_n` of shape (B, H), `cache` for `backward`.

        Raises:
            TypeError: an argument of another type.
            ValueError: a wrong shape, a symbol out of range, parameters that are not finite.
        """
        check_ids("ids", ids, ("T", "B"), self.vocab_size)
        check_array("h_0", h_0, (ids.shape[1], self.hidden_size), like=self.params["readout.weight"])
        x, embedding = embedding_forward(ids, self.params["embedding.weight"])
        output, h_n, rnn = rnn_forward(x, h_0, self._part("rnn"), nonlinearity=self.nonlinearity)
        logits, readout = linear_forward(output, self.params["readout.weight"], self.params["readout.bias"])
        return logits, h_n, LanguageModelCache(embedding, rnn, readout)

    def backward(
        self, d_logits: np.ndarray, d_h_n: np.ndarray | None, cache: LanguageModelCache
    ) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Gradients by the parameters and by the initial state.

        Args:
            d_logits: the loss's derivative by the logits, of shape (T, B, V).
            d_h_n: its derivative by the final state, of shape (B, H). None: zero.
            cache: what `forward` returned.

        Returns:
            `grads` under the keys of `params`, and `dh_0` of shape (B, H).
        """
        weight = cache.readout.weight
        check_array("d_logits", d_logits, (*cache.readout.x.shape[:2], len(weight)), like=weight)
        d_output, readout = linear_backward(d_logits, cache.readout)
        dx, dh_0, rnn = rnn_backward(d_output, d_h_n, cache.rnn)
        embedding = embedding_backward(dx, cache.embedding)
        parts = {"embedding": embedding, "rnn": rnn, "readout": readout}
        grads = {f"{part}.{name}": array for part, arrays in parts.items() for name, array in arrays.items()}
        return grads, dh_0

    def loss_and_grads(
        self, ids: np.ndarray, targets: np.ndarray, h_0: np.ndarray
    ) -> tuple[float, dict[str, np.ndarray], np.ndarray]:
        """Mean cross-entropy of `targets` given `ids`, and its gradients.

        Args:
            ids: symbols, of shape (T, B).
            targets: the symbols that follow them, of shape (T, B).
            h_0: state before the first symbol, of shape (B, H).

        Returns:
            The loss in nats a symbol, `grads` under the keys of `params`, and `h_n` of shape (B, H).
        """
        logits, h_n, cache = self.forward(ids, h_0)
        loss, ce_cache = cross_entropy_forward(logits, targets)
        grads, _ = self.backward(cross_entropy_backward(ce_cache), None, cache)
        return loss, grads, h_n

    def surprise(self, ids: np.ndarray, *, chunk: int = 512) -> np.ndarray:
        """How surprising each symbol is, given all before it: -log p, in nats.

        Args:
            ids: a text, of shape (N,), with N at least 2.
            chunk: how many symbols are worked on at once; the state is carried, so it does not change the result.

        Returns:
            Of shape (N - 1,): one value for each symbol but the first.
        """
        check_ids("ids", ids, ("N",), self.vocab_size)
        check_number("chunk", chunk, at_least=1, integer=True)
        if len(ids) < 2:
            raise ValueError(f"ids must hold at least 2 symbols, got {len(ids)}")
        h = self.initial_state(1)
        surprises = np.empty(len(ids) - 1)
        for start in range(0, len(ids) - 1, chunk):
            x = ids[start : min(start + chunk, len(ids) - 1), None]
            targets = ids[start + 1 : start + 1 + len(x)]
            logits, h, _ = self.forward(x, h)
            surprises[start : start + len(x)] = -log_softmax(logits)[np.arange(len(x)), 0, targets]
        return surprises

    def evaluate(self, ids: np.ndarray) -> float:
        """Mean cross-entropy over a whole text in one stream, the state carried from its first symbol to its last.

        Args:
            ids: a text, of shape (N,), with N at least 2.

        Returns:
            Nats a symbol, over the N - 1 symbols that have one before them.
        """
        return float(self.surprise(ids).mean())

    def _part(self, name: str) -> dict[str, np.ndarray]:
        return {key.split(".", 1)[1]: array for key, array in self.params.items() if key.startswith(f"{name}.")}
