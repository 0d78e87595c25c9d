"""The newest events in memory: read from the log once, encoded once, for all streams of this node.

A reader that falls behind what is kept reads pages from the log, so a slow one costs no memory.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import islice
from uuid import UUID

import structlog

from app.authorization import CHANGES
from app.events.cloud_events import encode
from app.events.pages import size_of
from domain.catalogue import REWRITING
from domain.ports import EventLog, RecordedEvent

log = structlog.get_logger(__name__)

EVENTS_KEPT = 5_000
BYTES_KEPT = 32 * 1024 * 1024
SIGN_INS_EVERY = 0.5  # seconds; one indexed query for all readers together


class Entry:
    """One event; its bytes on the way out are made when somebody first wants them."""

    def __init__(self, event: RecordedEvent, source: str) -> None:
        self.event = event
        self.size = size_of(event)
        self._source = source
        self._encoded: bytes | None = None
        self._frame: bytes | None = None

    @property
    def encoded(self) -> bytes:
        """The event as one line of CloudEvents JSON."""
        if self._encoded is None:
            self._encoded = encode(self.event, self._source)
        return self._encoded

    @property
    def frame(self) -> bytes:
        """The event as one Server-Sent Event."""
        if self._frame is None:
            self._frame = b"id: %d\ndata: %b\n\n" % (self.event.position, self.encoded)
        return self._frame


class Subscriber:
    """Somebody who reads. `over` is set when their sign-in (`credential`: its id) or the tail ends."""

    def __init__(self, credential: UUID | None) -> None:
        self.credential = credential
        self.over = asyncio.Event()


class Tail:
    """Follows the log as long as anybody reads. `head` is the newest position it has.

    `ended` tells which of some sessions and access tokens are no longer good.
    """

    def __init__(
        self, log: EventLog, source: str, ended: Callable[[Collection[UUID]], Awaitable[Collection[UUID]]]
    ) -> None:
        self._log = log
        self._source = source
        self._ended = ended
        self._entries: deque[Entry] = deque()
        self._bytes = 0
        self._start = 0  # everything after this position is kept
        self._rights: dict[UUID, int] = {}
        self._news = asyncio.Event()
        self._readers: set[Subscriber] = set()
        self._follower: asyncio.Task[None] | None = None
        self._watch: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()
        self.head = 0
        self.closed = False

    @asynccontextmanager
    async def reading(self, credential: UUID | None) -> AsyncIterator[Subscriber]:
        """Keep up with the log during this block, for who showed this; raises Unavailable."""
        subscriber = Subscriber(credential)
        self._readers.add(subscriber)
        if self.closed:
            subscriber.over.set()
        try:
            async with self._starting:
                if self._follower is None and not self.closed:
                    self._start = self.head = await self._log.head()
                    self._follower = asyncio.create_task(self._follow(), name="event tail")
                    self._watch = asyncio.create_task(self._watch_sign_ins(), name="event sign-ins")
            yield subscriber
        finally:
            self._readers.discard(subscriber)
            if not self._readers:
                await self._stop()

    async def close(self) -> None:
        """End all streams, for good: the server is shutting down."""
        self._end()
        await self._stop()

    def since(self, position: int) -> Sequence[Entry] | None:
        """What came after a position; None if not all of it is kept."""
        if position < self._start:
            return None
        newer = max(0, self.head - position)  # positions are contiguous
        return list(islice(reversed(self._entries), newer))[::-1]

    @property
    def news(self) -> asyncio.Event:
        """Is set once: when something new was read, a sign-in has ended, or the tail has."""
        return self._news

    def rights_changed(self, process: UUID) -> int:
        """The newest known position at which rights in a process changed; 0 if none did lately."""
        return self._rights.get(process, 0)

    async def beyond(self, position: int, timeout: float, subscriber: Subscriber) -> bool:
        """Whether there is something after `position`: once there is, it is over, or the time (s) is."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while self.head <= position and not subscriber.over.is_set():
                    await self._news.wait()
        return self.head > position

    async def _follow(self) -> None:
        while True:
            try:
                async for batch in self._log.follow(self.head):
                    for event in batch:
                        self._keep(Entry(event, self._source))
                    self.head = batch[-1].position
                    self._wake()
            except Exception as error:
                log.error("tail_interrupted", error=type(error).__name__)
                await asyncio.sleep(1)
                continue
            self._end()  # the log has stopped
            return

    async def _watch_sign_ins(self) -> None:
        while True:
            await asyncio.sleep(SIGN_INS_EVERY)
            shown = {reader.credential for reader in self._readers if reader.credential is not None}
            try:
                ended = set(await self._ended(shown)) if shown else set()
            except Exception as error:  # nothing new can be read either, for now
                log.warning("sign_ins_not_followed", error=type(error).__name__)
                continue
            for reader in self._readers:
                if reader.credential in ended:
                    reader.over.set()
            if ended:
                self._wake()

    def _end(self) -> None:
        self.closed = True
        for reader in self._readers:
            reader.over.set()
        self._wake()

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    def _keep(self, entry: Entry) -> None:
        if entry.event.type in CHANGES and entry.event.process is not None:
            self._rights[entry.event.process] = entry.event.position
        if entry.event.type in REWRITING:
            # what came before may hold what is there no longer: it is read anew
            self._entries.clear()
            self._bytes = 0
            self._start = entry.event.position - 1
        self._entries.append(entry)
        self._bytes += entry.size
        while len(self._entries) > EVENTS_KEPT or self._bytes > BYTES_KEPT:
            oldest = self._entries.popleft()
            self._bytes -= oldest.size
            self._start = oldest.event.position

    async def _stop(self) -> None:
        tasks = [task for task in (self._follower, self._watch) if task is not None]
        self._follower = self._watch = None
        self._entries.clear()
        self._rights.clear()
        self._bytes = 0
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
