"""Truncated backpropagation through time with a carried state, one update after the other."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ..data import batches
from .config import TrainingConfig

__all__ = ["Step", "Trainer", "TrainingError"]

State = tuple[Tensor, ...]


class TrainingError(Exception):
    """Training cannot go on; the message says where, and what to try."""


class Step(NamedTuple):
    """One update.

    Attributes:
        number: how many updates are done.
        loss: of its window, before the update, in nats a symbol.
        norm: the gradient's, before clipping.
        rate: the learning rate.
    """

    number: int
    loss: float
    norm: float
    rate: float


class Trainer:
    """A model, its data, its optimiser, and how far they have come.

    Training draws dropout from a generator of its own: it neither disturbs the global one nor depends on it.

    Args:
        model: a language model as `rnncourse.models.LanguageModel`; it is changed in place.
        ids: the training text, integers of shape (N,).
        config: how to train.

    Attributes:
        done: how many updates are done.
        averaged: the exponential average of the model, or the model itself.

    Raises:
        ValueError: a text too short for one window.

    Source: Williams and Peng (1990); Merity et al. (2018) for the average; chapters 04 and 05.
    """

    def __init__(self, model: nn.Module, ids: np.ndarray, config: TrainingConfig) -> None:
        self.model, self.config, self.done = model, config, 0
        self.windows = batches(ids, config.T, config.B)
        self.device = next(model.parameters()).device
        decayed = [p for p in model.parameters() if p.ndim > 1]
        others = [p for p in model.parameters() if p.ndim <= 1]
        groups = [{"params": decayed, "weight_decay": config.weight_decay}, {"params": others, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, 0.99))
        self.averaged = copy.deepcopy(model) if config.average else model
        self.states = self._initial_states()
        self.rng_states = self._seeded()

    def __iter__(self) -> Iterator[Step]:
        """The updates from where training stands to its end."""
        while self.done < self.config.steps:
            yield self.step()

    def step(self) -> Step:
        """One update.

        Raises:
            TrainingError: a loss or a gradient that is not finite; the weights are those before the update.
        """
        config = self.config
        window = self.done % len(self.windows)
        if window == 0:
            self.states = self._initial_states()
        rate = config.rate(self.done)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.model.train()
        self.optimizer.zero_grad(set_to_none=True)
        with self._own_randomness():
            loss = self._backward(*self.windows[window])
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), config.max_norm or math.inf).item()
        if not (math.isfinite(loss) and math.isfinite(norm)):
            raise TrainingError(
                f"the loss is {loss} and the gradient's norm {norm} at update {self.done + 1}, with learning rate "
                f"{rate:.2g}. Try a learning rate of {config.learning_rate / 4:.2g}"
                + ("." if config.max_norm else ", and clip the gradient's norm at 1.")
            )
        self.optimizer.step()
        self.done += 1
        if config.average:
            self._average()
        return Step(self.done, loss, norm, rate)

    def _backward(self, x: np.ndarray, y: np.ndarray) -> float:
        """The mean loss of a window, its gradients added up, the states carried on."""
        loss = 0.0
        width = self.config.B // self.config.accumulate
        for part, state in enumerate(self.states):
            columns = slice(part * width, (part + 1) * width)
            ids, targets = (torch.from_numpy(np.asarray(a[:, columns], np.int64)).to(self.device) for a in (x, y))
            bfloat16 = self.config.precision == "bfloat16"
            with torch.autocast(self.device.type, torch.bfloat16, enabled=bfloat16):
                logits, state = self.model(ids, state)
            # The sum over the part's symbols by the count of all: a mean of means would weigh parts, not symbols.
            summed = nn.functional.cross_entropy(logits.float().flatten(0, 1), targets.flatten(), reduction="sum")
            share = summed / y.size
            share.backward()
            loss += share.item()
            self.states[part] = tuple(s.detach() for s in state)
        return loss

    def _initial_states(self) -> list[State]:
        """One carried state for each part of the batch."""
        width = self.config.B // self.config.accumulate
        return [self.model.initial_state(width) for _ in range(self.config.accumulate)]

    @torch.no_grad()
    def _average(self) -> None:
        # The first steps' average would be the initial weights for long: the decay grows to its value.
        decay = min(self.config.average, (1 + self.done) / (10 + self.done))
        for mean, value in zip(self.averaged.parameters(), self.model.parameters(), strict=True):
            mean.lerp_(value, 1 - decay)

    def _seeded(self) -> dict[str, Tensor]:
        with torch.random.fork_rng(self._cuda()):
            torch.manual_seed(self.config.seed)
            return self._rng()

    @contextmanager
    def _own_randomness(self) -> Iterator[None]:
        with torch.random.fork_rng(self._cuda()):
            torch.set_rng_state(self.rng_states["cpu"])
            if "cuda" in self.rng_states:
                torch.cuda.set_rng_state(self.rng_states["cuda"], self.device)
            yield
            self.rng_states = self._rng()

    def _rng(self) -> dict[str, Tensor]:
        states = {"cpu": torch.get_rng_state()}
        if self.device.type == "cuda":
            states["cuda"] = torch.cuda.get_rng_state(self.device)
        return states

    def _cuda(self) -> list[Any]:
        return [self.device] if self.device.type == "cuda" else []
