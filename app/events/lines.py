"""The log up to a position as lines, for who catches up: no page is held, only what is on its way.

While some events are handed over, the next ones are read. A reader that is slow is waited for.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from uuid import UUID

from app.events.access import EventAccess
from app.events.cloud_events import encode
from app.events.pages import Pace, size_of
from app.events.sse import Note
from app.events.tail import Tail
from app.system import System
from domain.errors import Unavailable
from domain.ports import EventFilter, RecordedEvent

PART = 256 * 1024  # bytes of payloads that are handed over at once


class Lines:
    """What one person may see of the log after one position and before another, in that order."""

    def __init__(
        self, system: System, tail: Tail, person: UUID, *, after: int, before: int, where: EventFilter
    ) -> None:
        self._system = system
        self._tail = tail
        self._access = EventAccess(system, person, tail.rights_changed)
        self._after = after
        self._before = before
        self._where = where

    async def read(self, credential: UUID | None, note: Note) -> AsyncIterator[bytes]:
        """The lines, many at once, in bounded pieces.

        Raises Unavailable, also when the sign-in (`credential`: its id) ends before the lines do: who
        reads must not take for all what is not all.
        """
        source = self._system.settings.address
        async with self._tail.reading(credential) as subscriber:
            async for events in self._chunks():
                for part in _parts(events):
                    if subscriber.over.is_set():
                        raise Unavailable("the sign-in has ended, or the server does")
                    seen = [event for event in part if await self._access.may_see(event)]
                    note(seen)
                    if seen:
                        yield b"\n".join([*(encode(event, source) for event in seen), b""])

    async def _chunks(self) -> AsyncIterator[Sequence[RecordedEvent]]:
        pace = Pace()
        asked, reading = pace.events, self._start(self._after, pace.events)
        try:
            while True:
                events = await reading
                if len(events) < asked:
                    break
                pace.heard(events)
                asked, reading = pace.events, self._start(events[-1].position, pace.events)
                yield events
            yield events
        finally:
            reading.cancel()

    def _start(self, after: int, limit: int) -> asyncio.Task[Sequence[RecordedEvent]]:
        read = self._system.log.read(after=after, before=self._before, limit=limit, where=self._where)
        started = asyncio.ensure_future(read)
        # how it ended is asked here, for the reader may have left
        started.add_done_callback(lambda done: done.cancelled() or done.exception())
        return started


def _parts(events: Sequence[RecordedEvent]) -> Iterator[Sequence[RecordedEvent]]:
    """Events in parts of a bounded size, or one event."""
    start = size = 0
    for at, event in enumerate(events):
        if size and size + size_of(event) > PART:
            yield events[start:at]
            start, size = at, 0
        size += size_of(event)
    yield events[start:]
