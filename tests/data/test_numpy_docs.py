"""The default text: the same everywhere, without near-duplicates, without leaks."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import warnings

import numpy as np
import pytest

from rnncourse.data import Vocabulary, load_text, numpy_docs, text

pinned = pytest.mark.skipif(
    np.__version__ != numpy_docs.PINNED_NUMPY,
    reason=f"NumPy {np.__version__} has other docstrings than the pinned {numpy_docs.PINNED_NUMPY}",
)


@pytest.fixture(scope="module")
def docs():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return load_text("numpy-docs")


@pinned
def test_pinned_text(docs):
    assert docs.sha256 == numpy_docs.PINNED_SHA256
    assert (len(docs.train), len(docs.validation)) == (1_086_060, 122_781)
    assert len(numpy_docs.documents()) == 825


@pinned
def test_pinned_numpy_does_not_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_text("numpy-docs")


def test_another_numpy_says_so_once(monkeypatch):
    monkeypatch.setattr(numpy_docs, "PINNED_SHA256", "0" * 64)
    text._warn_once.cache_clear()
    with pytest.warns(UserWarning, match=f"NumPy {np.__version__} differs .* NumPy 2.4.6") as caught:
        load_text("numpy-docs")
        load_text("numpy-docs", validation=0.2)
    assert len(caught) == 1
    assert caught[0].filename == __file__


def test_source_names_version_and_licence(docs):
    assert docs.source == f"docstrings of NumPy {np.__version__}; BSD-3-Clause"


def test_size(docs):
    assert 1_000_000 < len(docs.train + docs.validation) < 2_000_000
    assert 0.07 < len(docs.validation) / len(docs.train + docs.validation) < 0.13


def test_alphabet_is_printable_ascii(docs):
    assert set(docs.train) == {"\n", *map(chr, range(32, 127))}


@pytest.mark.parametrize("validation", [0.05, 0.1, 0.3, 0.6])
def test_vocabulary_of_training_encodes_validation(validation):
    train, held_out = numpy_docs.split(validation)
    assert len(Vocabulary.from_text(train).encode(held_out)) == len(held_out)


def test_splits_partition_the_docstrings():
    everything, nothing = numpy_docs.split(0)
    assert nothing == ""
    whole = sorted(everything.split("\n\n\n"))
    for validation in (0.1, 0.5):
        train, held_out = numpy_docs.split(validation)
        assert sorted((train + held_out).split("\n\n\n")) == whole


def test_validation_is_spread_over_the_modules():
    """Not the end of the alphabet: each large module has docstrings on both sides."""
    names = [name for name in numpy_docs.documents() if numpy_docs._fraction(name) < 0.1]
    for module in ("numpy.linalg.", "numpy.ma.", "numpy.random.", "numpy.polynomial."):
        assert any(name.startswith(module) for name in names)


def test_no_near_duplicates_left():
    """Every pair, by the definition, without the index."""
    docs = numpy_docs.documents()
    phrases = [numpy_docs._phrases(doc) for doc in docs.values()]
    for a, b in itertools.combinations(phrases, 2):
        assert len(a & b) < numpy_docs.MAX_SHARED * min(len(a), len(b))


def _seen(docs: dict[str, str]) -> float:
    """The part of validation's phrases that also stand in training."""
    train, held_out = set(), []
    for name, doc in docs.items():
        phrases = numpy_docs._phrases(doc)
        if numpy_docs._fraction(name) < 0.1:
            held_out.append(phrases)
        else:
            train |= phrases
    return sum(len(phrases & train) for phrases in held_out) / sum(map(len, held_out))


@pinned
def test_near_duplicates_would_leak():
    """The module's docstring says so: over half of the phrases would be known from training; under a quarter are."""
    assert _seen(numpy_docs._distinct_docstrings()) > 0.5
    assert _seen(numpy_docs.documents()) < 0.25


@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [
        ("one two three four five six seven", "one two three four five six seven", 1),
        ("one two three four five six seven", "One, two: three four FIVE six seven!", 1),
        ("a b c d e f g h", "a b c d e f x y z", 1),  # shares 2 of 4 and 5 phrases: half of the shorter
        ("a b c d e f g h i", "a b c d e f x y z", 2),  # shares 2 of 5
        ("a b c d e f g h i j k l m n o", "x a b c d e f g", 1),  # a part of the other one
        ("one two three four five", "one two three four", 1),  # under five words
    ],
)
def test_near_duplicates(first, second, kept):
    assert len(numpy_docs._without_near_duplicates({"a": first, "b": second})) == kept


def test_names_of_platforms_are_left_out():
    for name in ("numpy.int64", "numpy.intp", "numpy.longdouble", "numpy.float64", "numpy.pi", "numpy.testing"):
        assert name not in numpy_docs.documents()
    for name in ("numpy.ndarray", "numpy.linalg.svd", "numpy.ma.masked_where", "numpy.random.Generator"):
        assert name in numpy_docs.documents()


def test_cleaning():
    doc = "\n    Sum.  \r\n\r\n        indented\t\n    \u03c3 is dropped\n    kept\n\n    "
    assert numpy_docs._clean(doc) == "Sum.\n\n    indented\nkept"


def test_pasted_passages_are_straightened():
    """Python 3.13 leaves them four spaces too far right (see `_straighten`)."""
    parameter = "like : array_like\n{0}A reference.\n{0}More.\n\n    .. versionadded:: 1.20.0"
    assert numpy_docs._straighten(parameter.format(" " * 8)) == parameter.format(" " * 4)
    assert numpy_docs._straighten(parameter.format(" " * 4)) == parameter.format(" " * 4)
    section = "Transpose.\n\n{0}Notes\n{0}-----\n{0}An alias.\n{0}    Deeper."
    assert numpy_docs._straighten(section.format(" " * 4)) == section.format("")


PROGRAM = """
import sys
for name in sys.argv[1:]:
    __import__(name)
from rnncourse.data import load_text
print(load_text("numpy-docs").sha256)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "imported", [[], ["numpy.testing", "numpy.f2py", "numpy.ctypeslib", "numpy.char", "numpy.typing"]]
)
def test_independent_of_what_was_imported_before(docs, imported):
    """In a process of its own, with another order of sets."""
    environment = os.environ | {"PYTHONHASHSEED": "7", "PYTHONWARNINGS": "ignore"}
    program = [sys.executable, "-c", PROGRAM, *imported]
    done = subprocess.run(program, env=environment, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == docs.sha256


@pytest.mark.slow
def test_optimised_python_has_no_docstrings_and_says_so():
    program = [sys.executable, "-OO", "-c", PROGRAM]
    done = subprocess.run(program, check=True, capture_output=True, text=True)
    assert "run Python without -OO" in done.stderr
