"""Layers without a state."""

import numpy as np

import rnncourse.reference as ref

from .entries import ANY_T, SAME_B, SHAPE, STEPS, B, H, I, T, add, normal, rng, uniform

LEADING = {f"x: {way}": "any leading axes" for way in ("an axis before", "first entry alone", "axis 0 *", "axis 1 *")}
x, weight, bias = normal((T, B, I)), normal((H, I)), normal(H)
add("linear_forward", free=LEADING, x=x, weight=weight, bias=bias)
add("linear_backward", d_output=normal((T, B, H)), cache=ref.linear_forward(x, weight, bias)[1])
x = normal((T, B, H))
add("layer_norm_forward", free=LEADING, x=x, weight=normal(H), bias=bias, eps=1e-3)
add("layer_norm_backward", dy=normal((T, B, H)), cache=ref.layer_norm_forward(x, bias, bias)[1])
for per_step in (False, True):
    running = ref.RunningStatistics(normal((6, H)), uniform((6, H)))
    running = running if per_step else ref.RunningStatistics(*(s[0] for s in running))
    arguments = {"x": x, "weight": normal(H), "bias": bias, "running": running, "training": True, "per_step": per_step}
    lengths = np.array([4, 3, 4])
    variant = ": per step" if per_step else ""
    add(f"batch_norm_forward{variant}", free=ANY_T, **arguments, lengths=lengths, momentum=0.2, eps=1e-3)
    add(f"batch_norm_backward{variant}", dy=normal((T, B, H)), cache=ref.batch_norm_forward(**arguments)[2])
g, v = normal((H, 1)), normal((H, I))
add("weight_norm_forward", free={"v: axis 1 *": "the number of inputs is v's alone"}, g=g, v=v)
add("weight_norm_backward", dw=normal((H, I)), cache=ref.weight_norm_forward(g, v)[1])
KERNEL = {"weight: axis 2 *": "a kernel of any length"}
x, weight = normal((T, B, I)), normal((H, I, 2))
add("causal_conv_forward", free=KERNEL | STEPS | {"x: axis 1 *": SAME_B}, x=x, weight=weight, bias=bias, dilation=2)
add("causal_conv_backward", dy=normal((T, B, H)), cache=ref.causal_conv_forward(x, weight, bias)[1])
ids, weight = rng.integers(0, 7, (T, B)), normal((7, I))
ANY_IDS = {f"ids: {way}": "of any shape" for way in SHAPE}
free = ANY_IDS | {"weight: axis 0 longer": "a symbol that did not come", "weight: axis 1 *": "E is the weight's alone"}
free |= {"weight: float32": "the weight's dtype is the only one"}
add("embedding_forward", free=free, ids=ids, weight=weight)
add("embedding_backward", d_output=normal((T, B, I)), cache=ref.embedding_forward(ids, weight)[1])
SHAPE_AND_DTYPE = {f"x: {way}": "of any shape and dtype" for way in (*SHAPE, "float32")}
for approximate in ("none", "tanh"):
    add(f"gelu_forward: {approximate}", free=SHAPE_AND_DTYPE, x=x, approximate=approximate)
    add(f"gelu_backward: {approximate}", dy=normal((T, B, I)), cache=ref.gelu_forward(x, approximate)[1])
params = {
    "linear1.weight": normal((7, I)),
    "linear1.bias": normal(7),
    "linear2.weight": normal((I, 7)),
    "linear2.bias": normal(I),
}
add("mlp_forward", free=LEADING, x=x, params=params, activation="gelu")
for activation in ("relu", "gelu"):
    cache = ref.mlp_forward(x, params, activation=activation)[1]
    add(f"mlp_backward: {activation}", dy=normal((T, B, I)), cache=cache)
free = {
    "x: axis 0 of one": "fewer steps than positions",
    "x: axis 1 *": SAME_B,
    "weight: axis 0 longer": "positions to come",
}
add("learned_positions_forward", free=free, x=normal((T, B, H)), weight=normal((T + 2, H)), start=2)
cache = ref.learned_positions_forward(normal((T, B, H)), normal((T + 2, H)), start=2)[1]
add("learned_positions_backward", dy=normal((T, B, H)), cache=cache)
add("sinusoidal_positions", T=T, size=6, start=2, dtype=np.float64)
