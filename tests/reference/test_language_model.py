"""The language model against the same model in torch; training, evaluation and sampling."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rnncourse.reference import Adam, RNNLanguageModel, gradcheck, sample, softmax, tbptt
from rnncourse.reference.sampling import draw
from tests.tolerances import FINITE_DIFFERENCES, FLOAT32, FLOAT64, assert_close


class TorchLanguageModel(torch.nn.Module):
    """The oracle: torch.nn's layers, and names that give the same state dict up to `rnn`."""

    def __init__(self, V, E, H):
        super().__init__()
        self.embedding = torch.nn.Embedding(V, E)
        self.rnn = torch.nn.RNN(E, H)
        self.readout = torch.nn.Linear(H, V)

    def forward(self, ids, h_0):
        output, h_n = self.rnn(self.embedding(ids), h_0[None])
        return self.readout(output), h_n[0]


def pair(seed, V, E, H, dtype=np.float64):
    ours = RNNLanguageModel(V, E, H, rng=np.random.default_rng(seed), dtype=dtype)
    theirs = TorchLanguageModel(V, E, H).to(torch.from_numpy(np.zeros(1, dtype)).dtype)
    theirs.load_state_dict({name: torch.from_numpy(p.copy()) for name, p in ours.params.items()})
    return ours, theirs


def assert_equals_torch(seed, T, B, V, E, H, dtype, tolerance):
    ours, theirs = pair(seed, V, E, H, dtype)
    rng = np.random.default_rng(seed)
    ids, h_0 = rng.integers(0, V, (T, B)), rng.standard_normal((B, H)).astype(dtype)
    d_logits = rng.standard_normal((T, B, V)).astype(dtype)
    d_h_n = rng.standard_normal((B, H)).astype(dtype)
    state = torch.tensor(h_0, requires_grad=True)
    z, h = theirs(torch.from_numpy(ids), state)
    ((z * torch.from_numpy(d_logits)).sum() + (h * torch.from_numpy(d_h_n)).sum()).backward()

    logits, h_n, cache = ours.forward(ids, h_0)
    grads, dh_0 = ours.backward(d_logits, d_h_n, cache)
    assert_close(logits, z.detach().numpy(), tolerance, "logits")
    assert_close(h_n, h.detach().numpy(), tolerance, "h_n")
    assert_close(dh_0, state.grad.numpy(), tolerance, "h_0")
    for name, p in theirs.named_parameters():
        assert_close(grads[name], p.grad.numpy(), tolerance, name)


@given(
    seed=st.integers(0, 2**32 - 1),
    T=st.integers(1, 6),
    B=st.integers(1, 4),
    V=st.integers(1, 7),
    E=st.integers(1, 5),
    H=st.integers(1, 6),
)
def test_any_shape_equals_torch(seed, T, B, V, E, H):
    assert_equals_torch(seed, T, B, V, E, H, np.float64, FLOAT64)


@pytest.mark.parametrize("seed", range(3))
def test_equals_torch_in_float32(seed):
    assert_equals_torch(seed, 20, 5, 11, 7, 13, np.float32, FLOAT32)


def test_training_equals_torch_update_for_update():
    """Ten updates with clipping and carried state: the whole chain, not only its links."""
    ours, theirs = pair(0, 6, 3, 5)
    rng = np.random.default_rng(1)
    T, B = 4, 2
    windows = [(rng.integers(0, 6, (T, B)), rng.integers(0, 6, (T, B))) for _ in range(10)]
    optimizer = torch.optim.Adam(theirs.parameters(), lr=0.02)
    h = torch.zeros(B, 5, dtype=torch.float64)
    steps = tbptt(ours, windows, Adam(ours.params, lr=0.02), max_norm=0.3)
    for (ids, targets), step in zip(windows, steps, strict=True):
        optimizer.zero_grad()
        logits, h = theirs(torch.from_numpy(ids), h.detach())
        loss = torch.nn.functional.cross_entropy(logits.reshape(T * B, 6), torch.from_numpy(targets).reshape(T * B))
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(theirs.parameters(), 0.3)
        optimizer.step()
        assert_close(step.loss, loss.item(), FLOAT64)
        assert_close(step.grad_norm, norm.item(), FLOAT64)
        assert_close(step.h_n, h.detach().numpy(), FLOAT64)
    for name, p in theirs.named_parameters():
        assert_close(ours.params[name], p.detach().numpy(), FLOAT64, name)


def test_gradients_equal_central_differences():
    model = RNNLanguageModel(5, 2, 4, nonlinearity="sigmoid", rng=np.random.default_rng(2), dtype=np.float64)
    rng = np.random.default_rng(3)
    ids, targets, h_0 = rng.integers(0, 5, (6, 3)), rng.integers(0, 5, (6, 3)), rng.standard_normal((3, 4))
    _, grads, _ = model.loss_and_grads(ids, targets, h_0)
    gradcheck(lambda: model.loss_and_grads(ids, targets, h_0)[0], model.params, grads, tolerance=FINITE_DIFFERENCES)


def test_it_learns_a_sequence_that_needs_memory():
    """abac…: after a, only the state says whether b or c comes. A memoryless model cannot go below ln 2 / 2."""
    ids = np.tile([0, 1, 0, 2], 100)
    model = RNNLanguageModel(3, 4, 8, rng=np.random.default_rng(0))
    optimizer = Adam(model.params, lr=0.02)
    windows = [(ids[i : i + 12, None], ids[i + 1 : i + 13, None]) for i in range(0, 380, 12)]
    before = model.evaluate(ids)
    for _ in range(3):
        for _ in tbptt(model, windows, optimizer, max_norm=1.0):
            pass
    assert before > 0.9
    assert model.evaluate(ids) < 0.1 < math.log(2) / 2


@given(chunk=st.integers(1, 30), length=st.integers(2, 25))
def test_evaluation_does_not_depend_on_the_chunk(chunk, length):
    model = RNNLanguageModel(5, 2, 4, rng=np.random.default_rng(0), dtype=np.float64)
    ids = np.random.default_rng(1).integers(0, 5, length)
    logits, _, _ = model.forward(ids[:-1, None], model.initial_state(1))
    expected = -np.log(softmax(logits)[np.arange(length - 1), 0, ids[1:]])
    assert_close(model.surprise(ids, chunk=chunk), expected, FLOAT64)
    assert_close(model.evaluate(ids), expected.mean(), FLOAT64)


def frequencies(temperature):
    model = RNNLanguageModel(4, 3, 5, rng=np.random.default_rng(0), dtype=np.float64)
    prompt = np.array([1, 3, 2])
    rng = np.random.default_rng(1)
    first = [int(sample(model, prompt, 1, temperature=temperature, rng=rng)[0]) for _ in range(4000)]
    logits, _, _ = model.forward(prompt[:, None], model.initial_state(1))
    return np.bincount(first, minlength=4) / 4000, logits[-1, 0]


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_sampling_follows_the_distribution(temperature):
    seen, logits = frequencies(temperature)
    # Four standard errors of a frequency over 4,000 draws are at most 0.032.
    assert np.abs(seen - softmax(logits / temperature)).max() < 0.032


@pytest.mark.parametrize("temperature", [0.0, 1e-300])
def test_no_temperature_takes_the_likeliest(temperature):
    seen, logits = frequencies(temperature)
    assert seen[logits.argmax()] == 1


def test_sampling_feeds_back_what_it_drew():
    """Greedy continuation step by step, with the state carried by hand."""
    model = RNNLanguageModel(6, 3, 5, rng=np.random.default_rng(1), dtype=np.float64)
    model.params["rnn.weight_hh_l0"] *= 8
    model.params["rnn.weight_ih_l0"] *= 2
    drawn = sample(model, np.array([2, 0]), 12, temperature=0, rng=np.random.default_rng(0))
    assert len(set(drawn)) > 2
    text = [2, 0]
    for symbol in drawn:
        logits, _, _ = model.forward(np.array(text)[:, None], model.initial_state(1))
        assert symbol == logits[-1, 0].argmax()
        text.append(int(symbol))


def test_it_says_what_it_is():
    model = RNNLanguageModel(4, 3, 5, rng=np.random.default_rng(0))
    assert repr(model) == "RNNLanguageModel(4, 3, 5, nonlinearity='tanh'): 86 parameters"


def test_bad_input_is_named():
    rng = np.random.default_rng(0)
    model = RNNLanguageModel(4, 3, 5, rng=rng)
    with pytest.raises(ValueError, match=r"ids must lie in 0 … 3, got 4"):
        model.forward(np.full((2, 1), 4), model.initial_state(1))
    with pytest.raises(ValueError, match=r"h_0 must have shape \(2, 5\), got \(1, 5\)"):
        model.forward(np.zeros((2, 2), int), model.initial_state(1))
    with pytest.raises(ValueError, match="at least 2 symbols"):
        model.evaluate(np.array([1]))
    with pytest.raises(ValueError, match="prompt must hold at least one symbol"):
        sample(model, np.array([], int), 3, rng=rng)
    with pytest.raises(ValueError, match="temperature must be at least 0"):
        sample(model, np.array([1]), 3, temperature=-1, rng=rng)
    with pytest.raises(ValueError, match="length must be at least 0"):
        sample(model, np.array([1]), -3, rng=rng)
    with pytest.raises(ValueError, match="hidden_size must be at least 1"):
        RNNLanguageModel(4, 3, 0, rng=rng)
    with pytest.raises(TypeError, match=r"rng must be a numpy.random.Generator, such as .*, got 0"):
        RNNLanguageModel(4, 3, 5, rng=0)
    with pytest.raises(ValueError, match="nonlinearity must be one of"):
        RNNLanguageModel(4, 3, 5, nonlinearity="gelu", rng=rng)
    model.params["rnn.weight_hh_l0"][0, 0] = math.nan
    with pytest.raises(ValueError, match="weight_hh_l0"):
        model.forward(np.zeros((2, 1), int), model.initial_state(1))


def test_the_embedding_is_drawn_from_the_normal_distribution():
    p = RNNLanguageModel(300, 200, 5, rng=np.random.default_rng(0)).params["embedding.weight"]
    assert p.std() == pytest.approx(1, rel=0.01)
    assert abs(p.mean()) < 0.01


def test_a_draw_stays_in_the_vocabulary_when_probabilities_do_not_sum_to_one():
    class Last:
        def random(self, shape):
            return np.full(shape, np.nextafter(1.0, 0.0))

    short = [V for V in range(2, 2000) if softmax(np.zeros(V)).cumsum()[-1] < Last().random(())]
    assert short
    assert all(draw(np.zeros((1, V)), 1.0, Last())[0] == V - 1 for V in short[:20])


def test_what_has_no_probability_is_never_drawn():
    class First:
        def random(self, shape):
            return np.zeros(shape)

    assert draw(np.array([[-1e9, 0.0], [0.0, -1e9]]), 1.0, First()).tolist() == [1, 0]


def test_the_smallest_temperature_takes_the_likeliest():
    assert draw(np.array([[0.5, 2.0, 1.0]]), 5e-324, np.random.default_rng(0))[0] == 1


def test_training_starts_from_the_state_it_is_given():
    window = np.zeros((2, 1), int), np.ones((2, 1), int)
    h_0 = np.full((1, 5), 0.5)
    model = RNNLanguageModel(4, 3, 5, rng=np.random.default_rng(0), dtype=np.float64)
    loss, _, h_n = model.loss_and_grads(*window, h_0)
    step = next(tbptt(model, [window], Adam(model.params), max_norm=1.0, h_0=h_0))
    assert step.loss == loss
    assert np.array_equal(step.h_n, h_n)


def test_an_optimizer_of_another_model_is_refused():
    model, other = (RNNLanguageModel(4, 3, 5, rng=np.random.default_rng(0)) for _ in range(2))
    window = np.zeros((2, 1), int), np.ones((2, 1), int)
    with pytest.raises(ValueError, match=r"optimizer must hold model\.params"):
        next(tbptt(model, [window], Adam(other.params), max_norm=1.0))
