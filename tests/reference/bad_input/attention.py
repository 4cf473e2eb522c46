"""Attention, the Transformer block and GPT-2."""

import numpy as np

import rnncourse.reference as ref

from .entries import B, H, T, add, generator, normal, rng, uniform

queries, keys, values = normal((T, B, 4)), normal((7, B, 6)), normal((7, B, 2))
mask = np.arange(7)[:, None] < np.array([7, 2, 5])
QUERIES = {"queries: axis 0 *": "any number of queries", "values: axis 2 *": "V is the values' alone"}
params = {"weight_q": normal((H, 4)), "weight_k": normal((H, 6)), "v": normal(H)}
arguments = {"queries": queries, "keys": keys, "values": values, "mask": mask}
add("additive_attention_forward", free=QUERIES, **arguments, params=params)
cache = ref.additive_attention_forward(**arguments, params=params)[2]
d_context, d_weights = normal((T, B, 2)), normal((B, T, 7))
add("additive_attention_backward", d_context=d_context, d_weights=d_weights, cache=cache)
for score in ("dot", "general", "concat"):
    params = {"weight": normal((4, 6))} if score == "general" else {}
    if score == "concat":
        params = {"weight": normal((H, 10)), "v": normal(H)}
    arguments["keys"] = keys[..., :4] if score == "dot" else keys
    add(f"multiplicative_attention_forward: {score}", free=QUERIES, **arguments, params=params, score=score)
    cache = ref.multiplicative_attention_forward(**arguments, params=params, score=score)[2]
    name = f"multiplicative_attention_backward: {score}"
    add(name, d_context=d_context, d_weights=d_weights, cache=cache)
q, k, v = normal((B, T, 4)), normal((B, 7, 4)), normal((B, 7, 2))
allowed = uniform((B, T, 7)) < 0.5
allowed[..., 0] = True
free = {"v: axis 2 *": "V is the values' alone", "allowed: axis 0 of one": "1 in place of a size is shared"}
free |= {"allowed: axis 1 of one": "as before", "allowed: axis 2 of one": "as before"}
add("scaled_dot_product_forward", free=free, q=q, k=k, v=v, allowed=allowed)
cache = ref.scaled_dot_product_forward(q, k, v, allowed)[1]
add("scaled_dot_product_backward", d_context=normal((B, T, 2)), cache=cache)

E = 6
query, key, value = normal((T, B, E)), normal((7, B, E)), normal((7, B, E))
params = {
    "in_proj_weight": normal((3 * E, E)),
    "in_proj_bias": normal(3 * E),
    "out_proj.weight": normal((E, E)),
    "out_proj.bias": normal(E),
}
past = ref.KeyValue(normal((2, B, E)), normal((2, B, E)))
mask = np.arange(9)[:, None] < np.array([9, 2, 5])
arguments = {"query": query, "key": key, "value": value, "params": params, "num_heads": 2}
free = {"query: axis 0 *": "any number of queries"}
add("multihead_attention_forward", free=free, **arguments, causal=False, mask=mask, past=past)
cache = ref.multihead_attention_forward(**arguments)[2]
add("multihead_attention_backward", d_output=normal((T, B, E)), cache=cache)
params = {f"self_attn.{name}": p for name, p in params.items()} | {
    "linear1.weight": normal((7, E)),
    "linear1.bias": normal(7),
    "linear2.weight": normal((E, 7)),
    "linear2.bias": normal(E),
    **{f"norm{k}.{name}": normal(E) for k in (1, 2) for name in ("weight", "bias")},
}
options = {"num_heads": 2, "norm_first": True, "activation": "gelu", "causal": True}
mask = np.arange(2 + T)[:, None] < np.array([6, 2, 5])
x = normal((T, B, E))
add("transformer_block_forward", x=x, params=params, **options, mask=mask, past=past, eps=1e-3)
for norm_first in (False, True):
    cache = ref.transformer_block_forward(x, params, num_heads=2, norm_first=norm_first)[2]
    name = f"transformer_block_backward: norm_first={norm_first}"
    add(name, dy=normal((T, B, E)), cache=cache)

gpt2 = ref.init_gpt2(generator(), 7, 9, E, 2)
ids = rng.integers(0, 7, (T, B))
past = ref.gpt2_forward(ids, gpt2, num_heads=2)[1]
MORE_ROWS = {
    "params['wte.weight']: axis 0 longer": "a vocabulary of any size",
    "params['wpe.weight']: axis 0 longer": "positions to come",
}
free = MORE_ROWS | {"ids: axis 0 *": "any number of steps"}
add("gpt2_forward", free=free, ids=ids, params=gpt2, num_heads=2, past=past)
cache = ref.gpt2_forward(ids, gpt2, num_heads=2)[2]
add("gpt2_backward", d_logits=normal((T, B, 7)), cache=cache)
free = MORE_ROWS | {"prompt: axis * *": "of any size"}
add("gpt2_generate", free=free, prompt=ids, length=2, params=gpt2, num_heads=2, temperature=0.5, rng=generator())
sizes = {"vocab_size": 7, "n_positions": 9, "n_embd": E, "n_layer": 2}
add("init_gpt2", rng=generator(), **sizes, dtype=np.float64)
