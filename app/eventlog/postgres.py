"""The event log on PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from uuid import UUID

from app.database.failures import unavailable_when_away
from app.database.postgres import Pool
from app.eventlog import reading
from app.eventlog.announcements import HEAD, Announcements
from app.eventlog.committer import Committer
from app.eventlog.decision import Append
from app.eventlog.draft import draft
from domain.errors import Unavailable
from domain.ports import Alongside, AppendCondition, Appended, Context, EventFilter, NewEvent, RecordedEvent

PAGE = 1_000  # events
ALL = EventFilter()


def _now() -> datetime:
    return datetime.now(UTC)


class PostgresEventLog:
    """Implements domain.ports.EventLog. Two of the pool's connections are its own while it runs.

    `queue_limit` appends may wait for the committer; further ones are refused. An append waits
    `patience` seconds for a database that is away. `alongside` gets the asyncpg connection of the
    append's transaction; it runs again if that connection is lost.
    """

    def __init__(
        self,
        pool: Pool,
        *,
        queue_limit: int = 10_000,
        patience: float = 10.0,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self._pool = pool
        self._announcements = Announcements(pool)
        self._committer = Committer(
            pool,
            announce=self._announcements.announce,
            clock=clock,
            queue_limit=queue_limit,
            patience=patience,
        )

    async def start(self) -> None:
        """Begin to take appends and to hear of those of others; raises OSError or driver errors."""
        await self._announcements.start()
        self._committer.start()

    async def stop(self) -> None:
        """Commit what is queued, then stop; followers end."""
        await self._committer.stop()
        await self._announcements.stop()

    async def append(
        self,
        events: Sequence[NewEvent],
        context: Context,
        *,
        condition: AppendCondition | None = None,
        alongside: Alongside | None = None,
    ) -> Appended:
        """Store events together or not at all; see domain.ports.EventLog.

        Raises ValueError for events that the log cannot hold, and what `alongside` raises.
        """
        _check(events, condition, alongside)
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Appended] = loop.create_future()
        self._committer.submit(
            Append(
                [draft(event, context) for event in events],
                context.command_id,
                condition,
                alongside,
                answer,
                loop.time(),
            )
        )
        return await answer

    async def result_of(self, command_id: UUID) -> Appended | None:
        """What the append of this command id answered, if it stored anything; raises Unavailable."""
        with unavailable_when_away():
            row = await self._pool.fetchrow(reading.RESULT_OF, command_id)
        return None if row is None else Appended(row["first"], row["last"], repeated=True)

    async def head(self) -> int:
        """The last committed position; raises Unavailable."""
        with unavailable_when_away():
            head: int = await self._pool.fetchval(HEAD)
        self._announcements.announce(head)
        return head

    async def read(
        self,
        *,
        after: int = 0,
        before: int | None = None,
        limit: int = PAGE,
        where: EventFilter | None = None,
        backwards: bool = False,
    ) -> Sequence[RecordedEvent]:
        """Events with `after < position < before` that fit the filter; raises Unavailable."""
        statement, arguments = reading.select(after, before, limit, where or ALL, backwards)
        with unavailable_when_away():
            rows = await self._pool.fetch(statement, *arguments)
        return [reading.event(row) for row in rows]

    async def read_stream(
        self, stream: UUID, *, after: int = 0, limit: int | None = None
    ) -> Sequence[RecordedEvent]:
        """Events of one stream with `version > after`, ascending; raises Unavailable."""
        with unavailable_when_away():
            rows = await self._pool.fetch(reading.STREAM, stream, after, limit)
        return [reading.event(row) for row in rows]

    async def follow(
        self, after: int = 0, *, where: EventFilter | None = None
    ) -> AsyncIterator[Sequence[RecordedEvent]]:
        """Batches of events after a position, each exactly once and in order, until the log stops.

        Waits for a database that is away.
        """
        while True:
            try:
                head = await self._announcements.beyond(after)
            except Unavailable:
                return
            try:
                batch = await self.read(after=after, before=head + 1, where=where)
            except Unavailable as error:
                await asyncio.sleep(error.retry_after)
                continue
            after = batch[-1].position if len(batch) == PAGE else head
            if batch:
                yield batch

    async def wait(self, position: int, timeout: float | None = None) -> int:
        """The head, once it is at least `position`; raises TimeoutError, Unavailable."""
        async with asyncio.timeout(timeout):
            if self._announcements.head < position:
                await self.head()
            return await self._announcements.beyond(position - 1)

    async def position_at(self, moment: datetime) -> int:
        """The last position recorded at or before `moment`; raises Unavailable."""
        with unavailable_when_away():
            position: int = await self._pool.fetchval(reading.POSITION_AT, moment)
        return position


def _check(
    events: Sequence[NewEvent], condition: AppendCondition | None, alongside: Alongside | None
) -> None:
    """Refuse what could not be stored, or what a header line could not hold."""
    for event in events:
        if not (event.type and event.type.isprintable()):
            raise ValueError(f"{event.type!r} is no event type")
        for tag in event.tags:
            if not (tag and tag.isprintable()):
                raise ValueError(f"{tag!r} is no tag")
    if condition is not None and any(name.endswith(".*") for name in condition.types):
        raise ValueError("an append condition names its types in full")
    if alongside is not None and not events:
        raise ValueError("nothing can go alongside an append of no events")
