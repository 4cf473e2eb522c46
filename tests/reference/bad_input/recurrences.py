"""Recurrences: whole sequences, cells under the scan, and their first parameters."""

import functools

import numpy as np

import rnncourse.reference as ref

from .entries import ANY_T, LENGTHS, SIGN, B, H, I, T, add, generator, normal

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
    add(f"lstm_forward{variant}", free=ANY_T, x=x, state=state, params=params, lengths=LENGTHS)
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
free = {"forget_bias: negative": SIGN}
sizes = {"input_size": I, "hidden_size": H, "dtype": np.float64}
add("init_lstm", free=free, rng=generator(), **sizes, proj_size=3, forget_bias=1.0)
add("init_peephole_lstm", rng=generator(), **sizes, matrix="full", candidate=True)
add("init_jordan", rng=generator(), **sizes, output_size=7)
