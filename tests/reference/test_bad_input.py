"""Everything public in the reference, given every argument spoiled in every way: each refusal names the argument.

A table holds valid arguments for every public callable; `bad_input` derives what is wrong from them. Sizes differ from
each other, so that no swapped axis fits by chance: T, B, I, H = 4, 3, 2, 5.
"""

import contextlib
import functools
import inspect

import numpy as np
import pytest

import rnncourse.reference as ref
from tests.reference.bad_input import Entry, complaints

T, B, I, H = 4, 3, 2, 5
rng = np.random.default_rng(0)
normal = rng.standard_normal
uniform = rng.random
LENGTHS = np.array([4, 1, 3])

# Containers and exceptions: nothing is computed from what they are given before a function checks it.
NOT_CALLED = {
    "Cell": "holds three functions; scan_forward, stack_forward, bidirectional_forward and zoneout take it",
    "GradientError": "an exception",
    "Hypothesis": "what beam_search returns",
    "KeyValue": "what attention returns and takes as past",
    "Labelling": "what the CTC decoders return",
    "MixtureFit": "what fit_mixture returns",
    "Quantised": "what quantise returns; dequantise and quantised_linear take it",
    "RunningStatistics": "batch_norm_forward takes it",
}
# The state's entries and their derivatives, or another argument with which an axis could be compared, do not exist.
ANY_T = {"x: axis 0 longer": "any number of steps"}
STEPS = {"x: axis 0 *": "any number of steps"}
SAME_B = "a batch of any size"


def generator():
    return np.random.default_rng(1)


def listed(function):
    """A generator function that is run to its end."""

    @functools.wraps(function)
    def run(**arguments):
        return list(function(**arguments))

    return run


@functools.wraps(ref.gradcheck)
def gradcheck_compares(**arguments):
    """gradcheck, whose GradientError is not about its arguments."""
    with contextlib.suppress(ref.GradientError):
        return ref.gradcheck(**arguments)


ENTRIES: dict[str, Entry] = {}


def add(name, call=None, *, free=(), called=(), open=(), left=(), **arguments):
    """Put an entry into the table; `name` is that of the public callable, with a variant behind a colon."""
    call = getattr(ref, name.partition(":")[0]) if call is None else call
    ENTRIES[name] = Entry(call, arguments, dict(free), dict(called), dict(open), dict(left))


# --- recurrences: (init, forward, backward) with one state, and cells under the scan

ONE_STATE = {
    "rnn": (ref.init_rnn, {"nonlinearity": "relu"}),
    "gru": (ref.init_gru, {"reset_after": False, "z_keeps": False}),
    "mingru": (ref.init_mingru, {"nonlinearity": "positive", "z_keeps": True}),
    "minlstm": (ref.init_minlstm, {"nonlinearity": "tanh"}),
}
for name, (init, options) in ONE_STATE.items():
    forward = getattr(ref, f"{name}_forward")
    arguments = {"x": normal((T, B, I)), "h_0": normal((B, H)), "params": init(generator(), I, H)}
    add(f"{name}_forward", free=ANY_T, **arguments, lengths=LENGTHS, **options)
    for variant, lengths in {"": None, ": lengths": LENGTHS}.items():
        cache = forward(**arguments, lengths=lengths)[2]
        backward = {"d_output": normal((T, B, H)), "d_h_n": normal((B, H)), "cache": cache}
        add(f"{name}_backward{variant}", getattr(ref, f"{name}_backward"), **backward)

for variant, P in {"": 0, ": projected": 3}.items():
    params = ref.init_lstm(generator(), I, H, proj_size=P)
    state = normal((B, P or H)), normal((B, H))
    x = normal((T, B, I))
    open = {"params: None": "state[0] is blamed", "params: list of pairs": "state[0] is blamed"} if P else {}
    add(f"lstm_forward{variant}", free=ANY_T, open=open, x=x, state=state, params=params, lengths=LENGTHS)
    cache = ref.lstm_forward(x, state, params, lengths=LENGTHS)[2]
    d_state = tuple(normal(s.shape) for s in state)
    d_output = normal((T, B, P or H))
    free = {"d_state[0]: None": "zero", "d_state[1]: None": "zero"}
    add(f"lstm_backward{variant}", free=free, d_output=d_output, d_state=d_state, cache=cache)

CELLS = {
    "rnn_cell": (ref.rnn_cell(), ref.init_rnn, (H,)),
    "gru_cell": (ref.gru_cell(), ref.init_gru, (H,)),
    "lstm_cell": (ref.lstm_cell(), ref.init_lstm, (H, H)),
    "coupled_lstm_cell": (ref.coupled_lstm_cell(), ref.init_coupled_lstm, (H, H)),
    "peephole_lstm_cell": (ref.peephole_lstm_cell(), ref.init_peephole_lstm, (H, H)),
    "layer_norm_rnn_cell": (ref.layer_norm_rnn_cell(), ref.init_layer_norm_rnn, (H,)),
    "layer_norm_lstm_cell": (ref.layer_norm_lstm_cell(), ref.init_layer_norm_lstm, (H, H)),
    "mingru_cell": (ref.mingru_cell(), ref.init_mingru, (H,)),
    "minlstm_cell": (ref.minlstm_cell(), ref.init_minlstm, (H,)),
    "jordan_cell": (ref.jordan_cell(), functools.partial(ref.init_jordan, output_size=7), (7,)),
    "zoneout": (ref.zoneout(ref.lstm_cell(), (0.05, 0.5)), ref.init_lstm, (H, H)),
}
for name, (cell, init, widths) in CELLS.items():
    x, state, params = normal((T, B, I)), tuple(normal((B, n)) for n in widths), init(generator(), I, hidden_size=H)
    add(
        f"scan_forward: {name}",
        free=ANY_T,
        open={"cell: *": "AttributeError"},
        cell=cell,
        x=x,
        state=state,
        params=params,
        lengths=LENGTHS,
    )
    output, _, cache = ref.scan_forward(cell, x, state, params, lengths=LENGTHS)
    d_state = tuple(normal((B, n)) for n in widths)
    add(f"scan_backward: {name}", d_output=normal(output.shape), d_state=d_state, cache=cache)

add("rnn_cell", nonlinearity="relu")
add("gru_cell", reset_after=False, z_keeps=True)
add("lstm_cell")
add("coupled_lstm_cell")
add("peephole_lstm_cell", matrix="full", candidate=True)
add("layer_norm_rnn_cell", nonlinearity="tanh", eps=1e-3)
add("layer_norm_lstm_cell", eps=1e-3)
add("mingru_cell", nonlinearity="tanh", z_keeps=True)
add("minlstm_cell", nonlinearity="tanh")
add("jordan_cell", nonlinearity="tanh", output_nonlinearity="linear")
NUMBER_OF_RATES = {"rates: one too *": "how many arrays the state has is known when the cell is run"}
add("zoneout", free=NUMBER_OF_RATES, cell=ref.lstm_cell(), rates=(0.05, 0.5), rng=generator())
add("zoneout: one rate", free={"rates: list": "of one rate"}, cell=ref.lstm_cell(), rates=0.5, rng=generator())

for name in ("init_gru", "init_coupled_lstm", "init_layer_norm_lstm", "init_layer_norm_rnn", "init_mingru"):
    add(name, rng=generator(), input_size=I, hidden_size=H, dtype=np.float64)
add("init_minlstm", rng=generator(), input_size=I, hidden_size=H, dtype=np.float64)
add("init_rnn", rng=generator(), input_size=I, hidden_size=H, dtype=np.float64, num_layers=2)
SIGN = "a bias or a factor of either sign"
free = {"forget_bias: negative": SIGN}
sizes = {"input_size": I, "hidden_size": H, "dtype": np.float64}
add("init_lstm", free=free, rng=generator(), **sizes, proj_size=3, forget_bias=1.0)
add("init_peephole_lstm", rng=generator(), **sizes, matrix="full", candidate=True)
add("init_jordan", rng=generator(), **sizes, output_size=7)

# --- layers of recurrences

cells = [ref.rnn_cell(), ref.lstm_cell()]
states = [(normal((B, H)),), (normal((B, 6)), normal((B, 6)))]
params_list = [ref.init_rnn(generator(), I, H), ref.init_lstm(generator(), H, 6)]
x = normal((T, B, I))
IN_LAYER = {r"^states(\[\d\])?": "state", r"^params_list(\[\d\])?": "params", r"^d_states(\[\d\])?": "d_state"}
add(
    "stack_forward",
    free=ANY_T,
    called=IN_LAYER,
    cells=cells,
    x=x,
    states=states,
    params_list=params_list,
    lengths=LENGTHS,
)
cache = ref.stack_forward(cells, x, states, params_list)[2]
d_states = [tuple(normal(s.shape) for s in state) for state in states]
free = {f"d_states[{l}]: None": "zero" for l in range(2)}
add("stack_backward", free=free, called=IN_LAYER, d_output=normal((T, B, 6)), d_states=d_states, cache=cache)

params = ref.init_rnn(generator(), I, H, num_layers=2)
h_0 = normal((2, B, H))
add("stacked_rnn_forward", free=ANY_T, x=x, h_0=h_0, params=params, nonlinearity="relu", lengths=LENGTHS)
cache = ref.stacked_rnn_forward(x, h_0, params)[2]
add("stacked_rnn_backward", d_output=normal((T, B, H)), d_h_n=normal((2, B, H)), cache=cache)
OTHERS = {"params['*_l0']: *": "another layer's", "params: without '*_l0'": "another layer's"}
free = OTHERS | {"params: a key too many": "another layer's", "params['*_l1']: *": "rnn_forward checks them"}
add("layer_params", free=free, params=params, layer=1)

both = ref.init_rnn(generator(), I, H) | {f"{k}_reverse": p for k, p in ref.init_rnn(generator(), I, H).items()}
states = (normal((B, H)),), (normal((B, H)),)
BY_DIRECTION = IN_LAYER | {"_reverse": ""}
add(
    "bidirectional_forward",
    free=ANY_T,
    called=BY_DIRECTION,
    cell=ref.rnn_cell(),
    x=x,
    states=states,
    params=both,
    lengths=LENGTHS,
)
cache = ref.bidirectional_forward(ref.rnn_cell(), x, states, both, LENGTHS)[2]
d_states = (normal((B, H)),), (normal((B, H)),)
free = {f"d_states[{l}]: None": "zero" for l in range(2)}
add(
    "bidirectional_backward",
    free=free,
    called=BY_DIRECTION,
    d_output=normal((T, B, 2 * H)),
    d_states=d_states,
    cache=cache,
)

a, b, h_0 = uniform((T, B, H)), normal((T, B, H)), normal((B, H))
add("linear_scan_forward", a=a, b=b, h_0=h_0, method="sequential")
cache = ref.linear_scan_forward(a, b, h_0)[2]
add("linear_scan_backward", d_output=normal((T, B, H)), d_h_n=normal((B, H)), cache=cache)

# --- layers without a state

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
SHAPE = ("an axis before", "an axis behind", "first entry alone", "flat", "axis * *")
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

# --- attention

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

# --- losses

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
FREE_H = {"{}: axis 2 *": "H is its own alone", "{}: float32": "the only floating-point array"}
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
free |= {"logits: float32": "the only floating-point array", "targets: axis 1 longer": "beyond the targets' lengths"}
add("ctc_forward", free=free, **arguments, blank=0, reduction="sum", infeasible="raise")
add("ctc_backward", d_losses=normal(B), cache=ref.ctc_forward(**arguments, reduction="none")[1])
free = {"logits: axis * *": "of any size", "logits: float32": "the only floating-point array", "logits: flat": "V = 1"}
add("ctc_greedy", free={k: v for k, v in free.items() if k != "logits: flat"}, logits=normal((T, 7)), blank=0)
add(
    "ctc_beam_search",
    logits=normal((T, 7)),
    beam_size=2,
    blank=0,
    free={k: v for k, v in free.items() if k != "logits: flat"},
)

# --- dropout

FLOAT32 = "the only floating-point array"
free = {f"x: {way}": "of any shape" for way in SHAPE} | {"x: float32": FLOAT32}
add("dropout_forward", free=free, x=normal((T, B)), p=0.5, rng=generator(), training=True)
free = {"x: axis * *": "of any size", "x: float32": FLOAT32}
add("locked_dropout_forward", free=free, x=output, p=0.5, rng=generator(), training=True)
free = {"weight: axis * *": "of any size", "weight: float32": FLOAT32}
add("embedding_dropout_forward", free=free, weight=normal((7, I)), p=0.5, rng=generator(), training=True)
add("dropout_backward", d_output=normal((T, B)), cache=ref.dropout_forward(normal((T, B)), 0.5, rng=generator())[1])
add(
    "dropout_mask",
    free={"shape: one too *": "any number of axes"},
    rng=generator(),
    shape=(2, 3),
    p=0.5,
    dtype=np.float64,
)
params = {"weight_hh_l0": normal((H, H)), "bias_hh_l0": normal(H)}
names = ["weight_hh_l0"]
OTHERS = {"params['bias_hh_l0']: *": "not one of names: handed on as it is", "params: a key too many": "as before"}
OTHERS |= {"params: without 'bias_hh_l0'": "as before"}
free = OTHERS | {
    "params['weight_hh_l0']: axis * *": "of any size",
    "params['weight_hh_l0']: float32": "a dtype of its own",
}
free |= {"names: one too few": "nothing is dropped", "names: one too many": "twice the same"}
options = {"names": names, "columns": True, "rng": generator(), "training": True}
add("weight_drop_forward", free=free, params=params, p=0.5, **options)
cache = ref.weight_drop_forward(params, 0.5, rng=generator())[1]
OTHERS = {pattern.replace("params", "grads"): reason for pattern, reason in OTHERS.items()}
add("weight_drop_backward", free=OTHERS, grads={k: normal(p.shape) for k, p in params.items()}, cache=cache)

# --- optimisers and training

for name in ("SGD", "Adam", "AdamW", "Adagrad", "RMSProp"):
    make = getattr(ref, name)
    params = {"w": normal((2, 3)), "b": normal(2)}
    parameters = inspect.signature(make).parameters.values()
    arguments = {p.name: p.default for p in parameters if p.default is not p.empty}
    arguments |= {"params": params, "lr": 0.1} | ({"momentum": 0.5} if name == "SGD" else {})
    free = {
        f"params['{key}']: {way}": "of any shape"
        for key in params
        for way in (*SHAPE, "float32")
        if (key, way) != ("b", "axis * *")
    }
    free |= {"params['b']: axis 0 *": "of any shape", "params: a key too many": "any names"}
    free |= {f"params: without '{key}'": "any names" for key in params}
    add(name, free=free, **arguments)
    add(f"{name}.step", make(params, 0.1).step, grads={key: normal(p.shape) for key, p in params.items()})
grads = {"w": normal((2, 3)), "b": normal(2)}
free = {f"grads['{key}']: {way}": "of any shape and dtype" for key in grads for way in SHAPE[:-1]}
free |= {"grads['*']: axis * *": "of any shape and dtype", "grads['*']: float32": "of any shape and dtype"}
free |= {"grads: a key too many": "any names", "grads: without '*'": "any names"}
add("clip_grad_norm_", free=free, grads=grads, max_norm=1.0)
lstm = ref.init_lstm(generator(), I, H)
for name, option in {"set_forget_bias_": {"value": 1.0}, "chrono_": {"rng": generator(), "max_lag": 9.0}}.items():
    free = {
        "params['weight_ih_l0']: *": "not a bias, nor what tells their size",
        "params: a key too many": "other arrays",
    }
    free |= {"params: without 'weight_ih_l0'": "other arrays"} | (
        {"value: negative": SIGN} if "value" in option else {}
    )
    free |= {"params['weight_hh_l0']: axis 1 of one": "a projection"}
    add(name, free=free, params=lstm, **option)


def language_model():
    return ref.RNNLanguageModel(7, I, H, rng=generator(), dtype=np.float64)


model = language_model()
sizes = {"vocab_size": 7, "embedding_size": I, "hidden_size": H}
add("RNNLanguageModel", **sizes, nonlinearity="tanh", rng=generator(), dtype=np.float64)
ids, targets, h_0 = rng.integers(0, 7, (T, B)), rng.integers(0, 7, (T, B)), normal((B, H))
FREE_T = {"ids: axis 0 *": "any number of steps"}
add("RNNLanguageModel.initial_state", model.initial_state, batch_size=B)
add("RNNLanguageModel.forward", model.forward, free=FREE_T, ids=ids, h_0=h_0)
cache = model.forward(ids, h_0)[2]
add("RNNLanguageModel.backward", model.backward, d_logits=normal((T, B, 7)), d_h_n=normal((B, H)), cache=cache)
add("RNNLanguageModel.loss_and_grads", model.loss_and_grads, ids=ids, targets=targets, h_0=h_0)
text = rng.integers(0, 7, 9)
LONGER = {"ids: axis 0 longer": "a text of any length"}
TEXT = {"ids: axis 0 *": "a text of any length"}
add("RNNLanguageModel.surprise", model.surprise, free=LONGER, ids=text, chunk=4)
add("RNNLanguageModel.evaluate", model.evaluate, free=LONGER, ids=text)
options = {"length": 3, "temperature": 0.5, "rng": generator()}
add("sample", free={"prompt: axis 0 *": "of any length"}, model=model, prompt=text, **options)
trained = language_model()
batches = [(ids, targets)] * 2
left = {"batches": "what comes from it is given to model.loss_and_grads, whose own entry stands above"}
arguments = {"model": trained, "batches": batches, "optimizer": ref.SGD(trained.params, 0.1)}
add("tbptt", listed(ref.tbptt), left=left, **arguments, max_norm=1.0, h_0=h_0)
array = normal((2, 3))
free = {f"array: {way}": "of any shape" for way in SHAPE}
add("numerical_gradient", free=free, f=lambda: float((array**2).sum()), array=array, eps=1e-5)
gradients = {"array": 2 * array}
free = {"grads: a key too many": "not asked for", "arrays: without 'array'": "not asked for"}
free |= {"grads['array']: float32": "compared with a tolerance"}
free |= {f"grads['array']: {way}": "reported as a GradientError" for way in ("NaN", "infinity")}
add(
    "gradcheck",
    gradcheck_compares,
    free=free,
    f=lambda: float((array**2).sum()),
    arrays={"array": array},
    grads=gradients,
    eps=1e-5,
    tolerance=1e-6,
)

# --- initial weights and pruning

for name in ("xavier_normal", "xavier_uniform", "orthogonal"):
    add(name, rng=generator(), shape=(2, 3), gain=1.5, dtype=np.float64)
for name in ("kaiming_normal", "kaiming_uniform"):
    add(name, rng=generator(), shape=(2, 3), nonlinearity="relu", dtype=np.float64)
add("identity", free={"gain: negative": SIGN}, size=3, gain=1.5, dtype=np.float64)
ANY_AXES = {"shape: one too *": "any number of axes"}
add("pytorch_uniform", free=ANY_AXES, rng=generator(), shape=(2, 3), hidden_size=H, dtype=np.float64)
free = {f"weight: {way}": "of any shape" for way in (*SHAPE, "float32")}
add("magnitude_mask", free=free, weight=normal((2, 3)), sparsity=0.5)
add("unit_mask", free={"weight: float32": FLOAT32}, weight=normal((H, H)), sparsity=0.5)
add("random_mask", free=ANY_AXES, rng=generator(), shape=(2, 3), sparsity=0.5, dtype=np.float64)
weights = {"a": normal((2, 3)), "b": normal((4, 5))}
free = {f"weights['{key}']: {way}": "of any shape" for key in weights for way in SHAPE}
free |= {"weights: without '*'": "any names", "weights: a key too many": "any names"}
add("global_magnitude_masks", free=free, weights=weights, sparsity=0.5)

# --- quantisation

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
    "array.scale: float32": "the only floating-point array",
}
add("dequantise", free=free, array=quantised)
IN_8_BITS = {key.replace("array", "weight"): reason for key, reason in IN_8_BITS.items()}
LEADING_2 = {f"x: {way}": "any leading axes" for way in ("an axis before", "first entry alone", "axis 0 *")}
arguments = {"x": normal((T, I)), "weight": quantised, "bias": normal(H)}
add("quantised_linear", free=LEADING_2 | IN_8_BITS, **arguments, reduce_range=True)

# --- counting, caches and mixtures

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

# --- beam search and masks

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


PUBLIC = {name: getattr(ref, name) for name in ref.__all__}


def test_everything_public_is_in_the_table():
    covered = {name.partition(":")[0] for name in ENTRIES}
    assert set(NOT_CALLED) | {name for name in covered if "." not in name} == set(PUBLIC)
    assert not set(NOT_CALLED) & covered
    for name in sorted(set(PUBLIC) - set(NOT_CALLED)):
        thing = PUBLIC[name]
        if inspect.isclass(thing):
            methods = {m for m, f in vars(thing).items() if inspect.isfunction(f) and not m.startswith("_")}
            assert methods <= {c.partition(".")[2] for c in covered if c.startswith(f"{name}.")}, name


@pytest.mark.parametrize("name", sorted({name.partition(":")[0] for name in ENTRIES}))
def test_every_parameter_is_given(name):
    entries = [entry for key, entry in ENTRIES.items() if key.partition(":")[0] == name]
    given = {argument for entry in entries for argument, value in entry.arguments.items() if value is not None}
    assert given == set(inspect.signature(entries[0].call).parameters)


@pytest.mark.parametrize("name", ENTRIES)
def test_what_is_spoiled_is_refused_by_name(name):
    entry = ENTRIES[name]
    found = complaints(entry)
    assert not found, "\n".join([name, *found])


@pytest.mark.parametrize("name", ENTRIES)
def test_the_valid_arguments_are(name):
    ENTRIES[name].call(**ENTRIES[name].arguments)
