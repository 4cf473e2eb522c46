r"""How much of a gradient reaches what lies k steps back: spectral radius, initialiser, depth, pruning.

Question
    Do the gradients of a plain recurrent network shrink or grow exponentially with the lag? Do more layers cure
    vanishing gradients? Does pruning cure vanishing or exploding ones, and does it do more than shrink the weights?

Networks
    Elman networks of H units, I normal inputs, float64. W_ih and the biases are drawn as torch.nn.RNN draws them; only
    W_hh differs. One seed draws every network once. The loss reads the last state alone, through a random direction.
    `log10` holds the decimal logarithm of the gradient's norm relative to lag 0, a mean over B sequences (of the
    logarithms: a typical gradient, not the largest). With one layer it is the gradient by the state k steps back, with
    several layers that by the input k steps back. The first part of every sequence is left out, so that the states have
    forgotten their beginning. None stands for a gradient that is exactly zero in some sequence.

    `slope` is that of the least-squares line through the natural logarithm of the gradient over the lags `fit`, in nats
    a step. `bend` is the root mean square distance from that line, divided by the distance from the line through the
    same points against the logarithm of the lag, where a power law would be straight. `early` is the natural logarithm
    at lag 5, relative to lag 0. `lyapunov` is the first Lyapunov exponent of one sequence's Jacobians.

    radius        W_hh normal, scaled to a spectral radius; tanh, ReLU, no nonlinearity; tanh once more on characters of
                  NumPy's documentation in random embeddings (`tanh, text`)
    initialisers  W_hh by nine recipes, tanh, ReLU or none. `shear`: spectral radius 0.8, far from normal
    depth         1 to 8 layers. `default`: as torch.nn.RNN draws them. `near one`: each W_hh normal of spectral radius
                  0.9; also without nonlinearity. `equal parameters`: `default`, narrower as they grow deeper, with
                  about the parameters of one layer of H units
    pruning       five networks. `small`: normal, radius 0.9, tanh. `trained`: a character model trained for a few
                  hundred steps on NumPy's documentation, measured on its validation text. `saturated`: a symmetric
                  normal matrix of radius 3, tanh, whose states are stuck near -1 and 1. `chaotic`: normal, radius 2,
                  tanh. `unbounded`: normal, radius 2, ReLU. W_hh is pruned and nothing else, and not trained again.
                  `magnitude`: the smallest weights. `random`: as many, drawn by lot. `units`: that share of the units,
                  those with the smallest weights. `..., same radius` and `..., same norm`: the pruned matrix multiplied
                  by a number so that it has the dense matrix's spectral radius or Frobenius norm. `shrunk`: nothing
                  pruned, the dense matrix multiplied by a number so that it has the radius of the one pruned by
                  magnitude. `log10_lag` is at the lag `pruning_lag`

Decision rule (committed before the recorded run)
    Intervals are 95 % percentile bootstraps of a mean over seeds, paired where networks are compared. "Exponential"
    means: |slope| at least 0.01 nats a step, and `bend` at most one half.

    Gradients shrink or grow exponentially
        shrinks         holds if at every tanh radius up to 0.7 at least 95 % of the networks are exponential with a
                        negative slope; fails if at one of them fewer than half are; else undecided.
        grows           the same for tanh, radius 2 and more, and a positive slope.
        always          fails if in some group (a nonlinearity and a radius, or a recipe) at least 95 % of the networks
                        are not exponential; holds if in every group at least 95 % are; else undecided.
        from_the_start  the gradient changes in the long run's direction from the first steps on. Fails if in some group
                        whose mean slope is beyond 0.01 either way the mean log of the gradient at lag 5 relative to
                        lag 0 has the other sign and is at least log(1.1) in size, its interval on that side; holds if
                        no group's interval reaches the other sign; else undecided.
    Deeper networks cure vanishing (the half that is about gradients)
        slower          the long-run rate falls: holds if at some depth the mean slope is at most half of one layer's in
                        size, for `default` and for `near one`; fails if at every depth it is at least three quarters of
                        it, for both; else undecided.
        larger_at_lag   `default`: the gradient at lags 10, 20, 50 and 100, relative to lag 0, is larger than with one
                        layer. Holds if at every depth and lag the paired interval is above zero; fails if at some depth
                        and lag it is below zero; else undecided.
        lasts_default   `default`: at some depth the mean gradient at lag 100 is at least 1 % of that at lag 0. Holds if
                        the interval lies above 1 % at some depth; fails if it lies below at every depth; else
                        undecided.
        lasts_near_one  the same for `near one`.
    Pruning cures vanishing or exploding gradients. Magnitude pruning decides
        vanishing             `small` and `trained`: cured if at some sparsity the gradient at the lag is at least 10
                              times the dense network's. Holds if for both the paired interval lies above 10 times at
                              some sparsity; fails if for both it lies below at every sparsity; else undecided.
        vanishing_saturated   the same for `saturated`.
        exploding             `chaotic` and `unbounded`: cured if at some sparsity the gradient no longer grows. Holds
                              if for both the interval of the slope lies below zero at some sparsity; fails if for one
                              it lies above zero at every sparsity; else undecided.
        exploding_same_radius the same when what is left is scaled back to the dense matrix's radius: is it the zeros?
    Two findings beside the parts. `only_shrinks`: at every sparsity up to 0.9, in all five networks, the mean slope
    with magnitude pruning is within 0.05 nats a step of that of `shrunk`; else false. `rate`: the mean over seeds of
    |slope - lyapunov| and of |slope - log radius| for every radius.

    A network of `pruning` is used for a part only if the dense one behaves as its name says: the mean slope below -0.01
    for vanishing, above 0.01 for exploding; otherwise its parts are undecided.

What was looked at before
    Whether it runs, how long it takes, how long the record becomes (which is why lists are short), and whether the
    dense networks of `pruning` vanish or explode, with seed 100. The `--quick` run, whose networks have 30 units.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from rnncourse.analysis import (
    gradient_by_lag,
    input_gradient_by_lag,
    lyapunov_exponents,
    spectral_radius,
    state_jacobians,
    with_spectral_radius,
)
from rnncourse.data import Vocabulary, batches, load_text
from rnncourse.reference import (
    Adam,
    RNNLanguageModel,
    identity,
    init_rnn,
    kaiming_normal,
    magnitude_mask,
    orthogonal,
    pytorch_uniform,
    random_mask,
    rnn_forward,
    tbptt,
    unit_mask,
    xavier_normal,
    xavier_uniform,
)

QUESTION = (
    "Do gradients shrink or grow exponentially with the lag, does depth cure vanishing, and does pruning cure "
    "vanishing or exploding by more than shrinking the recurrent weights?"
)
DECISION_RULE = (
    "Exponential: slope of log gradient against lag at least 0.01 nats a step in size, and half as far from a straight "
    "line as from a power law, in 95 % of the networks. Depth cures vanishing if the long-run slope halves, or if 1 % "
    "of the gradient reaches lag 100. Pruning cures vanishing if the gradient at lag 50 becomes 10 times the dense "
    "one's, exploding if the slope falls below zero, with 95 % intervals over the seeds. The module's head has it in "
    "full."
)
SEEDS = 10

EXPONENTIAL = 0.01
STRAIGHT = 0.5
EARLY = 5
GROUP = 0.95
CURE = 1.0  # decimal logarithm of 10 times
LASTS = -2.0  # decimal logarithm of 1 %
SAME_SLOPE = 0.05

Tick = Callable[[str], None]
Seeds = list[dict[str, Any]]


def settings(quick: bool) -> dict[str, Any]:
    """Everything that was chosen. `quick` is a run of seconds with few, small networks."""
    chosen = {
        "hidden_size": 100,
        "input_size": 16,
        "batch": 16,
        "steps": 300,
        "fit": [50, 200],
        "lags": [1, 2, 5, 10, 20, 50, 100, 200],
        "radii": [0.5, 0.7, 0.9, 1.0, 1.2, 1.5, 2.0, 3.0],
        "depths": [1, 2, 3, 4, 6, 8],
        "deep_steps": 500,
        "deep_fit": [200, 400],
        "deep_lags": [1, 5, 10, 20, 50, 100, 200, 400],
        "sparsities": [0.3, 0.5, 0.7, 0.9, 0.95],
        "pruning_lag": 50,
        "trained_hidden_size": 100,
        "training_steps": 300,
        "training_T": 32,
        "training_B": 16,
        "lr": 0.003,
        "max_norm": 1.0,
    }
    if quick:
        chosen |= {"hidden_size": 30, "batch": 2, "radii": [0.5, 1.0, 2.0], "depths": [1, 2], "sparsities": [0.5]}
        chosen |= {"trained_hidden_size": 30, "training_steps": 3}
    return chosen


def prepare(settings: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, str]]]:
    """NumPy's documentation as ids."""
    text = load_text("numpy-docs")
    vocabulary = Vocabulary.from_text(text.train)
    validation = "".join(c for c in text.validation if c in vocabulary.symbols)
    inputs = {
        "vocab_size": len(vocabulary),
        "train_ids": vocabulary.encode(text.train),
        "validation_ids": vocabulary.encode(validation),
    }
    return inputs, [{"name": "numpy-docs", "sha256": text.sha256}]


def steps(settings: dict[str, Any], inputs: dict[str, Any]) -> tuple[int, int]:
    """Ticks of the progress bar for the common part and for one seed."""
    return 0, len(RADIUS_ROWS) + 1 + len(DEPTH_ROWS) + len(NETWORKS)


def common(settings: dict[str, Any], inputs: dict[str, Any], tick: Tick) -> dict[str, Any]:
    """What the seeds' lists run over, and the widths at equal parameters."""
    axes = ("lags", "radii", "depths", "deep_lags", "sparsities", "pruning_lag")
    widths = [_equal_width(L, settings) for L in settings["depths"]]
    recipes = {"recipes": list(RECIPES), "recipes_with": {key: list(names) for key, names in WITH.items()}}
    return {key: settings[key] for key in axes} | {"equal_widths": widths, "methods": METHODS} | recipes


def one_seed(seed: int, settings: dict[str, Any], inputs: dict[str, Any], tick: Tick) -> dict[str, Any]:
    """Draw every network once and measure its gradients."""
    # One generator a part, so that a part's networks do not depend on how much another part drew.
    streams = np.random.default_rng(seed).spawn(4)
    return {
        "radius": _radius(streams[0], settings, inputs, tick),
        "initialisers": _initialisers(streams[1], settings, tick),
        "depth": _depth(streams[2], settings, tick),
        "pruning": _pruning(streams[3], settings, inputs, tick),
    }


# ---- spectral radius

CURVES = ("tanh", "relu")
RADIUS_ROWS = {"tanh": "tanh", "relu": "relu", "linear": "linear", "tanh, text": "tanh"}


def _radius(rng: np.random.Generator, settings: dict[str, Any], inputs: dict[str, Any], tick: Tick) -> dict[str, Any]:
    """The same draw of W_hh, W_ih and inputs at every radius and nonlinearity."""
    params, x, direction = _draw(rng, settings)
    text = _text(rng, settings, inputs)
    found: dict[str, Any] = {}
    for row, nonlinearity in RADIUS_ROWS.items():
        entries = []
        for radius in settings["radii"]:
            W = with_spectral_radius(params["weight_hh_l0"], radius)
            entries.append(
                _one_layer(
                    text if row.endswith("text") else x,
                    params | {"weight_hh_l0": W},
                    nonlinearity,
                    direction,
                    settings,
                    lyapunov=True,
                )
            )
        kept = ("slope", "bend", "lyapunov", "early", "log10")
        found[row] = {key: [entry[key] for entry in entries] for key in kept}
        if row not in CURVES:
            del found[row]["log10"]
        tick(f"radius, {row}")
    return found


# ---- initialisers

Recipe = Callable[[np.random.Generator, int], np.ndarray]

RECIPES: dict[str, Recipe] = {
    "torch": lambda rng, H: pytorch_uniform(rng, (H, H), H),
    "Xavier uniform": lambda rng, H: xavier_uniform(rng, (H, H)),
    "Xavier normal": lambda rng, H: xavier_normal(rng, (H, H)),
    "Xavier normal, gain 5/3": lambda rng, H: xavier_normal(rng, (H, H), gain=5 / 3),
    "He normal": lambda rng, H: kaiming_normal(rng, (H, H)),
    "orthogonal": lambda rng, H: orthogonal(rng, (H, H)),
    "orthogonal, gain 1.4142": lambda rng, H: orthogonal(rng, (H, H), gain=math.sqrt(2)),
    "identity": lambda rng, H: identity(H),
    "shear": lambda rng, H: shear(rng, H),
}
WITH = {
    "tanh": tuple(RECIPES),
    "relu": ("torch", "Xavier normal", "He normal", "orthogonal", "orthogonal, gain 1.4142", "identity"),
    "linear": ("orthogonal", "shear"),
}


def shear(rng: np.random.Generator, size: int) -> np.ndarray:
    """0.8 on the diagonal, 0.5 above it within blocks of 10, turned by a random rotation: far from normal."""
    W = 0.8 * np.eye(size) + 0.5 * np.eye(size, k=1) * (np.arange(1, size + 1) % 10 > 0)[:, None]
    Q = orthogonal(rng, (size, size))
    return Q @ W @ Q.T


def _initialisers(rng: np.random.Generator, settings: dict[str, Any], tick: Tick) -> dict[str, Any]:
    """Each recipe for W_hh, with each nonlinearity; `below`, the first lag with less than 1 % of the gradient."""
    params, x, direction = _draw(rng, settings)
    matrices = {name: recipe(rng, settings["hidden_size"]) for name, recipe in RECIPES.items()}
    found: dict[str, Any] = {"radius": [_round(spectral_radius(W)) for W in matrices.values()]}
    kept = ("slope", "bend", "below", "early", "log10")
    for nonlinearity, names in WITH.items():
        entries = [
            _one_layer(x, params | {"weight_hh_l0": matrices[name]}, nonlinearity, direction, settings)
            for name in names
        ]
        found[nonlinearity] = {key: [entry[key] for entry in entries] for key in kept}
    tick("initialisers")
    return found


# ---- depth

DEPTH_ROWS = {
    "default": ("tanh", None),
    "near one": ("tanh", 0.9),
    "near one, linear": ("linear", 0.9),
    "equal parameters": ("tanh", None),
}


def _depth(rng: np.random.Generator, settings: dict[str, Any], tick: Tick) -> dict[str, Any]:
    """Stacks; the deeper one contains the layers of the shallower one, except at equal parameters."""
    found: dict[str, Any] = {}
    T, B, I = settings["deep_steps"], settings["batch"], settings["input_size"]
    x = rng.standard_normal((T, B, I))
    deepest = max(settings["depths"])
    full = init_rnn(rng, I, settings["hidden_size"], num_layers=deepest)
    directions = rng.standard_normal((B, settings["hidden_size"]))
    normals = [rng.standard_normal((settings["hidden_size"],) * 2) for _ in range(deepest)]
    for row, (nonlinearity, radius) in DEPTH_ROWS.items():
        entries = []
        for L in settings["depths"]:
            if row == "equal parameters":
                H = _equal_width(L, settings)
                params = init_rnn(rng, I, H, num_layers=L)
            else:
                H = settings["hidden_size"]
                params = {name: value for name, value in full.items() if int(name.rpartition("_l")[2]) < L}
            if radius is not None:
                params |= {f"weight_hh_l{l}": with_spectral_radius(normals[l], radius) for l in range(L)}
            norms = input_gradient_by_lag(x, np.zeros((L, B, H)), params, directions[:, :H], nonlinearity=nonlinearity)
            entry = _summary(norms, settings["deep_lags"], settings["deep_fit"])
            entry["log10_at_0"] = _round(float(np.log10(norms[0]).mean()))
            entries.append({key: entry[key] for key in ("slope", "log10", "log10_at_0")})
        found[row] = {key: [entry[key] for entry in entries] for key in entries[0]}
        tick(f"depth, {row}")
    return found


def _equal_width(num_layers: int, settings: dict[str, Any]) -> int:
    """The width whose number of parameters with so many layers is nearest to one layer's of `hidden_size` units."""

    def parameters(H: int, L: int) -> int:
        return H * settings["input_size"] + (2 * L - 1) * H * H + 2 * L * H

    wanted = parameters(settings["hidden_size"], 1)
    return min(range(1, settings["hidden_size"] + 1), key=lambda H: abs(parameters(H, num_layers) - wanted))


# ---- pruning

NETWORKS = ("small", "trained", "saturated", "chaotic", "unbounded")
VANISHING = ("small", "trained")
EXPLODING = ("chaotic", "unbounded")
# Which methods' figures are recorded: a row of the matrix for each, a column for each sparsity.
METHODS = {
    "slope": (
        "magnitude",
        "random",
        "units",
        "shrunk",
        "magnitude, same radius",
        "random, same radius",
        "magnitude, same norm",
        "random, same norm",
    ),
    "log10_lag": ("magnitude", "random", "units", "shrunk", "magnitude, same radius"),
    "radius": ("magnitude", "random"),
}
DECIDING = ("magnitude", "magnitude, same radius")


def _pruning(rng: np.random.Generator, settings: dict[str, Any], inputs: dict[str, Any], tick: Tick) -> dict[str, Any]:
    found = {}
    for name in NETWORKS:
        x, params, nonlinearity, direction, extra = _network(name, rng, settings, inputs)
        dense = params["weight_hh_l0"]

        def measure(W: np.ndarray, x=x, params=params, nonlinearity=nonlinearity, direction=direction) -> dict:
            entry = _one_layer(x, params | {"weight_hh_l0": W}, nonlinearity, direction, settings)
            at_lag = _log10_at(entry, settings)
            return {"slope": entry["slope"], "log10_lag": at_lag, "radius": entry["radius"]}

        rows: dict[str, list[dict[str, Any]]] = {}
        for sparsity in settings["sparsities"]:
            for method, W in _pruned(dense, sparsity, rng).items():
                rows.setdefault(method, []).append(measure(W))
        found[name] = {"dense": measure(dense)} | extra
        for key, methods in METHODS.items():
            found[name][key] = [[entry[key] for entry in rows[method]] for method in methods]
        tick(f"pruning, {name}")
    return found


def _network(
    name: str, rng: np.random.Generator, settings: dict[str, Any], inputs: dict[str, Any]
) -> tuple[np.ndarray, dict[str, np.ndarray], str, np.ndarray, dict[str, Any]]:
    """Inputs, parameters, nonlinearity, the loss's direction, and what else is worth recording."""
    if name == "trained":
        return _trained(rng, settings, inputs)
    params, x, direction = _draw(rng, settings)
    W = params["weight_hh_l0"]
    if name == "saturated":
        W = W + W.T
    radius = {"small": 0.9, "saturated": 3.0, "chaotic": 2.0, "unbounded": 2.0}[name]
    params |= {"weight_hh_l0": with_spectral_radius(W, radius)}
    return x, params, "relu" if name == "unbounded" else "tanh", direction, {}


def _trained(
    rng: np.random.Generator, settings: dict[str, Any], inputs: dict[str, Any]
) -> tuple[np.ndarray, dict[str, np.ndarray], str, np.ndarray, dict[str, Any]]:
    """A character model after a few hundred steps of training, and validation text as its input."""
    H, T, B = settings["trained_hidden_size"], settings["training_T"], settings["training_B"]
    model = RNNLanguageModel(inputs["vocab_size"], settings["input_size"], H, rng=rng, dtype=np.float64)
    x = _windows(rng, settings, inputs["validation_ids"])
    direction = rng.standard_normal((settings["batch"], H))

    def layer() -> tuple[np.ndarray, dict[str, np.ndarray]]:
        weights = {key.removeprefix("rnn."): value for key, value in model.params.items() if key.startswith("rnn.")}
        return model.params["embedding.weight"][x], weights

    untrained = _one_layer(*layer(), "tanh", direction, settings)
    needed = settings["training_steps"] * T * B + 1
    start = int(rng.integers(len(inputs["train_ids"]) - needed))
    windows = batches(inputs["train_ids"][start : start + needed], T, B)
    losses = [
        step.loss for step in tbptt(model, windows, Adam(model.params, settings["lr"]), max_norm=settings["max_norm"])
    ]
    embedded, params = layer()
    extra = {
        "untrained": {"slope": untrained["slope"], "log10_lag": _log10_at(untrained, settings)},
        "training_loss": _round(float(np.mean(losses[-20:]))),
    }
    return embedded, params, "tanh", direction, extra


def _pruned(dense: np.ndarray, sparsity: float, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Each method's matrix. One that has lost all its eigenvalues cannot be scaled and stays as it is."""

    def to_radius(W: np.ndarray, radius: float) -> np.ndarray:
        return with_spectral_radius(W, radius) if spectral_radius(W) > 1e-9 else W

    radius, norm = spectral_radius(dense), np.linalg.norm(dense)
    masks = {
        "magnitude": magnitude_mask(dense, sparsity),
        "random": random_mask(rng, dense.shape, sparsity),
        "units": unit_mask(dense, sparsity),
    }
    found = {name: dense * mask for name, mask in masks.items()}
    for name in ("magnitude", "random"):
        found[f"{name}, same radius"] = to_radius(found[name], radius)
        found[f"{name}, same norm"] = found[name] * (norm / np.linalg.norm(found[name]))
    found["shrunk"] = to_radius(dense, spectral_radius(found["magnitude"]))
    return found


# ---- measuring


def _draw(rng: np.random.Generator, settings: dict[str, Any]) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """A layer as torch draws it, but W_hh normal; independent normal inputs; the loss's direction."""
    T, B, I, H = settings["steps"], settings["batch"], settings["input_size"], settings["hidden_size"]
    params = init_rnn(rng, I, H) | {"weight_hh_l0": rng.standard_normal((H, H)) / math.sqrt(H)}
    return params, rng.standard_normal((T, B, I)), rng.standard_normal((B, H))


def _text(rng: np.random.Generator, settings: dict[str, Any], inputs: dict[str, Any]) -> np.ndarray:
    """Windows of the text in random embeddings, of shape (T, B, I)."""
    embedding = rng.standard_normal((inputs["vocab_size"], settings["input_size"]))
    return embedding[_windows(rng, settings, inputs["validation_ids"])]


def _windows(rng: np.random.Generator, settings: dict[str, Any], ids: np.ndarray) -> np.ndarray:
    """Ids of random windows, of shape (T, B)."""
    starts = rng.integers(len(ids) - settings["steps"], size=settings["batch"])
    return ids[np.arange(settings["steps"])[:, None] + starts]


def _one_layer(
    x: np.ndarray,
    params: dict[str, np.ndarray],
    nonlinearity: str,
    direction: np.ndarray,
    settings: dict[str, Any],
    *,
    lyapunov: bool = False,
) -> dict[str, Any]:
    W = params["weight_hh_l0"]
    _, _, cache = rnn_forward(x, np.zeros((x.shape[1], len(W))), params, nonlinearity=nonlinearity)
    entry = _summary(gradient_by_lag(cache, direction), settings["lags"], settings["fit"])
    entry["radius"] = _round(spectral_radius(W))
    if lyapunov:
        _, _, first = rnn_forward(x[:, :1], np.zeros((1, len(W))), params, nonlinearity=nonlinearity)
        exponent = lyapunov_exponents(state_jacobians(first)[-settings["fit"][1] :, 0])[0]
        entry["lyapunov"] = _round(float(exponent))
    return entry


def _summary(norms: np.ndarray, lags: list[int], fit: list[int]) -> dict[str, Any]:
    """Slope, straightness, the recorded lags, and the first lag with less than 1 %, from norms of shape (K, B).

    Raises:
        FloatingPointError: a gradient overflowed.
    """
    if not np.isfinite(norms[: max(*lags, *fit) + 1]).all():
        raise FloatingPointError("a gradient overflowed: choose a smaller radius, or fewer steps")
    with np.errstate(divide="ignore"):
        logs = np.log(norms).mean(axis=1)
    relative = logs - logs[0]
    k = np.arange(fit[0], min(fit[1] + 1, len(relative)))
    slope, line = _straight(k, relative[k])
    _, power = _straight(np.log(k), relative[k])
    bend = None if line is None else _round(line / power) if power > 0 else 1.0
    low = np.flatnonzero(relative < math.log(0.01))
    return {
        "slope": slope,
        "bend": bend,
        "below": int(low[0]) if len(low) else None,
        "early": _round(float(relative[EARLY])),
        "log10": [_round(float(value)) for value in relative[lags] / math.log(10)],
    }


def _straight(x: np.ndarray, y: np.ndarray) -> tuple[float | None, float | None]:
    """Slope of the least-squares line and root mean square distance from it; None if y has an infinity."""
    if not np.isfinite(y).all():
        return None, None
    dx, dy = x - x.mean(), y - y.mean()
    slope = float(dx @ dy / (dx @ dx))
    return _round(slope), float(np.sqrt(np.mean((dy - slope * dx) ** 2)))


def _log10_at(entry: dict[str, Any], settings: dict[str, Any]) -> float | None:
    return entry["log10"][settings["lags"].index(settings["pruning_lag"])]


def _round(value: float) -> float | None:
    """Three significant digits, and at most four after the point, are enough and keep the record short."""
    return round(float(f"{value:.3g}"), 4) if math.isfinite(value) else None


# ---- the decision


def conclude(common: dict[str, Any], seeds: Seeds) -> dict[str, Any]:
    """The decision rule applied: for each claim its `parts`, True, False or None (undecided), and the figures."""
    return {
        "gradients-exponential": _conclude_exponential(common, seeds),
        "deeper-fixes-vanishing": _conclude_depth(common, seeds),
        "pruning-cures-gradients": _conclude_pruning(common, seeds),
    }


def _conclude_exponential(common: dict[str, Any], seeds: Seeds) -> dict[str, Any]:
    groups = dict(_groups(common, seeds))
    shares = {name: _shares(networks) for name, networks in groups.items()}
    tanh = dict(zip(common["radii"], (shares[f"tanh, radius {radius}"] for radius in common["radii"]), strict=True))
    start = {name: _start(networks) for name, networks in groups.items()}
    opposite = [name for name, (other, _) in start.items() if other]
    neither = [name for name, share in shares.items() if share["neither"] >= GROUP]
    parts = {
        "shrinks": _in_all([share["shrinks"] for radius, share in tanh.items() if radius <= 0.7]),
        "grows": _in_all([share["grows"] for radius, share in tanh.items() if radius >= 2]),
        "always": _decide(
            yes=all(share["shrinks"] + share["grows"] >= GROUP for share in shares.values()), no=bool(neither)
        ),
        "from_the_start": _decide(yes=all(same for _, same in start.values()), no=bool(opposite)),
    }
    rows = {row: _rate(row, common, seeds) for row in RADIUS_ROWS}
    return {
        "parts": parts,
        "not_exponential": neither,
        "other_direction_first": opposite,
        "mixed": [name for name, share in shares.items() if max(share.values()) < GROUP],
        "rate": rows,
    }


def _groups(common: dict[str, Any], seeds: Seeds) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Every group's name and its networks, one a seed."""
    keys = ("slope", "bend", "early")
    columns = [("radius", row, i, f"{row}, radius {r}") for row in RADIUS_ROWS for i, r in enumerate(common["radii"])]
    for nonlinearity, names in common["recipes_with"].items():
        columns += [("initialisers", nonlinearity, i, f"{nonlinearity}, {name}") for i, name in enumerate(names)]
    for part, row, i, name in columns:
        yield name, [{key: seed[part][row][key][i] for key in keys} for seed in seeds]


def _shares(networks: list[dict[str, Any]]) -> dict[str, float]:
    """The share of the networks that shrink or grow exponentially, and that do neither; the rest lost its gradient."""
    found = {"shrinks": 0.0, "grows": 0.0, "neither": 0.0}
    for network in networks:
        if network["slope"] is None:
            continue
        straight = abs(network["slope"]) >= EXPONENTIAL and network["bend"] <= STRAIGHT
        found["neither" if not straight else "shrinks" if network["slope"] < 0 else "grows"] += 1 / len(networks)
    return found


def _start(networks: list[dict[str, Any]]) -> tuple[bool, bool]:
    """Whether the gradient first goes the other way, and whether it surely does not."""
    slope = _mean(_floats([network["slope"] for network in networks]))
    if not abs(slope) > EXPONENTIAL:
        return False, True
    against = [-math.copysign(1, slope) * value for value in _floats([network["early"] for network in networks])]
    low, high = _interval(against)
    return low > 0 and _mean(against) >= math.log(1.1), high <= 0


def _in_all(shares: list[float]) -> bool | None:
    return _decide(yes=min(shares) >= GROUP, no=min(shares) < 0.5)


def _rate(row: str, common: dict[str, Any], seeds: Seeds) -> dict[str, Any]:
    """Slope, Lyapunov exponent and the logarithm of the radius: means over the seeds, by radius; onset of growth."""

    def column(key: str) -> np.ndarray:
        return np.array([_floats(seed["radius"][row][key]) for seed in seeds])

    slope, exponent, log_radius = column("slope"), column("lyapunov"), np.log(common["radii"])
    onsets = [_crossing(common["radii"], values) for values in exponent]
    known = [onset for onset in onsets if onset is not None]
    return {
        "slope": _rounded(slope.mean(0)),
        "lyapunov": _rounded(exponent.mean(0)),
        "slope_from_lyapunov": _rounded(np.abs(slope - exponent).mean(0)),
        "slope_from_log_radius": _rounded(np.abs(slope - log_radius).mean(0)),
        "onset_mean": _round(_mean(known)) if len(known) == len(seeds) else None,
        "onset_range": [min(known), max(known)] if len(known) == len(seeds) else None,
    }


def _crossing(radii: list[float], exponents: np.ndarray) -> float | None:
    """The radius at which the exponent becomes positive, by a straight line between the two radii around it."""
    for i in range(1, len(radii)):
        low, high = exponents[i - 1], exponents[i]
        if low <= 0 < high:
            return _round(float(radii[i - 1] + (radii[i] - radii[i - 1]) * -low / (high - low)))
    return None


GAIN_LAGS = (10, 20, 50, 100)


def _conclude_depth(common: dict[str, Any], seeds: Seeds) -> dict[str, Any]:
    depths, lags = common["depths"], common["deep_lags"]
    figures: dict[str, Any] = {}
    for row in DEPTH_ROWS:
        slopes = np.array([_floats(seed["depth"][row]["slope"]) for seed in seeds])
        logs = np.array([[_floats(values) for values in seed["depth"][row]["log10"]] for seed in seeds])
        size = logs + np.array([_floats(seed["depth"][row]["log10_at_0"]) for seed in seeds])[..., None]
        figures[row] = {
            "slope": _rounded(slopes.mean(0)),
            "slope_share": _rounded(slopes.mean(0) / slopes.mean(0)[0]),
            "log10_at_100": [_triple(column) for column in logs[:, :, lags.index(100)].T],
            "log10_gain": {str(k): [_triple(g) for g in _against_one(logs, lags.index(k))[1:]] for k in GAIN_LAGS},
            "log10_gain_absolute": {str(k): _rounded(_against_one(size, lags.index(k))[1:].mean(1)) for k in GAIN_LAGS},
        }
    share = {row: [abs(value) for value in figures[row]["slope_share"][1:]] for row in ("default", "near one")}
    gains = [triple for triples in figures["default"]["log10_gain"].values() for triple in triples]
    parts = {
        "slower": _decide(
            yes=all(min(values) <= 0.5 for values in share.values()),
            no=all(min(values) >= 0.75 for values in share.values()),
        ),
        "larger_at_lag": _decide(yes=all(low > 0 for _, low, _ in gains), no=any(high < 0 for _, _, high in gains)),
    }
    for row, part in (("default", "lasts_default"), ("near one", "lasts_near_one")):
        reached = figures[row]["log10_at_100"][1:]
        parts[part] = _decide(
            yes=any(low > LASTS for _, low, _ in reached), no=all(high < LASTS for _, _, high in reached)
        )
    return {"parts": parts, "depths": depths, **figures}


def _against_one(logs: np.ndarray, lag: int) -> np.ndarray:
    """Paired differences from one layer's, of shape (depths, seeds)."""
    return (logs[:, :, lag] - logs[:, :1, lag]).T


def _conclude_pruning(common: dict[str, Any], seeds: Seeds) -> dict[str, Any]:
    figures = {name: _figures_of(name, seeds) for name in NETWORKS}
    parts = {
        "vanishing": _cured_vanishing(VANISHING, figures),
        "vanishing_saturated": _cured_vanishing(("saturated",), figures),
        "exploding": _cured_exploding("magnitude", figures),
        "exploding_same_radius": _cured_exploding("magnitude, same radius", figures),
    }
    apart = {}
    for name in NETWORKS:
        pruned, shrunk = (_floats(figures[name][method]["slope"]) for method in ("magnitude", "shrunk"))
        apart[name] = [_round(p - s) for p, s in zip(pruned, shrunk, strict=True)]
    small = [
        difference is not None and abs(difference) <= SAME_SLOPE
        for differences in apart.values()
        for difference, sparsity in zip(differences, common["sparsities"], strict=True)
        if sparsity <= 0.9
    ]
    return {
        "parts": parts,
        "only_shrinks": all(small),
        "slope_from_shrunk": apart,
        "sparsities": common["sparsities"],
        "networks": figures,
    }


def _figures_of(name: str, seeds: Seeds) -> dict[str, Any]:
    """Of one network: the dense one's mean slope, and by method and sparsity what pruning did."""
    entries = [seed["pruning"][name] for seed in seeds]
    dense = np.array(_floats([entry["dense"]["log10_lag"] for entry in entries]))
    found: dict[str, Any] = {
        "dense": {
            "slope": _triple(_floats([entry["dense"]["slope"] for entry in entries])),
            "log10_lag": _round(float(dense.mean())),
        }
    }
    for i, method in enumerate(METHODS["slope"]):
        slopes = np.array([_floats(entry["slope"][i]) for entry in entries])
        found[method] = {"slope": _rounded(slopes.mean(0))}
        if method in DECIDING:
            found[method]["slope_interval"] = [_triple(column)[1:] for column in slopes.T]
    for i, method in enumerate(METHODS["log10_lag"]):
        logs = np.array([_floats(entry["log10_lag"][i]) for entry in entries])
        found[method]["log10_gain"] = [_triple(column - dense) for column in logs.T]
    return found


def _cured_vanishing(names: tuple[str, ...], figures: dict[str, Any]) -> bool | None:
    cured, not_cured = [], []
    for name in names:
        gains = figures[name]["magnitude"]["log10_gain"]
        vanishes = _floats(figures[name]["dense"]["slope"])[0] < -EXPONENTIAL
        cured.append(vanishes and any(low is not None and low > CURE for _, low, _ in gains))
        not_cured.append(vanishes and all(high is None or high < CURE for _, _, high in gains))
    return _decide(yes=all(cured), no=all(not_cured))


def _cured_exploding(method: str, figures: dict[str, Any]) -> bool | None:
    networks = [figures[name] for name in EXPLODING]
    if not all(_floats(network["dense"]["slope"])[0] > EXPONENTIAL for network in networks):
        return None
    cured = [any(high is None or high < 0 for _, high in network[method]["slope_interval"]) for network in networks]
    not_cured = [
        all(low is not None and low > 0 for low, _ in network[method]["slope_interval"]) for network in networks
    ]
    return _decide(yes=all(cured), no=any(not_cured))


def _decide(*, yes: bool, no: bool) -> bool | None:
    return True if yes else False if no else None


def _floats(values: list[float | None]) -> list[float]:
    """None, a gradient that is zero, as minus infinity."""
    return [-math.inf if value is None else value for value in values]


def _mean(values: Any) -> float:
    return float(np.mean(values)) if len(values) else math.nan


def _interval(values: Any) -> tuple[float, float]:
    """95 % percentile bootstrap of the mean."""
    values = np.asarray(values, dtype=np.float64)
    if not np.isfinite(values).all():
        return -math.inf, float(values.max())
    picks = np.random.default_rng(0).integers(len(values), size=(2000, len(values)))
    low, high = np.percentile(values[picks].mean(axis=1), [2.5, 97.5])
    return float(low), float(high)


def _triple(values: Any) -> list[float | None]:
    """Mean and interval; None stands for minus infinity."""
    return [_round(value) for value in (_mean(values), *_interval(values))]


def _rounded(values: np.ndarray) -> list[float | None]:
    return [_round(float(value)) for value in values]
