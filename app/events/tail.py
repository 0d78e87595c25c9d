"""The newest events in memory: read from the log once, encoded once, for all streams of this node.

A reader that falls behind what is kept reads pages from the log, so a slow one costs no memory.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import islice
from uuid import UUID

import structlog

from app.events.cloud_events import encode
from domain.ports import EventLog, RecordedEvent

log = structlog.get_logger(__name__)

EVENTS_KEPT = 5_000
BYTES_KEPT = 32 * 1024 * 1024
_CHANGE_RIGHTS = frozenset({"process.right_granted", "process.right_revoked", "plan.node_moved"})


class Entry:
    """One event; its bytes on the way out are made when somebody first wants them."""

    def __init__(self, event: RecordedEvent, source: str) -> None:
        self.event = event
        self.size = len(event.payload) + len(event.attachment or b"")
        self._source = source
        self._encoded: bytes | None = None

    @property
    def encoded(self) -> bytes:
        """The event as one line of CloudEvents JSON."""
        if self._encoded is None:
            self._encoded = encode(self.event, self._source)
        return self._encoded


class Tail:
    """Follows the log as long as anybody reads. `head` is the newest position it has."""

    def __init__(self, log: EventLog, source: str) -> None:
        self._log = log
        self._source = source
        self._entries: deque[Entry] = deque()
        self._bytes = 0
        self._start = 0  # everything after this position is kept
        self._rights: dict[UUID, int] = {}
        self._news = asyncio.Event()
        self._readers = 0
        self._follower: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()
        self.head = 0
        self.closed = False

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[None]:
        """Keep up with the log during this block; raises Unavailable."""
        self._readers += 1
        try:
            async with self._starting:
                if self._follower is None:
                    self._start = self.head = await self._log.head()
                    self._follower = asyncio.create_task(self._follow(), name="event tail")
            yield
        finally:
            self._readers -= 1
            if self._readers == 0:
                await self._stop()

    async def close(self) -> None:
        """End all streams, for good: the server is shutting down."""
        self.closed = True
        self._news.set()
        await self._stop()

    def since(self, position: int) -> Sequence[Entry] | None:
        """What came after a position; None if not all of it is kept."""
        if position < self._start:
            return None
        newer = max(0, self.head - position)  # positions are contiguous
        return list(islice(reversed(self._entries), newer))[::-1]

    def rights_changed(self, process: UUID) -> int:
        """The newest known position at which rights in a process changed; 0 if none did lately."""
        return self._rights.get(process, 0)

    async def beyond(self, position: int, timeout: float) -> bool:
        """Whether there is something after `position`, as soon as there is, or after `timeout` seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while self.head <= position and not self.closed:
                    await self._news.wait()
        return self.head > position

    async def _follow(self) -> None:
        while True:
            try:
                async for batch in self._log.follow(self.head):
                    for event in batch:
                        self._keep(Entry(event, self._source))
                    self.head = batch[-1].position
                    self._news.set()
                    self._news = asyncio.Event()
            except Exception as error:
                log.error("tail_interrupted", error=type(error).__name__)
                await asyncio.sleep(1)
                continue
            self.closed = True  # the log has stopped
            self._news.set()
            return

    def _keep(self, entry: Entry) -> None:
        if entry.event.type in _CHANGE_RIGHTS and entry.event.process is not None:
            self._rights[entry.event.process] = entry.event.position
        self._entries.append(entry)
        self._bytes += entry.size
        while len(self._entries) > EVENTS_KEPT or self._bytes > BYTES_KEPT:
            oldest = self._entries.popleft()
            self._bytes -= oldest.size
            self._start = oldest.event.position

    async def _stop(self) -> None:
        follower, self._follower = self._follower, None
        self._entries.clear()
        self._rights.clear()
        self._bytes = 0
        if follower is not None:
            follower.cancel()
            with suppress(asyncio.CancelledError):
                await follower
