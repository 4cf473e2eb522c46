"""Losses and penalties, with what decodes their scores."""

import numpy as np

import rnncourse.reference as ref

from .entries import FLOAT32, LENGTHS, SHAPE, B, H, T, add, normal, rng, uniform

logits, targets = normal((T, B, 7)), rng.integers(0, 6, (T, B))
mask = uniform((T, B)) < 0.5
mask[0] = True
for name, option in {"cross_entropy": {"label_smoothing": 0.1}, "focal": {"gamma": 1.5}}.items():
    forward = getattr(ref, f"{name}_forward")
    add(f"{name}_forward", logits=logits, targets=targets, mask=mask, weight=uniform(7), **option)
    add(f"{name}_backward", cache=forward(logits, targets)[1])
free = {f"logits: {way}": "of any shape and dtype" for way in (*SHAPE, "float32")}
add("softmax", free=free, logits=logits)
add("log_softmax", free=free, logits=logits)
add("mse_forward", output=normal((T, B)), targets=normal((T, B)))
add("mse_backward", cache=ref.mse_forward(normal(3), normal(3))[1])
output, targets_y, levels = normal((T, B, 2)), normal((T, B)), np.array([0.1, 0.9])
add("quantile_forward", output=output, targets=targets_y, levels=levels)
add("quantile_backward", cache=ref.quantile_forward(output, targets_y, levels)[1])
add("perplexity", nats=1.5)
add("bits_per_character", nats=1.5)
output = normal((T, B, H))
FREE_H = {"{}: axis 2 *": "H is its own alone", "{}: float32": FLOAT32}
for name, argument in {"ar": "output", "tar": "output", "state_kl": "a"}.items():
    free = {pattern.format(argument): reason for pattern, reason in FREE_H.items()}
    add(f"{name}_forward", free=free, **{argument: output, "mask": mask})
    add(f"{name}_backward", cache=getattr(ref, f"{name}_forward")(output)[1])
crf = {"transitions": normal((7, 7)), "start_transitions": normal(7), "end_transitions": normal(7)}
emissions = normal((T, B, 7))
tags = rng.integers(0, 7, (T, B))
add("crf_forward", emissions=emissions, tags=tags, params=crf, lengths=LENGTHS, reduction="sum")
add(
    "crf_viterbi",
    free={"emissions: axis 0 longer": "any number of steps"},
    emissions=emissions,
    params=crf,
    lengths=LENGTHS,
)
add("crf_backward", d_losses=normal(B), cache=ref.crf_forward(emissions, tags, crf, reduction="none")[1])
labels = rng.integers(1, 7, (B, 2))
arguments = {"logits": normal((T, B, 7)), "targets": labels, "input_lengths": np.array([4, 3, 3])}
arguments["target_lengths"] = np.array([1, 2, 1])
free = {"logits: axis 0 longer": "any number of steps", "logits: axis 2 longer": "a label that did not come"}
free |= {"logits: float32": FLOAT32, "targets: axis 1 longer": "beyond the targets' lengths"}
add("ctc_forward", free=free, **arguments, blank=0, reduction="sum", infeasible="raise")
add("ctc_backward", d_losses=normal(B), cache=ref.ctc_forward(**arguments, reduction="none")[1])
free = {"logits: axis * *": "of any size", "logits: float32": FLOAT32}
add("ctc_greedy", free=free, logits=normal((T, 7)), blank=0)
add("ctc_beam_search", free=free, logits=normal((T, 7)), beam_size=2, blank=0)
