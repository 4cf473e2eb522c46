r"""What the state of a plain recurrent network keeps of the past, read out linearly.

Question
    How much of the input of k steps ago can be read from the state, in untrained and in trained networks, and how much
    altogether?

Measure
    Inputs are independent draws from a normal distribution, so that no input tells anything of another. A linear
    readout is fitted to say x_{t-k} from h_t, for each lag k; R² is the share of the input's variance it explains on
    sequences it was not fitted to. 1: the input can be read exactly; 0: no better than guessing the mean (a little
    below 0 by chance). A readout that is not linear might find more, so R² is a lower bound of what is kept.
    The *capacity* is the sum of R² over the lags, the short-term memory capacity of Jaeger (2001). A state of H numbers
    cannot have more than H: the inputs are uncorrelated, so R² at lag k is the squared length of the projection of a
    unit vector, one of a set at right angles, on the H-dimensional space of what a readout can say (Bessel's
    inequality).

    Ridge regression on standardised states in float64, fitted on one set of sequences; the ridge, one for a network, is
    the one with the largest sum of R² on a second set; R² is reported for a third. The three sets are the same for all
    networks of a seed. Sequences begin at a state of zeros, and their first steps, as many as the largest lag, are not
    used. `noisy_capacity` is the same with noise of 1 % of each unit's standard deviation added to the states, before
    fitting and before reading. `null` is R² after the targets were shuffled: what is seen where nothing is kept.

Decision rule (committed before the recorded run)
    For networks of 50 tanh units, without noise, over the seeds: *kept* if the smallest R² is at least 0.9, *lost* if
    the largest is at most 0.1, otherwise *undecided*.
    1. previous: lag 1, untrained, drawn as PyTorch draws it.
    2. recent: lag 10, trained to say the input of 10 steps ago.
    3. distant: lag 100, the better of two networks of the same seed: one trained to say the input of 100 steps ago, one
       trained to say all inputs from 0 to 100 steps ago.
    4. The bound is kept if no capacity exceeds the number of units by more than 0.5.
    5. Training adds capacity if the 95 % bootstrap interval of the paired difference, trained to say all inputs minus
       untrained, lies above 0; it takes capacity away if the interval lies below 0; otherwise neither.

Training
    From the seed's untrained network: Adam, gradients clipped by their norm, the learning rate falling linearly to 0,
    fresh inputs at every update, mean squared error of a linear readout over the steps that have all their lags. The
    learning rates were chosen by the training loss in trials: 0.01 beat 0.003 for the first two tasks. For the lag of
    100 alone, 0.01, 0.003 and 0.001 left it near 1, which is no learning at all, but for one trial with 0.003, in which
    it began to fall.

What was looked at before the rule was written
    Trials with the seeds 100 to 103 of most of these networks, for the grid of ridges, the number of training steps and
    the learning rates. They gave about what the rule now asks for: R² at lag 1 near 1, at lag 10 after training near 1,
    at lag 100 near 0; so the rule's outcomes were expected. The margins were not fitted to them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from rnncourse.reference import (
    Adam,
    clip_grad_norm_,
    init_rnn,
    linear_backward,
    linear_forward,
    orthogonal,
    rnn_backward,
    rnn_forward,
)

from ._readout import Parts, held_out_r2, lagged

QUESTION = (
    "How much of the input of k steps ago can be read linearly from the state of a plain recurrent network, untrained "
    "and trained, and how much altogether?"
)
KEPT, LOST, BOUND_MARGIN = 0.9, 0.1, 0.5
DECISION_RULE = (
    f"Over the seeds: kept if the smallest held-out R² is at least {KEPT}, lost if the largest is at most {LOST}, "
    "otherwise undecided. previous: lag 1, untrained; recent: lag 10, trained on it; distant: lag 100, the better of a "
    "network trained on it and one trained on all lags to 100. The bound is kept if no capacity exceeds the number of "
    f"units by more than {BOUND_MARGIN}. Training adds capacity if the 95 % bootstrap interval of the paired "
    "difference, trained on all lags minus untrained, lies above 0."
)
SEEDS = 10

Params = dict[str, np.ndarray]
Tick = Callable[[str], None]


def settings(quick: bool) -> dict[str, Any]:
    """Everything that was chosen. `quick` is a run of seconds."""
    chosen = {
        "hidden_size": 50,
        "max_lag": 200,
        "shown_lags": [*range(61), 70, 80, 90, 100, 120, 150, 200],
        "streams": 100,
        "steps": 400,
        "ridges": [10.0**e for e in (-14, -12, -10, -8, -6, -4, -2)],
        "noise": 0.01,
        "tasks": {
            "recent": {"first_lag": 10, "last_lag": 10, "T": 40, "lr": 0.01},
            "all": {"first_lag": 0, "last_lag": 100, "T": 150, "lr": 0.01},
            "distant": {"first_lag": 100, "last_lag": 100, "T": 150, "lr": 0.003},
        },
        "updates": 3000,
        "B": 32,
        "max_norm": 1.0,
        "gaussian": [[0.5, 0.1], [0.9, 0.01], [0.9, 0.1], [0.9, 1.0], [1.5, 0.1], [3.0, 0.1]],
        "linear": [0.9, 0.1],
        "orthogonal": [0.95, 0.1],
        "other_sizes": [10, 25, 100],
    }
    if quick:
        chosen |= {"hidden_size": 6, "max_lag": 12, "shown_lags": [0, 1, 3, 10, 12], "streams": 10, "steps": 60}
        chosen |= {"updates": 20, "B": 4, "other_sizes": [3], "gaussian": [[0.9, 0.1]]}
        chosen["tasks"] = {
            "recent": {"first_lag": 3, "last_lag": 3, "T": 8, "lr": 0.01},
            "all": {"first_lag": 0, "last_lag": 10, "T": 14, "lr": 0.01},
            "distant": {"first_lag": 10, "last_lag": 10, "T": 14, "lr": 0.01},
        }
    return chosen


def prepare(settings: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, str]]]:
    """Nothing: the inputs are drawn."""
    return {}, []


def steps(settings: dict[str, Any], inputs: dict[str, Any]) -> tuple[int, int]:
    """Ticks of the progress bar for the common part and for one seed: one an update, one a measured network."""
    networks = len(settings["gaussian"]) + 4 + 3 * len(settings["other_sizes"])
    return 0, networks + len(settings["tasks"]) * (settings["updates"] + 1)


def common(settings: dict[str, Any], inputs: dict[str, Any], tick: Tick) -> dict[str, Any]:
    """The lags at which R² is recorded, and those of the rule; the capacity sums over all up to the largest."""
    tasks = settings["tasks"]
    rule_lags = {"previous": 1, "recent": tasks["recent"]["last_lag"], "distant": tasks["distant"]["last_lag"]}
    return {"hidden_size": settings["hidden_size"], "lags": settings["shown_lags"], "rule_lags": rule_lags}


# ---- one seed


def one_seed(seed: int, settings: dict[str, Any], inputs: dict[str, Any], tick: Tick) -> dict[str, Any]:
    """Measure the untrained networks of a seed, train one for each task, and measure those."""
    H = settings["hidden_size"]
    rows = []
    for name, size, nonlinearity, params in _untrained(seed, settings):
        measured = _measure(params, nonlinearity, seed, settings)
        if size != H:
            measured = {"capacity": measured["capacity"]}
        rows.append({"network": name, "hidden_size": size, **measured})
        tick(f"seed {seed}: {name}, {size} units")
    for task, chosen in settings["tasks"].items():
        params = init_rnn(np.random.default_rng(seed), 1, H, np.float32)
        losses = []
        for loss in train(params, chosen, settings, np.random.default_rng([seed, 2])):
            losses.append(loss)
            tick(f"seed {seed}, {task}: training loss {loss:.3f}")
        params = {key: value.astype(float) for key, value in params.items()}
        row = {"network": f"trained: {task}", "hidden_size": H, **_measure(params, "tanh", seed, settings)}
        rows.append(row | {"radius": _radius(params["weight_hh_l0"]), "training_loss": _ends(losses)})
        tick(f"seed {seed}, {task}: measured")
    return {"networks": rows, "null": _null(seed, settings)}


def _untrained(seed: int, settings: dict[str, Any]) -> Iterator[tuple[str, int, str, Params]]:
    """Name, size, nonlinearity and weights of each untrained network."""
    H = settings["hidden_size"]
    gain, scale = settings["orthogonal"]
    for size in (H, *settings["other_sizes"]):
        yield "pytorch", size, "tanh", init_rnn(np.random.default_rng(seed), 1, size)
        for nonlinearity in ("tanh", "linear"):
            rng = np.random.default_rng([seed, 3])
            turned = _with_recurrence(orthogonal(rng, (size, size), gain), scale, rng)
            yield f"orthogonal {gain:g}, inputs {scale:g}, {nonlinearity}", size, nonlinearity, turned
    drawn = [(radius, scale, "tanh") for radius, scale in settings["gaussian"]]
    for radius, scale, nonlinearity in (*drawn, (*settings["linear"], "linear")):
        rng = np.random.default_rng([seed, 4])
        W_hh = rng.standard_normal((H, H))
        params = _with_recurrence(radius / _radius(W_hh) * W_hh, scale, rng)
        yield f"gaussian {radius:g}, inputs {scale:g}, {nonlinearity}", H, nonlinearity, params


def _with_recurrence(W_hh: np.ndarray, input_scale: float, rng: np.random.Generator) -> Params:
    H = len(W_hh)
    zeros = np.zeros(H)
    W_ih = input_scale * rng.standard_normal((H, 1))
    return {"weight_ih_l0": W_ih, "weight_hh_l0": W_hh, "bias_ih_l0": zeros, "bias_hh_l0": zeros}


def _radius(W_hh: np.ndarray) -> float:
    return float(np.abs(np.linalg.eigvals(W_hh)).max())


def _ends(losses: list[float]) -> list[float]:
    """The mean loss over the first and over the last hundred updates."""
    return [float(np.mean(losses[:100])), float(np.mean(losses[-100:]))]


def train(params: Params, task: dict[str, Any], settings: dict[str, Any], rng: np.random.Generator) -> Iterator[float]:
    """Train `params` in place to say the inputs of the task's lags; yields each update's loss."""
    T, B, first, last = task["T"], settings["B"], task["first_lag"], task["last_lag"]
    H, lags = len(params["bias_hh_l0"]), last - first + 1
    readout = {"weight": np.zeros((lags, H), np.float32), "bias": np.zeros(lags, np.float32)}
    optimizer = Adam({**params, **readout}, task["lr"])
    for update in range(settings["updates"]):
        x = rng.standard_normal((T, B, 1), dtype=np.float32)
        output, _, cache = rnn_forward(x, np.zeros((B, H), np.float32), params)
        said, readout_cache = linear_forward(output[last:], readout["weight"], readout["bias"])
        error = said - lagged(x, range(first, last + 1), T - last)
        # The error's square summed over the lags, averaged over steps and sequences.
        d_valid, grads = linear_backward(np.float32(2 / (B * (T - last))) * error, readout_cache)
        d_output = np.concatenate([np.zeros((last, B, H), np.float32), d_valid])
        grads |= rnn_backward(d_output, None, cache)[2]
        clip_grad_norm_(grads, settings["max_norm"])
        optimizer.lr = task["lr"] * (1 - update / settings["updates"])
        optimizer.step(grads)
        yield float((error * error).mean())


# ---- the measure


def _measure(params: Params, nonlinearity: str, seed: int, settings: dict[str, Any]) -> dict[str, Any]:
    """R² by lag and capacity of one network, exact and with noise on its states."""
    parts = _harvest(params, nonlinearity, seed, settings)
    r2, ridge = held_out_r2(parts, settings["ridges"])
    rng, spread = np.random.default_rng([seed, 5]), settings["noise"] * parts[0][0].std(0)
    blurred = [(h + spread * rng.standard_normal(h.shape), targets) for h, targets in parts]
    noisy, _ = held_out_r2(blurred, settings["ridges"])
    return {
        "capacity": float(r2.sum()),
        "noisy_capacity": float(noisy.sum()),
        "ridge": ridge,
        "r2": [round(float(r2[k]), 4) for k in settings["shown_lags"]],
    }


def _harvest(params: Params, nonlinearity: str, seed: int, settings: dict[str, Any]) -> Parts:
    """States (N, H) and inputs by lag (N, max_lag + 1) on three sets of sequences, the same for all networks."""
    rng, B, H = np.random.default_rng([seed, 1]), settings["streams"], len(params["bias_hh_l0"])
    parts = []
    for _ in range(3):
        x = rng.standard_normal((settings["max_lag"] + settings["steps"], B, 1))
        output, _, _ = rnn_forward(x, np.zeros((B, H)), params, nonlinearity=nonlinearity)
        targets = lagged(x, range(settings["max_lag"] + 1), settings["steps"])
        parts.append((output[settings["max_lag"] :].reshape(-1, H), targets.reshape(-1, targets.shape[-1])))
    return parts


def _null(seed: int, settings: dict[str, Any]) -> dict[str, float]:
    """R² of the untrained network with its targets shuffled: mean, smallest and largest over the lags."""
    params = init_rnn(np.random.default_rng(seed), 1, settings["hidden_size"])
    rng = np.random.default_rng([seed, 6])
    parts = [(h, rng.permutation(targets)) for h, targets in _harvest(params, "tanh", seed, settings)]
    r2, _ = held_out_r2(parts, settings["ridges"])
    return {"mean": float(r2.mean()), "smallest": float(r2.min()), "largest": float(r2.max())}


# ---- the decision


def conclude(common: dict[str, Any], seeds: list[dict[str, Any]]) -> dict[str, Any]:
    """The decision rule applied."""
    at = {part: common["lags"].index(lag) for part, lag in common["rule_lags"].items()}
    reached = [_r2(seeds, f"trained: {task}")[:, at["distant"]] for task in ("distant", "all")]
    parts = {
        "previous": _r2(seeds, "pytorch")[:, at["previous"]],
        "recent": _r2(seeds, "trained: recent")[:, at["recent"]],
        "distant": np.maximum(*reached),
    }
    capacity, H = _capacities(seeds), common["hidden_size"]
    gain = np.subtract(capacity["trained: all", H], capacity["pytorch", H])
    low, high = _bootstrap(gain)
    return {
        "parts": {name: {"outcome": kept(values), **_spread(values)} for name, values in parts.items()},
        "bound_kept": all(max(values) <= size + BOUND_MARGIN for (_, size), values in capacity.items()),
        "capacities": [
            {"network": name, "hidden_size": size, **_spread(values)} for (name, size), values in capacity.items()
        ],
        "training": {
            "difference_mean": float(gain.mean()),
            "difference_interval": [low, high],
            "outcome": "adds" if low > 0 else "takes away" if high < 0 else "neither",
        },
    }


def kept(r2: np.ndarray) -> str:
    """Rules 1 to 3 for the seeds' R²."""
    if min(r2) >= KEPT:
        return "kept"
    return "lost" if max(r2) <= LOST else "undecided"


def _r2(seeds: list[dict[str, Any]], network: str) -> np.ndarray:
    """R² of one network of the main size, of shape (seeds, lags)."""
    return np.array(
        [row["r2"] for seed in seeds for row in seed["networks"] if row["network"] == network and "r2" in row]
    )


def _capacities(seeds: list[dict[str, Any]]) -> dict[tuple[str, int], list[float]]:
    found: dict[tuple[str, int], list[float]] = {}
    for seed in seeds:
        for row in seed["networks"]:
            found.setdefault((row["network"], row["hidden_size"]), []).append(row["capacity"])
    return found


def _spread(values: np.ndarray | list[float]) -> dict[str, float]:
    return {"mean": float(np.mean(values)), "smallest": float(min(values)), "largest": float(max(values))}


def _bootstrap(differences: np.ndarray) -> tuple[float, float]:
    """The 95 % percentile interval of the mean of paired differences."""
    rng = np.random.default_rng(0)
    means = rng.choice(differences, (10_000, len(differences))).mean(1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)
