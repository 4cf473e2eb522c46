"""How much of the inputs a linear readout finds in the states: held-out R² by lag."""

from __future__ import annotations

import numpy as np

Parts = list[tuple[np.ndarray, np.ndarray]]


def lagged(x: np.ndarray, lags: range, steps: int) -> np.ndarray:
    """The inputs of earlier steps beside each of the last ones.

    Args:
        x: inputs, of shape (T, B, 1).
        lags: how many steps before; the largest is at most T - steps.
        steps: how many of the last steps.

    Returns:
        Of shape (steps, B, len(lags)): at (t, b, i) the input of lags[i] steps before.
    """
    T = len(x)
    return np.stack([x[T - steps - k : T - k, :, 0] for k in lags], axis=-1)


def held_out_r2(parts: Parts, ridges: list[float]) -> tuple[np.ndarray, float]:
    """R² of linear readouts on the third of three parts.

    Args:
        parts: states (N, H) and targets (N, K) to fit on, to choose the ridge by, and to report.
        ridges: penalties to choose from, for states of unit variance, a sample.

    Returns:
        R² of each target on the third part, of shape (K,), and the ridge.
    """
    states, targets = parts[0]
    mean, scale, offset = states.mean(0), states.std(0), targets.mean(0)
    # QR first: what follows then costs nothing in N. And no product of the states with themselves is formed, which
    # would lose the traces weaker than the square root of float64's precision.
    squeezed = []
    for h, y in parts:
        Q, R = np.linalg.qr((h - mean) / scale)
        Qy = Q.T @ (y - offset)
        rest = np.maximum(((y - offset) ** 2).sum(0) - (Qy**2).sum(0), 0)
        squeezed.append((R, Qy, rest, len(y) * y.var(0)))
    U, s, Vt = np.linalg.svd(squeezed[0][0])
    Uy = U.T @ squeezed[0][1]

    def r2(ridge: float, part: int) -> np.ndarray:
        readout = Vt.T @ ((s / (s * s + ridge * len(states)))[:, None] * Uy)
        R, Qy, rest, total = squeezed[part]
        return 1 - (rest + ((Qy - R @ readout) ** 2).sum(0)) / total

    chosen = max(ridges, key=lambda ridge: r2(ridge, 1).sum())
    return r2(chosen, 2), chosen
