"""The table of `rnncourse compare`: every run on one text, by the symbol where all have the same, else by character."""

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np

    from rnncourse.data import Codec
    from rnncourse.training.checkpoint import Checkpoint

BLOCK = 1000  # symbols or characters


class Candidate(NamedTuple):
    """A run that is compared."""

    run: Path
    model: Any
    vocabulary: "Codec"
    checkpoint: "Checkpoint"


def table(candidates: list[Candidate], read: str) -> list[dict[str, Any]]:
    """A row for each run: what it is, what it costs, what it is worth, and how far it is from the first."""
    from rnncourse.analysis import paired_difference

    losses = by_run(candidates, read)
    rows = []
    for candidate, loss in zip(candidates, losses, strict=True):
        meta, nats = candidate.checkpoint.meta, float(loss.mean())
        last = meta["history"][-1] if meta["history"] else None
        apart = paired_difference(loss, losses[0], block=BLOCK)
        first = candidate is candidates[0]
        network = getattr(candidate.model, "models", [candidate.model])[0]
        rows.append(
            {
                "run": str(candidate.run),
                "cell": meta["model"]["cell"],
                "parameters": sum(p.numel() for p in network.parameters()),
                "epochs": None if last is None else meta["done"] * last["epoch"] / last["step"],
                "updates": meta["done"],
                "seconds": meta["seconds"],
                "nats": nats,
                "bits": nats / math.log(2),
                "perplexity": math.exp(nats) if nats < 700 else None,
                "difference": None if first else apart.mean,
                "standard_error": None if first else apart.standard_error,
            }
        )
    return rows


def by_run(candidates: list[Candidate], read: str) -> "list[np.ndarray]":
    """Each run's loss for each symbol but the first; where symbols differ, for each character that all runs predict.

    Raises:
        ValueError: different symbols, of which some do not give the text back, so that characters cannot be counted.
    """
    import torch

    from rnncourse.analysis import by_character
    from rnncourse.models import score

    losses = []
    for candidate in candidates:
        ids = candidate.vocabulary.encode(read)
        if same_symbols(candidates):
            losses.append(-score(candidate.model, torch.from_numpy(ids)).numpy())
            continue
        decoder = candidate.vocabulary.decoder()
        lengths = [len(decoder.push(id)) for id in ids.tolist()]
        if sum(lengths) != len(read):
            raise ValueError(
                f"{candidate.run} has symbols that do not give the text back: it can be compared only with runs that "
                "have the same"
            )
        losses.append(by_character(-score(candidate.model, torch.from_numpy(ids)).numpy(), lengths))
    shortest = min(map(len, losses))
    return [loss[len(loss) - shortest :] for loss in losses]


def same_symbols(candidates: list[Candidate]) -> bool:
    """Whether all runs have one vocabulary."""
    return len({json.dumps(candidate.vocabulary.to_json()) for candidate in candidates}) == 1


def unknown(vocabulary: "Codec", read: str) -> int:
    """How many symbols of a text are unknown to a vocabulary; subwords know all."""
    kind = vocabulary.to_json()["kind"]
    if kind == "words":
        return int((vocabulary.encode(read) == 0).sum())
    if kind == "subwords":
        return 0
    known = set(vocabulary.symbols)
    return sum(character not in known for character in read)


def aligned(rows: list[dict[str, Any]]) -> str:
    """The table as text."""

    def cells(row: dict[str, Any]) -> list[str]:
        apart, error = row["difference"], row["standard_error"]
        return [
            row["run"],
            row["cell"],
            f"{row['parameters']:,}",
            "-" if row["epochs"] is None else f"{row['epochs']:.2f}",
            f"{row['updates']:,}",
            f"{row['seconds']:.0f}",
            f"{row['nats']:.4f}",
            f"{row['bits']:.4f}",
            "inf" if row["perplexity"] is None else f"{row['perplexity']:.3f}",
            "" if apart is None else f"{apart:+.4f}" + ("" if error is None else f" ± {error:.4f}"),
        ]

    head = ["run", "cell", "parameters", "epochs", "updates", "seconds", "nats", "bits", "perplexity", "to the first"]
    lines = [head, *map(cells, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]

    def line(texts: list[str]) -> str:
        padded = [text.rjust(width) for text, width in zip(texts, widths, strict=True)]
        padded[:2] = [text.ljust(width) for text, width in zip(texts[:2], widths[:2], strict=True)]  # names
        return "  ".join(padded).rstrip()

    return "\n".join(map(line, lines))


def notes(candidates: list[Candidate], read: str, rows: list[dict[str, Any]]) -> list[str]:
    """What a reader of the table must know."""
    same = same_symbols(candidates)
    unit = "symbol" if same else "character"
    lines = [f"{len(read):,} characters in one stream; nats and bits a {unit}."]
    if not same:
        lines.append("The runs have different symbols: all are measured by the character of the same text.")
    for candidate in candidates:
        meta = candidate.checkpoint.meta
        if count := unknown(candidate.vocabulary, read):
            lines.append(f"{count:,} symbols are unknown to {candidate.run}: it predicts only that one comes.")
        if meta["done"] < meta["config"]["steps"]:
            lines.append(f"{candidate.run} has done {meta['done']:,} of {meta['config']['steps']:,} updates.")
    if any(row["standard_error"] is not None for row in rows):
        lines.append(f"±: the standard error of the paired difference, over blocks of {BLOCK:,} {unit}s.")
    else:
        lines.append(f"No standard error: it needs {2 * BLOCK:,} {unit}s.")
    return lines
