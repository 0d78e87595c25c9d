"""One node of all runs the views: it is heard, it is followed by another, and it goes on after any loss."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from app.database.postgres import Pool
from app.view_leader import Leader, _tell, is_loss
from app.views import Views
from domain.errors import NotFound, Unavailable
from domain.ports import EventLog
from projections.runner import Displaced
from tests.app.viewing import OURS, leads, running, status, until
from tests.projections.counting import COUNTING, LISTING, counted, position, refusing, renamed

KILL = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {OURS}"


async def test_another_node_hears_how_far_the_leader_is(pool: Pool, log: EventLog, database: str) -> None:
    async with running(pool, log, database) as leader:
        await until(lambda: leads(leader))
        async with running(pool, log, database, poll=300) as other:
            head = await renamed(log, 1, stream=uuid4())
            await other.wait("counting", head, timeout=60)
            assert not await leads(other)


async def test_a_second_node_takes_over(pool: Pool, log: EventLog, database: str) -> None:
    async with running(pool, log, database) as second:
        await until(lambda: leads(second))
        async with running(pool, log, database) as first:
            await second.stop()
            await until(lambda: leads(first))
            await second.start()
            head = await renamed(log, 50, stream=uuid4())
            await first.wait("counting", head, timeout=60)
            assert not await leads(second)
        await until(lambda: leads(second))
        head = await renamed(log, 50, stream=uuid4())
        await second.wait("counting", head, timeout=60)
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
        await views.wait("counting", await log.head(), timeout=120)
        assert await counted(pool) == 800
    await killer.close()
    assert {record.levelno for record in _told(caplog)} <= {
        logging.INFO,
        logging.WARNING,
    }, "a lost database is no defect"


async def test_positions_that_the_database_lost_are_caught_up(
    pool: Pool, log: EventLog, database: str
) -> None:
    async with running(pool, log, database) as views:
        head = await renamed(log, 10, stream=uuid4())
        await views.wait("counting", head, timeout=60)
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
        await views.wait("listing", head, timeout=60)
        await until(lambda: _failed(views))
        found = await status(views)
        assert found.error == "ValueError at position 5 (asset.renamed)"
        assert (found.position, found.failed_position, found.failed_type) == (4, 5, "asset.renamed")
        assert found.lag_events == head - 4
        assert found.lag_seconds > 0
        assert (await status(views, "listing")).error is None
        await until(lambda: len(_complaints(caplog)) > 2)
        healthy = True
        await views.wait("counting", head, timeout=60)
        assert (await status(views)).error is None
        assert (await status(views)).lag_seconds == 0
        head = await renamed(log, 1, stream=uuid4())
        await views.wait_all(head, timeout=60)
    assert await counted(pool) == 11
    assert "position 5 (asset.renamed)" in _complaints(caplog)[0]
    assert "secret" not in caplog.text


async def _failed(views: Views) -> bool:
    return (await status(views)).error is not None


def _complaints(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in _told(caplog) if record.levelno == logging.ERROR]


def _told(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """What the leader told, and nobody else in this process."""
    return [record for record in caplog.records if record.name == "app.view_leader"]


async def test_a_view_that_changed_is_rebuilt_at_the_start(pool: Pool, log: EventLog, database: str) -> None:
    async with running(pool, log, database) as views:
        head = await renamed(log, 10, stream=uuid4())
        await views.wait("counting", head, timeout=60)
    await pool.execute("INSERT INTO view_counting VALUES (gen_random_uuid(), 7, 7)")  # what the old one did
    changed = replace(COUNTING, revision=2)
    async with running(pool, log, database, changed, LISTING) as views:
        await until(lambda: _version(views, changed.version))
        head = await renamed(log, 10, stream=uuid4())
        await views.wait_all(head, timeout=60)
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
        await views.wait_all(head, timeout=60)
    changed = replace(refusing(5), revision=2)
    async with running(pool, log, database, changed, LISTING, patience=0.05) as views:
        head = await renamed(log, 10, stream=uuid4())
        await views.wait("listing", head, timeout=60)
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
        await views.wait("counting", head, timeout=60)
    blocked = await asyncpg.connect(database)
    async with blocked.transaction(), running(pool, log, database, COUNTING, LISTING) as views:
        await blocked.execute("SELECT FROM views WHERE name = 'listing' FOR UPDATE")
        head = await renamed(log, 10, stream=uuid4())
        await views.wait("counting", head, timeout=60)
    await blocked.close()


LOSSES: list[Exception] = [
    ConnectionResetError(),
    TimeoutError(),
    Unavailable("away"),
    asyncpg.ConnectionDoesNotExistError(""),
    asyncpg.AdminShutdownError(""),
    asyncpg.DiskFullError(""),
    asyncpg.TooManyConnectionsError(""),
    asyncpg.DeadlockDetectedError(""),
    asyncpg.LockNotAvailableError(""),
    asyncpg.InvalidCachedStatementError(""),
    asyncpg.InternalClientError(""),
]
DEFECTS: list[Exception] = [
    ValueError("a secret"),
    KeyError("a secret"),
    asyncpg.UniqueViolationError("a secret"),
    asyncpg.UndefinedTableError(""),
    asyncpg.exceptions.DataError("a secret"),
    asyncpg.InterfaceError("the server expects 1 argument"),
    NotFound("a secret"),
]


@pytest.mark.parametrize("error", LOSSES, ids=lambda error: type(error).__name__)
def test_a_database_that_is_away_is_waited_for_and_no_defect(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    assert is_loss(error)
    with caplog.at_level(logging.INFO):
        _tell(ExceptionGroup("", [error, ExceptionGroup("", [Displaced()])]))
    (told,) = _told(caplog)
    assert told.levelno == logging.WARNING
    assert told.getMessage() == f"the views pause: {', '.join(sorted(['Displaced', type(error).__name__]))}"


@pytest.mark.parametrize("error", DEFECTS, ids=lambda error: type(error).__name__)
def test_a_statement_or_value_that_is_wrong_is_no_loss(error: Exception) -> None:
    assert not is_loss(error)


def test_a_defect_among_losses_is_told_as_one_by_name_alone(caplog: pytest.LogCaptureFixture) -> None:
    _tell(ExceptionGroup("", [ConnectionResetError(), ValueError("a secret"), ValueError("another")]))
    (told,) = _told(caplog)
    assert told.levelno == logging.ERROR
    assert told.getMessage() == "the views pause: ConnectionResetError, ValueError"


def test_pauses_grow_up_to_what_one_has_patience_for() -> None:
    facts: dict[str, Any] = {"moved": None, "refresh": None, "batch": 1, "poll": 1}
    leader = Leader("", None, [], patience=60, **facts)  # type: ignore[arg-type]
    assert [leader._pause(attempt) for attempt in (1, 2, 5, 6, 10**6)] == [2, 4, 32, 60, 60]
