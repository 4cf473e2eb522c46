"""`rnncourse train` and `rnncourse evaluate`, as a user types them."""

from __future__ import annotations

import json
import math
import re

import numpy as np
import pytest
from typer.testing import CliRunner

torch = pytest.importorskip("torch")

from rnncourse import cli  # noqa: E402
from rnncourse.training.run import CHECKPOINT, load_model  # noqa: E402

QUICK = ["--steps", "4", "--evaluations", "2", "--threads", "1"]


def invoke(*arguments):
    return CliRunner().invoke(cli.build_app(), [str(a) for a in arguments])


def refused(*arguments):
    done = invoke(*arguments)
    assert done.exit_code == cli.USAGE_ERROR, done.output
    assert "Traceback" not in done.output
    return " ".join(done.output.split())


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "my text.txt"
    letters = np.random.default_rng(0).choice(list("abc de\n"), 4000)
    path.write_text("".join(letters), encoding="utf-8")
    return path


def test_from_a_text_to_a_loss(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = invoke("train", text.name, *QUICK)
    assert done.exit_code == 0, done.output
    folder = tmp_path / "runs" / "my-text"
    assert sorted(p.name for p in folder.iterdir()) == [
        "checkpoint.previous.safetensors",
        CHECKPOINT,
        "companion.safetensors",
        "history.csv",
        "history.json",
    ]
    assert "my text.txt: 3,528 characters to train on, 400 to validate, 8 kinds" in done.output
    assert "hidden_size = 64: for 3,528 symbols of training text" in done.output
    best = json.loads((folder / "history.json").read_text())
    assert f"{min(row['validation_loss'] for row in best):.4f} nats a symbol" in done.output

    done = invoke("evaluate", "runs/my-text")
    assert done.exit_code == 0, done.output
    words = done.output.split()
    assert words[:2] == ["400", "symbols:"]
    nats, bits, perplexity = float(words[2]), float(words[6]), float(words[9])
    assert bits == pytest.approx(nats / math.log(2), rel=1e-3)
    assert perplexity == pytest.approx(math.exp(nats), rel=1e-3)

    other = tmp_path / "other.txt"
    other.write_text("abc abc")
    assert invoke("evaluate", "runs/my-text", other).output.startswith("7 symbols: ")
    other.write_text("xyz")
    assert invoke("evaluate", "runs/my-text", other).output.startswith("3 symbols: ")


def test_what_is_asked_for_is_done(text, tmp_path):
    options = ["--cell", "gru", "--hidden-size", "9", "--embedding-size", "9", "--tied", "--num-layers", "2"]
    options += ["--window", "7", "--batch-size", "3", "--dropout", "0.1", "--learning-rate", "0.01", "--seed", "4"]
    done = invoke("train", text, "--output", tmp_path / "run", *QUICK, *options)
    assert done.exit_code == 0, done.output
    assert "hidden_size =" not in done.output
    model, _, checkpoint = load_model(tmp_path / "run")
    assert (model.config.cell, model.config.hidden_size, model.config.num_layers) == ("gru", 9, 2)
    assert model.readout.weight is model.embedding.weight
    config = checkpoint.meta["config"]
    assert (config["T"], config["B"], config["learning_rate"], config["seed"]) == (7, 3, 0.01, 4)
    assert config["steps"] == checkpoint.meta["done"] == 4


def test_seconds_become_steps(text, tmp_path):
    done = invoke("train", text, "--output", tmp_path / "run", "--seconds", "2", "--threads", "1")
    assert done.exit_code == 0, done.output
    checkpoint = load_model(tmp_path / "run")[2]
    steps = checkpoint.meta["config"]["steps"]
    assert f"steps = {steps:,}: " in done.output
    assert checkpoint.meta["done"] == steps >= 5


def test_resume(text, tmp_path):
    folder = tmp_path / "run"
    assert invoke("train", text, "--output", folder, *QUICK).exit_code == 0
    done = invoke("train", text, "--output", folder, "--resume")
    assert done.exit_code == 0, done.output
    assert "going on after 4 of 4 updates" in done.output
    assert "--resume takes the run's own options: leave out --hidden-size" in refused(
        "train", text, "--output", folder, "--resume", "--hidden-size", 8
    )
    options = ["--steps", 9, "--ngram", 3, "--threads", 2, "--validation", 0.4, "--overwrite"]
    assert "leave out --ngram, --validation, --threads, --steps, --overwrite" in refused(
        "train", text, "--output", folder, "--resume", *options
    )
    text.write_text("another text " * 300)
    assert "was trained on" in refused("train", text, "--output", folder, "--resume")
    assert "is not the text that" in refused("evaluate", folder)


def test_a_run_is_not_overwritten_by_mistake(text, tmp_path):
    folder = tmp_path / "run"
    assert invoke("train", text, "--output", folder, *QUICK).exit_code == 0
    assert "holds a run: go on with --resume, begin anew with --overwrite" in refused(
        "train", text, "--output", folder, *QUICK
    )
    assert invoke("train", text, "--output", folder, *QUICK, "--overwrite").exit_code == 0


@pytest.mark.parametrize(
    "content",
    ["汉字和一些别的字。" * 60, "naïve café\u0301 👩‍👩‍👧 " * 40, "ab" * 20, "a" * 500, "x\r\ny\r\n" * 100],
    ids=["chinese", "combining", "40 letters", "one letter", "windows"],
)
def test_any_text(tmp_path, content):
    (tmp_path / "t.txt").write_bytes(content.encode())
    done = invoke("train", tmp_path / "t.txt", "--output", tmp_path / "run", *QUICK)
    assert done.exit_code == 0, done.output
    assert invoke("evaluate", tmp_path / "run").exit_code == 0


def test_a_symbol_that_only_validation_has(tmp_path):
    (tmp_path / "t.txt").write_text("ab" * 300 + "abzab" * 10)
    done = invoke("train", tmp_path / "t.txt", "--output", tmp_path / "run", *QUICK)
    assert done.exit_code == 0, done.output
    assert load_model(tmp_path / "run")[1].unknown == "\ufffd"


@pytest.mark.parametrize("content, message", [(b"", "is empty"), (b"abc", "too short"), (b"\xff\xfe\x00", "UTF-8")])
def test_no_text(tmp_path, content, message):
    (tmp_path / "t.txt").write_bytes(content)
    assert message in refused("train", tmp_path / "t.txt", "--output", tmp_path / "run", *QUICK)
    assert not (tmp_path / "run").exists()


def test_what_does_not_go(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "neither the name of a text" in refused("train", "nothing.txt")
    assert "there is no checkpoint" in refused("train", text, "--output", tmp_path / "none", "--resume")
    assert "there is no checkpoint" in refused("evaluate", tmp_path)
    assert "--seconds must not be given together with steps" in refused("train", text, "--seconds", 3, "--steps", 3)
    assert "--cell must be one of 'rnn', 'lstm', 'gru'" in refused("train", text, "--cell", "LSTM", *QUICK)
    assert not (tmp_path / "runs").exists()
    assert "cannot write to" in refused("train", text, "--output", text / "run", *QUICK)


def test_too_large_a_learning_rate(text, tmp_path):
    said = refused(
        "train", text, "--output", tmp_path / "run", "--steps", 60, "--learning-rate", "1e38", "--cell", "rnn"
    )
    assert "Try a learning rate of" in said
    done = invoke("train", text, "--output", tmp_path / "other", "--learning-rate", "1e6", "--ngram", 0, *QUICK)
    assert "That is worse than guessing: try a smaller --learning-rate." in done.output
    assert "perplexity inf" in invoke("evaluate", tmp_path / "other").output


def test_counts_are_mixed_in(text, tmp_path):
    done = invoke("train", text, "--output", tmp_path / "run", *QUICK)
    said = re.search(r"the network ([\d.]+), 7-grams ([\d.]+), both ([\d.]+); the network's weight is", done.output)
    network, counts, both = map(float, said.groups())
    assert both < max(network, counts)
    assert f"{both:.4f} nats" in invoke("evaluate", tmp_path / "run").output
    assert f"{network:.4f} nats" in invoke("evaluate", tmp_path / "run", "--network").output
    done = invoke("train", text, "--output", tmp_path / "alone", "--ngram", 0, *QUICK)
    assert done.exit_code == 0, done.output
    assert not (tmp_path / "alone" / "companion.safetensors").exists()
    assert "3,600 characters to train on" in done.output


def test_generate(text, tmp_path):
    folder = tmp_path / "run"
    assert invoke("train", text, "--output", folder, *QUICK).exit_code == 0
    options = ["--length", 40, "--seed", 3, "--prompt", "ab"]
    once, again = (invoke("generate", folder, *options).output for _ in range(2))
    assert once == again
    assert once.startswith("ab")
    assert len(once) == 2 + 40 + 1
    assert once != invoke("generate", folder, *options[:3], 4, *options[4:]).output
    greedy = [invoke("generate", folder, *options, *more).output for more in (["--temperature", 0], ["--top-k", 1])]
    assert greedy[0] == greedy[1]
    assert invoke("generate", folder, "--network", *options).exit_code == 0
    assert "there is no checkpoint" in refused("generate", tmp_path)
    assert "top_p" in refused("generate", folder, "--top-p", 1.5)
    assert "prompt must hold at least one symbol" in refused("generate", folder, "--prompt", "")


def test_pieces_for_the_weights(monkeypatch):
    from rnncourse.training import companion

    for N in (3, 4, 50, 999, 1000, 20_000, 100_003):
        apart = companion.set_apart(np.arange(N))
        assert sorted([*apart.network, *apart.held_out]) == list(range(N))
        assert len(apart.held_out) == max(2, round(0.02 * N)) or abs(len(apart.held_out) - 0.02 * N) <= 20
        assert len(apart.network) >= 1
        assert np.array_equal(apart.counted, apart.network)
        assert np.array_equal(apart.whole, np.arange(N))
    assert len(np.flatnonzero(np.diff(apart.held_out) > 1)) == 19
    monkeypatch.setattr(companion, "COUNTED", 2000)
    monkeypatch.setattr(companion, "LONG", 40_000)
    apart = companion.set_apart(np.arange(30_000))
    assert sorted([*apart.network, *apart.held_out]) == list(range(30_000))
    assert apart.held_out.min() > 28_000
    assert np.array_equal(apart.whole, np.arange(28_000, 30_000))
    long = np.arange(50_000)
    apart = companion.set_apart(long)
    assert np.shares_memory(apart.network, long)
    assert (len(apart.network), len(apart.counted) + len(apart.held_out)) == (48_000, 2000)


def test_words(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = np.random.default_rng(0).choice(["to", "be", "or", "not", "question"], 800)
    (tmp_path / "t.txt").write_text(" ".join(words) + " rare\n")
    done = invoke("train", "t.txt", "--unit", "words", "--vocab-size", 5, *QUICK)
    assert done.exit_code == 0, done.output
    assert "words to train on" in done.output
    said = invoke("evaluate").output.splitlines()
    nats = float(re.search(r"([\d.]+) nats a symbol", said[0])[1])
    characters, bits = re.search(r"^(\d+) characters: ([\d.]+) bits a character", said[1]).groups()
    symbols = int(said[0].split()[0])
    assert float(bits) == pytest.approx(nats * (symbols - 1) / math.log(2) / int(characters), rel=1e-3)
    assert re.search(r"[\d.]+% of the symbols are unknown words", said[2])
    text = invoke("generate", "--prompt", "to be", "--length", 9, "--seed", 1).output
    assert re.match(r"to be( [\w<])", text), "a space after the prompt's word"
    assert set(re.findall(r"<unk>|\w+", text)) <= {"to", "be", "or", "not", "question", "<unk>"}


def test_subwords(text, tmp_path):
    pytest.importorskip("tokenizers")
    folder = tmp_path / "run"
    done = invoke("train", text, "--output", folder, "--unit", "subwords", "--vocab-size", 270, *QUICK)
    assert done.exit_code == 0, done.output
    assert "bits a character" in invoke("evaluate", folder).output
    assert invoke("train", text, "--output", folder, "--resume").exit_code == 0
    assert invoke("generate", folder, "--length", 30, "--seed", 1).exit_code == 0


def test_two_kilobytes_without_an_argument(tmp_path, monkeypatch):
    """What a reader does first: train, then generate, with a file alone."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my.txt").write_text("The quick brown fox jumps over the lazy dog.\n" * 44)
    done = invoke("train", "my.txt", "--seconds", 3)
    assert done.exit_code == 0, done.output
    assert len(invoke("generate").output) > 400
    assert invoke("evaluate").exit_code == 0
    (tmp_path / "runs").rename(tmp_path / "elsewhere")
    for command in ("generate", "evaluate"):
        assert "there is no run in the folder runs" in refused(command)


def test_how_to_train_is_an_option(text, tmp_path):
    options = ["--schedule", "linear", "--warmup", "0.5", "--accumulate", "2", "--batch-size", "4", "--deterministic"]
    done = invoke("train", text, "--output", tmp_path / "run", "--cell", "gru", *options, *QUICK)
    assert done.exit_code == 0, done.output
    config = load_model(tmp_path / "run")[2].meta["config"]
    assert (config["schedule"], config["warmup"], config["accumulate"]) == ("linear", 0.5, 2)
    assert config["deterministic"] is True


@pytest.mark.parametrize(
    "options, message",
    [
        (["--schedule", "steps"], "--schedule must be one of 'cosine'"),
        (["--cell", "foo"], "'minlstm', 'transformer', got 'foo'"),
        (["--unit", "bytes"], "--unit must be one of 'characters', 'words', 'subwords', got 'bytes'"),
        (["--batch-size", "5", "--accumulate", "2"], "--accumulate must divide --batch-size = 5, got 2"),
        (["--hidden-size", "9", "--precision", "float16"], "--precision must be one of 'float32', 'bfloat16'"),
        (["--vocab-size", "9"], "--vocab-size is for words and subwords"),
        (["--device", "warp"], "warp"),
        (["--window", "5000"], "--window * --batch-size + 1"),
        (
            ["--tied", "--embedding-size", "9", "--hidden-size", "8"],
            "need --embedding-size = --hidden-size, got 9 and 8",
        ),
        (["--cell", "transformer", "--hidden-size", "8"], "--hidden-size must not be given"),
        (["--context", "8"], "--context must not be given"),
        (["--cutoffs", "5,3"], "--cutoffs must rise, got (5, 3)"),
        (["--cutoffs", "5;3"], "--cutoffs must be integers that commas separate"),
        (["--validation", "0"], "--validation must be above 0"),
        (["--learning-rate", "nan"], "--learning-rate must be above 0, got nan"),
        (["--device", "cuda:99"], "device must be cpu"),
    ],
)
def test_options_that_do_not_suit(text, tmp_path, options, message):
    assert message in refused("train", text, "--output", tmp_path / "run", *QUICK, *options)
    assert not (tmp_path / "run" / CHECKPOINT).exists()


def test_tensorboard_that_is_not_installed(text, tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    assert "pip install tensorboard" in refused("train", text, "--output", tmp_path / "run", "--tensorboard", *QUICK)


@pytest.mark.slow
def test_torchrun(text, tmp_path):
    """Two processes from the command line: the same run as one, and one takes it up."""
    import os
    import subprocess
    import sys

    options = ["--steps", "6", "--evaluations", "2", "--threads", "1", "--dropout", "0", "--batch-size", "4"]
    command = ["-m", "rnncourse", "train", str(text), *options, "--output"]
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    for launch, name in ((torchrun, "two"), ([], "one")):
        arguments = [sys.executable, *launch, *command, str(tmp_path / name)]
        done = subprocess.run(arguments, capture_output=True, text=True, env=environment, timeout=240)
        assert done.returncode == 0, done.stderr[-3000:]
        assert done.stdout.count("Written to") == 1, "process 0 alone speaks"
    one, two = (load_model(tmp_path / name)[2] for name in ("one", "two"))
    for left, right in zip(one.meta["history"], two.meta["history"], strict=True):
        for loss in ("train_loss", "validation_loss"):
            assert left[loss] == pytest.approx(right[loss], rel=1e-6)
    assert invoke("train", text, "--output", tmp_path / "two", "--resume").exit_code == 0


def test_beginning_anew_leaves_nothing_of_the_run_before(text, tmp_path):
    """Counts of another text would be mixed in, or would not fit."""
    folder = tmp_path / "run"
    assert invoke("train", text, "--output", folder, *QUICK).exit_code == 0
    (tmp_path / "other.txt").write_text("quite another text, with other letters\n" * 60)
    options = ["--output", folder, "--overwrite", "--ngram", 0, *QUICK]
    assert invoke("train", tmp_path / "other.txt", *options).exit_code == 0
    assert not (folder / "companion.safetensors").exists()
    assert invoke("evaluate", folder).exit_code == 0
    assert "neither the name of a text" in refused("train", "nothing.txt", *options)
    assert invoke("evaluate", folder).exit_code == 0, "a text that is not there costs no run"
    (folder / CHECKPOINT).unlink()
    assert "holds a run" in refused("train", text, "--output", folder, *QUICK), "the checkpoint before it is one"


def test_a_text_may_move(text, tmp_path):
    folder, moved = tmp_path / "run", tmp_path / "moved.txt"
    assert invoke("train", text, "--output", folder, *QUICK).exit_code == 0
    text.rename(moved)
    done = invoke("train", moved, "--output", folder, "--resume")
    assert done.exit_code == 0, done.output
    assert "both" in done.output


def test_what_was_kept_is_told_truly(text, tmp_path, monkeypatch):
    from rnncourse.training.trainer import Trainer

    def interrupted(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(Trainer, "step", interrupted)
    done = invoke("train", text, "--output", tmp_path / "run", *QUICK)
    assert done.exit_code == 130
    assert "Nothing was kept." in done.output
    assert "Go on with" not in done.output


def test_long_validation_splits_are_read_in_part(tmp_path):
    """Five evaluations of all of it would leave no time to train."""
    (tmp_path / "t.txt").write_text("".join(np.random.default_rng(0).choice(list("abc de\n"), 300_000)))
    options = ["--seconds", 2, "--validation", 0.9, "--threads", 1, "--hidden-size", 64, "--ngram", 0]
    done = invoke("train", tmp_path / "t.txt", "--output", tmp_path / "run", *options)
    assert done.exit_code == 0, done.output
    watched = int(re.search(r"the first ([\d,]+) characters of the validation split", done.output)[1].replace(",", ""))
    assert 2 <= watched < 270_000
    assert "In one stream over 200,000 symbols" in done.output
