"""The wheel: what is in it, what it says of itself, and that its NumPy core runs with torch absent."""

from __future__ import annotations

import email
import importlib.metadata
import os
import re
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
VERSION = re.search(r'__version__ = "(.+)"', (ROOT / "rnncourse" / "__init__.py").read_text())[1]

pytestmark = pytest.mark.slow

# Everything below runs in an environment that holds the wheel and NumPy, and nothing else.
NUMPY_CORE = """
import importlib.util, sys
import numpy as np
import rnncourse.data
import rnncourse.reference as reference

for absent in ("torch", "matplotlib", "typer", "pooch", "tqdm"):
    assert importlib.util.find_spec(absent) is None, absent

rng = np.random.default_rng(0)
params = reference.init_rnn(rng, 5, 7)
x, h_0 = rng.standard_normal((4, 3, 5)), np.zeros((3, 7))
params = {name: value.astype(x.dtype) for name, value in params.items()}
output, h_n, cache = reference.rnn_forward(x, h_0, params)
assert output.shape == (4, 3, 7) and np.array_equal(output[-1], h_n)
dx, dh_0, grads = reference.rnn_backward(np.ones_like(output), np.zeros_like(h_n), cache)
assert dx.shape == x.shape and dh_0.shape == h_0.shape and grads.keys() == params.keys()

# One direction in the weights: the derivative along it, by hand and by central differences.
name, eps = "weight_hh_l0", 1e-6
direction = rng.standard_normal(params[name].shape)
def total(step):
    moved = {**params, name: params[name] + step * direction}
    return reference.rnn_forward(x, h_0, moved)[0].sum()
numerical = (total(eps) - total(-eps)) / (2 * eps)
assert abs(numerical - (grads[name] * direction).sum()) < 1e-6 * max(1, abs(numerical))

text = rnncourse.data.load_text("numpy-docs")
vocabulary = rnncourse.data.Vocabulary.from_text(text.train)
ids = vocabulary.encode(text.train[:1000])
assert vocabulary.decode(ids) == text.train[:1000]
print(len(text.train), "characters,", len(vocabulary), "symbols")
"""


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    """Run a program and give what it printed; its error output is shown when it fails."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "RNNCOURSE_", "COV_"))}
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=clean | environment, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the working tree."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ".", cwd=ROOT)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a new environment with the wheel (without its dependencies) and this environment's NumPy."""
    folder = tmp_path_factory.mktemp("clean")
    venv.create(folder, with_pip=True)
    path = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    numpy = f"numpy=={importlib.metadata.version('numpy')}"
    run(path, "-m", "pip", "install", "--quiet", "--no-deps", numpy, wheel, cwd=folder)
    return path


def test_metadata(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        folder = f"rnncourse-{VERSION}.dist-info"
        metadata = email.message_from_bytes(archive.read(f"{folder}/METADATA"))
        entry_points = archive.read(f"{folder}/entry_points.txt").decode()
    assert wheel.name == f"rnncourse-{VERSION}-py3-none-any.whl"
    assert metadata["Name"] == "rnncourse"
    assert metadata["Version"] == VERSION
    assert metadata["License-Expression"] == "MIT AND CC-BY-4.0"
    assert metadata.get_all("License-File") == ["LICENSE", "LICENSE-TEXT"]
    assert metadata["Requires-Python"] == ">=3.11"
    required = [r for r in metadata.get_all("Requires-Dist") if "extra ==" not in r]
    assert sorted(required) == sorted(PYPROJECT["project"]["dependencies"])
    assert set(metadata.get_all("Provides-Extra")) == set(PYPROJECT["project"]["optional-dependencies"])
    assert "rnncourse = rnncourse.cli:main" in entry_points
    assert "make book" in metadata.get_payload(), "the README is the long description"


def test_it_carries_the_chapters_and_the_results(names: set[str]) -> None:
    chapters = {f"rnncourse/chapters/{path.name}" for path in (ROOT / "chapters").glob("*.ipynb")}
    assert chapters, "no chapters in the working tree"
    assert chapters <= names
    results = {f"rnncourse/results/{path.name}" for path in (ROOT / "rnncourse" / "results").glob("*.json")}
    assert results, "no recorded results in the working tree"
    assert results <= names


def test_it_carries_the_widgets(names: set[str], wheel: Path, tmp_path: Path) -> None:
    widgets = {f"rnncourse/widgets/static/{path.name}" for path in (ROOT / "extra" / "widgets").iterdir()}
    assert "rnncourse/widgets/static/common.js" in widgets
    assert widgets <= names
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "unpacked")
    code = "from rnncourse.widgets import export; print(export('char-model', 'mine'))"
    run(sys.executable, "-c", code, cwd=tmp_path, PYTHONPATH=str(tmp_path / "unpacked"))
    assert (tmp_path / "mine" / "char-model.data.js").is_file()


def test_it_carries_the_whole_package_and_nothing_else(names: set[str]) -> None:
    tracked = run("git", "ls-files", "rnncourse", "chapters", cwd=ROOT).split("\n") if (ROOT / ".git").exists() else []
    expected = {name if name.startswith("rnncourse/") else f"rnncourse/{name}" for name in tracked if name}
    if expected:
        assert expected - names == set(), "tracked files that the wheel lacks"
    kinds = {Path(name).suffix for name in names if not name.startswith(f"rnncourse-{VERSION}.dist-info/")}
    assert kinds <= {".py", ".ipynb", ".md", ".json", ".toml", ".typed", ".js", ".css", ".svg", ".html"}
    stray = [n for n in names if re.search(r"(^|/)(tests?|_build|\.|__pycache__)|_checkpoints|\.txt$", n)]
    assert [n for n in stray if ".dist-info/" not in n] == []


def test_the_numpy_core_runs_without_torch(python: Path, tmp_path: Path) -> None:
    assert "characters" in run(python, "-I", "-c", NUMPY_CORE, cwd=tmp_path, OMP_NUM_THREADS="1")


def test_version(python: Path, tmp_path: Path) -> None:
    assert run(python, "-I", "-m", "rnncourse", "--version", cwd=tmp_path).split() == ["rnncourse", VERSION]
    script = python.with_name("rnncourse.exe" if os.name == "nt" else "rnncourse")
    assert run(script, "--version", cwd=tmp_path).split() == ["rnncourse", VERSION]


def test_what_needs_more_says_so(python: Path, tmp_path: Path) -> None:
    command = [str(python), "-I", "-m", "rnncourse", "bench", "reference"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode != 0
    assert "typer" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_ledger_is_read_from_the_wheel(python: Path, tmp_path: Path) -> None:
    """Its rows, and the evidence from the chapters that the wheel carries."""
    code = "from rnncourse import claims as c; print(len(c.load()), len(c.stored()), c.chapters_folder())"
    rows, evidence, folder = run(python, "-I", "-c", code, cwd=tmp_path).split(maxsplit=2)
    assert int(rows) > 65
    assert int(evidence) > 0
    assert folder.strip().endswith("chapters") and str(ROOT) not in folder
