"""How long a document takes to open that has a long past: `python -m tests.bench loading`.

Two documents that end in texts of the same size, one made by 1,000 edits and one by 1,000,000, each
opened cold: a new hub, nothing but PostgreSQL to read from, until a newcomer has been sent all of it.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path
from uuid import UUID, uuid4

from app.database.embedded import EmbeddedPostgres
from app.database.migrate import migrate
from app.database.postgres import Pool, connect_pool
from app.documents.postgres import PostgresDocumentStore
from app.eventlog.postgres import PostgresEventLog
from realtime import protocol
from realtime.hub import Hub
from realtime.limits import Limits
from realtime.metrics import Metrics
from realtime.ports import DocumentStore
from realtime.sealer import Sealer
from tests.bench.histories import History, write
from tests.realtime.peers import Pipe, admission

PAIRS = {
    "typed": (History(1_000, 1_000_000, adds=1_000, burst=20), History(1_000_000, 1_000_000)),
    "typed and half of it deleted": (
        History(1_000, 100_000, adds=1_000, burst=20),
        History(1_000_000, 100_000),
    ),
}
ROUNDS = 15
AIM = 3.0


async def main() -> None:
    """Measure and print a table."""
    with tempfile.TemporaryDirectory(prefix="interlink-bench-") as directory:
        server = EmbeddedPostgres(Path(directory) / "pg")
        url = await asyncio.to_thread(server.start)
        try:
            await migrate(url)
            pool = await connect_pool(url)
            try:
                await _compare(pool)
            finally:
                await pool.close()
        finally:
            await asyncio.to_thread(server.stop)


async def _compare(pool: Pool) -> None:
    log = PostgresEventLog(pool)
    await log.start()
    store = PostgresDocumentStore(pool, log)
    print(f"{'opening a cold document':<32}{'1,000 edits':>14}{'1,000,000':>14}{'ratio':>8}")
    try:
        for name, histories in PAIRS.items():
            documents = [await _written(history, store) for history in histories]
            await pool.execute("VACUUM ANALYZE")
            times: list[list[float]] = [[], []]
            for _ in range(ROUNDS):  # in turns: whatever else the machine does, it does to both
                for taken, document in zip(times, documents, strict=True):
                    taken.append(await opening(store, document))
            few, many = (statistics.median(taken) for taken in times)
            row = f"{name:<32}{few * 1000:>11.1f} ms{many * 1000:>11.1f} ms{many / few:>8.2f}"
            print(f"{row}  aim < {AIM:.0f}", flush=True)
    finally:
        await store.close()
        await log.stop()


async def _written(history: History, store: DocumentStore) -> UUID:
    document, started = uuid4(), time.perf_counter()
    text = await write(history, store, Sealer(store, Limits(), Metrics()), document)
    assert len(text) == history.size
    spent = time.perf_counter() - started
    sizes = f"{history.edits:,} edits, {history.size:,} characters"
    print(f"  {sizes}: written in {spent:.0f} s", file=sys.stderr)
    return document


async def opening(store: DocumentStore, document: UUID) -> float:
    """Seconds from a client's connecting until all of a cold document has been sent to it."""
    hub = Hub(store)
    pipe = Pipe()
    sent = asyncio.Event()

    def arrived(frame: bytes) -> None:
        if frame[:2] == b"\x00\x01":
            sent.set()

    pipe.arrived = arrived
    pipe.inbound.put_nowait(protocol.step1(b"\x00"))
    started = time.perf_counter()
    serving = asyncio.create_task(hub.serve(pipe, admission(document)))
    await sent.wait()
    spent = time.perf_counter() - started
    pipe.inbound.put_nowait(None)
    await serving
    return spent
