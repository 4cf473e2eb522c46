"""Parameters to and from other libraries."""

import numpy as np

import rnncourse.reference as ref

from .entries import H, I, add, generator, normal


def width(name):
    """The input's width is what the arrays say."""
    return {f"{name}: axis 1 {way}": "an input of any width" for way in ("longer", "of one")}


for kind, init in {"lstm": ref.init_lstm, "gru": ref.init_gru, "rnn": ref.init_rnn}.items():
    params = init(generator(), I, H)
    both = {"reset_after": True, "z_keeps": True}
    free = width("params['weight_ih_l0']")
    left = {"prefix": "a part's name: if nothing has it, it is the names that are refused"}
    as_it_is = {"dtype: None": "as it is"}
    rest = {"kind": kind, "prefix": "", "dtype": np.float64, "z_keeps": True}
    add(f"to_torch: {kind}", free=free | as_it_is, left=left, params=params, reset_after=True, **rest)
    as_it_is |= width("state_dict['weight_ih_l0']") | {"state_dict[*: float32": "dtype is given"}
    add(f"from_torch: {kind}", free=as_it_is, left=left, state_dict=params, **rest)
    add(f"to_keras: {kind}", free=free, params=params, kind=kind, **both)
    add(f"to_onnx: {kind}", free=free, params=params, kind=kind, nonlinearity="tanh", **both)
    add(f"merge_biases: {kind}", free=free, params=params, kind=kind, reset_after=True)
    in_keras = {"layers[0]: one too few": "a layer without biases"}
    in_keras |= {f"layers[0][0]: axis 0 {way}": "an input of any width" for way in ("longer", "of one")}
    add(f"from_keras: {kind}", free=in_keras, layers=ref.to_keras(params, kind), kind=kind, **both)
    (node,) = ref.to_onnx(params, kind)
    node.attributes.pop("activations", None)
    in_onnx = {
        "layers[0].attributes: without *": "ONNX's defaults",
        "layers[0].weights: without 'B'": "no biases",
        **{f"layers[0].weights['W']: axis 2 {way}": "an input of any width" for way in ("longer", "of one")},
    }
    if kind == "gru":
        in_onnx["layers[0].attributes['linear_before_reset']: bool"] = "True is 1"
    add(f"from_onnx: {kind}", free=in_onnx, layers=[node], kind=kind, nonlinearity="tanh", **both)
gru = ref.init_gru(generator(), I, H)
add("flip_z", free=width("params['weight_ih_l0']"), params=gru)
renamed = "arrays are renamed, not looked at"
add("split_layers", free={"params[*": renamed, "params: without *": "any part of a layer"}, params=gru)
free = {"params_list[0][*": renamed, "params_list[0]: without *": "any part of a layer"}
free["params_list: one too many"] = "another layer"
add("join_layers", free=free, params_list=ref.split_layers(gru))
free = {f"array: {way}": "of any shape" for way in ("an axis behind", "flat", "axis 1 *", "float32")}
left = {"axis": "it is the array that does not fit"}
order = {"source": "ifgo", "target": "iofg"}
add("reorder_gates", free=free, left=left, array=normal((4 * H, I)), axis=0, **order)
linear = {"weight": normal((H, I)), "bias": normal((H,))}
free = {f"params['weight']: axis 1 {way}": "an input of any width" for way in ("longer", "of one")}
add("linear_to_keras", free=free, params=linear)
free = {f"weights[0]: axis 0 {way}": "an input of any width" for way in ("longer", "of one")}
free["weights: one too few"] = "a layer without bias"
add("linear_from_keras", free=free, weights=ref.linear_to_keras(linear))
