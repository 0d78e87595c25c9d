"""Exact records, and the only way in which one may change."""

from __future__ import annotations

from uuid import UUID, uuid4

import asyncpg
import pytest

from app.audit.records import LogRecord, read_records
from app.database.postgres import Pool
from domain.ports import Context, EventLog, NewEvent

STAGE = (
    "INSERT INTO event_rewrites (erasure, position, payload, attachment, salt) VALUES ($1, $2, $3, $4, $5)"
)
SALT = bytes(range(32))


async def _three(log: EventLog) -> None:
    stream, process = uuid4(), uuid4()
    events = [NewEvent(stream, "a.b", b'{"n":%d}' % n, attachment=b"old", process=process) for n in range(3)]
    await log.append(events, Context(actor=uuid4()))


async def _all(pool: Pool, **where: UUID) -> list[LogRecord]:
    return [record async for page in read_records(pool, through=3, **where) for record in page]


async def test_records_are_sound_and_whole(log: EventLog, pool: Pool) -> None:
    await _three(log)
    found = await _all(pool)
    assert [record.event for record in found] == await log.read()
    assert all(record.is_sound() and not record.rewritten for record in found)
    assert all(record.commitment == record.own_commitment for record in found)
    assert await _all(pool, process=uuid4()) == []


async def test_a_rewritten_record_keeps_its_leaf(log: EventLog, pool: Pool) -> None:
    await _three(log)
    before = await _all(pool)
    erasure = uuid4()
    await pool.execute(STAGE, erasure, 2, b"{}", b"new", SALT)
    assert await pool.fetchval("SELECT rewrite_events($1)", erasure) == 1
    after = await _all(pool)
    assert (after[0], after[2]) == (before[0], before[2])
    assert (after[1].event.payload, after[1].event.attachment, after[1].salt) == (b"{}", b"new", SALT)
    assert after[1].rewritten
    assert after[1].is_sound()
    assert after[1].commitment == before[1].own_commitment != after[1].own_commitment
    assert await pool.fetchval("SELECT count(*) FROM event_rewrites") == 0
    await pool.execute(STAGE, erasure, 2, b"[]", None, SALT)
    await pool.execute("SELECT rewrite_events($1)", erasure)
    assert (await _all(pool))[1].commitment == before[1].own_commitment


@pytest.mark.parametrize(
    "change",
    [
        "payload = '{}'",
        "payload = '{}', commitment = sha256(salt || payload)",
        "actor = NULL",
        "leaf_hash = ''",
        "commitment = ''",
    ],
)
async def test_any_other_change_is_refused(log: EventLog, pool: Pool, change: str) -> None:
    await _three(log)
    with pytest.raises(asyncpg.RestrictViolationError):
        await pool.execute(f"UPDATE events SET {change} WHERE position = 2")


async def test_a_rewrite_changes_nothing_but_what_was_said(log: EventLog, pool: Pool) -> None:
    await _three(log)
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("SELECT set_config('interlink.rewriting', 'on', true)")
        for change in ("type = 'x.y'", "recorded_at = now()", "payload = '{}'"):
            with pytest.raises(asyncpg.RestrictViolationError):
                async with connection.transaction():
                    await connection.execute(f"UPDATE events SET {change} WHERE position = 1")
