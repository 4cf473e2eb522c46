"""The character model's experiment: its parts against naive versions, a quick run, and the recorded one."""

from __future__ import annotations

import bz2
import gzip
import math
import os
import types
from pathlib import Path

import numpy as np
import pytest

from rnncourse import results
from rnncourse.data import Vocabulary
from rnncourse.experiments import _char_counting, _char_units, _run
from rnncourse.experiments import char_rnn_numpy as experiment
from rnncourse.reference import KneserNey, RNNLanguageModel

NAME = "char_rnn_numpy"


@pytest.fixture
def model():
    return RNNLanguageModel(7, 5, 6, rng=np.random.default_rng(0), dtype=np.float64)


@pytest.fixture(scope="module")
def quick():
    return _run.run(NAME, quick=True, bar=False)


def test_cut_context(model):
    ids = np.random.default_rng(1).integers(0, 7, 40)
    got = experiment._cut_context(model, ids, {"context": [1, 3], "context_targets": 5})
    targets = [3, 12, 21, 30, 39]
    assert got["targets"] == 5
    for k, loss in zip([1, 3], got["loss"], strict=True):
        want = np.mean([model.surprise(ids[t - k : t + 1])[-1] for t in targets])
        assert loss == pytest.approx(want, rel=1e-12)
    assert got["carried"] == pytest.approx(np.mean([model.surprise(ids)[t - 1] for t in targets]), rel=1e-12)


def test_loss_in_streams(model):
    ids = np.random.default_rng(1).integers(0, 7, 1207)  # three streams of 402, in windows of 200, 200 and 2
    got = experiment._loss_in_streams(model, ids, {"streams": 3})
    want = np.mean([model.surprise(ids[start : start + 403]) for start in (0, 402, 804)])
    assert got == pytest.approx(want, rel=1e-12)


def test_states_are_those_behind_the_predictions(model):
    ids = np.random.default_rng(1).integers(0, 7, 20)
    states = _char_units.states(model, ids)
    logits, h_n, _ = model.forward(ids[:, None], model.initial_state(1))
    np.testing.assert_allclose(states[-1], h_n[0], rtol=1e-12)
    readout = states @ model.params["readout.weight"].T + model.params["readout.bias"]
    np.testing.assert_allclose(readout, logits[:, 0], rtol=1e-12)


def test_correlations():
    rng = np.random.default_rng(2)
    states, values = rng.normal(size=(50, 3)), rng.normal(size=50)
    states[:, 2] = 0.5
    got = _char_units.correlations(states, values)
    np.testing.assert_allclose(got[:2], [np.corrcoef(states[:, k], values)[0, 1] for k in (0, 1)], rtol=1e-12)
    assert np.isnan(got[2])


def test_features():
    text = "ABE:\nOh my.\nso, it"
    features = {name: column.tolist() for name, column in _char_units.features(text).items()}
    assert all(len(column) == len(text) for column in features.values())
    assert features["in a speaker's name"] == [1] * 4 + [0] * 14
    assert features["position in the line"] == [1, 2, 3, 4, 0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4, 5, 6]
    assert features["letters since the last non-letter"] == [1, 2, 3, 0, 0, 1, 2, 0, 1, 2, 0, 0, 1, 2, 0, 0, 1, 2]
    assert features["last character is a space or line end"] == [0] * 4 + [1, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0]
    assert features["last character ends a sentence"] == [0] * 10 + [1] + [0] * 7
    assert features["characters since a line's or clause's end"] == [
        *[1, 2, 3, 0, 0, 1, 2, 3, 4, 5, 0, 0, 1, 2, 0, 1, 2, 3],
    ]


def test_compressed_sizes():
    inputs = {"train": "abc " * 500, "validation": "abc " * 50}
    ticks = []
    got = _char_counting.compressed("gzip", inputs, ticks.append)
    alone = len(gzip.compress(b"abc " * 50, 9, mtime=0))
    assert got["alone"]["bytes"] == alone
    assert got["alone"]["bits_per_character"] == 8 * alone / 200
    assert got["alone"]["nats_per_character"] == pytest.approx(8 * alone / 200 * math.log(2))
    assert 0 <= got["after_training"]["bytes"] < alone
    assert ticks == ["gzip"]


def test_bzip2_in_one_block(monkeypatch):
    monkeypatch.setattr(_char_counting, "BZIP2_BLOCK", 400)
    rng = np.random.default_rng(0)
    inputs = {part: "".join(rng.choice(list("abcd"), n)) for part, n in (("train", 1000), ("validation", 100))}
    got = _char_counting.compressed("bzip2", inputs, lambda text: None)["one_block"]
    tail = inputs["train"][-296:].encode()
    assert got["training_bytes"] == 296
    assert got["bytes"] == len(bz2.compress(tail + inputs["validation"].encode(), 9)) - len(bz2.compress(tail, 9))


@pytest.mark.parametrize(
    ("ngram", "losses", "winner"),
    [
        (1.5, [1.6, 1.7], "the n-gram model"),
        (1.5, [1.3, 1.4], "the network"),
        (1.5, [1.4, 1.6], "neither"),
        (1.5, [1.5, 1.6], "neither"),
    ],
)
def test_decision_rule(ngram, losses, winner):
    assert experiment._against(ngram, losses)["winner"] == winner


@pytest.mark.parametrize(("largest", "met"), [(1.80, True), (1.8001, False)])
def test_goal(largest, met):
    common = {
        "kneser_ney": [{"order": 2, "validation_loss": 1.7}],
        "kneser_ney_modified": [{"order": 2, "validation_loss": 1.6}, {"order": 3, "validation_loss": 1.5}],
        "kneser_ney_best_order": 2,
        "counting_best": {"form": "modified", "order": 3},
    }
    seeds = [{"validation_loss": loss, "smaller": []} for loss in (1.6, largest)]
    concluded = experiment.conclude(common, seeds)
    assert concluded["goal_met"] is met
    assert (concluded["counting_best_loss"], concluded["winner"]) == (1.5, "the n-gram model")
    assert (concluded["plain"]["kneser_ney_best_loss"], concluded["plain"]["winner"]) == (1.7, "neither")


def test_training_is_repeatable_and_learns(model):
    chosen = experiment.settings(True) | {"T": 8, "B": 2, "lr": 0.02, "final_lr": 0.0002}
    ids = np.tile(np.arange(7), 40)
    losses = []
    for _ in range(2):
        net = RNNLanguageModel(7, 5, 6, rng=np.random.default_rng(0), dtype=np.float64)
        losses.append(list(experiment.train(net, chosen, ids, 60, np.random.default_rng(3))))
    assert losses[0] == losses[1]
    assert losses[0][-1] < 0.5 < losses[0][0]


def test_the_passage_is_in_the_public_texts_alphabet():
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    assert set(experiment.PASSAGE) <= set(letters + "\n !$&',-.3:;?")
    assert 150 <= len(experiment.PASSAGE) <= 200


def test_quick_run(quick):
    _check_record(quick, experiment.settings(True))
    assert quick["provenance"]["data"][0]["name"] == "numpy-docs"
    assert quick["seeds"][0]["train_curve"]["loss"][-1] < quick["seeds"][0]["train_curve"]["loss"][0]


def test_quick_run_repeats(quick):
    again = _run.run(NAME, quick=True, bar=False)
    assert again["conclusion"] == quick["conclusion"]
    assert again["seeds"][0]["stages"] == quick["seeds"][0]["stages"]


def test_recorded_run():
    record = results.load(NAME)
    _check_record(record, experiment.settings(False))
    assert len(record["seeds"]) == experiment.SEEDS
    assert [s["seed"] for s in record["seeds"]] == list(range(experiment.SEEDS))
    assert all(s["modified"] == [] for s in record["seeds"])
    assert record["conclusion"]["goal_met"]
    # Seeds 5 to 9 were added to a record of five.
    assert record["provenance"]["command"] == f"rnncourse experiment {NAME} --seeds {experiment.SEEDS} --keep"
    assert [len({s["commit"] for s in part}) for part in (record["seeds"][:5], record["seeds"][5:])] == [1, 1]
    path = Path(results.__file__).parent / f"{NAME}.json"
    assert path.stat().st_size < 200_000


def test_recorded_ngram_models_repeat_on_the_public_text():
    if "RNNCOURSE_DATA" not in os.environ:
        pytest.skip("needs tiny Shakespeare: set RNNCOURSE_DATA to a folder that mirrors the public data")
    record = results.load(NAME)
    inputs, data = experiment.prepare(experiment.settings(False))
    assert data == record["provenance"]["data"]
    for rows, modified in (("kneser_ney", False), ("kneser_ney_modified", True)):
        for row in record["common"][rows]:
            model = KneserNey(row["order"], 65, modified=modified).fit(inputs["train_ids"])
            loss = -model.log_prob(inputs["validation_ids"])[1:].mean()
            assert row["validation_loss"] == pytest.approx(loss, rel=1e-5)


def _check_record(record, settings):
    """What must hold of every record, quick or not."""
    common, seeds = record["common"], record["seeds"]
    assert record["settings"] == settings
    assert record["decision_rule"] == experiment.DECISION_RULE
    concluded = experiment.conclude(common, seeds)
    _check_outcomes(record["conclusion"], concluded)
    _check_outcomes(record["conclusion"]["plain"], concluded["plain"])
    for rows in ("kneser_ney", "kneser_ney_modified"):
        assert [row["order"] for row in common[rows]] == [1, 2, 3, 4, 5, 6, 7]
    assert common["uniform_loss"] == pytest.approx(math.log(common["vocab_size"]), rel=1e-5)
    assert len(common["passage_surprise_kneser_ney"]) == len(common["passage"]) - 1
    for seed in seeds:
        assert seed["validation_curve"]["step"][0] == 0
        assert seed["validation_curve"]["step"][-1] == seed["train_curve"]["step"][-1] == seed["steps"]
        # A network that has learnt nothing does about as well as guessing evenly.
        assert seed["validation_curve"]["loss"][0] == pytest.approx(common["uniform_loss"], abs=0.3)
        assert seed["cut_context"]["context"] == settings["context"]
        assert len(seed["cut_context"]["loss"]) == len(settings["context"])
        assert [small["hidden_size"] for small in seed["smaller"]] == settings["smaller"]
        assert seed["characters_seen"] == seed["steps"] * settings["T"] * settings["B"]
    first = seeds[0]
    assert 0 <= first["saturated"] <= 1
    assert [stage["step"] for stage in first["stages"]] == [*settings["stages"], first["steps"]]
    for stage in first["stages"]:
        assert len(stage["sample"]) == settings["sample_length"]
        assert len(stage["passage_surprise"]) == len(common["passage"]) - 1
    assert len({unit["unit"] for unit in first["units"]}) == len(first["units"]) == 8
    for unit in first["units"]:
        assert len(unit["course"]) == len(common["passage"])
        assert 0 <= unit["correlation"] <= 1
        assert max(map(abs, unit["course"])) <= 1


def _check_outcomes(written, computed):
    """The written conclusion is the computed one, up to the record's rounding."""
    assert set(written) == set(computed)
    for left, right in zip([written, *written["smaller"]], [computed, *computed["smaller"]], strict=True):
        for key in set(left) - {"smaller", "plain"}:
            assert left[key] == right[key] or left[key] == pytest.approx(right[key], rel=1e-5), key


def test_the_best_order_is_the_development_slices_and_losses_are_the_rules():
    noise = "".join(np.random.default_rng(0).choice(list("abc"), 200))
    train, validation = "abc" * 600 + noise, "abc" * 60
    vocabulary = Vocabulary.from_text(train)
    ids, held_out = vocabulary.encode(train), vocabulary.encode(validation)
    inputs = {"train": train, "validation": validation, "vocabulary": vocabulary, "passage": "abca"}
    inputs |= {"train_ids": ids, "validation_ids": held_out}
    got = experiment.common(experiment.settings(True) | {"orders": [1, 2, 3]}, inputs, lambda text: None)
    cut = len(train) * 9 // 10
    assert got["development_characters"] == len(train) - cut

    def surprise(order, modified, seen, text):
        model = KneserNey(order, 3, modified=modified).fit(seen)
        return [-np.log(model.distribution(text[:t])[text[t]]) for t in range(1, len(text))]

    for rows, modified in (("kneser_ney", False), ("kneser_ney_modified", True)):
        for row in got[rows]:
            want = np.mean(surprise(row["order"], modified, ids, held_out))
            assert row["validation_loss"] == pytest.approx(want, rel=1e-12)
            want = np.mean(surprise(row["order"], modified, ids[:cut], ids[cut:]))
            assert row["development_loss"] == pytest.approx(want, rel=1e-12)
    best = {
        key: min(got["kneser_ney"], key=lambda row: row[key])["order"]
        for key in ("development_loss", "validation_loss")
    }
    assert best["development_loss"] != best["validation_loss"]
    assert got["kneser_ney_best_order"] == best["development_loss"]
    form, order = got["counting_best"]["form"], got["counting_best"]["order"]
    want = surprise(order, form == "modified", ids, vocabulary.encode("abca"))
    assert got["passage_surprise_kneser_ney"] == pytest.approx(want, rel=1e-12)


def test_compressed_after_training_is_the_growth():
    train, validation = "abc " * 500, "xyz, abc " * 50
    got = _char_counting.compressed("gzip", {"train": train, "validation": validation}, lambda text: None)
    sizes = [len(gzip.compress(text.encode(), 9, mtime=0)) for text in (train, train + validation)]
    assert got["after_training"]["bytes"] == sizes[1] - sizes[0]


def test_the_rate_falls_and_epochs_start_at_random_places(monkeypatch):
    chosen = experiment.settings(True) | {"T": 4, "B": 2, "lr": 0.5, "final_lr": 0.1}
    rates, starts = [], []

    def tbptt(model, windows, optimizer, *, max_norm):
        for x, _ in windows:
            rates.append(optimizer.lr)
            starts.append(int(x[0, 0]))
            yield types.SimpleNamespace(loss=0.0)

    monkeypatch.setattr(experiment, "tbptt", tbptt)
    model = types.SimpleNamespace(params={})
    list(experiment.train(model, chosen, np.arange(101), 48, np.random.default_rng(0)))
    assert rates == pytest.approx(np.linspace(0.5, 0.1, 49)[:-1])
    assert len(set(starts[::12])) > 1
    assert max(starts[::12]) <= 4


def test_smaller_networks_keep_their_order():
    chosen = experiment.settings(True) | {"characters": 3000, "smaller": [4, 8], "epochs": 1}
    inputs, _ = experiment.prepare(chosen)
    seed = experiment.one_seed(1, chosen, inputs, lambda text: None)
    assert [small["hidden_size"] for small in seed["smaller"]] == [4, 8]
