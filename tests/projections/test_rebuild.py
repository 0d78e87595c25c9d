from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from app.database.postgres import Pool
from app.view_leader import is_loss
from domain.errors import Conflict, Unavailable
from domain.ports import EventLog
from domain.registry import dump
from projections import rebuild
from projections.ports import View
from projections.rebuild import Rebuild
from projections.runner import Runner, prepare
from tests.projections.counting import COUNTING, LISTING, counted, position, refusing, renamed


async def _rebuild(database: str, log: EventLog, view: View = COUNTING, progress: object = None) -> int:
    connection = await asyncpg.connect(database)
    try:
        return await Rebuild(connection, log, view, progress).run()
    finally:
        await connection.close()


def _live(session: asyncpg.Connection, log: EventLog) -> asyncio.Task[None]:
    runner = Runner(
        session, log, [COUNTING], lost=is_loss, moved=lambda *_: None, failed=lambda *_: None, batch=10
    )
    return asyncio.create_task(runner.run())


async def _reached(pool: Pool, wanted: int) -> None:
    while True:
        if await position(pool) >= wanted:
            return
        await asyncio.sleep(0.01)


async def test_a_rebuild_makes_the_rows_anew(
    session: asyncpg.Connection, database: str, log: EventLog
) -> None:
    await prepare(session, [COUNTING])
    head = await renamed(log, 1200, stream=uuid4())
    await session.execute("INSERT INTO view_counting VALUES (gen_random_uuid(), 5, 5)")  # damage
    told: list[tuple[int, int]] = []
    assert await _rebuild(database, log, progress=lambda *progress: told.append(progress)) == head
    assert (await counted(session), await position(session)) == (1200, head)
    assert told[0] == (0, head)
    assert told[-1] == (head, head)
    assert told == sorted(told)
    assert len(told) > 2, "long work shows that it moves"


async def test_a_rebuild_takes_in_what_is_appended_meanwhile_and_readers_see_no_gap(
    session: asyncpg.Connection, database: str, log: EventLog, pool: Pool
) -> None:
    await prepare(session, [COUNTING])
    stream = uuid4()
    head = await renamed(log, 500, stream=stream)
    live = _live(session, log)
    finished = asyncio.Event()

    last = head

    async def append() -> None:
        nonlocal last
        while not finished.is_set():
            last = await renamed(log, 3, stream=stream)

    async def read() -> list[int]:
        seen = []
        while not finished.is_set():
            seen.append(await counted(pool))
        return seen

    await _reached(pool, head)
    appending, reading = asyncio.create_task(append()), asyncio.create_task(read())
    rebuilt = 0
    while rebuilt < 5 or last <= head + 100:
        await _rebuild(database, log)
        rebuilt += 1
    finished.set()
    await appending
    seen = await reading
    await _reached(pool, last)
    assert not live.done()
    live.cancel()
    assert await counted(pool) == last // 2
    assert seen == sorted(seen), "a reader never saw the view go back"
    assert seen[0] >= 500


class Lagging:
    """A log that does not tell of what comes after a position."""

    def __init__(self, log: EventLog, head: int) -> None:
        self.read = log.read
        self._head = head

    async def head(self) -> int:
        return self._head


async def test_new_tables_never_stand_before_the_live_ones(
    session: asyncpg.Connection, database: str, log: EventLog, pool: Pool
) -> None:
    await prepare(session, [COUNTING])
    early = await renamed(log, 5, stream=uuid4())
    late = await renamed(log, 5, stream=uuid4())
    live = _live(session, log)
    await _reached(pool, late)
    lagging: Any = Lagging(log, early)
    assert await _rebuild(database, lagging) == late
    assert (await counted(pool), await position(pool)) == (10, late)
    live.cancel()


async def test_a_rebuild_that_fails_leaves_the_live_view_alone(
    session: asyncpg.Connection, database: str, log: EventLog
) -> None:
    await prepare(session, [COUNTING])
    await renamed(log, 5, stream=uuid4())
    await _rebuild(database, log)
    with pytest.raises(KeyError):
        await _rebuild(database, log, refusing(5))
    assert (await counted(session), await position(session)) == (5, 10)
    await _rebuild(database, log)  # what the failed one left behind is in nobody's way


async def test_a_rebuild_brings_new_tables(session: asyncpg.Connection, database: str, log: EventLog) -> None:
    await prepare(session, [COUNTING])
    await renamed(log, 5, stream=uuid4())
    ddl = COUNTING.ddl + "CREATE INDEX view_counting_last ON view_counting (last);"
    changed = View("counting", ddl, COUNTING.tables, COUNTING.types, COUNTING.apply)
    await _rebuild(database, log, changed)
    assert await session.fetchval("SELECT version FROM views") == changed.version
    found = await session.fetchval("SELECT schemaname FROM pg_indexes WHERE indexname = 'view_counting_last'")
    assert found == "public"


async def test_one_rebuild_of_a_view_at_a_time(
    session: asyncpg.Connection, database: str, log: EventLog
) -> None:
    await prepare(session, [COUNTING, LISTING])
    await renamed(log, 5, stream=uuid4())
    async with session.transaction():
        await counted(session)  # holds the first one back just before its end
        reached = asyncio.Event()
        first = asyncio.create_task(
            _rebuild(database, log, progress=lambda done, total: reached.set() if done == total else None)
        )
        await reached.wait()
        with pytest.raises(Conflict):
            await _rebuild(database, log)
        assert await _rebuild(database, log, LISTING) == 10, "another view is another matter"
    assert await first == 10


async def test_a_rebuild_waits_for_readers_and_gives_up_some_time(
    session: asyncpg.Connection, database: str, log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    await prepare(session, [COUNTING])
    await renamed(log, 5, stream=uuid4())
    monkeypatch.setattr(rebuild, "_PATIENCE", 2)
    async with session.transaction():
        await counted(session)  # holds the table until the transaction ends
        with pytest.raises(Unavailable):
            await _rebuild(database, log)
    assert await counted(session) == 0
    monkeypatch.setattr(rebuild, "_PATIENCE", 50)
    async with session.transaction():
        await counted(session)
        rebuilding = asyncio.create_task(_rebuild(database, log))
        await asyncio.sleep(0.5)
        assert not rebuilding.done()
    assert await rebuilding == 10
    assert await counted(session) == 5


class Rewriting:
    """A log that is rewritten once, just when a rebuild has read all of it."""

    def __init__(self, log: EventLog, pool: Pool) -> None:
        self.read = log.read
        self.asked = 0
        self._log = log
        self._pool = pool

    async def head(self) -> int:
        self.asked += 1
        if self.asked == 2:
            staged = "INSERT INTO event_rewrites VALUES ($1, 1, $2, NULL, $3)"
            rewrite, nothing = uuid4(), dump({"title": ""})
            await self._pool.execute(staged, rewrite, nothing, bytes(32))
            await self._pool.execute("SELECT rewrite_events($1)", rewrite)
        return await self._log.head()


async def test_what_was_forgotten_during_a_rebuild_is_not_in_it(
    session: asyncpg.Connection, database: str, log: EventLog, pool: Pool
) -> None:
    await prepare(session, [LISTING])
    await renamed(log, 2, stream=uuid4(), title="said")
    rewriting: Any = Rewriting(log, pool)
    await _rebuild(database, rewriting, LISTING)
    assert rewriting.asked > 2
    assert [row["title"] for row in await pool.fetch("TABLE view_listing ORDER BY position")] == ["", "said"]
