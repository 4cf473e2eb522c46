"""Graphics cards, and whether bfloat16 pays: computed, not looked up."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .finding import MISSING, OK, SLOW, Finding, install

SIZE, REPEATS = 256, 2


def gpu() -> list[Finding]:
    """The CUDA devices that compute, or why there is none."""
    import torch

    effect = "nothing here needs one; large models train many times slower without"
    if torch.version.cuda is None and torch.version.hip is None:
        card = shutil.which("nvidia-smi") is not None
        why = f"this PyTorch was built for the processor alone{'' if card else ', and there is no NVIDIA driver'}"
        mend = install("--force-reinstall", "torch") + "  # on a machine with a card: a build for it"
        return [Finding("GPU", MISSING, "none", effect, why, mend)]
    if not torch.cuda.is_available():
        driver = Path("/proc/driver/nvidia/version").exists()
        why = "the driver does not suit this PyTorch" if driver else "no driver for NVIDIA cards is loaded"
        return [Finding("GPU", MISSING, f"none, CUDA {torch.version.cuda}", effect, why, "nvidia-smi")]
    found = []
    for k in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(k)
        words = f"{properties.name}, {properties.total_memory / 1e9:.0f} GB"
        try:
            off = _error(torch, torch.device("cuda", k), torch.float32)
        except RuntimeError as error:
            why = str(error).splitlines()[0]
            found.append(Finding(f"GPU {k}", MISSING, words, "it cannot be used", why, "nvidia-smi"))
            continue
        well = off < 1e-2  # TF32 keeps three digits
        why = "" if well else f"a product is off by {off:.1e}"
        found.append(Finding(f"GPU {k}", OK if well else MISSING, words, "" if well else "it computes wrongly", why))
    return found


def bfloat16() -> list[Finding]:
    """Whether products in bfloat16 come out right, and whether they are faster than in float32."""
    import torch

    devices = ["cpu"] + [f"cuda:{k}" for k in range(torch.cuda.device_count() if torch.cuda.is_available() else 0)]
    return [_bfloat16_on(torch, torch.device(device)) for device in devices]


def _bfloat16_on(torch: Any, device: Any) -> Finding:
    name = "bfloat16" if device.type == "cpu" else f"bfloat16 on GPU {device.index}"
    effect = "training in bfloat16 has no use here"
    mend = "rnncourse train TEXT  # in float32, the default"
    try:
        off = _error(torch, device, torch.bfloat16)
    except RuntimeError as error:
        return Finding(name, MISSING, "cannot be computed", effect, str(error).splitlines()[0], mend)
    if off > 0.05:
        return Finding(name, MISSING, f"off by {off:.1e}", effect, "products come out wrong", mend)
    seconds = {
        dtype: _seconds(torch, device, _product(torch, device, dtype)) for dtype in (torch.float32, torch.bfloat16)
    }
    ratio = seconds[torch.bfloat16] / seconds[torch.float32]
    found = f"right to {off:.0e}, {ratio:.1f} times the time of float32"
    if ratio <= 1.2:
        return Finding(name, OK, found)
    return Finding(name, SLOW, found, effect, "the processor has no instructions for it", mend)


def _product(torch: Any, device: Any, dtype: Any) -> Callable[[], Any]:
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(SIZE, SIZE, generator=generator).to(device, dtype) for _ in range(2))
    return lambda: a @ b


def _error(torch: Any, device: Any, dtype: Any) -> float:
    """How far a product is off, as a share of its largest entry."""
    exact = _product(torch, torch.device("cpu"), torch.float64)()
    return float((_product(torch, device, dtype)().double().cpu() - exact).abs().max() / exact.abs().max())


def _seconds(torch: Any, device: Any, work: Callable[[], Any]) -> float:
    """The fastest of a few."""

    def once() -> float:
        start = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return time.perf_counter() - start

    once()
    return min(once() for _ in range(REPEATS))
