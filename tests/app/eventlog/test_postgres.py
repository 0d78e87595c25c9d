"""What only the log on PostgreSQL promises; the contract itself is in tests/contracts."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from app.database.postgres import Pool
from app.eventlog.leaf import leaf
from app.eventlog.merkle import Frontier
from app.eventlog.postgres import PostgresEventLog
from domain.ports import AppendCondition, Appended, Context, EventLog, NewEvent
from tests.app.eventlog.running import running
from tests.app.eventlog.test_merkle import subtree_hash


def event(**changes: Any) -> NewEvent:
    return NewEvent(**{"stream": uuid4(), "type": "thing.happened", "payload": b"{}"} | changes)


def test_it_is_an_event_log(log: PostgresEventLog) -> None:
    port: EventLog = log
    assert port is log


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET payload = ''",
        "DELETE FROM events",
        "DELETE FROM events WHERE position = 1",
        "TRUNCATE events",
        "TRUNCATE events CASCADE",
        "MERGE INTO events USING (SELECT 1) AS one ON true WHEN MATCHED THEN DELETE",
        "INSERT INTO events SELECT * FROM events ON CONFLICT (position) DO UPDATE SET payload = ''",
        "DELETE FROM log_head",
        "TRUNCATE log_head",
    ],
)
async def test_the_database_refuses_to_change_what_is_recorded(
    log: PostgresEventLog, pool: Pool, statement: str
) -> None:
    await log.append([event()], Context())
    before = await pool.fetch("SELECT * FROM events, log_head")
    with pytest.raises(asyncpg.RestrictViolationError, match="is refused: what is recorded stays as it is"):
        await pool.execute(statement)
    assert await pool.fetch("SELECT * FROM events, log_head") == before


async def test_there_is_one_head(pool: Pool) -> None:
    for value in ("true", "false"):
        with pytest.raises(asyncpg.IntegrityConstraintViolationError):
            await pool.execute(f"INSERT INTO log_head VALUES ({value}, 0, 'epoch', '')")


async def test_a_clock_that_jumps_back_does_not_turn_time_back(pool: Pool) -> None:
    noon = datetime(2026, 1, 31, 12, tzinfo=UTC)
    tiny, hour = timedelta(microseconds=1), timedelta(hours=1)
    jumps = [0 * hour, -hour, tiny, -200 * hour, 2 * hour]
    clock: Iterator[datetime] = iter(noon + jump for jump in jumps)
    tick, late = noon + tiny, noon + 2 * hour
    async with running(pool, clock=lambda: next(clock)) as log:
        for _ in jumps:
            await log.append([event()], Context())
        assert [e.recorded_at for e in await log.read()] == [noon, noon, tick, tick, late]
        assert [await log.position_at(moment) for moment in (noon, tick, late)] == [2, 4, 5]
        assert await log.position_at(noon - tiny) == 0


async def test_the_head_holds_the_tree_over_all_events(log: PostgresEventLog, pool: Pool) -> None:
    for size in (1, 1, 2, 3, 5, 8, 13):
        await asyncio.gather(*(log.append([event(attachment=b"a")] * size, Context()) for _ in range(size)))
        recorded = await log.read()
        rows = await pool.fetch("SELECT salt, leaf_hash FROM events ORDER BY position")
        assert [leaf(e, salt) for e, (salt, _) in zip(recorded, rows, strict=True)] == [h for _, h in rows]
        position, frontier = await pool.fetchrow("SELECT position, frontier FROM log_head")
        expected = subtree_hash([leaf_hash for _, leaf_hash in rows])
        assert (position, Frontier.from_bytes(position, frontier).root()) == (len(recorded), expected)


async def test_each_event_has_a_salt_of_its_own(log: PostgresEventLog, pool: Pool) -> None:
    await log.append([event()] * 50, Context())
    salts = {salt for (salt,) in await pool.fetch("SELECT salt FROM events")}
    assert len(salts) == 50
    assert {len(salt) for salt in salts} == {32}


@pytest.mark.parametrize(
    "changes",
    [
        {"type": ""},
        {"type": "a\nb"},
        {"type": "a\0b"},
        {"tags": ("",)},
        {"tags": ("a\nb",)},
        {"tags": ("\ud800",)},
    ],
)
async def test_what_no_header_holds_is_refused(log: PostgresEventLog, changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="is no"):
        await log.append([event(**changes)], Context())
    assert await log.head() == 0


async def test_a_condition_names_its_types_in_full(log: PostgresEventLog) -> None:
    with pytest.raises(ValueError, match="in full"):
        await log.append([event()], Context(), condition=AppendCondition(types=("thing.*",)))


async def test_nothing_goes_alongside_nothing(log: PostgresEventLog) -> None:
    async def note(connection: Any) -> None:
        raise AssertionError

    with pytest.raises(ValueError, match="alongside"):
        await log.append([], Context(), alongside=note)


async def test_large_events_pass(log: PostgresEventLog) -> None:
    payload, attachment = b"p" * 3_000_000, b"a" * 30_000_000
    await asyncio.gather(
        log.append([event(payload=payload, attachment=attachment)], Context()),
        *(log.append([event(payload=payload)], Context()) for _ in range(10)),
    )
    assert sum(len(e.payload) for e in await log.read()) == 11 * len(payload)


async def test_many_events_in_one_append(log: PostgresEventLog) -> None:
    stream = uuid4()
    events = [event(stream=stream, version=n) for n in range(1, 5_001)]
    assert await log.append(events, Context()) == Appended(1, 5_000)
    assert [e.version for e in await log.read_stream(stream)] == list(range(1, 5_001))


async def test_two_logs_on_one_database_take_turns(log: PostgresEventLog, pool: Pool) -> None:
    async with running(pool) as other:
        answers = await asyncio.gather(*(each.append([event()], Context()) for each in [log, other] * 100))
        assert sorted(answer.first for answer in answers) == list(range(1, 201))
        async with asyncio.timeout(60):
            assert await log.wait(200) == await other.wait(200) == 200
