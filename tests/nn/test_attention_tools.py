"""Attention, CRF and Transformer among torch's tools: copies, dtypes, devices, autocast, transforms, compilation."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable

import pytest
import torch

from rnncourse import nn

SETUPS = {
    "additive": lambda **made: nn.AdditiveAttention(4, 4, 5, **made),
    "dot": lambda **made: nn.MultiplicativeAttention(4, 4, "dot", **made),
    "general": lambda **made: nn.MultiplicativeAttention(4, 4, **made),
    "concat": lambda **made: nn.MultiplicativeAttention(4, 4, "concat", 5, **made),
    "heads": lambda **made: nn.MultiheadAttention(4, 2, **made),
    "rotary": lambda **made: nn.MultiheadAttention(4, 2, rotary=True, **made),
    "block": lambda **made: nn.TransformerBlock(4, 2, 7, norm_first=True, **made),
    "learned": lambda **made: nn.LearnedPositions(9, 4, **made),
    "crf": lambda **made: nn.CRF(4, **made),
}
every = pytest.mark.parametrize("name", list(SETUPS))
learning = pytest.mark.parametrize("name", [name for name in SETUPS if name != "dot"])


def build(name: str, **made) -> torch.nn.Module:
    """In evaluation, with parameters that are not at their start: a CRF's are 0 there."""
    module = SETUPS[name](**made).eval()
    with torch.no_grad():
        for p in module.parameters():
            p.add_(torch.randn(p.shape, generator=torch.Generator().manual_seed(5)).to(p) / 2)
    return module


def run(module: torch.nn.Module, x: torch.Tensor, call: Callable | None = None) -> torch.Tensor:
    """The module's first output for x; `call` is called in its place."""
    call = module if call is None else call
    if isinstance(module, nn.CRF):
        return call(x, torch.arange(12, device=x.device).reshape(4, 3) % 4, reduction="none")
    arguments = (x[:1], x) if isinstance(module, nn.AdditiveAttention | nn.MultiplicativeAttention) else (x,)
    output = call(*arguments)
    return output[0] if isinstance(output, tuple) else output


def data(**options) -> torch.Tensor:
    return torch.randn(4, 3, 4, generator=torch.Generator().manual_seed(3), **options)


@every
def test_copies(name: str) -> None:
    module = build(name)
    file = io.BytesIO()
    torch.save(module, file)
    file.seek(0)
    expected = run(module, data())
    for other in (copy.deepcopy(module), pickle.loads(pickle.dumps(module)), torch.load(file, weights_only=False)):
        assert repr(other) == repr(module)
        assert torch.equal(run(other, data()), expected)
        assert not {p.data_ptr() for p in other.parameters()} & {p.data_ptr() for p in module.parameters()}
    other = build(name)
    with torch.no_grad():
        for p in other.parameters():
            p.zero_()
    assert torch.equal(run(other, data()), expected) == (name == "dot")
    other.load_state_dict(module.state_dict())
    assert torch.equal(run(other, data()), expected)


@every
@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16], ids=str)
def test_dtypes(name: str, dtype: torch.dtype) -> None:
    module = build(name)
    expected = run(module, data())
    output = run(module.to(dtype), data().to(dtype))
    assert output.dtype == dtype
    scale = {torch.float64: 1e-6, torch.float16: 5e-3, torch.bfloat16: 5e-2}[dtype]
    assert (output.float() - expected).abs().mean() <= scale * (1 + expected.abs().mean())
    assert {p.dtype for p in SETUPS[name](dtype=dtype).parameters()} <= {dtype}


@every
def test_autocast(name: str) -> None:
    module, x = build(name), data()
    expected = run(module, x)
    with torch.autocast("cpu", torch.bfloat16):
        output = run(module, x)
        if name == "crf":  # what a network gives it under autocast
            output = run(module, x.bfloat16())
    assert (output.float() - expected).abs().mean() <= 5e-2 * (1 + expected.abs().mean())
    assert name == "learned" or not torch.equal(output.float(), expected)
    if name != "dot":
        output.float().sum().backward()
        assert all(p.grad is not None and p.grad.dtype == torch.float32 for p in module.parameters())


@pytest.mark.parametrize("name", ["heads", "rotary", "block"])
def test_a_cache_keeps_its_dtype_under_autocast(name: str) -> None:
    module, x = build(name), data()
    _, past, _ = module(x, causal=True)
    expected, _, _ = module(x, causal=True, past=past)
    with torch.autocast("cpu", torch.bfloat16):
        output, state, _ = module(x, causal=True, past=past)
    assert state.k.dtype == state.v.dtype == torch.float32
    assert (output.float() - expected).abs().mean() <= 5e-2


@learning
def test_functional(name: str) -> None:
    """`functional_call` runs on other parameters, `torch.func.grad` gives autograd's gradient."""
    module, other = SETUPS[name](dtype=torch.float64).eval(), build(name, dtype=torch.float64)
    params = {n: p.detach() for n, p in other.named_parameters()}
    x = data(dtype=torch.float64)

    def loss(params, x):
        call = lambda *arguments, **options: torch.func.functional_call(module, params, arguments, options)  # noqa: E731
        return run(module, x, call).square().sum()

    grads, dx = torch.func.grad(loss, argnums=(0, 1))(params, x)
    leaf = x.clone().requires_grad_()
    run(other, leaf).square().sum().backward()
    torch.testing.assert_close(dx, leaf.grad)
    for n, p in other.named_parameters():
        torch.testing.assert_close(grads[n], p.grad)
    assert not torch.equal(run(module, x), run(other, x))


@every
def test_meta_device(name: str) -> None:
    module = SETUPS[name](device="meta")
    assert {p.device.type for p in module.parameters()} <= {"meta"}
    module.to_empty(device="cpu").eval()
    for p in module.parameters():
        torch.nn.init.constant_(p, torch.nan)
    module.reset_parameters()
    assert run(module, data()).isfinite().all()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["additive", "rotary", "block", "crf"])
def test_compile(name: str) -> None:
    module, x = build(name), data().requires_grad_()
    torch._dynamo.reset()
    output = run(module, x, torch.compile(module, backend="eager"))
    expected = run(module, x)
    torch.testing.assert_close(output, expected)
    (ours,), (theirs,) = (torch.autograd.grad(y.sum(), x) for y in (output, expected))
    torch.testing.assert_close(ours, theirs)


@pytest.mark.gpu
@every
def test_gpu(name: str) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    module, x = build(name, dtype=torch.float64), data(dtype=torch.float64)
    expected = run(module, x)
    found = run(module.cuda(), x.cuda())
    torch.testing.assert_close(found.cpu(), expected, rtol=1e-9, atol=1e-9)
