"""The one tolerance table, and the one way to compare.

Every tolerance is relative to the largest entry of what is expected.
"""

import numpy as np

FLOAT64 = 1e-10  # against an independent implementation in float64
FLOAT32 = 1e-5  # the same in float32
FINITE_DIFFERENCES = 1e-6  # central differences in float64


def assert_close(actual, expected, tolerance, name=""):
    """Fail unless `actual` has the shape of `expected` and deviates by at most `tolerance` of its largest entry."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape, f"{name}: shape {actual.shape}, expected {expected.shape}"
    scale = np.abs(expected).max(initial=0) or 1.0
    deviation = np.abs(actual - expected).max(initial=0) / scale
    assert deviation <= tolerance, f"{name}: off by {deviation:.2e} of the largest entry, tolerance {tolerance:.0e}"
