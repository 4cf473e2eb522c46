"""Exercises whose numbers are drawn per reader and whose checks name the missing piece.

Each chapter's exercises live in ``rnncourse.exercises.chapterNN`` as a tuple ``EXERCISES`` of `Exercise`.
An exercise carries its own solution and several plausible wrong answers; the tests prove for many readers
that the check accepts the one and explains each of the others.

A check is a function ``check(answer, **given)``. It calls `close`, `choice` or `same_function`, which raise
`NotYet` with the feedback, and returns None or a sentence to add to "right.".
"""

from __future__ import annotations

import copy
import getpass
import hashlib
import importlib
import os
import pkgutil
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np

__all__ = [
    "Exercise",
    "Given",
    "NotYet",
    "Verdict",
    "as_array",
    "call",
    "check",
    "choice",
    "close",
    "find",
    "given",
    "known_ids",
    "reader",
    "same_function",
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
        return Given(self.given(np.random.default_rng(seed)))


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


def reader() -> str:
    """Who is reading: the environment variable RNNCOURSE_READER, else the name of the logged-in user."""
    name = os.environ.get("RNNCOURSE_READER")
    if name:
        return name
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "reader"


def known_ids() -> tuple[str, ...]:
    """Ids of all exercises in the package, in order."""
    ids: list[str] = []
    for module in pkgutil.iter_modules(__path__):
        if re.fullmatch(r"chapter\d\d", module.name):
            ids += _chapter(module.name.removeprefix("chapter"))
    return tuple(sorted(ids))


def find(exercise: str) -> Exercise:
    """Return an exercise by its id.

    Args:
        exercise: the id, such as "03-2".

    Raises:
        ValueError: no such exercise; the message lists the ids that exist.
    """
    chapter = re.fullmatch(r"(\d\d)-\d", exercise) if isinstance(exercise, str) else None
    found = _chapter(chapter.group(1)).get(exercise) if chapter else None
    if found is None:
        known = ", ".join(known_ids()) or "none"
        raise ValueError(f"exercise must be one of {known}, got {exercise!r}")
    return found


def given(exercise: str, *, reader_name: str | None = None) -> Given:
    """Return the numbers of an exercise, drawn for this reader.

    Args:
        exercise: the id, such as "03-2".
        reader_name: another reader than `reader()`.

    Raises:
        ValueError: no such exercise.
    """
    return find(exercise).draw(reader() if reader_name is None else reader_name)


def check(exercise: str, answer: Any, *, reader_name: str | None = None) -> Verdict:
    """Compare a reader's answer with the solution for that reader's numbers, and say what is missing.

    Args:
        exercise: the id, such as "03-2".
        answer: a number, an array, a string or a function, as the exercise asks; ``...`` means no answer yet.
        reader_name: another reader than `reader()`.

    Raises:
        ValueError: no such exercise. A wrong answer never raises.
    """
    item = find(exercise)
    if answer is ...:
        return Verdict(item.id, False, "not answered yet: replace the … by your answer.")
    if answer is None:
        return Verdict(item.id, False, "not yet. The answer is None: did a function forget its return?")
    try:
        note = item.check(answer, **item.draw(reader() if reader_name is None else reader_name))
    except NotYet as feedback:
        return Verdict(item.id, False, f"not yet. {feedback}", generic=feedback.generic)
    except Exception as error:
        text = f"not yet. The answer could not be read ({type(error).__name__}: {error})."
        return Verdict(item.id, False, text, unexpected=True)
    return Verdict(item.id, True, f"right. {note}" if note else "right.")


def as_array(answer: Any, name: str = "the answer") -> np.ndarray:
    """Return a reader's number or array (a list or a CPU tensor too) as finite numbers.

    Args:
        answer: what the reader gave.
        name: what to call it in the feedback.

    Raises:
        NotYet: not numbers, or not finite.
    """
    if isinstance(answer, str):
        raise NotYet(f"{_start(name)} is text; a number or an array is wanted.")
    if callable(answer):
        raise NotYet(f"{_start(name)} is a function; call it and give what it returns.")
    if hasattr(answer, "detach"):
        answer = answer.detach()
    try:
        value = np.asarray(answer)
        if value.dtype == bool or not np.issubdtype(value.dtype, np.number):
            raise TypeError
        if not np.issubdtype(value.dtype, np.complexfloating):
            value = value.astype(np.float64)
    except (TypeError, ValueError) as error:
        kind = type(answer).__name__
        raise NotYet(f"{_start(name)} must be numbers, and a {kind} cannot be read as such.") from error
    if np.iscomplexobj(value):
        raise NotYet(f"{_start(name)} must be real numbers.")
    if np.isnan(value).any():
        raise NotYet(f"{_start(name)} holds NaN: look for a 0/0, an overflow or a logarithm of 0.")
    if not np.isfinite(value).all():
        raise NotYet(f"{_start(name)} holds an infinite number: look for a division by 0 or an overflow.")
    return value


def close(
    answer: Any,
    expected: Any,
    *,
    rtol: float = 1e-3,
    atol: float = 6e-5,
    hints: Mapping[str, Any] | None = None,
    scales: Mapping[str, float] | None = None,
    name: str = "the answer",
) -> None:
    """Accept an answer that equals the expected value; otherwise raise the feedback that fits best.

    First the hints are compared, then the common mistakes: shape, transposed, sign, a factor (2, one of
    `scales`, nats against bits), an exponential too many, time reversed or shifted. Give `expected` as a
    dict or a tuple where the answer is one; then each part is compared.

    Args:
        answer: what the reader gave.
        expected: the right number, array, or dict or tuple of them.
        rtol: relative tolerance.
        atol: absolute tolerance. By default four decimals are enough.
        hints: feedback and the wrong value that calls for it. Values within tolerance of `expected` are
            ignored.
        scales: names of factors that are easily forgotten and their values, such as ``{"T": 5}``.
        name: what to call the answer in the feedback.

    Raises:
        NotYet: the answer is not right.
    """
    if isinstance(expected, Mapping | tuple):
        _close_parts(answer, expected, rtol=rtol, atol=atol, hints=hints or {}, scales=scales, name=name)
        return
    value, want = as_array(answer, name), np.asarray(expected, dtype=np.float64)

    def same(a: np.ndarray, b: Any) -> bool:
        b = np.asarray(b, dtype=np.float64)
        return a.shape == b.shape and bool(np.allclose(a, b, rtol=rtol, atol=atol))

    if same(value, want):
        return
    if value.shape != want.shape and value.size == want.size == 1:
        close(value.reshape(want.shape), want, rtol=rtol, atol=atol, hints=hints, scales=scales, name=name)
        return
    for feedback, wrong in (hints or {}).items():
        if same(value, wrong) and not same(np.asarray(wrong, dtype=np.float64), want):
            raise NotYet(feedback)
    if value.shape != want.shape:
        if value.ndim == want.ndim == 2 and same(value.T, want):
            raise NotYet(f"{_start(name)} is transposed: it has shape {value.shape}, wanted is {want.shape}.")
        raise NotYet(f"{_start(name)} has shape {value.shape}, wanted is {want.shape}.")
    _diagnose(value, want, same, scales or {}, name)
    wrong_at = np.argwhere(~np.isclose(value, want, rtol=rtol, atol=atol))
    if value.size == 1:
        side = "large" if value.item() > want.item() else "small"
        raise NotYet(f"{_start(name)} is too {side}.", generic=True)
    first = tuple(int(i) for i in wrong_at[0])
    raise NotYet(
        f"{_start(name)}: {value.size - len(wrong_at)} of {value.size} entries are right; "
        f"the first wrong one is at index {first if len(first) > 1 else first[0]}.",
        generic=True,
    )


def choice(answer: Any, expected: str, *, options: Sequence[str], hints: Mapping[str, str] | None = None) -> None:
    """Accept the one right word out of several.

    Args:
        answer: what the reader gave; case and surrounding space do not matter.
        expected: the right option.
        options: all options, for the feedback.
        hints: feedback by wrong option.

    Raises:
        NotYet: another option, or none of them.
    """
    listed = ", ".join(f'"{option}"' for option in options)
    if not isinstance(answer, str):
        raise NotYet(f"The answer must be one of {listed}, as text in quotes.")
    word = answer.strip().lower()
    if word not in [option.lower() for option in options]:
        raise NotYet(f"The answer must be one of {listed}.")
    if word != expected.lower():
        for option, feedback in (hints or {}).items():
            if option.lower() == word:
                raise NotYet(feedback)
        raise NotYet("That is another of the options.", generic=True)


def call(function: Any, *arguments: Any, name: str = "your function") -> Any:
    """Call a reader's function on copies of the arguments and return what it returns.

    Args:
        function: what the reader gave.
        arguments: what to call it with.
        name: what to call it in the feedback.

    Raises:
        NotYet: not a function; it raised an exception, whose text is passed on; it returned None or ``...``.
    """
    if not callable(function):
        raise NotYet(f"The answer must be a function, without calling it, and not a {type(function).__name__}.")
    try:
        result = function(*copy.deepcopy(arguments))
    except NotImplementedError as error:
        raise NotYet(f"{_start(name)} is not written yet.") from error
    except Exception as error:
        raise NotYet(f"{_start(name)} raised {type(error).__name__}: {error}") from error
    if result is None or result is ...:
        raise NotYet(f"{_start(name)} returned {result}: does it end in a return statement?")
    return result


def same_function(
    answer: Any,
    reference: Callable[..., Any],
    cases: Iterable[Sequence[Any]],
    *,
    hints: Mapping[str, Callable[..., Any]] | None = None,
    rtol: float = 1e-5,
    atol: float = 1e-8,
    scales: Mapping[str, float] | None = None,
) -> None:
    """Accept a function that returns what the reference returns, on every case.

    Args:
        answer: the reader's function.
        reference: the right one.
        cases: argument lists to try.
        hints: feedback and the wrong function that calls for it.
        rtol: relative tolerance.
        atol: absolute tolerance.
        scales: as in `close`.

    Raises:
        NotYet: not a function, it failed, or it returned something else.
    """
    for arguments in cases:
        wrong = {text: function(*copy.deepcopy(arguments)) for text, function in (hints or {}).items()}
        close(
            call(answer, *arguments),
            reference(*copy.deepcopy(arguments)),
            rtol=rtol,
            atol=atol,
            hints=wrong,
            scales=scales,
            name="what your function returns",
        )


def _chapter(number: str) -> dict[str, Exercise]:
    module_name = f"{__name__}.chapter{number}"
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name != module_name:
            raise
        return {}
    items = {item.id: item for item in module.EXERCISES}
    if len(items) != len(module.EXERCISES) or not all(id_.startswith(f"{number}-") for id_ in items):
        raise ValueError(f"{module_name}.EXERCISES must have distinct ids {number}-…, got {list(items)}")
    return items


def _start(name: str) -> str:
    return name[0].upper() + name[1:]


def _close_parts(answer: Any, expected: Any, *, hints: Mapping[str, Any], name: str, **options: Any) -> None:
    if isinstance(expected, Mapping):
        if not isinstance(answer, Mapping):
            raise NotYet(f"{_start(name)} must be a dict with the keys {', '.join(map(str, expected))}.")
        missing = [str(key) for key in expected if key not in answer]
        if missing:
            raise NotYet(f"{_start(name)} lacks the key {missing[0]}.")
        keys: Iterable[Any] = expected
    else:
        if not isinstance(answer, tuple | list) or len(answer) != len(expected):
            raise NotYet(f"{_start(name)} must be {len(expected)} values, separated by commas.")
        keys = range(len(expected))
    for feedback, wrong in hints.items():
        if _equal(answer, wrong, keys, options) and not _equal(expected, wrong, keys, options):
            raise NotYet(feedback)
    for key in keys:
        part = f"{key} in {name}" if isinstance(expected, Mapping) else f"value {key + 1} of {name}"
        close(answer[key], expected[key], name=part, **options)


def _equal(answer: Any, other: Any, keys: Iterable[Any], options: Mapping[str, Any]) -> bool:
    try:
        for key in keys:
            close(answer[key], other[key], rtol=options["rtol"], atol=options["atol"])
    except NotYet:
        return False
    return True


def _diagnose(
    value: np.ndarray,
    want: np.ndarray,
    same: Callable[[np.ndarray, Any], bool],
    scales: Mapping[str, float],
    name: str,
) -> None:
    """Raise the feedback for a common mistake, if `value` shows one."""
    start = _start(name)
    if want.ndim == 2 and want.shape[0] == want.shape[1] and same(value.T, want):
        raise NotYet(f"{start} is transposed.")
    if not want.any():
        return
    if same(-value, want):
        raise NotYet(f"{start} has the wrong sign.")
    factors = {"2": 2.0, **{label: float(factor) for label, factor in scales.items()}}
    for label, factor in factors.items():
        if same(value / factor, want):
            raise NotYet(f"{start} is {label} times too large.")
        if factor and same(value * factor, want):
            raise NotYet(f"{start} is {label} times too small.")
    if same(value * np.log(2), want):
        raise NotYet(f"{start} is in bits; nats are wanted.")
    if same(value / np.log(2), want):
        raise NotYet(f"{start} is in nats; bits are wanted.")
    with np.errstate(all="ignore"):
        if same(np.log(np.abs(value)), want) and (value > 0).all():
            raise NotYet(f"{start} is the exponential of what is wanted.")
        if same(np.exp(np.minimum(value, 700)), want):
            raise NotYet(f"{start} is the logarithm of what is wanted.")
    if want.size < 3:
        return
    if same(value[::-1], want):
        raise NotYet(f"{start} runs backwards: its first axis is reversed.")
    if len(want) > 2 and same(value[1:], want[:-1]):
        raise NotYet(f"{start} is one step late along its first axis.")
    if len(want) > 2 and same(value[:-1], want[1:]):
        raise NotYet(f"{start} is one step early along its first axis.")
    ratio = float((value * want).sum() / (want * want).sum())
    if ratio and same(value / ratio, want):
        raise NotYet(f"{start} is right up to one factor that all entries share: what are they divided by?")
