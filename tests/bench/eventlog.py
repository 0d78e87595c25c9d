"""Appends per second, ours beside the eventsourcing library's own PostgreSQL recorder.

Both on one embedded server of their own, in turns, in one run: `python -m tests.bench.eventlog`. Each
writer appends one event, waits until it is durable, and appends the next to the same stream. Ours are
tasks of one process on uvloop, as served; the library's are threads. The library runs in its default
way and with its database functions switched on (`enable_db_functions`). Ours stores and proves more:
metadata, salted leaf hash, Merkle frontier.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import asyncpg
import uvloop
from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore

from app.database.embedded import EmbeddedPostgres
from app.database.migrate import migrate
from app.database.postgres import connect_pool
from app.eventlog.postgres import PostgresEventLog
from domain.ports import Context, NewEvent

WRITERS = (1, 16, 128)
ROUNDS = 3
SECONDS = 2.0  # of each round
LIBRARY_CONNECTIONS = 16
TYPE = "plan.node_renamed"
PAYLOAD = (
    b'{"node":"0b0c6f4e-6a43-4f0a-9a57-1f8c5b1f3c55","title":"Gather what people need from the service"}'
)
AIM = {16: "aim 6x the default", 128: "aim 25,000/s"}


async def main() -> None:
    """Measure and print a table."""
    with tempfile.TemporaryDirectory(prefix="interlink-bench-") as directory:
        server = EmbeddedPostgres(Path(directory) / "pg")
        url = await asyncio.to_thread(server.start)
        try:
            print("Event log, single-event appends, each awaited until durable")
            print(f"{'writers':>8}{'ours/s':>10}{'library/s':>11}{'ratio':>7}{'functions/s':>13}{'ratio':>7}")
            for writers in WRITERS:
                ours, library, functions = await _compare(url, writers)
                row = f"{writers:>8}{ours:>10,.0f}{library:>11,.0f}{ours / library:>7.1f}"
                print(f"{row}{functions:>13,.0f}{ours / functions:>7.1f}", AIM.get(writers, ""), sep="  ")
        finally:
            await asyncio.to_thread(server.stop)


async def _compare(url: str, writers: int) -> list[float]:
    """The best rounds of ours, the library, and the library with its functions, in appends/s."""
    ways = (_ours, partial(_library, functions=False), partial(_library, functions=True))
    best = [0.0] * len(ways)
    for _ in range(ROUNDS):
        for place, way in enumerate(ways):
            best[place] = max(best[place], await _on_fresh_database(url, way, writers))
    return best


async def _on_fresh_database(url: str, measure: Callable[[str, int], float], writers: int) -> float:
    name = f"bench_{uuid4().hex}"
    admin = await asyncpg.connect(url)
    await admin.execute(f"CREATE DATABASE {name}")
    fresh = urlsplit(url)._replace(path=f"/{name}").geturl()
    try:
        await migrate(fresh)
        return await asyncio.to_thread(measure, fresh, writers)
    finally:
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await admin.close()


def _ours(url: str, writers: int) -> float:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_append(url, writers))


async def _append(url: str, writers: int) -> float:
    pool = await connect_pool(url)
    log = PostgresEventLog(pool)
    await log.start()
    began = time.perf_counter()
    counts = await asyncio.gather(*(_write(log, began + SECONDS) for _ in range(writers)))
    took = time.perf_counter() - began
    assert await log.head() == sum(counts)
    await log.stop()
    await pool.close()
    return sum(counts) / took


async def _write(log: PostgresEventLog, end: float) -> int:
    stream, process, actor, version = uuid4(), uuid4(), uuid4(), 0
    while time.perf_counter() < end:
        version += 1
        event = NewEvent(stream, TYPE, PAYLOAD, version=version, process=process)
        await log.append([event], Context(actor=actor))
    return version


def _library(url: str, writers: int, *, functions: bool) -> float:
    address = urlsplit(url)
    with PostgresDatastore(
        dbname=address.path[1:],
        host=parse_qs(address.query)["host"][0],
        port=address.port or 5432,
        user=address.username or "",
        password="",
        pool_size=min(writers, LIBRARY_CONNECTIONS),
        enable_db_functions=functions,
    ) as datastore:
        recorder = PostgresApplicationRecorder(datastore)
        recorder.create_table()
        with ThreadPoolExecutor(writers) as threads:
            began = time.perf_counter()
            counts = list(threads.map(lambda _: _record(recorder, began + SECONDS), range(writers)))
            took = time.perf_counter() - began
        assert recorder.max_notification_id() == sum(counts)
    return sum(counts) / took


def _record(recorder: PostgresApplicationRecorder, end: float) -> int:
    stream, version = uuid4(), 0
    while time.perf_counter() < end:
        version += 1
        recorder.insert_events([StoredEvent(stream, version, TYPE, PAYLOAD)])
    return version


if __name__ == "__main__":
    asyncio.run(main())
