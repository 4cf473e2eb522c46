"""Argument checks: what they accept, and that their messages name argument, expected and received."""

import numpy as np
import pytest

from rnncourse._checks import check_array, check_choice, check_ids, check_number


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
