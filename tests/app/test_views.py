from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from app.database.postgres import Pool
from app.views import Views
from domain.errors import NotFound, Unavailable
from domain.ports import EventLog
from tests.app.viewing import OURS, leads, running, until
from tests.projections.counting import COUNTING, LISTING, counted, position, renamed


async def test_waiting_ends_when_the_view_is_there(pool: Pool, log: EventLog, database: str) -> None:
    async with running(pool, log, database, poll=300) as views:  # told, not polled
        for _ in range(20):
            head = await renamed(log, 1, stream=uuid4())
            await views.wait("counting", head, timeout=60)
            assert await position(pool) >= head
        assert await counted(pool) == 20
        await views.wait_all(head, timeout=60)
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


async def test_reading_where_the_views_are_tells_who_waits(pool: Pool, log: EventLog, database: str) -> None:
    async with running(pool, log, database, poll=300) as views:
        await until(lambda: leads(views))
        waiting = asyncio.create_task(views.wait("counting", 7, timeout=60))
        await asyncio.sleep(0)
        await pool.execute("UPDATE views SET position = 7")
        await views._refresh()
        await waiting


async def test_whoever_does_not_run_may_wait_too(pool: Pool, log: EventLog, database: str) -> None:
    async with running(pool, log, database):
        head = await renamed(log, 1, stream=uuid4())
        await Views(pool, log, database, views=[COUNTING]).wait("counting", head, timeout=60)


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
        await views.wait("counting", head, timeout=60)
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
    await views.wait("counting", await renamed(log, 1, stream=uuid4()), timeout=60)
    await views.stop()


async def test_nothing_remains_after_a_stop(pool: Pool, log: EventLog, database: str) -> None:
    async with running(pool, log, database, COUNTING, LISTING) as views:
        await views.wait_all(await renamed(log, 5, stream=uuid4()), timeout=60)
        await until(lambda: leads(views))
    before = asyncio.all_tasks()
    assert not any(task.get_name() == "views" for task in before)
    await until(lambda: _none(pool))


async def _none(pool: Pool) -> bool:
    return bool(await pool.fetchval(f"SELECT count(*) = 0 FROM pg_stat_activity WHERE {OURS}"))
