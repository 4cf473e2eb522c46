"""Parameters to and from torch.nn, of several layers and directions: its modules are run."""

import numpy as np
import pytest
import torch

from rnncourse.reference import (
    from_torch,
    gru_forward,
    init_lstm,
    join_layers,
    layer_params,
    lstm_cell,
    scan_forward,
    split_layers,
    stack_forward,
    stacked_rnn_forward,
    to_torch,
)
from rnncourse.reference.rnn import rnn_cell
from tests.reference.cell_checks import assert_same
from tests.reference.networks import LENGTHS, SIZES, by_name, draw, forward_part, ours
from tests.tolerances import FLOAT32, FLOAT64, assert_close

FORMS = {
    "rnn": ("rnn", {}),
    "lstm": ("lstm", {}),
    "gru": ("gru", {}),
    "gru-admits": ("gru", {"z_keeps": False}),
}
EACH_FORM = pytest.mark.parametrize("kind, options", FORMS.values(), ids=FORMS)
EACH_SIZE = pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)


def build(network, **options):
    _, _, I, H, L, D = network.size
    module = getattr(torch.nn, network.kind.upper())
    return module(I, H, num_layers=L, bidirectional=D == 2, dtype=torch.from_numpy(network.x).dtype, **options)


def load(module, state_dict):
    module.load_state_dict({name: torch.from_numpy(array) for name, array in state_dict.items()})
    return module


def run(network, module):
    """Output and last states under the names of `networks.ours`."""
    T, *_, L, D = network.size
    x = torch.from_numpy(network.x)
    arrays = [
        torch.from_numpy(np.stack([state[k] for layer in network.states for state in layer]))
        for k in range(len(network.states[0][0]))
    ]
    if network.lengths is not None:
        x = torch.nn.utils.rnn.pack_padded_sequence(x, torch.from_numpy(network.lengths), enforce_sorted=False)
    with torch.no_grad():
        output, last = module(x, tuple(arrays) if len(arrays) == 2 else arrays[0])
    if network.lengths is not None:
        output, _ = torch.nn.utils.rnn.pad_packed_sequence(output, total_length=T)
    last = [a.numpy() for a in (last if isinstance(last, tuple) else (last,))]
    states = [[tuple(a[l * D + d] for a in last) for d in range(D)] for l in range(L)]
    return {"output": output.numpy(), **by_name("last", states)}


@EACH_SIZE
@EACH_FORM
def test_torch_computes_what_we_do(kind, options, size):
    network = draw(kind, size)
    module = load(build(network), to_torch(network.params, kind, **options))
    assert list(to_torch(network.params, kind, **options)) == list(module.state_dict())
    assert_same(forward_part(ours(network, **options)), run(network, module), FLOAT64)


@pytest.mark.parametrize("size", ["ordinary", "two-layers-both"])
@EACH_FORM
def test_packed_sequences_are_our_lengths(kind, options, size):
    network = draw(kind, SIZES[size], seed=1, lengths=LENGTHS[SIZES[size][1]])
    module = load(build(network), to_torch(network.params, kind, **options))
    assert_same(forward_part(ours(network, **options)), run(network, module), FLOAT64)


@pytest.mark.parametrize("dtype, tolerance", [(np.float32, FLOAT32), (np.float64, FLOAT64)])
@EACH_SIZE
@EACH_FORM
def test_we_compute_what_torch_does(kind, options, size, dtype, tolerance):
    network = draw(kind, size, seed=2, dtype=dtype)
    torch.manual_seed(3)
    module = build(network)
    params = from_torch(module.state_dict(), kind, **options)
    assert list(params) == list(network.params)
    assert {a.dtype for a in params.values()} == {np.dtype(dtype)}
    assert_same(forward_part(ours(network, params, **options)), run(network, module), tolerance)
    again = to_torch(params, kind, **options)
    assert all(np.array_equal(a.numpy(), again[name]) for name, a in module.state_dict().items())


@EACH_FORM
def test_a_module_without_biases(kind, options):
    network = draw(kind, SIZES["two-layers-both"], seed=4)
    torch.manual_seed(5)
    module = build(network, bias=False)
    params = from_torch(module.state_dict(), kind, **options)
    assert not any(a.any() for name, a in params.items() if name.startswith("bias"))
    assert_same(forward_part(ours(network, params, **options)), run(network, module), FLOAT64)


@pytest.mark.parametrize("layers", [1, 2])
def test_a_projection_goes_along(layers):
    torch.manual_seed(6)
    module = torch.nn.LSTM(3, 5, num_layers=layers, proj_size=2, dtype=torch.float64)
    params = from_torch(module.state_dict(), "lstm")
    again = to_torch(params, "lstm")
    assert list(again) == list(module.state_dict())
    assert all(np.array_equal(a.numpy(), again[name]) for name, a in module.state_dict().items())
    rng = np.random.default_rng(7)
    x, first = rng.standard_normal((6, 4, 3)), [(rng.standard_normal((4, 2)), rng.standard_normal((4, 5)))] * layers
    output, last, _ = stack_forward([lstm_cell()] * layers, x, first, split_layers(params))
    h, c = (torch.from_numpy(np.stack([state[k] for state in first])) for k in range(2))
    with torch.no_grad():
        theirs, (h_n, c_n) = module(torch.from_numpy(x), (h, c))
    assert_close(output, theirs.numpy(), FLOAT64)
    assert_close(last[-1][0], h_n[-1].numpy(), FLOAT64)
    assert_close(last[-1][1], c_n[-1].numpy(), FLOAT64)


def test_a_part_of_a_model_by_prefix_dtype_and_gradients():
    """float32 parameters that ask for gradients, inside a model, read as float64 and written back."""
    torch.manual_seed(8)
    model = torch.nn.ModuleDict({"rnn": torch.nn.GRU(2, 3), "readout": torch.nn.Linear(3, 4)})
    params = from_torch(dict(model.named_parameters()), "gru", prefix="rnn.", dtype=np.float64)
    assert list(params) == ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"]
    rng = np.random.default_rng(9)
    x, h_0 = rng.standard_normal((5, 4, 2)), rng.standard_normal((4, 3))
    output, _, _ = gru_forward(x, h_0, params)
    with torch.no_grad():
        theirs, _ = model["rnn"](torch.from_numpy(x).float(), torch.from_numpy(h_0).float()[None])
    assert_close(output, theirs.numpy(), FLOAT32)
    back = to_torch(params, "gru", prefix="rnn.", dtype="float32")
    assert all(name.startswith("rnn.") and a.dtype == np.float32 for name, a in back.items())
    assert all(np.array_equal(a, model.state_dict()[name].numpy()) for name, a in back.items())


def test_half_precision_needs_a_dtype():
    state = torch.nn.RNN(2, 3).half().state_dict()
    with pytest.raises(TypeError, match=r"state_dict\['weight_ih_l0'\] must be float32 or float64, or dtype must be"):
        from_torch(state, "rnn")
    assert {a.dtype.name for a in from_torch(state, "rnn", dtype="float32").values()} == {"float32"}
    with pytest.raises(
        TypeError, match=r"state_dict\['weight_ih_l0'\] must be of a dtype that NumPy has, got torch.bf"
    ):
        from_torch(torch.nn.RNN(2, 3).bfloat16().state_dict(), "rnn")


def test_the_results_are_copies():
    module = torch.nn.LSTM(2, 3, dtype=torch.float64)
    params = from_torch(module.state_dict(), "lstm")
    state = to_torch(params, "lstm")
    for name in params:
        before = module.state_dict()[name].numpy().copy()
        params[name][...] = 7
        assert np.array_equal(module.state_dict()[name].numpy(), before) and np.array_equal(state[name], before)


def test_layers_apart_and_together():
    network = draw("rnn", SIZES["two-layers-both"], seed=10)
    layers = split_layers(network.params)
    assert [sorted(layer) for layer in layers] == [sorted(n for n in network.params if "_l0" in n)] * 2
    joined = join_layers(layers)
    assert joined.keys() == network.params.keys()
    assert all(joined[name] is array for name, array in network.params.items())

    network = draw("rnn", SIZES["two-layers"], seed=11)
    for l, layer in enumerate(split_layers(network.params)):
        expected = layer_params(network.params, l)
        assert layer.keys() == expected.keys() and all(layer[name] is expected[name] for name in layer)
    h_0 = np.stack([layer[0][0] for layer in network.states])
    whole, _, _ = stacked_rnn_forward(network.x, h_0, network.params)
    apart, _, _ = stack_forward([rnn_cell()] * 2, network.x, [(h,) for h in h_0], split_layers(network.params))
    assert_close(apart, whole, FLOAT64)


def test_split_layers_knows_any_cell():
    params = init_lstm(np.random.default_rng(0), 2, 3, proj_size=2)
    (layer,) = split_layers(params)
    x, state = np.ones((4, 3, 2)), (np.zeros((3, 2)), np.zeros((3, 3)))
    assert scan_forward(lstm_cell(), x, state, layer)[0].shape == (4, 3, 2)
