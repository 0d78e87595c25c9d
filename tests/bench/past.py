"""How long looking back takes as a history grows, on a server of its own: `python -m tests.bench.past`.

One plan is renamed over and over; one document of some 2,000 characters is written and rewritten by four
people. For each length: the first look at the end, which replays all of it and keeps states, then looks at
random positions. Each length has a process of its own, in a log that all share.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pycrdt

from app.database.embedded import EmbeddedPostgres
from app.database.migrate import migrate
from app.database.postgres import Pool, connect_pool
from app.documents.postgres import PostgresDocumentStore
from app.documents.states import DocumentStates
from app.eventlog.postgres import PostgresEventLog
from app.past import Past
from domain.document import Document
from domain.ports import EventLog
from projections import plan
from realtime.history.history import History
from tests.projections.coproduction import Coproduction

EVENTS = (100, 1_000, 10_000, 100_000)
BURSTS = (100, 1_000, 10_000)
LOOKS = 50
_APPEND = 500  # events in one append
_TEXT = 2_000  # characters that a document stays at
_TYPED = "the quick brown fox "  # what one burst adds
_SESSION = 500  # bursts that a browser tab lives
_STAY = 100  # bursts until everybody goes elsewhere in the text

Look = Callable[[int], Awaitable[object]]


async def main(most: int = max(EVENTS)) -> None:
    """Measure histories up to a length and print a table; times in milliseconds."""
    print(f"as of a moment       length     first       p50       p95  ({LOOKS} random moments, ms)")
    async with _database() as pool:
        log = PostgresEventLog(pool)
        await log.start()
        past, store = Past(pool, log), PostgresDocumentStore(pool, log)
        history = History(store, DocumentStates(pool))
        for length in (each for each in EVENTS if each <= most):
            process, stream, positions = await _plan(log, length)

            async def aggregate(at: int, stream: UUID = stream) -> None:
                await past.aggregates.at(stream, at)

            async def view(at: int, process: UUID = process) -> None:
                async with past.views.at(process, at, plan.VIEW) as then:
                    await plan.tree(then, process)

            await _measure("aggregate", length, positions, aggregate)
            await _measure("view", length, positions, view)
        for length in (each for each in BURSTS if each <= most):
            document, positions = await _document(log, length)

            async def text(at: int, document: UUID = document) -> None:
                await history.state(document, at)

            await _measure("document", length, positions, text)
            size = len(await history.state(document, positions[-1]))
            print(f"{'':18} its state takes {size:,} bytes")
        await log.stop()


@asynccontextmanager
async def _database() -> AsyncIterator[Pool]:
    with tempfile.TemporaryDirectory(prefix="interlink-bench-") as directory:
        server = EmbeddedPostgres(Path(directory) / "pg")
        url = await asyncio.to_thread(server.start)
        try:
            await migrate(url)
            pool = await connect_pool(url)
            yield pool
            await pool.close()
        finally:
            await asyncio.to_thread(server.stop)


async def _measure(what: str, length: int, positions: range, look: Look) -> None:
    first = await _timed(look, positions[-1])
    times = [await _timed(look, at) for at in random.Random(1).choices(positions, k=LOOKS)]
    p95 = statistics.quantiles(times, n=20)[-1]
    print(f"{what:18} {length:8,} {first:9.1f} {statistics.median(times):9.1f} {p95:9.1f}", flush=True)


async def _timed(look: Look, position: int) -> float:
    began = time.perf_counter()
    await look(position)
    return (time.perf_counter() - began) * 1000


async def _plan(log: EventLog, length: int) -> tuple[UUID, UUID, range]:
    """A process whose plan has so many events, and where they stand."""
    story = Coproduction(log, seed=length)
    process = (await story.start()).id
    kept, node, head = story.plans[process], story.id(), await log.head()
    kept.add(node=node, kind="phase", title="A", parent=None)
    for at in range(1, length):
        kept.rename(node, f"Title {at}")
        if at % _APPEND == 0:
            await story.append(process, kept)
    await story.append(process, kept)
    return process, kept.id, range(head + 1, head + length + 1)


async def _document(log: EventLog, length: int) -> tuple[UUID, range]:
    """A document with so many bursts, and where they stand."""
    story = Coproduction(log, seed=length + 1)
    process, head = (await story.start()).id, await log.head() + 1
    document = Document.create(id=story.id(), process=process, asset=story.id(), format="text", language="lv")
    writing = _Writing(random.Random(length))
    for at in range(length):
        now = datetime.now(UTC)
        facts = {"began": now, "ended": now, "edits": 20, "inserted": 20, "deleted": 20}
        document.trigger_event(Document.Edited, **facts, update=writing.burst(at))
        if at % _APPEND == 0:
            await story.append(process, document)
    await story.append(process, document)
    return document.id, range(head + 1, head + length + 1)


class _Writing:
    """Four people who write in turn, a burst each, and take back as much as they add once there is enough.

    Each stays at a place for a while.
    """

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._docs = [self._tab(b"\x00\x00") for _ in range(4)]
        self._places = [0.0] * 4  # shares of the text

    def burst(self, number: int) -> bytes:
        who = number % 4
        if number % _SESSION < 4 <= number:
            self._docs[who] = self._tab(self._docs[who].get_update())
        if number % _STAY < 4:
            self._places[who] = self._chance.random()
        update = self._edit(self._docs[who], self._places[who])
        for other in self._docs:
            other.apply_update(update)
        return update

    def _edit(self, doc: pycrdt.Doc[Any], place: float) -> bytes:
        made: list[bytes] = []
        watch, text = (
            doc.observe(lambda event: made.append(event.update)),
            doc.get("content", type=pycrdt.Text),
        )
        with doc.transaction():
            text.insert(int(place * len(text)), _TYPED)
            if len(text) > _TEXT:
                start = int((1 - place) * (len(text) - len(_TYPED)))
                del text[start : start + len(_TYPED)]
        doc.unobserve(watch)
        return made[0]

    def _tab(self, state: bytes) -> pycrdt.Doc[Any]:
        doc: pycrdt.Doc[Any] = pycrdt.Doc(client_id=self._chance.getrandbits(32))
        doc.apply_update(state)
        return doc


if __name__ == "__main__":
    asyncio.run(main(*map(int, sys.argv[1:])))
