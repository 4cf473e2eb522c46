"""Comparing an answer with the solution, with a diagnosis of the common mistakes."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from rnncourse.exercises.exercise import NotYet

__all__ = [
    "as_array",
    "call",
    "choice",
    "close",
    "same_function",
]


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
        if not np.issubdtype(value.dtype, np.number):
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
    `scales`, nats against bits), an exponential too many, time reversed or shifted. What misses by less than a
    hundredth is told to give more digits, unless `rtol` asks for more than four of them. Give `expected` as a
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
    if rtol >= 1e-3 and np.allclose(value, want, rtol=0, atol=0.01 * np.abs(want).max()):
        raise NotYet(f"Nearly: {name} is within a hundredth. Give four significant digits.", generic=True)
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
        NotYet: not a function; it raised an exception, whose text is passed on; it returned None or ``...``; it
            changed its arguments.
    """
    if not callable(function):
        raise NotYet(f"The answer must be a function, without calling it, and not a {type(function).__name__}.")
    handed = copy.deepcopy(arguments)
    try:
        result = function(*handed)
    except NotImplementedError as error:
        raise NotYet(f"{_start(name)} is not written yet.") from error
    except Exception as error:
        raise NotYet(f"{_start(name)} raised {type(error).__name__}: {error}") from error
    if result is None or result is ...:
        raise NotYet(f"{_start(name)} returned {result}: does it end in a return statement?")
    if not _unchanged(handed, arguments):
        raise NotYet(f"{_start(name)} changes what it is given: work on a copy, or compute new arrays.")
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


def _unchanged(value: Any, kept: Any) -> bool:
    """Whether no array in `value`, in dicts and sequences too, differs from its copy."""
    if isinstance(kept, np.ndarray):
        return np.array_equal(value, kept, equal_nan=kept.dtype.kind == "f")
    if isinstance(kept, Mapping):
        return value.keys() == kept.keys() and all(_unchanged(value[key], kept[key]) for key in kept)
    if isinstance(kept, list | tuple):
        return len(value) == len(kept) and all(map(_unchanged, value, kept))
    return True


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
        if isinstance(answer, np.ndarray) or hasattr(answer, "detach"):
            answer = list(np.atleast_1d(as_array(answer, name)))
        if not isinstance(answer, tuple | list) or len(answer) != len(expected):
            raise NotYet(f"{_start(name)} must be {len(expected)} values, separated by commas.")
        keys = range(len(expected))
    for feedback, wrong in hints.items():
        if _equal(answer, wrong, keys, options) and not _equal(expected, wrong, keys, options):
            raise NotYet(feedback)
    for key in keys:
        part = f'entry "{key}" of {name}' if isinstance(expected, Mapping) else f"value {key + 1} of {name}"
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
