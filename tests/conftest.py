"""Settings shared by all tests. The environment is set by the conftest.py at the root."""

from __future__ import annotations

import random
import socket

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "course", derandomize=True, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("course")


def pytest_configure(config: pytest.Config) -> None:
    """Declare the markers."""
    config.addinivalue_line("markers", "slow: more than a few seconds, or a process of its own; `make test-all`")
    config.addinivalue_line("markers", "network: may open connections to other machines")


@pytest.fixture(autouse=True)
def _seeded() -> None:
    """The package keeps no global random state; a test that relies on it by mistake at least repeats."""
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002


@pytest.fixture(autouse=True)
def _no_network(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse connections to other machines, so that no test passes thanks to a download."""
    if request.node.get_closest_marker("network"):
        return
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        host = address[0] if isinstance(address, tuple) else None
        if host not in (None, "localhost", "127.0.0.1", "::1"):
            raise OSError(f"this test may not connect to {host}; mark it with @pytest.mark.network if it must")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)
