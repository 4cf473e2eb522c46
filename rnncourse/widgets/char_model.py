"""The widget of chapter 04: a trained character model types on from the reader's prompt and shows its hidden state."""

from __future__ import annotations

import datetime
import sys
import time
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from .._checks import check_number
from ..data import Vocabulary
from ..reference import RNNLanguageModel, softmax
from . import Built
from ._pack import pack, unpack

__all__ = ["build", "course", "from_data", "uniform"]

_TITLE = "A character model types on"
_MATRICES = ("embedding.weight", "rnn.weight_ih_l0", "rnn.weight_hh_l0", "readout.weight")


def build(
    *,
    model: RNNLanguageModel,
    vocabulary: Vocabulary,
    prompt: str | None = None,
    temperature: float = 0.8,
    units: Sequence[Mapping[str, Any]] = (),
    about: Sequence[str] = (),
    provenance: Mapping[str, Any] | None = None,
) -> Built:
    """The widget's data and picture. The matrices are quantised to 8 bits with one scale a row; biases stay float32.

    Args:
        model: the trained model.
        vocabulary: its characters.
        prompt: what stands in the field at first. None: a line end, or the first symbol where there is none.
        temperature: at first, 0 to 2.
        units: hidden units for the reader to try, each with its number `unit`, what it `follows` in words, the
            `correlation` (its size) and its `sign`: 1 if the unit goes up with it, -1 if down.
        about: sentences shown under "About this model". Without any, its size alone is told.
        provenance: where the weights come from, kept in the data file.

    Returns:
        The same for the same arguments.

    Raises:
        TypeError: `model` or `vocabulary` is something else.
        ValueError: they do not go together, the prompt has characters that the model does not know.
    """
    if not isinstance(model, RNNLanguageModel):
        raise TypeError(f"model must be a rnncourse.reference.RNNLanguageModel, got {type(model).__name__}")
    if not isinstance(vocabulary, Vocabulary):
        raise TypeError(f"vocabulary must be a rnncourse.data.Vocabulary, got {type(vocabulary).__name__}")
    if len(vocabulary) != model.vocab_size:
        raise ValueError(f"vocabulary must have the model's {model.vocab_size} symbols, got {len(vocabulary)}")
    if check_number("temperature", temperature, at_least=0) > 2:
        raise ValueError(f"temperature must be 0 to 2, which is where the slider ends, got {temperature!r}")
    if prompt is None:
        prompt = "\n" if "\n" in vocabulary.symbols else vocabulary.symbols[0]
    strange = sorted(set(prompt) - set(vocabulary.symbols))
    if strange or not prompt:
        raise ValueError(f"prompt must be characters of the vocabulary, at least one, got {strange or 'none'}")
    data = {
        "symbols": "".join(vocabulary.symbols),
        "prompt": prompt,
        "temperature": temperature,
        "nonlinearity": model.nonlinearity,
        "units": [{key: unit[key] for key in ("unit", "follows", "correlation", "sign")} for unit in units],
        "about": list(about) or [_size(model)],
        "provenance": dict(provenance or {}),
        "weights": {name: pack(array, quantise=name in _MATRICES) for name, array in model.params.items()},
    }
    state, following, text = _typed(data, 420)
    alt = (
        f"On the left a text that a character model has typed, coloured by one hidden unit; below it the model's "
        f"{model.hidden_size} hidden units as a grid of coloured cells, beside the likeliest next characters as bars."
    )
    return Built(data, _picture(data, state, following, text), _TITLE, alt)


def from_data(data: Mapping[str, Any]) -> tuple[RNNLanguageModel, Vocabulary]:
    """The model that the page runs: the quantised weights, read back into float64.

    Args:
        data: what `rnncourse.widgets.read("char-model")` gives.
    """
    vocabulary = Vocabulary(tuple(data["symbols"]))
    params = {name: unpack(packed) for name, packed in data["weights"].items()}
    V, E = params["embedding.weight"].shape
    H = params["readout.weight"].shape[1]
    model = RNNLanguageModel(V, E, H, nonlinearity=data["nonlinearity"], rng=np.random.default_rng(0), dtype=np.float64)
    model.params.update(params)
    return model, vocabulary


class uniform(np.random.Generator):
    """The page's random numbers in [0, 1): mulberry32, a public-domain generator of 32 bits by Tommy Ettinger.

    As `rng` in `rnncourse.reference.sample` it types what the page types. Only `random` draws the page's numbers.

    Args:
        seed: the page's seed.
    """

    def __init__(self, seed: int) -> None:
        super().__init__(np.random.PCG64(0))
        self.state = seed % 2**32

    def random(self, size: int | tuple[int, ...] | None = None) -> Any:
        """The next number, or an array of the next ones."""
        if size is None:
            return self._next()
        drawn = np.empty(size)
        drawn.flat = [self._next() for _ in range(drawn.size)]
        return drawn

    def _next(self) -> float:
        mask = 2**32 - 1
        self.state = (self.state + 0x6D2B79F5) & mask
        t = ((self.state ^ (self.state >> 15)) * (self.state | 1)) & mask
        t ^= (t + (((t ^ (t >> 7)) * (t | 61)) & mask)) & mask
        return (t ^ (t >> 14)) / 2**32


def course(*, quick: bool = False, seed: int = 0) -> dict[str, Any]:
    """Train the course's own model and say all about it: the options of `build`. Three minutes on one core.

    The recipe is that of the recorded experiment char_rnn_numpy; with seed 0 it gives, on the same machine and
    versions, that experiment's network.

    Args:
        quick: seconds, on NumPy's docs; its figures mean nothing.
        seed: of the initial weights and the order of the text.

    Raises:
        rnncourse.data.DataError: the text cannot be had.
    """
    from ..experiments import char_rnn_numpy as experiment
    from ..experiments._char_units import follow
    from ..experiments._record import code_state, environment, now

    settings = {**experiment.settings(quick), "smaller": []}
    inputs, data = experiment.prepare(settings)
    rng = np.random.default_rng(seed)
    vocabulary, ids = inputs["vocabulary"], inputs["validation_ids"]
    sizes = (len(vocabulary), settings["embedding_size"], settings["hidden_size"])
    model = RNNLanguageModel(*sizes, rng=rng, dtype=np.float32)
    _, total = experiment.steps(settings, inputs)
    start = time.perf_counter()
    losses = _progress(experiment.train(model, settings, inputs["train_ids"], total, rng), total)
    seconds, loss = time.perf_counter() - start, model.evaluate(ids)
    units: list[dict[str, Any]] = []
    options = {"model": model, "vocabulary": vocabulary, "prompt": inputs["prompt"], "units": units}
    packed, _ = from_data(build(**options).data)
    quantised = packed.evaluate(ids)
    found = sorted(follow(packed, inputs)["units"], key=lambda unit: -unit["correlation"])
    units += [{**unit, "correlation": round(unit["correlation"], 3)} for unit in found]
    provenance = {
        "command": "rnncourse widget char-model" + " --quick" * quick,
        "date": now(),
        **code_state(),
        "seed": seed,
        "steps": total,
        "seconds": round(seconds, 1),
        "settings": {key: settings[key] for key in ("T", "B", "epochs", "lr", "final_lr", "max_norm")},
        "data": data,
        "last_training_loss": round(float(np.mean(losses[-100:])), 6),
        "validation_characters": len(ids) - 1,
        "validation_loss_float32": round(loss, 6),
        "validation_loss_int8": round(quantised, 6),
        **environment(),
    }
    about = [
        _size(model),
        f"It was trained for {total:,} steps on {_words(data[0]['name'])} by the recipe of the recorded experiment "
        f"char_rnn_numpy, seed {seed} (commit {(provenance['commit'] or 'unknown')[:10]}, "
        f"{datetime.date.fromisoformat(provenance['date'][:10]):%d %B %Y}).",
        f"On the {len(ids) - 1:,} held-out characters its loss is {loss:.4f} nats a character with the weights as "
        f"trained and {quantised:.4f} with the 8-bit weights that this page runs.",
        "Your browser computes everything in double precision; nothing is sent anywhere. The random numbers are "
        "mulberry32's: the same seed, prompt and temperature give the same text.",
    ]
    return {**options, "about": about, "provenance": provenance}


def _progress(losses: Any, total: int) -> list[float]:
    from tqdm import tqdm

    return list(tqdm(losses, total=total, desc="char-model", unit="step", mininterval=0.5, file=sys.stderr))


def _size(model: RNNLanguageModel) -> str:
    count = sum(array.size for array in model.params.values())
    return (
        f"A plain Elman network: {model.hidden_size} {model.nonlinearity} units, {model.vocab_size} characters, "
        f"{count:,} weights; the matrices are stored in 8 bits with one scale a row."
    )


def _words(text: str) -> str:
    return {"shakespeare": "tiny Shakespeare", "numpy-docs": "NumPy's docstrings"}.get(text, text)


# ---- the picture for where no script runs: SVG text, so that it is small, sharp on paper and the same every time


def _typed(data: Mapping[str, Any], length: int) -> tuple[np.ndarray, np.ndarray, list[tuple[str, np.ndarray]]]:
    """What the page types at first (seed 1): the last state, the next character's distribution, each with its state."""
    model, vocabulary = from_data(data)
    random, temperature = uniform(1), data["temperature"]
    h, read = model.initial_state(1), []
    ids = list(vocabulary.encode(data["prompt"]))
    lines = 0
    for i in range(len(ids) + length):
        if i == len(ids):
            break
        logits, h, _ = model.forward(np.array([[ids[i]]]), h)
        read.append((vocabulary.symbols[ids[i]], h[0]))
        lines += vocabulary.symbols[ids[i]] == "\n"
        z = logits[0, 0] - logits[0, 0].max()
        p = softmax(z / temperature) if temperature else (z == 0).astype(np.float64)
        if lines >= 11 and vocabulary.symbols[ids[i]] != "\n":
            break
        if i + 1 == len(ids) and len(ids) < len(data["prompt"]) + length:
            cumulative = p.cumsum()
            ids.append(int(np.searchsorted(cumulative, random.random() * cumulative[-1], side="right")))
    return h[0], p, read


_INK, _MUTED, _RULE = "#222832", "#5d6470", "#d8d3c8"
_BELOW, _ZERO, _ABOVE, _BAR = (0x5B, 0x3D, 0x9E), (0xF2, 0xEF, 0xE9), (0xC2, 0x5E, 0x00), "#1f6391"


def _colour(value: float, share: float = 1.0) -> str:
    end = _BELOW if value < 0 else _ABOVE
    part = min(1.0, abs(float(value)))
    mixed = [part * e + (1 - part) * z for e, z in zip(end, _ZERO, strict=True)]
    return "#" + "".join(f"{round(share * m + (1 - share) * 255):02x}" for m in mixed)


def _picture(data: Mapping[str, Any], h: np.ndarray, p: np.ndarray, read: list[tuple[str, np.ndarray]]) -> str:
    unit = data["units"][0]["unit"] if data["units"] else 0
    width, margin, line, advance, wide = 760, 14, 19, 8.0, 90
    mono = 'font-family="ui-monospace, Menlo, Consolas, DejaVu Sans Mono, monospace" font-size="13"'
    parts, cells, letters = [], [], []
    y0 = margin + 16
    typed = _lines(read, wide)
    for row, entries in enumerate(typed):
        for column, (_, state) in enumerate(entries):
            x, y = margin + column * advance, y0 + row * line - 13
            cells.append(
                f'<rect x="{x:g}" y="{y}" width="{advance:g}" height="17" fill="{_colour(state[unit], 0.45)}"/>'
            )
    for i, entries in enumerate(typed):
        # The length is given, so that the letters stand in their cells whatever font is there.
        text = "".join("↵" if symbol == "\n" else symbol for symbol, _ in entries)
        shown = escape(text).replace(" ", "\u00a0")
        letters.append(f'<text x="{margin}" y="{y0 + i * line}" textLength="{len(text) * advance:g}">{shown}</text>')
    parts += [*cells, f'<g {mono} fill="{_INK}">', *letters, "</g>"]
    top = y0 + len(typed) * line + 14
    sans = 'font-family="Source Sans 3, Helvetica, Arial, DejaVu Sans, sans-serif" font-size="14"'
    H = len(h)
    columns = _columns(H)
    size = min(18.0, 420 / columns)
    heading = f"Hidden state: {H} units (the text: unit {unit})"
    parts.append(f'<text {sans} x="{margin}" y="{top}" fill="{_INK}" font-weight="600">{heading}</text>')
    right = margin + 470
    parts.append(f'<text {sans} x="{right}" y="{top}" fill="{_INK}" font-weight="600">Next character</text>')
    for i, value in enumerate(h):
        x, y = margin + (i % columns) * size, top + 12 + (i // columns) * size
        parts.append(f'<rect x="{x:g}" y="{y:g}" width="{size - 1:g}" height="{size - 1:g}" fill="{_colour(value)}"/>')
    for rank, symbol in enumerate(np.argsort(-p, kind="stable")[:8]):
        y, name = top + 30 + rank * 30, data["symbols"][symbol]
        shown = escape({" ": "␣", "\n": "↵"}.get(name, name))
        parts.append(f'<text {mono} x="{right}" y="{y}" fill="{_INK}">{shown}</text>')
        parts.append(f'<rect x="{right + 22}" y="{y - 12}" width="150" height="16" fill="{_RULE}" opacity="0.5"/>')
        parts.append(f'<rect x="{right + 22}" y="{y - 12}" width="{150 * p[symbol]:.1f}" height="16" fill="{_BAR}"/>')
        share = f"{100 * p[symbol]:.1f} %"
        end = right + 250
        parts.append(f'<text {sans} x="{end}" y="{y}" text-anchor="end" fill="{_MUTED}">{share}</text>')
    rows = -(-H // columns)
    height = round(top + max(12 + rows * size, 30 + 7 * 30) + margin)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
    return "\n".join([head, f'<rect width="{width}" height="{height}" fill="#ffffff"/>', *parts, "</svg>\n"])


def _lines(read: list[tuple[str, np.ndarray]], wide: int) -> list[list[tuple[str, np.ndarray]]]:
    """The characters in lines, broken at line ends and, where a line is too long, after a space."""
    lines: list[list[tuple[str, np.ndarray]]] = [[]]
    for entry in read:
        if len(lines[-1]) == wide:
            spaces = [i for i, (symbol, _) in enumerate(lines[-1]) if symbol == " "]
            cut = spaces[-1] + 1 if spaces else wide
            lines.append(lines[-1][cut:])
            del lines[-2][cut:]
        lines[-1].append(entry)
        if entry[0] == "\n":
            lines.append([])
    return [line for line in lines if line]


def _columns(H: int) -> int:
    """Cells in a row of the grid, as the script has it."""
    found = [n for n in (24, 32, 16, 20, 12, 10, 8) if H % n == 0 and H // n <= n]
    return found[0] if found else int(np.ceil(np.sqrt(1.5 * H)))
