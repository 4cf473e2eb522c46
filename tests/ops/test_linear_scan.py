"""The linear recurrence in log2 T rounds: against the loop, the reference, and where products underflow."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rnncourse import reference
from rnncourse.ops import linear_scan, minlstm_scan
from tests.tolerances import FLOAT32, FLOAT64, assert_close


def _case(T: int, seed: int = 0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    return rng.uniform(-1, 1, (T, 3, 2)).astype(dtype), *(rng.normal(size=s).astype(dtype) for s in ((T, 3, 2), (3, 2)))


@pytest.mark.parametrize("T", [1, 2, 3, 4, 5, 8, 17, 100])
@pytest.mark.parametrize("method", ["parallel", "sequential"])
def test_reference(T: int, method: str) -> None:
    a, b, h_0 = _case(T)
    rng = np.random.default_rng(1)
    d = rng.normal(size=b.shape)
    expected, _, cache = reference.linear_scan_forward(a, b, h_0, method="sequential")
    gradients = reference.linear_scan_backward(d, None, cache)
    leaves = [torch.tensor(v, requires_grad=True) for v in (a, b, h_0)]
    output = linear_scan(*leaves, method=method)
    assert_close(output.detach(), expected, FLOAT64)
    for ours, theirs in zip(torch.autograd.grad(output, leaves, torch.from_numpy(d)), gradients, strict=True):
        assert_close(ours, theirs, FLOAT64)


def test_both_derivatives_are_checked_numerically() -> None:
    leaves = [torch.tensor(v, requires_grad=True) for v in _case(6)]
    assert torch.autograd.gradcheck(linear_scan, leaves)
    assert torch.autograd.gradgradcheck(linear_scan, leaves)


def test_products_may_underflow() -> None:
    """a small over many steps, a = 0 and a = 1: neither NaN nor infinity, forward and backward."""
    T = 3000
    a = torch.full((T, 2, 3), 1e-3)
    a[100], a[200:300], a[2000:] = 0, 1, 1
    b = torch.ones(T, 2, 3)
    leaves = [v.requires_grad_() for v in (a, b, torch.ones(2, 3))]
    results = {}
    for method in ("parallel", "sequential"):
        output = linear_scan(*leaves, method=method)
        results[method] = [output.detach(), *torch.autograd.grad(output.sum(), leaves)]
    for ours, theirs in zip(results["parallel"], results["sequential"], strict=True):
        assert torch.isfinite(ours).all()
        assert_close(ours, theirs, FLOAT32)


def test_saturated_gates_stay_finite() -> None:
    """Both gates of a minimal LSTM rounded to zero: their shares are still right, and the gradient is finite."""
    x = torch.full((4, 1, 1), 1.0, requires_grad=True)
    params = {"weight_ih_l0": torch.tensor([[-800.0], [-801.0], [2.0]])}
    output, _ = minlstm_scan(x, (torch.zeros(1, 1),), params)
    share = 1 / (1 + np.e)  # f' = sigmoid(ln f - ln i), here of -1
    assert_close(output[0].detach(), [[2 * (1 - share)]], FLOAT32)
    output.sum().backward()
    assert torch.isfinite(x.grad).all()


def test_functorch_and_vmap() -> None:
    a, b, h_0 = map(torch.from_numpy, _case(5))
    loss = lambda a: linear_scan(a, b, h_0).sum()  # noqa: E731
    leaf = a.clone().requires_grad_()
    assert_close(torch.func.grad(loss)(a), torch.autograd.grad(loss(leaf), leaf)[0], FLOAT64)
    stacked = torch.func.vmap(lambda a: linear_scan(a, b, h_0))(torch.stack([a, a / 2]))
    assert_close(stacked[1], linear_scan(a / 2, b, h_0), FLOAT64)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"a": torch.ones(5, 2)}, ValueError, "a must have shape"),
        ({"a": torch.ones(0, 2, 3)}, ValueError, "a must have T >= 1"),
        ({"b": torch.ones(5, 2, 2)}, ValueError, r"b must have shape \(5, 2, 3\), got \(5, 2, 2\)"),
        ({"b": torch.ones(5, 2, 3).double()}, TypeError, "b must have dtype torch.float32"),
        ({"h_0": np.ones((2, 3))}, TypeError, "h_0 must be a torch.Tensor"),
        ({"method": "tree"}, ValueError, "method must be one of 'parallel', 'sequential', got 'tree'"),
    ],
)
def test_bad_input(change: dict, error: type, message: str) -> None:
    good = {"a": torch.ones(5, 2, 3), "b": torch.ones(5, 2, 3), "h_0": torch.ones(2, 3)}
    with pytest.raises(error, match=message):
        linear_scan(**good | change)
