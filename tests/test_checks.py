"""Argument checks: what they accept, and that their messages name argument, expected and received."""

import numpy as np
import pytest

from rnncourse._checks import (
    check_array,
    check_choice,
    check_dtype,
    check_ids,
    check_number,
    check_rng,
    check_sizes,
    noted,
)


def test_a_fitting_array_is_returned_itself():
    a = np.zeros((2, 3))
    assert check_array("a", a, (2, "N"), like=np.ones(1)) is a
    ids = np.array([[0, 4]])
    assert check_ids("ids", ids, ("T", "B"), 5) is ids
    empty = np.zeros((0,), int)
    assert check_ids("ids", empty, ("N",), 5) is empty


@pytest.mark.parametrize(
    "value, error, message",
    [
        ([1.0], TypeError, r"a must be a numpy.ndarray of shape \(3,\), got list"),
        (np.ones(3, int), TypeError, "a must be of a floating-point dtype, got int64"),
        (np.ones(3, complex), TypeError, "got complex128"),
        (np.ones(3, np.float32), TypeError, "a must have dtype float64 like the other arrays, got float32"),
        (np.ones(2), ValueError, r"a must have shape \(3,\), got \(2,\)"),
        (np.ones((3, 1)), ValueError, r"a must have shape \(3,\), got \(3, 1\)"),
        (np.array([0, np.nan, 1]), ValueError, r"a must be finite, got nan at index \(1,\)"),
        (np.array([0, 1, -np.inf]), ValueError, r"a must be finite, got -inf at index \(2,\)"),
    ],
)
def test_arrays(value, error, message):
    with pytest.raises(error, match=message):
        check_array("a", value, (3,), like=np.ones(1))


@pytest.mark.parametrize(
    "value, error, message",
    [
        (3, TypeError, "ids must be an integer numpy.ndarray of shape .N,., got int"),
        (np.ones(2), TypeError, "got dtype float64"),
        (np.ones(2, bool), TypeError, "got dtype bool"),
        (np.ones((2, 1), int), ValueError, r"ids must have shape \(N,\), got \(2, 1\)"),
        (np.array([0, 5]), ValueError, "ids must lie in 0 … 4, got 5"),
        (np.array([0, -1]), ValueError, "ids must lie in 0 … 4, got -1"),
    ],
)
def test_ids(value, error, message):
    with pytest.raises(error, match=message):
        check_ids("ids", value, ("N",), 5)


@pytest.mark.parametrize(
    "value, bounds, error, message",
    [
        ("1", {}, TypeError, "n must be a number, got '1'"),
        (True, {}, TypeError, "n must be a number, got True"),
        (1.0, {"integer": True}, TypeError, "n must be an integer, got 1.0"),
        (0, {"above": 0}, ValueError, "n must be above 0, got 0"),
        (-1, {"at_least": 0}, ValueError, "n must be at least 0, got -1"),
        (1, {"at_least": 0, "below": 1}, ValueError, "n must be at least 0 and below 1, got 1"),
        (float("nan"), {}, ValueError, "n must be finite, got nan"),
        (float("inf"), {"at_least": 0}, ValueError, "n must be at least 0, got inf"),
    ],
)
def test_numbers(value, bounds, error, message):
    with pytest.raises(error, match=message):
        check_number("n", value, **bounds)


def test_numbers_that_fit_are_returned():
    assert check_number("n", np.int64(3), at_least=3, integer=True) == 3
    assert check_number("n", 0.5, above=0, below=1) == 0.5


def test_choices():
    assert check_choice("mode", "a", ("a", "b")) == "a"
    with pytest.raises(ValueError, match="mode must be one of 'a', 'b', got 'c'"):
        check_choice("mode", "c", ("a", "b"))


def test_leading_axes_may_be_any():
    for shape in ((3,), (2, 3), (0, 2, 3)):
        check_array("a", np.ones(shape), (..., 3))
        check_array("a", np.ones(shape), (...,))
    check_array("a", np.array(1.0), (...,))
    for shape in ((), (3, 2)):
        with pytest.raises(ValueError, match=r"a must have shape \(…, 3\), got \("):
            check_array("a", np.ones(shape), (..., 3))
    with pytest.raises(ValueError, match=r"a must have shape \(…, T, 3\), got \(3,\)"):
        check_array("a", np.ones(3), (..., "T", 3))
    with pytest.raises(TypeError, match=r"a must be a numpy.ndarray of shape \(…\), got list"):
        check_array("a", [], (...,))


def test_a_choice_is_of_the_choices_kind():
    assert check_choice("flag", np.True_, (True, False))
    for value in (1, 0.0, "no", None, [True], np.ones(2)):
        with pytest.raises(ValueError, match="flag must be one of True, False, got"):
            check_choice("flag", value, (True, False))


def test_dtypes():
    for dtype in (np.float32, np.dtype("float64"), "float32", float):
        assert check_dtype(dtype) == np.dtype(dtype)
    for dtype, got in {None: "None", "unknown": "'unknown'", np.int64: "int64", np.float16: "float16"}.items():
        with pytest.raises(TypeError, match=f"dtype must be float32 or float64, got {got}"):
            check_dtype(dtype)


def test_generators():
    rng = np.random.default_rng(0)
    assert check_rng(rng) is rng
    for value in (0, None, np.random, np.random.RandomState(0)):
        with pytest.raises(TypeError, match=r"rng must be a numpy.random.Generator, such as"):
            check_rng(value)


def test_sizes():
    assert check_sizes("shape", (2, 0)) == (2, 0)
    assert check_sizes("shape", ()) == ()
    for value, error, message in [
        ([2, 3], TypeError, r"shape must be a tuple of sizes, got \[2, 3\]"),
        (3, TypeError, "shape must be a tuple of sizes, got 3"),
        ((2,), ValueError, r"shape must have 2 sizes, got \(2,\)"),
        ((2, -1), ValueError, r"shape\[1\] must be at least 0, got -1"),
        ((2.0, 1), TypeError, r"shape\[0\] must be an integer, got 2.0"),
    ]:
        with pytest.raises(error, match=message):
            check_sizes("shape", value, axes=2)


def test_an_error_is_noted_and_another_left_alone():
    with pytest.raises(ValueError) as caught, noted("in layer 1"):
        raise ValueError
    assert caught.value.__notes__ == ["in layer 1"]
    with pytest.raises(KeyError) as caught, noted("in layer 1"):
        raise KeyError
    assert not hasattr(caught.value, "__notes__")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_ids_are_looked_at_unless_their_dtype_excludes_wrong_ones(dtype):
    most = np.iinfo(dtype).max
    ids = np.array([0, most], dtype)
    assert check_ids("ids", ids, ("N",), most + 1) is ids
    with pytest.raises(ValueError, match=f"ids must lie in 0 … {most - 1}, got {most}"):
        check_ids("ids", ids, ("N",), most)
