"""Parameters to and from Keras: its layers are run, on the torch backend, and compared in values and gradients."""

import numpy as np
import pytest

from rnncourse.reference import (
    embedding_forward,
    from_keras,
    layer_norm_forward,
    linear_forward,
    linear_from_keras,
    linear_to_keras,
    merge_biases,
    to_keras,
)
from tests.reference.cell_checks import assert_same
from tests.reference.keras_peer import build, double, keras, run  # noqa: F401 (a fixture)
from tests.reference.networks import LENGTHS, SIZES, draw, ours
from tests.tolerances import FLOAT32, FLOAT64, assert_close

pytestmark = [
    pytest.mark.usefixtures("double"),
    # Keras asks NumPy for torch's tensors in a way that NumPy 2 warns of.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]

# kind, what the converter is told and the reference's cell too, what Keras is told
FORMS = {
    "rnn": ("rnn", {}, {}),
    "lstm": ("lstm", {}, {}),
    "gru-after": ("gru", {"reset_after": True}, {"reset_after": True}),
    "gru-before": ("gru", {"reset_after": False}, {"reset_after": False}),
    "gru-after-admits": ("gru", {"reset_after": True, "z_keeps": False}, {"reset_after": True}),
    "gru-before-admits": ("gru", {"reset_after": False, "z_keeps": False}, {"reset_after": False}),
}
EACH_FORM = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
EACH_SIZE = pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)


def by_keras(network, options, keras_options):
    """Values and gradients by Keras's layers with our parameters; the weights' gradients go through the converter.

    The converter is linear, and where Keras has one bias both of ours have its gradient.
    """
    layers = build(network, **keras_options)
    for layer, weights in zip(layers, to_keras(network.params, network.kind, **options), strict=True):
        layer.set_weights(weights)
    values, grads = run(network, layers)
    by_name = from_keras(grads, network.kind, **options)
    if network.kind != "gru" or not options["reset_after"]:
        for name in by_name:
            if name.startswith("bias_hh"):
                by_name[name] = by_name[name.replace("hh", "ih")]
    return values | {f"d_{name}": grad for name, grad in by_name.items()}


def test_keras_runs_on_torch():
    assert keras.backend.backend() == "torch"


@EACH_SIZE
@EACH_FORM
def test_keras_computes_what_we_do(form, size):
    kind, options, keras_options = form
    network = draw(kind, size)
    assert_same(ours(network, **options), by_keras(network, options, keras_options), FLOAT64)


@EACH_FORM
def test_keras_computes_what_we_do_in_float32(form):
    kind, options, keras_options = form
    network = draw(kind, SIZES["two-layers-both"], seed=1, dtype=np.float32)
    found = ours(network, **options)
    assert {a.dtype for a in found.values()} == {np.dtype(np.float32)}
    assert all(a.dtype == np.float32 for weights in to_keras(network.params, kind, **options) for a in weights)
    assert_same(found, by_keras(network, options, keras_options), FLOAT32)


@pytest.mark.parametrize("size", ["ordinary", "both-directions", "two-layers-both"])
@EACH_FORM
def test_a_mask_is_our_lengths(form, size):
    kind, options, keras_options = form
    network = draw(kind, SIZES[size], seed=2, lengths=LENGTHS[SIZES[size][1]])
    assert_same(ours(network, **options), by_keras(network, options, keras_options), FLOAT64)


@EACH_SIZE
@EACH_FORM
def test_we_compute_what_keras_does(form, size):
    """From weights in Keras's own shapes, every entry random."""
    kind, options, keras_options = form
    network, rng = draw(kind, size, seed=3), np.random.default_rng(4)
    layers = build(network, **keras_options)
    for layer in layers:
        layer.set_weights([rng.standard_normal(a.shape) / 2 for a in layer.get_weights()])
    params = from_keras([layer.get_weights() for layer in layers], kind, **options)
    assert {name: a.shape for name, a in params.items()} == {name: a.shape for name, a in network.params.items()}
    assert list(params) == list(network.params)
    values, _ = run(network, layers)
    found = ours(network, params, **options)
    assert_same({name: found[name] for name in values}, values, FLOAT64)
    again = to_keras(params, kind, **options)
    for layer, weights in zip(layers, again, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(layer.get_weights(), weights, strict=True))


@pytest.mark.parametrize("both", [False, True])
@EACH_FORM
def test_layers_without_biases(form, both):
    kind, options, keras_options = form
    network = draw(kind, SIZES["both-directions" if both else "ordinary"], seed=5)
    (layer,) = build(network, use_bias=False, **keras_options)
    assert len(layer.get_weights()) == (4 if both else 2)
    params = from_keras([layer.get_weights()], kind, **options)
    assert not any(a.any() for name, a in params.items() if name.startswith("bias"))
    values, _ = run(network, [layer])
    found = ours(network, params, **options)
    assert_same({name: found[name] for name in values}, values, FLOAT64)


@EACH_FORM
def test_there_and_back(form):
    """Equal parameters where Keras has two biases, else the same with the biases added up."""
    kind, options, _ = form
    network = draw(kind, SIZES["two-layers-both"], seed=6)
    back = from_keras(to_keras(network.params, kind, **options), kind, **options)
    reset_after = options.get("reset_after", True)
    expected = network.params
    if kind != "gru" or not reset_after:
        expected = merge_biases(network.params, kind, reset_after=reset_after)
    assert list(back) == list(network.params)
    assert all(np.array_equal(back[name], expected[name]) for name in expected)
    expected, found = ours(network, **options), ours(network, back, **options)
    assert_same({n: found[n] for n in expected}, expected, FLOAT64)


def test_the_result_is_a_copy():
    network = draw("lstm", SIZES["ordinary"])
    before = {name: a.copy() for name, a in network.params.items()}
    weights = to_keras(network.params, "lstm")
    params = from_keras(weights, "lstm")
    for array in weights[0]:
        assert array.flags.c_contiguous
        array[...] = 0
    assert all(np.array_equal(network.params[name], before[name]) for name in before)
    assert params["weight_ih_l0"].any()


def test_dense_is_our_linear_map():
    rng = np.random.default_rng(7)
    x, params = rng.standard_normal((5, 4, 3)), {"weight": rng.standard_normal((2, 3)), "bias": rng.standard_normal(2)}
    layer = keras.layers.Dense(2, dtype="float64")
    layer.build(x.shape)
    layer.set_weights(linear_to_keras(params))
    assert_close(linear_forward(x, **params)[0], layer(x).detach().numpy(), FLOAT64)
    back = linear_from_keras(layer.get_weights())
    assert all(np.array_equal(back[name], params[name]) for name in params)
    bare = linear_from_keras(layer.get_weights()[:1])
    assert np.array_equal(bare["weight"], params["weight"]) and not bare["bias"].any() and bare["bias"].shape == (2,)


def test_embedding_and_layer_norm_have_our_arrays():
    rng = np.random.default_rng(8)
    table, ids = rng.standard_normal((7, 3)), rng.integers(0, 7, (5, 4))
    layer = keras.layers.Embedding(7, 3, dtype="float64")
    layer.build()
    layer.set_weights([table])
    assert_close(embedding_forward(ids, table)[0], layer(ids).detach().numpy(), FLOAT64)

    x, weight, bias = rng.standard_normal((5, 4, 3)), rng.standard_normal(3), rng.standard_normal(3)
    layer = keras.layers.LayerNormalization(dtype="float64", epsilon=1e-5)
    layer.build(x.shape)
    layer.set_weights([weight, bias])
    assert_close(layer_norm_forward(x, weight, bias)[0], layer(x).detach().numpy(), FLOAT64)
    assert keras.layers.LayerNormalization().epsilon == 1e-3
