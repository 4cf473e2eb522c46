"""Exercises of chapter 03."""

from __future__ import annotations

import math

import numpy as np

from rnncourse.exercises import Exercise, NotYet, as_array, choice, close, same_function


def _two_terms() -> Exercise:
    def given(rng: np.random.Generator) -> dict:
        w, u, h_0, x_1, x_2 = (float(v) for v in rng.uniform(0.3, 0.9, size=5).round(2))
        return {"w": w, "u": u, "h_0": h_0, "x_1": x_1, "x_2": x_2}

    def states(w, u, h_0, x_1, x_2):
        h_1 = np.tanh(w * h_0 + u * x_1)
        return h_1, np.tanh(w * h_1 + u * x_2)

    def solution(w, u, h_0, x_1, x_2):
        h_1, h_2 = states(w, u, h_0, x_1, x_2)
        return (1 - h_2**2) * h_1, (1 - h_2**2) * w * (1 - h_1**2) * h_0

    def total_twice(**numbers):
        late, early = solution(**numbers)
        return late, late + early

    def swapped(**numbers):
        return solution(**numbers)[::-1]

    def no_inner_derivative(w, u, h_0, x_1, x_2):
        h_1, h_2 = states(w, u, h_0, x_1, x_2)
        return (1 - h_2**2) * h_1, (1 - h_2**2) * w * h_0

    def no_weight(w, u, h_0, x_1, x_2):
        h_1, h_2 = states(w, u, h_0, x_1, x_2)
        return (1 - h_2**2) * h_1, (1 - h_2**2) * (1 - h_1**2) * h_0

    def no_derivative(w, u, h_0, x_1, x_2):
        h_1, _ = states(w, u, h_0, x_1, x_2)
        return h_1, w * h_0

    def check(answer, **numbers):
        close(
            answer,
            solution(**numbers),
            hints={
                "The second value is the whole derivative; wanted are its two terms, one by one.": total_twice(
                    **numbers
                ),
                "The two terms stand in the other order: first the use at step 2, then the one at step 1.": swapped(
                    **numbers
                ),
                "The second term passes through tanh twice: the factor 1 - h_1² is missing.": no_inner_derivative(
                    **numbers
                ),
                "The second term travels from h_1 to h_2 along the weight: the factor w is missing.": no_weight(
                    **numbers
                ),
                "These are derivatives of the sums before tanh: every tanh on the way adds a factor 1 - h².": (
                    no_derivative(**numbers)
                ),
            },
        )
        late, early = solution(**numbers)
        return f"The early use counts {early / late:.0%} of the late one."

    return Exercise(
        id="03-1",
        given=given,
        solution=solution,
        check=check,
        wrong={
            "total as second term": total_twice,
            "order": swapped,
            "one derivative of tanh missing": no_inner_derivative,
            "weight missing": no_weight,
            "no derivative of tanh": no_derivative,
        },
    )


def _initial_state() -> Exercise:
    def given(rng: np.random.Generator) -> dict:
        return {
            # Far from symmetric, so that the transposed matrix gives another answer.
            "W_hh": np.array([[0.5, rng.uniform(0.3, 0.9)], [-rng.uniform(0.3, 0.9), 0.4]]).round(1),
            "h_1": rng.uniform(0.2, 0.6, size=2).round(2),
            "h_2": rng.uniform(-0.6, -0.2, size=2).round(2),
            "dh_2": np.array([1.0, float(rng.choice([-2.0, 2.0, 3.0]))]),
        }

    def solution(W_hh, h_1, h_2, dh_2):
        dh_1 = W_hh.T @ (dh_2 * (1 - h_2**2))
        return W_hh.T @ (dh_1 * (1 - h_1**2))

    def not_transposed(W_hh, h_1, h_2, dh_2):
        return W_hh @ ((W_hh @ (dh_2 * (1 - h_2**2))) * (1 - h_1**2))

    def one_step(W_hh, h_1, h_2, dh_2):
        return W_hh.T @ (dh_2 * (1 - h_2**2))

    def before_matrix(W_hh, h_1, h_2, dh_2):
        dh_1 = W_hh.T @ (dh_2 * (1 - h_2**2))
        return dh_1 * (1 - h_1**2)

    def linear(W_hh, h_1, h_2, dh_2):
        return W_hh.T @ (W_hh.T @ dh_2)

    def check(answer, **numbers):
        close(
            answer,
            solution(**numbers),
            hints={
                "You multiplied by W_hh; a gradient travels back through its transpose.": not_transposed(**numbers),
                "That is dh_1: one more step back to h_0.": one_step(**numbers),
                "That is da_1: the step from a_1 back to h_0 is missing.": before_matrix(**numbers),
                "The derivatives of tanh are missing.": linear(**numbers),
            },
        )

    return Exercise(
        id="03-2",
        given=given,
        solution=solution,
        check=check,
        wrong={
            "not transposed": not_transposed,
            "one step only": one_step,
            "stopped at the pre-activation": before_matrix,
            "linear": linear,
        },
    )


def _steps_to_one_per_cent() -> Exercise:
    def given(rng: np.random.Generator) -> dict:
        return {"w": round(float(rng.uniform(0.8, 1.2)), 2), "h": round(float(rng.uniform(0.45, 0.7)), 2)}

    def factor(w, h):
        return w * (1 - h**2)

    def solution(w, h):
        return math.ceil(math.log(0.01) / math.log(factor(w, h)))

    def one_short(w, h):
        return solution(w, h) - 1

    def tenth(w, h):
        return math.ceil(math.log(0.1) / math.log(factor(w, h)))

    def without_derivative(w, h):
        return math.ceil(math.log(0.01) / math.log(min(w, 0.99)))

    def squared(w, h):
        return math.ceil(math.log(0.01) / (2 * math.log(factor(w, h))))

    def check(answer, w, h):
        value = as_array(answer)
        if value.size != 1 or value != np.round(value):
            raise NotYet("The answer must be one whole number of steps.")
        close(
            value,
            solution(w, h),
            rtol=0,
            hints={
                "After that many steps the term is still a little above 1 %: round up.": one_short(w, h),
                "That many steps bring it below a tenth; wanted is a hundredth.": tenth(w, h),
                "One factor is w (1 - h²), with the derivative of tanh, not w alone.": without_derivative(w, h),
                "Each step back brings one factor, not two.": squared(w, h),
            },
        )
        return "Chapter 08 is about what such a number means for learning."

    return Exercise(
        id="03-3",
        given=given,
        solution=solution,
        check=check,
        wrong={
            "rounded down": one_short,
            "a tenth": tenth,
            "without tanh's derivative": without_derivative,
            "two factors a step": squared,
        },
    )


def _cases(seed: int, number: int = 3) -> list[tuple[np.ndarray, ...]]:
    """Argument lists (dh, h_t, h_prev, x_t, W_hh) with B = 4, I = 2, H = 3."""
    rng = np.random.default_rng(seed)
    return [
        (
            rng.normal(size=(4, 3)),
            np.tanh(rng.normal(size=(4, 3))),
            np.tanh(rng.normal(size=(4, 3))),
            rng.normal(size=(4, 2)),
            rng.normal(size=(3, 3)),
        )
        for _ in range(number)
    ]


def _backward_step() -> Exercise:
    def given(rng: np.random.Generator) -> dict:
        return {"seed": int(rng.integers(10_000))}

    def step(dh, h_t, h_prev, x_t, W_hh):
        da = dh * (1 - h_t**2)
        return da @ W_hh, da.T @ h_prev, da.T @ x_t, da.sum(0)

    def transposed(dh, h_t, h_prev, x_t, W_hh):
        da = dh * (1 - h_t**2)
        return da @ W_hh.T, da.T @ h_prev, da.T @ x_t, da.sum(0)

    def no_derivative(dh, h_t, h_prev, x_t, W_hh):
        return dh @ W_hh, dh.T @ h_prev, dh.T @ x_t, dh.sum(0)

    def derivative_at_previous(dh, h_t, h_prev, x_t, W_hh):
        return step(dh, h_prev, h_prev, x_t, W_hh)

    def sign(dh, h_t, h_prev, x_t, W_hh):
        return tuple(-part for part in step(dh, h_t, h_prev, x_t, W_hh))

    def mean(dh, h_t, h_prev, x_t, W_hh):
        back, *grads = step(dh, h_t, h_prev, x_t, W_hh)
        return back, *(grad / len(dh) for grad in grads)

    def own_state(dh, h_t, h_prev, x_t, W_hh):
        back, _, d_ih, db = step(dh, h_t, h_prev, x_t, W_hh)
        return back, (dh * (1 - h_t**2)).T @ h_t, d_ih, db

    def outer_transposed(dh, h_t, h_prev, x_t, W_hh):
        back, d_hh, d_ih, db = step(dh, h_t, h_prev, x_t, W_hh)
        return back, d_hh.T, d_ih, db

    def bias_not_summed(dh, h_t, h_prev, x_t, W_hh):
        back, d_hh, d_ih, _ = step(dh, h_t, h_prev, x_t, W_hh)
        return back, d_hh, d_ih, dh * (1 - h_t**2)

    def first_only(dh, h_t, h_prev, x_t, W_hh):
        back, _, _, _ = step(dh, h_t, h_prev, x_t, W_hh)
        return back, *step(dh[:1], h_t[:1], h_prev[:1], x_t[:1], W_hh)[1:]

    def no_square(dh, h_t, h_prev, x_t, W_hh):
        da = dh * (1 - h_t)
        return da @ W_hh, da.T @ h_prev, da.T @ x_t, da.sum(0)

    def check(answer, seed):
        same_function(
            answer,
            step,
            _cases(seed),
            hints={
                "The derivative of tanh is 1 - h_t², with the square.": no_square,
                "dh_prev is wrong, and would be right with W_hh the other way round: which of da @ W_hh and "
                "da @ W_hh.T is the row form of W_hhᵀ da?": transposed,
                "The factor 1 - h_t² is missing: multiply dh by it first; all four results are made of that product.": (
                    no_derivative
                ),
                "The derivative of tanh at step t is 1 - h_t², with the state after the step.": derivative_at_previous,
                "The sign is wrong: nothing in the equations subtracts.": sign,
                "The weights' gradients are divided by the batch size. Sum over the batch: the 1/N is in the loss and "
                "therefore in dh already.": mean,
                "dW_hh pairs da with the state that W_hh multiplied, which is the previous one.": own_state,
                "dW_hh is transposed: da's units go along the rows, as in W_hh.": outer_transposed,
                "The bias has one entry a unit: sum da over the batch.": bias_not_summed,
                "The gradients hold the first sequence of the batch only: sum the outer products over all.": first_only,
            },
        )
        return "Run it from t = T down to 1, and you have backpropagation through time."

    return Exercise(
        id="03-4",
        given=given,
        solution=lambda seed: step,
        check=check,
        wrong={
            "no square": lambda seed: no_square,
            "transposed": lambda seed: transposed,
            "no derivative": lambda seed: no_derivative,
            "derivative at the previous state": lambda seed: derivative_at_previous,
            "sign": lambda seed: sign,
            "mean instead of sum": lambda seed: mean,
            "own state": lambda seed: own_state,
            "outer product transposed": lambda seed: outer_transposed,
            "bias not summed": lambda seed: bias_not_summed,
            "outer sum missing": lambda seed: first_only,
        },
    )


def _leaky() -> Exercise:
    def given(rng: np.random.Generator) -> dict:
        return {"alpha": round(float(rng.uniform(0.2, 0.8)), 2), "seed": int(rng.integers(10_000))}

    def solution(alpha, seed):
        def step(dh, c_t, h_prev, W_hh, alpha):
            da = alpha * dh * (1 - c_t**2)
            return (1 - alpha) * dh + W_hh.T @ da, np.outer(da, h_prev)

        return step

    def no_straight_way(dh, c_t, h_prev, W_hh, alpha):
        da = alpha * dh * (1 - c_t**2)
        return W_hh.T @ da, np.outer(da, h_prev)

    def no_alpha(dh, c_t, h_prev, W_hh, alpha):
        da = dh * (1 - c_t**2)
        return (1 - alpha) * dh + W_hh.T @ da, np.outer(da, h_prev)

    def wrong_state(dh, c_t, h_prev, W_hh, alpha):
        h_t = (1 - alpha) * h_prev + alpha * c_t
        da = alpha * dh * (1 - h_t**2)
        return (1 - alpha) * dh + W_hh.T @ da, np.outer(da, h_prev)

    def plain_copy(dh, c_t, h_prev, W_hh, alpha):
        da = alpha * dh * (1 - c_t**2)
        return dh + W_hh.T @ da, np.outer(da, h_prev)

    def not_transposed(dh, c_t, h_prev, W_hh, alpha):
        da = alpha * dh * (1 - c_t**2)
        return (1 - alpha) * dh + W_hh @ da, np.outer(da, h_prev)

    def by_differences(dh, c_t, h_prev, W_hh, alpha):
        """The oracle: nudge each entry of h_prev and W_hh, and see what dh · h_t does."""
        drive = np.arctanh(c_t) - W_hh @ h_prev

        def loss(h, W):
            return dh @ ((1 - alpha) * h + alpha * np.tanh(W @ h + drive))

        d_h, d_W, eps = np.empty_like(h_prev), np.empty_like(W_hh), 1e-5
        for i in range(len(h_prev)):
            nudge = eps * np.eye(len(h_prev))[i]
            d_h[i] = (loss(h_prev + nudge, W_hh) - loss(h_prev - nudge, W_hh)) / (2 * eps)
            for j in range(len(h_prev)):
                nudge_W = np.zeros_like(W_hh)
                nudge_W[i, j] = eps
                d_W[i, j] = (loss(h_prev, W_hh + nudge_W) - loss(h_prev, W_hh - nudge_W)) / (2 * eps)
        return d_h, d_W

    def check(answer, alpha, seed):
        rng = np.random.default_rng(seed)
        cases = [
            (
                rng.normal(size=3),
                np.tanh(rng.normal(size=3)),
                rng.uniform(-1, 1, size=3),
                rng.normal(size=(3, 3)),
                alpha,
            )
            for _ in range(3)
        ]
        same_function(
            answer,
            by_differences,
            cases,
            rtol=1e-5,
            atol=1e-6,
            hints={
                "h_prev reaches h_t in two ways; the straight one, past the tanh, is missing from dh_prev.": (
                    no_straight_way
                ),
                "The tanh enters h_t times alpha: so does the gradient on its way back through it.": no_alpha,
                "tanh's value is c_t here, not h_t: its derivative is 1 - c_t².": wrong_state,
                "The straight way keeps only the share 1 - alpha of dh.": plain_copy,
                "You multiplied by W_hh; a gradient travels back through its transpose.": not_transposed,
            },
        )
        return "It agrees with central differences."

    return Exercise(
        id="03-5",
        given=given,
        solution=solution,
        check=check,
        wrong={
            "straight way missing": lambda alpha, seed: no_straight_way,
            "alpha missing": lambda alpha, seed: no_alpha,
            "derivative at h_t": lambda alpha, seed: wrong_state,
            "straight way not weighted": lambda alpha, seed: plain_copy,
            "not transposed": lambda alpha, seed: not_transposed,
        },
    )


def _detached() -> Exercise:
    letters = ("a", "b", "c", "d")
    kinds = ("late", "early", "total", "zero")

    def given(rng: np.random.Generator) -> dict:
        w, h_0 = (float(v) for v in rng.uniform(0.4, 0.9, size=2).round(2))
        h_1 = float(np.tanh(w * h_0 + 0.3))
        h_2 = float(np.tanh(w * h_1))
        late, early = (1 - h_2**2) * h_1, (1 - h_2**2) * w * (1 - h_1**2) * h_0
        values = {"late": late, "early": early, "total": late + early, "zero": 0.0}
        order = [kinds[i] for i in rng.permutation(4)]
        shown = {letter: round(values[kind], 4) for letter, kind in zip(letters, order, strict=True)}
        return {"w": w, "h_0": h_0, "h_1": round(h_1, 4), "h_2": round(h_2, 4), **shown}

    def letter_of(kind, w, h_0, h_1, h_2, **shown):
        late, early = (1 - h_2**2) * h_1, (1 - h_2**2) * w * (1 - h_1**2) * h_0
        value = {"late": late, "early": early, "total": late + early, "zero": 0.0}[kind]
        return min(letters, key=lambda letter: abs(shown[letter] - value))

    def solution(**numbers):
        return letter_of("late", **numbers)

    def check(answer, **numbers):
        choice(
            answer,
            solution(**numbers),
            options=letters,
            hints={
                letter_of("early", **numbers): "That part passes through h_1, which is exactly what detaching cuts.",
                letter_of("total", **numbers): "That is the whole derivative, as if nothing were detached.",
                letter_of("zero", **numbers): "The state's gradient is cut, but w is still used at step 2.",
            },
        )
        return "What is left is the immediate derivative."

    return Exercise(
        id="03-6",
        given=given,
        solution=solution,
        check=check,
        wrong={
            "the early term": lambda **numbers: letter_of("early", **numbers),
            "the total": lambda **numbers: letter_of("total", **numbers),
            "zero": lambda **numbers: letter_of("zero", **numbers),
        },
    )


EXERCISES = (
    _two_terms(),
    _initial_state(),
    _steps_to_one_per_cent(),
    _backward_step(),
    _leaky(),
    _detached(),
)
