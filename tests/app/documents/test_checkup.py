"""Documents that can't be read whole: found, set aside without loss, released; on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import uuid4

import pycrdt
import pytest

from app.database.postgres import Pool
from app.documents.checkup import Checkup
from app.documents.postgres import PostgresDocumentStore, snapshot_digest
from app.eventlog.postgres import PostgresEventLog
from domain.catalogue import EVENTS
from domain.document import Document
from domain.ports import Context
from realtime.ports import Entry
from tests.app.documents.test_postgres import ORIGIN, Writer, sealer, text


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


@pytest.fixture
def checkup(pool: Pool, log: PostgresEventLog) -> Checkup:
    return Checkup(pool, log)


async def created(log: PostgresEventLog) -> Document:
    document = Document.create(id=uuid4(), process=uuid4(), asset=uuid4(), format="text", language="lv")
    await log.append([EVENTS.encode(event, process=None) for event in document.collect_events()], Context())
    return document


async def test_sound_documents(store: PostgresDocumentStore, log: PostgresEventLog, checkup: Checkup) -> None:
    documents = [(await created(log)).id for _ in range(2)]
    writer = Writer(documents[0])
    await store.append(ORIGIN, 0, [writer.type("sealed ")])
    assert await sealer(store, snapshot_bursts=1).seal(documents[0])
    await store.append(ORIGIN, 1, [writer.type("not yet")])
    assert [document async for document in checkup.documents()] == documents
    reports = [await checkup.check(document) for document in documents]
    assert [(r.ok, r.events, r.rows) for r in reports] == [(True, 1, 1), (True, 0, 0)]
    assert reports[0].lines() == [
        f"{documents[0]} ok  1 events, 1 unsealed updates, {reports[0].size} bytes",
    ]
    assert (await checkup.quarantine(documents[0])).ok
    assert await checkup.release(documents[0]) == 0


async def test_a_bad_journal_row(
    store: PostgresDocumentStore, pool: Pool, checkup: Checkup, log: PostgresEventLog
) -> None:
    writer = Writer(uuid4())
    await store.append(ORIGIN, 0, [writer.type("one ")])
    bad = writer.type("lost? ")
    good, bad.update = bad.update, b"\x01\x07 not an update"
    ids = await store.append(ORIGIN, 1, [bad])
    other = Writer(writer.document)
    await store.append(ORIGIN, 2, [other.type("two")])
    assert not await sealer(store).seal(writer.document)

    report = await checkup.check(writer.document)
    assert [(str(piece), reason.split(":")[0]) for piece, reason in report.bad] == [
        (f"journal row {ids[0]}", "unreadable")
    ]
    assert report.lines()[0].split()[1] == "BAD"
    await checkup.quarantine(writer.document)
    assert sorted(await text(store, writer.document)) == sorted("one two")
    assert await sealer(store).seal(writer.document), "sealing passes it over"
    assert sorted(await text(store, writer.document)) == sorted("one two")
    again = await checkup.check(writer.document)
    assert (again.ok, again.aside, again.rows, again.events) == (True, 1, 0, 2)
    assert await pool.fetchval("SELECT count(*) FROM document_updates") == 1, "it is there still"
    assert not await store.unsealed(other.type("").received_at), "and makes nobody try to seal it"

    await pool.execute("UPDATE document_updates SET update = $1", good)  # an upgrade that can read it
    assert await checkup.release(writer.document) == 1
    assert await sealer(store).seal(writer.document)
    assert sorted(await text(store, writer.document)) == sorted("one lost? two")
    assert (await checkup.check(writer.document)).ok


async def test_a_bad_event(
    store: PostgresDocumentStore, pool: Pool, log: PostgresEventLog, checkup: Checkup
) -> None:
    first, second = Writer(uuid4()), Writer(uuid4())
    second.document = first.document
    for i, writer in enumerate((first, second)):
        await store.append(ORIGIN, i, [writer.type(f"{i} ")])
        assert await sealer(store, snapshot_bursts=1).seal(first.document)
    damaged = (await log.read_stream(first.document))[0].position
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("ALTER TABLE events DISABLE TRIGGER events_are_rewritten_only")
        await connection.execute("UPDATE events SET attachment = '\\x0000' WHERE position = $1", damaged)
        await connection.execute("ALTER TABLE events ENABLE TRIGGER events_are_rewritten_only")
    report = await checkup.quarantine(first.document)
    assert [(piece.position, reason) for piece, reason in report.bad] == [
        (damaged, "not the bytes that its digest names")
    ]
    assert report.snapshot, "it was made from other bytes"
    assert await text(store, first.document) == "1 "
    assert (await checkup.check(first.document)).ok
    assert await checkup.release(first.document) == 1


async def test_a_bad_snapshot(store: PostgresDocumentStore, pool: Pool, checkup: Checkup) -> None:
    writer = Writer(uuid4())
    await store.append(ORIGIN, 0, [writer.type("kept")])
    assert await sealer(store, snapshot_bursts=1).seal(writer.document)
    cases = (
        (b"\x07", b"", "not what was written"),
        (b"\x07", None, "unreadable"),
        (pycrdt.Doc().get_update(), None, "not what the events"),
    )
    for state, wrong, said in cases:
        digest = await snapshot_digest(b"\x00", state) if wrong is None else wrong
        await pool.execute(
            "UPDATE document_snapshots SET state = $1, vector = '\\x00', digest = $2", state, digest
        )
        report = await checkup.check(writer.document)
        assert (report.ok, report.bad) == (False, [])
        assert (report.snapshot or "").startswith(said)
        assert "snapshot:" in report.lines()[1]
    await pool.execute("UPDATE document_snapshots SET digest = ''")
    assert await text(store, writer.document) == "kept", "passed over when loading"
    await checkup.quarantine(writer.document)
    assert await pool.fetchval("SELECT count(*) FROM document_snapshots") == 0
    assert await text(store, writer.document) == "kept"
    assert (await checkup.check(writer.document)).ok


async def test_what_leans_on_something_missing(store: PostgresDocumentStore, checkup: Checkup) -> None:
    writer = Writer(uuid4())
    writer.type("never stored ")
    entry = Entry(**{name: getattr(writer.type("x"), name) for name in Entry.__slots__})
    await store.append(ORIGIN, 0, [entry])
    report = await checkup.check(writer.document)
    assert (report.whole, report.ok, report.bad) == (False, False, [])
    assert "not there" in report.lines()[-1]
