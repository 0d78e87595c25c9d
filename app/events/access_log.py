"""The access log: what was read of the log is told by events of the log, put together for a while.

One event tells what one person, by one credential and way, read of one process since the last was
written. Reading such events is not recorded in turn: there would be no end to it. What is not yet
written when a node is killed is not told; a node that stops writes it first.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias, cast
from uuid import UUID, uuid4

import structlog
from eventsourcing.domain import AggregateEvent

from app.background import background
from domain.access import Access, Way
from domain.catalogue import EVENTS
from domain.errors import Unavailable
from domain.ports import Context, EventLog, NewEvent, RecordedEvent

log = structlog.get_logger(__name__)

EVERY = 60.0  # seconds
_AT_ONCE = 500  # events appended together
_KEPT = 20_000  # readings held while the database is away; more are put together with those there


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads, and what they showed: the id of an access token, None for a session."""

    person: UUID
    credential: UUID | None
    way: Way


@dataclass(slots=True)
class _Reading:
    began: datetime
    ended: datetime
    events: int
    first: int
    last: int


_Entry: TypeAlias = tuple[tuple[Reader, UUID | None], _Reading]


class AccessLog:
    """Notes readings in memory, and writes them in batches."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._readings: dict[tuple[Reader, UUID | None], _Reading] = {}

    @asynccontextmanager
    async def writing(self, every: float = EVERY) -> AsyncIterator[None]:
        """Write what was noted each `every` seconds during the block, and at its end."""
        async with background(self._write_for_ever(every)):
            yield
        await self.write()

    def note(self, reader: Reader, events: Iterable[RecordedEvent], times: int = 1) -> None:
        """The reader was given these events, in the order of their positions or against it.

        `times` tells on how many connections at once.
        """
        now = datetime.now(UTC)
        for event in events if times else ():
            if event.type == Access.Recorded.TOPIC:
                continue
            position = event.position
            found = self._readings.get((reader, event.process))
            if found is None:
                if len(self._readings) < _KEPT:
                    self._readings[reader, event.process] = _Reading(now, now, times, position, position)
                continue
            found.ended = now
            found.events += times
            found.first = min(found.first, position)
            found.last = max(found.last, position)

    async def write(self) -> None:
        """Append what was noted; what can't be written now is kept for the next time."""
        readings, self._readings = self._readings, {}
        by_person: dict[UUID, list[_Entry]] = {}
        for entry in readings.items():
            by_person.setdefault(entry[0][0].person, []).append(entry)
        for person, entries in by_person.items():
            for start in range(0, len(entries), _AT_ONCE):
                await self._append(person, entries[start : start + _AT_ONCE])

    async def _append(self, person: UUID, batch: list[_Entry]) -> None:
        events = [_event(reader, process, reading) for (reader, process), reading in batch]
        try:
            await self._log.append(events, Context(actor=person))
        except Unavailable:
            self._keep(batch)
            log.warning("access_log_waits", readings=len(batch))

    def _keep(self, entries: list[_Entry]) -> None:
        for key, before in entries:
            after = self._readings.get(key)
            if after is not None:
                before.ended = after.ended
                before.events += after.events
                before.first = min(before.first, after.first)
                before.last = max(before.last, after.last)
            self._readings[key] = before

    async def _write_for_ever(self, every: float) -> None:
        while True:
            await asyncio.sleep(every)
            await self.write()


def _event(reader: Reader, process: UUID | None, reading: _Reading) -> NewEvent:
    access = Access._create(
        Access.Recorded,
        id=uuid4(),
        credential=reader.credential,
        way=reader.way,
        began=reading.began,
        ended=reading.ended,
        events=reading.events,
        first=reading.first,
        last=reading.last,
    )
    [event] = access.collect_events()
    return EVENTS.encode(cast(AggregateEvent, event), process=process)
