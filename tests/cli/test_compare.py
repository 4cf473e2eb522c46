"""`rnncourse compare`: against `evaluate`, and against sums written out here."""

from __future__ import annotations

import csv
import json
import math
import shutil
import statistics
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from rnncourse.cli._comparison import Candidate, by_run  # noqa: E402
from rnncourse.data import Vocabulary, load_text  # noqa: E402
from rnncourse.models import LanguageModelConfig, score  # noqa: E402
from rnncourse.training.checkpoint import previous  # noqa: E402
from rnncourse.training.config import TrainingConfig  # noqa: E402
from rnncourse.training.run import CHECKPOINT, Run, load_model, load_predictor, seed_model  # noqa: E402
from tests.cli.conftest import invoke, refused  # noqa: E402


def table(*arguments):
    done = invoke("compare", *arguments, "--output", "table.json")
    assert done.exit_code == 0, done.output
    with open("table.json", encoding="utf-8") as file:
        return json.load(file)["runs"], " ".join(done.output.split())


def losses(load, run, text):
    model, vocabulary, _ = load(run)
    return (-score(model, torch.from_numpy(vocabulary.encode(text)))).tolist()


def measured(*arguments):
    return float(invoke("evaluate", *arguments).output.split()[2])


@pytest.mark.parametrize("network", [[], ["--network"]], ids=["with counts", "network"])
def test_it_measures_as_evaluate_does(runs, network):
    rows, said = table("lstm", "gru", "rnn", "transformer", *network)
    for row in rows:
        assert row["nats"] == pytest.approx(measured(row["run"], *network), abs=1e-4)
        assert f"{row['nats']:.4f}" in said
        assert row["bits"] == pytest.approx(row["nats"] / math.log(2), rel=1e-5)
        assert row["perplexity"] == pytest.approx(math.exp(row["nats"]), rel=1e-5)
    assert [(row["cell"], row["updates"]) for row in rows] == [
        ("lstm", 4),
        ("gru", 6),
        ("rnn", 2),
        ("transformer", 3),
    ]
    for row in rows:
        model, _, checkpoint = load_model(runs / row["run"])
        assert row["parameters"] == sum(p.numel() for p in model.parameters())
        assert row["epochs"] == pytest.approx(checkpoint.meta["history"][-1]["epoch"], rel=1e-5)
        assert row["seconds"] == pytest.approx(checkpoint.meta["seconds"], rel=1e-4)
    assert "2,100 characters in one stream; nats and bits a symbol." in said
    assert "different symbols" not in said


def test_the_difference_is_paired(runs):
    rows, said = table("lstm", "gru", "rnn", "--network")
    text = load_text(str(runs / "one.txt")).validation
    first, *others = (losses(load_model, runs / name, text) for name in ("lstm", "gru", "rnn"))
    assert rows[0]["difference"] is None and rows[0]["standard_error"] is None
    for row, other in zip(rows[1:], others, strict=True):
        d = [b - a for a, b in zip(first, other, strict=True)]
        assert len(d) == 2099
        halves = statistics.fmean(d[:1050]), statistics.fmean(d[1050:])  # two blocks of at least 1,000
        assert row["difference"] == pytest.approx(sum(d) / len(d), rel=1e-4)
        assert row["standard_error"] == pytest.approx(abs(halves[0] - halves[1]) / 2, rel=1e-4)
        assert f"{row['difference']:+.4f} ± {row['standard_error']:.4f}" in said
    assert "over blocks of 1,000 symbols" in said


@pytest.mark.parametrize("pair", [("lstm", "transformer"), ("transformer", "lstm")], ids="-".join)
def test_a_transformer_beside_an_lstm(runs, pair):
    """Either may be the first, with the paired difference and the curves."""
    rows, _ = table(*pair, "--network")
    text = load_text(str(runs / "one.txt")).validation
    one, two = (losses(load_model, runs / name, text) for name in pair)
    assert [row["nats"] for row in rows] == pytest.approx([statistics.fmean(one), statistics.fmean(two)], rel=1e-4)
    assert rows[1]["difference"] == pytest.approx(statistics.fmean(two) - statistics.fmean(one), rel=1e-3)
    assert rows[1]["standard_error"] is not None
    assert invoke("compare", *pair, "--network", "--output", "c.png").exit_code == 0
    assert (runs / "c.png").read_bytes().startswith(b"\x89PNG")


def test_other_symbols_are_compared_by_the_character(runs):
    text = "abcxyz de\n" * 300
    (runs / "third.txt").write_text(text)
    rows, said = table("gru", "other", "--text", "third.txt")
    for row in rows:
        loss = losses(load_predictor, runs / row["run"], text)
        assert row["nats"] == pytest.approx(sum(loss) / (len(text) - 1), rel=1e-4)
    assert "nats and bits a character. The runs have different symbols" in said
    assert "900 symbols are unknown to gru" in said
    assert "900 symbols are unknown to other" in said


class Pairs:
    """A vocabulary of two characters a symbol, an odd one at the end alone; `lossy` forgets what it read."""

    def __init__(self, lossy):
        self.lossy = lossy

    def encode(self, text):
        return np.arange((len(text) + 1) // 2)

    def decoder(self):
        return SimpleNamespace(push=lambda id: "ab" if id < 2 or self.lossy else "c")

    def to_json(self):
        return {"kind": "pairs"}


def test_symbols_of_several_characters(monkeypatch):
    """Both models are measured on the characters that both predict: the last three of "ababc"."""
    monkeypatch.setattr("rnncourse.models.score", lambda model, ids: -torch.arange(1.0, len(ids)).double())
    pairs = Candidate(Path("pairs"), None, Pairs(lossy=False), None)
    characters = Candidate(Path("characters"), None, Vocabulary(("a", "b", "c")), None)
    found = [loss.tolist() for loss in by_run([pairs, characters], "ababc")]
    assert found == [[0.0, 1.0, 2.0], [2.0, 3.0, 4.0]]
    with pytest.raises(ValueError, match="lossy has symbols that do not give the text back"):
        by_run([characters, Candidate(Path("lossy"), None, Pairs(lossy=True), None)], "ababc")


def test_words_that_do_not_give_the_text_back(runs):
    """Unknown words have no characters to be counted by; two runs of one vocabulary need none."""
    words = np.random.default_rng(0).choice(["to", "be", "or", "not"], 900)
    (runs / "words.txt").write_text(" ".join(words[:850]) + " rarely " + " ".join(words[850:]), encoding="utf-8")
    for name, seed in (("word0", 0), ("word1", 1)):
        options = ["--unit", "words", "--steps", 2, "--evaluations", 1, "--threads", 1, "--seed", seed]
        assert invoke("train", "words.txt", "--output", name, *options).exit_code == 0
    rows, said = table("word0", "word1")
    assert [row["nats"] for row in rows] == pytest.approx([measured("word0"), measured("word1")], abs=1e-4)
    # "rarely", and the word that the split cuts in two.
    assert "2 symbols are unknown to word1" in said
    assert "symbols that do not give the text back" in refused("compare", "word0", "gru", "--text", "words.txt")


def test_short_text_has_no_standard_error(runs):
    (runs / "short.txt").write_text("abc de\n" * 100)
    rows, said = table("lstm", "gru", "--text", "short.txt")
    assert rows[1]["difference"] is not None and rows[1]["standard_error"] is None
    assert "No standard error: it needs 2,000 symbols." in said and "±" not in said


def test_a_text_that_was_trained_on_is_named(runs):
    said = " ".join(invoke("compare", "lstm", "other", "--text", "one.txt").output.split())
    assert "Read whole, with what was trained on: lstm " in said
    assert "21,000 characters" in said


def test_what_cannot_be_compared(runs):
    said = refused("compare", "lstm", "other")
    assert "lstm was trained on one.txt (" in said and "other on other.txt (" in said and "--text" in said
    assert "20% held out" in refused("compare", "gru", "shorter")
    assert "gru is given twice" in refused("compare", "lstm", "gru", "./gru")
    assert "at least two runs, got 1" in refused("compare", "lstm")
    assert "there is no checkpoint" in refused("compare", "lstm", "nothing")
    assert "neither the name of a text" in refused("compare", "lstm", "gru", "--text", "nothing.txt")
    (runs / "a.txt").write_text("a")
    assert "at least 2 symbols" in refused("compare", "lstm", "gru", "--text", "a.txt")


def test_the_text_is_gone(runs, trained):
    for run in ("lstm", "gru"):
        assert load_model(runs / run)[2].meta["text"]["origin"] == str(trained / "one.txt")
    moved = trained / "moved.txt"
    (trained / "one.txt").rename(moved)
    try:
        assert "--text" in refused("compare", "lstm", "gru")
        (trained / "one.txt").write_text("another text\n" * 300)
        assert "is not the text that lstm was trained on. Say with --text" in refused("compare", "lstm", "gru")
    finally:
        moved.replace(trained / "one.txt")


def test_damaged_checkpoints(runs):
    (runs / "gru" / CHECKPOINT).write_bytes(b"damaged")
    done = invoke("compare", "lstm", "gru")
    assert done.exit_code == 0
    assert "is damaged: this is the one before it." in done.output
    previous(runs / "gru" / CHECKPOINT).write_bytes(b"damaged")
    assert "is damaged or not a checkpoint" in refused("compare", "lstm", "gru")


def test_a_run_in_progress(runs):
    """No evaluation yet, so no best weights, no curve and no epoch."""
    text = load_text(str(runs / "one.txt"))
    vocabulary = Vocabulary.from_text(text.train, unknown="\ufffd")
    said = load_model(runs / "gru")[2].meta["text"]
    ids = [vocabulary.encode(part) for part in (text.train, text.validation)]
    model = seed_model(LanguageModelConfig(len(vocabulary), "gru", 3, 5), 0)
    (runs / "begun").mkdir()
    begun = Run(runs / "begun", said, vocabulary, *ids, model, TrainingConfig(steps=1000))
    begun.trainer.step()
    begun.save()
    rows, said = table("lstm", "begun")
    assert (rows[1]["epochs"], rows[1]["updates"]) == (None, 1)
    assert "begun has done 1 of 1,000 updates." in said
    assert invoke("compare", "lstm", "begun", "--output", "c.png").exit_code == 0
    shutil.copytree(runs / "begun", runs / "begun2")
    assert "nothing was evaluated yet" in refused("compare", "begun", "begun2", "--output", "c.png")
    assert "begun was not evaluated yet" in refused("plot", "begun")


def test_outputs(runs):
    for name in ("t.csv", "c.png", "c.svg", "d.SVG"):
        done = invoke("compare", "lstm", "gru", "--output", name)
        assert done.exit_code == 0, done.output
        assert done.output.endswith(f"Written to {name}\n")
    with open("t.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["run"] for row in rows] == ["lstm", "gru"]
    assert float(rows[0]["nats"]) == pytest.approx(measured("lstm"), abs=1e-4)
    assert (runs / "c.png").read_bytes().startswith(b"\x89PNG")
    assert (runs / "c.svg").read_text().startswith("<svg")
    assert (runs / "c.svg").read_bytes() == (runs / "d.SVG").read_bytes()
    assert not list(runs.glob(".*"))


@pytest.mark.parametrize(
    "output, message",
    [
        ("t.txt", "--output must end in .png, .svg, .json or .csv, got t.txt"),
        ("none/t.csv", "must lie in an existing folder"),
        ("folder.csv", "must name a file, got the folder"),
    ],
)
def test_bad_outputs_are_refused_before_the_work(runs, monkeypatch, output, message):
    (runs / "folder.csv").mkdir()
    monkeypatch.setattr("rnncourse.models.score", lambda *_: pytest.fail("scored"))
    assert message in refused("compare", "lstm", "gru", "--output", output)
