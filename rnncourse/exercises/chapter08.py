"""Exercises of chapter 08."""

from __future__ import annotations

from math import comb

import numpy as np

from rnncourse.exercises import Exercise, NotYet, as_array, choice, close, same_function


def _factor_a_step() -> Exercise:
    def given(rng: np.random.Generator) -> dict:
        return {"w": round(float(rng.uniform(1.2, 1.9)), 2), "h": rng.uniform(-0.85, 0.85, size=4).round(2)}

    def factors(w, h):
        return np.abs(w * (1 - h**2))

    def solution(w, h):
        return float(np.log(factors(w, h)).mean())

    def log_of_mean(w, h):
        return float(np.log(factors(w, h).mean()))

    def summed(w, h):
        return 4 * solution(w, h)

    def no_slope(w, h):
        return float(np.log(w))

    def no_weight(w, h):
        return float(np.log(1 - h**2).mean())

    def factor(w, h):
        return float(np.exp(solution(w, h)))

    def decimal(w, h):
        return float(np.log10(factors(w, h)).mean())

    def check(answer, **g):
        hints = {
            "Factors multiply, so it is their logarithms that are averaged: you averaged first.": log_of_mean(**g),
            "That is the rate over all four steps together: divide by their number.": summed(**g),
            "The slope of tanh is missing: each step brings a factor 1 - h² besides w.": no_slope(**g),
            "The weight is missing: each step brings a factor w besides 1 - h².": no_weight(**g),
            "That is the factor a step. The rate in nats is its natural logarithm.": factor(**g),
            "Nats want the natural logarithm, not the decimal one.": decimal(**g),
        }
        close(answer, solution(**g), hints=hints)
        return f"After 100 such steps a gradient would be {np.exp(100 * solution(**g)):.0e} times what it was."

    return Exercise(
        id="08-1",
        given=given,
        solution=solution,
        check=check,
        wrong={
            "logarithm of the mean": log_of_mean,
            "summed": summed,
            "no slope": no_slope,
            "no weight": no_weight,
            "the factor itself": factor,
            "decimal logarithm": decimal,
        },
    )


def _shear() -> Exercise:
    def given(rng: np.random.Generator) -> dict:
        return {
            "rho": round(float(rng.choice([0.72, 0.78, 0.83, 0.87, 0.92, 0.94])), 2),
            "s": round(float(rng.uniform(1.5, 3.5)), 1),
            "k": int(rng.integers(4, 9)),
        }

    def peak(rho):
        steps = np.arange(1, 1000)
        return int(steps[np.argmax(steps * rho ** (steps - 1.0))])

    def solution(rho, s, k):
        return k * rho ** (k - 1) * s, peak(rho)

    def power_one_too_many(rho, s, k):
        return k * rho**k * s, peak(rho)

    def not_added_up(rho, s, k):
        return rho ** (k - 1) * s, peak(rho)

    def entry_by_entry(rho, s, k):
        return s**k, peak(rho)

    def rounded_down(rho, s, k):
        return k * rho ** (k - 1) * s, 1

    def not_whole(rho, s, k):
        return k * rho ** (k - 1) * s, 1 / np.log(1 / rho)

    def check(answer, **g):
        step = as_array(answer[1]) if isinstance(answer, tuple | list) and len(answer) == 2 else np.array(0)
        if step.size == 1 and step.item() != round(step.item()):
            raise NotYet("Steps are whole: compare the corner at the whole numbers around yours.")
        hints = {
            "Of the k factors one is the s, so only k - 1 are rho.": power_one_too_many(**g),
            "The shear happens at each of the k steps, and all k contributions add up.": not_added_up(**g),
            "A power of a matrix is a repeated product of matrices, not the power of each entry.": entry_by_entry(**g),
            "The corner is not largest at the first step: compare k + 1 with k, one more k against one more rho.": (
                rounded_down(**g)
            ),
        }
        close(answer, solution(**g), hints=hints)
        return f"Both eigenvalues are {g['rho']:g}, and still it grows until step {peak(g['rho'])}."

    return Exercise(
        id="08-2",
        given=given,
        solution=solution,
        check=check,
        wrong={
            "one rho too many": power_one_too_many,
            "contributions not added": not_added_up,
            "entry by entry": entry_by_entry,
            "largest at once": rounded_down,
            "between two steps": not_whole,
        },
    )


def _what_the_bounds_tell() -> Exercise:
    # nonlinearity, sigma_1, rho
    cases = (
        ("tanh", 1.6, 0.8),
        ("relu", 1.7, 0.9),
        ("tanh", 2.6, 1.5),
        ("sigmoid", 2.6, 1.5),
        ("sigmoid", 3.4, 1.8),
        ("sigmoid", 4.6, 2.1),
    )

    def given(rng: np.random.Generator) -> dict:
        nonlinearity, sigma_1, rho = cases[int(rng.integers(len(cases)))]
        return {
            "nonlinearity": nonlinearity,
            "sigma_1": round(sigma_1 + float(rng.integers(0, 9)) / 100, 2),
            "rho": round(rho - float(rng.integers(0, 9)) / 100, 2),
        }

    def gamma(nonlinearity):
        return 0.25 if nonlinearity == "sigmoid" else 1

    def solution(nonlinearity, sigma_1, rho):
        return "vanish" if gamma(nonlinearity) * sigma_1 < 1 else "not tell"

    def by_radius(nonlinearity, sigma_1, rho):
        return "vanish" if rho < 1 else "explode"

    def by_norm(nonlinearity, sigma_1, rho):
        return "vanish" if sigma_1 < 1 else "explode"

    def both(nonlinearity, sigma_1, rho):
        return "vanish and explode"

    def check(answer, nonlinearity, sigma_1, rho):
        choice(
            answer,
            solution(nonlinearity, sigma_1, rho),
            options=("vanish", "explode", "not tell"),
            hints={
                "vanish": "With a nonlinearity the radius decides nothing: remember the nilpotent matrix with ReLU. "
                "What would settle it is gamma times sigma_1 below 1.",
                "explode": "A norm or a radius above 1 is not sufficient for exploding: the latch and the shear have "
                "it, too. And what counts is gamma times sigma_1.",
                "not tell": "The largest slope of this nonlinearity is well below 1: look at gamma times sigma_1.",
            },
        )
        if gamma(nonlinearity) * sigma_1 < 1:
            return "With slopes of at most a quarter, a norm below 4 is enough for vanishing."
        return "You would have to measure its Lyapunov exponent, on its inputs."

    return Exercise(
        id="08-3",
        given=given,
        solution=solution,
        check=check,
        wrong={"the radius decides": by_radius, "the norm decides, without gamma": by_norm, "both at once": both},
    )


def _paths() -> Exercise:
    def given(rng: np.random.Generator) -> dict:
        return {
            "L": int(rng.integers(3, 6)),
            "k": int(rng.integers(6, 13)),
            "w": round(float(rng.uniform(0.7, 0.9)), 2),
        }

    def with_paths(count):
        return lambda L, k, w: (count(L, k), count(L, k) * w**k)

    solution = with_paths(lambda L, k: comb(k + L - 1, L - 1))
    one_layer_more = with_paths(lambda L, k: comb(k + L, L))
    one_path = with_paths(lambda L, k: 1)
    any_layer = with_paths(lambda L, k: L**k)
    no_return = with_paths(lambda L, k: comb(k, L - 1))

    def weight_on_every_move(L, k, w):
        paths = comb(k + L - 1, L - 1)
        return paths, paths * w ** (k + L - 1)

    def check(answer, **g):
        hints = {
            "From the top to the bottom of L layers there are L - 1 moves down, not L.": one_layer_more(**g),
            "There is more than one path: the moves down may come at any point of the way back.": one_path(**g),
            "A path can only go down, and it has to end at the bottom: choose where the L - 1 moves down stand.": (
                any_layer(**g)
            ),
            "The moves down come in addition to the k moves back in time: there are k + L - 1 moves in all.": (
                no_return(**g)
            ),
            "The paths are right. Only the k moves back in time carry the weight w.": weight_on_every_move(**g),
        }
        close(answer, solution(**g), hints=hints)
        paths, gradient = solution(**g)
        return f"One layer alone would give {gradient / paths:.4f}. At a larger lag the power wins."

    return Exercise(
        id="08-4",
        given=given,
        solution=solution,
        check=check,
        wrong={
            "one layer too many": one_layer_more,
            "one path": one_path,
            "any layer at any step": any_layer,
            "moves down instead of back": no_return,
            "w on every move": weight_on_every_move,
        },
    )


def _gradient_by_lag() -> Exercise:
    def given(rng: np.random.Generator) -> dict:
        return {"T": int(rng.integers(5, 9)), "H": int(rng.integers(3, 6))}

    def build(step, *, reverse=False, last=True):
        def lag_norms(h, W_hh, dh_T):
            dh, norms = dh_T, [np.linalg.norm(dh_T)]
            for h_t in h[1:] if reverse else h[:0:-1]:
                dh = step(W_hh, h_t, dh)
                norms.append(np.linalg.norm(dh))
            return np.array(norms if last else norms[1:])

        return lag_norms

    def right(W_hh, h_t, dh):
        return W_hh.T @ ((1 - h_t**2) * dh)

    def variants():
        return {
            "You multiply by W_hh; a gradient travels back through its transpose.": build(
                lambda W, h, dh: W @ ((1 - h**2) * dh)
            ),
            "The slope of tanh is missing: 1 - h² at every step.": build(lambda W, h, dh: W.T @ dh),
            "First the slope at the later state, then the matrix: you took them in the other order.": build(
                lambda W, h, dh: (1 - h**2) * (W.T @ dh)
            ),
            "The states are taken in the order of time; going back starts with the last one.": build(
                right, reverse=True
            ),
            "The first norm must be that of dh_T itself, lag 0.": build(right, last=False),
        }

    def cases(T, H):
        rng = np.random.default_rng(T * 10 + H)
        for _ in range(3):
            h = np.tanh(rng.normal(size=(T + 1, H)))
            yield h, rng.normal(size=(H, H)), rng.normal(size=H)

    def solution(T, H):
        return build(right)

    def check(answer, T, H):
        same_function(answer, solution(T, H), cases(T, H), hints=variants())
        return "No Jacobian was built for it: one product with the transposed matrix a step."

    return Exercise(
        id="08-5",
        given=given,
        solution=solution,
        check=check,
        wrong={text[:30]: lambda T, H, f=function: f for text, function in variants().items()},
    )


def _top_exponent() -> Exercise:
    def given(rng: np.random.Generator) -> dict:
        return {"H": int(rng.integers(3, 6)), "growth": round(float(rng.uniform(1.3, 1.9)), 1)}

    def top_exponent(J):
        v, total = np.full(J.shape[1], J.shape[1] ** -0.5), 0.0
        for J_t in J:
            v = J_t @ v
            length = np.linalg.norm(v)
            v, total = v / length, total + np.log(length)
        return total / len(J)

    def backwards_in_time(J):
        return top_exponent(J[::-1])

    def transposed(J):
        return top_exponent(J.transpose(0, 2, 1))

    def not_divided(J):
        return top_exponent(J) * len(J)

    def every_norm(J):
        return float(np.mean([np.log(np.linalg.norm(J_t, 2)) for J_t in J]))

    def from_the_axes(J):
        Q, total = np.eye(J.shape[1]), np.zeros(J.shape[1])
        for J_t in J:
            Q, R = np.linalg.qr(J_t @ Q)
            total += np.log(np.abs(np.diag(R)))
        return float(total.max() / len(J))

    def every_radius(J):
        return float(np.mean([np.log(np.abs(np.linalg.eigvals(J_t)).max()) for J_t in J]))

    def plain_product(J):
        v = np.full(J.shape[1], J.shape[1] ** -0.5)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            for J_t in J:
                v = J_t @ v
            return float(np.log(np.linalg.norm(v)) / len(J))

    def cases(H, growth):
        rng = np.random.default_rng(H)
        yield (rng.normal(size=(7, H, H)),)
        yield (growth * rng.normal(size=(3000, H, H)),)

    def solution(H, growth):
        return top_exponent

    def check(answer, H, growth):
        close_hints = {
            "The first Jacobian in the array is the first in time: start with it.": backwards_in_time,
            "Forwards it is J v; the transpose belongs to gradients, which go backwards.": transposed,
            "Divide the sum of the logarithms by the number of steps.": not_divided,
            "That is the mean of the single norms, an upper bound: one vector cannot always lie in the direction that "
            "is stretched most.": every_norm,
            "The spectral radius of a product is not the product of the radii: push one vector through.": every_radius,
            "The package's QR starts from the coordinate axes. Here one vector of equal entries is asked for: over few "
            "steps that makes a difference.": from_the_axes,
        }
        few, many = cases(H, growth)
        same_function(answer, top_exponent, [few], hints=close_hints)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            same_function(answer, top_exponent, [many])
        return "QR does the same with H vectors at once."

    return Exercise(
        id="08-6",
        given=given,
        solution=solution,
        check=check,
        wrong={
            "backwards in time": lambda H, growth: backwards_in_time,
            "transposed": lambda H, growth: transposed,
            "sum": lambda H, growth: not_divided,
            "norms": lambda H, growth: every_norm,
            "radii": lambda H, growth: every_radius,
            "the package's QR": lambda H, growth: from_the_axes,
            "plain product": lambda H, growth: plain_product,
        },
    )


EXERCISES = (
    _factor_a_step(),
    _shear(),
    _what_the_bounds_tell(),
    _paths(),
    _gradient_by_lag(),
    _top_exponent(),
)
