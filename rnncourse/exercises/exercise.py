"""What an exercise is, what a reader is given, and what a check finds."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np

__all__ = [
    "Exercise",
    "Given",
    "NotYet",
    "Verdict",
]


class NotYet(Exception):
    """Feedback to a reader whose answer is not right yet.

    Args:
        feedback: one or two sentences that name the missing piece and not the answer.
        generic: whether this is the fallback, which diagnoses nothing.
    """

    def __init__(self, feedback: str, *, generic: bool = False) -> None:
        super().__init__(feedback)
        self.generic = generic


@dataclass(frozen=True)
class Exercise:
    """One exercise with its solution, its check and the wrong answers that the check must explain.

    Attributes:
        id: chapter and number, such as "03-2".
        given: draws the reader's numbers from a `numpy.random.Generator`; a dict of names and values. Round
            the numbers, so that the reader can type them into a calculator.
        solution: computes the answer from the given numbers, ``solution(**given)``. Where a function is
            asked for, it returns that function.
        check: ``check(answer, **given)`` raises `NotYet`, or returns None or a sentence to print after
            "right.".
        wrong: at least three plausible mistakes, each a function like `solution`, by name.
    """

    id: str
    given: Callable[[np.random.Generator], Mapping[str, Any]]
    solution: Callable[..., Any]
    check: Callable[..., str | None]
    wrong: Mapping[str, Callable[..., Any]]

    def __post_init__(self) -> None:
        if not re.fullmatch(r"\d\d-[1-9]", self.id):
            raise ValueError(f'id must look like "03-2" (chapter, number), got {self.id!r}')
        if len(self.wrong) < 3:
            raise ValueError(f"{self.id}: wrong must hold at least three mistakes, got {len(self.wrong)}")

    def draw(self, reader: str) -> Given:
        """Draw the numbers of one reader: the same reader always gets the same.

        Args:
            reader: any text that identifies the reader.
        """
        seed = int.from_bytes(hashlib.sha256(f"{self.id}/{reader}".encode()).digest()[:8], "big")
        rng = np.random.default_rng(seed)
        for _ in range(100):  # with some numbers a mistake leads to the right answer: draw again
            given = Given(self.given(rng))
            if not any(self._accepts(wrong(**given), given) for wrong in self.wrong.values()):
                break
        return given

    def _accepts(self, answer: Any, given: Given) -> bool:
        try:
            self.check(answer, **given)
        except Exception:
            return False
        return True


class Given:
    """The numbers of an exercise as attributes: ``g = given("03-2"); g.w``. ``f(**g)`` works too.

    Args:
        values: names and values.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.__dict__.update(values)

    def keys(self) -> Iterable[str]:
        """Names of what is given."""
        return self.__dict__.keys()

    def __getitem__(self, name: str) -> Any:
        return self.__dict__[name]

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"this exercise gives {', '.join(self.__dict__)}; there is no {name!r}")

    def __repr__(self) -> str:
        lines = []
        for name, value in self.__dict__.items():
            head = f"{name} = "
            if isinstance(value, np.ndarray):
                text = np.array2string(value, precision=4, suppress_small=True, separator=", ", prefix=head)
            else:
                text = f"{value:.4g}" if isinstance(value, float) else repr(value)
            lines.append(head + text)
        return "\n".join(lines)


@dataclass(frozen=True)
class Verdict:
    """What `check` found: true in a condition when the answer is right; its text is the feedback.

    Attributes:
        id: the exercise.
        right: whether the answer is right.
        feedback: the sentences for the reader, without the id.
        generic: whether the feedback diagnoses nothing beyond "not equal".
        unexpected: whether the check itself failed on this answer, which the tests forbid.
    """

    id: str
    right: bool
    feedback: str
    generic: bool = field(default=False, repr=False)
    unexpected: bool = field(default=False, repr=False)

    def __bool__(self) -> bool:
        return self.right

    def __str__(self) -> str:
        return f"{self.id}: {self.feedback}"

    def _ipython_display_(self) -> None:
        # The feedback has been printed; as the last expression of a cell the verdict adds nothing to it.
        pass
