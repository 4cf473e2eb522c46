"""The trainer against a loop written out, its learning rate, its average, what it refuses; and the one evaluator."""

from __future__ import annotations

import copy

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from rnncourse.data import batches  # noqa: E402
from rnncourse.models import LanguageModel, LanguageModelConfig  # noqa: E402
from rnncourse.training.config import TrainingConfig  # noqa: E402
from rnncourse.training.evaluate import evaluate  # noqa: E402
from rnncourse.training.trainer import Trainer, TrainingError  # noqa: E402

V = 7
IDS = np.random.default_rng(0).integers(0, V, 400)


def model(cell="lstm", seed=0, **options):
    torch.manual_seed(seed)
    return LanguageModel(LanguageModelConfig(V, cell, 6, 6, **options), dtype=torch.float64)


def config(**options):
    return TrainingConfig(**{"steps": 12, "T": 9, "B": 4, "evaluations": 3, "learning_rate": 0.01} | options)


def test_the_same_as_a_loop_written_out():
    ours, theirs = model(), model()
    trainer = Trainer(ours, IDS, config(max_norm=0.05))
    losses = [step.loss for step in trainer]

    matrices = [p for p in theirs.parameters() if p.ndim > 1]
    vectors = [p for p in theirs.parameters() if p.ndim == 1]
    optimizer = torch.optim.AdamW([{"params": matrices}, {"params": vectors}], betas=(0.9, 0.99), weight_decay=0)
    windows, k = batches(IDS, 9, 4), 0
    assert len(windows) == 11, "so that a second epoch begins, with a fresh state"
    while k < 12:
        state = theirs.initial_state(4)
        for x, y in windows:
            if k == 12:
                break
            for group in optimizer.param_groups:
                group["lr"] = trainer.config.rate(k)
            logits, state = theirs(torch.from_numpy(x), tuple(s.detach() for s in state))
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), torch.from_numpy(y).flatten())
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_([*matrices, *vectors], 0.05)
            optimizer.step()
            assert losses[k] == pytest.approx(loss.item(), rel=1e-6)
            k += 1
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm", "mingru", "minlstm"])
def test_parts_change_nothing(cell):
    whole, parts = model(cell, num_layers=2), model(cell, num_layers=2)
    one = [step.loss for step in Trainer(whole, IDS, config())]
    four = [step.loss for step in Trainer(parts, IDS, config(accumulate=4))]
    assert one == pytest.approx(four, rel=1e-5)
    for a, b in zip(whole.parameters(), parts.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


def test_rate_warms_up_and_falls():
    rates = [config(steps=20, warmup=0.25).rate(k) for k in range(20)]
    assert rates[:6] == pytest.approx([0.002, 0.004, 0.006, 0.008, 0.01, 0.01])
    assert all(np.diff(rates[5:]) < 0)
    assert rates[5 + 15 // 3] == pytest.approx(0.01 * 0.75)  # a third of the way down: (1 + cos 60°) / 2
    assert config(steps=4, warmup=0).rate(0) == 0.01


@pytest.mark.parametrize("steps, evaluations", [(10, 3), (7, 7), (5, 1), (100, 9)])
def test_evaluations_are_spread(steps, evaluations):
    when = [k for k in range(1, steps + 1) if config(steps=steps, evaluations=evaluations).evaluates(k)]
    assert len(when) == evaluations
    assert when[-1] == steps
    gaps = np.diff([0, *when])
    assert gaps.max() - gaps.min() <= 1


def test_average():
    trainer = Trainer(model(), IDS, config(average=0.99))
    mean = [p.detach().clone() for p in trainer.model.parameters()]
    for step in trainer:
        decay = min(0.99, (1 + step.number) / (10 + step.number))
        mean = [decay * m + (1 - decay) * p for m, p in zip(mean, trainer.model.parameters(), strict=True)]
    for a, b in zip(trainer.averaged.parameters(), mean, strict=True):
        torch.testing.assert_close(a, b)
    assert trainer.averaged is not trainer.model
    assert Trainer(model(), IDS, config()).averaged is not None


def test_dropout_has_a_generator_of_its_own():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first = [step.loss for step in Trainer(model_with_dropout(), IDS, config())]
    torch.manual_seed(6)
    second = [step.loss for step in Trainer(model_with_dropout(), IDS, config())]
    assert first == second
    other = [step.loss for step in Trainer(model_with_dropout(), IDS, config(seed=1))]
    assert first != other
    torch.set_rng_state(before)


def model_with_dropout():
    with torch.random.fork_rng([]):
        return model(dropout=0.5)


def test_training_leaves_the_global_generator():
    net = model(dropout=0.5)
    before = torch.get_rng_state()
    for _ in Trainer(net, IDS, config()):
        pass
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("where", ["weight", "gradient"])
def test_not_finite_is_told_before_anything_changes(where):
    net = model()
    trainer = Trainer(net, IDS, config(max_norm=None))
    trainer.step()
    if where == "weight":
        with torch.no_grad():
            net.readout.bias[0] = float("nan")
    else:
        net.readout.bias.register_hook(lambda grad: grad * float("inf"))
    before = copy.deepcopy(net.state_dict())
    with pytest.raises(TrainingError, match=r"at update 2, with learning rate 0\.01\. Try .* 0\.0025, and clip"):
        trainer.step()
    assert trainer.done == 1
    assert all(
        torch.equal(a, b) or a.isnan().any() for a, b in zip(before.values(), net.state_dict().values(), strict=True)
    )


def test_bfloat16_trains():
    torch.manual_seed(0)
    net = LanguageModel(LanguageModelConfig(V, "gru", 6, 6))  # torch's LSTM in bfloat16 needs a newer processor
    text = np.tile(np.arange(V), 60)
    losses = [step.loss for step in Trainer(net, text, config(steps=60, precision="bfloat16", learning_rate=0.03))]
    assert losses[-1] < 0.3 * losses[0]
    assert all(p.dtype == torch.float32 for p in net.parameters())


@pytest.mark.parametrize(
    "options, error, message",
    [
        ({"steps": 0}, ValueError, "steps must be at least 1, got 0"),
        ({"T": 1.5}, TypeError, "T must be an integer"),
        ({"warmup": 1}, ValueError, "warmup must be"),
        ({"accumulate": 3}, ValueError, "accumulate must divide B = 4, got 3"),
        ({"evaluations": 13}, ValueError, "evaluations must be at most steps = 12, got 13"),
        ({"precision": "float16"}, ValueError, "precision must be one of"),
        ({"max_norm": 0}, ValueError, "max_norm must be above 0"),
        ({"patience": 0}, ValueError, "patience must be at least 1"),
        ({"average": 1.0}, ValueError, "average must be"),
        ({"learning_rate": float("nan")}, ValueError, "learning_rate must be"),
    ],
)
def test_bad_configurations(options, error, message):
    with pytest.raises(error, match=message):
        config(**options)


def test_configuration_round_trip():
    assert TrainingConfig(**config(patience=2).to_json()) == config(patience=2)


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm", "mingru", "minlstm"])
@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_evaluate_is_the_mean_surprise(cell, chunk):
    net = model(cell, dropout=0.5)
    net.train()
    ids = IDS[:50]
    net.eval()
    logits, _ = net(torch.from_numpy(ids[:-1, None]), net.initial_state(1))
    expected = -logits.log_softmax(2)[torch.arange(49), 0, ids[1:]].mean().item()
    net.train()
    assert evaluate(net, ids, chunk=chunk) == pytest.approx(expected, rel=1e-12)
    assert net.training


def test_evaluate_in_streams():
    net = model()
    ids = IDS[:49]
    pieces = [evaluate(net, ids[k : k + 17]) for k in (0, 16, 32)]
    assert evaluate(net, ids, streams=3) == pytest.approx(np.mean(pieces), rel=1e-12)
    with pytest.raises(ValueError, match="ids must hold at least 4 symbols, got 3"):
        evaluate(net, ids[:3], streams=3)


def test_what_a_model_refuses():
    with pytest.raises(ValueError, match="tied weights need embedding_size = hidden_size, got 4 and 5"):
        LanguageModelConfig(V, "lstm", 4, 5, tied=True)
    with pytest.raises(ValueError, match="cell must be one of 'rnn', 'lstm', 'gru', 'mingru', 'minlstm', got 'LSTM'"):
        LanguageModelConfig(V, "LSTM")
    with pytest.raises(ValueError, match=r"ids must have shape \(T, B\), got \(3,\)"):
        model()(torch.zeros(3, dtype=torch.long), model().initial_state(1))


def test_tied_weights():
    net = model(tied=True)
    assert net.readout.weight is net.embedding.weight
    before = net.embedding.weight.detach().clone()
    Trainer(net, IDS, config()).step()
    assert net.readout.weight is net.embedding.weight
    assert not torch.equal(before, net.embedding.weight)


def test_the_forget_gate_starts_open():
    net = model("lstm", num_layers=2)
    for layer in range(2):
        bias = getattr(net.rnn, f"bias_ih_l{layer}") + getattr(net.rnn, f"bias_hh_l{layer}")
        assert torch.equal(bias[6:12], torch.ones(6, dtype=bias.dtype))
        block = getattr(net.rnn, f"weight_hh_l{layer}")[:6]
        torch.testing.assert_close(block @ block.T, torch.eye(6, dtype=block.dtype))


def test_a_precision_that_does_not_run_here_is_refused(monkeypatch):
    net = model("gru")

    def loss(*_):
        raise RuntimeError("could not create a primitive\nand more")

    monkeypatch.setattr(net, "loss", loss)
    with pytest.raises(TrainingError, match=r"precision must be .* got 'bfloat16': .*a primitive\". Train in float32"):
        Trainer(net, IDS, config(precision="bfloat16"))


def test_deterministic_mode_holds_while_an_update_runs():
    net, seen = model("gru"), []
    net.readout.register_forward_hook(lambda *_: seen.append(torch.are_deterministic_algorithms_enabled()))
    Trainer(net, IDS, config(deterministic=True)).step()
    Trainer(net, IDS, config()).step()
    assert seen == [True, False]
    assert not torch.are_deterministic_algorithms_enabled()


def test_dropout_differs_between_updates():
    net, masks = model_with_dropout(), []
    trainer = Trainer(net, np.zeros(400, int), config(learning_rate=1e-12))
    net.dropout.register_forward_hook(lambda *values: masks.append(values[2] == 0))
    trainer.step()
    trainer.step()
    assert not torch.equal(masks[0], masks[2])
