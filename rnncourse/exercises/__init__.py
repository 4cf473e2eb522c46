"""Exercises whose numbers are drawn per reader and whose checks name the missing piece.

Each chapter's exercises live in ``rnncourse.exercises.chapterNN`` as a tuple ``EXERCISES`` of `Exercise`.
An exercise carries its own solution and several plausible wrong answers; the tests prove for many readers
that the check accepts the one and explains each of the others.

A check is a function ``check(answer, **given)``. It calls `close`, `choice` or `same_function`, which raise
`NotYet` with the feedback, and returns None or a sentence to add to "right.".
"""

from __future__ import annotations

import getpass
import importlib
import os
import pkgutil
import re
from typing import Any

from rnncourse.exercises.compare import as_array, call, choice, close, same_function
from rnncourse.exercises.exercise import Exercise, Given, NotYet, Verdict

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
