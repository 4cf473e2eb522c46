"""Exercises of chapter 02, the recurrent network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from rnncourse.exercises import Exercise, NotYet, as_array, close, same_function

Params = Mapping[str, np.ndarray]
NAMES = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")


def _two_steps() -> Exercise:
    def given(rng: np.random.Generator) -> dict:
        w, u, h_0 = (float(v) for v in rng.uniform((0.3, 1.0, 0.1), (0.8, 1.4, 0.5)).round(2))
        return {"w": w, "u": u, "h_0": h_0, "x_1": 1.0, "x_2": 0.5}

    def solution(w, u, h_0, x_1, x_2):
        return np.tanh(w * np.tanh(w * h_0 + u * x_1) + u * x_2)

    def first(w, u, h_0, x_1, x_2):
        return np.tanh(w * h_0 + u * x_1)

    def no_tanh(w, u, h_0, x_1, x_2):
        return w * (w * h_0 + u * x_1) + u * x_2

    def one_tanh(w, u, h_0, x_1, x_2):
        return np.tanh(no_tanh(w, u, h_0, x_1, x_2))

    def last_sum(w, u, h_0, x_1, x_2):
        return w * first(w, u, h_0, x_1, x_2) + u * x_2

    def no_state(w, u, h_0, x_1, x_2):
        return np.tanh(u * x_2)

    def from_zero(w, u, h_0, x_1, x_2):
        return solution(w, u, 0.0, x_1, x_2)

    def old_state(w, u, h_0, x_1, x_2):
        return np.tanh(w * h_0 + u * x_2)

    def swapped(w, u, h_0, x_1, x_2):
        return solution(u, w, h_0, x_1, x_2)

    def check(answer, **given):
        hints = {
            "That is the state after one step: one more to go.": first,
            "Both tanh are missing.": no_tanh,
            "The tanh of the first step is missing: the second step reads h_1, not the sum before tanh.": one_tanh,
            "That is the sum before the last tanh.": last_sum,
            "The old state is missing: without w h_1 the second step knows nothing of the first.": no_state,
            "The first step starts from the h_0 that is given, not from 0.": from_zero,
            "The second step must read h_1, the state just computed, and not h_0 again.": old_state,
            "The two weights are exchanged: w belongs to the state, u to the input.": swapped,
        }
        close(answer, solution(**given), hints={text: wrong(**given) for text, wrong in hints.items()})
        return "The same two weights did both steps."

    return Exercise(
        id="02-1",
        given=given,
        solution=solution,
        check=check,
        wrong={
            "only one step": first,
            "no tanh": no_tanh,
            "one tanh": one_tanh,
            "sum before tanh": last_sum,
            "no state": no_state,
            "from zero": from_zero,
            "old state": old_state,
            "weights exchanged": swapped,
        },
    )


def _count() -> Exercise:
    def given(rng: np.random.Generator) -> dict:
        return {"V": int(rng.integers(30, 120)), "H": 8 * int(rng.integers(16, 64))}

    def solution(V, H):
        return H * V + H * H + 2 * H + V * H + V

    def one_bias(V, H):
        return solution(V, H) - H

    def no_bias(V, H):
        return H * V + H * H + V * H

    def no_readout(V, H):
        return H * V + H * H + 2 * H

    def no_readout_bias(V, H):
        return solution(V, H) - V

    def no_recurrent(V, H):
        return solution(V, H) - H * H

    def per_step(V, H):
        return 100 * solution(V, H)

    def check(answer, V, H):
        hints = {
            "One vector of H is missing: torch.nn.RNN has two biases.": one_bias(V, H),
            "The biases are missing: two in the recurrence, one in the readout.": no_bias(V, H),
            "That is the recurrence alone; the readout from H to V is missing.": no_readout(V, H),
            "The readout's bias, one for each symbol, is missing.": no_readout_bias(V, H),
            "The recurrent matrix, from every unit to every unit, is missing.": no_recurrent(V, H),
            "The length of the text must not enter: all steps share one set of weights.": per_step(V, H),
        }
        close(answer, solution(V, H), rtol=0, atol=0.5, hints=hints)
        return "And it would be the same number for a text of any length."

    return Exercise(
        id="02-2",
        given=given,
        solution=solution,
        check=check,
        wrong={
            "one bias": one_bias,
            "no bias": no_bias,
            "no readout": no_readout,
            "no readout bias": no_readout_bias,
            "no recurrent matrix": no_recurrent,
            "times the length": per_step,
        },
    )


def _half_life() -> Exercise:
    def given(rng: np.random.Generator) -> dict:
        return {"k": int(rng.integers(5, 40))}

    def solution(k):
        return 0.5 ** (1 / k)

    def time_constant(k):
        return np.exp(-1 / k)

    def one_minus(k):
        return 1 - 1 / k

    def halves_each_step(k):
        return 0.5**k

    def divided(k):
        return 1 - 0.5 / k

    def grows(k):
        return 2 ** (1 / k)

    def check(answer, k):
        hints = {
            "With that w a share 1/e is left after k steps; a half is wanted.": time_constant(k),
            "That is a first approximation of exp(-1/k); solve w to the power k = 1/2 exactly.": one_minus(k),
            "That is what is left after k steps with w = 1/2; here k is given and w is wanted.": halves_each_step(k),
            "That would be right if every step took away the same amount; it takes away the same share.": divided(k),
            "That w is above 1: the state doubles in k steps.": grows(k),
        }
        value = as_array(answer)
        if value.size == 1 and np.isclose(value.item(), -solution(k), rtol=1e-4):
            raise NotYet("The size is right, but with a negative w the state changes its sign at every step.")
        # Tighter than usual: the wrong answers above agree with the right one to two decimals.
        close(answer, solution(k), rtol=1e-4, atol=0, hints=hints)
        return f"After {10 * k} steps a thousandth is left."

    return Exercise(
        id="02-3",
        given=given,
        solution=solution,
        check=check,
        wrong={
            "time constant": time_constant,
            "first approximation": one_minus,
            "a half to the k": halves_each_step,
            "linear decay": divided,
            "grows": grows,
            "oscillates": lambda k: -(0.5 ** (1 / k)),
        },
    )


def _step_function() -> Exercise:
    def given(rng: np.random.Generator) -> dict:
        B, I, H = (int(v) for v in rng.choice(np.arange(2, 8), size=3, replace=False))
        return {"B": B, "I": I, "H": H}

    def right(x_t: np.ndarray, h: np.ndarray, params: Params) -> np.ndarray:
        W_ih, W_hh, b_ih, b_hh = (params[name] for name in NAMES)
        return np.tanh(x_t @ W_ih.T + b_ih + h @ W_hh.T + b_hh)

    def transposed(x_t: np.ndarray, h: np.ndarray, params: Params) -> np.ndarray:
        return right(x_t, h, {**params, "weight_hh_l0": params["weight_hh_l0"].T})

    def one_bias(x_t: np.ndarray, h: np.ndarray, params: Params) -> np.ndarray:
        return right(x_t, h, {**params, "bias_hh_l0": 0 * params["bias_hh_l0"]})

    def other_bias(x_t: np.ndarray, h: np.ndarray, params: Params) -> np.ndarray:
        return right(x_t, h, {**params, "bias_ih_l0": 0 * params["bias_ih_l0"]})

    def no_bias(x_t: np.ndarray, h: np.ndarray, params: Params) -> np.ndarray:
        return one_bias(x_t, h, {**params, "bias_ih_l0": 0 * params["bias_ih_l0"]})

    def no_tanh(x_t: np.ndarray, h: np.ndarray, params: Params) -> np.ndarray:
        W_ih, W_hh, b_ih, b_hh = (params[name] for name in NAMES)
        return x_t @ W_ih.T + b_ih + h @ W_hh.T + b_hh

    def no_state(x_t: np.ndarray, h: np.ndarray, params: Params) -> np.ndarray:
        return right(x_t, 0 * h, params)

    def late(x_t: np.ndarray, h: np.ndarray, params: Params) -> np.ndarray:
        return h

    hints = {
        "The recurrent matrix is transposed: W_hh h is coded h @ W_hh.T. Being square, it fits both ways.": transposed,
        "The bias b_hh is missing.": one_bias,
        "The bias b_ih is missing.": other_bias,
        "Both biases are missing.": no_bias,
        "The tanh is missing.": no_tanh,
        "The state h is missing: the step must depend on it.": no_state,
        "That is the state before the step; return the updated one.": late,
    }

    def cases(B: int, I: int, H: int) -> Iterator[tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]]:
        rng = np.random.default_rng(0)
        shapes = dict(zip(NAMES, ((H, I), (H, H), (H,), (H,)), strict=True))
        for _ in range(3):
            params = {name: rng.normal(scale=0.5, size=shape) for name, shape in shapes.items()}
            yield rng.normal(size=(B, I)), rng.normal(scale=0.5, size=(B, H)), params

    def check(answer, B, I, H):
        same_function(answer, right, cases(B, I, H), hints=hints)
        return "Call it T times and you have the whole network."

    return Exercise(
        id="02-4",
        given=given,
        solution=lambda B, I, H: right,
        check=check,
        wrong={
            text: lambda B, I, H, wrong=wrong: wrong  # the function is the answer
            for text, wrong in hints.items()
        },
    )


def _last_states() -> Exercise:
    def given(rng: np.random.Generator) -> dict:
        lengths = rng.permutation(np.arange(1, 10))[:4]
        return {"T": 10, "H": 3, "lengths": lengths}

    def right(output: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        return output[lengths - 1, np.arange(len(lengths))]

    def padded(output: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        return output[-1]

    def one_late(output: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        return output[lengths, np.arange(len(lengths))]

    def one_early(output: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        return output[lengths - 2, np.arange(len(lengths))]

    def all_pairs(output: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        return output[lengths - 1]

    def mean(output: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        return np.stack([output[:length, b].mean(0) for b, length in enumerate(lengths)])

    def shortest(output: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        return output[lengths.min() - 1]

    hints = {
        "That is the row after the last padding symbol: each sequence ends at its own length.": padded,
        "One step too late: the state after n steps stands in row n - 1.": one_late,
        "One step too early: the state after n steps stands in row n - 1.": one_early,
        "All times are paired with all sequences; index the batch axis too, with np.arange(B).": all_pairs,
        "That is each sequence's mean state; the last one is wanted.": mean,
        "That cuts every sequence at the shortest one.": shortest,
    }

    def check(answer, T, H, lengths):
        rng = np.random.default_rng(0)
        cases = [(rng.normal(size=(T, len(lengths), H)), lengths), (rng.normal(size=(T, 3, H)), lengths[:3])]
        same_function(answer, right, cases, hints=hints)
        return "Padding can now be as long as it likes."

    return Exercise(
        id="02-5",
        given=given,
        solution=lambda T, H, lengths: right,
        check=check,
        wrong={text: lambda T, H, lengths, wrong=wrong: wrong for text, wrong in hints.items()},
    )


def _delay_line() -> Exercise:
    def given(rng: np.random.Generator) -> dict:
        return {"k": int(rng.integers(3, 9))}

    def solution(k):
        return {
            "weight_ih_l0": np.eye(k + 1)[:, :1],
            "weight_hh_l0": np.eye(k + 1, k=-1),
            "bias_ih_l0": np.zeros(k + 1),
            "bias_hh_l0": np.zeros(k + 1),
        }

    def check(answer, k):
        params = _read_params(answer)
        H = len(params["bias_ih_l0"])
        x = np.random.default_rng(0).integers(0, 2, size=60).astype(float)
        h, last = np.zeros(H), []
        W_ih, W_hh, b_ih, b_hh = (params[name] for name in NAMES)
        for x_t in x:
            h = np.minimum(np.maximum(W_ih[:, 0] * x_t + b_ih + W_hh @ h + b_hh, 0), 1e6)
            last.append(h[-1])
        seen = np.array(last)

        def delayed(j: int) -> np.ndarray:
            return np.concatenate([np.zeros(j), x[: len(x) - j]])

        if np.allclose(seen, delayed(k), atol=1e-6):
            spare = f" You used {H}." if k + 1 < H else ""
            return f"The input of {k} steps ago needs {k + 1} units in a line.{spare}"
        if not seen.any():
            raise NotYet(
                "The last unit stays at zero: nothing arrives there. Row i, column j of W_hh leads from unit j "
                "to unit i; is W_hh transposed?"
            )
        for j in range(30):
            if np.allclose(seen, delayed(j), atol=1e-6):
                raise NotYet(f"The last unit shows the input of {j} steps ago, and not of k steps ago.")
        if params["bias_ih_l0"].any() or params["bias_hh_l0"].any():
            raise NotYet("The last unit does not repeat the input. No bias is needed: try with zeros.")
        if np.diag(W_hh).any():
            raise NotYet("A unit that feeds itself adds its own past: the diagonal of W_hh must be zero.")
        raise NotYet("The last unit does not repeat the input: each unit should copy exactly one other.", generic=True)

    def changed(k, **arrays):
        return {**solution(k), **arrays}

    return Exercise(
        id="02-6",
        given=given,
        solution=solution,
        check=check,
        wrong={
            "transposed": lambda k: changed(k, weight_hh_l0=np.eye(k + 1, k=1)),
            "one unit too few": lambda k: solution(k - 1),
            "one unit too many": lambda k: solution(k + 1),
            "units keep themselves": lambda k: changed(k, weight_hh_l0=np.eye(k + 1, k=-1) + np.eye(k + 1)),
            "a bias": lambda k: changed(k, bias_ih_l0=np.ones(k + 1)),
            "input to all units": lambda k: changed(k, weight_ih_l0=np.ones((k + 1, 1)), weight_hh_l0=np.eye(k + 1)),
        },
    )


def _read_params(answer: Any) -> dict[str, np.ndarray]:
    if not isinstance(answer, Mapping):
        raise NotYet(f"The answer must be a dict with the keys {', '.join(NAMES)}.")
    for name in NAMES:
        if name not in answer:
            raise NotYet(f"The dict lacks {name}.")
    params = {name: as_array(answer[name], name) for name in NAMES}
    W_hh = params["weight_hh_l0"]
    if W_hh.ndim != 2 or W_hh.shape[0] != W_hh.shape[1] or not W_hh.size:
        raise NotYet(f"weight_hh_l0 must be square, (H, H), and has shape {W_hh.shape}.")
    H = W_hh.shape[0]
    for name, shape in zip(NAMES, ((H, 1), (H, H), (H,), (H,)), strict=True):
        if params[name].shape != shape:
            raise NotYet(f"{name} must have shape {shape} when H = {H}, and has {params[name].shape}.")
    return params


EXERCISES = (_two_steps(), _count(), _half_life(), _step_function(), _last_states(), _delay_line())
