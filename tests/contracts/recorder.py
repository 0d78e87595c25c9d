"""The event log as a recorder of the eventsourcing library: synchronous, for any number of threads.

The library numbers a stream's events from 0 or from 1; the log from 1. `first` says from where the
suite at hand counts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any, TypeVar
from uuid import UUID

import asyncpg
from eventsourcing.persistence import (
    IntegrityError,
    Notification,
    ProcessRecorder,
    StoredEvent,
    Subscription,
    Tracking,
)

from app.database.postgres import Pool, connect_pool
from app.eventlog.postgres import PostgresEventLog
from domain.errors import VersionConflict
from domain.ports import Context, EventFilter, NewEvent, RecordedEvent

T = TypeVar("T")

TRACKING_TABLE = """
CREATE TABLE IF NOT EXISTS tracking (
    application text, position bigint, PRIMARY KEY (application, position)
)
"""

TRACK = """
INSERT INTO tracking SELECT $1, $2
WHERE NOT EXISTS (SELECT FROM tracking WHERE application = $1 AND position >= $2)
"""


class Runner:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class LogRecorder(ProcessRecorder):
    """Streams are aggregates, positions are notification ids."""

    def __init__(self, runner: Runner, pool: Pool, log: PostgresEventLog, *, first: int) -> None:
        self._runner = runner
        self._pool = pool
        self._log = log
        self._shift = 1 - first

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        return self._runner.run(self._insert(stored_events, kwargs.get("tracking")))

    async def _insert(self, stored: Sequence[StoredEvent], tracking: Tracking | None) -> Sequence[int]:
        async def track(connection: Any) -> None:
            assert tracking is not None
            done = await connection.execute(TRACK, tracking.application_name, tracking.notification_id)
            if done != "INSERT 0 1":
                raise IntegrityError("tracked already")

        if tracking and not stored:
            await track(self._pool)
            return []
        events = [
            NewEvent(e.originator_id, e.topic, e.state, version=e.originator_version + self._shift)
            for e in stored
            if isinstance(e.originator_id, UUID)
        ]
        try:
            appended = await self._log.append(events, Context(), alongside=track if tracking else None)
        except VersionConflict as error:
            raise IntegrityError from error
        return list(range(appended.first, appended.last + 1))

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        assert isinstance(originator_id, UUID)
        after = 0 if gt is None else gt + self._shift
        found = self._runner.run(self._log.read_stream(originator_id, after=after))
        stored = [self._stored(e) for e in found if lte is None or e.version <= lte + self._shift]
        return (stored[::-1] if desc else stored)[:limit]

    def _stored(self, event: RecordedEvent) -> StoredEvent:
        return StoredEvent(event.stream, event.version - self._shift, event.type, event.payload)

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        after = (start or 0) - (1 if inclusive_of_start and start else 0)
        found = self._runner.run(
            self._log.read(
                after=after,
                before=None if stop is None else stop + 1,
                limit=limit,
                where=EventFilter(types=tuple(topics)),
            )
        )
        return [self._notification(event) for event in found]

    def _notification(self, event: RecordedEvent) -> Notification:
        return Notification(
            event.stream, event.version - self._shift, event.type, event.payload, event.position
        )

    def max_notification_id(self) -> int | None:
        return self._runner.run(self._log.head()) or None

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> Subscription[Any]:
        return LogSubscription(self, gt, topics)

    def insert_tracking(self, tracking: Tracking) -> None:
        self._runner.run(self._insert([], tracking))

    def max_tracking_id(self, application_name: str) -> int | None:
        query = "SELECT max(position) FROM tracking WHERE application = $1"
        found: int | None = self._runner.run(self._fetchval(query, application_name))
        return found

    async def _fetchval(self, query: str, *arguments: object) -> Any:
        return await self._pool.fetchval(query, *arguments)


class LogSubscription(Subscription[Any]):
    """One notification after the other, from `follow`."""

    _recorder: LogRecorder

    def __init__(self, recorder: LogRecorder, gt: int | None, topics: Sequence[str]) -> None:
        super().__init__(recorder, gt, topics)
        self._following = recorder._log.follow(gt or 0, where=EventFilter(types=tuple(topics)))
        self._pending: list[RecordedEvent] = []
        self._stopped = Event()

    def __exit__(self, *args: object, **kwargs: Any) -> None:
        super().__exit__(*args, **kwargs)
        self._recorder._runner.run(self._following.aclose())  # type: ignore[attr-defined]

    def __next__(self) -> Notification:
        if self._has_been_stopped:
            raise StopIteration
        if not self._pending:
            self._pending = list(self._recorder._runner.run(self._next()))
        return self._recorder._notification(self._pending.pop(0))

    async def _next(self) -> Sequence[RecordedEvent]:
        return await anext(self._following)


@contextmanager
def log_recorder(url: str, *, first: int) -> Iterator[LogRecorder]:
    """A recorder on a migrated, empty database."""
    runner = Runner()
    pool = runner.run(_connect(url))
    log = runner.run(_started(pool))
    yield LogRecorder(runner, pool, log, first=first)
    runner.run(log.stop())
    runner.run(pool.close())
    runner.close()


async def _connect(url: str) -> asyncpg.Pool:
    pool = await connect_pool(url)
    await pool.execute(TRACKING_TABLE)
    return pool


async def _started(pool: Pool) -> PostgresEventLog:
    log = PostgresEventLog(pool)
    await log.start()
    return log
