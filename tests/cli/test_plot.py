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


@pytest.mark.parametrize("cell, layer", [("lstm", 0), ("lstm", 1), ("gru", 0)])
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
    "run, what, options", [("lstm", "loss", []), ("lstm", "gates", ["--prompt", "a b"]), ("gru", "states", [])]
)
def test_pictures(runs, run, what, options):
    done = invoke("plot", run, "--what", what, *options)
    assert done.exit_code == 0, done.output
    assert done.output == f"Written to {run}/{what}.png\n"
    assert (runs / run / f"{what}.png").read_bytes().startswith(b"\x89PNG")


def test_the_layer_and_the_prompt_that_are_drawn(runs, monkeypatch):
    drawn = []

    def spy(parts, text, *, by):
        drawn.append((parts, text, by))
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
    invoke("plot", "shorter", "--what", "states")  # it held out more
    assert drawn[-1][1] == (runs / "one.txt").read_text()[16_800:][:64]


def test_unknown_characters_are_told(runs):
    done = invoke("plot", "gru", "--what", "gates", "--prompt", "a$x$ \t汉\x00😀", "--output", "g.svg")
    assert done.exit_code == 0, done.output
    assert r"Read as unknown: '\x00' '\t' '$' 'x' '汉' '😀'" in done.output
    assert (runs / "g.svg").read_text().startswith("<svg")


def test_what_does_not_go(runs):
    assert "--prompt must have 1 to 400 characters, got 0" in refused("plot", "gru", "--what", "gates", "--prompt", "")
    assert "got 401" in refused("plot", "gru", "--what", "states", "--prompt", "a" * 401)
    assert "go with --what gates or --what states" in refused("plot", "gru", "--prompt", "a")
    assert "needs an LSTM or a GRU, and rnn has the cell 'rnn'" in refused("plot", "rnn", "--what", "gates")
    assert "--layer must be at most 2, the layers of lstm, got 3" in refused(
        "plot", "lstm", "--what", "gates", "--layer", 3
    )
    assert "there is no checkpoint" in refused("plot", "nothing")
    assert "must end in .png or .svg" in refused("plot", "gru", "--output", "g.jpg")
    assert "must lie in an existing folder" in refused("plot", "gru", "--output", "none/g.png")
    assert "attention" in refused("plot", "gru", "--what", "attention")


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
