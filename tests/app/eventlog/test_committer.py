"""Group commit when things go wrong: slow commits, gone callers, lost connections, full queues."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from app.database.postgres import Pool
from app.eventlog.committer import OutcomeUnknown
from app.eventlog.postgres import PostgresEventLog
from app.eventlog.transaction import LOCK_HEAD
from domain.errors import Unavailable, VersionConflict
from domain.ports import Appended, Context, NewEvent
from tests.app.eventlog.proxy import Fault, Proxy
from tests.app.eventlog.running import far, running


def event(**changes: Any) -> NewEvent:
    return NewEvent(**{"stream": uuid4(), "type": "thing.happened", "payload": b"{}"} | changes)


async def until(condition: Callable[[], Awaitable[object]]) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(60):
        while not await condition():  # noqa: ASYNC110  the condition lies in the database
            await asyncio.sleep(0.005)


async def waiting_for_the_head(pool: Pool) -> bool:
    """Whether somebody waits for the head's lock."""
    found: bool = await pool.fetchval(
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()"
        " AND wait_event_type = 'Lock' AND query LIKE '%log_head%')"
    )
    return found


async def test_appends_wait_for_a_slow_commit_of_another(log: PostgresEventLog, pool: Pool) -> None:
    async with pool.acquire() as other, other.transaction():
        await other.execute(LOCK_HEAD)
        appends = [asyncio.create_task(log.append([event()], Context())) for _ in range(50)]
        await until(lambda: waiting_for_the_head(pool))
        assert not any(append.done() for append in appends)
        assert await log.head() == 0
    assert sorted(a.first for a in await asyncio.gather(*appends)) == list(range(1, 51))


async def test_what_queued_meanwhile_commits_together(log: PostgresEventLog, pool: Pool) -> None:
    async with pool.acquire() as other, other.transaction():
        await other.execute(LOCK_HEAD)
        appends = [asyncio.create_task(log.append([event()], Context())) for _ in range(60)]
        await until(lambda: waiting_for_the_head(pool))
    await asyncio.gather(*appends)
    assert await pool.fetchval("SELECT count(DISTINCT xmin::text) FROM events") == 1


async def test_a_cancelled_caller_cancels_no_commit(log: PostgresEventLog, pool: Pool) -> None:
    contexts = [Context() for _ in range(20)]
    async with pool.acquire() as other, other.transaction():
        await other.execute(LOCK_HEAD)
        appends = [asyncio.create_task(log.append([event()], context)) for context in contexts]
        await until(lambda: waiting_for_the_head(pool))
        queued = asyncio.create_task(log.append([event()], contexts[0]))
        await asyncio.sleep(0)
        for append in appends[::2]:
            append.cancel()
    answers = await asyncio.gather(*appends, return_exceptions=True)
    assert all(isinstance(answer, asyncio.CancelledError) for answer in answers[::2])
    assert answers[1::2] == [Appended(n, n) for n in range(2, 21, 2)]
    assert await queued == Appended(1, 1, repeated=True)
    assert [e.command_id for e in await log.read()] == [context.command_id for context in contexts]


@pytest.mark.parametrize("fault", ["acknowledgement", "commit", "late commit"])
async def test_a_lost_commit_is_stored_once(far_log: PostgresEventLog, proxy: Proxy, fault: Fault) -> None:
    await far_log.append([event()], Context())
    proxy.fault = fault
    taken = event(version=1)
    appends: list[Awaitable[Appended]] = [far_log.append([event(), event()], Context()) for _ in range(10)]
    answers = await asyncio.gather(
        *appends,
        far_log.append([taken], Context()),
        far_log.append([taken], Context()),
        return_exceptions=True,
    )
    assert proxy.struck == 1
    assert answers[:10] == [Appended(n, n + 1) for n in range(2, 22, 2)]
    assert answers[10] == Appended(22, 22)
    assert isinstance(answers[11], VersionConflict)
    assert [e.position for e in await far_log.read()] == list(range(1, 23))


@pytest.mark.parametrize("fault", ["acknowledgement", "commit", "late commit"])
async def test_a_lost_commit_takes_its_company_along_once(
    far_log: PostgresEventLog, proxy: Proxy, pool: Pool, fault: Fault
) -> None:
    await pool.execute("CREATE TABLE notes (note text)")

    async def note(connection: Any) -> None:
        await connection.execute("INSERT INTO notes VALUES ('once')")

    proxy.fault = fault
    assert await far_log.append([event()], Context(), alongside=note) == Appended(1, 1)
    assert proxy.struck == 1
    assert await pool.fetchval("SELECT count(*) FROM notes") == 1


async def test_a_connection_lost_before_the_commit_is_no_trouble(
    far_log: PostgresEventLog, proxy: Proxy, pool: Pool
) -> None:
    async with pool.acquire() as other, other.transaction():
        await other.execute(LOCK_HEAD)
        append = asyncio.create_task(far_log.append([event()], Context()))
        await until(lambda: waiting_for_the_head(pool))
        await proxy.cut()
    assert await append == Appended(1, 1)


async def test_a_database_away_for_long_stores_nothing_and_says_so(
    hasty_log: PostgresEventLog, proxy: Proxy, pool: Pool
) -> None:
    await proxy.stop()
    answers = await asyncio.gather(
        *(hasty_log.append([event()], Context()) for _ in range(200)), return_exceptions=True
    )
    assert all(isinstance(answer, Unavailable) for answer in answers)
    assert await pool.fetchval("SELECT position FROM log_head") == 0
    with pytest.raises(Unavailable):
        await hasty_log.head()
    await proxy.start()
    assert await stored_at_last(hasty_log) == Appended(1, 1)


async def stored_at_last(log: PostgresEventLog) -> Appended:
    """The answer to an append, asked for again when a slow machine was no quicker than the log's patience."""
    async with asyncio.timeout(60):
        while True:
            with suppress(Unavailable):
                return await log.append([event()], Context())


async def test_a_database_away_for_a_moment_is_waited_for(far_log: PostgresEventLog, proxy: Proxy) -> None:
    await proxy.stop()
    append = asyncio.create_task(far_log.append([event()], Context()))
    await asyncio.sleep(0.1)
    await proxy.start()
    assert await append == Appended(1, 1)


async def test_an_append_in_doubt_is_never_called_unavailable(
    hasty_log: PostgresEventLog, proxy: Proxy, pool: Pool
) -> None:
    proxy.fault, proxy.and_away = "acknowledgement", True
    append = asyncio.create_task(hasty_log.append([event()], Context()))
    await until(lambda: pool.fetchval("SELECT position FROM log_head"))
    await proxy.stop()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(append), 1.0)  # twice the log's patience
    await proxy.start()
    assert await append == Appended(1, 1)


async def test_a_log_that_stops_in_doubt_says_that_it_does_not_know(proxy: Proxy, pool: Pool) -> None:
    async with far(proxy, patience=0.2) as log:
        proxy.fault, proxy.and_away = "acknowledgement", True
        append = asyncio.create_task(log.append([event()], Context()))
        await until(lambda: pool.fetchval("SELECT position FROM log_head"))
        await proxy.stop()
        await log.stop()
        with pytest.raises(OutcomeUnknown):
            await append


async def test_stopping_stores_what_is_queued(pool: Pool) -> None:
    log = PostgresEventLog(pool)
    await log.start()
    appends = [asyncio.create_task(log.append([event()], Context())) for _ in range(300)]
    await asyncio.sleep(0)
    await log.stop()
    assert len({(await append).first for append in appends}) == 300
    with pytest.raises(Unavailable):
        await log.append([event()], Context())


async def test_a_full_queue_refuses_and_recovers(pool: Pool) -> None:
    async with running(pool, queue_limit=10) as log:
        async with pool.acquire() as other, other.transaction():
            await other.execute(LOCK_HEAD)
            first = asyncio.create_task(log.append([event()], Context()))
            await until(lambda: waiting_for_the_head(pool))
            queued = [asyncio.create_task(log.append([event()], Context())) for _ in range(10)]
            await asyncio.sleep(0)
            with pytest.raises(Unavailable) as refused:
                await log.append([event()], Context())
            assert refused.value.retry_after > 0
        await asyncio.gather(first, *queued)
        assert (await log.append([event()], Context())).last == await log.head() == 12


async def test_what_the_database_refuses_fails_alone(log: PostgresEventLog) -> None:
    answers = await asyncio.gather(
        log.append([event()], Context()),
        log.append([event(schema_version=0)], Context()),
        log.append([event()], Context()),
        log.append([event(schema_version="x")], Context()),
        log.append([event()], Context()),
        return_exceptions=True,
    )
    assert [a.first for a in answers if isinstance(a, Appended)] == [1, 2, 3]
    assert isinstance(answers[1], asyncpg.CheckViolationError)
    assert isinstance(answers[3], TypeError)
    assert await log.head() == 3


async def test_a_connection_lost_alongside_is_tried_again(pool: Pool) -> None:
    await pool.execute("CREATE TABLE notes (note text)")
    runs = 0

    async def note(connection: Any) -> None:
        nonlocal runs
        runs += 1
        await connection.execute("INSERT INTO notes VALUES ('x')")
        if runs == 1:
            victim = await connection.fetchval("SELECT pg_backend_pid()")
            await pool.execute("SELECT pg_terminate_backend($1)", victim)
            await until(lambda: gone(victim))
            await connection.execute("SELECT 1")

    async def gone(pid: int) -> bool:
        return await pool.fetchval("SELECT 1 FROM pg_stat_activity WHERE pid = $1", pid) is None

    async with running(pool, patience=60) as log:
        assert await log.append([event()], Context(), alongside=note) == Appended(1, 1)
    assert (runs, await pool.fetchval("SELECT count(*) FROM notes")) == (2, 1)
