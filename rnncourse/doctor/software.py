"""Python, the course, NumPy, PyTorch and the other packages."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import platform
import sys
from pathlib import Path

from .finding import MISSING, OK, SLOW, Finding, install

LEAST_PYTHON = (3, 11)
FAST_BLAS = ("openblas", "mkl", "accelerate", "blis")

#: What the package depends on besides NumPy and PyTorch, and what does not go without it.
NEEDED = {
    "matplotlib": "figures: `rnncourse plot`, the chapters",
    "tqdm": "`rnncourse train` and `rnncourse experiment`, which show their progress with it",
    "pooch": "downloading public texts",
    "safetensors": "`rnncourse train`, which writes its checkpoints with it",
    "typer": "this command line",
}
#: What is optional: what does not go without it, and what pip is asked for.
OPTIONAL = {
    "jupyterlab": ("opening the chapters", "rnncourse[book]"),
    "tokenizers": ("vocabularies of subwords", "rnncourse[subword]"),
    "onnx": ("writing ONNX graphs", "rnncourse[export]"),
    "onnxruntime": ("running ONNX graphs", "rnncourse[export]"),
    "keras": ("running weights in Keras, as the tests do", "keras"),
    "tensorboard": ("`rnncourse train --tensorboard`", "tensorboard"),
    "triton": ("kernels on an NVIDIA GPU, and torch.compile there", "triton"),
}


def python() -> list[Finding]:
    """Whether Python is new enough."""
    found = f"{platform.python_version()}, {platform.system()} {platform.machine()}"
    if sys.version_info >= LEAST_PYTHON:
        return [Finding("Python", OK, found, essential=True)]
    least = ".".join(map(str, LEAST_PYTHON))
    effect, why = "nothing is promised to work", f"the package is written for Python {least} and newer"
    return [Finding("Python", MISSING, found, effect, why, f"python{least} -m venv .venv", essential=True)]


def course() -> list[Finding]:
    """Which version, and from where."""
    import rnncourse

    return [Finding("rnncourse", OK, f"{rnncourse.__version__} in {Path(rnncourse.__file__).parent}")]


def numpy() -> list[Finding]:
    """NumPy and the library that multiplies its matrices."""
    if (broken := _broken("NumPy", "numpy")) is not None:
        return [broken]
    import numpy as np

    blas = np.show_config(mode="dicts").get("Build Dependencies", {}).get("blas", {})
    name = str(blas.get("name", "unknown"))
    found = f"{np.__version__}, BLAS {name} {blas.get('version', '')}".rstrip()
    if any(fast in name.lower() for fast in FAST_BLAS):
        return [Finding("NumPy", OK, found, essential=True)]
    effect, why = "the NumPy reference is slow", "matrices may be multiplied by a BLAS that is not made for speed"
    return [Finding("NumPy", SLOW, found, effect, why, install("--force-reinstall", "numpy"), essential=True)]


def torch() -> list[Finding]:
    """PyTorch and the instructions it uses on this processor."""
    if (broken := _broken("PyTorch", "torch")) is not None:
        return [broken]
    import torch

    capability = torch.backends.cpu.get_cpu_capability()
    found = f"{torch.__version__}, processor {capability}"
    if capability not in ("DEFAULT", "NO AVX"):
        return [Finding("PyTorch", OK, found, essential=True)]
    effect, why = "training is slow", "PyTorch finds no vector instructions that it was built for"
    return [Finding("PyTorch", SLOW, found, effect, why, install("--force-reinstall", "torch"), essential=True)]


def packages() -> list[Finding]:
    """The packages that the course depends on, then those that are optional."""
    found = []
    for name, what in NEEDED.items():
        if (broken := _broken(name, name, what)) is not None:
            found.append(broken)
        else:
            found.append(Finding(name, OK, _version(name), essential=True))
    for name, (what, asked_for) in OPTIONAL.items():
        if importlib.util.find_spec(name) is None:
            found.append(Finding(name, MISSING, "not installed", f"no {what}", "it is optional", install(asked_for)))
        else:
            found.append(Finding(name, OK, _version(name)))
    return found


def _broken(shown: str, name: str, what: str = "anything") -> Finding | None:
    """What is wrong with a package that is needed, or None."""
    try:
        importlib.import_module(name)
    except Exception as error:  # a library that does not load raises anything
        absent = isinstance(error, ModuleNotFoundError) and error.name == name
        found = "not installed" if absent else "installed, but it cannot be imported"
        why = "the package needs it" if absent else f"{type(error).__name__}: {error}"
        mend = install(name) if absent else install("--force-reinstall", name)
        return Finding(shown, MISSING, found, f"no {what}", why, mend, essential=True)
    return None


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "installed, version unknown"
