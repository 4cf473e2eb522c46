"""Initial weights, pruning and eight bits."""

import numpy as np

import rnncourse.reference as ref

from .entries import ANY_AXES, FLOAT32, SHAPE, SIGN, H, I, T, add, generator, normal

# Initial weights and pruning

for name in ("xavier_normal", "xavier_uniform", "orthogonal"):
    add(name, rng=generator(), shape=(2, 3), gain=1.5, dtype=np.float64)
for name in ("kaiming_normal", "kaiming_uniform"):
    add(name, rng=generator(), shape=(2, 3), nonlinearity="relu", dtype=np.float64)
add("identity", free={"gain: negative": SIGN}, size=3, gain=1.5, dtype=np.float64)
add("pytorch_uniform", free=ANY_AXES, rng=generator(), shape=(2, 3), hidden_size=H, dtype=np.float64)
free = {f"weight: {way}": "of any shape" for way in (*SHAPE, "float32")}
add("magnitude_mask", free=free, weight=normal((2, 3)), sparsity=0.5)
add("unit_mask", free={"weight: float32": FLOAT32}, weight=normal((H, H)), sparsity=0.5)
add("random_mask", free=ANY_AXES, rng=generator(), shape=(2, 3), sparsity=0.5, dtype=np.float64)
weights = {"a": normal((2, 3)), "b": normal((4, 5))}
free = {f"weights['{key}']: {way}": "of any shape" for key in weights for way in SHAPE}
free |= {"weights: without '*'": "any names", "weights: a key too many": "any names"}
add("global_magnitude_masks", free=free, weights=weights, sparsity=0.5)

# Quantisation

free = {f"weight: {way}": "of any shape" for way in (*SHAPE, "float32")}
add("quantise", free=free, weight=normal((H, I)), per_row=True)
add(
    "quantise_activations",
    free={k.replace("weight", "x"): v for k, v in free.items()},
    x=normal((T, I)),
    reduce_range=True,
)
quantised = ref.quantise(normal((H, I)), per_row=True)
IN_8_BITS = {"array.q: negative": "a weight", "array.q: too large": "no int8 is"}
free = IN_8_BITS | {
    "array.q: axis 1 *": "the scale is a row's",
    "array.scale: float32": FLOAT32,
}
add("dequantise", free=free, array=quantised)
IN_8_BITS = {key.replace("array", "weight"): reason for key, reason in IN_8_BITS.items()}
LEADING_2 = {f"x: {way}": "any leading axes" for way in ("an axis before", "first entry alone", "axis 0 *")}
arguments = {"x": normal((T, I)), "weight": quantised, "bias": normal(H)}
add("quantised_linear", free=LEADING_2 | IN_8_BITS, **arguments, reduce_range=True)
