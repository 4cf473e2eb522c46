"""Every exercise accepts its solution and explains its wrong answers; the machinery reads any answer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnncourse import exercises
from rnncourse.exercises import Exercise, NotYet, call, choice, close, same_function

CHAPTERS = sorted({path.name[:2] for path in (Path(__file__).parent.parent / "chapters").glob("[0-9][0-9]-*.ipynb")})
IDS = exercises.known_ids()
READERS = ["book", *(f"reader {number}" for number in range(19))]


def _broken(*_: Any) -> None:
    raise RuntimeError("broken on purpose")


ODD_ANSWERS = {
    "ellipsis": ...,
    "none": None,
    "nan": float("nan"),
    "infinity": np.array([np.inf, 1.0]),
    "complex": 1j,
    "bool": True,
    "text": "about a half",
    "empty text": "",
    "empty list": [],
    "ragged": [[1.0], [1.0, 2.0]],
    "dict": {},
    "tuple": (1.0, 2.0, 3.0),
    "shape": np.full((2, 3, 5, 7), 0.5),
    "object": object(),
    "broken function": _broken,
    "function of nothing": lambda: 1.0,
    "function of anything": lambda *_: np.ones((2, 3, 5)),
    "function to none": lambda *_: None,
    "function to nan": lambda *_: float("nan"),
    "function to text": lambda *_: "h",
}


def test_there_are_exercises_for_each_chapter() -> None:
    assert CHAPTERS, "no chapters/NN-*.ipynb"
    for number in CHAPTERS:
        count = sum(name.startswith(f"{number}-") for name in IDS)
        assert 3 <= count <= 6, f"chapter {number} has {count} exercises, 3 to 6 are wanted"


@pytest.mark.parametrize("name", IDS)
@pytest.mark.parametrize("reader", READERS)
def test_solution_is_right(name: str, reader: str) -> None:
    solution = exercises.find(name).solution(**exercises.given(name, reader_name=reader))
    verdict = exercises.check(name, solution, reader_name=reader)
    assert verdict.right, verdict


@pytest.mark.parametrize("name", IDS)
@pytest.mark.parametrize("reader", READERS)
def test_wrong_answers_are_explained(name: str, reader: str) -> None:
    item = exercises.find(name)
    given = exercises.given(name, reader_name=reader)
    feedbacks = {}
    for mistake, wrong in item.wrong.items():
        verdict = exercises.check(name, wrong(**given), reader_name=reader)
        assert not verdict.right, f"{mistake} is accepted"
        assert not verdict.generic, f"{mistake} is rejected without an explanation: {verdict}"
        assert not verdict.unexpected, f"{mistake}: {verdict}"
        assert not _gives_away(verdict.feedback, item.solution(**given)), f"{mistake}: {verdict}"
        feedbacks[mistake] = verdict.feedback
    assert len(set(feedbacks.values())) > 1, "all mistakes get the same feedback"


@pytest.mark.parametrize("name", IDS)
@pytest.mark.parametrize("odd", ODD_ANSWERS)
def test_odd_answers_get_feedback(name: str, odd: str) -> None:
    verdict = exercises.check(name, ODD_ANSWERS[odd])
    assert not verdict.unexpected, verdict
    assert not verdict.right
    assert str(verdict).startswith(f"{name}: not ")


@pytest.mark.parametrize("name", IDS)
def test_numbers_differ_between_readers_and_repeat_for_one(name: str) -> None:
    drawn = {reader: repr(exercises.given(name, reader_name=reader)) for reader in READERS}
    assert drawn == {reader: repr(exercises.given(name, reader_name=reader)) for reader in READERS}
    assert len(set(drawn.values())) >= 4


def _numbers(value: Any) -> Iterator[float]:
    if isinstance(value, dict):
        value = tuple(value.values())
    if isinstance(value, tuple | list):
        for part in value:
            yield from _numbers(part)
    elif not callable(value) and not isinstance(value, str):
        yield from np.asarray(value, dtype=float).ravel().tolist()


def _gives_away(feedback: str, solution: Any) -> bool:
    """Whether a number of the solution, to three digits or more, is in the feedback."""
    texts = [text for text in re.findall(r"\d+\.?\d*(?:e-?\d+)?", feedback) if len(re.sub(r"\D", "", text)) >= 3]
    return any(
        abs(float(text) - abs(number)) <= 5e-3 * abs(number)
        for text in texts
        for number in _numbers(solution)
        if number
    )


def test_gives_away() -> None:
    assert _gives_away("It is 0.848.", 0.8483)
    assert _gives_away("It is 0.848.", {"w": np.array([1.0, -0.8483])})
    assert not _gives_away("It is 2 times too large, at index (0, 1).", 2.0)
    assert not _gives_away("It is 0.5.", "grows")


# The machinery.

WANT = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.5], [7.0, 8.0, 0.3]])


def _feedback(answer: Any, want: Any = WANT, **options: Any) -> NotYet:
    with pytest.raises(NotYet) as caught:
        close(answer, want, **options)
    return caught.value


@pytest.mark.parametrize(
    ("answer", "phrase"),
    [
        (WANT.T, "transposed"),
        (-WANT, "sign"),
        (2 * WANT, "2 times too large"),
        (WANT / 2, "2 times too small"),
        (5 * WANT, "T times too large"),
        (WANT / np.log(2), "bits"),
        (WANT * np.log(2), "in nats"),
        (np.exp(WANT), "exponential"),
        (np.log(WANT), "logarithm"),
        (WANT[::-1], "backwards"),
        (np.concatenate([WANT[:1], WANT[:-1]]), "late"),
        (np.concatenate([WANT[1:], WANT[:1]]), "early"),
        (1.7 * WANT, "one factor"),
        (WANT[0], "shape (3,)"),
        ("1.0", "text"),
        (lambda: 1, "function"),
        (np.where(WANT == 4.0, np.nan, WANT), "NaN"),
        (np.where(WANT == 4.0, np.inf, WANT), "infinite"),
        (1j * WANT, "real"),
        ([[1.0], [2.0, 3.0]], "list"),
        (WANT + 100, "0 of 9 entries"),
    ],
)
def test_close_names_the_mistake(answer: Any, phrase: str) -> None:
    feedback = _feedback(answer, scales={"T": 5.0})
    assert phrase in str(feedback)
    assert feedback.generic is ("entries" in phrase)


def test_close_accepts_what_is_right() -> None:
    close(WANT, WANT)
    close(WANT.tolist(), WANT)
    close("1".__len__(), 1.0)
    close(np.array([0.0589]), 0.058934)
    close({"w": WANT, "extra": 0}, {"w": WANT})
    close([1.0, WANT], (1.0, WANT))
    close(np.array([0.7476, 0.2049]), (0.74761, 0.20489))


def test_close_prefers_hints_that_differ_from_the_solution() -> None:
    hints = {"The state is missing.": WANT + 1, "Never.": WANT}
    assert str(_feedback(WANT + 1, hints=hints)) == "The state is missing."
    assert str(_feedback(WANT[0], hints={"Summed.": WANT[0]})) == "Summed."
    assert "too large" in str(_feedback(3.3, 3.0)) and _feedback(3.3, 3.0).generic
    assert "too small" in str(_feedback(2.9, 3.0))


def test_close_asks_for_more_digits() -> None:
    for answer, want in ((0.85, 0.8483), (np.round(WANT / 7, 2), WANT / 7), (131_000, 130_625)):
        feedback = _feedback(answer, want)
        assert "Nearly" in str(feedback) and "four significant digits" in str(feedback) and feedback.generic
        assert not _gives_away(str(feedback), want)
    assert "Nearly: value 2 of the answer" in str(_feedback((1.0, 2.01), (1.0, 2.0)))
    assert "Nearly" not in str(_feedback(0.83, 0.8483))
    assert "Nearly" not in str(_feedback(130_624, 130_625, rtol=0, atol=0.5))
    assert "sign" in str(_feedback(-0.001, 0.001))


def test_close_compares_parts() -> None:
    want = {"weight": WANT, "bias": np.ones(3)}
    assert "lacks the key bias" in str(_feedback({"weight": WANT}, want))
    assert "must be a dict" in str(_feedback(WANT, want))
    assert 'Entry "bias" of the answer is 2 times too large' in str(_feedback({**want, "bias": 2 * np.ones(3)}, want))
    assert str(_feedback({**want, "bias": np.zeros(3)}, want, hints={"No bias.": {**want, "bias": np.zeros(3)}})) == (
        "No bias."
    )
    assert "2 values" in str(_feedback((1.0,), (1.0, 2.0)))
    for answer in (np.array([1.0]), np.array(1.0), np.array([1.0, 2.0, 3.0]), 1.0):
        assert "2 values" in str(_feedback(answer, (1.0, 2.0)))
    assert "NaN" in str(_feedback(np.array([1.0, np.nan]), (1.0, 2.0)))
    assert "Value 2 of the answer has the wrong sign" in str(_feedback(np.array([1.0, -2.0]), (1.0, 2.0)))
    assert "Value 2 of the answer has the wrong sign" in str(_feedback((1.0, -2.0), (1.0, 2.0)))


def test_close_reads_tensors() -> None:
    torch = pytest.importorskip("torch")
    close(torch.tensor([0.7476, 0.2049], requires_grad=True), (0.74761, 0.20489))
    assert "2 values" in str(_feedback(torch.tensor(1.0), (1.0, 2.0)))


def test_choice() -> None:
    options = ("grows", "shrinks", "stays")
    choice(" Grows", "grows", options=options)
    for answer, phrase in ((1.0, "text in quotes"), ("bursts", "one of"), ("shrinks", "no"), ("stays", "another")):
        with pytest.raises(NotYet, match=phrase):
            choice(answer, "grows", options=options, hints={"shrinks": "no: look again"})


def test_call_and_same_function() -> None:
    def spoil(x: np.ndarray) -> np.ndarray:
        x *= 0
        return x

    argument = np.ones(3)
    with pytest.raises(NotYet, match="changes what it is given"):
        same_function(spoil, lambda x: np.zeros(3), [(argument,)])
    assert argument.all()
    for function, phrase in (
        (3.0, "must be a function"),
        (_broken, "RuntimeError: broken on purpose"),
        (lambda x: None, "return"),
        (lambda: 1, "TypeError"),
        (lambda x: -x, "What your function returns has the wrong sign"),
        (lambda x: x + 1, "one more"),
    ):
        with pytest.raises(NotYet, match=phrase):
            same_function(
                function, lambda x: x, [(argument,), (2 * argument,)], hints={"That is one more.": lambda x: x + 1}
            )

    def unwritten(x: float) -> float:
        raise NotImplementedError

    with pytest.raises(NotYet, match="not written yet"):
        call(unwritten, 1.0)


def _exercise(**changes: Any) -> Exercise:
    parts = {
        "id": "99-1",
        "given": lambda rng: {"a": float(rng.integers(3, 10**6)), "x": rng.normal(size=3).round(2)},
        "solution": lambda a, x: a,
        "check": lambda answer, a, x: close(answer, a, hints={"Twice?": 4 * a}),
        "wrong": {"sign": lambda a, x: -a, "twice": lambda a, x: 2 * a, "four": lambda a, x: 4 * a},
    }
    return Exercise(**{**parts, **changes})


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> Exercise:
    import sys
    import types

    module = types.ModuleType("rnncourse.exercises.chapter99")
    module.EXERCISES = (_exercise(),)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module.EXERCISES[0]


def test_check_and_given(registered: Exercise, monkeypatch: pytest.MonkeyPatch) -> None:
    given = exercises.given("99-1")
    assert list(given.keys()) == ["a", "x"]
    assert dict(**given)["a"] == given.a
    assert repr(given).startswith("a = ") and "\nx = [" in repr(given)
    with pytest.raises(AttributeError, match="gives a, x"):
        _ = given.b
    right = exercises.check("99-1", given.a)
    assert right and str(right) == "99-1: right."
    wrong = exercises.check("99-1", -given.a)
    assert not wrong and str(wrong) == "99-1: not yet. The answer has the wrong sign."
    assert str(exercises.check("99-1", ...)) == "99-1: not answered yet: replace the … by your answer."
    assert "forget its return" in exercises.check("99-1", None).feedback
    monkeypatch.setenv("RNNCOURSE_READER", "somebody else")
    assert exercises.given("99-1").a != given.a
    monkeypatch.delenv("RNNCOURSE_READER")
    assert exercises.given("99-1").a == exercises.given("99-1").a


def test_the_draw_is_the_same_on_every_machine(registered: Exercise) -> None:
    assert exercises.given("99-1", reader_name="book").a == 955409.0


def test_a_check_that_fails_itself_is_not_the_readers_problem(registered: Exercise) -> None:
    import sys

    sys.modules["rnncourse.exercises.chapter99"].EXERCISES = (_exercise(check=lambda answer, **given: 1 / 0),)
    verdict = exercises.check("99-1", 1.0)
    assert verdict.unexpected and "ZeroDivisionError" in verdict.feedback


def test_a_note_follows_right(registered: Exercise) -> None:
    import sys

    sys.modules["rnncourse.exercises.chapter99"].EXERCISES = (_exercise(check=lambda answer, **given: "Indeed."),)
    assert str(exercises.check("99-1", 1.0)) == "99-1: right. Indeed."


@pytest.mark.parametrize("name", ["77-1", "02", "", "02-1x", None, 2])
def test_unknown_exercise(name: Any) -> None:
    with pytest.raises(ValueError, match=r"exercise must be one of .*, got"):
        exercises.check(name, 1.0)


def test_an_exercise_is_well_formed() -> None:
    with pytest.raises(ValueError, match="id must look like"):
        _exercise(id="2-1")
    with pytest.raises(ValueError, match="at least three mistakes, got 1"):
        _exercise(wrong={"one": lambda **_: 0})


def test_a_module_with_foreign_ids_is_refused(registered: Exercise) -> None:
    import sys

    sys.modules["rnncourse.exercises.chapter99"].EXERCISES = (_exercise(id="98-1"),)
    with pytest.raises(ValueError, match="distinct ids 99-"):
        exercises.find("99-1")


def test_same_function_is_strict_and_copies_its_arguments():
    with pytest.raises(NotYet):
        same_function(lambda x: 1.001 * x, lambda x: x, [(np.arange(3.0),)])

    def spoil(x):
        total = x.sum()
        x *= 0
        return total

    for reference, hint in ((spoil, lambda x: 1.0), (lambda x: x.sum(), spoil)):
        argument = np.ones(3)
        same_function(lambda x: x.sum(), reference, [(argument,)], hints={"h": hint})
        assert argument.all()


def test_close_at_the_edges():
    want = np.arange(1.0, 10.0).reshape(3, 3)
    with pytest.raises(NotYet, match=r"the first wrong one is at index \(1, 0\)"):
        close(want + np.array([[0, 0, 0], [0.3, 0, 0], [0, 0, 0.7]]), want)
    for answer, expected, hints in ((1.02, 1.0, {"Never.": 1.0009}), (1e-4, 0.0, {})):
        with pytest.raises(NotYet) as caught:
            close(answer, expected, hints=hints)
        assert caught.value.generic


@pytest.mark.parametrize("name", IDS)
def test_no_reader_gets_numbers_with_which_a_mistake_is_right(name):
    item = exercises.find(name)
    for reader in range(60):
        given = item.draw(f"learner-{reader}")
        assert not any(item._accepts(wrong(**given), given) for wrong in item.wrong.values())


def test_a_function_that_changes_its_arguments_is_told():
    def in_place(arrays):
        for array in arrays.values():
            array *= 2
        return arrays

    with pytest.raises(NotYet, match="changes what it is given"):
        same_function(in_place, lambda arrays: {name: 2 * a for name, a in arrays.items()}, [({"w": np.ones(3)},)])
