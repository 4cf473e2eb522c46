"""Language models on formal languages: the measures against hand-made models, the rule, a quick run, the record."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rnncourse import results
from rnncourse.data import Counting, Dyck, Reber
from rnncourse.experiments import _run
from rnncourse.experiments import formal_languages as experiment
from rnncourse.training import evaluate
from tests.tolerances import FLOAT32, FLOAT64, assert_close

NAME = "formal_languages"


def ids_of(language, text):
    return np.array([language.symbols.index(c) for c in text])


# ---- what is to be remembered


@pytest.mark.parametrize(
    ("language", "text", "sizes"),
    [
        (Counting(2, high=9), "aabb.ab.aaab", [0, 0, 2, 2, 0, 0, 1, 0, 0, 0, 0]),
        (Counting(3, high=9), "aabbcc.abc", [0, 0, 2, 2, 2, 2, 0, 0, 1]),
        (Dyck(2, (0.5, 0.5)), "([])[].()(", [0, 2, 1, 0, 1, 0, 0, 1, 0]),
        (Reber(embedded=True), "BTBTXSETEBPBTSXSEPEB", [0] * 6 + [5] + [0] * 9 + [6, 0, 0]),
    ],
    ids=str,
)
def test_remembered(language, text, sizes):
    assert experiment.remembered(language, ids_of(language, text)).tolist() == sizes


# ---- the measures


class Given:
    """A model whose distributions are given, whatever it reads."""

    def __init__(self, q):
        self.logits, self.t, self.vocab_size = torch.from_numpy(np.log(q)), 0, q.shape[1]

    def initial_state(self, B):
        return (torch.zeros(1, B, 1),)

    def __call__(self, ids, state):
        rows = self.logits[self.t : self.t + len(ids), None]
        self.t += len(ids)
        return rows, state


def measured(language, ids, q):
    sizes = experiment.remembered(language, ids)
    return experiment.measure(Given(q), language, ids, language.predict(ids)[1:-1], sizes)


@pytest.mark.parametrize("language", [Counting(3, high=4), Dyck(2, (0.9, 0.5, 0.5)), Reber(embedded=True)], ids=str)
def test_the_optimal_predictor_has_no_excess_and_forgets_nothing(language):
    ids = language.sample(np.random.default_rng(0), 2500)
    p = language.predict(ids)[1:-1]
    found = measured(language, ids, np.maximum(p, 1e-12))
    assert abs(found["excess"]) < 1e-9 and abs(found["memory"]) < 1e-9 and found["right"] == 1
    assert found["cross_entropy"] == pytest.approx(-np.log(p[np.arange(2499), ids[1:]]).mean())


@pytest.mark.parametrize("language", [Counting(2, high=4), Dyck(2, (0.9, 0.5, 0.5)), Reber(embedded=True)], ids=str)
def test_measures_of_a_model_that_guesses(language):
    ids = language.sample(np.random.default_rng(1), 1300)
    rng = np.random.default_rng(2)
    q = rng.dirichlet(np.ones(len(language.symbols)), size=1299)
    found = measured(language, ids, q)
    p = language.predict(ids)[1:-1]
    excess, nats = 0.0, {}
    for t, size in enumerate(experiment.remembered(language, ids)):
        excess += sum(a * np.log(a / b) for a, b in zip(p[t], q[t], strict=True) if a)
        if size:
            total = sum(q[t][3:]) if isinstance(language, Dyck) else 1.0
            nats.setdefault(size, []).append(-np.log(q[t][ids[t + 1]] / total))
    assert_close(found["excess"], excess / 1299, FLOAT64)
    every = np.concatenate(list(nats.values()))
    assert_close(found["memory"], every.mean(), FLOAT64)
    assert_close(found["right"], (np.exp(-every) > 0.5).mean(), FLOAT64)
    assert [row["size"] for row in found["by_size"]] == sorted(nats)
    for row in found["by_size"]:
        assert_close(row["memory"], np.mean(nats[row["size"]]), FLOAT64)
        assert_close(row["right"], (np.exp(-np.array(nats[row["size"]])) > 0.5).mean(), FLOAT64)


def test_a_model_reads_the_stream_with_its_state_carried():
    settings = experiment.settings(quick=True)
    ids = experiment.LANGUAGES["dyck"][0].sample(np.random.default_rng(0), 300)
    model = experiment.train(0, "lstm", "dyck", ids, settings, lambda text: None)
    assert not model.training and model.config.cell == "lstm" and model.vocab_size == 5
    log_q = experiment.read(model, ids, chunk=70)
    assert log_q.shape == (299, 5)
    want = experiment.read(model, ids, chunk=299)
    assert_close(log_q, want, FLOAT32)
    assert_close(-np.take_along_axis(log_q, ids[1:, None], 1).mean(), evaluate(model, ids), FLOAT32)


def test_training_lowers_the_excess():
    settings = experiment.settings(quick=True) | {"languages": ["anbn"]}
    settings["training"] |= {"steps": 120, "T": 20, "B": 10, "learning_rate": 0.03}
    settings["model"]["hidden_size"] = 12
    ids = experiment.LANGUAGES["anbn"][0].sample(np.random.default_rng(0), 3000)
    stream = experiment.prepare(settings)[0]["anbn"]
    texts = []
    trained = experiment.measure(experiment.train(0, "gru", "anbn", ids, settings, texts.append), **stream)
    settings["training"] |= {"steps": 5, "learning_rate": 1e-9}
    untrained = experiment.measure(experiment.train(0, "gru", "anbn", ids, settings, lambda text: None), **stream)
    assert len(texts) == 120
    assert trained["excess"] < 0.25 * untrained["excess"]


# ---- the rule


def concluded(cells, names=("anbn", experiment.COUNTED)):
    """`cells`: of each the excess on the stream trained on and the memory beyond, one value a seed."""
    common = {"streams": dict.fromkeys(names), "beyond": {"anbn": list(names[1:])}}
    number = len(next(iter(cells.values()))[0])
    seeds = [
        {
            "rows": [
                {"language": "anbn", "cell": cell, "stream": name, "excess": excess[k], "memory": memory[k]}
                for cell, (excess, memory) in cells.items()
                for name in names
            ]
        }
        for k in range(number)
    ]
    return experiment.conclude(common, seeds)


def test_learned_and_generalises():
    found = concluded(
        {
            "rnn": ([0.02, 0.011], [0.05, 0.1]),
            "lstm": ([0.01, 0.002], [0.2, 0.11]),
            "gru": ([0.009, 0.02], [0.09, 0.3]),
        }
    )
    assert found["learned"] == {"anbn": {"rnn": "no", "lstm": "yes", "gru": "some"}}
    assert found["generalises"] == {experiment.COUNTED: {"rnn": "yes", "lstm": "no", "gru": "some"}}
    spread = found["memory"][experiment.COUNTED]["gru"]
    assert spread == {"smallest": 0.09, "mean": pytest.approx(0.195), "largest": 0.3}


@pytest.mark.parametrize(
    ("lstm", "gru", "outcome"),
    [([0.1, 0.2], [0.2, 0.3], True), ([0.2, 0.3], [0.2, 0.1], False), ([0.1, 0.3], [0.2, 0.2], None)],
)
def test_lstm_counts_further(lstm, gru, outcome):
    found = concluded({"lstm": ([0.0, 0.0], lstm), "gru": ([0.0, 0.0], gru)})
    assert found["lstm_counts_further"] is outcome


def test_no_pair_no_verdict():
    assert concluded({"lstm": ([0.0], [0.0])})["lstm_counts_further"] is None
    assert concluded({"lstm": ([0.0], [0.0]), "gru": ([0.0], [1.0])}, ("anbn",))["lstm_counts_further"] is None


# ---- the run and the record


def test_what_is_beyond_is_beyond():
    for seen, beyond in experiment.LANGUAGES.values():
        for language in beyond.values():
            assert language.symbols == seen.symbols
            if isinstance(seen, Counting):
                assert language.low > seen.high
            else:
                assert len(language.opens) > len(seen.opens)


def test_quick_run():
    record = _run.run(NAME, quick=True, bar=False, seeds=2)
    streams = list(record["common"]["streams"])
    assert len(streams) == 8
    for seed in record["seeds"]:
        assert len(seed["rows"]) == len(streams) * 4
    for stream in record["common"]["streams"].values():
        assert abs(stream["optimal"]) < 0.2
    assert set(record["conclusion"]["learned"]) == set(experiment.LANGUAGES)


@pytest.mark.skipif(NAME not in results.names(), reason="the experiment has no record")
def test_the_recorded_conclusion_follows_from_its_seeds():
    record = results.load(NAME)
    assert len(record["seeds"]) == experiment.SEEDS
    assert record["settings"] == experiment.settings(quick=False)
    again = experiment.conclude(record["common"], record["seeds"])
    for key in ("learned", "generalises", "lstm_counts_further"):
        assert again[key] == record["conclusion"][key]
    for stream, cells in again["excess"].items():
        for cell, spread in cells.items():
            assert record["conclusion"]["excess"][stream][cell] == pytest.approx(spread, rel=1e-4)
