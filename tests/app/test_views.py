from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from app.database.postgres import Pool
from app.eventlog.postgres import PostgresEventLog
from app.views import Views, ViewStatus
from domain.errors import NotFound, Unavailable
from domain.ports import EventLog
from projections.ports import View
from tests.projections.counting import COUNTING, LISTING, counted, position, refusing, renamed

OURS = "application_name = 'interlink views' AND datname = current_database()"
KILL = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {OURS}"


@pytest.fixture
async def log(pool: Pool) -> AsyncIterator[PostgresEventLog]:
    """The real log, running."""
    log = PostgresEventLog(pool)
    await log.start()
    yield log
    await log.stop()


@asynccontextmanager
async def running(pool: Pool, log: EventLog, url: str, *views: View, **settings: Any) -> AsyncIterator[Views]:
    """Views of one node."""
    node = Views(pool, log, url, views=views or (COUNTING,), **{"poll": 0.05, **settings})
    await node.start()
    try:
        yield node
    finally:
        await node.stop()


async def until(condition: Callable[[], Any], timeout: float = 20) -> None:
    """Wait for a condition, which may be a coroutine function."""
    async with asyncio.timeout(timeout):
        while True:
            found = condition()
            if await found if asyncio.iscoroutine(found) else found:
                return
            await asyncio.sleep(0.01)


async def status(views: Views, name: str = "counting") -> ViewStatus:
    return next(found for found in await views.status() if found.name == name)


async def leads(views: Views) -> bool:
    return (await views.status())[0].leading


async def test_waiting_ends_when_the_view_is_there(pool: Pool, log: EventLog, database: str) -> None:
    async with running(pool, log, database, poll=30) as views:
        for _ in range(20):
            began = time.perf_counter()
            head = await renamed(log, 1, stream=uuid4())
            await views.wait("counting", head)
            assert await position(pool) >= head
            assert time.perf_counter() - began < 5, "told, not polled"
        assert await counted(pool) == 20
        await views.wait_all(head)
        await views.wait("counting", 0)


async def test_waiting_has_an_end(pool: Pool, log: EventLog, database: str) -> None:
    async with running(pool, log, database) as views:
        with pytest.raises(Unavailable):
            await views.wait("counting", 1, timeout=0.2)
        with pytest.raises(Unavailable):
            await views.wait_all(1, timeout=0.2)
        with pytest.raises(NotFound):
            await views.wait("no such view", 1)
        assert views._waiting == {"counting": set()}, "who gave up is forgotten"


async def test_another_node_hears_how_far_the_leader_is(pool: Pool, log: EventLog, database: str) -> None:
    async with running(pool, log, database) as leader:
        await until(lambda: leads(leader))
        async with running(pool, log, database, poll=30) as other:
            head = await renamed(log, 1, stream=uuid4())
            await other.wait("counting", head, timeout=10)
            assert not await leads(other)


async def test_whoever_does_not_run_may_wait_too(pool: Pool, log: EventLog, database: str) -> None:
    async with running(pool, log, database):
        head = await renamed(log, 1, stream=uuid4())
        await Views(pool, log, database, views=[COUNTING]).wait("counting", head)


async def test_a_second_node_takes_over(pool: Pool, log: EventLog, database: str) -> None:
    async with running(pool, log, database) as second:
        await until(lambda: leads(second))
        async with running(pool, log, database) as first:
            await second.stop()
            await until(lambda: leads(first))
            await second.start()
            head = await renamed(log, 50, stream=uuid4())
            await first.wait("counting", head)
            assert not await leads(second)
        await until(lambda: leads(second))
        head = await renamed(log, 50, stream=uuid4())
        await second.wait("counting", head)
        assert await counted(pool) == 100


async def test_lost_connections_come_back_and_nothing_counts_twice(
    pool: Pool, log: EventLog, database: str, caplog: pytest.LogCaptureFixture
) -> None:
    killer = await asyncpg.connect(database)
    async with running(pool, log, database, batch=2) as views:
        for _ in range(4):
            await until(lambda: leads(views))
            appending = asyncio.create_task(renamed(log, 200, stream=uuid4()))
            await killer.execute(KILL)
            await appending
        await views.wait("counting", await log.head(), timeout=30)
        assert await counted(pool) == 800
    await killer.close()
    assert {record.levelno for record in caplog.records if record.name == "app.view_leader"} <= {
        logging.INFO,
        logging.WARNING,
    }, "a lost database is no defect"


async def test_positions_that_the_database_lost_are_caught_up(
    pool: Pool, log: EventLog, database: str
) -> None:
    async with running(pool, log, database) as views:
        head = await renamed(log, 10, stream=uuid4())
        await views.wait("counting", head)
        await pool.execute("DELETE FROM view_counting")
        await pool.execute("UPDATE views SET position = 0")  # as after a crash
        head = await renamed(log, 1, stream=uuid4())
        await until(lambda: _at(pool, head))
        assert await counted(pool) == 11


async def _at(pool: Pool, head: int) -> bool:
    return await position(pool) == head


async def test_a_failed_view_is_seen_and_tried_again(
    pool: Pool, log: EventLog, database: str, caplog: pytest.LogCaptureFixture
) -> None:
    healthy = False

    def apply(event: Any, payload: Any) -> Any:
        if event.position == 5 and not healthy:
            raise ValueError(payload["title"])
        return COUNTING.apply(event, payload)

    shaky = replace(COUNTING, apply=apply)
    async with running(pool, log, database, shaky, LISTING, patience=0.05) as views:
        head = await renamed(log, 10, stream=uuid4(), title="a secret")
        await views.wait("listing", head)
        await until(lambda: _failed(views))
        found = await status(views)
        assert found.error == "ValueError at position 5 (asset.renamed)"
        assert (found.position, found.failed_position, found.failed_type) == (4, 5, "asset.renamed")
        assert found.lag_events == head - 4
        assert found.lag_seconds > 0
        assert (await status(views, "listing")).error is None
        await until(lambda: len(_complaints(caplog)) > 2)
        healthy = True
        await views.wait("counting", head)
        assert (await status(views)).error is None
        assert (await status(views)).lag_seconds == 0
        head = await renamed(log, 1, stream=uuid4())
        await views.wait_all(head)
    assert await counted(pool) == 11
    assert "position 5 (asset.renamed)" in _complaints(caplog)[0]
    assert "secret" not in caplog.text


async def _failed(views: Views) -> bool:
    return (await status(views)).error is not None


def _complaints(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]


async def test_a_view_that_changed_is_rebuilt_at_the_start(pool: Pool, log: EventLog, database: str) -> None:
    async with running(pool, log, database) as views:
        head = await renamed(log, 10, stream=uuid4())
        await views.wait("counting", head)
    await pool.execute("INSERT INTO view_counting VALUES (gen_random_uuid(), 7, 7)")  # what the old one did
    changed = replace(COUNTING, revision=2)
    async with running(pool, log, database, changed, LISTING) as views:
        await until(lambda: _version(views, changed.version))
        head = await renamed(log, 10, stream=uuid4())
        await views.wait_all(head)
        assert await counted(pool) == 20


async def _version(views: Views, wanted: str) -> bool:
    found = await status(views)
    assert found.error in (None, "built by another version, to be rebuilt")
    return found.version == wanted


async def test_a_view_that_cannot_be_rebuilt_is_tried_again_and_the_others_go_on(
    pool: Pool, log: EventLog, database: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(pool, log, database, COUNTING, LISTING) as views:
        head = await renamed(log, 10, stream=uuid4())
        await views.wait_all(head)
    changed = replace(refusing(5), revision=2)
    async with running(pool, log, database, changed, LISTING, patience=0.05) as views:
        head = await renamed(log, 10, stream=uuid4())
        await views.wait("listing", head)
        await until(lambda: len(_complaints(caplog)) > 1)
        assert (await status(views)).error == "built by another version, to be rebuilt"
        assert await counted(pool) == 10, "the old tables are still there to be read"
    assert "a secret title" not in caplog.text


async def test_a_view_that_is_far_behind_does_not_hold_the_others_up(
    pool: Pool, log: EventLog, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.view_leader._TOGETHER", 5)
    async with running(pool, log, database) as views:
        head = await renamed(log, 10, stream=uuid4())
        await views.wait("counting", head)
    blocked = await asyncpg.connect(database)
    async with blocked.transaction(), running(pool, log, database, COUNTING, LISTING) as views:
        await blocked.execute("SELECT FROM views WHERE name = 'listing' FOR UPDATE")
        head = await renamed(log, 10, stream=uuid4())
        await views.wait("counting", head)
    await blocked.close()


async def test_a_rebuild_from_another_process_meets_the_running_views(
    pool: Pool, log: EventLog, database: str
) -> None:
    stream = uuid4()
    async with running(pool, log, database) as views:
        await renamed(log, 500, stream=stream)
        other = Views(pool, log, database, views=[COUNTING])  # as the command line does: never started
        rebuilding = asyncio.create_task(other.rebuild("counting"))
        while not rebuilding.done():
            head = await renamed(log, 2, stream=stream)
        await rebuilding
        head = await renamed(log, 2, stream=stream)
        await views.wait("counting", head)
        assert await counted(pool) == head // 2
        with pytest.raises(NotFound):
            await other.rebuild("nothing")


async def test_starting_twice_and_stopping_twice_is_harmless(
    pool: Pool, log: EventLog, database: str
) -> None:
    views = Views(pool, log, database, views=[COUNTING])
    await views.stop()
    await views.start()
    await views.stop()
    await views.stop()
    await views.start()
    await views.wait("counting", await renamed(log, 1, stream=uuid4()))
    await views.stop()


async def test_nothing_remains_after_a_stop(pool: Pool, log: EventLog, database: str) -> None:
    async with running(pool, log, database, COUNTING, LISTING) as views:
        await views.wait_all(await renamed(log, 5, stream=uuid4()))
        await until(lambda: leads(views))
    before = asyncio.all_tasks()
    assert not any(task.get_name() == "views" for task in before)
    await until(lambda: _none(pool))


async def _none(pool: Pool) -> bool:
    return bool(await pool.fetchval(f"SELECT count(*) = 0 FROM pg_stat_activity WHERE {OURS}"))
