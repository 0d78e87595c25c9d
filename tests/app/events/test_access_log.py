"""Reading is recorded: put together, without end or loss, and without anything about what was read."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.eventlog.postgres import PostgresEventLog
from app.events import access_log
from app.events.access_log import AccessLog, Reader
from app.system import System
from domain.errors import Unavailable
from domain.ports import Context, EventFilter, EventLog, NewEvent, RecordedEvent


@pytest.fixture
def log(system: System) -> EventLog:
    return system.log


async def some(log: EventLog, count: int, process: UUID | None = None) -> list[RecordedEvent]:
    events = [NewEvent(uuid4(), "thing.happened", b"{}", process=process) for _ in range(count)]
    stored = await log.append(events, Context())
    return list(await log.read(after=stored.first - 1, limit=count))


async def told(log: EventLog) -> list[tuple[UUID | None, UUID | None, dict[str, Any]]]:
    found = await log.read(where=EventFilter(types=("access.recorded",)))
    return [(event.actor, event.process, json.loads(event.payload)) for event in found]


async def test_one_event_tells_of_many_readings(log: EventLog) -> None:
    accesses, person, token, process = AccessLog(log), uuid4(), uuid4(), uuid4()
    ours, theirs = await some(log, 5, process), await some(log, 2)
    reader = Reader(person, token, "page")
    accesses.note(reader, ours[2:4])
    accesses.note(reader, reversed(ours[:2]))
    accesses.note(reader, theirs)
    accesses.note(Reader(person, None, "stream"), ours[4:])
    assert await told(log) == []
    await accesses.write()
    facts = [
        (who, where, what["credential"], what["way"], what["events"], what["first"], what["last"])
        for who, where, what in await told(log)
    ]
    assert facts == [
        (person, process, str(token), "page", 4, ours[0].position, ours[3].position),
        (person, None, str(token), "page", 2, theirs[0].position, theirs[1].position),
        (person, process, None, "stream", 1, ours[4].position, ours[4].position),
    ]
    await accesses.write()
    assert len(await told(log)) == 3


async def test_reading_of_readings_is_not_recorded(log: EventLog) -> None:
    accesses, reader = AccessLog(log), Reader(uuid4(), None, "page")
    accesses.note(reader, await some(log, 1))
    await accesses.write()
    accesses.note(reader, await log.read(where=EventFilter(types=("access.*",))))
    await accesses.write()
    assert len(await told(log)) == 1


async def test_what_can_not_be_written_now_is_written_later(
    log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    accesses, reader = AccessLog(log), Reader(uuid4(), None, "socket")
    first, second, third = await some(log, 3)

    async def away(*_: object, **__: object) -> None:
        raise Unavailable("the database is away")

    accesses.note(reader, [second])
    with monkeypatch.context() as patch:
        patch.setattr(PostgresEventLog, "append", away)
        await accesses.write()
    accesses.note(reader, [first, third])
    await accesses.write()
    [(_, _, what)] = await told(log)
    assert (what["events"], what["first"], what["last"]) == (3, first.position, third.position)


async def test_it_does_not_grow_without_bound(log: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access_log, "_KEPT", 2)
    accesses, events = AccessLog(log), await some(log, 1)
    for _ in range(3):
        accesses.note(Reader(uuid4(), None, "page"), events)
    await accesses.write()
    assert len(await told(log)) == 2


async def test_a_stop_writes_what_was_noted(log: EventLog) -> None:
    accesses = AccessLog(log)
    async with accesses.writing(every=3600):
        accesses.note(Reader(uuid4(), None, "page"), await some(log, 1))
    assert len(await told(log)) == 1
