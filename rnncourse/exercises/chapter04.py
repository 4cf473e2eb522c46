"""Exercises of chapter 04."""

from __future__ import annotations

import math

import numpy as np

from rnncourse.exercises import Exercise, NotYet, call, close, same_function


def _units() -> Exercise:
    def given(rng: np.random.Generator) -> dict:
        return {"bits": round(float(rng.uniform(1.8, 2.8)), 2), "characters": int(rng.integers(20, 90)) * 1000}

    def solution(bits, characters):
        nats = bits * math.log(2)
        return nats, math.exp(nats), bits * characters / 8

    def divided(bits, characters):
        nats = bits / math.log(2)
        return nats, math.exp(nats), bits * characters / 8

    def exp_of_bits(bits, characters):
        return bits * math.log(2), math.exp(bits), bits * characters / 8

    def bits_not_bytes(bits, characters):
        return bits * math.log(2), 2**bits, bits * characters

    def nats_in_file(bits, characters):
        return bits * math.log(2), 2**bits, bits * math.log(2) * characters / 8

    def check(answer, **numbers):
        close(
            answer,
            solution(**numbers),
            hints={
                "One bit is less than one nat, so the number of nats is the smaller one: multiply by ln 2.": divided(
                    **numbers
                ),
                "The perplexity is the exponential of the nats; for bits it is a power of 2.": exp_of_bits(**numbers),
                "The third value is in bits; a byte has eight.": bits_not_bytes(**numbers),
                "The third value counts nats; a file is made of bits.": nats_in_file(**numbers),
            },
        )
        return "The perplexity is what a fair die with that many faces would cost."

    return Exercise(
        id="04-1",
        given=given,
        solution=solution,
        check=check,
        wrong={
            "divided by ln 2": divided,
            "exponential of bits": exp_of_bits,
            "bits, not bytes": bits_not_bytes,
            "nats in the file": nats_in_file,
        },
    )


def _parameters() -> Exercise:
    def given(rng: np.random.Generator) -> dict:
        return {"V": int(rng.integers(40, 99)), "E": int(rng.integers(20, 64)), "H": int(rng.integers(100, 300))}

    def solution(V, E, H):
        return V * E + H * E + H * H + 2 * H + V * H + V

    def one_bias(V, E, H):
        return solution(V, E, H) - H

    def no_biases(V, E, H):
        return solution(V, E, H) - 2 * H - V

    def no_embedding(V, E, H):
        return solution(V, E, H) - V * E

    def one_hot(V, E, H):
        return V * E + H * V + H * H + 2 * H + V * H + V

    def no_recurrence(V, E, H):
        return solution(V, E, H) - H * H

    def check(answer, **sizes):
        close(
            answer,
            solution(**sizes),
            rtol=0,
            atol=0.5,
            hints={
                "The recurrent layer has two biases, b_ih and b_hh, as in PyTorch.": one_bias(**sizes),
                "The biases are missing: two in the recurrent layer, one in the readout.": no_biases(**sizes),
                "The embedding is missing: it is a matrix of parameters like the others.": no_embedding(**sizes),
                "The recurrent layer reads the embedding, which has E entries, and not a unit vector of V.": one_hot(
                    **sizes
                ),
                "The recurrent matrix W_hh is missing.": no_recurrence(**sizes),
            },
        )
        share = sizes["H"] ** 2 / solution(**sizes)
        return f"The recurrent matrix alone holds {share:.0%} of them."

    return Exercise(
        id="04-2",
        given=given,
        solution=solution,
        check=check,
        wrong={
            "one bias": one_bias,
            "no biases": no_biases,
            "no embedding": no_embedding,
            "unit vectors as input": one_hot,
            "no recurrent matrix": no_recurrence,
        },
    )


def _temperature() -> Exercise:
    def given(rng: np.random.Generator) -> dict:
        top = round(float(rng.uniform(0.5, 0.66)), 2)
        second = round(float(rng.uniform(0.2, 0.28)), 2)
        tau = float(rng.choice([0.4, 0.5, 0.7, 1.5, 2.0]))
        return {"p": np.array([top, second, round(1 - top - second, 2)]), "tau": tau}

    def solution(p, tau):
        tempered = p ** (1 / tau)
        return tempered / tempered.sum()

    def inverse(p, tau):
        return p**tau / (p**tau).sum()

    def not_normalised(p, tau):
        return p ** (1 / tau)

    def softmax_of_p(p, tau):
        e = np.exp(p / tau)
        return e / e.sum()

    def divided(p, tau):
        return p / tau

    def check(answer, **numbers):
        close(
            answer,
            solution(**numbers),
            hints={
                "The scores are divided by tau, so the probabilities are raised to the power 1/tau.": inverse(
                    **numbers
                ),
                "These do not sum to 1: divide by their sum.": not_normalised(**numbers),
                "Temperature divides the scores, which are log p up to a constant, and not the probabilities.": (
                    softmax_of_p(**numbers)
                ),
                "Dividing every probability by tau changes no ratio between them.": divided(**numbers),
            },
        )
        return "Below 1 the likely gain, above 1 the unlikely."

    return Exercise(
        id="04-3",
        given=given,
        solution=solution,
        check=check,
        wrong={
            "the inverse power": inverse,
            "not normalised": not_normalised,
            "softmax of probabilities": softmax_of_p,
            "probabilities divided": divided,
        },
    )


def _clip() -> Exercise:
    def given(rng: np.random.Generator) -> dict:
        return {"max_norm": round(float(rng.uniform(0.5, 2.0)), 2)}

    def norm(arrays):
        return math.sqrt(sum(float((g * g).sum()) for g in arrays))

    def clip(grads, max_norm):
        scale = min(1.0, max_norm / norm(grads.values()))
        return {name: g * scale for name, g in grads.items()}

    def each_alone(grads, max_norm):
        return {name: g * min(1.0, max_norm / norm([g])) for name, g in grads.items()}

    def by_value(grads, max_norm):
        return {name: g.clip(-max_norm, max_norm) for name, g in grads.items()}

    def always(grads, max_norm):
        scale = max_norm / norm(grads.values())
        return {name: g * scale for name, g in grads.items()}

    def no_root(grads, max_norm):
        scale = min(1.0, max_norm / norm(grads.values()) ** 2)
        return {name: g * scale for name, g in grads.items()}

    def unchanged(grads, max_norm):
        return dict(grads)

    def largest(grads, max_norm):
        scale = min(1.0, max_norm / max(norm([g]) for g in grads.values()))
        return {name: g * scale for name, g in grads.items()}

    def summed(grads, max_norm):
        scale = min(1.0, max_norm / sum(norm([g]) for g in grads.values()))
        return {name: g * scale for name, g in grads.items()}

    one_norm = "One norm for all: the root of the sum of *all* squares, and not the"

    def check(answer, max_norm):
        rng = np.random.default_rng(4)
        shapes = {"weight": (4, 3), "bias": (4,)}
        large = {name: rng.normal(size=shape) * 5 for name, shape in shapes.items()}
        small = {name: g * 0.2 * max_norm / norm(large.values()) for name, g in large.items()}
        same_function(
            answer,
            clip,
            [(large, max_norm), (small, max_norm)],
            hints={
                "Each array is scaled by its own norm, which turns the gradient's direction: one norm for all.": (
                    each_alone
                ),
                "That cuts single entries, which turns the gradient's direction; scale all by one number.": by_value,
                "A gradient below the threshold must stay as it is.": always,
                "The norm is the root of the sum of squares.": no_root,
                "Above the threshold the gradients must be scaled.": unchanged,
                f"{one_norm} largest of the arrays' norms.": largest,
                f"{one_norm} sum of the arrays' norms.": summed,
            },
        )
        return "The direction is kept, only the length is cut."

    return Exercise(
        id="04-4",
        given=given,
        solution=lambda max_norm: clip,
        check=check,
        wrong={
            "each array alone": lambda max_norm: each_alone,
            "by value": lambda max_norm: by_value,
            "small ones stretched": lambda max_norm: always,
            "no root": lambda max_norm: no_root,
            "unchanged": lambda max_norm: unchanged,
            "the largest norm": lambda max_norm: largest,
            "the sum of the norms": lambda max_norm: summed,
        },
    )


def _windows() -> Exercise:
    def given(rng: np.random.Generator) -> dict:
        return {"T": int(rng.integers(3, 6)), "B": int(rng.integers(2, 5)), "length": int(rng.integers(60, 99))}

    def cut(ids, T, B):
        length = (len(ids) - 1) // B
        count = length // T

        def fold(part):
            streams = part[: length * B].reshape(B, length)[:, : count * T]
            return streams.reshape(B, count, T).transpose(1, 2, 0)

        return fold(ids), fold(ids[1:])

    def wrapped(ids, T, B):
        x, _ = cut(ids, T, B)
        length = (len(ids) - 1) // B
        used = ids[: length * B].reshape(B, length)
        y = np.roll(used, -1, axis=1)[:, : x.shape[0] * T]
        return x, y.reshape(B, x.shape[0], T).transpose(1, 2, 0)

    def rolled(ids, T, B):
        length = len(ids) // B
        count = length // T

        def fold(part):
            streams = part[: length * B].reshape(B, length)[:, : count * T]
            return streams.reshape(B, count, T).transpose(1, 2, 0)

        return fold(ids), fold(np.roll(ids, -1))

    def unshifted(ids, T, B):
        x, _ = cut(ids, T, B)
        return x, x

    def not_streams(ids, T, B):
        x, _ = cut(ids, T, B)
        size = x.size
        return ids[:size].reshape(x.shape), ids[1 : size + 1].reshape(x.shape)

    def batch_first(ids, T, B):
        return tuple(part.transpose(0, 2, 1) for part in cut(ids, T, B))

    def check(answer, T, B, length):
        # Texts of all different numbers: one symbol more than whole windows, so that it may be a target; just enough
        # for the inputs of whole windows, so that the last has no target; and the reader's own.
        exact = np.arange(100, 100 + 3 * T * B)
        for ids in (np.append(exact, 99), exact, np.arange(7, 7 + length)):
            result = call(answer, ids.copy(), T, B)
            if not isinstance(result, tuple | list) or len(result) != 2:
                raise NotYet("Your function must return two arrays, the inputs and the targets.")
            close(
                (result[0], result[1]),
                cut(ids, T, B),
                rtol=0,
                atol=0.5,
                hints={
                    "A stream's last target is its own first symbol: the shift must be made before the text is cut.": (
                        wrapped(ids, T, B)
                    ),
                    "The last symbol of the text has nothing after it: it may be a target and no input. A stream has "
                    "(len(ids) − 1) // B symbols.": rolled(ids, T, B),
                    "The targets are the inputs themselves: they must be one symbol later.": unshifted(ids, T, B),
                    "Windows must go on where the one before stopped, in each column: cut into B streams first.": (
                        not_streams(ids, T, B)
                    ),
                    "Time is the first axis of a window and the streams its second: shape (K, T, B).": batch_first(
                        ids, T, B
                    ),
                },
                name="what your function returns",
            )
        return "Column for column, each window goes on where the last one stopped."

    return Exercise(
        id="04-5",
        given=given,
        solution=lambda T, B, length: cut,
        check=check,
        wrong={
            "wrapped around": lambda T, B, length: wrapped,
            "the text's end wrapped to its beginning": lambda T, B, length: rolled,
            "not shifted": lambda T, B, length: unshifted,
            "no streams": lambda T, B, length: not_streams,
            "batch first": lambda T, B, length: batch_first,
        },
    )


def _mixture() -> Exercise:
    def given(rng: np.random.Generator) -> dict:
        return {
            "p_rnn": rng.uniform(0.1, 0.9, size=5).round(2),
            "p_count": rng.uniform(0.02, 0.95, size=5).round(2),
            "weight": round(float(rng.choice([0.3, 0.4, 0.6, 0.7])), 1),
        }

    def solution(p_rnn, p_count, weight):
        return float(-np.log(weight * p_rnn + (1 - weight) * p_count).mean())

    def mean_of_losses(p_rnn, p_count, weight):
        return float(-(weight * np.log(p_rnn) + (1 - weight) * np.log(p_count)).mean())

    def swapped(p_rnn, p_count, weight):
        return solution(p_rnn, p_count, 1 - weight)

    def log_of_mean(p_rnn, p_count, weight):
        return float(-np.log((weight * p_rnn + (1 - weight) * p_count).mean()))

    def total(**numbers):
        return 5 * solution(**numbers)

    def check(answer, **numbers):
        close(
            answer,
            solution(**numbers),
            hints={
                "You mixed the losses; mix the probabilities, then take the logarithm.": mean_of_losses(**numbers),
                "The weights are exchanged: `weight` belongs to the network.": swapped(**numbers),
                "The logarithm comes before the mean over characters.": log_of_mean(**numbers),
                "That is the sum over the characters; wanted is nats per character.": total(**numbers),
            },
        )
        return "It is below the weighted mean of the two losses, always: the logarithm bends that way."

    return Exercise(
        id="04-6",
        given=given,
        solution=solution,
        check=check,
        wrong={
            "mean of the losses": mean_of_losses,
            "weights exchanged": swapped,
            "logarithm of the mean": log_of_mean,
            "sum": total,
        },
    )


EXERCISES = (_units(), _parameters(), _temperature(), _clip(), _windows(), _mixture())
