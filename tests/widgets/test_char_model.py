"""The data of chapter 04's widget."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from rnncourse import results, widgets
from rnncourse.data import Vocabulary, load_text
from rnncourse.reference import RNNLanguageModel
from rnncourse.widgets import char_model
from rnncourse.widgets._pack import script


@pytest.fixture
def model() -> RNNLanguageModel:
    return RNNLanguageModel(4, 3, 10, rng=np.random.default_rng(0))


VOCABULARY = Vocabulary.from_text("\nab ")


def test_committed_files_are_what_the_code_writes(tmp_path: Path) -> None:
    """Quantising what is quantised changes nothing, so the course's files can be made again from themselves."""
    data = widgets.read("char-model")
    packed, vocabulary = char_model.from_data(data)
    kept = {key: data[key] for key in ("prompt", "temperature", "units", "about", "provenance")}
    widgets.export("char-model", tmp_path, model=packed, vocabulary=vocabulary, **kept)
    for path in tmp_path.iterdir():
        assert path.read_bytes() == (widgets.static_folder() / path.name).read_bytes(), path.name


def test_provenance_says_where_the_weights_come_from() -> None:
    made = widgets.read("char-model")["provenance"]
    record = results.load("char_rnn_numpy")
    assert made["command"] == "rnncourse widget char-model"
    assert len(made["commit"]) == 40
    assert made["modified"] == []
    assert made["data"] == record["provenance"]["data"]
    assert {key: record["settings"][key] for key in made["settings"]} == made["settings"]
    seed = next(seed for seed in record["seeds"] if seed["seed"] == made["seed"])
    assert abs(made["validation_loss_float32"] - seed["validation_loss"]) < 0.01
    assert abs(made["validation_loss_int8"] - made["validation_loss_float32"]) < 0.005


def test_about_tells_the_recorded_figures() -> None:
    data = widgets.read("char-model")
    about, made = " ".join(data["about"]), data["provenance"]
    count = sum(int(np.prod(packed["shape"])) for packed in data["weights"].values())
    for words in (
        f"{made['validation_loss_float32']:.4f}",
        f"{made['validation_loss_int8']:.4f}",
        f"{made['validation_characters']:,}",
        f"{made['steps']:,}",
        f"{count:,} weights",
        made["commit"][:10],
        "tiny Shakespeare",
    ):
        assert words in about


@pytest.mark.skipif("RNNCOURSE_DATA" not in os.environ, reason="needs the text: RNNCOURSE_DATA names its folder")
def test_the_quantised_loss_is_the_recorded_one() -> None:
    data = widgets.read("char-model")
    packed, vocabulary = char_model.from_data(data)
    loss = packed.evaluate(vocabulary.encode(load_text("shakespeare").validation))
    assert abs(loss - data["provenance"]["validation_loss_int8"]) < 1e-5


def test_a_readers_own_model(model: RNNLanguageModel, tmp_path: Path) -> None:
    page = widgets.export("char-model", tmp_path, model=model, vocabulary=VOCABULARY)
    data = widgets.read("char-model", tmp_path)
    assert data["prompt"] == "\n"
    assert data["about"] == [
        "A plain Elman network: 10 tanh units, 4 characters, 206 weights; the matrices are stored in 8 bits with one "
        "scale a row."
    ]
    packed, vocabulary = char_model.from_data(data)
    assert vocabulary == VOCABULARY
    for name, array in model.params.items():
        assert np.abs(packed.params[name] - array).max() <= 0.5001 * np.abs(array).max() / 127
    assert 'src="char-model.data.js"' in page.read_text(encoding="utf-8")


def test_the_same_weights_give_the_same_files(model: RNNLanguageModel) -> None:
    one, two = (char_model.build(model=model, vocabulary=VOCABULARY) for _ in range(2))
    assert script("char-model", one.data) == script("char-model", two.data)
    assert one == two


@pytest.mark.parametrize("temperature", [0, 2])
def test_extreme_temperatures(model: RNNLanguageModel, temperature: float) -> None:
    assert "<svg" in char_model.build(model=model, vocabulary=VOCABULARY, temperature=temperature).picture


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"model": "a model"}, TypeError, "model must be a rnncourse.reference.RNNLanguageModel, got str"),
        ({"vocabulary": "ab"}, TypeError, "vocabulary must be"),
        ({"vocabulary": Vocabulary.from_text("ab")}, ValueError, "the model's 4 symbols, got 2"),
        ({"prompt": "abc"}, ValueError, r"got \['c'\]"),
        ({"prompt": ""}, ValueError, "at least one, got none"),
        ({"temperature": 2.5}, ValueError, "0 to 2"),
        ({"temperature": -1}, ValueError, "at least 0"),
        ({"colour": "red"}, TypeError, "colour"),
    ],
)
def test_options_that_do_not_suit(model: RNNLanguageModel, change: dict, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        char_model.build(**{"model": model, "vocabulary": VOCABULARY, **change})


def test_quick_course_trains_and_builds() -> None:
    options = char_model.course(quick=True)
    made = char_model.build(**options).data["provenance"]
    assert made["validation_loss_float32"] < np.log(len(options["vocabulary"]))
    assert len({unit["unit"] for unit in options["units"]}) == len(options["units"]) > 3
