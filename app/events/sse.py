"""Events as Server-Sent Events (WHATWG HTML, 9.2): what was, then what happens, until either side ends.

A frame's `id` is the log position, so that a browser comes back with `Last-Event-ID` and misses
nothing. Besides unnamed frames with one CloudEvent each there are, by `event` name:

- `caughtup`: everything up to here was sent; what follows is live.
- `checkpoint`: everything up to here was looked at, and none of it was for this reader.

A comment comes every 15 seconds when there is nothing to say.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from uuid import UUID

from app.events.access import EventAccess, matches
from app.events.tail import Entry, Tail
from app.http.problems import Problem
from app.system import System
from domain.errors import Unavailable
from domain.ports import EventFilter

HEARTBEAT = 15.0  # seconds
CHECKPOINT = 1.0  # seconds between checkpoints at least
SIGNED_IN = 1.0  # seconds for which a sign-in, once checked, is trusted
_PAGE = 500  # events
_HEARTBEAT_FRAME = b": heartbeat\n"  # no empty line: some clients take that for an event

Recheck = Callable[[], Awaitable[bool]]
"""Whether the credentials that opened the stream are still good."""


class EventStream:
    """One reader on their way through the log."""

    def __init__(
        self, system: System, tail: Tail, person: UUID, *, after: int, where: EventFilter, recheck: Recheck
    ) -> None:
        self._system = system
        self._tail = tail
        self._where = where
        self._recheck = recheck
        self._access = EventAccess(system, person, tail.rights_changed)
        self._position = after  # everything up to here was looked at
        self._told = after  # the newest id that the reader has
        self._told_at = time.monotonic()
        self._checked_at = time.monotonic()
        self._live = False

    async def frames(self) -> AsyncIterator[bytes]:
        """What goes over the wire, for ever; ends when the sign-in or the server does."""
        async with self._tail.reading():
            try:
                while not self._tail.closed and await self._is_signed_in():
                    if chunk := await self._next():
                        yield chunk
            except (Unavailable, Problem):
                return  # the client comes back, and is then told why

    async def _next(self) -> bytes:
        """The next chunk; empty if there is nothing to say after all."""
        entries = self._tail.since(self._position)
        if entries is None:
            self._live = False
            return await self._send(*await self._page())
        if entries:
            return await self._send(entries, entries[-1].event.position)
        if not self._live:
            self._live = True
            return self._mark("caughtup")
        pending = self._position > self._told
        pause = max(0.0, self._told_at + CHECKPOINT - time.monotonic()) if pending else HEARTBEAT
        if await self._tail.beyond(self._position, pause) or self._tail.closed:
            return b""
        return self._mark("checkpoint") if pending else _HEARTBEAT_FRAME

    async def _page(self) -> tuple[Sequence[Entry], int]:
        """Older events that fit the filter, and the position up to which there are no others."""
        head = await self._system.log.head()
        events = await self._system.log.read(
            after=self._position, before=head + 1, limit=_PAGE, where=self._where
        )
        source = self._system.settings.address
        reached = events[-1].position if len(events) == _PAGE else head
        return [Entry(event, source) for event in events], max(reached, self._position)

    async def _send(self, entries: Sequence[Entry], reached: int) -> bytes:
        chosen = [
            entry
            for entry in entries
            if matches(self._where, entry.event) and await self._access.may_see(entry.event)
        ]
        self._position = reached
        if chosen:
            self._tell(chosen[-1].event.position)
            return b"".join(
                b"id: %d\ndata: %b\n\n" % (entry.event.position, entry.encoded) for entry in chosen
            )
        if time.monotonic() - self._told_at >= CHECKPOINT:
            return self._mark("checkpoint")
        return b""

    def _mark(self, name: str) -> bytes:
        self._tell(self._position)
        return b'id: %d\nevent: %b\ndata: {"position":%d}\n\n' % (
            self._position,
            name.encode(),
            self._position,
        )

    def _tell(self, position: int) -> None:
        self._told = position
        self._told_at = time.monotonic()

    async def _is_signed_in(self) -> bool:
        now = time.monotonic()
        if now - self._checked_at < SIGNED_IN:
            return True
        self._checked_at = now
        return await self._recheck()
