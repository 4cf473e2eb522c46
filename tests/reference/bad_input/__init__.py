"""Valid arguments of every public callable of the reference, by subject; `spoil` derives what is wrong from them."""

from . import attention, conversion, layers, losses, recurrences, stacks, text, training, weights
from .entries import ENTRIES

__all__ = [
    "ENTRIES",
    "attention",
    "conversion",
    "layers",
    "losses",
    "recurrences",
    "stacks",
    "text",
    "training",
    "weights",
]
