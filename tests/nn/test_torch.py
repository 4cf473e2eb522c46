"""In place of torch.nn: the same numbers bit for bit, the same state dicts, the same types of errors."""

from __future__ import annotations

import inspect

import pytest
import torch
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

from rnncourse import nn

KINDS = ["RNN", "LSTM", "GRU"]
OPTIONS = {
    "plain": {},
    "layers": {"num_layers": 3, "bias": False},
    "batch-first": {"batch_first": True, "bidirectional": True},
    "dropout": {"num_layers": 2, "dropout": 0.5, "bidirectional": True},
    "float64": {"dtype": torch.float64, "num_layers": 2},
}

#: Options that torch lacks, each of which takes the module off torch's own forward.
OWN = {
    "RNN": {"layer_norm": True, "zoneout": 0.2},
    "LSTM": {"peepholes": True, "zoneout": 0.2},
    "GRU": {"reset_after": False},
    "MinGRU": {},
    "MinLSTM": {"method": "sequential"},
}

every = pytest.mark.parametrize("kind", KINDS)


def _pair(kind: str, *args, **options) -> tuple[torch.nn.Module, torch.nn.Module]:
    torch.manual_seed(1)
    ours = getattr(nn, kind)(*args, **options)
    torch.manual_seed(1)
    return ours, getattr(torch.nn, kind)(*args, **options)


def _state(kind: str, *shape: int, **options):
    h = torch.randn(shape, **options)
    return (h, torch.randn(shape, **options)) if kind == "LSTM" else h


def _tensors(result) -> list[torch.Tensor]:
    if isinstance(result, torch.Tensor):
        return [result]
    return [t for part in result if part is not None for t in _tensors(part)]


def _equal(ours, theirs) -> bool:
    ours, theirs = _tensors(ours), _tensors(theirs)
    return len(ours) == len(theirs) and all(map(torch.equal, ours, theirs))


@every
@pytest.mark.parametrize("options", OPTIONS.values(), ids=list(OPTIONS))
def test_the_same_bits(kind: str, options: dict) -> None:
    ours, theirs = _pair(kind, 2, 3, **options)
    assert isinstance(ours, getattr(torch.nn, kind))
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert repr(ours) == repr(theirs)
    D, L, dtype = (2 if ours.bidirectional else 1), ours.num_layers, options.get("dtype")
    x = torch.randn(4, 5, 2, dtype=dtype)
    B = 4 if ours.batch_first else 5
    hx = _state(kind, D * L, B, 3, dtype=dtype)
    lengths = torch.tensor([1, 5, 3, 2] if ours.batch_first else [4, 1, 3, 2, 2])
    packed = pack_padded_sequence(x, lengths, enforce_sorted=False, batch_first=ours.batch_first)
    calls = [(x,), (x, hx), (x[0],), (x[0], _state(kind, D * L, 3, dtype=dtype)), (packed,), (packed, hx)]
    for call in calls:
        torch.manual_seed(2)
        one = ours(*call)
        torch.manual_seed(2)
        two = theirs(*call)
        assert _equal(one, two)
        for module, result in ((ours, one), (theirs, two)):
            module.zero_grad()
            sum(t.sum() for t in _tensors(result) if t.requires_grad).backward()
        assert _equal([p.grad for p in ours.parameters()], [p.grad for p in theirs.parameters()])


@every
def test_positional_arguments(kind: str) -> None:
    rest = ("relu", False, True, 0.5, True) if kind == "RNN" else (False, True, 0.5, True)
    ours, theirs = _pair(kind, 2, 3, 2, *rest)
    assert repr(ours) == repr(theirs)
    if kind == "RNN":
        assert ours.nonlinearity == "relu"


def test_projection_has_the_same_bits() -> None:
    ours, theirs = _pair("LSTM", 2, 5, proj_size=3, num_layers=2, bidirectional=True)
    assert repr(ours) == repr(theirs)
    x, hx = torch.randn(4, 6, 2), (torch.randn(4, 6, 3), torch.randn(4, 6, 5))
    assert _equal(ours(x, hx), theirs(x, hx))


@every
def test_state_dicts_both_ways(kind: str) -> None:
    ours = getattr(nn, kind)(2, 3, num_layers=2, bidirectional=True)
    theirs = getattr(torch.nn, kind)(2, 3, num_layers=2, bidirectional=True)
    x = torch.randn(5, 4, 2)
    ours.load_state_dict(theirs.state_dict())
    assert _equal(ours(x), theirs(x))
    other = getattr(nn, kind)(2, 3, num_layers=2, bidirectional=True)
    theirs.load_state_dict(other.state_dict())
    assert _equal(other(x), theirs(x))


@every
@pytest.mark.parametrize("packed", [False, True], ids=["padded", "packed"])
def test_the_own_loop_agrees_with_torch(kind: str, packed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """An option that changes the path but no number: zoneout so rare that it never happens."""
    ours = getattr(nn, kind)(2, 3, num_layers=2, bidirectional=True, dtype=torch.float64, zoneout=1e-30)
    theirs = getattr(torch.nn, kind)(2, 3, num_layers=2, bidirectional=True, dtype=torch.float64)
    theirs.load_state_dict(ours.state_dict())
    x, hx = torch.randn(5, 4, 2, dtype=torch.float64), _state(kind, 4, 4, 3, dtype=torch.float64)
    if packed:
        x = pack_padded_sequence(x, torch.tensor([3, 5, 1, 3]), enforce_sorted=False)
    two = theirs(x, hx)
    monkeypatch.delattr(getattr(torch.nn, kind), "forward")
    one = ours(x, hx)
    for a, b in zip(_tensors(one), _tensors(two), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


@every
def test_what_torch_can_do_is_left_to_torch(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without further options, with a learned state, and in evaluation whatever only training drops."""
    calls = []
    forward = getattr(torch.nn, kind).forward
    monkeypatch.setattr(getattr(torch.nn, kind), "forward", lambda *args: calls.append(1) or forward(*args))
    x, generator = torch.randn(5, 4, 2), torch.Generator()
    drops = {"weight_drop": 0.5, "input_dropout": 0.5, "locked_dropout": 0.5, "num_layers": 2}
    getattr(nn, kind)(2, 3)(x)
    getattr(nn, kind)(2, 3)(x, generator=generator)
    getattr(nn, kind)(2, 3, learned_state=True)(x)
    getattr(nn, kind)(2, 3, **drops).eval()(x, generator=generator)
    assert len(calls) == 4
    getattr(nn, kind)(2, 3, **drops)(x)
    getattr(nn, kind)(2, 3, zoneout=0.1).eval()(x)
    getattr(nn, kind)(2, 3, **OWN[kind])(x)
    assert len(calls) == 4


@every
def test_own_packed_output_is_packed_as_the_input(kind: str) -> None:
    module = getattr(nn, kind)(2, 3, **OWN[kind])
    x = torch.randn(5, 3, 2)
    for lengths, sort in (([5, 3, 3], True), ([3, 5, 3], False)):
        packed = pack_padded_sequence(x, torch.tensor(lengths), enforce_sorted=sort)
        output, _ = module(packed)
        assert isinstance(output, PackedSequence)
        assert torch.equal(output.batch_sizes, packed.batch_sizes)
        for name in ("sorted_indices", "unsorted_indices"):
            a, b = getattr(output, name), getattr(packed, name)
            assert (a is None and b is None) or torch.equal(a, b)


@pytest.mark.parametrize("kind", list(OWN))
def test_own_layouts(kind: str) -> None:
    """Batch first, unbatched and packed give what (T, B, I) gives."""
    torch.manual_seed(0)
    plain = getattr(nn, kind)(2, 3, num_layers=2, **OWN[kind]).eval()
    first = getattr(nn, kind)(2, 3, num_layers=2, batch_first=True, **OWN[kind]).eval()
    first.load_state_dict(plain.state_dict())
    x, hx = torch.randn(5, 4, 2), _state(kind, 2, 4, 3)
    output, last = plain(x, hx)
    turned, same = first(x.transpose(0, 1), hx)
    assert _equal([turned.transpose(0, 1), same], [output, last])
    one = tuple(h[:, 1] for h in hx) if kind == "LSTM" else hx[:, 1]
    for module in (plain, first):
        alone, last_alone = module(x[:, 1], one)
        assert alone.shape == (5, 3)
        torch.testing.assert_close(alone, output[:, 1])
        for a, b in zip(_tensors(last_alone), _tensors(last), strict=True):
            torch.testing.assert_close(a, b[:, 1])
        assert module(x[:, 1])[0].shape == (5, 3)
    assert plain(x[:, :0])[0].shape == (5, 0, 3)


def _bad_calls(kind: str) -> dict[str, tuple]:
    h, x = _state(kind, 1, 4, 3), torch.randn(5, 4, 2)
    wide = _state(kind, 1, 4, 2)
    packed = pack_padded_sequence(x, torch.tensor([5, 3, 2, 1]))
    return {
        "no tensor": ([1.0],),
        "1D": (torch.randn(5),),
        "4D": (torch.randn(5, 4, 2, 1),),
        "width": (torch.randn(5, 4, 3),),
        "integers": (torch.ones(5, 4, 2, dtype=torch.long),),
        "dtype": (x.double(),),
        "no step": (x[:0],),
        "state's width": (x, wide),
        "state's batch": (x[:, :3], h),
        "state's layers": (x, _state(kind, 2, 4, 3)),
        "state unbatched": (x, _state(kind, 1, 3)),
        "state batched": (x[:, 0], h),
        "state's dtype": (x, _state(kind, 1, 4, 3, dtype=torch.float64)),
        "state a number": (x, 5),
        "state's number": (x, (torch.randn(1, 4, 3),)),
        "packed, state's width": (packed, wide),
        "packed, width": (packed._replace(data=torch.randn(11, 3)), h),
        "packed, width, no state": (packed._replace(data=torch.randn(11, 3)),),
        "packed, dtype": (packed._replace(data=torch.randn(11, 2).double()), h),
    }


@pytest.mark.parametrize("kind", list(OWN))
@pytest.mark.parametrize("own", [False, True], ids=["plain", "own"])
def test_bad_calls_raise_as_torch_does(kind: str, own: bool) -> None:
    peer = kind if kind in KINDS else "GRU"
    theirs = getattr(torch.nn, peer)(2, 3)
    ours = getattr(nn, kind)(2, 3, **(OWN[kind] if own else {}))
    for name, call in _bad_calls(kind).items():
        if kind == "LSTM" and name == "packed, dtype":
            continue  # torch does not check it: whatever the processor's kernel raises
        with pytest.raises(Exception) as expected:
            theirs(*call)
        with pytest.raises(Exception) as found:
            ours(*call)
        assert found.type is expected.type, f"{name}: {found.type}, torch raises {expected.type}"


@pytest.mark.parametrize("kind", list(OWN))
def test_bad_arguments_raise_as_torch_does(kind: str) -> None:
    good = {"input_size": 2, "hidden_size": 3}
    for change in (
        {"input_size": 0},
        {"input_size": 2.0},
        {"hidden_size": 0},
        {"hidden_size": "3"},
        {"num_layers": 0},
        {"bias": 1},
        {"batch_first": None},
        {"dropout": 1.5},
        {"dropout": True},
        {"dropout": -0.1},
        {"proj_size": 3},
        {"proj_size": -1},
        {"proj_size": 0},
        {"nonlinearity": "cos"},
        {"units": 3},
    ):
        if kind.startswith("Min") and set(change) & {"proj_size", "nonlinearity"}:
            continue
        theirs = getattr(torch.nn, kind if kind in KINDS else "GRU")
        try:
            theirs(**good | change)
        except Exception as expected:
            with pytest.raises(type(expected)):
                getattr(nn, kind)(**good | change)
        else:
            getattr(nn, kind)(**good | change)


@every
def test_dropout_without_layers_warns_as_torch_does(kind: str) -> None:
    with pytest.warns(UserWarning, match="num_layers greater than 1"):
        getattr(nn, kind)(2, 3, dropout=0.5)


@pytest.mark.parametrize("kind", list(OWN))
def test_locked_dropout_without_layers_warns_where_it_was_asked_for(kind: str) -> None:
    with pytest.warns(UserWarning, match="locked_dropout=0.5 drops between layers") as caught:
        getattr(nn, kind)(2, 3, locked_dropout=0.5)
    assert caught[0].filename == __file__


@every
def test_further_options_are_keywords(kind: str) -> None:
    ours = inspect.signature(getattr(nn, kind)).parameters.values()
    positional = [p.name for p in ours if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert positional == [
        *("input_size", "hidden_size", "num_layers"),
        *(["nonlinearity"] if kind == "RNN" else []),
        *("bias", "batch_first", "dropout", "bidirectional"),
        *(["proj_size"] if kind == "LSTM" else []),
        *("device", "dtype"),
    ]
