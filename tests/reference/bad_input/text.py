"""Counting, caches, mixtures, beam search."""

import numpy as np

import rnncourse.reference as ref

from .entries import FLOAT32, LENGTHS, B, H, T, add, normal, rng, uniform

text = rng.integers(0, 7, 9)
TEXT = {"ids: axis 0 *": "a text of any length"}

# Counting, caches and mixtures

add("KneserNey", order=2, vocab_size=7, modified=True)
fitted = ref.KneserNey(2, 7).fit(text)
add("KneserNey.fit", ref.KneserNey(2, 7).fit, free=TEXT, ids=text)
add("KneserNey.log_prob", fitted.log_prob, free=TEXT, ids=text)
add("KneserNey.distribution", fitted.distribution, free={"context: axis 0 *": "of any length"}, context=text)
add("UnigramCache", vocab_size=7, decay=0.9, window=None)
add("UnigramCache: window", ref.UnigramCache, vocab_size=7, decay=1.0, window=3)
unigram = ref.UnigramCache(7, decay=0.9)
add("UnigramCache.distribution", unigram.distribution, free={"context: axis 0 *": "of any length"}, context=text)
for name in ("distributions", "probabilities"):
    add(f"UnigramCache.{name}", getattr(unigram, name), free=TEXT, ids=text)
continuous = ref.ContinuousCache(7, 0.3)
add("ContinuousCache", vocab_size=7, theta=0.3, window=3)
states = normal((9, H))
add("ContinuousCache.distribution", continuous.distribution, state=normal(H), states=states, ids=text)
free = {"states: axis 1 *": "H is the states' alone", "states: float32": FLOAT32}
for name in ("distributions", "probabilities"):
    add(f"ContinuousCache.{name}", getattr(continuous, name), free=free, states=states, ids=text)
probabilities = [uniform(9), uniform(9)]
weights = np.array([0.25, 0.75])
add("mix", free={"weights: float32": "cast"}, probabilities=probabilities, weights=weights)
add("mixture_loss", free={"weights: float32": "cast"}, probabilities=probabilities, weights=weights)
add(
    "fit_mixture",
    free={"weights: float32": "cast"},
    probabilities=probabilities,
    weights=weights,
    tolerance=1e-3,
    steps=2,
)

# Beam search and masks

log_p = np.log(np.full((7, 7), 1 / 7))
state = (normal((1, H)),)
free = {"state[0]: axis 1 *": "what step makes of it", "state: one too *": "what step makes of it"}
free |= {
    f"state[0]: {way}": "any array with a hypothesis on the first axis" for way in ("an axis before", "an axis behind")
}
free |= {f"state[0]: {way}": "any dtype" for way in ("float32", "integer", "complex", "object", "NaN", "infinity")}
options = {"beam_size": 2, "max_length": 3, "alpha": 0.5, "penalty": "plain", "n_best": 2}
add("beam_search", free=free, step=lambda ids, state: (log_p[ids], state), state=state, start=1, end=0, **options)
add("length_mask", lengths=LENGTHS, T=T, B=B)
