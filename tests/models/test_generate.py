"""Generation against the reference and against enumeration, streams, stops, and what is refused."""

from __future__ import annotations

import gc
import itertools
import weakref

import numpy as np
import pytest
import torch

from rnncourse import reference
from rnncourse.models import NGramModel, UnigramCacheModel, beam_search, generate, score, stream, truncated
from tests.models.standin import Elman, Table, generator, ids
from tests.tolerances import FLOAT64, assert_close


class Replay(np.random.Generator):
    """NumPy's generator with the numbers of a Torch generator."""

    def __init__(self, seed):
        super().__init__(np.random.PCG64(0))
        self.numbers = generator(seed)

    def random(self, size):
        return torch.rand(size, dtype=torch.float64, generator=self.numbers).numpy()


@pytest.mark.parametrize("temperature", [0, 1e-300, 0.3, 1.0, 4.0, 1e300])
@pytest.mark.parametrize("prompt", [[2], [1, 0, 3, 3]])
def test_with_the_same_numbers_it_draws_what_the_reference_draws(temperature, prompt):
    model = Elman(7, seed=3)
    expected = reference.sample(model.reference, np.array(prompt), 60, temperature=temperature, rng=Replay(11))
    options = {"temperature": temperature, "generator": generator(11)}
    assert list(stream(model, ids(*prompt), 60, **options)) == expected.tolist()
    options["generator"] = generator(11)
    assert generate(model, ids(*prompt)[:, None], 60, **options)[:, 0].tolist() == expected.tolist()


@pytest.mark.parametrize(
    "options", [{"top_k": 1}, {"top_p": 1e-12}, {"temperature": 1e-12}, {"temperature": 0, "top_k": 3}]
)
def test_these_are_greedy(options):
    for seed in range(5):
        model = Elman(6, seed=seed)
        greedy = list(stream(model, ids(1), 30, temperature=0))
        assert list(stream(model, ids(1), 30, **options, generator=generator(seed))) == greedy
        assert len(set(greedy)) > 1 or seed


OPTIONS = {"temperature": 0.7, "top_k": 3, "top_p": 0.95}


@torch.no_grad()
def test_texts_come_as_often_as_enumeration_says():
    """All 64 texts of three symbols from a model with memory, with everything that shapes the distribution."""
    V, n, model = 4, 40_000, Elman(4, seed=1, scale=2.5)
    expected = {}
    for text in itertools.product(range(V), repeat=3):
        p, read = 1.0, [2, 0]
        for symbol in text:
            scores, _ = model(ids(*read)[:, None], model.initial_state(1))
            p *= float(truncated(scores[-1, 0], **OPTIONS)[symbol])
            read.append(symbol)
        expected[text] = p
    assert_close(sum(expected.values()), 1.0, FLOAT64)
    drawn = generate(model, ids(2, 0)[:, None].expand(2, n), 3, **OPTIONS, generator=generator(4))
    counts = torch.bincount(drawn.T @ ids(16, 4, 1), minlength=64).double()
    p = torch.tensor([expected[text] for text in itertools.product(range(V), repeat=3)])
    assert counts[p == 0].sum() == 0
    likely = p * n > 5
    deviation = ((counts - p * n) ** 2 / (p * n))[likely].sum()
    degrees = int(likely.sum()) - 1
    assert degrees > 8
    assert deviation < degrees + 4 * (2 * degrees) ** 0.5


def test_prompts_of_different_lengths_are_not_padded():
    model = Elman(6, seed=2)
    prompts = [ids(1, 2, 3, 4, 5), ids(0), ids(3, 3), ids(5, 4, 3, 2, 1)]
    together = generate(model, prompts, 12, temperature=0)
    alone = [list(stream(model, prompt, 12, temperature=0)) for prompt in prompts]
    assert together.T.tolist() == alone
    assert generate(model, prompts, 0, temperature=0).shape == (0, 4)


def test_a_batch_draws_each_text_from_its_own_distribution():
    table = Table(torch.tensor([[0.0, 1, 2], [2, 1, 0], [0, 9, 0]]))
    drawn = generate(table, ids(0, 1, 2)[None].repeat(1, 3000), 1, generator=generator())[0].reshape(3000, 3)
    for start in range(3):
        frequency = torch.bincount(drawn[:, start], minlength=3) / 3000
        assert float((frequency - table.scores[start].softmax(0)).abs().max()) < 0.03


def walk(V):
    """Each symbol is followed by the next; the last one by itself."""
    return Table([[0.0 if j == min(i + 1, V - 1) else -torch.inf for j in range(V)] for i in range(V)])


def test_a_stop_ends_a_text_and_is_its_last_symbol():
    model = walk(9)
    assert list(stream(model, ids(2), stop=5, temperature=0)) == [3, 4, 5]
    assert list(stream(model, ids(2), 2, stop=5, temperature=0)) == [3, 4]
    assert list(stream(model, ids(4), 9, stop=5, temperature=0)) == [5]
    assert list(stream(model, ids(5), 2, stop=5, temperature=0)) == [6, 7]  # in a prompt it ends nothing
    prompts = [ids(2), ids(0, 1, 4), ids(3)]
    assert generate(model, prompts, 20, stop=6, temperature=0).T.tolist() == [[3, 4, 5, 6], [5, 6, 6, 6], [4, 5, 6, 6]]
    assert generate(model, prompts, 2, stop=6, temperature=0).T.tolist() == [[3, 4], [5, 6], [4, 5]]
    assert generate(model, prompts, 3, stop=6, temperature=0).T.tolist() == [[3, 4, 5], [5, 6, 6], [4, 5, 6]]
    assert generate(model, [ids(6), ids(8, 8, 8)], 3, stop=8, temperature=0).T.tolist() == [[7, 8], [8, 8]]
    assert generate(model, [ids(5)], 4, stop=6, temperature=0).tolist() == [[6]]
    # After 5 the model would stop; but the prompt goes on there, while the other one is continued already.
    assert generate(model, [ids(0), ids(5, 0, 1)], 3, stop=6, temperature=0).T.tolist() == [[1, 2, 3], [2, 3, 4]]


def test_a_stop_drawn_after_a_stop_changes_nothing():
    model = Elman(3, seed=1, scale=1.0)
    drawn = generate(model, ids(0).repeat(1, 500), 40, stop=1, generator=generator())
    after = (drawn == 1).cumsum(0) > 0
    assert (drawn[after] == 1).all()
    lengths = (~after).sum(0) + 1
    assert len(drawn) == min(40, int(lengths.max()))
    assert len(set(lengths.tolist())) > 5


def test_a_vocabulary_of_one_symbol():
    model = NGramModel.fit(np.zeros(4, int), order=2, vocab_size=1)
    assert list(stream(model, ids(0), 3, top_k=1, top_p=0.5, generator=generator())) == [0, 0, 0]
    assert generate(model, [ids(0), ids(0, 0)], 3, generator=generator()).tolist() == [[0, 0]] * 3


def test_a_stream_is_lazy_and_leaves_the_callers_settings():
    model = Elman(5)
    symbols = stream(model, ids(0), generator=generator())
    assert [next(symbols) for _ in range(3)]
    assert torch.is_grad_enabled()
    with torch.no_grad():
        next(symbols)
        assert not torch.is_grad_enabled()
    assert torch.is_grad_enabled()
    drawn = generate(model, ids(0)[:, None], 4, generator=generator())
    assert not drawn.requires_grad
    assert torch.is_grad_enabled()
    state = torch.random.get_rng_state()
    next(symbols)
    assert torch.equal(state, torch.random.get_rng_state())  # nothing global is drawn from


def test_nothing_is_kept_for_gradients():
    class Watched(Elman):
        def __call__(self, ids, state):
            assert not torch.is_grad_enabled()
            return super().__call__(ids, state)

    model = Watched(4)
    assert list(stream(model, ids(0), 3, generator=generator()))
    generate(model, [ids(0), ids(1, 2)], 3, generator=generator())
    beam_search(model, ids(0, 1), beam_size=2, max_length=3)
    score(model, ids(0, 1, 2))


def test_a_stream_keeps_the_last_state_alone():
    alive = weakref.WeakSet()

    class Watched(Elman):
        def __call__(self, ids, state):
            scores, state = super().__call__(ids, state)
            alive.update({scores, state[0][0]})
            return scores, state

    symbols = stream(Watched(5), ids(0, 1, 2), generator=generator())
    for symbol in itertools.islice(symbols, 200):
        assert symbol in range(5)
    gc.collect()
    assert len(alive) <= 2


def test_a_cache_repeats_what_came():
    drawn = [
        symbol for seed in range(9) for symbol in stream(UnigramCacheModel(50), ids(7, 9), 9, generator=generator(seed))
    ]
    assert set(drawn) == {7, 9}


class Broken(Table):
    """Its scores are NaN from the third step on."""

    def __call__(self, ids, state):
        scores, _ = super().__call__(ids, ())
        return (scores * torch.nan if len(state) > 1 else scores), (*state, ids)

    def initial_state(self, batch_size):
        return ()


def test_scores_that_become_nan():
    for temperature in (0, 1.0):
        symbols = stream(Broken(torch.zeros(3, 3)), ids(0), temperature=temperature, generator=generator())
        assert [next(symbols), next(symbols)]
        with pytest.raises(ValueError, match="the model's scores must not be NaN"):
            next(symbols)


WRONG = [
    ({"temperature": -1}, ValueError, "temperature must be at least 0"),
    ({"top_k": 0}, ValueError, "top_k must be at least 1 and at most 3"),
    ({"top_k": 4}, ValueError, "top_k must be at least 1 and at most 3"),
    ({"top_p": 0.0}, ValueError, "top_p must be above 0"),
    ({"stop": 3}, ValueError, "stop must be at least 0 and below 3, got 3"),
    ({"stop": "."}, TypeError, "stop must be an integer"),
    ({"length": -1}, ValueError, "length must be at least 0"),
    ({"length": 1.0}, TypeError, "length must be an integer"),
    ({"generator": None}, TypeError, r"generator must be a torch.Generator, .* got None"),
    ({"generator": 7}, TypeError, r"generator must be a torch.Generator, .* got 7"),
    ({"generator": 7, "temperature": 0}, TypeError, "generator must be a torch.Generator"),
    ({"prompt": ids()}, ValueError, "must .*at least one symbol"),
    ({"prompt": ids(0, 3)}, ValueError, "must lie in 0 … 2, got 3"),
    ({"prompt": ids(-1)}, ValueError, "must lie in 0 … 2, got -1"),
    ({"prompt": torch.tensor([0.0])}, TypeError, "must be an int64 tensor"),
    ({"prompt": torch.tensor(1)}, ValueError, r"must have shape \(T"),
]


@pytest.mark.parametrize(("changed", "error", "message"), WRONG, ids=str)
def test_what_is_refused(changed, error, message):
    arguments = {"length": 3, "generator": generator(), "prompt": ids(0), **changed}
    prompt = arguments.pop("prompt")
    with pytest.raises(error, match=message):
        stream(walk(3), prompt, **arguments)  # at the call, before a symbol is asked for
    with pytest.raises(error, match=message):
        generate(walk(3), [prompt], **arguments)


def test_prompts_that_are_refused():
    for prompts in ([], torch.zeros(1, 0, dtype=torch.int64), torch.zeros(0, 2, dtype=torch.int64)):
        with pytest.raises(ValueError, match="prompts must be at least one, each of at least one symbol"):
            generate(walk(3), prompts, 2, temperature=0)
    with pytest.raises(ValueError, match=r"prompts\[1\] must have shape \(T,\), got \(1, 1\)"):
        generate(walk(3), [ids(0), ids(0)[None]], 2, temperature=0)
    with pytest.raises(TypeError, match="prompts must be a tensor or a sequence of tensors, got int"):
        generate(walk(3), 0, 2, temperature=0)
    with pytest.raises(TypeError, match="length must be an integer, got None"):
        generate(walk(3), [ids(0)], None, temperature=0)
