"""What the converters refuse, by name: it needs none of the other libraries."""

import numpy as np
import pytest

from rnncourse.reference import (
    ONNXLayer,
    flip_z,
    from_keras,
    from_onnx,
    from_torch,
    init_lstm,
    init_peephole_lstm,
    join_layers,
    linear_from_keras,
    linear_to_keras,
    merge_biases,
    split_layers,
    to_keras,
    to_onnx,
    to_torch,
)
from tests.reference.networks import SIZES, draw


def params_of(kind, **changes):
    params = draw(kind, SIZES["ordinary"]).params | changes
    return {name: a for name, a in params.items() if a is not None}


PROJECTED = init_lstm(np.random.default_rng(0), 2, 3, proj_size=2)
PEEPHOLES = init_peephole_lstm(np.random.default_rng(0), 2, 3)
BAD_PARAMS = {
    "kind": (({}, "elman"), {}, ValueError, "kind must be one of 'rnn', 'lstm', 'gru', got 'elman'"),
    "kind-type": (({}, 3), {}, TypeError, "kind must be one of .* got int"),
    "peephole-kind": ((PEEPHOLES, "peephole"), {}, ValueError, "kind must be one of .* got 'peephole'"),
    "peepholes": ((PEEPHOLES, "lstm"), {}, ValueError, "unknown: weight_cf_l0, weight_ci_l0, weight_co_l0"),
    "projection": ((PROJECTED, "lstm"), {}, ValueError, "no projection, since Keras has none, got weight_hr_l0"),
    "mapping": (([1], "lstm"), {}, TypeError, "params must be a mapping of names to arrays, got list"),
    "empty": (({}, "lstm"), {}, ValueError, r"params must hold the layers 0, 1, … without a gap, got \[\]"),
    "name": ((params_of("gru", weight=np.ones(3)), "gru"), {}, ValueError, "names like weight_ih_l0 .* got 'weight'"),
    "gap": ((params_of("rnn", bias_ih_l2=np.ones(3)), "rnn"), {}, ValueError, r"without a gap, got \[0, 2\]"),
    "missing": (
        (params_of("lstm", bias_hh_l0=None), "lstm"),
        {},
        ValueError,
        "missing keys: bias_hh_l0; unknown: none",
    ),
    "one-direction": (
        (params_of("rnn", bias_ih_l0_reverse=np.ones(3)), "rnn"),
        {},
        ValueError,
        "got no bias_hh_l0_reverse, weight_hh_l0_reverse, weight_ih_l0_reverse",
    ),
    "other-kind": (
        (params_of("gru"), "lstm"),
        {},
        ValueError,
        r"params\['weight_ih_l0'\] must have shape \(12, 2\), got \(9, 2\)",
    ),
    "rank": (
        (params_of("gru", bias_ih_l0=np.ones((1, 9))), "gru"),
        {},
        ValueError,
        r"params\['bias_ih_l0'\] must have shape \(9,\), got \(1, 9\)",
    ),
    "broadcast": (
        (params_of("gru", bias_ih_l0=np.ones(1)), "gru"),
        {},
        ValueError,
        r"params\['bias_ih_l0'\] must have shape \(9,\), got \(1,\)",
    ),
    "dtype": (
        (params_of("gru", bias_ih_l0=np.ones(9, np.float32)), "gru"),
        {},
        TypeError,
        r"params\['bias_ih_l0'\] must have dtype float64",
    ),
    "integers": ((params_of("rnn", bias_ih_l0=np.ones(3, int)), "rnn"), {}, TypeError, "must be of a floating-point"),
    "nan": ((params_of("rnn", bias_ih_l0=np.full(3, np.nan)), "rnn"), {}, ValueError, "must be finite, got nan"),
    "reset": ((params_of("lstm"), "lstm"), {"reset_after": False}, ValueError, "reset_after is for kind 'gru'"),
    "z": ((params_of("rnn"), "rnn"), {"z_keeps": False}, ValueError, "z_keeps is for kind 'gru'"),
    "bool": ((params_of("gru"), "gru"), {"z_keeps": 1}, TypeError, "z_keeps must be True or False, got 1"),
}


@pytest.mark.parametrize("arguments, options, error, message", BAD_PARAMS.values(), ids=BAD_PARAMS)
def test_bad_params_are_named(arguments, options, error, message):
    with pytest.raises(error, match=message):
        to_keras(*arguments, **options)


@pytest.mark.parametrize("convert", [to_torch, to_onnx, merge_biases])
@pytest.mark.parametrize("case", ["mapping", "empty", "missing", "other-kind", "rank", "dtype", "nan", "reset"])
def test_bad_params_are_named_everywhere(convert, case):
    arguments, options, error, message = BAD_PARAMS[case]
    with pytest.raises(error, match=message):
        convert(*arguments, **options)
    with pytest.raises(ValueError, match=r"kind must be one of 'rnn', 'lstm', 'gru'.*, got 'elman'"):
        convert({}, "elman")


W, U, TWO, ONE = np.ones((2, 9)), np.ones((3, 9)), np.ones((2, 9)), np.ones(9)
BAD_WEIGHTS = {
    "flat": ([W, U, TWO], {}, TypeError, r"layers\[0\] must be a list of arrays.*for one layer: \[weights\].*ndarray"),
    "none": ([], {}, TypeError, "layers must be a sequence with at least one layer's weights, got list"),
    "array": (W, {}, TypeError, "layers must be a sequence .* got ndarray"),
    "count": ([[W, U, TWO, W, U]], {}, ValueError, r"layers\[0\] must hold kernel.* got 5 arrays"),
    "not-transposed": ([[W.T, U.T, ONE]], {}, ValueError, r"layers\[0\]\[1\] must have shape \(9, 27\), got \(9, 3\)"),
    "one-bias": ([[W, U, ONE]], {}, ValueError, r"layers\[0\]\[2\] must have shape \(2, 9\), got \(9,\)"),
    "two": (
        [[W, U, TWO]],
        {"reset_after": False},
        ValueError,
        r"layers\[0\]\[2\] must have shape \(9,\), got \(2, 9\)",
    ),
    "second": ([[W, U, TWO], [W, U, TWO]], {}, ValueError, r"layers\[1\]\[0\] must have shape \(3, 9\), got \(2, 9\)"),
    "backward": (
        [[W, U, TWO, W, np.ones((3, 6)), TWO]],
        {},
        ValueError,
        r"layers\[0\]\[4\] must have shape \(3, 9\), got \(3, 6\)",
    ),
    "mixed": ([[W, U.astype(np.float32), TWO]], {}, TypeError, r"layers\[0\]\[1\] must have dtype float64"),
    "list": ([[W.tolist(), U, TWO]], {}, TypeError, r"layers\[0\]\[0\] must be a numpy.ndarray of shape \(I, 3H\)"),
    "nan": ([[W, U, TWO * np.nan]], {}, ValueError, r"layers\[0\]\[2\] must be finite"),
    "no-unit": ([[np.ones((2, 0)), np.ones((0, 0)), np.ones((2, 0))]], {}, ValueError, "at least one input and unit"),
}


@pytest.mark.parametrize("layers, options, error, message", BAD_WEIGHTS.values(), ids=BAD_WEIGHTS)
def test_bad_weights_are_named(layers, options, error, message):
    with pytest.raises(error, match=message):
        from_keras(layers, "gru", **options)


@pytest.mark.parametrize(
    "call, error, message",
    [
        (
            lambda: linear_to_keras({"weight": W}),
            ValueError,
            r"params must have the keys weight, bias, got \['weight'\]",
        ),
        (lambda: linear_to_keras([W, ONE]), ValueError, "params must have the keys weight, bias, got list"),
        (lambda: linear_to_keras({"weight": W, "bias": ONE}), ValueError, r"params\['bias'\] must have shape \(2,\)"),
        (lambda: linear_from_keras(W), TypeError, "weights must be a list of arrays"),
        (lambda: linear_from_keras([]), ValueError, "weights must hold kernel and bias.* got 0 arrays"),
        (lambda: linear_from_keras([W.T, ONE]), ValueError, r"weights\[1\] must have shape \(2,\), got \(9,\)"),
    ],
)
def test_bad_dense_weights_are_named(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize(
    "call, error, message",
    [
        (
            lambda: to_torch(params_of("gru"), "gru", reset_after=False),
            ValueError,
            "reset_after must be True: torch.nn",
        ),
        (lambda: to_torch(params_of("gru"), "gru", prefix=1), TypeError, "prefix must be a string, got int"),
        (
            lambda: to_torch(params_of("gru"), "gru", dtype="float16"),
            TypeError,
            "dtype must be float32 or .*, got float16",
        ),
        (lambda: from_torch(params_of("gru"), "gru", dtype=int), TypeError, "dtype must be float32 or .*, got int64"),
        (lambda: from_torch(params_of("gru"), "gru", prefix=1), TypeError, "prefix must be a string, got int"),
        (lambda: from_torch(params_of("gru"), "gru", prefix="rnn."), ValueError, "names that begin with 'rnn.', got"),
        (lambda: from_torch([], "gru"), TypeError, "state_dict must be a mapping of names to tensors, got list"),
        (lambda: from_torch({"weight_hh_l0": [1.0]}, "rnn"), TypeError, r"state_dict\['weight_hh_l0'\] .* got list"),
        (lambda: from_torch({"weight_hh_l0": np.ones(3, int)}, "rnn"), TypeError, "array of floats, got dtype int64"),
        (
            lambda: from_torch(params_of("lstm"), "gru"),
            ValueError,
            r"state_dict\['weight_ih_l0'\] must have shape \(9, 2\), got \(12, 2\)",
        ),
        (
            lambda: from_torch(params_of("lstm", bias_hh_l0=None), "lstm"),
            ValueError,
            "state_dict must be those of kind 'lstm', got missing keys: bias_hh_l0",
        ),
        (
            lambda: from_torch({"weight_hh_l0": np.array(1.0), "weight_ih_l0": np.ones((3, 2))}, "rnn"),
            ValueError,
            r"state_dict\['weight_hh_l0'\] must have shape \(1H, H\), got \(\)",
        ),
        (
            lambda: to_torch(PROJECTED | {"weight_hr_l0": np.ones((3, 3))}, "lstm"),
            ValueError,
            r"params\['weight_hr_l0'\] must have shape \(2, 3\), got \(3, 3\)",
        ),
        (lambda: to_torch(PROJECTED, "rnn"), ValueError, "unknown: weight_hr_l0"),
        (lambda: flip_z(params_of("gru", bias_ih_l0=np.ones(3))), ValueError, r"must have shape \(9,\), got \(3,\)"),
        (lambda: split_layers([1]), TypeError, "params must be a mapping of names to arrays, got list"),
        (lambda: split_layers({"weight_l01": W}), ValueError, "names like weight_ih_l0 .* got 'weight_l01'"),
        (lambda: split_layers({"a_l0": W, "b_l1": W}), ValueError, "the same names .* got no b_l0"),
        (lambda: join_layers({}), TypeError, "params_list must be a sequence with one mapping a layer, got dict"),
        (lambda: join_layers([]), ValueError, "params_list must hold at least one layer, got none"),
        (lambda: join_layers([{"a_l0": W}, {}]), ValueError, "params_list must hold parameters for every layer"),
        (lambda: join_layers([{"a_l1": W}]), ValueError, r"params_list\[0\] must have names like .* got 'a_l1'"),
        (lambda: join_layers([W]), TypeError, r"params_list\[0\] must be a mapping of names to arrays, got ndarray"),
    ],
)
def test_what_the_others_refuse(call, error, message):
    with pytest.raises(error, match=message):
        call()


def node(kind="gru", *, operator=None, drop=(), attributes=None, **weights):
    """A good node, with changes; attributes are added, and an input that is None is left out."""
    (good,) = to_onnx(params_of(kind), kind)
    kept = {name: value for name, value in good.attributes.items() if name not in drop}
    arrays = {name: a for name, a in (good.weights | weights).items() if a is not None}
    return ONNXLayer(operator or good.operator, kept | (attributes or {}), arrays)


def gru(**changes):
    return [node(**changes)], "gru", {}


BAD_NODES = {
    "sequence": ((node(), "gru", {}), TypeError, "layers must be a sequence with at least one .* got ONNXLayer"),
    "none": (([], "gru", {}), TypeError, "layers must be a sequence with at least one ONNXLayer, got list"),
    "entry": (([{}], "gru", {}), TypeError, r"layers\[0\] must be an ONNXLayer, got dict"),
    "operator": (gru(operator="LSTM"), ValueError, r"layers\[0\].operator must be 'GRU', got 'LSTM'"),
    "reset": (([node()], "gru", {"reset_after": False}), ValueError, r"\['linear_before_reset'\] must be 0 .* got 1"),
    "reset-missing": (gru(drop=["linear_before_reset"]), ValueError, "must be 1 .* got 0"),
    "reverse": (gru(attributes={"direction": b"reverse"}), ValueError, "must be 'forward' .* got 'reverse'"),
    "size": (gru(attributes={"hidden_size": 4}), ValueError, r"\['hidden_size'\] must be 3 .* got 4"),
    "clip": (gru(attributes={"clip": 3.0}), ValueError, "must leave out what has no counterpart here, got 'clip'"),
    "coupled": (([node("lstm", attributes={"input_forget": 1})], "lstm", {}), ValueError, "must be 0 .* got 1"),
    "activations": (
        gru(attributes={"activations": [b"Sigmoid", b"Relu"]}),
        ValueError,
        r"\['activations'\] must be \['Sigmoid', 'Tanh'\] .* got \['Sigmoid', 'Relu'\]",
    ),
    "nonlinearity": (
        ([node("rnn")], "rnn", {"nonlinearity": "relu"}),
        ValueError,
        r"\['activations'\] must be \['Relu'\] .* got \['Tanh'\]",
    ),
    "unknown-nonlinearity": (([], "rnn", {"nonlinearity": "linear"}), ValueError, "nonlinearity must be one of"),
    "needless-nonlinearity": (([], "gru", {"nonlinearity": "relu"}), ValueError, "nonlinearity is for kind 'rnn'"),
    "attributes": (([node()._replace(attributes=[1])], "gru", {}), TypeError, "attributes must be a mapping, got list"),
    "no-W": (gru(W=None), ValueError, r"layers\[0\].weights must hold W and R.* got \['B', 'R'\]"),
    "peepholes": (
        ([node("lstm", P=np.ones((1, 9)))], "lstm", {}),
        ValueError,
        r"no others, got \['B', 'P', 'R', 'W'\]",
    ),
    "weights": (([node()._replace(weights=[1])], "gru", {}), ValueError, "must hold W and R.* got list"),
    "rank": (gru(W=np.ones((9, 2))), ValueError, r"\['W'\] must have shape \(D, 3H, I\), got \(9, 2\)"),
    "rows": (gru(W=np.ones((1, 12, 2))), ValueError, r"\['W'\] must have shape \(1, 9, I\), got \(1, 12, 2\)"),
    "bias": (gru(B=np.ones((1, 9))), ValueError, r"\['B'\] must have shape \(1, 18\), got \(1, 9\)"),
    "list": (gru(W=[1.0]), TypeError, r"\['W'\] must be a numpy.ndarray"),
    "mixed": (gru(B=np.ones((1, 18), np.float32)), TypeError, r"\['B'\] must have dtype float64"),
    "infinite": (gru(B=np.full((1, 18), np.inf)), ValueError, r"\['B'\] must be finite, got inf"),
    "second": (([node(), node()], "gru", {}), ValueError, r"layers\[1\].*\['W'\] must have shape \(1, 9, 3\), got"),
    "directions": (gru(W=np.ones((3, 9, 2)), R=np.ones((3, 9, 3))), ValueError, "must have 1 or 2 directions"),
    "peephole-shape": (([node("peephole", P=np.ones((1, 3)))], "peephole", {}), ValueError, r"shape \(1, 9\), got"),
}


@pytest.mark.parametrize("arguments, error, message", BAD_NODES.values(), ids=BAD_NODES)
def test_bad_nodes_are_named(arguments, error, message):
    layers, kind, options = arguments
    with pytest.raises(error, match=message):
        from_onnx(layers, kind, **options)


def test_what_onnx_has_no_place_for():
    with pytest.raises(ValueError, match="no projection, since ONNX has none, got weight_hr_l0"):
        to_onnx(PROJECTED, "lstm")
    full = init_peephole_lstm(np.random.default_rng(0), 2, 3, matrix="full")
    with pytest.raises(ValueError, match=r"params\['weight_ci_l0'\] must have shape \(3,\), got \(3, 3\)"):
        to_onnx(full, "peephole")
    looking = init_peephole_lstm(np.random.default_rng(0), 2, 3, candidate=True)
    with pytest.raises(ValueError, match="unknown: weight_cg_l0"):
        to_onnx(looking, "peephole")
