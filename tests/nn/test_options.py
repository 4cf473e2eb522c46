"""Options that torch lacks: what they refuse, how they show, what they draw, what is learned."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from rnncourse import nn, reference

_RATES = ["zoneout", "weight_drop", "input_dropout", "locked_dropout"]
ALL = {
    "RNN": {"layer_norm": True, "num_layers": 2, "learned_state": True, **dict.fromkeys(_RATES, 0.3)},
    "LSTM": {"peepholes": True, "num_layers": 2, "learned_state": True, **dict.fromkeys(_RATES, 0.3)},
    "GRU": {"reset_after": False, "num_layers": 2, "learned_state": True, **dict.fromkeys(_RATES, 0.3)},
    "MinGRU": {"num_layers": 2, "learned_state": True, "zoneout": 0.3, "input_dropout": 0.3, "locked_dropout": 0.3},
    "MinLSTM": {"num_layers": 2, "learned_state": True, "zoneout": 0.3, "input_dropout": 0.3, "locked_dropout": 0.3},
}

every = pytest.mark.parametrize("kind", list(ALL))


@every
@pytest.mark.parametrize(
    ("option", "error", "message"),
    [
        ({"zoneout": 1.0}, ValueError, "zoneout must be at least 0 and below 1, got 1.0"),
        ({"zoneout": "0.5"}, TypeError, "zoneout must be a number, got '0.5'"),
        ({"zoneout": (0.1, 0.2, 0.3)}, ValueError, "zoneout must be a number or"),
        ({"zoneout": True}, TypeError, "zoneout must be a number"),
        ({"weight_drop": -0.1}, ValueError, "weight_drop must be at least 0 and below 1, got -0.1"),
        ({"input_dropout": 1}, ValueError, "input_dropout must be at least 0 and below 1"),
        ({"input_dropout": None}, TypeError, "input_dropout must be a number, got None"),
        ({"locked_dropout": math.nan}, ValueError, "locked_dropout must be"),
        ({"learned_state": 1}, ValueError, "learned_state must be one of True, False, got 1"),
        ({"layer_norm": "yes"}, ValueError, "layer_norm must be one of"),
        ({"peepholes": 1}, ValueError, "peepholes must be one of"),
        ({"coupled_gates": None}, ValueError, "coupled_gates must be one of"),
        ({"reset_after": 0}, ValueError, "reset_after must be one of"),
        ({"z_keeps": 2}, ValueError, "z_keeps must be one of"),
        ({"method": "tree"}, ValueError, "method must be one of 'parallel', 'sequential', got 'tree'"),
        ({"num_layers": 2, "dropout": 0.1, "locked_dropout": 0.2}, ValueError, "dropout=0.1 and locked_dropout=0.2"),
    ],
)
def test_bad_options(kind: str, option: dict, error: type, message: str) -> None:
    shared = {"num_layers", "dropout", "zoneout", "input_dropout", "locked_dropout", "learned_state"}
    if set(option) - shared - set(getattr(nn, kind)._EXTRAS):
        with pytest.raises(TypeError, match="unexpected keyword argument"):
            getattr(nn, kind)(2, 3, **option)
        return
    with pytest.raises(error, match=message):
        getattr(nn, kind)(2, 3, **option)


@pytest.mark.parametrize(
    "pair",
    [
        ("peepholes", "coupled_gates"),
        ("peepholes", "layer_norm"),
        ("peepholes", "proj_size"),
        ("coupled_gates", "layer_norm"),
        ("coupled_gates", "proj_size"),
        ("layer_norm", "proj_size"),
    ],
    ids=lambda pair: "-".join(pair),
)
def test_cells_that_do_not_combine(pair: tuple[str, str]) -> None:
    values = {name: 2 if name == "proj_size" else True for name in pair}
    with pytest.raises(ValueError, match=f"got {pair[0]} and {pair[1]}"):
        nn.LSTM(2, 3, **values)


@pytest.mark.parametrize("kind", ["MinGRU", "MinLSTM"])
def test_unknown_nonlinearity(kind: str) -> None:
    with pytest.raises(ValueError, match="nonlinearity must be one of 'linear', 'positive', 'tanh', got 'relu'"):
        getattr(nn, kind)(2, 3, nonlinearity="relu")


@every
def test_bad_generator(kind: str) -> None:
    with pytest.raises(TypeError, match=r"generator must be a torch\.Generator or None, got 0"):
        getattr(nn, kind)(2, 3)(torch.ones(5, 4, 2), generator=0)


def test_repr_shows_what_is_set() -> None:
    module = nn.LSTM(2, 3, 2, peepholes=True, zoneout=(0.05, 0.5), learned_state=True)
    assert repr(module) == "LSTM(2, 3, num_layers=2, peepholes=True, zoneout=(0.05, 0.5), learned_state=True)"
    assert repr(nn.MinGRU(2, 3, z_keeps=True)) == "MinGRU(2, 3, z_keeps=True)"
    assert repr(nn.GRU(2, 3, reset_after=False)) == "GRU(2, 3, reset_after=False)"


@every
def test_evaluation_draws_nothing(kind: str) -> None:
    module = getattr(nn, kind)(2, 3, **ALL[kind]).eval()
    x, generator = torch.randn(5, 4, 2), torch.Generator()
    before, own = torch.get_rng_state(), generator.get_state()
    first, second = module(x), module(x, generator=generator)
    assert torch.equal(first[0], second[0])
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(generator.get_state(), own)


@every
def test_a_generator_leaves_torchs_own_alone(kind: str) -> None:
    module = getattr(nn, kind)(2, 3, **ALL[kind])
    x, before = torch.randn(5, 4, 2), torch.get_rng_state()
    draw = lambda seed: module(x, generator=torch.Generator().manual_seed(seed))[0]  # noqa: E731
    assert torch.equal(draw(0), draw(0))
    assert not torch.equal(draw(0), draw(1))
    assert torch.equal(torch.get_rng_state(), before)
    assert not torch.equal(module(x)[0], module(x)[0])


def test_the_generator_draws_torchs_dropout_too() -> None:
    module = nn.LSTM(2, 3, 2, dropout=0.5)
    x, before = torch.randn(5, 4, 2), torch.get_rng_state()
    draw = lambda seed: module(x, generator=torch.Generator().manual_seed(seed))[0]  # noqa: E731
    assert torch.equal(draw(0), draw(0))
    assert not torch.equal(draw(0), draw(1))
    assert torch.equal(torch.get_rng_state(), before)


def test_masks_are_locked_in_time() -> None:
    """A dropped input unit is dropped at all steps; another sequence has another mask."""
    module = nn.MinGRU(40, 1, input_dropout=0.5)
    x = torch.ones(6, 3, 40, requires_grad=True)
    module(x)[0].sum().backward()
    dropped = x.grad == 0
    assert (dropped == dropped[:1]).all()
    assert 0.2 < dropped.float().mean() < 0.8
    assert not torch.equal(dropped[0, 0], dropped[0, 1])


def test_all_can_be_dropped() -> None:
    """dropout=1 is allowed by torch: the second layer then sees zeros, not NaN."""
    module = nn.GRU(2, 3, 2, dropout=1.0, reset_after=False, bias=False)
    output, _ = module(torch.randn(5, 4, 2))
    assert torch.equal(output, torch.zeros(5, 4, 3))


def test_weight_drop_leaves_the_weight() -> None:
    module = nn.LSTM(2, 3, weight_drop=0.9)
    before = {n: p.clone() for n, p in module.named_parameters()}
    module(torch.randn(5, 4, 2))[0].sum().backward()
    assert all(torch.equal(p, before[n]) for n, p in module.named_parameters())
    grad = module.weight_hh_l0.grad
    assert 0 < (grad == 0).sum() < grad.numel()


@every
def test_learned_state(kind: str) -> None:
    """It starts at zero, gets gradients, and gives way to a state that is given."""
    module = getattr(nn, kind)(2, 3, num_layers=2, bidirectional=True, learned_state=True)
    plain = getattr(nn, kind)(2, 3, num_layers=2, bidirectional=True)
    parts = [name for name, _ in module.named_parameters() if name.endswith("_0")]
    assert parts == (["h_0", "c_0"] if kind == "LSTM" else ["h_0"])
    plain.load_state_dict({n: p for n, p in module.state_dict().items() if n not in parts})
    x = torch.randn(5, 4, 2)
    torch.testing.assert_close(module(x)[0], plain(x)[0])
    with torch.no_grad():
        for part in parts:
            getattr(module, part).normal_()
    hx = tuple(getattr(module, part) for part in parts)
    many = tuple(h[:, None].repeat(1, 4, 1) for h in hx)
    unpack = lambda h: h if len(parts) == 2 else h[0]  # noqa: E731
    torch.testing.assert_close(module(x)[0], plain(x, unpack(many))[0])
    torch.testing.assert_close(module(x[:, 0])[0], plain(x[:, 0], unpack(hx))[0])
    zeros = tuple(torch.zeros_like(h) for h in many)
    torch.testing.assert_close(module(x, unpack(zeros))[0], plain(x)[0])
    module(x)[0].sum().backward()
    assert all((getattr(module, part).grad != 0).all() for part in parts)


@pytest.mark.parametrize("batch_first", [True, False])
@every
def test_learned_state_of_any_batch(kind: str, batch_first: bool) -> None:
    module = getattr(nn, kind)(2, 3, batch_first=batch_first, learned_state=True)
    last = module(torch.randn(5, 4, 2))[1]
    h_n = last[0] if kind == "LSTM" else last
    assert h_n.shape == (1, 5 if batch_first else 4, 3)


@every
def test_initialisation(kind: str) -> None:
    """Uniform within the bound, norms at 1 and 0, a learned state at 0; `reset_parameters` draws all of it anew."""
    module = getattr(nn, kind)(7, 40, **ALL[kind])
    for _ in range(2):
        for name, p in module.named_parameters():
            if name.endswith("_0"):
                assert (p == 0).all()
            elif "_ln_" in name:
                assert (p == (1 if name.startswith("weight") else 0)).all()
            else:
                wide = {"0": 7, "1": 40}[name[-1]] if kind.startswith("Min") else 40
                assert 0.5 / math.sqrt(wide) < p.abs().max() <= 1 / math.sqrt(wide), name
        before = module.state_dict()["weight_ih_l1"].clone()
        with torch.no_grad():
            for p in module.parameters():
                p.fill_(5.0)
        module.reset_parameters()
        assert not torch.equal(before, module.weight_ih_l1)


def test_peephole_and_norm_names_are_the_references() -> None:
    names = lambda m: {n.removesuffix("_reverse") for n, _ in m.named_parameters()}  # noqa: E731
    rng = np.random.default_rng(0)
    for option, init in {
        "peepholes": reference.init_peephole_lstm,
        "coupled_gates": reference.init_coupled_lstm,
        "layer_norm": reference.init_layer_norm_lstm,
    }.items():
        module = nn.LSTM(2, 3, bidirectional=True, **{option: True})
        params = init(rng, 2, 3)
        assert names(module) == set(params)
        assert all(getattr(module, name).shape == array.shape for name, array in params.items())
