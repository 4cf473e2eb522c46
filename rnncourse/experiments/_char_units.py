"""Hidden units of `char_rnn_numpy`'s network that follow something a reader can name."""

from __future__ import annotations

from typing import Any

import numpy as np

from rnncourse.reference import RNNLanguageModel, rnn_forward


def follow(model: RNNLanguageModel, inputs: dict[str, Any]) -> dict[str, Any]:
    """For each feature of the text, the unit that follows it best, and that unit's course over the passage.

    The correlation is measured on 20,000 characters of the validation text; a unit is taken once; its sign is turned so
    that the correlation is positive. `saturated` is the share of all units' states beyond 0.95 on those characters.
    """
    text = inputs["validation"][:20_000]
    seen = states(model, inputs["vocabulary"].encode(text))
    passage = states(model, inputs["vocabulary"].encode(inputs["passage"]))
    units: list[dict[str, Any]] = []
    for name, values in features(text).items():
        correlation = np.nan_to_num(correlations(seen, values))
        correlation[[unit["unit"] for unit in units]] = 0
        unit = int(np.abs(correlation).argmax())
        sign = 1 if correlation[unit] >= 0 else -1
        units.append(
            {
                "unit": unit,
                "follows": name,
                "correlation": float(abs(correlation[unit])),
                "sign": sign,
                "course": [round(float(h), 3) for h in sign * passage[:, unit]],
            }
        )
    return {"units": units, "saturated": float((np.abs(seen) > 0.95).mean())}


def states(model: RNNLanguageModel, ids: np.ndarray) -> np.ndarray:
    """h after each symbol, of shape (N, H)."""
    params = {name.removeprefix("rnn."): p for name, p in model.params.items() if name.startswith("rnn.")}
    x = model.params["embedding.weight"][ids[:, None]]
    output, _, _ = rnn_forward(x, model.initial_state(1), params, nonlinearity=model.nonlinearity)
    return output[:, 0]


def correlations(states: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Pearson's correlation of each unit with `values`; NaN for what never changes."""
    h = states - states.mean(0)
    v = values - values.mean()
    with np.errstate(invalid="ignore", divide="ignore"):
        return v @ h / np.sqrt((v @ v) * (h * h).sum(0))


def features(text: str) -> dict[str, np.ndarray]:
    """Things one can say about the text up to and including each character."""
    columns: dict[str, list[float]] = {
        "in a speaker's name": [],
        "position in the line": [],
        "letters since the last non-letter": [],
        "last character is a space or line end": [],
        "last character is a vowel": [],
        "last character is a capital": [],
        "last character ends a sentence": [],
        "characters since a line's or clause's end": [],
    }
    line = word = clause = 0
    lines = text.split("\n")
    row, speaker = 0, _is_speaker(lines[0])
    for c in text:
        line, word = line + 1, word + 1 if c.isalpha() else 0
        clause = 0 if c in ",.;:?!\n" else clause + 1
        if c == "\n":
            line, row = 0, row + 1
            speaker = _is_speaker(lines[row])
        values = (speaker, line, word, c in " \n", c in "aeiouAEIOU", c.isupper(), c in ".?!", clause)
        for column, value in zip(columns.values(), values, strict=True):
            column.append(float(value))
    return {name: np.array(column) for name, column in columns.items()}


def _is_speaker(line: str) -> bool:
    return line.endswith(":") and line[:1].isupper()
