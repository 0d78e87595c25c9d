"""The event log in memory: the rules of domain.ports.EventLog, none of the durability.

For tests that ask about what is built on a log. Give it a pool, and work `alongside` an append
runs in a transaction of that database; without one such work is refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from uuid import UUID, uuid4

from app.database.postgres import Pool
from domain.errors import VersionConflict
from domain.ports import (
    Alongside,
    AppendCondition,
    Appended,
    Context,
    EventFilter,
    NewEvent,
    RecordedEvent,
)


class MemoryLog:
    """An EventLog that forgets everything with the process."""

    def __init__(self, pool: Pool | None = None) -> None:
        self._pool = pool
        self._events: list[RecordedEvent] = []
        self._streams: dict[UUID, list[RecordedEvent]] = {}
        self._results: dict[UUID, Appended] = {}
        self._writing = asyncio.Lock()
        self._grown = asyncio.Condition()

    async def append(
        self,
        events: Sequence[NewEvent],
        context: Context,
        *,
        condition: AppendCondition | None = None,
        alongside: Alongside | None = None,
    ) -> Appended:
        """All of them or nothing; the first answer again for a known command id."""
        async with self._writing:
            known = await self.result_of(context.command_id)
            if known is not None:
                return known
            if condition is not None:
                self._check(condition)
            recorded = self._number(events, context)
            if alongside is not None:
                await self._run(alongside)
            return await self._store(recorded, context.command_id)

    async def result_of(self, command_id: UUID) -> Appended | None:
        """The first answer, marked as repeated."""
        first = self._results.get(command_id)
        return None if first is None else Appended(first.first, first.last, repeated=True)

    async def head(self) -> int:
        """How many events there are."""
        return len(self._events)

    async def read(
        self,
        *,
        after: int = 0,
        before: int | None = None,
        limit: int = 1000,
        where: EventFilter | None = None,
        backwards: bool = False,
    ) -> Sequence[RecordedEvent]:
        """A slice, filtered."""
        end = len(self._events) if before is None else max(before - 1, 0)
        found = [e for e in self._events[after:end] if where is None or _fits(e, where)]
        return (found[::-1] if backwards else found)[:limit]

    async def read_stream(
        self, stream: UUID, *, after: int = 0, limit: int | None = None
    ) -> Sequence[RecordedEvent]:
        """A slice of one stream."""
        found = self._streams.get(stream, [])[after:]
        return found if limit is None else found[:limit]

    async def follow(
        self, after: int = 0, *, where: EventFilter | None = None
    ) -> AsyncIterator[Sequence[RecordedEvent]]:
        """Everything after a position, then whatever comes."""
        while True:
            head = await self.wait(after + 1)
            found = await self.read(after=after, before=head + 1, limit=head, where=where)
            after = head
            if found:
                yield found

    async def wait(self, position: int, timeout: float | None = None) -> int:
        """Until the log is that long."""
        async with asyncio.timeout(timeout), self._grown:
            await self._grown.wait_for(lambda: len(self._events) >= position)
        return len(self._events)

    async def position_at(self, moment: datetime) -> int:
        """How many events were recorded by then."""
        return sum(event.recorded_at <= moment for event in self._events)

    def _check(self, condition: AppendCondition) -> None:
        where = EventFilter(types=condition.types, tags=condition.tags)
        if any(_fits(event, where) for event in self._events[condition.after :]):
            raise VersionConflict("the append condition no longer holds")

    def _number(self, events: Sequence[NewEvent], context: Context) -> list[RecordedEvent]:
        versions = {event.stream: len(self._streams.get(event.stream, ())) for event in events}
        now = max(
            datetime.now(UTC),
            self._events[-1].recorded_at if self._events else datetime.min.replace(tzinfo=UTC),
        )
        recorded = []
        for position, event in enumerate(events, len(self._events) + 1):
            versions[event.stream] += 1
            if event.version not in (None, versions[event.stream]):
                raise VersionConflict(f"version {event.version} is not the next one")
            recorded.append(_recorded(event, context, position, versions[event.stream], now))
        return recorded

    async def _run(self, alongside: Alongside) -> None:
        if self._pool is None:
            raise TypeError("work alongside an append needs a database: MemoryLog(pool)")
        async with self._pool.acquire() as connection, connection.transaction():
            await alongside(connection)

    async def _store(self, recorded: list[RecordedEvent], command_id: UUID) -> Appended:
        head = len(self._events)
        result = Appended(head + 1, head + len(recorded))
        for event in recorded:
            self._events.append(event)
            self._streams.setdefault(event.stream, []).append(event)
        if recorded:
            self._results[command_id] = result
        async with self._grown:
            self._grown.notify_all()
        return result


def _recorded(event: NewEvent, context: Context, position: int, version: int, now: datetime) -> RecordedEvent:
    return RecordedEvent(
        position=position,
        event_id=uuid4(),
        stream=event.stream,
        version=version,
        type=event.type,
        schema_version=event.schema_version,
        recorded_at=now,
        actor=context.actor,
        on_behalf_of=context.on_behalf_of,
        command_id=context.command_id,
        correlation_id=context.correlation_id,
        causation_id=context.causation_id,
        process=event.process,
        tags=event.tags,
        payload=event.payload,
        attachment=event.attachment,
    )


def _fits(event: RecordedEvent, where: EventFilter) -> bool:
    return (
        (not where.types or any(_of_type(event.type, wanted) for wanted in where.types))
        and where.stream in (None, event.stream)
        and where.process in (None, event.process)
        and where.actor in (None, event.actor)
        and set(where.tags) <= set(event.tags)
    )


def _of_type(type: str, wanted: str) -> bool:
    return type.startswith(wanted[:-1]) if wanted.endswith(".*") else type == wanted
