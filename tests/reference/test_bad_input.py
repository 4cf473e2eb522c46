"""Everything public in the reference, given every argument spoiled in every way: each refusal names the argument.

The table in `bad_input` holds valid arguments for every public callable; what is wrong is derived from them.
"""

import inspect

import numpy as np
import pytest

import rnncourse.reference as ref
from tests.reference.bad_input import ENTRIES
from tests.reference.bad_input.spoil import Entry, complaints

# Containers and exceptions: nothing is computed from what they are given before a function checks it.
NOT_CALLED = {
    "Cell": "holds three functions; scan_forward, stack_forward, bidirectional_forward and zoneout take it",
    "GATE_ORDERS": "a table",
    "GradientError": "an exception",
    "Hypothesis": "what beam_search returns",
    "KeyValue": "what attention returns and takes as past",
    "Labelling": "what the CTC decoders return",
    "MixtureFit": "what fit_mixture returns",
    "ONNXLayer": "what to_onnx returns and from_onnx takes",
    "Quantised": "what quantise returns; dequantise and quantised_linear take it",
    "RunningStatistics": "batch_norm_forward takes it",
}
PUBLIC = {name: getattr(ref, name) for name in ref.__all__}


def test_everything_public_is_in_the_table():
    covered = {name.partition(":")[0] for name in ENTRIES}
    assert set(NOT_CALLED) | {name for name in covered if "." not in name} == set(PUBLIC)
    assert not set(NOT_CALLED) & covered
    for name in sorted(set(PUBLIC) - set(NOT_CALLED)):
        thing = PUBLIC[name]
        if inspect.isclass(thing):
            methods = {m for m, f in vars(thing).items() if inspect.isfunction(f) and not m.startswith("_")}
            assert methods <= {c.partition(".")[2] for c in covered if c.startswith(f"{name}.")}, name


@pytest.mark.parametrize("name", sorted({name.partition(":")[0] for name in ENTRIES}))
def test_every_parameter_is_given(name):
    entries = [entry for key, entry in ENTRIES.items() if key.partition(":")[0] == name]
    given = {argument for entry in entries for argument, value in entry.arguments.items() if value is not None}
    assert given == set(inspect.signature(entries[0].call).parameters)


@pytest.mark.parametrize("name", ENTRIES)
def test_what_is_spoiled_is_refused_by_name(name):
    entry = ENTRIES[name]
    found = complaints(entry)
    assert not found, "\n".join([name, *found])


@pytest.mark.parametrize("name", ENTRIES)
def test_the_valid_arguments_are(name):
    ENTRIES[name].call(**ENTRIES[name].arguments)


def test_the_judge_sees_each_fault():
    def anything(x):
        return x

    def obscure(x):
        return x["key"]

    def silent(x):
        raise ValueError("x is bad")

    def elsewhere(x):
        raise ValueError("y must be good, got x")

    def strict(x):
        raise ValueError("x must be an array, got something else")

    x = np.zeros((2, 3))
    for call, fault in {
        anything: "let through",
        obscure: "IndexError",
        silent: "does not say what was expected",
        elsewhere: "does not begin with the argument's name",
    }.items():
        found = complaints(Entry(call, {"x": x}))
        assert any(fault in complaint for complaint in found), call
    assert complaints(Entry(strict, {"x": x})) == []
    assert complaints(Entry(strict, {"x": x}, free={"x: NaN": "why not"})) == ["x: NaN: an excuse for nothing"]
    assert complaints(Entry(anything, {"x": x}, free={"x: *": "anything will do"})) == []
    assert complaints(Entry(strict, {"x": x}, left={"x": "for another day"})) == []
