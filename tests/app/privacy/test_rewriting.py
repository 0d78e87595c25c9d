"""Payloads are replaced by what was staged and told of, and by nothing else."""

from __future__ import annotations

from hashlib import sha256
from uuid import UUID, uuid4

import pytest

from app.database.postgres import Pool
from app.eventlog.leaf import SALT_SIZE
from app.privacy import rewriting
from app.subscriptions.queue import Queue
from app.subscriptions.subscription import CREDENTIAL_ENDED
from domain.errors import Conflict
from domain.person import RECORD
from domain.ports import Context, EventLog, NewEvent
from tests.app.subscriptions.test_queue import STREAMS, a_subscription, fill


async def events(log: EventLog) -> list[tuple[bytes, bytes | None]]:
    """What stands in the log, payload and attachment."""
    return [(event.payload, event.attachment) for event in await log.read()]


@pytest.fixture
async def three(log: EventLog) -> None:
    """Three events."""
    new = [NewEvent(uuid4(), "unknown.thing", b'"old %d"' % at, attachment=b"+") for at in (1, 2, 3)]
    await log.append(new, Context())


async def in_place(pool: Pool, rewrite: UUID, told: bytes) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await rewriting.put_in_place(connection, rewrite, told)


@pytest.mark.usefixtures("three")
async def test_what_is_staged_takes_the_place_and_is_told_with_what_was_and_is(
    pool: Pool, log: EventLog
) -> None:
    rewrite, other = uuid4(), uuid4()
    salt = await pool.fetchval("SELECT salt FROM events WHERE position = 1")
    await rewriting.stage(pool, other, [(2, b'"other"', None)])
    await rewriting.stage(pool, rewrite, [(3, b'"new 3"', b"-"), (1, b'"new 1"', None)])
    told = await rewriting.replaced(pool, rewrite)
    first, second = told[:RECORD], told[RECORD:]
    assert (first[:8], second[:8]) == ((1).to_bytes(8, "big"), (3).to_bytes(8, "big"))
    assert first[8:40] == sha256(salt + b'"old 1"').digest()
    await in_place(pool, rewrite, told)
    assert await events(log) == [(b'"new 1"', None), (b'"old 2"', b"+"), (b'"new 3"', b"-")]
    salts = [row[0] for row in await pool.fetch("SELECT salt FROM events ORDER BY position")]
    assert salts[0] != salt
    assert len(set(salts)) == 3
    assert {len(each) for each in salts} == {SALT_SIZE}
    assert [told[at + 40 : at + 72] for at in (0, RECORD)] == [
        sha256(salts[place] + payload).digest() for place, payload in ((0, b'"new 1"'), (2, b'"new 3"'))
    ]
    assert await rewriting.replaced(pool, rewrite) == b""
    assert len(await rewriting.replaced(pool, other)) == RECORD
    await rewriting.stage(pool, other, [(1, b'"newer"', None)])
    again = (await rewriting.replaced(pool, other))[:RECORD]
    assert again[:40] == first[:40], "the leaf in the log's tree was made of that"
    assert again[40:] != first[40:]


@pytest.mark.usefixtures("three")
async def test_what_was_told_otherwise_is_not_put_in_place(pool: Pool, log: EventLog) -> None:
    rewrite, before = uuid4(), await events(log)
    await rewriting.stage(pool, rewrite, [(1, b'"new"', None)])
    told = await rewriting.replaced(pool, rewrite)
    await rewriting.begin(pool, rewrite)
    assert await rewriting.replaced(pool, rewrite) == b""
    await rewriting.stage(pool, rewrite, [(1, b'"new"', None)])  # the same, with another salt
    for wrong in (told, b"", told + told):
        with pytest.raises(Conflict) as refused:
            await in_place(pool, rewrite, wrong)
        assert refused.value.code == "erasure_begun"
    assert await events(log) == before


@pytest.mark.usefixtures("three")
async def test_what_receivers_said_of_replaced_events_goes(pool: Pool) -> None:
    concerned, other = await a_subscription(pool), await a_subscription(pool)
    for id in (concerned, other):
        await fill(pool, id, STREAMS[:2])
    await pool.execute("DELETE FROM deliveries WHERE position = 1 AND subscription = $1", other)
    await pool.execute("UPDATE deliveries SET last_error = 'no: old'")
    await pool.execute("UPDATE subscriptions SET last_error = 'no: old', last_error_at = now()")
    rewrite = uuid4()
    await rewriting.stage(pool, rewrite, [(1, b'"new"', None)])
    await in_place(pool, rewrite, await rewriting.replaced(pool, rewrite))
    said = "SELECT subscription = $1, position FROM deliveries WHERE last_error IS NOT NULL ORDER BY 1"
    assert [tuple(row) for row in await pool.fetch(said, concerned)] == [(False, 2), (True, 2)]
    told = "SELECT id FROM subscriptions WHERE last_error IS NOT NULL AND last_error_at IS NOT NULL"
    assert [row["id"] for row in await pool.fetch(told)] == [other]


@pytest.mark.usefixtures("three")
async def test_what_a_worker_said_of_an_event_before_taking_it_goes_too(pool: Pool) -> None:
    queue, (quoting, other, ended) = Queue(pool), [await a_subscription(pool) for _ in range(3)]
    for id in (quoting, other):
        await fill(pool, id, STREAMS[:1] * 2)
        [leased] = await queue.lease(id, max=1, seconds=30)
        await queue.nack(id, leased.ack_id, delay=0, error="no: old 1")
    [leased] = await queue.lease(quoting, max=1, seconds=30)
    await queue.ack(quoting, [leased.ack_id])
    await pool.execute("UPDATE deliveries SET position = position + 1 WHERE subscription = $1", other)
    await pool.execute("UPDATE subscriptions SET last_error = $1 WHERE id = $2", CREDENTIAL_ENDED, ended)
    await in_place(pool, uuid4(), b"")
    told = "SELECT id FROM subscriptions WHERE last_error IS NOT NULL"
    assert {row["id"] for row in await pool.fetch(told)} == {quoting, other, ended}, "nothing is replaced"
    rewrite = uuid4()
    await rewriting.stage(pool, rewrite, [(1, b'"new"', None)])
    await in_place(pool, rewrite, await rewriting.replaced(pool, rewrite))
    assert {row["id"] for row in await pool.fetch(told)} == {other, ended}
