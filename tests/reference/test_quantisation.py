"""Eight bits: the same integers as torch, a bound on every rounding error, and torch's dynamically quantised layer."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rnncourse.reference.quantisation import (
    Quantised,
    dequantise,
    quantise,
    quantise_activations,
    quantised_linear,
)
from tests.tolerances import FLOAT32, FLOAT64, assert_close

# torch announces the end of its own quantised tensors.
pytestmark = pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor:UserWarning")

SHAPES = {"ordinary": (6, 10), "one-row": (1, 7), "one-column": (5, 1), "one": (1, 1), "three": (3, 2, 4)}
# Half a step, and what division and multiplication may lose in a float.
HALF = {np.float64: 0.5 + 1e-12, np.float32: 0.5 + 1e-4}


def draw(seed=0, shape=(6, 10), dtype=np.float32, spread=1.0):
    return (spread * np.random.default_rng(seed).standard_normal(shape)).astype(dtype)


def theirs(weight, per_row):
    """The weight quantised by torch, with the scales that torch's own observers find."""
    observer = torch.ao.quantization.PerChannelMinMaxObserver if per_row else torch.ao.quantization.MinMaxObserver
    scheme = torch.per_channel_symmetric if per_row else torch.per_tensor_symmetric
    observer = observer(dtype=torch.qint8, qscheme=scheme, quant_min=-127, quant_max=127)
    tensor = torch.from_numpy(weight)
    observer(tensor)
    scale, zero = observer.calculate_qparams()
    if per_row:
        return torch.quantize_per_channel(tensor, scale.double(), zero, 0, torch.qint8)
    return torch.quantize_per_tensor(tensor, scale.item(), 0, torch.qint8)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
@pytest.mark.parametrize("per_row", [False, True], ids=["tensor", "row"])
def test_weights_are_torchs(shape, per_row):
    weight = draw(1, shape)
    ours, tensor = quantise(weight, per_row=per_row), theirs(weight, per_row)
    assert ours.q.dtype == np.int8 and ours.scale.dtype == np.float32 and ours.zero_point == 0
    np.testing.assert_array_equal(ours.q, tensor.int_repr().numpy())
    scale = tensor.q_per_channel_scales().numpy() if per_row else tensor.q_scale()
    assert_close(ours.scale.reshape(-1) if per_row else ours.scale, scale, FLOAT32)
    assert_close(dequantise(ours), tensor.dequantize().numpy(), FLOAT32)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("per_row", [False, True], ids=["tensor", "row"])
@given(
    seed=st.integers(0, 2**32 - 1), shape=st.tuples(st.integers(1, 5), st.integers(1, 6)), power=st.integers(-37, 37)
)
def test_a_weight_is_off_by_half_a_step_at_most(dtype, per_row, seed, shape, power):
    weight = draw(seed, shape, np.float64, 10.0**power).astype(dtype)
    array = quantise(weight, per_row=per_row)
    assert array.scale.shape == ((shape[0], 1) if per_row else ())
    assert np.abs(array.q.astype(int)).max() <= 127
    restored = dequantise(array)
    assert restored.dtype == dtype
    assert (np.abs(restored - weight) <= HALF[dtype] * array.scale).all()
    # The largest entry of each range uses all of it: no finer scale would do.
    largest = np.abs(weight).max(1, keepdims=True) if per_row else np.abs(weight).max()
    normal = largest > 200 * np.finfo(dtype).tiny
    assert_close(np.where(normal, 127 * array.scale, 0), np.where(normal, largest, 0), FLOAT32)


def test_rows_of_very_different_size_keep_their_precision():
    weight = draw(2) * np.array([[1e-3], [1e3], [1.0], [1.0], [1e-6], [1.0]], np.float32)
    rows, whole = (np.abs(dequantise(quantise(weight, per_row=p)) - weight).max(1) for p in (True, False))
    assert (rows < 0.01 * np.abs(weight).max(1)).all()
    assert (whole[[0, 4]] == np.abs(weight).max(1)[[0, 4]]).all()  # nothing is left of the small ones


def test_ties_go_to_the_even_integer():
    weight = np.array([127.0, 0.5, 1.5, 2.5, -0.5, -1.5])
    assert quantise(weight).q.tolist() == [127, 0, 2, 2, 0, -2]
    # Rounded after the zero point is added, as torch does: an odd one turns the ties round.
    x = np.array([-1.0, 254.0, 0.5, 1.5, 2.5, -0.5], np.float32)
    array = quantise_activations(x)
    assert (array.scale, array.zero_point) == (1, 1)
    assert array.q.tolist() == torch.quantize_per_tensor(torch.from_numpy(x), 1.0, 1, torch.quint8).int_repr().tolist()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("value", [0.0, 1e-45, -1e-42, 190 * 2.0**-149, 190 * 2.0**-1074, 3e38])
def test_extreme_weights(dtype, value):
    weight = np.full((2, 3), value, dtype)
    for per_row in (False, True):
        array = quantise(weight, per_row=per_row)
        assert (np.abs(dequantise(array) - weight) <= HALF[dtype] * array.scale).all()
    assert quantise(np.array(value, dtype)).q.shape == ()
    activations = quantise_activations(weight)
    assert (np.abs(dequantise(activations) - weight) <= HALF[dtype] * activations.scale).all()
    if value == 0:
        assert not dequantise(array).any() and not dequantise(activations).any()


@pytest.mark.parametrize("reduce_range", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.tuples(st.integers(1, 5), st.integers(1, 6)),
    centre=st.floats(-5, 5),
    power=st.integers(-30, 30),
)
def test_an_activation_is_off_by_half_a_step_at_most(dtype, reduce_range, seed, shape, centre, power):
    x = (10.0**power * (np.random.default_rng(seed).standard_normal(shape) + centre)).astype(dtype)
    array = quantise_activations(x, reduce_range=reduce_range)
    assert array.q.dtype == np.uint8 and array.scale.dtype == dtype
    levels = 127 if reduce_range else 255
    assert array.q.max() <= levels and 0 <= array.zero_point <= levels
    assert (np.abs(dequantise(array) - x) <= (HALF[dtype] + 0.01 * (dtype == np.float32)) * array.scale).all()
    span = max(x.max(), 0) - min(x.min(), 0)
    assert_close(array.scale * levels, span, FLOAT32)


@pytest.mark.parametrize("centre", [-9.0, 0.0, 0.7, 9.0])
def test_activations_are_torchs(centre):
    x = draw(3) + np.float32(centre)
    array = quantise_activations(x)
    tensor = torch.quantize_per_tensor_dynamic(torch.from_numpy(x), torch.quint8, reduce_range=False)
    assert array.zero_point == tensor.q_zero_point()
    assert_close(array.scale, tensor.q_scale(), FLOAT32)
    np.testing.assert_array_equal(array.q, tensor.int_repr().numpy())


def test_zero_is_exact():
    x = np.array([-0.37, 0.0, 1.21])
    assert dequantise(quantise_activations(x))[1] == 0
    assert quantise_activations(np.array([2.0, 3.0])).zero_point == 0
    assert quantise_activations(np.array([-2.0, -3.0])).zero_point == 255


# torch's kernels for x86 overflow with eight bits, its kernels for ARM disregard reduce_range.
ENGINES = {"x86": True, "fbgemm": True, "qnnpack": False}


@pytest.fixture(params=ENGINES.items(), ids=ENGINES.keys())
def engine(request):
    """torch's kernels, one set after the other, and whether they reduce the range."""
    name, reduce_range = request.param
    if name not in torch.backends.quantized.supported_engines:
        pytest.skip(f"this torch has no {name}")
    before = torch.backends.quantized.engine
    torch.backends.quantized.engine = name
    yield reduce_range
    torch.backends.quantized.engine = before


@pytest.mark.parametrize("per_row", [False, True], ids=["tensor", "row"])
@pytest.mark.parametrize("leading", [(4,), (3, 5), (1,)], ids=str)
def test_the_linear_layer_is_torchs(engine, per_row, leading):
    weight, bias, x = draw(4), draw(5, (6,)), draw(6, (*leading, 10)) + np.float32(0.4)
    packed = torch.ops.quantized.linear_prepack(theirs(weight, per_row), torch.from_numpy(bias))
    want = torch.ops.quantized.linear_dynamic(torch.from_numpy(x), packed, engine).numpy()
    got = quantised_linear(x, quantise(weight, per_row=per_row), bias, reduce_range=engine)
    assert got.dtype == np.float32
    assert_close(got, want, FLOAT32)


@pytest.mark.parametrize("reduce_range", [False, True])
@pytest.mark.parametrize("per_row", [False, True], ids=["tensor", "row"])
def test_the_linear_layer_by_brute_force(per_row, reduce_range):
    weight, bias, x = draw(7, dtype=np.float64), draw(8, (6,), np.float64), draw(9, (2, 3, 10), np.float64) - 0.3
    array = quantise(weight, per_row=per_row)
    got = quantised_linear(x, array, bias, reduce_range=reduce_range)
    assert got.dtype == np.float64
    # The same numbers as the layer of the rounded weights on the rounded inputs, in ordinary arithmetic.
    rounded = dequantise(quantise_activations(x, reduce_range=reduce_range))
    want = np.array(
        [[[r @ row + b for row, b in zip(dequantise(array), bias, strict=True)] for r in t] for t in rounded]
    )
    assert_close(got, want, FLOAT64)
    # And within the sum of all roundings of the exact layer.
    s_x = quantise_activations(x, reduce_range=reduce_range).scale
    bound = s_x / 2 * np.abs(dequantise(array)).sum(1) + np.abs(x).sum(-1, keepdims=True) * array.scale.T / 2
    error = np.abs(got - (x @ weight.T + bias))
    assert (error <= bound * (1 + 1e-12)).all()
    assert error.max() > 0.001


def test_the_sum_is_exact_where_sixteen_bits_overflow():
    weight, x = np.full((1, 5000), 1.0), np.full((1, 5000), 1.0)
    assert_close(quantised_linear(x, quantise(weight), np.zeros(1)), [[5000.0]], FLOAT64)
    most = quantise(np.full((1, 66311), -1.0))
    assert_close(quantised_linear(np.ones((1, 66311)), most, np.zeros(1)), [[-66311.0]], FLOAT64)


def test_refuses_what_does_not_fit():
    weight, bias, x = draw(0), draw(0, (6,)), draw(0, (4, 10))
    for call, error, message in [
        (lambda: quantise([1.0]), TypeError, "weight must be a numpy.ndarray"),
        (lambda: quantise(np.arange(3)), TypeError, "weight must be of a floating-point dtype, got int64"),
        (lambda: quantise(np.array([1, math.nan])), ValueError, "weight must be finite"),
        (lambda: quantise(np.ones((0, 3))), ValueError, r"weight must have at least one entry, got shape \(0, 3\)"),
        (lambda: quantise(np.array(1.0), per_row=True), ValueError, "weight must have a first axis for per_row"),
        (lambda: quantise_activations(np.array([math.inf])), ValueError, "x must be finite"),
        (lambda: quantise_activations(np.ones(0)), ValueError, "x must have at least one entry"),
        (lambda: quantised_linear(x, weight, bias), TypeError, "weight must be what quantise returned, got ndarray"),
        (
            lambda: quantised_linear(x, quantise_activations(x), bias),
            TypeError,
            "weight.q must be a numpy.ndarray of int8, got uint8",
        ),
        (
            lambda: quantised_linear(x, quantise(bias), bias),
            ValueError,
            r"weight.q must have shape \(M, N\), got \(6,\)",
        ),
        (lambda: quantised_linear(x[:, 1:], quantise(weight), bias), ValueError, r"x must have shape \(…, 10\), got"),
        (lambda: quantised_linear(x[:0], quantise(weight), bias), ValueError, "x must have at least one entry"),
        (lambda: quantised_linear(x.astype(float), quantise(weight), bias), TypeError, "x must have dtype float32"),
        (lambda: quantised_linear(x, quantise(weight), bias[1:]), ValueError, r"bias must have shape \(6,\)"),
        (lambda: quantised_linear(x, quantise(weight), bias.astype(float)), TypeError, "bias must have dtype float32"),
        (
            lambda: quantised_linear(x, Quantised(np.ones((1, 66312), np.int8), np.array(1.0), 0), bias),
            ValueError,
            "weight must have at most 66311 columns, or 32 bits could overflow, got 66312",
        ),
    ]:
        with pytest.raises(error, match=message):
            call()
