"""`rnncourse plot`: what it draws is what the network does, computed here once more."""

from __future__ import annotations

import math

import matplotlib.pyplot as plt
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from rnncourse.cli import plot  # noqa: E402
from rnncourse.training.run import CHECKPOINT, load_model  # noqa: E402
from tests.cli.conftest import invoke, refused  # noqa: E402
from tests.tolerances import FLOAT32, assert_close  # noqa: E402


@pytest.fixture(autouse=True)
def _all_figures_are_closed():
    yield
    assert plt.get_fignums() == []


def sigmoid(a):
    return 1 / (1 + math.exp(-a))


def by_hand(cell, model, ids, layer):
    """Gates and states, unit by unit, from the weights."""
    weights = {k: v.double().tolist() for k, v in model.state_dict().items()}
    xs = [weights["embedding.weight"][i] for i in ids]
    H = model.config.hidden_size
    for k in range(layer + 1):
        if cell.startswith("min"):
            gates, states = minimal_by_hand(cell, weights[f"rnn.weight_ih_l{k}"], weights[f"rnn.bias_ih_l{k}"], xs, H)
            xs = [state["h"] for state in states]
            continue
        W_ih, W_hh, b_ih, b_hh = (
            weights[f"rnn.{name}_l{k}"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )

        def rows(W, b, v, gate):
            return [sum(w * e for w, e in zip(W[gate * H + j], v, strict=True)) + b[gate * H + j] for j in range(H)]

        h, c, gates, states = [0.0] * H, [0.0] * H, [], []
        for x in xs:
            a = [rows(W_ih, b_ih, x, gate) for gate in range(len(W_ih) // H)]
            u = [rows(W_hh, b_hh, h, gate) for gate in range(len(W_ih) // H)]
            if cell == "lstm":
                i, f, g, o = (
                    [phi(p + q) for p, q in zip(a[n], u[n], strict=True)]
                    for n, phi in enumerate((sigmoid, sigmoid, math.tanh, sigmoid))
                )
                c = [f[j] * c[j] + i[j] * g[j] for j in range(H)]
                h = [o[j] * math.tanh(c[j]) for j in range(H)]
                gates.append({"i": i, "f": f, "g": g, "o": o})
                states.append({"h": h, "c": c})
            else:
                r, z = ([sigmoid(p + q) for p, q in zip(a[n], u[n], strict=True)] for n in (0, 1))
                n = [math.tanh(a[2][j] + r[j] * u[2][j]) for j in range(H)]
                h = [z[j] * h[j] + (1 - z[j]) * n[j] for j in range(H)]
                gates.append({"r": r, "z": z, "n": n})
                states.append({"h": h})
        xs = [state["h"] for state in states]
    return tuple({name: np.array([step[name] for step in part]) for name in part[0]} for part in (gates, states))


def minimal_by_hand(cell, W, b, xs, H):
    """The same of one layer of a minimal network, whose gates look at the input alone."""
    h, gates, states = [0.0] * H, [], []
    for x in xs:
        a = [sum(w * e for w, e in zip(row, x, strict=True)) + c for row, c in zip(W, b, strict=True)]
        if cell == "mingru":
            z, n = [sigmoid(e) for e in a[:H]], a[H:]
            h = [(1 - z[j]) * h[j] + z[j] * n[j] for j in range(H)]
            gates.append({"z": z, "n": n})
        else:
            i, f, g = [sigmoid(e) for e in a[:H]], [sigmoid(e) for e in a[H : 2 * H]], a[2 * H :]
            i, f = ([part[j] / (f[j] + i[j]) for j in range(H)] for part in (i, f))
            h = [f[j] * h[j] + i[j] * g[j] for j in range(H)]
            gates.append({"i": i, "f": f, "g": g})
        states.append({"h": h})
    return gates, states


@pytest.mark.parametrize(
    "cell, layer", [("lstm", 0), ("lstm", 1), ("gru", 0), ("mingru", 0), ("mingru", 1), ("minlstm", 0)]
)
def test_gates_and_states_are_the_networks(trained, cell, layer):
    model, vocabulary, _ = load_model(trained / cell)
    ids = vocabulary.encode("de cab\nabc")
    gates, states = by_hand(cell, model, ids, layer)
    for found, expected in ((plot.gates(model, ids, layer), gates), (plot.states(model, ids, layer), states)):
        assert list(found) == list(expected)
        for name in expected:
            assert_close(found[name], expected[name], FLOAT32, name)


def test_states_of_a_plain_network(trained):
    model, vocabulary, _ = load_model(trained / "rnn")
    ids = vocabulary.encode("abc")
    with torch.no_grad():
        output, _ = model.rnn(model.embedding(torch.from_numpy(ids)[:, None]), model.initial_state(1)[0])
    found = plot.states(model, ids, 0)
    assert list(found) == ["h"]
    assert_close(found["h"], output[:, 0].numpy(), FLOAT32)


@pytest.mark.parametrize(
    "run, what, options",
    [
        ("lstm", "loss", []),
        ("lstm", "gates", ["--prompt", "a b"]),
        ("gru", "states", []),
        ("minlstm", "states", ["--prompt", "a b"]),
        ("transformer", "loss", []),
        ("transformer", "attention", []),
    ],
)
def test_pictures(runs, run, what, options):
    done = invoke("plot", run, "--what", what, *options)
    assert done.exit_code == 0, done.output
    assert done.output == f"Written to {run}/{what}.png\n"
    assert (runs / run / f"{what}.png").read_bytes().startswith(b"\x89PNG")


def test_the_layer_and_the_prompt_that_are_drawn(runs, monkeypatch):
    drawn, titled = [], []

    def spy(parts, text, *, by, titles=None):
        drawn.append((parts, text, by))
        titled.append(titles)
        return plt.figure(figsize=(1, 1))

    monkeypatch.setattr("rnncourse.figures.plot_units_by_text", spy)
    model, vocabulary, _ = load_model(runs / "lstm")
    for options, layer in ((["--layer", 1], 0), (["--layer", 2], 1), ([], 1)):
        assert invoke("plot", "lstm", "--what", "gates", "--prompt", "cab", *options).exit_code == 0
        parts, text, by = drawn.pop()
        assert (text, by) == ("cab", "f")
        np.testing.assert_array_equal(parts["f"], plot.gates(model, vocabulary.encode("cab"), layer)["f"])
    invoke("plot", "gru", "--what", "gates")
    invoke("plot", "gru", "--what", "states")
    validation = (runs / "one.txt").read_text()[18_900:]
    assert [(text, by) for _, text, by in drawn] == [(validation[:64], "z"), (validation[:64], "h")]
    assert titled[-2:] == [{}, None]
    for run, by, name, said in (
        ("mingru", "z", "z", "how much of the candidate comes in"),
        ("minlstm", "f", "f", "how much of the state stays"),
    ):
        assert invoke("plot", run, "--what", "gates", "--prompt", "ab").exit_code == 0
        assert drawn[-1][1:] == ("ab", by)
        assert said in titled[-1][name]
    invoke("plot", "shorter", "--what", "states")  # it held out more
    assert drawn[-1][1] == (runs / "one.txt").read_text()[16_800:][:64]


def test_the_attention_that_is_drawn(runs, monkeypatch):
    drawn = []

    def spy(weights, text, *, layer):
        drawn.append((weights, text, layer))
        return plt.figure(figsize=(1, 1))

    monkeypatch.setattr("rnncourse.figures.plot_attention", spy)
    model, vocabulary, _ = load_model(runs / "transformer")
    prompts = ["de cab\nabc", "a", "ab" * 100]
    for prompt, layer in zip(prompts, (2, None, 3), strict=True):
        options = [] if layer is None else ["--layer", layer]
        done = invoke("plot", "transformer", "--what", "attention", "--prompt", prompt, *options)
        assert done.exit_code == 0, done.output
        weights, text, got = drawn.pop()
        assert (weights.shape, text, got) == ((3, 2, len(prompt), len(prompt)), prompt, layer)
        np.testing.assert_array_equal(weights, model.attention(torch.from_numpy(vocabulary.encode(prompt))))
    invoke("plot", "transformer", "--what", "attention")
    assert drawn[0][1] == (runs / "one.txt").read_text()[18_900:][:32]


def test_unknown_characters_are_told(runs):
    done = invoke("plot", "gru", "--what", "gates", "--prompt", "a$x$ \t汉\x00😀", "--output", "g.svg")
    assert done.exit_code == 0, done.output
    assert r"Read as unknown: '\x00' '\t' '$' 'x' '汉' '😀'" in done.output
    assert (runs / "g.svg").read_text().startswith("<svg")


def test_what_does_not_go(runs):
    assert "--prompt must have 1 to 400 characters, got 0" in refused("plot", "gru", "--what", "gates", "--prompt", "")
    assert "got 401" in refused("plot", "gru", "--what", "states", "--prompt", "a" * 401)
    assert "go with --what gates, states or attention" in refused("plot", "gru", "--prompt", "a")
    for what, run, needs in (
        ("gates", "rnn", "an LSTM, a GRU or a minimal form of them"),
        ("gates", "transformer", "an LSTM, a GRU or a minimal form of them"),
        ("states", "transformer", "a recurrent network"),
        ("attention", "lstm", "a Transformer"),
    ):
        said = refused("plot", run, "--what", what, "--prompt", "ab")
        assert f"--what {what} needs {needs}, and {run} has the cell '{run}'" in said
    assert "--layer must be at most 2, the layers of lstm, got 3" in refused(
        "plot", "lstm", "--what", "gates", "--layer", 3
    )
    assert "--layer must be at most 3, the layers of transformer, got 4" in refused(
        "plot", "transformer", "--what", "attention", "--layer", 4
    )
    assert "--prompt must have 1 to 200 characters, got 201" in refused(
        "plot", "transformer", "--what", "attention", "--prompt", "a" * 201
    )
    assert "there is no checkpoint" in refused("plot", "nothing")
    assert "must end in .png or .svg" in refused("plot", "gru", "--output", "g.jpg")
    assert "must lie in an existing folder" in refused("plot", "gru", "--output", "none/g.png")
    assert "'states', 'attention'" in refused("plot", "gru", "--what", "weights").replace("\u2502 ", "")


def test_without_the_text_a_prompt_is_asked_for(runs, trained):
    moved = trained / "moved.txt"
    (trained / "one.txt").rename(moved)
    try:
        assert "Say with --prompt what is to be read." in refused("plot", "gru", "--what", "gates")
        assert invoke("plot", "gru", "--what", "gates", "--prompt", "ab").exit_code == 0
        assert invoke("plot", "gru").exit_code == 0
    finally:
        moved.replace(trained / "one.txt")


def test_damaged(runs):
    (runs / "gru" / CHECKPOINT).write_bytes(b"")
    assert "is damaged: this is the one before it." in invoke("plot", "gru").output
