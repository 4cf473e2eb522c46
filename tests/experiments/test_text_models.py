"""The experiment on texts: a quick run, and its decision rules on made-up losses."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

pytest.importorskip("torch")

from rnncourse import results
from rnncourse.experiments import text_models
from rnncourse.experiments._run import run


def test_a_quick_run() -> None:
    record = run("text_models", quick=True, bar=False)
    (seed,) = record["seeds"]
    found, conclusion = seed["words"], record["conclusion"]["words"]
    assert conclusion["network"] == found["network"] < 1.1 * math.log(record["common"]["words"]["vocab_size"])
    assert found["mixture"] < max(found["network"], found["counts"])
    assert found["updates"] == 3
    assert conclusion["network_below_counts"] is None, "one seed has no interval"
    assert 0.3 < conclusion["network_nats_a_character"] / conclusion["network"] < 0.7, "with punctuation"


def common(best: float) -> dict:
    text = {"symbols": [90, 11], "characters": [500, 50], "orders": [2, 3], "counts": [best + 1, best], "vocab_size": 9}
    return {"seconds": 1.0, "commit": None, "characters": text, "words": text}


def seeds(*losses: float) -> list[dict]:
    entry = [{"network": loss, "mixture": loss - 0.1} for loss in losses]
    return [{"characters": one, "words": one} for one in entry]


@pytest.mark.parametrize(
    "losses, decided", [((1.0, 1.1, 1.2), True), ((2.9, 3.0, 3.1), False), ((1.8, 2.0, 2.3), None), ((1.0,), None)]
)
def test_below_counts(losses, decided) -> None:
    found = text_models.conclude(common(2.0), seeds(*losses))["words"]
    assert (found["best_order"], found["best_counts"]) == (3, 2.0)
    assert found["network_below_counts"] is decided
    assert found["network_perplexity"] == pytest.approx(math.exp(sum(losses) / len(losses)))
    assert found["network_nats_a_character"] == pytest.approx(found["network"] * 10 / 50)


@pytest.mark.parametrize("loss, reached", [(1.59, True), (1.61, False)])
def test_goal(loss, reached) -> None:
    assert text_models.conclude(common(2.0), seeds(loss, loss))["characters_goal"] is reached


def test_the_recorded_conclusion_follows_from_its_seeds() -> None:
    record = results.load("text_models")
    assert len(record["seeds"]) == text_models.SEEDS
    assert record["settings"] == text_models.settings(quick=False)
    again = text_models.conclude(record["common"], record["seeds"])
    assert again["characters_goal"] == record["conclusion"]["characters_goal"]
    for name in record["settings"]:
        for key, value in again[name].items():
            found = record["conclusion"][name][key]
            assert found == (pytest.approx(value, rel=1e-3) if isinstance(value, float) else value), (name, key)


def test_the_readme_says_what_was_recorded() -> None:
    readme = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
    record = results.load("text_models")["conclusion"]
    for name, label, digits in (("characters", "characters", 3), ("words", "words", 1), ("subwords", "subwords", 1)):
        (row,) = [line for line in readme.splitlines() if re.search(rf"^\|.*\b{label} \| \d minutes? \|", line)]
        found = record[name]
        losses = [found["best_counts"], found["network"], found["mixture"]]
        figures = losses if name == "characters" else [math.exp(loss) for loss in losses]
        assert row.endswith("| " + " | ".join(f"{value:.{digits}f}" for value in figures) + " |"), row
