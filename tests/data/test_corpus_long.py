"""Long texts, kills and several processes at once: each in processes of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import numpy as np
import pytest

from rnncourse.data import load_corpus
from tests.data.conftest import files_below

LINE = "The cat sat on the mat; it’s the 漢字 of 3.14 — naïve.\r\n"

MEASURE = """
import json, resource, sys, tracemalloc
import rnncourse.data
from rnncourse.data import batches, load_corpus
UNIT = 1024 if sys.platform == "linux" else 1
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
corpus = load_corpus(sys.argv[1], cache=sys.argv[2])
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
tracemalloc.start()
windows = batches(corpus.train, 64, 32)
x, y = windows[len(windows) // 2]
traced = tracemalloc.get_traced_memory()[1]
print(json.dumps({"loading": (after - before) * UNIT, "batches": traced, "kind": type(corpus.train).__name__,
    "train": len(corpus.train), "validation": len(corpus.validation), "dtype": str(corpus.train.dtype),
    "end": corpus.vocabulary.decode(corpus.validation[-100:]), "x": x[:, 0].tolist(), "sum": int(corpus.train.sum())}))
"""

HELD = """
import sys, time
from rnncourse.data import corpus, load_corpus
def slow(*args, encode=corpus.encode_pieces):
    for ids in encode(*args):
        yield ids[:100]
        print("begun", flush=True)
        time.sleep(120)
corpus.encode_pieces = slow
load_corpus(sys.argv[1], cache=sys.argv[2])
"""

LOAD = """
import sys
from rnncourse.data import load_corpus
corpus = load_corpus(sys.argv[1], unit="words", cache=sys.argv[2])
print(len(corpus.train), int(corpus.train.sum()), int(corpus.validation.sum()))
"""


@pytest.mark.slow
def test_two_hundred_megabytes_in_less_than_a_hundred(tmp_path):
    """A copy of the text, or of its ids, would take 200 MB and more."""
    pytest.importorskip("resource", reason="this system does not measure the memory of a process")
    path, size, block = tmp_path / "long.txt", 0, LINE * 10_000
    with open(path, "wb") as file:
        while size < 200_000_000:
            size += file.write(block.encode())
    blocks = size // len(block.encode())
    command = [sys.executable, "-c", MEASURE, str(path), str(tmp_path / "kept")]
    line = LINE.replace("\r\n", "\n")
    ids = np.searchsorted(sorted({*line, "\ufffd"}), list(line))
    for _ in range(2):  # made, then found
        found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        assert found["loading"] < 100e6
        assert found["batches"] < 1e6
        assert (found["kind"], found["dtype"], found["validation"]) == ("memmap", "uint8", 1_000_000)
        assert found["train"] == blocks * 10_000 * len(line) - 1_000_000
        assert found["end"] == (line * 3)[-100:]
        stream = (found["train"] - 1) // 32
        assert stream > 64
        start = -(-stream // 64) // 2 * 64
        assert found["x"] == [ids[(start + t) % len(line)] for t in range(64)]
        lines, rest = divmod(found["train"], len(line))
        assert found["sum"] == lines * ids.sum() + ids[:rest].sum()


@pytest.mark.slow
def test_what_a_killed_process_leaves_does_no_harm(tmp_path):
    path, kept = tmp_path / "own.txt", tmp_path / "kept"
    path.write_text(LINE * 50, encoding="utf-8")
    process = subprocess.Popen([sys.executable, "-c", HELD, str(path), str(kept)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "begun\n"
    process.kill()
    process.wait()
    process.stdout.close()
    assert [file.suffix for file in files_below(kept)] == [".part"]
    want = load_corpus(path)
    for _ in range(2):
        found = load_corpus(path, cache=kept)
        assert np.array_equal(found.train, want.train)
        assert np.array_equal(found.validation, want.validation)


@pytest.mark.slow
def test_several_processes_at_once(tmp_path):
    path, kept = tmp_path / "own.txt", tmp_path / "kept"
    path.write_text(LINE * 20_000, encoding="utf-8")
    command = [sys.executable, "-c", LOAD, str(path), str(kept)]
    processes = []
    for _ in range(4):
        processes.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        time.sleep(0.1)
    said = [process.communicate(timeout=120) for process in processes]
    want = load_corpus(path, unit="words")
    line = f"{len(want.train)} {want.train.sum()} {want.validation.sum()}\n"
    assert said == [(line, "")] * 4
    assert sorted(file.suffix for file in files_below(kept)) == [".ids", ".json"]
