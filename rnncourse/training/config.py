"""How to train: every number that decides the result."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from .._checks import check_choice, check_number
from .schedule import SCHEDULES, schedule_factor

__all__ = ["PRECISIONS", "TrainingConfig"]

PRECISIONS = ("float32", "bfloat16")


@dataclass(frozen=True)
class TrainingConfig:
    """Truncated backpropagation with AdamW.

    Attributes:
        steps: how many updates.
        T: steps a window: how far back gradients reach.
        B: streams side by side, on all processes together.
        learning_rate: the largest.
        schedule: how it falls after the warm-up: "cosine", "linear", "exponential" or "constant", as in
            `schedule_factor`.
        warmup: the share of the steps that warm up, in [0, 1).
        weight_decay: AdamW's, on matrices alone.
        max_norm: gradients are scaled down to this norm. None: not at all.
        average: decay a step of an exponential average of the weights, in [0, 1), which is then what is evaluated and
            kept. 0: none.
        accumulate: in how many parts, of equally many streams, each process computes a step's gradient; it changes
            memory and speed, and without dropout not the result.
        precision: "float32", or "bfloat16" for matrix products in autocast.
        deterministic: refuse what PyTorch cannot repeat bit for bit on a GPU; a processor repeats everything.
        evaluations: how many times the validation loss is measured, evenly spread, the last time at the end.
        patience: stop after so many evaluations without a better loss. None: go on to the end.
        seed: of the initial weights and of dropout.

    Raises:
        TypeError: an attribute of another type.
        ValueError: an attribute out of range; B that `accumulate` does not divide; more evaluations than steps.

    Source: Loshchilov and Hutter (2017, 2019); chapter 16.
    """

    steps: int
    T: int = 32
    B: int = 16
    learning_rate: float = 1e-2
    schedule: str = "cosine"
    warmup: float = 0.1
    weight_decay: float = 0.0
    max_norm: float | None = 1.0
    average: float = 0.0
    accumulate: int = 1
    precision: str = "float32"
    deterministic: bool = False
    evaluations: int = 5
    patience: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("steps", "T", "B", "accumulate", "evaluations"):
            check_number(name, getattr(self, name), at_least=1, integer=True)
        check_number("learning_rate", self.learning_rate, above=0)
        check_number("warmup", self.warmup, at_least=0, below=1)
        check_number("weight_decay", self.weight_decay, at_least=0)
        check_number("average", self.average, at_least=0, below=1)
        check_number("seed", self.seed, at_least=0, integer=True)
        check_choice("precision", self.precision, PRECISIONS)
        check_choice("schedule", self.schedule, tuple(SCHEDULES))
        check_choice("deterministic", self.deterministic, (True, False))
        if self.max_norm is not None:
            check_number("max_norm", self.max_norm, above=0)
        if self.patience is not None:
            check_number("patience", self.patience, at_least=1, integer=True)
        if self.B % self.accumulate:
            raise ValueError(f"accumulate must divide B = {self.B}, got {self.accumulate}")
        if self.evaluations > self.steps:
            raise ValueError(f"evaluations must be at most steps = {self.steps}, got {self.evaluations}")

    def rate(self, step: int) -> float:
        """The learning rate of update number `step`, counted from 0."""
        warm = round(self.warmup * self.steps)
        return self.learning_rate * schedule_factor(self.schedule, step, self.steps, warm)

    def evaluates(self, done: int) -> bool:
        """Whether the validation loss is measured after `done` updates."""
        return done * self.evaluations // self.steps > (done - 1) * self.evaluations // self.steps

    def to_json(self) -> dict[str, Any]:
        """The attributes, for a checkpoint: `TrainingConfig(**config.to_json())` is the same."""
        return asdict(self)
