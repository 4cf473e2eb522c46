"""Masks of pruning against brute force and against torch.nn.utils.prune."""

import numpy as np
import pytest
import torch
from torch.nn.utils import prune

from rnncourse.reference import magnitude_mask, random_mask, unit_mask
from rnncourse.reference.pruning import global_magnitude_masks

SPARSITIES = [0, 0.1, 0.3, 0.5, 0.77, 0.95, 1]


def draw(seed=0, shape=(6, 7)):
    return np.random.default_rng(seed).standard_normal(shape)


def module(weight):
    layer = torch.nn.Linear(weight.shape[1], weight.shape[0], dtype=torch.float64)
    layer.weight = torch.nn.Parameter(torch.from_numpy(weight))
    return layer


@pytest.mark.parametrize("sparsity", SPARSITIES)
def test_magnitude_removes_the_smallest_one_by_one(sparsity):
    weight = draw()
    expected = np.ones_like(weight)
    for _ in range(round(sparsity * weight.size)):
        rows, columns = np.nonzero(expected)
        smallest = np.abs(weight[rows, columns]).argmin()
        expected[rows[smallest], columns[smallest]] = 0
    np.testing.assert_array_equal(magnitude_mask(weight, sparsity), expected)


@pytest.mark.parametrize("sparsity", SPARSITIES)
def test_magnitude_is_torchs(sparsity):
    layer = module(draw(1))
    prune.l1_unstructured(layer, "weight", amount=float(sparsity))
    np.testing.assert_array_equal(magnitude_mask(draw(1), sparsity), layer.weight_mask.numpy())


@pytest.mark.parametrize("sparsity", SPARSITIES)
def test_global_magnitude_is_torchs(sparsity):
    weights = {"a": draw(3), "b": 0.3 * draw(4, (5, 2)), "c": 2 * draw(5, (1, 9))}
    layers = {name: module(weight) for name, weight in weights.items()}
    prune.global_unstructured(
        [(layer, "weight") for layer in layers.values()], prune.L1Unstructured, amount=float(sparsity)
    )
    masks = global_magnitude_masks(weights, sparsity)
    assert list(masks) == list(weights)
    for name, layer in layers.items():
        np.testing.assert_array_equal(masks[name], layer.weight_mask.numpy())


def test_global_magnitude_of_several_shapes_and_ties():
    weights = {"a": np.ones((2, 2), np.float32), "none": np.ones((0, 3), np.float32), "b": np.array(-1, np.float32)}
    masks = global_magnitude_masks(weights, 0.6)
    assert {name: mask.tolist() for name, mask in masks.items()} == {"a": [[0, 0], [0, 1]], "none": [], "b": 1}
    assert {mask.dtype for mask in masks.values()} == {np.dtype(np.float32)}
    one = draw()
    np.testing.assert_array_equal(global_magnitude_masks({"a": one}, 0.4)["a"], magnitude_mask(one, 0.4))


def test_ties_and_extremes():
    np.testing.assert_array_equal(magnitude_mask(np.array([1.0, -1.0, 1.0, -1.0]), 0.5), [0, 0, 1, 1])
    assert magnitude_mask(np.zeros((0, 3)), 0.5).shape == (0, 3)
    assert magnitude_mask(np.array(3.0), 1) == 0


@pytest.mark.parametrize("sparsity", SPARSITIES)
def test_random_removes_as_many(sparsity):
    layer = module(draw())
    prune.random_unstructured(layer, "weight", amount=float(sparsity))
    mask = random_mask(np.random.default_rng(0), (6, 7), sparsity)
    assert set(np.unique(mask)) <= {0, 1}
    assert mask.sum() == layer.weight_mask.sum() == magnitude_mask(draw(), sparsity).sum()


def test_random_is_even():
    rng = np.random.default_rng(0)
    share = np.mean([random_mask(rng, (4, 5), 0.3) for _ in range(4000)], axis=0)
    # The share's own standard deviation is 0.0072.
    assert np.abs(share - 0.7).max() < 0.03


@pytest.mark.parametrize("sparsity", SPARSITIES)
def test_units_are_torchs_rows_and_their_columns(sparsity):
    weight = draw(2, (8, 8))
    layer = module(weight)
    prune.ln_structured(layer, "weight", amount=float(sparsity), n=2, dim=0)
    kept = layer.weight_mask.numpy()[:, 0]
    expected = np.array([[kept[i] * kept[j] for j in range(8)] for i in range(8)])
    np.testing.assert_array_equal(unit_mask(weight, sparsity), expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype(dtype):
    weight = draw(0, (4, 4)).astype(dtype)
    masks = magnitude_mask(weight, 0.5), unit_mask(weight, 0.5)
    assert {mask.dtype for mask in (*masks, random_mask(np.random.default_rng(0), (4, 4), 0.5, dtype))} == {
        np.dtype(dtype)
    }


def test_refuses_what_does_not_fit():
    weight = draw()
    with pytest.raises(ValueError, match=r"sparsity must be at least 0 and at most 1, got 1\.5"):
        magnitude_mask(weight, 1.5)
    with pytest.raises(ValueError, match=r"sparsity must be at least 0 and at most 1, got -0\.1"):
        random_mask(np.random.default_rng(0), (2, 2), -0.1)
    with pytest.raises(TypeError, match=r"sparsity must be a number, got '0\.5'"):
        unit_mask(draw(0, (3, 3)), "0.5")
    with pytest.raises(TypeError, match=r"weight must be a numpy.ndarray"):
        magnitude_mask([1.0, 2.0], 0.5)
    with pytest.raises(TypeError, match="weight must be of a floating-point dtype, got int64"):
        magnitude_mask(np.arange(4), 0.5)
    with pytest.raises(ValueError, match=r"weight must be finite, got nan at index \(1,\)"):
        magnitude_mask(np.array([1.0, np.nan]), 0.5)
    with pytest.raises(ValueError, match=r"weight must be square, got shape \(6, 7\)"):
        unit_mask(weight, 0.5)
    with pytest.raises(TypeError, match="weights must be a mapping of names to arrays, got list"):
        global_magnitude_masks([weight], 0.5)
    with pytest.raises(ValueError, match="weights must hold at least one array, got none"):
        global_magnitude_masks({}, 0.5)
    with pytest.raises(TypeError, match=r"weights\['b'\] must have dtype float64 like the other arrays, got float32"):
        global_magnitude_masks({"a": weight, "b": weight.astype(np.float32)}, 0.5)
    with pytest.raises(ValueError, match=r"sparsity must be at least 0 and at most 1, got 1\.5"):
        global_magnitude_masks({"a": weight}, 1.5)
    with pytest.raises(TypeError, match="dtype must be float32 or float64, got int64"):
        random_mask(np.random.default_rng(0), (2, 2), 0.5, np.int64)
