"""One append transaction on a connection of its own: what it stores, answers, tells and leaves behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from app.database.postgres import Pool
from app.eventlog.decision import Append
from app.eventlog.draft import draft
from app.eventlog.transaction import CHANNEL, PREPARE_SESSION, AlongsideFailed, store, store_alongside
from domain.errors import VersionConflict
from domain.ports import AppendCondition, Appended, Context, NewEvent

NOW = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
A, B = UUID(int=1), UUID(int=2)


def clock() -> datetime:
    return NOW


def event(stream: UUID = A, type: str = "thing.made", **changes: Any) -> NewEvent:
    return NewEvent(stream, type, b"{}", **changes)


def append(
    *events: NewEvent,
    condition: AppendCondition | None = None,
    alongside: Any = None,
    command: UUID | None = None,
) -> Append:
    context = Context(command_id=command or uuid4())
    drafts = [draft(one, context) for one in events]
    answer: Any = None
    return Append(drafts, context.command_id, condition, alongside, answer, 0.0)


@pytest.fixture
async def connection(pool: Pool) -> AsyncIterator[Any]:
    """A connection as the committer prepares it."""
    async with pool.acquire() as connection:
        await connection.execute(PREPARE_SESSION)
        yield connection
        await connection.reset()


async def stored(pool: Pool) -> list[tuple[int, UUID, int]]:
    rows = await pool.fetch("SELECT position, stream, stream_version FROM events ORDER BY position")
    return [tuple(row) for row in rows]


async def test_a_batch_stores_what_may_be_stored_and_answers_each(connection: Any, pool: Pool) -> None:
    none_like_it = AppendCondition(tags=("t",))
    batch = [
        append(event(), event(B, tags=("t",))),
        append(event(version=1)),
        append(event(version=2)),
        append(event(), condition=none_like_it),
        append(),
    ]
    found = await store(connection, batch, clock)
    first, second, third, fourth, nothing = found.outcomes
    assert (first, third, nothing) == (Appended(1, 2), Appended(3, 3), Appended(4, 3))
    assert isinstance(second, VersionConflict)
    assert isinstance(fourth, VersionConflict)
    assert found.head == 3
    assert await stored(pool) == [(1, A, 1), (2, B, 1), (3, A, 2)]
    assert await pool.fetchval("SELECT position FROM log_head") == 3
    later = [Append(batch[0].drafts, batch[0].command_id, None, None, batch[0].answer, 0.0)]
    later += [append(event(), command=batch[2].command_id), append(event(), condition=none_like_it)]
    again, repeated, unmet = (await store(connection, later, clock)).outcomes
    assert (again, repeated) == (Appended(1, 2), Appended(3, 3, repeated=True))
    assert isinstance(unmet, VersionConflict)
    assert not connection.is_in_transaction()


async def test_where_nothing_is_stored_nothing_moves_and_nobody_is_told(connection: Any, pool: Pool) -> None:
    await store(connection, [append(event())], clock)
    before = await pool.fetchrow("SELECT * FROM log_head")
    told: list[str] = []
    async with pool.acquire() as other:
        await other.add_listener(CHANNEL, lambda *heard: told.append(heard[-1]))
        refused = append(event(version=1))
        found = await store(connection, [refused], clock)
        await store(connection, [append(event())], clock)
        async with asyncio.timeout(60):
            while not told:  # noqa: ASYNC110  the listener is no coroutine
                await asyncio.sleep(0.005)
        await other.reset()
    assert isinstance(found.outcomes[0], VersionConflict)
    assert found.head == (before and before["position"]) == 1
    assert told == ["2"]
    assert not refused.in_doubt


async def test_what_goes_alongside_commits_with_it_or_neither_does(connection: Any, pool: Pool) -> None:
    await pool.execute("CREATE TABLE notes (note text)")

    async def note(connection: Any) -> None:
        await connection.execute("INSERT INTO notes VALUES ('done')")

    async def fail(connection: Any) -> None:
        await note(connection)
        raise ValueError("no")

    found = await store_alongside(connection, append(event(), alongside=note), clock)
    assert found.outcomes == [Appended(1, 1)]
    failing = append(event(), alongside=fail)
    with pytest.raises(AlongsideFailed) as raised:
        await store_alongside(connection, failing, clock)
    assert isinstance(raised.value.__cause__, ValueError)
    assert not failing.in_doubt
    refused = await store_alongside(connection, append(event(version=1), alongside=note), clock)
    assert isinstance(refused.outcomes[0], VersionConflict)
    assert await pool.fetchval("SELECT count(*) FROM notes") == 1
    assert await stored(pool) == [(1, A, 1)]
    assert not connection.is_in_transaction()


async def test_what_the_database_refuses_leaves_a_connection_to_go_on_with(
    connection: Any, pool: Pool
) -> None:
    bad = append(event(type="no text holds \x00"))
    with pytest.raises(asyncpg.PostgresError):
        await store(connection, [append(event()), bad], clock)
    assert not bad.in_doubt
    assert not connection.is_in_transaction()
    assert (await store(connection, [append(event())], clock)).outcomes == [Appended(1, 1)]
    assert await stored(pool) == [(1, A, 1)]
