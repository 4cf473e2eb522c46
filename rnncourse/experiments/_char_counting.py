"""The counting side of `char_rnn_numpy`: Kneser-Ney models of every order and form, and compressors."""

from __future__ import annotations

import bz2
import gzip
import lzma
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from rnncourse.reference import KneserNey, bits_per_character

Tick = Callable[[str], None]

FORMS = {"plain": False, "modified": True}
BZIP2_BLOCK = 900_000
COMPRESSORS = {
    "gzip": lambda data: gzip.compress(data, 9, mtime=0),
    "bzip2": lambda data: bz2.compress(data, 9),
    "xz": lambda data: lzma.compress(data, preset=9 | lzma.PRESET_EXTREME),
}


def losses_by_order(form: str, settings: dict[str, Any], inputs: dict[str, Any], tick: Tick) -> list[dict[str, Any]]:
    """One form of the n-gram model at every order: its loss on the development slice and on validation."""
    V = len(inputs["vocabulary"])
    train, development = development_split(inputs["train_ids"])
    rows = []
    for order in settings["orders"]:
        model = KneserNey(order, V, modified=FORMS[form])
        chosen_by = -model.fit(train).log_prob(development)[1:].mean()
        tick(f"{form} n-gram {order}, development")
        loss = -model.fit(inputs["train_ids"]).log_prob(inputs["validation_ids"])[1:].mean()
        tick(f"{form} n-gram {order}: {loss:.3f}")
        rows.append(
            {
                "order": order,
                "validation_loss": float(loss),
                "bits_per_character": bits_per_character(float(loss)),
                "development_loss": float(chosen_by),
                "discounts": model.discounts,
                "table_entries": sum(model.sizes),
            }
        )
    return rows


def compressed(name: str, inputs: dict[str, Any], tick: Tick) -> dict[str, Any]:
    train, validation = inputs["train"].encode(), inputs["validation"].encode()
    size = COMPRESSORS[name]
    sizes = {
        "alone": {"bytes": len(size(validation))},
        "after_training": {"bytes": len(size(train + validation)) - len(size(train))},
    }
    if name == "bzip2":
        # A little less than a block, because bzip2 first writes out runs of equal bytes in its own way.
        tail = train[-max(1, int(0.99 * BZIP2_BLOCK) - len(validation)) :]
        extra = len(size(tail + validation)) - len(size(tail))
        sizes["one_block"] = {"bytes": extra, "training_bytes": len(tail)}
    tick(name)
    for entry in sizes.values():
        entry["bits_per_character"] = 8 * entry["bytes"] / len(inputs["validation"])
        entry["nats_per_character"] = entry["bits_per_character"] * math.log(2)
    return sizes


def development_split(ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The training part without its last tenth, and that tenth, by which everything was chosen."""
    cut = int(0.9 * len(ids))
    return ids[:cut], ids[cut:]
