"""Live editing beside hocuspocus: the same load generator, one server after the other, in one run.

hocuspocus relays at once and stores two seconds later; interlink shows nobody an edit before it is
committed. Latency is from key press to every other client's socket.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.nodejs import NODE, npm
from tests.serving import ServerProcess, served
from tests.workspace import post, workspace

ROOT = Path(__file__).parents[2]
PEERS = Path(os.environ.get("INTERLINK_BENCH") or ROOT.parent / "shared" / "bench")
INSTALLED = ROOT / ".bench"

SCENARIOS = {
    "one room of 100, 50 write 40/s": (1, ["--clients", "100", "--writers", "50", "--rate", "40"]),
    "300 rooms of 3, 2 write 4/s": (300, ["--clients", "3", "--writers", "2", "--rate", "4"]),
    "1 writes 50/s to 300 readers": (1, ["--clients", "301", "--writers", "1", "--rate", "50"]),
}
COLUMNS = ("p50", "p95", "p99", "delivered_per_s", "lost", "cpu_s", "rss_mb")


def main() -> None:
    """Print one line for each scenario and server, then the ratios."""
    if not PEERS.exists():
        print(f"live: skipped, no load generator at {PEERS} (set INTERLINK_BENCH)")
        return
    _install()
    print(f"{'live editing':<34}{'server':<12}" + "".join(f"{c:>16}" for c in COLUMNS))
    for name, (rooms, load) in SCENARIOS.items():
        results = {"hocuspocus": _hocuspocus(rooms, load), "interlink": _interlink(rooms, load)}
        for server, result in results.items():
            print(f"{name:<34}{server:<12}" + "".join(f"{result[c]!s:>16}" for c in COLUMNS), flush=True)
        ours, peer = results["interlink"], results["hocuspocus"]
        print(f"{'':<34}{'ratio':<12}" + "".join(f"{_ratio(ours[c], peer[c]):>16}" for c in COLUMNS))


def _ratio(ours: float, peer: float) -> str:
    return f"{ours / peer:.2f}" if peer else "-"


def _install() -> None:
    """The peers, in a copy outside of version control."""
    INSTALLED.mkdir(exist_ok=True)
    for file in PEERS.iterdir():
        shutil.copyfile(file, INSTALLED / file.name)
    if not (INSTALLED / "node_modules").exists():
        npm("install", "--legacy-peer-deps", "--silent", cwd=INSTALLED)


def _load(url: str, pids: list[int], *arguments: str) -> dict[str, Any]:
    command = [str(NODE), "load.mjs", url, "--secs", "8", "--pid", ",".join(map(str, pids)), *arguments]
    done = subprocess.run(command, cwd=INSTALLED, capture_output=True, text=True, timeout=300, check=False)
    if not done.stdout:
        raise RuntimeError(done.stderr)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def _hocuspocus(rooms: int, load: list[str]) -> dict[str, Any]:
    with _peer("hocuspocus.mjs") as (port, pid):
        return _load(f"ws://127.0.0.1:{port}", [pid], "--proto", "h", "--rooms", str(rooms), *load)


@contextmanager
def _peer(script: str) -> Iterator[tuple[int, int]]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {**os.environ, "PORT": str(port)}
    process = subprocess.Popen([NODE, script], cwd=INSTALLED, env=environment, stdout=subprocess.DEVNULL)
    try:
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                time.sleep(0.05)
        yield port, process.pid
    finally:
        process.kill()
        process.wait()


def _interlink(rooms: int, load: list[str]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as directory, served(Path(directory) / "data") as server:
        names, header = _documents(server, rooms)
        file = Path(directory) / "rooms.json"
        file.write_text(json.dumps(names))
        processes = [server.pid, server.postgres().pid, *(p.pid for p in server.postgres().children())]
        url = server.url.replace("http", "ws", 1) + "/live"
        arguments = ["--proto", "y", "--names", str(file), "--header", header, *load]
        return _load(url, processes, *arguments)


def _documents(server: ServerProcess, count: int) -> tuple[list[str], str]:
    """Ids of empty documents that one access token may edit, and the header that carries it."""
    work = workspace(server, 1)
    owner = work.authors[0]
    tree = owner.get(f"/api/v1/processes/{work.process}/tree").json()
    task = tree["items"][0]["children"][0]["children"][0]["id"]
    body = {"kind": "document", "title": "Text", "format": "text"}
    names = [post(owner, f"/api/v1/nodes/{task}/assets", body)["document"] for _ in range(count)]
    return names, f"Authorization: {owner.headers['Authorization']}"


if __name__ == "__main__":
    main()
