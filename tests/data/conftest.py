"""A server on this machine that misbehaves on request, and an environment without the reader's own settings."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from rnncourse.data.download import PublicFile

CONTENT = b"To be, or not to be: that is the question.\n" * 500


class Server:
    """Serves CONTENT; `behaviour` is one of good, wrong, truncated, unannounced, slow, 404, 500."""

    def __init__(self, port: int) -> None:
        self.behaviour = "good"
        self.requests = 0
        self.release = threading.Event()
        self.file = PublicFile(
            "tiny_shakespeare/input.txt", f"http://127.0.0.1:{port}/input.txt", hashlib.sha256(CONTENT).hexdigest()
        )


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the test's own; no mirror, no proxy."""
    monkeypatch.delenv("RNNCOURSE_DATA", raising=False)
    monkeypatch.setenv("RNNCOURSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "*")
    return tmp_path / "cache"


@pytest.fixture
def server() -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.requests += 1
            if state.behaviour.isdigit():
                self.send_error(int(state.behaviour))
                return
            body = CONTENT if state.behaviour != "wrong" else CONTENT.upper()
            self.send_response(200)
            if state.behaviour != "unannounced":
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if state.behaviour in ("good", "wrong"):
                self.wfile.write(body)
                return
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            if state.behaviour == "slow":
                state.release.wait(60)

        def log_message(self, *args: object) -> None:
            """Keep the test's output quiet."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state = Server(http.server_port)
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    yield state
    state.release.set()
    http.shutdown()
    http.server_close()
    thread.join()


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()] if folder.is_dir() else []
