"""How fast webhooks are, through a whole server to a receiver of its own: `python -m tests.bench.webhooks`.

Deliveries are counted at the receiver, from the first to the last, while a backlog of events is found,
leased, authorised, signed, sent, answered and acknowledged. Latency is from the moment that an event's
transaction was recorded to its receipt, on an otherwise idle server.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import socket
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, cast
from uuid import UUID, uuid4

import httpx
import uvloop

from app.database.embedded import EmbeddedPostgres
from app.database.postgres import connect_pool
from app.eventlog.postgres import PostgresEventLog
from app.repository import Repository
from domain.plan import Plan
from domain.ports import Context
from tests.serving import ServerProcess, served
from tests.workspace import post

PROCESSES = 20
EVENTS = 100  # of each process
OWNERS = 20
SINGLE = 250  # events, one at a time, for the latency
PACE = 0.02  # seconds between these
LOOK = 3.0  # seconds between looks at the receiver, which cost it time
PATIENCE = 60.0  # seconds without anything received
_APPEND = 100  # events in one append


class _Receiving(asyncio.Protocol):
    """Answers 204 to whatever it is sent, and remembers when that was. GET tells, and forgets."""

    received: ClassVar[list[tuple[float, bytes]]] = []

    def __init__(self) -> None:
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].lower()
            length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
            if len(self._buffer) < end + 4 + length:
                return
            body, self._buffer = self._buffer[end + 4 : end + 4 + length], self._buffer[end + 4 + length :]
            self._answer(head, body)

    def _answer(self, head: bytes, body: bytes) -> None:
        if not head.startswith(b"get "):
            self.received.append((time.time(), body))
            self._transport.write(b"HTTP/1.1 204 No Content\r\n\r\n")
            return
        told = json.dumps([[at, _events(one)] for at, one in self.received]).encode()
        if head.startswith(b"get /forget"):
            self.received.clear()
        self._transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(told), told))


def _events(body: bytes) -> list[str]:
    """When each event of a message was recorded."""
    found = json.loads(body)
    return [event["time"] for event in (found if isinstance(found, list) else [found])]


def _receive(port: int) -> None:
    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(_Receiving, "127.0.0.1", port)
        await server.serve_forever()

    uvloop.run(serve())


@contextmanager
def receiver() -> Iterator[str]:
    """The URL of a receiver in a process of its own."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = multiprocessing.get_context("spawn").Process(target=_receive, args=(port,), daemon=True)
    process.start()
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.join()


def main() -> None:
    """Measure and print a table."""
    with tempfile.TemporaryDirectory(prefix="interlink-bench-") as directory:
        database = EmbeddedPostgres(Path(directory) / "pg")
        url = database.start()
        settings = {"DATABASE_URL": url, "WEBHOOK_ALLOW_PRIVATE": "1", "LOG_LEVEL": "error"}
        try:
            with served(Path(directory) / "data", **settings) as server, receiver() as at:
                _measure(server, url, at)
        finally:
            database.stop()


def _measure(server: ServerProcess, database: str, receiver: str) -> None:
    owners = [server.client(f"owner{n}@example.org", f"Owner {n}") for n in range(OWNERS)]
    processes = [_a_process(owners) for _ in range(PROCESSES)]
    asyncio.run(_fill(database, processes))
    print(f"Webhooks, {PROCESSES} processes with {EVENTS} events each, from the log to one receiver")
    for told, count, batch in (
        ("1 webhook, single events", 1, 1),
        ("1 webhook, batches of 100", 1, 100),
        (f"{OWNERS} webhooks of {OWNERS} owners, single events", OWNERS, 1),
        (f"{OWNERS} webhooks of {OWNERS} owners, batches of 100", OWNERS, 100),
    ):
        rate = _backlog(owners[:count], processes, receiver, batch)
        print(f"{told:<48}{rate:>8,.0f} events/s")
    latencies = sorted(_live(owners[0], processes[0], receiver))
    p99 = latencies[int(len(latencies) * 0.99)]
    print(f"commit to receipt: p50 {statistics.median(latencies):.1f} ms, p99 {p99:.1f} ms")


def _a_process(owners: list[httpx.Client]) -> str:
    """One that all of them may view."""
    process: str = post(owners[0], "/api/v1/processes", {"title": "Work", "language": "en"})["id"]
    for owner in owners[1:]:
        grantee = {"person": owner.get("/api/v1/me").json()["person"]}
        body = {"grantee": grantee, "rights": ["view"]}
        post(owners[0], f"/api/v1/processes/{process}/permissions", body)
    return process


async def _fill(database: str, processes: list[str]) -> None:
    """Let much have happened in each of them, by turns."""
    pool = await connect_pool(database)
    log = PostgresEventLog(pool)
    await log.start()
    repository = Repository(log)
    for _ in range(EVENTS // _APPEND):
        for process in map(UUID, processes):
            plan = await repository.load(Plan, Plan.create_id(process))
            for _ in range(_APPEND):
                plan.add(node=uuid4(), kind="phase", title="Something happened", parent=None)
            await repository.save(Context(), plan, process=process)
    await log.stop()
    await pool.close()


def _subscribe(owner: httpx.Client, receiver: str, batch: int, start: str) -> str:
    body: dict[str, Any] = {
        "kind": "webhook",
        "name": "Bench",
        "url": receiver,
        "batch": batch,
        "start": start,
    }
    body["filter"] = [{"prefix": {"type": "plan."}}]
    id: str = post(owner, "/api/v1/subscriptions", body)["id"]
    return id


def _backlog(owners: list[httpx.Client], processes: list[str], receiver: str, batch: int) -> float:
    """Events per second, from the first receipt to the last."""
    wanted = len(owners) * len(processes) * EVENTS
    ids = [_subscribe(owner, receiver, batch, "beginning") for owner in owners]
    found = _wait(receiver, wanted)
    for owner, id in zip(owners, ids, strict=True):
        owner.delete(f"/api/v1/subscriptions/{id}").raise_for_status()
    return sum(len(events) for _, events in found[1:]) / (found[-1][0] - found[0][0])


def _live(owner: httpx.Client, process: str, receiver: str) -> Iterator[float]:
    """Milliseconds from each event's record to its receipt."""
    id = _subscribe(owner, receiver, 1, "now")
    for _ in range(SINGLE):
        post(owner, f"/api/v1/processes/{process}/nodes", {"kind": "phase", "title": "Something happens"})
        time.sleep(PACE)
    for at, [recorded] in _wait(receiver, SINGLE):
        yield (at - datetime.fromisoformat(recorded).timestamp()) * 1000
    owner.delete(f"/api/v1/subscriptions/{id}").raise_for_status()


def _wait(receiver: str, wanted: int) -> list[tuple[float, list[str]]]:
    """What was received, once that is so many events; the receiver then forgets it."""
    count, grown = 0, time.monotonic()
    while count < wanted:
        time.sleep(LOOK)
        before = count
        count = sum(len(events) for _, events in httpx.get(f"{receiver}/", timeout=60).json())
        if count > before:
            grown = time.monotonic()
        elif time.monotonic() - grown > PATIENCE:
            raise RuntimeError(f"{count:,} of {wanted:,} events came, and then no more")
    found: list[tuple[float, list[str]]] = httpx.get(f"{receiver}/forget", timeout=60).json()
    return found


if __name__ == "__main__":
    main()
