"""Modules draw their parameters from torch's own generator: every test starts it anew."""

from __future__ import annotations

import pytest
import torch


@pytest.fixture(autouse=True)
def _torch_seeded() -> None:
    torch.manual_seed(0)
