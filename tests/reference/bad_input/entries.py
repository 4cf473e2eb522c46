"""The table of valid arguments, and what its parts share. Sizes differ, so that no swapped axis fits by chance."""

import numpy as np

import rnncourse.reference as ref

from .spoil import Entry

T, B, I, H = 4, 3, 2, 5
rng = np.random.default_rng(0)
normal = rng.standard_normal
uniform = rng.random
LENGTHS = np.array([4, 1, 3])

# Reasons for what is legitimate.
ANY_T = {"x: axis 0 longer": "any number of steps"}
STEPS = {"x: axis 0 *": "any number of steps"}
SAME_B = "a batch of any size"
FLOAT32 = "the only floating-point array"
ANY_AXES = {"shape: one too *": "any number of axes"}
SIGN = "a bias or a factor of either sign"
# How an array's shape is spoiled, where any will do.
SHAPE = ("an axis before", "an axis behind", "first entry alone", "flat", "axis * *")


def generator():
    return np.random.default_rng(1)


ENTRIES: dict[str, Entry] = {}


def add(name, call=None, *, free=(), called=(), open=(), left=(), **arguments):
    """Put an entry into the table; `name` is that of the public callable, with a variant behind a colon."""
    call = getattr(ref, name.partition(":")[0]) if call is None else call
    ENTRIES[name] = Entry(call, arguments, dict(free), dict(called), dict(open), dict(left))
