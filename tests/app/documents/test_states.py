"""Kept states of documents: what is read from them, and when they go; on a real PostgreSQL."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest

from app.database.postgres import Pool
from app.documents.checkup import Checkup
from app.documents.postgres import PostgresDocumentStore
from app.documents.states import KIND, DocumentStates
from app.eventlog.postgres import PostgresEventLog
from realtime import crdt
from realtime.history.states import PastState, PastStates
from realtime.limits import Limits
from realtime.metrics import Metrics
from realtime.sealer import Sealer
from tests.app.documents.test_loading import CountingLog
from tests.app.documents.test_redaction import QUICK, SECRET, erase, sealed, together, write
from tests.bench import histories
from tests.interop.live_server import colleague, live_system, place

EVERY = 10
BURSTS = 60


@pytest.fixture
async def log(pool: Pool) -> AsyncIterator[CountingLog]:
    log = CountingLog(pool)
    await log.start()
    yield log
    await log.stop()


@pytest.fixture
async def store(pool: Pool, log: PostgresEventLog) -> AsyncIterator[PostgresDocumentStore]:
    store = PostgresDocumentStore(pool, log)
    yield store
    await store.close()


@pytest.fixture
async def document(store: PostgresDocumentStore) -> UUID:
    """One with 60 bursts, at positions of their own in the log."""
    document, other = uuid4(), uuid4()
    sealer = Sealer(store, Limits(), Metrics())
    history = histories.History(BURSTS, 30, adds=3, burst=1)
    await histories.write(histories.History(20, 20, burst=1), store, sealer, other)
    await histories.write(history, store, sealer, document)
    return document


async def moments(pool: Pool, document: UUID) -> list[int]:
    rows = await pool.fetch(
        "SELECT position FROM past_states WHERE thing = $1 AND kind = $2 ORDER BY 1", document, KIND
    )
    return [row[0] for row in rows]


async def test_from_kept_states_comes_what_the_bursts_give(
    pool: Pool, log: CountingLog, store: PostgresDocumentStore, document: UUID
) -> None:
    kept, straight = PastStates(store, DocumentStates(pool, every=EVERY)), PastStates(store)
    head = await log.head()
    first = await kept.at(document, head)
    assert first.moment == head
    assert await moments(pool, document) == list(range(head - BURSTS + EVERY, head + 1, EVERY))
    for position in range(head - BURSTS - 1, head + 3, 4):
        log.count = 0
        found = await kept.at(document, position)
        assert log.count < EVERY
        expected = await straight.at(document, position)
        assert found.moment == expected.moment
        assert crdt.text_of(found.update, "text") == crdt.text_of(expected.update, "text")
        assert crdt.vector_of(found.update) == crdt.vector_of(expected.update)
    assert (await kept.at(document, head - BURSTS)).moment == 0


async def test_what_is_set_aside_or_released_leaves_no_states(
    pool: Pool, log: CountingLog, store: PostgresDocumentStore, document: UUID
) -> None:
    states, head = PastStates(store, DocumentStates(pool, every=EVERY)), await log.head()
    before = await states.at(document, head)
    keeping = await DocumentStates(pool, every=EVERY).of(document)
    await pool.execute(
        "INSERT INTO document_set_aside (document_id, position, reason) VALUES ($1, $2, 'bad')",
        document,
        head,
    )
    assert await moments(pool, document) == []
    await keeping.keep(before)
    assert await moments(pool, document) == [], "it was made of what is set aside now"
    assert (await states.at(document, head)).moment == head - 1
    assert head not in await moments(pool, document)
    await Checkup(pool, log).release(document)
    assert await moments(pool, document) == []
    assert await states.at(document, head) == before


async def test_states_of_other_code_another_epoch_or_damaged_ones_are_not_used(
    pool: Pool, log: CountingLog, store: PostgresDocumentStore, document: UUID
) -> None:
    states, head = PastStates(store, DocumentStates(pool, every=EVERY)), await log.head()
    expected = await states.at(document, head)
    wrong = zlib.compress(b"\x00\x00")
    everywhere = "UPDATE past_states SET state = $2, code = {} WHERE thing = $1"
    for code in ("'other.0'", "split_part(code, '.', 1) || '.7'"):
        await pool.execute(everywhere.format(code), document, wrong)
        assert await states.at(document, head) == expected
        assert len(await moments(pool, document)) == BURSTS // EVERY, "each is made again in its place"
    await pool.execute(everywhere.format("code"), document, b"damaged")
    assert await states.at(document, head) == expected
    await pool.execute("INSERT INTO document_epochs (document_id, epoch) VALUES ($1, 1)", document)
    assert await moments(pool, document) == [], "none outlives its epoch"
    assert await states.at(document, head) == expected
    assert len(await moments(pool, document)) == BURSTS // EVERY


async def test_an_erasure_leaves_none_and_lets_none_be_kept(pool: Pool) -> None:
    async with live_system(pool, QUICK) as system:
        at = await place(system)
        ana = await colleague(system, at, "view", "edit")
        hers, others = await together(system, at, ana)
        await write(others, "Before. ", hers)
        await sealed(system, at.document)
        early = await system.log.head()
        await write(hers, SECRET, others)
        await hers.leave()
        await sealed(system, at.document)
        states = DocumentStates(pool, every=1)
        history = PastStates(PostgresDocumentStore(pool, system.log), states)
        head = await system.log.head()
        before = await history.at(at.document, head)
        assert SECRET.encode() in before.update
        assert len(await moments(pool, at.document)) >= 2
        keeping = await states.of(at.document)

        await erase(system, ana)

        assert await moments(pool, at.document) == []
        await keeping.keep(before)
        assert await moments(pool, at.document) == [], "what was being made meanwhile is not kept"
        for position, expected in ((head, "Before. "), (early, "Before. ")):
            found = await history.at(at.document, position)
            assert crdt.text_of(found.update, "text") == expected
            assert SECRET.encode() not in found.update
            assert SECRET.encode() not in await system.history.state(at.document, position)
        assert await moments(pool, at.document), "and kept anew"
        await (await states.of(uuid4())).keep(PastState(1, b"another document's"))
