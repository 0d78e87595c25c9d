"""What nodes ask the store to keep up with each other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest

from app.database.postgres import Pool
from app.documents.postgres import PostgresDocumentStore
from app.eventlog.postgres import PostgresEventLog
from realtime.limits import Limits
from realtime.metrics import Metrics
from realtime.sealer import Sealer
from tests.app.documents.test_postgres import Writer


@pytest.fixture
async def store(pool: Pool) -> AsyncIterator[PostgresDocumentStore]:
    log = PostgresEventLog(pool)
    await log.start()
    store = PostgresDocumentStore(pool, log)
    yield store
    await store.close()
    await log.stop()


async def seal(store: PostgresDocumentStore, document: UUID, through: dict[UUID, int] | None = None) -> None:
    assert await Sealer(store, Limits(), Metrics()).seal(document, through)


async def test_rows_of_other_nodes_after_those_known(store: PostgresDocumentStore) -> None:
    here, there, third = uuid4(), uuid4(), uuid4()
    writer = Writer(uuid4())
    document = writer.document
    await store.append(here, 0, [writer.type("mine ")])
    one, two = await store.append(there, 0, [writer.type("a "), writer.type("b ")])
    (three,) = await store.append(third, 0, [writer.type("c ")])
    assert one is not None
    assert two is not None
    everything = await store.since(document, 0, {}, but=here)
    assert len(everything.updates) == 3
    assert everything.rows == {there: two, third: three}
    assert everything.head == 0
    assert {person for person, _ in everything.updates} == {writer.person}
    some = await store.since(document, 0, {there: one, here: 0}, but=here)
    assert [update for _, update in some.updates] == [update for _, update in everything.updates[1:]]
    assert not (await store.since(document, 0, everything.rows, but=here)).updates
    assert not (await store.since(uuid4(), 0, {}, but=here)).updates


async def test_what_was_sealed_meanwhile(store: PostgresDocumentStore) -> None:
    there = uuid4()
    writer, other = Writer(uuid4()), Writer(uuid4())
    document = writer.document
    await store.append(there, 0, [writer.type("one "), other.type("elsewhere")])
    await seal(store, document)
    first = await store.since(document, 0, {}, but=uuid4())
    assert len(first.updates) == 1
    assert first.rows == {}
    await store.append(there, 2, [writer.type("two ")])
    await seal(store, document)
    second = await store.since(document, first.head, {}, but=uuid4())
    assert len(second.updates) == 1
    assert second.head > first.head
    assert not (await store.since(document, second.head, {}, but=uuid4())).updates


async def test_where_something_is_new(store: PostgresDocumentStore) -> None:
    here, there = uuid4(), uuid4()
    writers = [Writer(uuid4()) for _ in range(3)]
    documents = [writer.document for writer in writers]
    await store.append(here, 0, [writers[0].type("mine")])
    rows = await store.append(there, 0, [writers[1].type("x"), writers[2].type("y"), writers[2].type("z")])
    start = await store.ends(documents, 0, but=here)
    assert start.rows == {documents[1]: {there: rows[1 - 1]}, documents[2]: {there: rows[2]}}
    assert start.bursts == {}
    await seal(store, documents[2])
    sealed = await store.ends(documents, start.position, but=here)
    assert set(sealed.bursts) == {documents[2]}
    assert start.position < sealed.bursts[documents[2]] <= sealed.position
    assert set(sealed.rows) == {documents[1]}
    later = await store.ends(documents, sealed.position, but=here)
    assert (later.bursts, later.position) == ({}, sealed.position)
    assert (await store.ends(documents[:2], 0, but=here)).bursts == {}, "only of those asked for"


async def test_after_a_refused_claim_nothing_of_that_document_is_stored(store: PostgresDocumentStore) -> None:
    """The second update of somebody who lost a client id to another node's writer must not get in."""
    first, second, elsewhere = Writer(uuid4()), Writer(uuid4()), Writer(uuid4())
    won = first.type("first")
    lost = second.type("second")
    lost.document, lost.claims = won.document, won.claims
    more = second.type(" and more")
    more.document = won.document
    aside = elsewhere.type("elsewhere")
    await store.append(uuid4(), 0, [won])
    answers = await store.append(uuid4(), 0, [lost, more, aside])
    assert answers[:2] == [None, None]
    assert answers[2] is not None
    assert len((await store.load(won.document)).rows) == 1
