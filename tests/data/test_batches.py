"""Contiguous streams: nothing lost, nothing repeated, nothing made up."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnncourse.data import Batches, batches

steps, streams = st.integers(1, 9), st.integers(1, 7)


@st.composite
def cases(draw):
    T, B = draw(steps), draw(streams)
    return np.arange(draw(st.integers(T * B + 1, 20 * T * B))), T, B


@given(cases())
def test_windows_continue_each_stream(case):
    """Column b of all windows, end to end, is one piece of the text, and the next column goes on from there."""
    ids, T, B = case
    windows = batches(ids, T, B)
    x = np.concatenate([x for x, _ in windows])
    y = np.concatenate([y for _, y in windows])
    assert x.shape == y.shape == (windows.stream_length, B)
    np.testing.assert_array_equal(x.T.ravel(), np.arange(x.size))


@given(cases())
def test_targets_are_the_next_symbols(case):
    ids, T, B = case
    for x, y in batches(ids, T, B):
        np.testing.assert_array_equal(y, x + 1)  # ids count up: no wrapping round, no mixing of streams


@given(cases())
def test_only_the_remainder_is_lost(case):
    ids, T, B = case
    targets = np.concatenate([y.ravel() for _, y in batches(ids, T, B)])
    np.testing.assert_array_equal(np.sort(targets), np.arange(1, len(targets) + 1))
    assert 0 <= len(ids) - 1 - len(targets) < B


@given(cases())
def test_shapes_and_length(case):
    ids, T, B = case
    windows = list(batches(ids, T, B))
    assert len(windows) == len(batches(ids, T, B))
    assert all(x.shape == y.shape == (T, B) for x, y in windows[:-1])
    assert 1 <= len(windows[-1][0]) <= T
    assert len(windows[0][0]) == T


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint8])
def test_dtype_is_kept(dtype):
    x, y = batches(np.arange(20).astype(dtype), 3, 2)[0]
    assert x.dtype == y.dtype == dtype


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32])
def test_a_memory_map_gives_the_same_windows_and_is_not_copied(tmp_path, dtype):
    N, T, B = 4_000_003, 5, 3
    np.random.default_rng(0).integers(0, 200, N).astype(dtype).tofile(tmp_path / "ids")
    ids = np.memmap(tmp_path / "ids", dtype, "r")
    tracemalloc.start()
    windows = batches(ids, T, B)
    picked = [windows[k] for k in (0, len(windows) // 2, -1)]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100_000
    whole = batches(np.array(ids, np.int64), T, B)
    for (x, y), k in zip(picked, (0, len(windows) // 2, -1), strict=True):
        assert type(x) is type(y) is np.ndarray  # in memory, whatever happens to the file
        assert x.dtype == y.dtype == dtype
        assert x.flags.writeable
        np.testing.assert_array_equal(x, whole[k][0])
        np.testing.assert_array_equal(y, whole[k][1])


def test_one_step_one_stream():
    assert [(x.item(), y.item()) for x, y in batches(np.array([5, 7, 9]), 1, 1)] == [(5, 7), (7, 9)]


def test_windows_are_copies():
    ids = np.arange(20)
    windows = batches(ids, 3, 2)
    x, y = windows[0]
    x[:], y[:] = -1, -1
    np.testing.assert_array_equal(ids, np.arange(20))
    np.testing.assert_array_equal(windows[0][0][:, 0], [0, 1, 2])


def test_as_a_sequence():
    windows = batches(np.arange(50), 4, 3)
    assert isinstance(windows, Batches)
    assert len(list(windows)) == len(list(windows)) == 4  # again and again
    np.testing.assert_array_equal(windows[-1][0], windows[3][0])
    for index in (4, -5):
        with pytest.raises(IndexError, match="index must lie in -4 … 3"):
            windows[index]


@pytest.mark.parametrize(("n", "T", "B"), [(6, 2, 3), (0, 1, 1), (1, 1, 1), (10, 11, 1), (10, 1, 10**12), (10, 10, 1)])
def test_shorter_than_one_batch(n, T, B):
    with pytest.raises(ValueError, match=f"at least T \\* B \\+ 1 = {T * B + 1} symbols .*got {n}. Take a longer text"):
        batches(np.zeros(n, int), T, B)


def test_large_numbers_of_numpy_do_not_overflow():
    with pytest.raises(ValueError, match="at least T"):
        batches(np.zeros(10, int), np.int32(2**20), np.int32(2**20))


@pytest.mark.parametrize("ids", [np.array([1.0, 2.0]), np.array([np.nan] * 9), [1, 2, 3], "abc", np.ones(9, bool)])
def test_ids_that_are_no_integer_array(ids):
    with pytest.raises(TypeError, match="ids must be an integer"):
        batches(ids, 1, 1)


def test_ids_of_another_shape_or_negative():
    with pytest.raises(ValueError, match=r"ids must have shape \(N,\), got \(4, 5\)"):
        batches(np.zeros((4, 5), int), 1, 1)
    with pytest.raises(ValueError, match="ids must lie in 0 …"):
        batches(np.array([0, -1, 2]), 1, 1)


@pytest.mark.parametrize("name", ["T", "B"])
def test_bad_sizes(name):
    sizes = {"T": 2, "B": 2}
    for value in (0, -1):
        with pytest.raises(ValueError, match=f"{name} must be at least 1, got {value}"):
            batches(np.arange(20), **sizes | {name: value})
    for value in (1.0, "2", True, None):
        with pytest.raises(TypeError, match=f"{name} must be an integer"):
            batches(np.arange(20), **sizes | {name: value})


def test_an_index_may_be_any_integer_and_nothing_else():
    windows = batches(np.arange(10_000), 20, 3)
    assert np.array_equal(windows[np.uint8(100)][0], windows[100][0])
    for index in (slice(0, 1), "1", 1.0):
        with pytest.raises(TypeError):
            windows[index]
