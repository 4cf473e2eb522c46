"""Parameters to and from ONNX: graphs of its operators are run by onnxruntime, and by ONNX itself in float64."""

import numpy as np
import pytest

from rnncourse.reference import ONNXLayer, from_onnx, linear_forward, to_onnx
from tests.reference.cell_checks import assert_same
from tests.reference.networks import LENGTHS, SIZES, draw, forward_part, ours
from tests.reference.onnx_peer import execute, graph, model_of, onnx, run, weights_of
from tests.tolerances import FLOAT32, FLOAT64, assert_close

FORMS = {
    "rnn": ("rnn", {}),
    "rnn-relu": ("rnn", {"nonlinearity": "relu"}),
    "rnn-sigmoid": ("rnn", {"nonlinearity": "sigmoid"}),
    "lstm": ("lstm", {}),
    "peephole": ("peephole", {}),
    "gru-after": ("gru", {"reset_after": True}),
    "gru-before": ("gru", {"reset_after": False}),
    "gru-after-admits": ("gru", {"reset_after": True, "z_keeps": False}),
    "gru-before-admits": ("gru", {"reset_after": False, "z_keeps": False}),
}
EACH_FORM = pytest.mark.parametrize("kind, options", FORMS.values(), ids=FORMS)
EACH_SIZE = pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
ONE_DIRECTION = pytest.mark.parametrize(
    "size", [s for s in SIZES.values() if s[5] == 1], ids=[name for name, s in SIZES.items() if s[5] == 1]
)


@EACH_SIZE
@EACH_FORM
def test_onnxruntime_computes_what_we_do(kind, options, size):
    network = draw(kind, size, dtype=np.float32)
    found = forward_part(ours(network, **options))
    assert {a.dtype for a in found.values()} == {np.dtype(np.float32)}
    assert_same(found, run(network, to_onnx(network.params, kind, **options)), FLOAT32)


@ONE_DIRECTION
@pytest.mark.parametrize(
    "kind, options",
    [form for name, form in FORMS.items() if name not in ("rnn-relu", "rnn-sigmoid")],  # which its evaluator lacks
    ids=[name for name in FORMS if name not in ("rnn-relu", "rnn-sigmoid")],
)
def test_onnx_computes_what_we_do_in_float64(kind, options, size):
    network = draw(kind, size, seed=1)
    theirs = run(network, to_onnx(network.params, kind, **options), by="onnx")
    assert_same(forward_part(ours(network, **options)), theirs, FLOAT64)


@pytest.mark.parametrize("size", ["ordinary", "both-directions", "two-layers-both"])
@EACH_FORM
def test_sequence_lens_are_our_lengths(kind, options, size):
    network = draw(kind, SIZES[size], seed=2, dtype=np.float32, lengths=LENGTHS[SIZES[size][1]])
    theirs = run(network, to_onnx(network.params, kind, **options))
    assert_same(forward_part(ours(network, **options)), theirs, FLOAT32)


@EACH_SIZE
@EACH_FORM
def test_we_compute_what_onnxruntime_does(kind, options, size):
    """From random weights in ONNX's own shapes, read out of the graph that is run."""
    network, rng = draw(kind, size, seed=3, dtype=np.float32), np.random.default_rng(4)
    layers = [
        ONNXLayer(
            operator,
            attributes,
            {name: (rng.standard_normal(a.shape) / 2).astype(np.float32) for name, a in weights.items()},
        )
        for operator, attributes, weights in to_onnx(network.params, kind, **options)
    ]
    params = from_onnx(weights_of(graph(network, layers)), kind, **options)
    assert list(params) == list(network.params)
    assert {name: a.shape for name, a in params.items()} == {name: a.shape for name, a in network.params.items()}
    assert_same(forward_part(ours(network, params, **options)), run(network, layers), FLOAT32)
    for (_, _, weights), (_, _, again) in zip(layers, to_onnx(params, kind, **options), strict=True):
        assert all(np.array_equal(weights[name], again[name]) for name in weights)


@EACH_FORM
def test_inputs_left_out_are_zero(kind, options):
    network = draw(kind, SIZES["two-layers-both"], seed=5, dtype=np.float32)
    layers = [
        ONNXLayer(operator, attributes, {name: weights[name] for name in "WR"})
        for operator, attributes, weights in to_onnx(network.params, kind, **options)
    ]
    params = from_onnx(layers, kind, **options)
    assert set(params) == set(network.params)
    assert_same(forward_part(ours(network, params, **options)), run(network, layers), FLOAT32)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@EACH_FORM
def test_there_and_back_is_the_same(kind, options, dtype):
    network = draw(kind, SIZES["two-layers-both"], seed=6, dtype=dtype)
    back = from_onnx(to_onnx(network.params, kind, **options), kind, **options)
    assert list(back) == list(network.params)
    for name, array in network.params.items():
        assert back[name].dtype == dtype and np.array_equal(back[name], array)
        assert not np.shares_memory(back[name], array)


def test_attributes_may_be_missing_where_onnx_has_a_default():
    network = draw("gru", SIZES["ordinary"], dtype=np.float32)
    ((operator, _, weights),) = to_onnx(network.params, "gru", reset_after=False)
    bare = [ONNXLayer(operator, {"hidden_size": 3, "layout": 0}, weights)]
    params = from_onnx(bare, "gru", reset_after=False)
    assert_same(forward_part(ours(network, params, reset_after=False)), run(network, bare), FLOAT32)
    with pytest.raises(ValueError, match=r"layers\[0\].attributes\['linear_before_reset'\] must be 1 .* got 0"):
        from_onnx(bare, "gru")


def test_gemm_has_our_linear_map_as_it_is():
    rng = np.random.default_rng(7)
    x, weight, bias = (rng.standard_normal(s).astype(np.float32) for s in ((4, 3), (2, 3), (2,)))
    shapes = {"x": (4, 3), "weight": (2, 3), "bias": (2,), "y": (4, 2)}
    info = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape) for name, shape in shapes.items()]
    node = onnx.helper.make_node("Gemm", ["x", "weight", "bias"], ["y"], transB=1)
    (theirs,) = execute(model_of([node], info[:3], info[3:], []), {"x": x, "weight": weight, "bias": bias})
    assert_close(linear_forward(x, weight, bias)[0], theirs, FLOAT32)
