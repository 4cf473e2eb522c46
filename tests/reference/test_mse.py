"""The mean squared error against torch and against central differences."""

import numpy as np
import pytest
import torch

from rnncourse.reference import gradcheck, mse_backward, mse_forward
from tests.tolerances import FLOAT32, FLOAT64, assert_close


@pytest.mark.parametrize("dtype, tolerance", [(np.float64, FLOAT64), (np.float32, FLOAT32)])
@pytest.mark.parametrize("shape", [(1,), (7,), (3, 4), (2, 3, 1)])
def test_mse_equals_torch(shape, dtype, tolerance):
    rng = np.random.default_rng(0)
    output, targets = (rng.standard_normal(shape).astype(dtype) for _ in range(2))
    tensor = torch.tensor(output, requires_grad=True)
    theirs = torch.nn.functional.mse_loss(tensor, torch.tensor(targets))
    theirs.backward()
    loss, cache = mse_forward(output, targets)
    d_output = mse_backward(cache)
    assert isinstance(loss, float) and d_output.dtype == dtype
    assert_close(loss, theirs.item(), tolerance)
    assert_close(d_output, tensor.grad.numpy(), tolerance)


def test_mse_by_differences():
    rng = np.random.default_rng(1)
    output, targets = rng.standard_normal((5, 2)), rng.standard_normal((5, 2))
    gradcheck(
        lambda: mse_forward(output, targets)[0],
        {"output": output},
        {"output": mse_backward(mse_forward(output, targets)[1])},
    )


@pytest.mark.parametrize(
    "output, targets, error, message",
    [
        (np.zeros(3), np.zeros(4), ValueError, r"targets must have shape \(3,\), got \(4,\)"),
        (np.zeros(3), np.zeros(3, np.float32), TypeError, "targets must have dtype float64"),
        (np.zeros(0), np.zeros(0), ValueError, "at least one entry"),
        (np.array([np.nan]), np.zeros(1), ValueError, "output must be finite"),
        ([0.0], np.zeros(1), TypeError, "output must be a numpy.ndarray"),
    ],
)
def test_mse_names_bad_input(output, targets, error, message):
    with pytest.raises(error, match=message):
        mse_forward(output, targets)
