"""Everyone hears how far the log has come, whatever happens to the notifications."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import uuid4

import pytest

from app.database.postgres import Pool, connect_pool
from app.eventlog.announcements import Announcements
from app.eventlog.postgres import PostgresEventLog
from app.eventlog.transaction import CHANNEL
from domain.errors import Unavailable
from domain.ports import Context, EventFilter, NewEvent, RecordedEvent
from tests.app.eventlog.proxy import Proxy


def event() -> NewEvent:
    return NewEvent(uuid4(), "thing.happened", b"{}")


@pytest.fixture
def without_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody looks the head up from time to time."""
    monkeypatch.setattr("app.eventlog.announcements.POLL", 3600.0)


@pytest.fixture
async def announcements(pool: Pool) -> AsyncIterator[Announcements]:
    announcements = Announcements(pool)
    await announcements.start()
    yield announcements
    await announcements.stop()


@pytest.mark.usefixtures("without_polls")
async def test_an_append_elsewhere_is_heard_without_polling(
    announcements: Announcements, log: PostgresEventLog
) -> None:
    waiting = asyncio.create_task(announcements.beyond(1))
    await log.append([event()], Context())
    await log.append([event(), event()], Context())
    async with asyncio.timeout(60):
        assert await waiting == 3


async def test_a_missed_notification_is_made_up_for(announcements: Announcements, pool: Pool) -> None:
    waiting = asyncio.create_task(announcements.beyond(0))
    await pool.execute("UPDATE log_head SET position = 5")  # and nobody is told
    async with asyncio.timeout(60):
        assert await waiting == 5


async def test_an_old_notification_turns_nothing_back(announcements: Announcements, pool: Pool) -> None:
    announcements.announce(7)
    announcements.announce(5)
    assert announcements.head == 7
    await pool.execute(f"NOTIFY {CHANNEL}, '3'; NOTIFY {CHANNEL}, '8'")
    async with asyncio.timeout(60):
        assert await announcements.beyond(7) == 8
    assert announcements.head == 8


async def test_one_notification_is_sent_for_each_commit(log: PostgresEventLog, pool: Pool) -> None:
    heard: list[object] = []
    async with pool.acquire() as connection:

        def hear(_connection: object, _pid: int, _channel: str, payload: object) -> None:
            heard.append(payload)

        await connection.add_listener(CHANNEL, hear)
        await log.append([event(), event()], Context())
        await log.append([event()], Context())
        await connection.execute("SELECT 1")
        await connection.remove_listener(CHANNEL, hear)
    assert heard == ["2", "3"]


async def test_waiting_ends_with_the_log(pool: Pool) -> None:
    announcements = Announcements(pool)
    await announcements.start()
    waiting = asyncio.create_task(announcements.beyond(0))
    await asyncio.sleep(0)
    await announcements.stop()
    with pytest.raises(Unavailable):
        await waiting


async def test_a_start_without_database_fails(database: str) -> None:
    pool = await connect_pool(database)
    await pool.close()
    with pytest.raises(Exception, match="pool is closed"):
        await PostgresEventLog(pool).start()


async def test_a_follower_misses_nothing_when_the_connection_is_lost(
    far_log: PostgresEventLog, log: PostgresEventLog, proxy: Proxy
) -> None:
    seen: list[RecordedEvent] = []

    async def follow() -> None:
        async for batch in far_log.follow():
            seen.extend(batch)
            if len(seen) >= 30:
                return

    following = asyncio.create_task(follow())
    for n in range(30):
        await log.append([event()], Context())
        if n in (10, 15):
            await proxy.cut()
        if n == 20:
            await proxy.stop()
    await proxy.start()
    async with asyncio.timeout(60):
        await following
    assert [recorded.position for recorded in seen] == list(range(1, 31))


async def test_a_follower_rests_while_nothing_comes(
    log: PostgresEventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = 0
    read = log.read

    async def counted(**options: Any) -> Sequence[RecordedEvent]:
        nonlocal reads
        reads += 1
        return await read(**options)

    monkeypatch.setattr(log, "read", counted)
    following = asyncio.create_task(anext(log.follow(where=EventFilter(types=("document.*",)))))
    for _ in range(5):
        await log.append([event()], Context())
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(following, 0.3)
    assert 1 <= reads <= 5


async def test_followers_end_when_the_log_stops(pool: Pool) -> None:
    log = PostgresEventLog(pool)
    await log.start()
    await log.append([event()], Context())

    async def follow() -> list[int]:
        return [recorded.position async for batch in log.follow() for recorded in batch]

    following = asyncio.create_task(follow())
    await asyncio.sleep(0)
    await log.stop()
    async with asyncio.timeout(60):
        assert await following == [1]
