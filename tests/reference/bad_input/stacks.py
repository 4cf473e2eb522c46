"""Recurrences on top of each other, in both directions, and the linear one."""

import rnncourse.reference as ref

from .entries import ANY_T, LENGTHS, B, H, I, T, add, generator, normal, uniform

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
