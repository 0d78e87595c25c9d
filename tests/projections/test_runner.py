from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.view_leader import is_loss
from domain.ports import EventLog, RecordedEvent
from projections.catalogue import VIEWS
from projections.ports import Args, Change, Connection, Session, Statement, View
from projections.runner import Displaced, Runner, collect, prepare
from tests.memory_log import MemoryLog
from tests.projections.counting import COUNT as COUNTING_STATEMENT
from tests.projections.counting import COUNTING, LISTING, counted, position, refusing, renamed

SET = Statement("t", "set", merge=lambda first, second: second)
ADD = Statement("t", "add", merge=lambda a, b: (a[0], a[1] + b[1]) if b[1] < 5 else None)
OTHER = Statement("u", "other", key=2)


def _effect(steps: list[tuple[str, Args]]) -> dict[Any, Any]:
    rows: dict[Any, Any] = {}
    for sql, args in steps:
        if sql == "set":
            rows["t", args[0]] = args[1]
        elif sql == "add":
            rows["t", args[0]] = rows.get(("t", args[0]), 0) + args[1]
        else:
            rows["u", args[:2]] = (*rows.get(("u", args[:2]), ()), args[2])
    return rows


@given(
    st.lists(
        st.one_of(
            st.builds(Change, st.sampled_from([SET, ADD]), st.tuples(st.integers(0, 2), st.integers(0, 9))),
            st.builds(
                Change, st.just(OTHER), st.tuples(st.integers(0, 1), st.integers(0, 1), st.integers(0, 9))
            ),
        )
    )
)
def test_collected_changes_have_the_effect_of_single_ones(found: list[Change]) -> None:
    collected = collect(found)
    steps = [(sql, args) for sql, rows in collected for args in rows]
    assert _effect(steps) == _effect([(change.statement.sql, change.args) for change in found])


def test_equal_statements_on_different_keys_become_one() -> None:
    found = [Change(statement, (key, 9)) for key in range(100) for statement in (SET, ADD, SET)]
    assert [(sql, len(rows)) for sql, rows in collect(found)] == [("set", 100), ("add", 100), ("set", 100)]


async def test_prepare_makes_what_is_missing_and_nothing_else(session: asyncpg.Connection) -> None:
    await prepare(session, [COUNTING, LISTING])
    await session.execute("INSERT INTO view_counting VALUES (gen_random_uuid(), 5, 5)")
    await session.execute("UPDATE views SET position = 5")
    await session.execute("DROP TABLE view_listing")
    await prepare(session, [COUNTING, LISTING])
    assert (await counted(session), await position(session)) == (5, 5)
    assert await position(session, "listing") == 0, "a view that lost its tables begins again"


async def test_prepare_may_be_called_by_many_at_once(database: str) -> None:
    async def one() -> None:
        connection = await asyncpg.connect(database)
        try:
            await prepare(connection, VIEWS)
        finally:
            await connection.close()

    await asyncio.gather(*(one() for _ in range(8)))


class Dying:
    """A session that loses its connection after so many statements."""

    def __init__(self, session: asyncpg.Connection, statements: int) -> None:
        self._session = session
        self._left = statements

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def transaction(self) -> Any:
        return self._transaction()

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[None]:
        async with self._session.transaction():
            yield
            self._spend()  # just before the commit

    async def execute(self, query: str, *args: Any) -> str:
        self._spend()
        return str(await self._session.execute(query, *args))

    async def executemany(self, command: str, args: Any) -> None:
        self._spend()
        await self._session.executemany(command, args)

    def _spend(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise ConnectionResetError


async def _run(
    session: Any, log: EventLog, views: Sequence[View] = (COUNTING,), until: int | None = None, batch: int = 3
) -> list[tuple[str, RecordedEvent, Exception]]:
    """Run until all views are at `until` or dropped out; what dropped out."""
    found: list[tuple[str, RecordedEvent, Exception]] = []
    done = asyncio.Event()
    at: dict[str, int] = {}

    def check() -> None:
        lost = {name for name, _, _ in found}
        if all(view.name in lost or at.get(view.name, 0) >= (until or 0) for view in views):
            done.set()

    def moved(name: str, position: int) -> None:
        at[name] = position
        check()

    def failed(view: View, event: RecordedEvent, error: Exception) -> None:
        found.append((view.name, event, error))
        check()

    runner = Runner(session, log, views, lost=is_loss, moved=moved, failed=failed, batch=batch)
    running = asyncio.create_task(runner.run())
    waiting = asyncio.create_task(done.wait())
    await asyncio.wait([running, waiting], return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if running.done():
        running.result()
    running.cancel()
    await asyncio.wait([running])
    return found


async def test_every_event_counts_once_wherever_the_connection_breaks(session: asyncpg.Connection) -> None:
    log = MemoryLog()
    head = await renamed(log, 10, stream=uuid4())
    await prepare(session, [COUNTING])
    for statements in range(200):
        dying: Any = Dying(session, statements)
        try:
            await _run(dying, log, until=head)
        except ConnectionResetError:
            counted_, at = await counted(session), await position(session)
            assert counted_ == (at + 1) // 2, "rows and position belong together"
            await session.execute("UPDATE views SET position = 0")
            await session.execute("DELETE FROM view_counting")
        else:
            break
    else:
        pytest.fail("it never got through")
    assert statements > 20
    assert (await counted(session), await position(session)) == (10, head)


async def test_a_broken_connection_leaves_off_between_batches(session: asyncpg.Connection) -> None:
    log = MemoryLog()
    head = await renamed(log, 30, stream=uuid4())
    await prepare(session, [COUNTING])
    breaks = 0
    while True:
        dying: Any = Dying(session, 12)
        try:
            await _run(dying, log, until=head)
            break
        except ConnectionResetError:
            breaks += 1
    assert breaks > 3
    assert (await counted(session), await position(session)) == (30, head)


async def test_a_poison_event_stops_its_view_only_and_just_before_it(session: asyncpg.Connection) -> None:
    log = MemoryLog()
    head = await renamed(log, 50, stream=uuid4())
    await prepare(session, [COUNTING, LISTING])
    found = await _run(session, log, [refusing(41), LISTING], until=head, batch=1000)
    assert [(name, event.position, type(error)) for name, event, error in found] == [
        ("counting", 41, KeyError)
    ]
    assert (await counted(session), await position(session)) == (20, 40)
    assert await session.fetchval("SELECT count(*) FROM view_listing") == 50
    assert await position(session, "listing") == head
    row = await session.fetchrow("SELECT * FROM views WHERE name = 'counting'")
    assert row is not None
    assert (row["failed_position"], row["failed_type"]) == (41, "asset.renamed")
    assert row["failed_error"] == "KeyError", "a message could quote what people wrote"


@pytest.mark.parametrize("title", ["no \x00 in text", 5])
async def test_what_the_database_or_its_driver_refuses_is_found_like_what_apply_refuses(
    session: asyncpg.Connection, title: Any
) -> None:
    log = MemoryLog()
    await renamed(log, 5, stream=uuid4())
    poison = await renamed(log, 1, stream=uuid4(), title=title) - 1
    head = await renamed(log, 5, stream=uuid4())
    await prepare(session, [COUNTING, LISTING])
    found = await _run(session, log, [LISTING, COUNTING], until=head, batch=1000)
    assert [(name, event.position) for name, event, _ in found] == [("listing", poison)]
    assert await session.fetchval("SELECT count(*) FROM view_listing") == 5
    assert await position(session) == head


async def test_a_statement_that_does_not_fit_its_arguments_is_no_lost_connection(
    session: asyncpg.Connection,
) -> None:
    log = MemoryLog()
    head = await renamed(log, 2, stream=uuid4())
    await prepare(session, [COUNTING, LISTING])
    unfit = replace(LISTING, apply=lambda event, payload: [Change(COUNTING_STATEMENT, (1, 2, 3))])
    found = await _run(session, log, [unfit, COUNTING], until=head)
    assert [name for name, _, _ in found] == ["listing"]


async def test_a_view_that_can_go_on_again_forgets_its_failure(session: asyncpg.Connection) -> None:
    log = MemoryLog()
    head = await renamed(log, 5, stream=uuid4())
    await prepare(session, [COUNTING])
    assert len(await _run(session, log, [refusing(3)], until=head)) == 1
    assert await _run(session, log, [COUNTING], until=head) == []
    assert (await counted(session), await position(session)) == (5, head)
    assert await session.fetchval("SELECT failed_error FROM views") is None


async def test_two_runners_at_once_count_nothing_twice(session: asyncpg.Connection, database: str) -> None:
    log = MemoryLog()
    head = await renamed(log, 200, stream=uuid4())
    await prepare(session, [COUNTING])
    other = await asyncpg.connect(database)
    await asyncio.gather(_run(session, log, until=head), _run(other, log, until=head, batch=7))
    await other.close()
    assert (await counted(session), await position(session)) == (200, head)


async def test_a_runner_gives_way_to_another_version(session: asyncpg.Connection) -> None:
    log = MemoryLog()
    await renamed(log, 5, stream=uuid4())
    await prepare(session, [COUNTING])
    await session.execute("UPDATE views SET version = 'another'")
    with pytest.raises(Displaced):
        await _run(session, log, until=10)
    assert await counted(session) == 0


async def test_views_pass_over_what_they_do_not_want(session: asyncpg.Connection) -> None:
    log = MemoryLog()
    head = await renamed(log, 3, stream=uuid4())
    await prepare(session, [COUNTING])
    await _run(session, log, until=head, batch=1000)
    assert await position(session) == head > 5
    assert (await log.read(after=head - 1))[0].type not in COUNTING.types


def test_protocols_fit_the_driver(session: asyncpg.Connection) -> None:
    """What mypy checks here: asyncpg's connections are the views' own."""
    own: Session = session
    plain: Connection = session
    assert own is plain
