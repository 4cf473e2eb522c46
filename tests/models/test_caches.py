"""The caches against the reference."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rnncourse.models import ContinuousCacheModel, UnigramCacheModel
from rnncourse.reference import ContinuousCache, UnigramCache
from tests.models.standin import Elman
from tests.tolerances import FLOAT64, assert_close

TEXT = np.random.default_rng(0).integers(0, 5, 40)


def read(model, ids):
    with torch.no_grad():
        return model(torch.from_numpy(ids)[:, None], model.initial_state(1))[0][:, 0].exp()


@pytest.mark.parametrize(
    "options",
    [{}, {"decay": 0.9}, {"decay": 0.3}, {"decay": 0.0}, {"window": 1}, {"window": 4}, {"window": 39}, {"window": 99}],
    ids=str,
)
def test_unigram_cache(options):
    # Row t + 1 of the reference is for the symbol after the first t + 1: what the model says having read them.
    expected = UnigramCache(6, **options).distributions(np.append(TEXT, 0))[1:]
    assert_close(read(UnigramCacheModel(6, **options), TEXT), expected, FLOAT64)


def test_unigram_cache_of_one_symbol_and_what_it_refuses():
    assert read(UnigramCacheModel(1, window=2), np.zeros(5, int)).tolist() == [[1.0]] * 5
    with pytest.raises(ValueError, match="decay must be 1 with a window"):
        UnigramCacheModel(3, decay=0.5, window=2)
    with pytest.raises(ValueError, match="decay must be at least 0 and at most 1"):
        UnigramCacheModel(3, decay=1.5)


@pytest.mark.parametrize("window", [1, 3, 100])
@pytest.mark.parametrize("theta", [0.0, 0.8, 30.0])
@pytest.mark.parametrize("weight", [0.0, 0.25, 1.0])
def test_continuous_cache(window, theta, weight):
    network = Elman(6)
    with torch.no_grad():
        h, scores, _ = network.features(torch.from_numpy(TEXT)[:, None], network.initial_state(1))
    # h[t] predicts TEXT[t + 1]; the reference's row t is for the t-th predicted symbol.
    cached = ContinuousCache(6, theta, window=window).distributions(h[:, 0].numpy(), np.append(TEXT[1:], 0))
    expected = (1 - weight) * scores[:, 0].softmax(-1).numpy() + weight * cached
    model = ContinuousCacheModel(network, theta=theta, weight=weight, window=window)
    assert_close(read(model, TEXT), expected, FLOAT64)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"theta": -1}, "theta must be at least 0"),
        ({"weight": 1.5}, "weight must be at least 0 and at most 1"),
        ({"window": 0}, "window must be at least 1"),
    ],
)
def test_what_the_continuous_cache_refuses(changed, message):
    with pytest.raises(ValueError, match=message):
        ContinuousCacheModel(Elman(3), **{"theta": 1.0, "weight": 0.1, "window": 4, **changed})
