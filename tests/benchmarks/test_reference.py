"""The benchmark times only what agrees, and its record adds up."""

from __future__ import annotations

import json

import pytest

from rnncourse import benchmarks, results
from rnncourse.experiments._record import RecordError

torch = pytest.importorskip("torch")

from rnncourse.benchmarks import reference  # noqa: E402


@pytest.mark.parametrize("size", [(1, 1, 1), (7, 3, 5), (35, 1, 64), (64, 8, 96)])
def test_both_sides_agree(size):
    both = reference.sides(*size)
    assert reference.check_agreement(both["numpy"], both["torch"]) <= reference.TOLERANCE


@pytest.mark.parametrize("which", range(8))
def test_nothing_is_timed_that_disagrees(which):
    both = reference.sides(4, 3, 5)

    def wrong():
        arrays = list(both["numpy"]())
        arrays[which] = -arrays[which]
        return tuple(arrays)

    with pytest.raises(RecordError, match=r"nothing was timed: .* differs by"):
        reference.check_agreement(wrong, both["torch"])


def test_shapes_are_compared():
    both = reference.sides(4, 3, 5)
    with pytest.raises(RecordError, match=r"output has shape \(2, 3, 5\) in NumPy and \(4, 3, 5\) in PyTorch"):
        reference.check_agreement(lambda: (both["numpy"]()[0][:2], *both["numpy"]()[1:]), both["torch"])


def test_a_failed_process_is_reported(monkeypatch):
    monkeypatch.setattr(reference, "SIZES", ((4, 3, -5),))
    with pytest.raises(
        RecordError, match=r"the timing process with 1 thread\(s\) failed: ValueError: input_size must be at least 1"
    ):
        reference.run(quick=True)


def test_quick_record():
    record = json.loads(json.dumps(reference.run(quick=True)))
    _check(record)
    assert [(row["T"], row["B"], row["H"]) for row in record["results"]] == [(35, 1, 64)]
    assert "torch" in record["provenance"]["versions"]


def test_recorded():
    record = results.load("bench_reference")
    _check(record)
    assert [(row["T"], row["B"], row["H"]) for row in record["results"]] == list(reference.SIZES)
    assert record["provenance"]["command"] == "rnncourse bench reference"


def test_unknown_name():
    with pytest.raises(KeyError, match="there is no benchmark 'nothing': choose one of reference"):
        benchmarks.load("nothing")


def _check(record):
    for row in record["results"]:
        for side in ("numpy", "torch"):
            tried = row[side]["tried"]
            assert row[side]["median_ms"] == min(t["median_ms"] for t in tried.values())
            for t in tried.values():
                low, high = t["quartiles_ms"]
                assert 0 < low <= t["median_ms"] <= high
        assert row["ratio"] == pytest.approx(row["numpy"]["median_ms"] / row["torch"]["median_ms"], rel=1e-4)
    lines = reference.table(record).splitlines()
    assert len(lines) == 1 + len(record["results"])
