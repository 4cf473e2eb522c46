r"""What `rnncourse train` reaches on public texts with nothing but its defaults, beside Kneser-Ney counts.

Question
    How low is the loss after a minute of training on two processor cores, and do a word model and a subword model
    predict better than counts of the same symbols?

Runs
    characters   tiny Shakespeare, 60 seconds
    words        the State of the Union addresses, words, 180 seconds
    subwords     tiny Shakespeare, 1,024 byte pairs, 120 seconds
    Each is `rnncourse.training.session.begin`, `Run.go` and `finish`, which is what the command `train` does; apart
    from text, unit, size and time all is the default. The time holds reading the text, counting, the trial that turns
    seconds into updates, the updates and the evaluations; the closing measurements come after it.

Measured
    The mean surprise of each symbol of the whole validation split (the last tenth of the text), read in one stream, the
    state carried: of the network, of its counts (modified Kneser-Ney, order 7), and of both mixed by a weight that was
    found on text which neither had seen. For characters of all units the same sum by the number of characters.
    Once for all seeds: modified Kneser-Ney counts of the whole training text by order, the opponents. The best order
    is taken by its validation loss, which favours the counts.

Decision rules (committed before the recorded run)
    1. characters_goal: True if the mean over the seeds of the mixture's loss is at most 1.50 nats a character, else
       False.
    2. For words and for subwords, network and mixture: `below_counts` is True if the upper end of the 95 % t-interval
       of the loss minus that of the best counts lies below 0, False if its lower end lies above 0, else None.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rnncourse.data import load_corpus
from rnncourse.experiments._interval import t_interval

QUESTION = (
    "How low is the loss of `rnncourse train` with its defaults after a minute on two cores, and do word and subword "
    "models predict better than Kneser-Ney counts?"
)
DECISION_RULE = (
    "Characters: True if the mixture's mean validation loss is at most 1.50 nats. Words, subwords: True if the 95 % "
    "t-interval over the seeds of loss minus the best counts' loss lies below 0, False if above, else undecided."
)
SEEDS = 3

GOAL = 1.50

Tick = Callable[[str], None]


def settings(quick: bool) -> dict[str, Any]:
    """The runs: what `begin` is given, and the orders of the counts beside them."""
    if quick:
        small = {"steps": 3, "hidden_size": 16, "embedding_size": 16, "ngram": 2, "evaluations": 1, "threads": 1}
        text = {"text": "numpy-docs", "validation": 0.002, "unit": "words", "size": 200}
        return {"words": {"orders": [1, 2], "begin": {**text, **small}}}
    return {
        "characters": {"orders": [5, 6, 7, 8], "begin": {"text": "shakespeare", "seconds": 60.0}},
        "words": {"orders": [2, 3, 4, 5], "begin": {"text": "state_union", "unit": "words", "seconds": 180.0}},
        "subwords": {
            "orders": [3, 4, 5, 6],
            "begin": {"text": "shakespeare", "unit": "subwords", "size": 1024, "seconds": 120.0},
        },
    }


def prepare(settings: Mapping[str, Any]) -> tuple[dict[str, Any], list[dict[str, str]]]:
    """The texts as ids, and what they are."""
    corpora = {name: _corpus(chosen["begin"]) for name, chosen in settings.items()}
    said = {corpus.name: corpus.sha256 for corpus in corpora.values()}
    return corpora, [{"name": name, "sha256": digest} for name, digest in said.items()]


def steps(settings: Mapping[str, Any], inputs: Any) -> tuple[int, int]:
    """Ticks of the common part and of a seed."""
    return sum(len(chosen["orders"]) for chosen in settings.values()), len(settings)


def common(settings: Mapping[str, Any], inputs: Mapping[str, Any], tick: Tick) -> dict[str, Any]:
    """The counts' losses by order, and the sizes of the texts."""
    import torch

    from rnncourse.models import NGramModel, score

    torch.set_num_threads(1)
    found = {}
    for name, chosen in settings.items():
        corpus = inputs[name]
        V, ids = len(corpus.vocabulary), torch.from_numpy(corpus.validation.astype(np.int64))
        losses = []
        for order in chosen["orders"]:
            model = NGramModel.fit(corpus.train, order=order, vocab_size=V, modified=True)
            losses.append(-score(model, ids).mean().item())
            tick(f"{name}, {order}-grams")
        found[name] = {
            "symbols": [len(corpus.train), len(corpus.validation)],
            "characters": [corpus.train_characters, corpus.validation_characters],
            "vocab_size": V,
            "unknown": float(np.mean(corpus.validation == 0)) if corpus.unit == "words" else 0.0,
            "orders": list(chosen["orders"]),
            "counts": losses,
        }
    return found


def one_seed(seed: int, settings: Mapping[str, Any], inputs: Any, tick: Tick) -> dict[str, Any]:
    """Each model trained and measured."""
    import torch

    from rnncourse.training.session import begin, finish

    found = {}
    for name, chosen in settings.items():
        options = dict(chosen["begin"])
        with tempfile.TemporaryDirectory() as folder:
            run = begin(options.pop("text"), Path(folder), seed=seed, say=lambda _: None, **options)
            run.go()
            torch.set_num_threads(1)
            companion, measured = finish(run)
        found[name] = {
            "network": measured.network,
            "counts": measured.counts,
            "mixture": measured.both,
            "weight": float(companion.weights[0]),
            "updates": run.trainer.done,
            "epochs": run.trainer.done / len(run.trainer.windows),
            "parameters": sum(p.numel() for p in run.model.parameters()),
            "model": run.model.config.to_json(),
            "training": run.config.to_json(),
            "threads": run.text["threads"],
            "seconds_of_updates": run.seconds,
            "validation": [row["validation_loss"] for row in run.history],
        }
        tick(f"{name}, seed {seed}")
    return found


def conclude(common: Mapping[str, Any], seeds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The decision rules applied."""
    found: dict[str, Any] = {}
    for name, text in common.items():
        if not isinstance(text, Mapping) or "counts" not in text:
            continue  # the runner's own entries: seconds, date, commit
        best = min(text["counts"])
        found[name] = {"best_counts": best, "best_order": text["orders"][text["counts"].index(best)]}
        for kind in ("network", "mixture"):
            losses = [entry[name][kind] for entry in seeds]
            low, high = t_interval([loss - best for loss in losses])
            mean = float(np.mean(losses))
            found[name] |= {
                kind: mean,
                f"{kind}_sd": float(np.std(losses, ddof=1)) if len(losses) > 1 else None,
                f"{kind}_perplexity": math.exp(mean),
                f"{kind}_nats_a_character": mean * (text["symbols"][1] - 1) / text["characters"][1],
                f"{kind}_below_counts": None if low is None else True if high < 0 else False if low > 0 else None,
            }
    if "characters" in found:
        found["characters_goal"] = found["characters"]["mixture"] <= GOAL
    return found


def _corpus(options: Mapping[str, Any]) -> Any:
    chosen = {name: options[name] for name in ("unit", "size", "validation") if name in options}
    return load_corpus(options["text"], **chosen)
