"""What live editing is measured in: each scenario runs against one server and gives figures by column.

Times in ms; `cpu µs`, `cpu ms` are of the server alone, `with db` adds PostgreSQL's; memory in MB, or
KiB for each connection.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench.live_servers import INSTALLED, ROOT, Target
from tests.bench.live_usage import Usage, watched
from tests.nodejs import NODE

Figures = dict[str, Any]
TRACE = ROOT.parent / "shared" / "data" / "traces" / "automerge-paper.json.gz"


class Hangs(Exception):
    """The server let clients wait for ever."""


@dataclass(frozen=True)
class Scenario:
    """`settings` are environment variables for ours where its limits would end what is to be measured."""

    title: str
    measure: Callable[[Target], Figures]
    settings: dict[str, str] = field(default_factory=dict)
    persistent: bool = False


@dataclass(frozen=True)
class Typing:
    """`writers` of the `clients` of each room type `rate` edits/s, each delivered to all others."""

    rooms: int
    clients: int
    writers: int
    rate: int
    seconds: float = 8

    def __call__(self, target: Target) -> Figures:
        names, size = target.rooms(self.rooms), ["--clients", str(self.clients)]
        opening = _load(target, names, "--mode", "join", *size)[0]
        load = ["--writers", str(self.writers), "--rate", str(self.rate), "--secs", str(self.seconds)]
        result, database = _load(target, target.rooms(self.rooms), *size, *load)
        delivered = max(1, result["expected"] - result["lost"])
        cpu = max(0.0, result["cpu_s"] - opening["cpu_s"])  # without what letting them in costs
        return {
            "p50": result["p50"],
            "p99": result["p99"],
            "delivered/s": result["delivered_per_s"],
            "lost": result["lost"],
            "cpu µs/delivery": round(cpu / delivered * 1e6, 1),
            "with db": round((cpu + database.cpu) / delivered * 1e6, 1),
            "db cpu s": round(database.cpu, 2),
            **_memory(result["rss_mb"], database),
        }


@dataclass(frozen=True)
class Joining:
    """`clients` open the paper at once; `cold`: after the server was started anew."""

    clients: int
    cold: bool
    edits: int | None = None  # of the trace; None: all

    def __call__(self, target: Target) -> Figures:
        (name,) = target.rooms(1)
        state = paper(self.edits)
        if target.keeps or not self.cold:
            _node(target, "joins.mjs", "--room", name, "--clients", "0", "--seed", str(state))
        if self.cold and target.keeps:
            time.sleep(target.settles)
            target.restart()
        expect = 0 if self.cold and not target.keeps else state.stat().st_size
        arguments = ["--room", name, "--clients", str(self.clients), "--expect", str(expect)]
        with watched(target.postgres()) as database:
            arguments += [] if self.cold else ["--holder", "1"]
            result = _node(target, "joins.mjs", *arguments, *_pid(target))
        joined = max(1, result["joined"])
        return {
            "p50": result["p50"],
            "p99": result["p99"],
            "joined": result["joined"],
            "hang": result["failed"],
            "cpu ms/join": round(result["cpu_s"] / joined * 1e3, 2),
            "with db": round((result["cpu_s"] + database.cpu) / joined * 1e3, 2),
            **_memory(result["rss_mb"], database),
            "document kB": round(expect / 1000),
        }


@dataclass(frozen=True)
class Idle:
    """Connections that do nothing, by tens in rooms; memory beside that of the server without them."""

    connections: int
    seconds: float = 3

    def __call__(self, target: Target) -> Figures:
        _load(target, target.rooms(1), "--mode", "idle", "--clients", "10", "--secs", "1")  # all is loaded
        names = target.rooms(self.connections // 10)
        before = _resident(target.pid())
        result, database = _load(
            target, names, "--mode", "idle", "--clients", "10", "--secs", str(self.seconds)
        )
        each = (result["rss_mb"] - before) * 1024 / self.connections
        each_in_database = (database.memory - database.memory_before) * 1024 / self.connections
        return {
            "KiB/connection": round(each, 1),
            "with db": round(each + each_in_database, 1),
            "open ms": result["open_ms"],
            "closed": result["closed"],
            "before MB": round(before),
            **_memory(result["rss_mb"], database),
        }


@dataclass(frozen=True)
class SlowReaders:
    """Some readers never read while so much is written; the same without them comes first."""

    readers: int
    megabytes: float

    def __call__(self, target: Target) -> Figures:
        alone = self._write(target, 0)[0]
        result, database = self._write(target, self.readers)
        return {
            "grew MB": result["grew_mb"],
            "without readers": alone["grew_mb"],
            "disconnected": result["ended"],
            "left behind": result["behind"],
            **_memory(result["peak_mb"], database),
        }

    def _write(self, target: Target, readers: int) -> tuple[Figures, Usage]:
        size = ["--readers", str(readers), "--mb", str(self.megabytes)]
        with watched(target.postgres()) as database:
            room = ["--room", target.rooms(1)[0]]
            result = _node(target, "slow_readers.mjs", *room, *size, *_pid(target))
        return result, database


def _memory(server: float, database: Usage) -> Figures:
    """The server's, PostgreSQL's, and both."""
    return {"memory MB": server, "db MB": round(database.memory), "all MB": round(server + database.memory)}


def paper(edits: int | None) -> Path:
    """The document that the paper's trace makes, as one update; made once."""
    file = INSTALLED / f"paper-{edits or 'all'}.bin"
    if not file.exists():
        with gzip.open(TRACE) as trace:
            trace.read(1)  # raises FileNotFoundError here, where it can be understood
        subprocess.run(
            [NODE, "paper.mjs", TRACE, file, *([str(edits)] if edits else [])], cwd=INSTALLED, check=True
        )
    return file


def _load(target: Target, rooms: Sequence[str], *arguments: str) -> tuple[Figures, Usage]:
    """What load.mjs measured, and PostgreSQL's usage meanwhile."""
    names = INSTALLED / "rooms.json"
    names.write_text(json.dumps(list(rooms)))
    extra = ["--names", str(names), *_pid(target), *(["--seq", "1"] if target.one_by_one else [])]
    with watched(target.postgres()) as database:
        return _node(target, "load.mjs", *arguments, *extra), database


def _pid(target: Target) -> list[str]:
    return ["--pid", str(target.pid())]


def _node(target: Target, script: str, *arguments: str) -> Figures:
    """The JSON line that a load generator printed; raises Hangs, RuntimeError."""
    command = [str(NODE), script, target.url, "--proto", target.proto, *target.door, *arguments]
    try:
        done = subprocess.run(
            command, cwd=INSTALLED, capture_output=True, text=True, timeout=150, check=False
        )
    except subprocess.TimeoutExpired:
        raise Hangs from None
    if not done.stdout:
        raise RuntimeError(done.stderr[-2000:])
    result: Figures = json.loads(done.stdout.splitlines()[-1])
    return result


def _resident(pid: int) -> float:
    """MiB, as the load generators count."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


_QUICK = {"LIVE_UPDATE_BYTES_PER_SECOND": "100000000"}  # one writes 30 MB as fast as others can read

SCENARIOS = {
    "room": Scenario("one room of 100, 50 write 40/s each", Typing(1, 100, 50, 40)),
    "rooms": Scenario("300 rooms of 3, 2 write 4/s each", Typing(300, 3, 2, 4)),
    "readers": Scenario("1 writes 50/s to 300 readers", Typing(1, 301, 1, 50)),
    "joins": Scenario("200 open the paper (260,000 edits) at once", Joining(200, cold=False)),
    "cold": Scenario("150 open it at once, cold", Joining(150, cold=True), persistent=True),
    "idle": Scenario("2,000 idle connections", Idle(2000)),
    "slow": Scenario("20 never read while 30 MB is written", SlowReaders(20, 30), _QUICK),
}
TINY = {
    "room": Scenario("one room of 4, 2 write 10/s each", Typing(1, 4, 2, 10, 1)),
    "rooms": Scenario("3 rooms of 3, 2 write 4/s each", Typing(3, 3, 2, 4, 1)),
    "readers": Scenario("1 writes 10/s to 5 readers", Typing(1, 6, 1, 10, 1)),
    "joins": Scenario("5 open 2,000 edits of the paper at once", Joining(5, cold=False, edits=2000)),
    "cold": Scenario("5 open it at once, cold", Joining(5, cold=True, edits=2000), persistent=True),
    "idle": Scenario("20 idle connections", Idle(20, 1)),
    "slow": Scenario("2 never read while 1 MB is written", SlowReaders(2, 1), _QUICK),
}
