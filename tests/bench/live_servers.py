"""The servers that live editing is measured on: ours and its peers, each in processes of its own.

Peers are installed beside the project (`.bench`), in the versions that `package.json` there and
`PYCRDT` here name; they run with their own defaults.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.nodejs import NODE, npm
from tests.serving import ServerProcess, served
from tests.workspace import post, workspace

ROOT = Path(__file__).parents[2]
PEERS = Path(os.environ.get("INTERLINK_BENCH") or ROOT.parent / "shared" / "bench")
INSTALLED = ROOT / ".bench"
OWN = ("joins.mjs", "slow_readers.mjs", "paper.mjs", "wire.mjs")  # what load.mjs beside the peers can't do
PYCRDT = ("pycrdt-websocket==0.16.5", "uvicorn==0.35.0", "websockets==15.0.1")


@dataclass
class Target:
    """A running server, as a load generator needs to know it. `proto` is `y` or `h` as in load.mjs."""

    proto: str
    url: str
    pid: Callable[[], int]
    rooms: Callable[[int], list[str]]
    restart: Callable[[], None]
    door: list[str] = field(default_factory=list)  # arguments that let clients in
    postgres: Callable[[], psutil.Process | None] = lambda: None
    keeps: bool = True  # stores documents
    one_by_one: bool = False  # clients of a room must not open at once
    settles: float = 0.0  # seconds after an edit until it is stored


Start = Callable[..., AbstractContextManager[Target]]


def install() -> None:
    """The peers, in a copy outside of version control, with the load generators beside them."""
    INSTALLED.mkdir(exist_ok=True)
    for file in [*PEERS.iterdir(), *(Path(__file__).parent / name for name in OWN)]:
        if file.is_file():
            shutil.copyfile(file, INSTALLED / file.name)
    if not (INSTALLED / "node_modules").exists():
        npm("install", "--legacy-peer-deps", "--silent", cwd=INSTALLED)


def _pycrdt_python() -> Path:
    """An interpreter with pycrdt-websocket, in a virtual environment of its own."""
    home = INSTALLED / "pycrdt"
    done = home / "installed"
    python = home / "bin" / "python"
    if not done.exists() or done.read_text() != " ".join(PYCRDT):
        uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or "uv"
        subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, home], check=True)
        subprocess.run([uv, "pip", "install", "--quiet", "--python", python, *PYCRDT], check=True)
        done.write_text(" ".join(PYCRDT))
    return python


@contextmanager
def hocuspocus(*, persistent: bool = False, **_: str) -> Iterator[Target]:
    """hocuspocus 4.7: relays at once, stores two seconds later."""
    with tempfile.TemporaryDirectory() as directory:
        command = [NODE, "hocuspocus.mjs"]
        with _peer(command, "h", "PORT", DATA=directory) as target:
            target.settles = 3.0
            yield target


@contextmanager
def y_websocket(*, persistent: bool = False, **_: str) -> Iterator[Target]:
    """y-websocket 2.0.4; with leveldb if documents must outlive it."""
    with tempfile.TemporaryDirectory() as directory:
        command = [NODE, "node_modules/y-websocket/bin/server.cjs"]
        keeping = {"YPERSISTENCE": directory} if persistent else {}
        with _peer(command, "y", "PORT", HOST="127.0.0.1", **keeping) as target:
            target.keeps = persistent
            target.settles = 1.0
            yield target


@contextmanager
def pycrdt_websocket(*, persistent: bool = False, **_: str) -> Iterator[Target]:
    """pycrdt-websocket 0.16.5 on uvicorn, in memory."""
    command = [_pycrdt_python(), Path(__file__).with_name("pycrdt_server.py")]
    with _peer(command, "y", "PORT") as target:
        target.keeps, target.one_by_one = False, True
        yield target


@contextmanager
def _peer(command: list[str | Path], proto: str, port_name: str, **environment: str) -> Iterator[Target]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = _Peer([str(part) for part in command], port, {port_name: str(port), **environment})
    process.start()
    numbers = iter(range(1_000_000))
    try:
        yield Target(
            proto,
            f"ws://127.0.0.1:{port}",
            pid=lambda: process.pid,
            rooms=lambda count: [f"room-{next(numbers)}" for _ in range(count)],
            restart=process.restart,
        )
    finally:
        process.end()


class _Peer:
    def __init__(self, command: list[str], port: int, environment: dict[str, str]) -> None:
        self._command = command
        self._port = port
        self._environment = {**os.environ, **environment}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        self._process = subprocess.Popen(
            self._command,
            cwd=INSTALLED,
            env=self._environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", self._port)).close()
                return
            except OSError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{self._command} does not start") from None
                time.sleep(0.05)

    def end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def restart(self) -> None:
        self.end()
        self.start()


@contextmanager
def interlink_y(*, persistent: bool = False, **settings: str) -> Iterator[Target]:
    """Ours, over y-websocket framing: every edit is committed to PostgreSQL before anyone sees it."""
    with _interlink("y", settings) as target:
        yield target


@contextmanager
def interlink_h(*, persistent: bool = False, **settings: str) -> Iterator[Target]:
    """Ours, over hocuspocus framing."""
    with _interlink("h", settings) as target:
        yield target


@contextmanager
def _interlink(proto: str, settings: dict[str, str]) -> Iterator[Target]:
    with tempfile.TemporaryDirectory() as directory, served(Path(directory) / "data", **settings) as server:
        task, header = _task(server)
        bearer = header.removeprefix("Authorization: Bearer ")

        def restart() -> None:
            server.stop()
            server.start()

        yield Target(
            proto,
            server.url.replace("http", "ws", 1) + "/live",
            pid=lambda: server.pid,
            rooms=lambda count: _documents(server, task, count),
            restart=restart,
            door=["--header", header] if proto == "y" else ["--token", bearer],
            postgres=server.postgres,
        )


def _task(server: ServerProcess) -> tuple[str, str]:
    """A task that documents can be put at, and the header that lets their author in."""
    work = workspace(server, 1)
    owner = work.authors[0]
    tree = owner.get(f"/api/v1/processes/{work.process}/tree").json()
    task: str = tree["items"][0]["children"][0]["children"][0]["id"]
    return task, f"Authorization: {owner.headers['Authorization']}"


def _documents(server: ServerProcess, task: str, count: int) -> list[str]:
    """Ids of new, empty documents."""
    body = {"kind": "document", "title": "Text", "format": "text"}
    owner = server.client("author0@example.org", "Author 0")
    return [post(owner, f"/api/v1/nodes/{task}/assets", body)["document"] for _ in range(count)]


SERVERS: dict[str, Start] = {
    "hocuspocus 4.7": hocuspocus,
    "y-websocket 2.0.4": y_websocket,
    "pycrdt-websocket": pycrdt_websocket,
    "interlink (h)": interlink_h,
    "interlink (y)": interlink_y,
}
