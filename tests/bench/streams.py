"""How the event resource does: commit → client with many SSE readers, and catching up.

A server as an operator starts it, on a PostgreSQL of its own; readers are real connections from a process
of their own. Events are appended from here, into the same log. The clock of a delivery starts when the
commit has been acknowledged to whoever appended, and stops when the bytes are in the reader's hands: one
monotonic clock of one machine. `python -m tests.bench.streams [EVENTS]`.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from array import array
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TypeAlias, cast
from uuid import UUID, uuid4

import asyncpg
import httpx
import psutil

from app.database.embedded import EmbeddedPostgres
from app.database.postgres import Pool, connect_pool
from app.eventlog import reading
from app.eventlog.postgres import PostgresEventLog
from domain.plan import Plan
from domain.ports import Context, EventFilter, NewEvent
from domain.registry import dump
from tests.serving import ServerProcess, served
from tests.workspace import post

READERS = ((1, 1), (100, 10), (1_000, 10), (1_000, 1_000))  # connections, and of how many people
DELIVERIES = 100  # events for each number of readers
PAUSE = 0.1  # seconds between them
EVENT = 600  # bytes of one as it is sent, about
HISTORY = 50_000  # events to catch up with
ASSETS = 20
_BATCH = 1_000  # events in one append
AIM = {1_000: "aim p99 < 20"}
MOST = max(people for _, people in READERS)


@dataclass
class Scene:
    """A server with a process, those who may see it (their tokens), and its log."""

    server: ServerProcess
    pool: Pool
    log: PostgresEventLog
    process: UUID
    node: UUID
    assets: list[UUID]
    tokens: list[str]
    versions: dict[UUID, count[int]]

    async def append(self, events: int) -> int:
        """Things are renamed: one in five in the plan, the rest assets. Answers the last position."""
        named: list[NewEvent] = []
        plan = Plan.create_id(self.process)
        for number in range(events):
            if number % 5:
                stream = self.assets[number % len(self.assets)]
                type, payload = "asset.renamed", {"title": f"Survey of what people need, part {number}"}
            else:
                stream, type = plan, "plan.node_renamed"
                payload = {"node": str(self.node), "title": f"Gather what people need from it {number}"}
            version = next(self.versions[stream])
            named.append(NewEvent(stream, type, dump(payload), version, process=self.process))
        return (await self.log.append(named, Context(actor=uuid4()))).last


@asynccontextmanager
async def scene() -> AsyncIterator[Scene]:
    """Everything started; ended with the block."""
    with tempfile.TemporaryDirectory(prefix="interlink-bench-") as directory:
        postgres = EmbeddedPostgres(Path(directory) / "pg")
        url = await asyncio.to_thread(postgres.start)
        try:
            with served(Path(directory) / "data", DATABASE_URL=url) as server:
                pool = await connect_pool(url)
                log = PostgresEventLog(pool)
                await log.start()
                try:
                    yield await _populate(server, pool, log)
                finally:
                    await log.stop()
                    await pool.close()
        finally:
            await asyncio.to_thread(postgres.stop)


async def _populate(server: ServerProcess, pool: Pool, log: PostgresEventLog) -> Scene:
    """A process that several people may see, a task in its plan, and assets there."""
    owner = server.client()
    process = post(owner, "/api/v1/processes", {"title": "Work", "language": "en"})["id"]
    tokens = []
    with httpx.Client(base_url=server.url, timeout=60) as visitor:
        for number in range(MOST):
            body = {"email": f"reader{number}@example.org", "name": f"Reader {number}", "language": "en"}
            signed_in = post(visitor, "/auth/demo", body)
            visitor.cookies.clear()
            tokens.append(signed_in["token"])
            grant = {"grantee": {"person": signed_in["person"]}, "rights": ["view"]}
            post(owner, f"/api/v1/processes/{process}/permissions", grant)
    parent = None
    for kind in ("phase", "objective", "task"):
        body = {"kind": kind, "title": kind, "parent": parent}
        parent = post(owner, f"/api/v1/processes/{process}/nodes", body)["id"]
    assert parent is not None
    link = {"kind": "link", "title": "Survey", "url": "https://example.org"}
    assets = [UUID(post(owner, f"/api/v1/nodes/{parent}/assets", link)["id"]) for _ in range(ASSETS)]
    streams = [Plan.create_id(UUID(process)), *assets]
    versions = {}
    for stream in streams:
        versions[stream] = count(1 + len(await log.read_stream(stream)))
    return Scene(server, pool, log, UUID(process), UUID(parent), assets, tokens, versions)


async def main(history: int = HISTORY) -> None:
    """Measure and print tables."""
    async with scene() as given:
        await _deliveries(given)
        await _settled(given, await given.append(0))
        print()
        await _catching_up(given, history)


# --- commit → client


async def _deliveries(given: Scene) -> None:
    print("Event streams (SSE) of one node: commit to client, in ms")
    print("first: the longest of the first event, of which it has to be found out who may see it")
    print(
        f"{'readers':>8}{'people':>8}{'first':>9}{'p50':>9}{'p99':>9}{'longest':>9}   server's CPU per event"
    )
    for readers, people in READERS:
        server, tokens = psutil.Process(given.server.pid), given.tokens[:people]
        async with _reading(given.server.port, readers, await given.log.head(), tokens) as told:
            before, sent = sum(server.cpu_times()[:2]), {}
            for _ in range(DELIVERIES):
                position = await given.append(1)
                sent[position] = time.monotonic_ns()
                await asyncio.sleep(PAUSE)
            told_after = await told(sent)
        cpu = (sum(server.cpu_times()[:2]) - before) * 1000 / DELIVERIES
        row = f"{readers:>8,}{people:>8,}{_row(told_after)}"
        print(f"{row}  {cpu:>22.2f}", AIM.get(readers, ""), sep="  ")
    readers, _ = max(READERS)
    row = f"{readers:>8,}{'':>8}{_row(await _written(readers))}"
    print(f"{row}  no server, no log: only a write to each connection")


def _row(told_after: Mapping[int, list[float]]) -> str:
    first, *rest = (told_after[position] for position in sorted(told_after))
    latencies = [latency for each in rest for latency in each]
    percentiles = statistics.quantiles(latencies, n=100, method="inclusive")
    return f"{max(first):>9.2f}{percentiles[49]:>9.2f}{percentiles[98]:>9.2f}{max(latencies):>9.2f}"


Told: TypeAlias = Callable[[Mapping[int, int]], Awaitable[dict[int, list[float]]]]
"""Waits for what was sent (position: when, in ns); how long each delivery of it took, in milliseconds."""


@asynccontextmanager
async def _reading(port: int, readers: int, after: int, tokens: Sequence[str]) -> AsyncIterator[Told]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.stream_readers", str(port), str(readers), str(after), *tokens),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"

    async def told(sent: Mapping[int, int]) -> dict[int, list[float]]:
        arrived = array("q", (await process.communicate(b"%d" % (readers * len(sent))))[0])
        pairs = zip(arrived[::2], arrived[1::2], strict=True)
        found: dict[int, list[float]] = {position: [] for position in sent}
        for position, at in pairs:
            if position in sent:
                found[position].append((at - sent[position]) / 1e6)
        assert {len(each) for each in found.values()} == {readers}, "not all events arrived"
        return found

    yield told
    await process.wait()


class _Writer(asyncio.Protocol):
    """A connection of a server that does nothing but write."""

    def __init__(self, connections: list[asyncio.Transport]) -> None:
        self._connections = connections

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._connections.append(self._transport)

    def data_received(self, data: bytes) -> None:
        self._transport.write(b"event: caughtup\n\n")


async def _written(readers: int) -> dict[int, list[float]]:
    """What this machine needs for the system calls alone, with events of the same size."""
    connections: list[asyncio.Transport] = []
    server = await asyncio.get_running_loop().create_server(lambda: _Writer(connections), "127.0.0.1", 0)
    async with _reading(server.sockets[0].getsockname()[1], readers, 0, ["none"]) as told:
        sent = {}
        for position in range(1, DELIVERIES + 1):
            data = b'\nid: %d\ndata: {"specversion"%b' % (position, b" " * EVENT)
            sent[position] = time.monotonic_ns()
            for transport in connections:
                transport.write(data)
            await asyncio.sleep(PAUSE)
        found = await told(sent)
    server.close()
    return found


# --- catching up


async def _catching_up(given: Scene, history: int) -> None:
    began = await given.log.head()
    for _ in range(0, history, _BATCH):
        last = await given.append(_BATCH)
    await _settled(given, last)
    print(f"Catching up with {last - began:,} events of one process, one reader, events/s")
    where = EventFilter(process=given.process)
    for name, measured in {
        "rows out of PostgreSQL (the statement alone)": _rows(given, began, last, where),
        "events out of the log": _events(given, began, last, where),
        "NDJSON over HTTP, pages of 1,000 by Link": _pages(given, began, last),
        "NDJSON over HTTP, limit=all": _all(given, began, last),
    }.items():
        start = time.perf_counter()
        events = await measured
        print(f"{name:<48}{events / (time.perf_counter() - start):>12,.0f}")


async def _settled(given: Scene, position: int) -> None:
    """Once the server's views, too, have what is in the log, so that it has nothing else to do."""
    while True:
        answer = await asyncio.to_thread(
            httpx.get,
            f"{given.server.url}/api/v1/processes/{given.process}",
            headers={"Authorization": f"Bearer {given.tokens[0]}", "If-Position-At-Least": str(position)},
            timeout=120,
        )
        if answer.status_code == 200:
            return


async def _rows(given: Scene, after: int, last: int, where: EventFilter) -> int:
    found = 0
    while after < last:
        statement, arguments = reading.select(after, last + 1, 1_000, where, False)
        rows: list[asyncpg.Record] = await given.pool.fetch(statement, *arguments)
        found, after = found + len(rows), rows[-1]["position"]
    return found


async def _events(given: Scene, after: int, last: int, where: EventFilter) -> int:
    found = 0
    while after < last:
        events = await given.log.read(after=after, before=last + 1, where=where)
        found, after = found + len(events), events[-1].position
    return found


async def _pages(given: Scene, after: int, last: int) -> int:
    path, lines = f"/api/v1/events?after={after}&limit=1000", 0
    async with _client(given) as client:
        while lines < last - after:
            answer = await client.get(path)
            lines += answer.content.count(b"\n")
            path = answer.links["next"]["url"]
    return lines


async def _all(given: Scene, after: int, last: int) -> int:
    lines = 0
    async with (
        _client(given) as client,
        client.stream("GET", f"/api/v1/events?after={after}&limit=all") as answer,
    ):
        async for chunk in answer.aiter_raw():
            lines += chunk.count(b"\n")
    assert lines >= last - after
    return lines


def _client(given: Scene) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {given.tokens[0]}", "Accept": "application/x-ndjson"}
    return httpx.AsyncClient(base_url=given.server.url, headers=headers, timeout=60)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else HISTORY))
