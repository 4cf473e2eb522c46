r"""The adding task under learning-rate schedules, with and without clipping, and by depth.

Question
    Do learning-rate decay or more layers let a plain tanh network learn a dependency over a long lag, and what do they
    do to the gradient's vanishing and exploding *through training*? At fixed weights a learning rate changes no
    gradient; so every figure here is measured along the courses that training takes.

Task
    `adding`: the first marked value stands at least half a sequence before the end. Always guessing the mean has a
    squared error of 1/6, knowing only the later value 1/12. *Solved* means a held-out error below 1/24: at least half
    of what remains without the earlier value is explained.

Regimes
    short    T = 20, PyTorch's initial weights (spectral radius about 0.58: gradients vanish), Adam
    long     T = 50, else the same; decides the parts on vanishing and on success
    edge     T = 30, orthogonal initial recurrent weights, no bias, plain gradient descent at a rate at which the
             constant schedule without clipping diverged for some seeds of the pilot; decides the part on divergence

Conditions
    Schedules, one layer of 32 units: constant, exponential (to a tenth at the end), plateau (halved after more than
    five looks at validation without progress, one look every 200 steps), cosine (to 0), warm-up (linear over the first
    tenth, then constant); each with clipping at norm 1 and without; in each regime. Depth, constant rate with clipping,
    in `short` and `long`: 2, 4, 8 layers of as nearly as many parameters in all as one layer of 32 ("parameters"), and
    2, 4 layers of 32 ("width"). All conditions of a seed and regime read the same batches; all of the same shape and
    regime start from the same draws.

Chosen in pilots, on seeds from 100 on
    Of the lengths 20, 30, 40, 50, 60 and 80, 50 is where a constant rate solved the task for some seeds and rates and
    not for others (all solved 20, none 80). The exponential decay to a tenth did better than that to a hundredth.
    Initial rates are `RATES`: for each schedule with clipping and without, the best of three, by the geometric mean of
    the pilot seeds' last validation errors (short 0.002, 0.004, 0.008; long 0.001, 0.002, 0.004), and for each depth
    the best of four (short 0.001 to 0.008, long 0.0005 to 0.004). So decay is tuned as much as the constant rate; a
    rate that decays starts higher where that suits it. In `edge` all share 0.15. Two or three seeds a grid: a rate may
    be off by a step, alike for all. The pilots ran all rates at once in a version of this training, not kept, that
    has one bias a layer instead of two.

Measured
    At 16 moments of training, on a fixed probe batch: the loss, and the ratio of the loss's gradient by the inputs of
    the first quarter of the steps to that by the inputs of the last quarter (`input_gradient_by_lag`; root mean square
    over the batch, mean over the steps), as log10. At every step the gradient's norm before clipping; a *spike* is a
    norm above 10 times the median of the 200 before it, a *loss spike* a training loss above 3 times that of its own.
    *Diverged*: a training loss above 10,000, a norm above a million, or anything not finite; the run ends there.
    At the end the error on 2,000 held-out sequences. It is never taken as more than 1/6, which a constant reaches, and
    is 1/6 for a run that diverged.

Decision rules (committed before the recorded run)
    Every rule looks at ten paired differences, one a seed: the mean of the treated conditions minus that of their
    controls. With m their mean and [a, b] the 95 % t-interval, and a margin d in the statement's sense: True if a > 0
    and m >= d; False if b < d; otherwise None, undecided. "Decay" is the mean of exponential and plateau, the two the
    documents name, against constant; unless a rule says otherwise, with clipping and without, each against its like.
    1. decay_raises_ratio       `long`: mean over the moments after the start of log10 ratio; d = 0.1, a factor of 1.26
    2. decay_raises_success     `long`: share solved; d = 0.1
    3. decay_reduces_spikes     without clipping, `long` and `edge`: minus log10(1 + spikes), of pairs in which neither
                                diverged; d = 0.1
    4. decay_reduces_divergence `edge`, without clipping, exponential and plateau together. True if the constant
       schedule diverged in at least five seeds more in which at least one decay did not, than the other way round;
       False if the constant schedule diverged in at least three seeds, and no decay was spared in any of them;
       otherwise None.
    5. decay_lowers_final_loss  `short` and `long`, with clipping: minus log10 of the final held-out error; d = 0.05
    6. depth_raises_success_parameters, depth_raises_success_width    `long`: share solved, mean of the deeper networks
       minus the one-layer network; d = 0.1
    7. depth_raises_ratio_parameters, depth_raises_ratio_width    `long`: as 1, the deeper against one layer; d = 0.1
    Beside these, every single comparison is recorded with its interval and its count of signs; they decide nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from rnncourse.analysis import input_gradient_by_lag
from rnncourse.data import adding
from rnncourse.experiments._interval import t_interval
from rnncourse.reference import (
    SGD,
    Adam,
    clip_grad_norm_,
    init_rnn,
    linear_backward,
    linear_forward,
    mse_backward,
    mse_forward,
    orthogonal,
    pytorch_uniform,
    schedules,
    stacked_rnn_backward,
    stacked_rnn_forward,
)

QUESTION = (
    "Do learning-rate decay or depth let a tanh network learn the adding task over a long lag, and what do they do to "
    "vanishing and exploding gradients through training?"
)
DECISION_RULE = (
    "Paired differences of ten seeds: True if the 95 % t-interval lies above 0 and the mean reaches the margin, False "
    "if the interval lies below the margin, else undecided. Margins: log10 of the ratio of early to late input "
    "gradients 0.1; share solved (held-out error below 1/24) 0.1; log10 of 1 + spikes 0.1; log10 of the "
    "final error 0.05. Divergence is counted by seed. See the experiment's head."
)
SEEDS = 10

GUESS = 1 / 6
SOLVED = 1 / 24
SPIKE, LOSS_SPIKE, WINDOW = 10.0, 3.0, 200
LARGEST_LOSS, LARGEST_NORM = 1e4, 1e6
SCHEDULES = ("constant", "exponential", "plateau", "cosine", "warmup")
DECAYS = ("exponential", "plateau")

#: Initial rates, the best of the pilot's: by regime, then schedule and clipping, or equality and depth.
RATES: dict[str, dict[str, float]] = {
    "short": {
        "constant clipped": 0.004,
        "constant free": 0.004,
        "exponential clipped": 0.008,
        "exponential free": 0.004,
        "plateau clipped": 0.008,
        "plateau free": 0.004,
        "cosine clipped": 0.008,
        "cosine free": 0.008,
        "warmup clipped": 0.008,
        "warmup free": 0.004,
        "equal parameters, 2 layers": 0.004,
        "equal parameters, 4 layers": 0.004,
        "equal parameters, 8 layers": 0.001,
        "equal width, 2 layers": 0.002,
        "equal width, 4 layers": 0.002,
    },
    "long": {
        "constant clipped": 0.002,
        "constant free": 0.001,
        "exponential clipped": 0.002,
        "exponential free": 0.004,
        "plateau clipped": 0.004,
        "plateau free": 0.004,
        "cosine clipped": 0.002,
        "cosine free": 0.002,
        "warmup clipped": 0.001,
        "warmup free": 0.001,
        "equal parameters, 2 layers": 0.002,
        "equal parameters, 4 layers": 0.002,
        "equal parameters, 8 layers": 0.001,
        "equal width, 2 layers": 0.002,
        "equal width, 4 layers": 0.001,
    },
    "edge": {f"{schedule} {clipping}": 0.15 for schedule in SCHEDULES for clipping in ("clipped", "free")},
}

Tick = Callable[[str], None]
Params = dict[str, np.ndarray]


def settings(quick: bool) -> dict[str, Any]:
    """Everything that was chosen. `quick` is a run of seconds."""
    regimes: dict[str, dict[str, Any]] = {
        "short": {"T": 20, "steps": 6000, "optimizer": "adam", "initial": "pytorch"},
        "long": {"T": 50, "steps": 10_000, "optimizer": "adam", "initial": "pytorch"},
        "edge": {"T": 30, "steps": 5000, "optimizer": "sgd", "initial": "orthogonal"},
    }
    shapes = [("parameters", 2, 19), ("parameters", 4, 12), ("parameters", 8, 8), ("width", 2, 32), ("width", 4, 32)]
    chosen: dict[str, Any] = {
        "regimes": regimes,
        "B": 20,
        "hidden_size": 32,
        "max_norm": 1.0,
        "moments": 16,
        "probe": 100,
        "validation": 200,
        "held_out": 2000,
        "final_factor": 0.1,
        "look_every": 200,
        "plateau": {"factor": 0.5, "patience": 5},
        "warmup": 0.1,
    }
    if quick:
        for regime, T in zip(regimes.values(), (6, 8, 6), strict=True):
            regime |= {"T": T, "steps": 60}
        shapes = [("parameters", 2, 3), ("width", 2, 5)]
        chosen |= {"hidden_size": 5, "moments": 4, "probe": 10, "validation": 10, "held_out": 50, "look_every": 5}
    chosen["conditions"] = [
        {
            "regime": regime,
            "schedule": schedule,
            "clipping": clipping,
            "layers": 1,
            "hidden_size": chosen["hidden_size"],
        }
        for regime in regimes
        for schedule in SCHEDULES
        for clipping in (True, False)
    ] + [
        {"regime": regime, "schedule": "constant", "clipping": True, "equal": equal, "layers": L, "hidden_size": size}
        for regime in ("short", "long")
        for equal, L, size in shapes
    ]
    for condition in chosen["conditions"]:
        condition["lr"] = RATES[condition["regime"]][label(condition).split(" ", 1)[1]]
    return chosen


def prepare(settings: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, str]]]:
    """The fixed sets of each length, the same for every seed: probe, validation, held out."""
    inputs = {}
    for name, regime in settings["regimes"].items():
        rng = np.random.default_rng([1_000_000, regime["T"]])
        inputs[name] = {
            part: adding(rng, regime["T"], settings[part], np.float32) for part in ("probe", "validation", "held_out")
        }
    return inputs, []


def steps(settings: dict[str, Any], inputs: dict[str, Any]) -> tuple[int, int]:
    """Ticks of the progress bar for the common part and for one seed."""
    return 0, len(settings["conditions"])


def common(settings: dict[str, Any], inputs: dict[str, Any], tick: Tick) -> dict[str, Any]:
    """The yardsticks, the numbers of parameters, and the steps at which the probe is read."""
    rng = np.random.default_rng(0)
    return {
        "guess": GUESS,
        "solved_below": SOLVED,
        "conditions": [label(condition) for condition in settings["conditions"]],
        "parameters": [sum(p.size for p in new_params(c, settings, rng).values()) for c in settings["conditions"]],
        "moments": {name: _moments(regime["steps"], settings) for name, regime in settings["regimes"].items()},
    }


def one_seed(seed: int, settings: dict[str, Any], inputs: dict[str, Any], tick: Tick) -> dict[str, Any]:
    """Train every condition; each list of the result has one entry a condition, in the settings' order."""
    runs = []
    for condition in settings["conditions"]:
        runs.append(train(seed, condition, settings, inputs[condition["regime"]]))
        loss = runs[-1]["final_loss"]
        end = "diverged" if loss is None else f"{loss:.4f}"
        tick(f"seed {seed}, {condition['regime']}, {condition['schedule']}, {condition['layers']} layers: {end}")
    return {key: [run[key] for run in runs] for key in runs[0]}


# ---- one run


def new_params(condition: dict[str, Any], settings: dict[str, Any], rng: np.random.Generator) -> Params:
    """A stack with a linear read-out of the last output: `rnn.…`, `readout.weight` (1, H), `readout.bias` (1,)."""
    H, regime = condition["hidden_size"], settings["regimes"][condition["regime"]]
    params = init_rnn(rng, 2, H, np.float32, num_layers=condition["layers"])
    if regime["initial"] == "orthogonal":
        for name, p in params.items():
            if name.startswith("weight_hh"):
                params[name] = orthogonal(rng, p.shape, dtype=np.float32)
            elif name.startswith("bias"):
                params[name] = np.zeros_like(p)
    readout = {"weight": pytorch_uniform(rng, (1, H), H, np.float32), "bias": pytorch_uniform(rng, (1,), H, np.float32)}
    return {f"rnn.{name}": p for name, p in params.items()} | {f"readout.{name}": p for name, p in readout.items()}


def predict(params: Params, x: np.ndarray) -> np.ndarray:
    """The network's answers, of shape (B,), to sequences x of shape (T, B, 2)."""
    output, _, _ = stacked_rnn_forward(x, _initial_state(params, x), _stack(params))
    return linear_forward(output[-1], params["readout.weight"], params["readout.bias"])[0][:, 0]


def loss_and_grads(params: Params, x: np.ndarray, y: np.ndarray) -> tuple[float, Params, np.ndarray]:
    """The mean squared error, its gradients, and its derivative by the top layer's last output, of shape (B, H)."""
    output, _, cache = stacked_rnn_forward(x, _initial_state(params, x), _stack(params))
    answer, readout_cache = linear_forward(output[-1], params["readout.weight"], params["readout.bias"])
    loss, loss_cache = mse_forward(answer[:, 0], y)
    d_last, readout_grads = linear_backward(mse_backward(loss_cache)[:, None], readout_cache)
    d_output = np.zeros_like(output)
    d_output[-1] = d_last
    _, _, grads = stacked_rnn_backward(d_output, None, cache)
    grads = {f"rnn.{name}": g for name, g in grads.items()}
    return loss, grads | {f"readout.{name}": g for name, g in readout_grads.items()}, d_last


def log_ratio(params: Params, x: np.ndarray, y: np.ndarray) -> tuple[float, float | None]:
    """The loss, and log10 of the early inputs' gradient over the late ones'; None where one of them is 0."""
    loss, _, d_last = loss_and_grads(params, x, y)
    by_lag = input_gradient_by_lag(x, _initial_state(params, x), _stack(params), d_last)
    profile = np.sqrt(np.square(by_lag, dtype=np.float64).mean(1))
    quarter = max(1, len(profile) // 4)
    late, early = profile[:quarter].mean(), profile[-quarter:].mean()
    return loss, float(np.log10(early / late)) if early > 0 and late > 0 else None


def train(seed: int, condition: dict[str, Any], settings: dict[str, Any], sets: dict[str, Any]) -> dict[str, Any]:
    """One condition of one seed, from its first draw to its error on the held-out sequences."""
    regime = settings["regimes"][condition["regime"]]
    total, T, B = regime["steps"], regime["T"], settings["B"]
    params = new_params(condition, settings, np.random.default_rng([seed, 0]))
    optimizer = {"adam": Adam, "sgd": SGD}[regime["optimizer"]](params, condition["lr"])
    rate = _schedule(condition, settings, total)
    data = np.random.default_rng([seed, 1])
    moments = _moments(total, settings)
    norms, losses = np.full((2, total), np.nan)
    probe: list[tuple[float, float | None]] = []
    diverged = None

    for k in range(total):
        if k in moments:
            probe.append(log_ratio(params, *sets["probe"]))
        x, y = adding(data, T, B, np.float32)
        with np.errstate(over="ignore", invalid="ignore"):  # a run that diverges may overflow
            losses[k], grads, _ = loss_and_grads(params, x, y)
        norms[k] = norm = math.sqrt(sum(float(np.vdot(g, g)) for g in grads.values()))
        # NaN fails both comparisons.
        if not (losses[k] <= LARGEST_LOSS and norm <= LARGEST_NORM):
            diverged = k
            break
        if condition["clipping"]:
            clip_grad_norm_(grads, settings["max_norm"])
        optimizer.lr = rate(k, lambda: mse_forward(predict(params, sets["validation"][0]), sets["validation"][1])[0])
        optimizer.step(grads)

    made = total if diverged is None else diverged
    final = None
    if diverged is None:
        probe.append(log_ratio(params, *sets["probe"]))
        final = mse_forward(predict(params, sets["held_out"][0]), sets["held_out"][1])[0]
    probe += [(math.nan, None)] * (settings["moments"] - len(probe))
    norms, losses = norms[:made], losses[:made]
    return {
        "final_loss": None if final is None else float(f"{final:.4g}"),
        "diverged_at": diverged,
        "spikes": _spikes(norms, SPIKE),
        "loss_spikes": _spikes(losses, LOSS_SPIKE),
        "norm_median": float(f"{np.median(norms):.3g}") if made else None,
        "norm_largest": float(f"{norms.max():.3g}") if made else None,
        "share_above_max_norm": float(f"{(norms > settings['max_norm']).mean():.3g}") if made else None,
        "log_ratio": [None if ratio is None else round(ratio, 3) for _, ratio in probe],
        "probe_loss": [None if math.isnan(loss) else float(f"{loss:.3g}") for loss, _ in probe],
    }


def _schedule(
    condition: dict[str, Any], settings: dict[str, Any], total: int
) -> Callable[[int, Callable[[], float]], float]:
    """The rate before step k + 1; the second argument measures the validation loss, which only the plateau asks for."""
    lr, name = condition["lr"], condition["schedule"]
    if name == "plateau":
        plateau = schedules.Plateau(lr, **settings["plateau"])
        every = settings["look_every"]
        return lambda k, validate: plateau.step(validate()) if k % every == 0 else plateau.lr
    gamma = settings["final_factor"] ** (1 / total)
    rise = max(1, round(settings["warmup"] * total))
    return {
        "constant": lambda k, validate: schedules.constant(k, lr),
        "exponential": lambda k, validate: schedules.exponential(k, lr, gamma),
        "cosine": lambda k, validate: schedules.cosine(k, lr, total),
        "warmup": lambda k, validate: schedules.warmup(k, lr, rise, 1 / rise),
    }[name]


def _moments(total: int, settings: dict[str, Any]) -> list[int]:
    """The steps before which the probe is read; the last is the end of training."""
    return [round(total * k / (settings["moments"] - 1)) for k in range(settings["moments"])]


def _spikes(values: np.ndarray, factor: float) -> int:
    """How many values are above `factor` times the median of the WINDOW values before them."""
    if len(values) <= WINDOW:
        return 0
    before = np.lib.stride_tricks.sliding_window_view(values, WINDOW)[:-1]
    return int((values[WINDOW:] > factor * np.median(before, axis=1)).sum())


def _stack(params: Params) -> Params:
    return {name.removeprefix("rnn."): p for name, p in params.items() if name.startswith("rnn.")}


def _initial_state(params: Params, x: np.ndarray) -> np.ndarray:
    layers = sum(name.startswith("rnn.weight_hh") for name in params)
    return np.zeros((layers, x.shape[1], params["readout.weight"].shape[1]), x.dtype)


# ---- the decision


def conclude(common: dict[str, Any], seeds: list[dict[str, Any]]) -> dict[str, Any]:
    """The decision rules applied.

    `parts` holds, for each rule but the one on divergence, `outcome`, the margin, and the mean, the 95 % interval and
    the signs of the seeds' differences; `comparisons` the same figures of every condition against its control.
    """
    names = common["conditions"]

    def parts(regimes: Sequence[str], treated: Sequence[str], clippings: Sequence[str]) -> list[tuple[str, str]]:
        found = [(f"{r} {t} {c}", f"{r} constant {c}") for r in regimes for t in treated for c in clippings]
        return [pair for pair in found if pair[0] in names]

    def deeper(regime: str, equal: str) -> list[tuple[str, str]]:
        return [(name, f"{regime} constant clipped") for name in names if name.startswith(f"{regime} equal {equal}")]

    both = ("clipped", "free")
    rules = {
        "decay_raises_ratio": (_ratio, parts(["long"], DECAYS, both), 0.1),
        "decay_raises_success": (_success, parts(["long"], DECAYS, both), 0.1),
        "decay_reduces_spikes": (_fewer_spikes, parts(["long", "edge"], DECAYS, ["free"]), 0.1),
        "decay_lowers_final_loss": (_lower_loss, parts(["short", "long"], DECAYS, ["clipped"]), 0.05),
        "depth_raises_success_parameters": (_success, deeper("long", "parameters"), 0.1),
        "depth_raises_success_width": (_success, deeper("long", "width"), 0.1),
        "depth_raises_ratio_parameters": (_ratio, deeper("long", "parameters"), 0.1),
        "depth_raises_ratio_width": (_ratio, deeper("long", "width"), 0.1),
    }
    decided = {key: _judge(_paired(names, seeds, *rule[:2]), rule[2]) for key, rule in rules.items()}
    decided["decay_reduces_divergence"] = _divergence(names, seeds, parts(["edge"], DECAYS, ["free"]))
    pairs = parts(list(dict.fromkeys(name.split()[0] for name in names)), SCHEDULES[1:], both)
    pairs += [
        pair for regime in ("short", "long") for equal in ("parameters", "width") for pair in deeper(regime, equal)
    ]
    measures = {"ratio": _ratio, "success": _success, "fewer_spikes": _fewer_spikes, "lower_loss": _lower_loss}
    return {
        "outcomes": {key: part["outcome"] for key, part in decided.items()},
        "parts": decided,
        "comparisons": [
            {
                "treated": pair[0],
                "control": pair[1],
                **{key: _interval(_paired(names, seeds, measure, [pair])) for key, measure in measures.items()},
            }
            for pair in pairs
        ],
        "solved": {name: int(sum(_solved(seed, i) for seed in seeds)) for i, name in enumerate(names)},
        "diverged": {name: sum(seed["diverged_at"][i] is not None for seed in seeds) for i, name in enumerate(names)},
    }


def label(condition: dict[str, Any]) -> str:
    """A condition's name in `common["conditions"]`: "long exponential free", "long equal width, 4 layers"."""
    if "equal" in condition:
        return f"{condition['regime']} equal {condition['equal']}, {condition['layers']} layers"
    return f"{condition['regime']} {condition['schedule']} {'clipped' if condition['clipping'] else 'free'}"


def _solved(seed: dict[str, Any], i: int) -> bool:
    return seed["final_loss"][i] is not None and seed["final_loss"][i] < SOLVED


# Each measure takes a seed's entry and the places of a condition and of its control; more is in the statement's sense.
# NaN: the pair says nothing.


def _success(seed: dict[str, Any], i: int, j: int) -> float:
    return float(_solved(seed, i)) - float(_solved(seed, j))


def _ratio(seed: dict[str, Any], i: int, j: int) -> float:
    pairs = zip(seed["log_ratio"][i][1:], seed["log_ratio"][j][1:], strict=True)
    differences = [a - b for a, b in pairs if a is not None and b is not None]
    return sum(differences) / len(differences) if differences else math.nan


def _fewer_spikes(seed: dict[str, Any], i: int, j: int) -> float:
    if seed["diverged_at"][i] is not None or seed["diverged_at"][j] is not None:
        return math.nan
    return math.log10(1 + seed["spikes"][j]) - math.log10(1 + seed["spikes"][i])


def _lower_loss(seed: dict[str, Any], i: int, j: int) -> float:
    treated, control = (GUESS if seed["final_loss"][k] is None else min(seed["final_loss"][k], GUESS) for k in (i, j))
    return math.log10(control / treated)


def _paired(
    names: Sequence[str],
    seeds: list[dict[str, Any]],
    measure: Callable[[dict[str, Any], int, int], float],
    pairs: Sequence[tuple[str, str]],
) -> list[float]:
    """One difference a seed: the mean over the pairs that say something; a seed without any is left out."""
    differences = []
    for seed in seeds:
        values = [measure(seed, names.index(treated), names.index(control)) for treated, control in pairs]
        values = [value for value in values if not math.isnan(value)]
        if values:
            differences.append(sum(values) / len(values))
    return differences


def _interval(differences: Sequence[float]) -> dict[str, Any]:
    """Mean and 95 % t-interval of the differences, and how many are above and below 0; None where there are too few."""
    n = len(differences)
    mean = float(np.mean(differences)) if n else None
    low, high = t_interval(differences)
    signs = {"above": sum(d > 0 for d in differences), "below": sum(d < 0 for d in differences)}
    return {"n": n, "mean": mean, "low": low, "high": high, **signs}


def _judge(differences: Sequence[float], margin: float) -> dict[str, Any]:
    """The rule on ten paired differences: True, False, or None for undecided."""
    figures = _interval(differences)
    outcome = None
    if figures["low"] is not None:
        if figures["low"] > 0 and figures["mean"] >= margin:
            outcome = True
        elif figures["high"] < margin:
            outcome = False
    return {"outcome": outcome, "margin": margin, **figures, "differences": list(differences)}


def _divergence(names: Sequence[str], seeds: list[dict[str, Any]], pairs: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """The rule on divergence: seeds that decay spared, and seeds that only decay lost."""
    control = names.index(pairs[0][1])
    treated = [names.index(name) for name, _ in pairs]
    lost = [seed["diverged_at"][control] is not None for seed in seeds]
    decays = [[seed["diverged_at"][i] is not None for i in treated] for seed in seeds]
    spared = sum(a and not all(b) for a, b in zip(lost, decays, strict=True))
    harmed = sum(not a and any(b) for a, b in zip(lost, decays, strict=True))
    outcome = None
    if spared - harmed >= 5:
        outcome = True
    elif sum(lost) >= 3 and spared == 0:
        outcome = False
    return {"outcome": outcome, "constant_diverged": sum(lost), "spared": spared, "harmed": harmed}
