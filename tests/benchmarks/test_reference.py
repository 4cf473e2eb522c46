"""The benchmark times only what agrees, and its record adds up."""

from __future__ import annotations

import json

import numpy as np
import pytest

from rnncourse import benchmarks, results
from rnncourse.experiments._record import RecordError

torch = pytest.importorskip("torch")

from rnncourse.benchmarks import _side_by_side, reference  # noqa: E402

CASES = [(model, *size) for model in reference.MODELS for size in reference.SIZES]


@pytest.mark.parametrize("size", [(1, 1, 1), (7, 3, 5), (35, 1, 64), (64, 8, 96)])
@pytest.mark.parametrize("model", reference.MODELS)
def test_both_sides_agree(model, size):
    if model == "TransformerEncoderLayer" and size[2] == 1:
        pytest.skip("the layer normalisation of one unit is zero: nothing to compare relatively")
    both = reference.sides(model, *size)
    assert _side_by_side.check_agreement(both["numpy"], both["torch"]) <= _side_by_side.TOLERANCE


@pytest.mark.parametrize("model", reference.MODELS)
def test_nothing_is_timed_that_disagrees(model):
    both = reference.sides(model, 4, 3, 5)
    right = both["numpy"]()
    assert {"output", "dx"} < right.keys()
    for name in right:
        with pytest.raises(RecordError, match=r"nothing was timed: .* differs by"):
            _side_by_side.check_agreement(lambda name=name: {**right, name: -right[name]}, both["torch"])


def test_names_and_shapes_are_compared():
    both = reference.sides("RNN", 4, 3, 5)
    right = both["numpy"]()
    with pytest.raises(RecordError, match=r"output has shape \(2, 3, 5\) in NumPy and \(4, 3, 5\) in PyTorch"):
        _side_by_side.check_agreement(lambda: {**right, "output": right["output"][:2]}, both["torch"])
    with pytest.raises(RecordError, match="NumPy gives dx and PyTorch output, "):
        _side_by_side.check_agreement(lambda: {"dx": right["dx"]}, both["torch"])


def test_a_failed_process_is_reported(monkeypatch):
    monkeypatch.setattr(reference, "SIZES", ((4, 3, -5),))
    with pytest.raises(
        RecordError,
        match=r"the timing process with 1 thread\(s\) failed: ValueError: negative dimensions are not allowed",
    ):
        reference.run(quick=True)


def test_operations_are_those_of_the_products():
    # One step of one sequence of one unit, no heads' width to hide behind: G products with x and G with h.
    assert reference.operations("LSTM", 1, 1, 1) == 3 * 2 * 8
    assert reference.operations("GRU", 1, 1, 1) == 3 * 2 * 6
    T, B, H = 5, 3, 8
    products = [(H, 3 * H), (H, H), (H, 4 * H), (4 * H, H)]  # each step's q, k, v; out; feed-forward
    attention = 2 * B * T * T * H  # scores, and the sum of values
    counted = sum(T * B * a * b for a, b in products) + attention
    assert reference.operations("TransformerEncoderLayer", T, B, H) == 3 * 2 * counted


@pytest.mark.parametrize("model", ["LSTM", "GRU", "RNN"])
def test_activations_are_what_the_cache_holds(model):
    """At many steps, the cache beside x and the parameters."""
    from rnncourse import reference as np_reference

    T, B, H = 50, 2, 3
    rng = np.random.default_rng(0)
    params = getattr(np_reference, f"init_{model.lower()}")(rng, H, H)
    state = (np.zeros((B, H)),) * 2 if model == "LSTM" else np.zeros((B, H))
    *_, cache = getattr(np_reference, f"{model.lower()}_forward")(rng.standard_normal((T, B, H)), state, params)
    held = [a for a in cache if isinstance(a, np.ndarray)][1:]
    count = sum(a.size for a in held)
    extra = B * H * sum(a.shape[0] == T + 1 for a in held)  # the initial states
    assert count - extra == reference.activations(model, T, B, H)


def test_memory_is_that_of_the_call():
    assert 4e6 <= _side_by_side._peak(lambda: {"a": np.ones(10**6, np.float32)}) < 4.1e6


def test_heads_divide_the_width():
    assert [reference._heads(H) for H in (1, 64, 128, 256, 650)] == [1, 1, 2, 4, 10]


def test_quick_record():
    record = json.loads(json.dumps(reference.run(quick=True)))
    _check(record, [case for case in CASES if case[1:] == reference.SIZES[-1]])
    assert "torch" in record["provenance"]["versions"]


def test_recorded():
    record = results.load("bench_reference")
    _check(record, CASES)
    assert record["provenance"]["command"] == "rnncourse bench reference"


def test_unknown_name():
    with pytest.raises(KeyError, match="there is no benchmark 'nothing': choose one of reference"):
        benchmarks.load("nothing")


def _check(record, cases):
    assert [(row["model"], row["T"], row["B"], row["H"]) for row in record["results"]] == cases
    for row in record["results"]:
        for side in ("numpy", "torch"):
            tried = row[side]["tried"]
            assert row[side]["median_ms"] == min(t["median_ms"] for t in tried.values())
            for t in tried.values():
                low, high = t["quartiles_ms"]
                assert 0 < low <= t["median_ms"] <= high
        ours = row["numpy"]["median_ms"]
        assert row["ratio"] == pytest.approx(ours / row["torch"]["median_ms"], rel=1e-4)
        count = reference.operations(row["model"], row["T"], row["B"], row["H"])
        assert row["gflops"] == pytest.approx(count / ours / 1e6, rel=1e-4)
        rate = record["product_gflops"][str(row["numpy"]["threads"])]
        assert row["of_product_rate"] == pytest.approx(row["gflops"] / rate, rel=1e-4)
        assert row["peak_bytes"] > row["activation_bytes"] > 0
    lines = reference.table(record).splitlines()
    assert len(lines) == 2 + len(record["results"])
