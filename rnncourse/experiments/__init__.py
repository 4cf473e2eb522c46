"""The long, many-seed runs behind the book's figures: one file an experiment.

`rnncourse experiment` lists them, `rnncourse experiment NAME` runs one. Each module offers

- a docstring with the question, the method and the decision rule, committed before the recorded run;
- `QUESTION` and `DECISION_RULE`, the two in short, which go into the record;
- `SEEDS`, how many seeds a recorded run has;
- `settings(quick)`: everything that was chosen, as a dict for JSON;
- `prepare(settings)`: the data, as `(inputs, provenance)`, the second a list of `{"name", "sha256"}`;
- `common(settings, inputs, tick)`: what does not depend on a seed, as a dict for JSON;
- `one_seed(seed, settings, inputs, tick)`: one run, as a dict for JSON;
- `conclude(common, seeds)`: the decision rule applied, as a dict for JSON;
- `steps(settings, inputs)`: how many ticks the common part and one seed make, for the progress bar.

`tick(text)` moves the progress bar by one and shows `text` beside it.
"""

from __future__ import annotations

from types import ModuleType

from .._registry import load_listed

__all__ = ["EXPERIMENTS", "load"]

EXPERIMENTS = {
    "adding_problem": "the adding task over 1,000 and 5,000 steps: cells and gate biases (chapter 09)",
    "char_rnn_numpy": "a character model in NumPy on tiny Shakespeare, beside n-grams and compressors (chapter 04)",
    "formal_languages": "counting, brackets and Reber's grammar: how far from the entropy, and beyond (chapter 09)",
    "gradient_by_lag": "gradients by lag: spectral radius, initialisers, depth, pruning (chapter 08)",
    "long_lag_training": "the adding task under learning-rate schedules, clipping and depth (chapter 08)",
    "memory_of_past": "what a plain network's state keeps of its inputs, untrained and trained (chapter 02)",
    "text_models": "`rnncourse train` with its defaults beside counts: characters, words, subwords (chapters 05, 06)",
}


def load(name: str) -> ModuleType:
    """The module of the experiment `name`, imported now and not before.

    Raises:
        KeyError: there is no such experiment; the message lists those there are.
    """
    return load_listed("experiment", __name__, EXPERIMENTS, name)
