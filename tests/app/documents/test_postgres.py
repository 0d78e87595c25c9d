"""The document store on a real PostgreSQL and the real event log."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pycrdt
import pytest

from app.database.postgres import Pool, connect_pool
from app.documents.postgres import PostgresDocumentStore
from app.eventlog.postgres import PostgresEventLog
from domain.catalogue import EVENTS
from domain.document import Document
from domain.ports import Context
from realtime.limits import Limits
from realtime.metrics import Metrics
from realtime.ports import Entry, Moved
from realtime.replay import committed_replica
from realtime.sealer import Sealer, to_bursts

ORIGIN = uuid4()


@pytest.fixture
async def log(pool: Pool) -> AsyncIterator[PostgresEventLog]:
    log = PostgresEventLog(pool)
    await log.start()
    yield log
    await log.stop()


@pytest.fixture
async def store(pool: Pool, log: PostgresEventLog) -> AsyncIterator[PostgresDocumentStore]:
    store = PostgresDocumentStore(pool, log)
    yield store
    await store.close()


class Writer:
    """Types into a document of its own and makes journal entries of it."""

    def __init__(self, document: UUID, person: UUID | None = None) -> None:
        self.document, self.person = document, person or uuid4()
        self.doc: pycrdt.Doc[Any] = pycrdt.Doc()
        self.text = self.doc.get("content", type=pycrdt.Text)
        self._claimed = False

    def type(self, text: str) -> Entry:
        before = self.doc.get_state()
        self.text += text
        claims = () if self._claimed else (self.doc.client_id,)
        self._claimed = True
        now = datetime.now(UTC)
        update = self.doc.get_update(before)
        return Entry(self.document, self.person, uuid4(), now, update, len(text), 0, claims)


async def text(store: PostgresDocumentStore, document: UUID) -> str:
    replica = await committed_replica(await store.load(document))
    doc: pycrdt.Doc[Any] = pycrdt.Doc()
    doc.apply_update(replica.state())
    return str(doc.get("content", type=pycrdt.Text))


def sealer(store: PostgresDocumentStore, **limits: int) -> Sealer:
    return Sealer(store, Limits(**limits), Metrics())  # type: ignore[arg-type]


async def test_what_is_appended_is_loaded(store: PostgresDocumentStore) -> None:
    writer = Writer(uuid4())
    first = await store.append(ORIGIN, 0, [writer.type("one "), writer.type("two ")])
    second = await store.append(ORIGIN, 2, [writer.type("three")])
    ids = [*first, *second]
    assert ids == sorted(ids, key=lambda row: row or 0)
    stored = await store.load(writer.document)
    assert stored.clients == {writer.doc.client_id: writer.person}
    assert [row.id for row in stored.rows] == ids
    assert await text(store, writer.document) == "one two three"


async def test_sealing_makes_one_event_for_each_author(
    store: PostgresDocumentStore, log: PostgresEventLog
) -> None:
    document, process = uuid4(), uuid4()
    created = Document.create(id=document, process=process, asset=uuid4(), format="text", language="lv")
    events = [EVENTS.encode(event, process=process) for event in created.collect_events()]
    await log.append(events, Context())
    ilze, anna = Writer(document), Writer(document)
    await store.append(ORIGIN, 0, [ilze.type("a"), anna.type("bb"), ilze.type("c")])
    assert await sealer(store).seal(document)
    sealed = await log.read_stream(document, after=1)
    assert [(event.actor, event.process, event.version) for event in sealed] == [
        (ilze.person, process, 2),
        (anna.person, process, 3),
    ]
    first = EVENTS.decode(sealed[0])
    assert isinstance(first, Document.Edited)
    assert (first.edits, first.inserted, first.deleted) == (2, 2, 0)  # type: ignore[attr-defined]
    stored = await store.load(document)
    assert not stored.rows
    assert sorted(await text(store, document)) == sorted("abbc")
    assert await sealer(store).seal(document), "nothing left to seal is fine"
    assert len(await log.read_stream(document)) == 3


async def test_sealing_up_to_a_row(store: PostgresDocumentStore) -> None:
    document = uuid4()
    ilze, anna = Writer(document), Writer(document)
    ids = await store.append(ORIGIN, 0, [ilze.type("a"), anna.type("b"), ilze.type("c")])
    assert ids[0] is not None
    assert await sealer(store).seal(document, {ilze.person: ids[0]})
    stored = await store.load(document)
    assert [row.id for row in stored.rows] == ids[1:]
    assert len(stored.bursts) == 1


async def test_two_that_seal_at_once_double_nothing(
    store: PostgresDocumentStore, log: PostgresEventLog
) -> None:
    writer = Writer(uuid4())
    await store.append(ORIGIN, 0, [writer.type(word) for word in "abcd"])
    async with store.sealing(writer.document, None) as rows:
        assert rows is not None
        bursts = await to_bursts(rows)
        async with store.sealing(writer.document, None) as other:
            assert other is None, "the lock is held"
    await store.seal(writer.document, bursts)
    await store.seal(writer.document, bursts)  # the answer was lost: the same again
    assert len(await log.read_stream(writer.document)) == 1
    part = bursts[0].rows[:2]
    stale = type(bursts[0])(writer.person, bursts[0].began, bursts[0].ended, 2, 2, 0, bursts[0].update, part)
    with pytest.raises(Moved):
        await store.seal(writer.document, [stale])
    assert len(await log.read_stream(writer.document)) == 1


async def test_a_crash_between_sealing_two_authors(store: PostgresDocumentStore) -> None:
    document = uuid4()
    ilze, anna = Writer(document), Writer(document)
    first = ilze.type("from Ilze. ")
    anna.doc.apply_update(ilze.doc.get_update())
    second = anna.type("from Anna, after Ilze. ")
    ilze.doc.apply_update(anna.doc.get_update())
    third = ilze.type("from Ilze, after Anna.")
    await store.append(ORIGIN, 0, [first, second, third])
    async with store.sealing(document, None) as rows:
        assert rows is not None
        bursts = await to_bursts(rows)
    await store.seal(document, bursts[:1])  # Ilze's alone, which leans on Anna's
    assert not await sealer(store).snapshot(document), "what is sealed does not stand on its own"
    assert await text(store, document) == "from Ilze. from Anna, after Ilze. from Ilze, after Anna."
    assert await sealer(store).seal(document)
    assert await text(store, document) == "from Ilze. from Anna, after Ilze. from Ilze, after Anna."


async def test_snapshots_keep_loading_short(store: PostgresDocumentStore, pool: Pool) -> None:
    writer = Writer(uuid4())
    work = sealer(store, snapshot_bursts=3)
    expected = ""
    for i in range(8):
        await store.append(ORIGIN, i, [writer.type(f"{i} ")])
        expected += f"{i} "
        assert await work.seal(writer.document)
        stored = await store.load(writer.document)
        assert len(stored.bursts) < 3
        assert await text(store, writer.document) == expected
    assert await pool.fetchval("SELECT count(*) FROM document_snapshots") == 1
    await pool.execute("DELETE FROM document_snapshots")
    assert await text(store, writer.document) == expected, "a snapshot is a cache"


async def test_orphans_are_found(store: PostgresDocumentStore) -> None:
    writer = Writer(uuid4())
    await store.append(ORIGIN, 0, [writer.type("x")])
    now = datetime.now(UTC)
    assert await store.unsealed(now + timedelta(seconds=1)) == [writer.document]
    assert not await store.unsealed(now - timedelta(seconds=60))


async def test_a_pool_can_close_after_the_store(database: str) -> None:
    pool = await connect_pool(database)
    log = PostgresEventLog(pool)
    await log.start()
    store = PostgresDocumentStore(pool, log)
    await store.append(ORIGIN, 0, [Writer(uuid4()).type("x")])
    await store.close()
    await log.stop()
    async with asyncio.timeout(60):
        await pool.close()
