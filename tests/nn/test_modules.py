"""The modules among torch's tools: copies, dtypes, devices, autocast, functional transforms, compilation."""

from __future__ import annotations

import copy
import io
import pickle

import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence

from rnncourse import nn

from .test_options import ALL

MODULES = {kind: lambda kind=kind, **more: getattr(nn, kind)(2, 3, **ALL[kind] | more) for kind in ALL} | {
    "plain-LSTM": lambda **more: nn.LSTM(2, 3, 2, **more),
    "norm-LSTM": lambda **more: nn.LSTM(2, 3, 2, layer_norm=True, bidirectional=True, zoneout=0.1, **more),
    "coupled-LSTM": lambda **more: nn.LSTM(2, 3, 2, coupled_gates=True, learned_state=True, **more),
    "projected-LSTM": lambda **more: nn.LSTM(2, 3, 2, proj_size=2, zoneout=0.1, **more),
}

every = pytest.mark.parametrize("name", list(MODULES))


def _x(**options) -> torch.Tensor:
    return torch.randn(5, 4, 2, generator=torch.Generator().manual_seed(3), **options)


@every
def test_copies(name: str) -> None:
    """deepcopy, pickle, torch.save: the same output, parameters of their own, still trainable and movable."""
    module = MODULES[name]().eval()
    file = io.BytesIO()
    torch.save(module, file)
    file.seek(0)
    expected = module(_x())[0]
    for other in (
        copy.deepcopy(module),
        pickle.loads(pickle.dumps(module)),
        torch.load(file, weights_only=False),
    ):
        assert repr(other) == repr(module)
        assert torch.equal(other(_x())[0], expected)
        assert not {p.data_ptr() for p in other.parameters()} & {p.data_ptr() for p in module.parameters()}
        other.double()(_x().double())[0].sum().backward()
        assert all(p.grad is not None for p in other.parameters())
        with torch.no_grad():
            other.weight_ih_l0.zero_()
        assert not torch.equal(other(_x().double())[0].float(), expected)
    assert torch.equal(module(_x())[0], expected)


@every
def test_state_dict_round_trip(name: str) -> None:
    module, other = MODULES[name]().eval(), MODULES[name]().eval()
    assert not torch.equal(module(_x())[0], other(_x())[0])
    other.load_state_dict(module.state_dict())
    assert torch.equal(module(_x())[0], other(_x())[0])
    assert len(module.state_dict()) == len(list(module.parameters()))


@every
@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16], ids=str)
def test_dtypes(name: str, dtype: torch.dtype) -> None:
    module = MODULES[name]().eval()
    if name == "plain-LSTM" and dtype != torch.float64:
        pytest.skip("torch's own LSTM has no such kernels on all processors")
    expected = module(_x())[0]
    module.to(dtype)
    output, last = module(_x().to(dtype))
    last = last if isinstance(last, tuple) else (last,)
    assert {output.dtype, *(s.dtype for s in last)} == {dtype}
    # On average: a norm over three units that are nearly equal makes much of a rounding error.
    scale = {torch.float64: 1e-6, torch.float16: 5e-3, torch.bfloat16: 3e-2}[dtype]
    assert (output.float() - expected).abs().mean() <= scale
    module.train()
    module(_x().to(dtype))[0].sum().backward()
    assert {p.grad.dtype for p in module.parameters()} == {dtype}
    made = MODULES[name](dtype=dtype)
    assert {p.dtype for p in made.parameters()} == {dtype}


@every
def test_autocast(name: str) -> None:
    if name == "plain-LSTM":
        pytest.skip("torch's own LSTM has no such kernel on all processors")
    module = MODULES[name]().eval()
    expected = module(_x())[0]
    lengths = torch.tensor([5, 2, 3, 1])
    with torch.autocast("cpu", torch.bfloat16):
        output, _ = module(_x())
        packed, _ = module(pack_padded_sequence(_x(), lengths, enforce_sorted=False))
    assert packed.data.isfinite().all()
    assert (output.float() - expected).abs().mean() <= 3e-2
    assert not torch.equal(output.float(), expected)
    output.float().sum().backward()
    assert all(p.grad is not None and p.grad.dtype == torch.float32 for p in module.parameters())


@every
def test_functional(name: str) -> None:
    """`functional_call` runs on other parameters, `torch.func.grad` gives autograd's gradient."""
    module, other = MODULES[name](dtype=torch.float64).eval(), MODULES[name](dtype=torch.float64).eval()
    params = {n: p.detach() for n, p in other.named_parameters()}
    x = _x(dtype=torch.float64)
    assert torch.equal(torch.func.functional_call(module, params, (x,))[0], other(x)[0])

    def loss(params, x):
        return torch.func.functional_call(module, params, (x,))[0].square().sum()

    grads, dx = torch.func.grad(loss, argnums=(0, 1))(params, x)
    leaf = x.clone().requires_grad_()
    other(leaf)[0].square().sum().backward()
    torch.testing.assert_close(dx, leaf.grad)
    for n, p in other.named_parameters():
        torch.testing.assert_close(grads[n], p.grad)
    assert torch.equal(module(x)[0], module(x)[0])
    assert not torch.equal(module(x)[0], other(x)[0])


@every
def test_meta_device(name: str) -> None:
    module = MODULES[name](device="meta")
    assert {p.device.type for p in module.parameters()} == {"meta"}
    module.to_empty(device="cpu")
    module.reset_parameters()
    assert module(_x())[0].isfinite().all()


@every
def test_states_can_be_handed_on(name: str) -> None:
    """Two halves, the state handed from one to the other and detached, give what the whole gives."""
    module = MODULES[name]().eval()
    if module.bidirectional:
        pytest.skip("the way back starts at the end")
    output, last = module(_x())
    first, state = module(_x()[:2])
    state = tuple(s.detach() for s in state) if isinstance(state, tuple) else state.detach()
    second, after = module(_x()[2:], state)
    torch.testing.assert_close(torch.cat([first, second]), output)
    torch.testing.assert_close(after, last)


def test_parameters_can_be_replaced() -> None:
    module = nn.LSTM(2, 3, peepholes=True)
    module.weight_ci_l0 = torch.nn.Parameter(torch.zeros(3))
    module.weight_hh_l0 = torch.nn.Parameter(torch.zeros(12, 3))
    module(_x())[0].sum().backward()
    assert module.weight_ci_l0.grad is not None
    assert len(module.all_weights[0]) == 7


def test_parametrizations() -> None:
    module = torch.nn.utils.parametrizations.weight_norm(nn.GRU(2, 3, reset_after=False), "weight_hh_l0")
    module(_x())[0].sum().backward()
    assert all(p.grad is not None for p in module.parameters())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["plain-LSTM", "coupled-LSTM", "GRU", "MinGRU"])
def test_compile(name: str) -> None:
    module = MODULES[name]().eval()
    torch._dynamo.reset()
    compiled = torch.compile(module, backend="eager")
    x = _x()[:3].requires_grad_()
    output = compiled(x)[0]
    torch.testing.assert_close(output, module(x)[0])
    (ours,) = torch.autograd.grad(output.sum(), x)
    (theirs,) = torch.autograd.grad(module(x)[0].sum(), x)
    torch.testing.assert_close(ours, theirs)


@pytest.mark.gpu
@every
def test_gpu(name: str) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    module = MODULES[name](dtype=torch.float64).eval()
    x, lengths = _x(dtype=torch.float64), torch.tensor([5, 2, 3, 1])
    inputs = [x, pack_padded_sequence(x, lengths, enforce_sorted=False)]
    expected = [module(input)[0] for input in inputs]
    moved = copy.deepcopy(module).cuda()
    made = MODULES[name](dtype=torch.float64, device="cuda").eval()
    made.load_state_dict(module.state_dict())
    for other in (moved, made):
        for input, output in zip(inputs, expected, strict=True):
            found = other(input.to("cuda"))[0]
            for a, b in ((found, output),) if isinstance(found, torch.Tensor) else ((found.data, output.data),):
                torch.testing.assert_close(a.cpu(), b, rtol=1e-9, atol=1e-9)
        other.train()
        generator = torch.Generator("cuda").manual_seed(0)
        other(x.cuda(), generator=generator)[0].sum().backward()
        assert all(p.grad is not None and p.grad.is_cuda for p in other.parameters())
