"""Truncated backpropagation through time with a carried state, one update after the other."""

from __future__ import annotations

import copy
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from ..data import batches
from .config import TrainingConfig
from .world import World

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
    r"""A model, its data, its optimiser, and how far they have come.

    The streams of a window are divided among the processes. The loss is the mean over the symbols of all of them,

    .. math:: L = -\frac{1}{T B} \sum_{b=1}^{B} \sum_{t=1}^{T} \log p(s_{t+1,b} \mid s_{1,b} \ldots s_{t,b}),

    so that one process and several follow the same gradient, but for dropout. That is drawn from the seed, the update's
    number and the process's: it neither disturbs the global generator nor depends on it.

    Args:
        model: a language model as `rnncourse.models.LanguageModel`; it is changed in place.
        ids: the training text, integers of shape (N,).
        config: how to train.
        world: the processes that train together. None: this one alone.

    Attributes:
        done: how many updates are done.
        averaged: the exponential average of the model, or the model itself.

    Raises:
        ValueError: a text too short for one window; B that the processes and parts do not divide.
        TrainingError: a precision in which the model does not run here.

    Source: Williams and Peng (1990); Merity et al. (2018) for the average; chapters 04 and 05.
    """

    def __init__(self, model: nn.Module, ids: np.ndarray, config: TrainingConfig, world: World | None = None) -> None:
        self.device = next(model.parameters()).device
        self.world = world or World(device=self.device)
        size = self.world.size
        parts = config.accumulate * size
        if config.B % parts:
            raise ValueError(
                f"B must be a multiple of {parts}, for {size} processes with {config.accumulate} parts each, "
                f"got {config.B}"
            )
        self.model, self.config, self.done = model, config, 0
        self.windows = batches(ids, config.T, config.B)
        self._width = config.B // parts
        if config.deterministic:  # PyTorch asks for it before a GPU's first product
            os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        if config.precision != "float32":
            self._check_precision()
        decayed = [p for p in model.parameters() if p.ndim > 1]
        others = [p for p in model.parameters() if p.ndim <= 1]
        groups = [{"params": decayed, "weight_decay": config.weight_decay}, {"params": others, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, 0.99))
        self.averaged = copy.deepcopy(model) if config.average else model
        self.objective: nn.Module = _Objective(model)
        if self.world.size > 1:
            # A rare class of an adaptive softmax may have no target in a window, and then no gradient.
            rare = bool(getattr(getattr(model, "config", None), "cutoffs", ()))
            self.objective = DistributedDataParallel(self.objective, find_unused_parameters=rare)
        self.states = self._initial_states()

    def __iter__(self) -> Iterator[Step]:
        """The updates from where training stands to its end."""
        while self.done < self.config.steps:
            yield self.step()

    def step(self) -> Step:
        """One update.

        Raises:
            TrainingError: a loss or a gradient that is not finite; the weights are those before the update. Go on from
                a checkpoint, since the carried state has moved.
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
        with self._randomness(), self._determinism():
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
        size, last = self.world.size, len(self.states) - 1
        own = self.world.columns(self.config.B)
        x, y = x[:, own], y[:, own]
        count = y.size * size
        for part, state in enumerate(self.states):
            columns = slice(part * self._width, (part + 1) * self._width)
            ids, targets = (torch.from_numpy(np.asarray(a[:, columns], np.int64)).to(self.device) for a in (x, y))
            # Gradients are exchanged once an update, with its last part.
            with nullcontext() if size == 1 or part == last else self.objective.no_sync():
                with self._autocast():
                    summed, state = self.objective(ids, targets, state)
                # The sum over the part's symbols by the count of all: a mean of means would weigh parts, not symbols.
                # The exchange takes the mean over the processes, where their sum is wanted.
                (summed * size / count).backward()
            loss += summed.item() / count
            self.states[part] = tuple(s.detach() for s in state)
        return self.world.sum(loss)[0]

    def _initial_states(self) -> list[State]:
        """One carried state for each part of this process's streams."""
        return [self.model.initial_state(self._width) for _ in range(self.config.accumulate)]

    @torch.no_grad()
    def _average(self) -> None:
        # The first steps' average would be the initial weights for long: the decay grows to its value.
        decay = min(self.config.average, (1 + self.done) / (10 + self.done))
        for mean, value in zip(self.averaged.parameters(), self.model.parameters(), strict=True):
            mean.lerp_(value, 1 - decay)

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.config.precision == "bfloat16")

    def _check_precision(self) -> None:
        ids = torch.zeros(1, 1, dtype=torch.long, device=self.device)
        try:
            with self._randomness(), self._autocast():
                self.model.loss(ids, ids, self.model.initial_state(1))[0].backward()
        except RuntimeError as error:
            raise TrainingError(
                f"precision must be one in which the model runs here, got {self.config.precision!r}: PyTorch says "
                f'"{str(error).splitlines()[0]}". Train in float32.'
            ) from error
        finally:
            self.model.zero_grad(set_to_none=True)

    @contextmanager
    def _randomness(self) -> Iterator[None]:
        key = np.random.SeedSequence([self.config.seed, self.done, self.world.rank])
        seed, on_gpu = int(key.generate_state(1, np.uint64)[0] >> 1), self.device.type == "cuda"
        with torch.random.fork_rng([self.device] if on_gpu else []):
            torch.default_generator.manual_seed(seed)
            if on_gpu:
                with torch.cuda.device(self.device):
                    torch.cuda.manual_seed(seed)
            yield

    @contextmanager
    def _determinism(self) -> Iterator[None]:
        before, warns = (
            torch.are_deterministic_algorithms_enabled(),
            torch.is_deterministic_algorithms_warn_only_enabled(),
        )
        torch.use_deterministic_algorithms(before or self.config.deterministic, warn_only=warns and before)
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(before, warn_only=warns)


class _Objective(nn.Module):
    """A model's loss as a module's forward pass, which is what the exchange of gradients is hooked to."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: Tensor, targets: Tensor, state: Any) -> tuple[Tensor, Any]:
        return self.model.loss(ids, targets, state)
