"""Events as Server-Sent Events (WHATWG HTML, 9.2): what was, then what happens, until either side ends.

A frame's `id` is the log position, so that a browser comes back with `Last-Event-ID` and misses
nothing. Besides unnamed frames with one CloudEvent each there are, by `event` name:

- `caughtup`: everything up to here was sent; what follows is live.
- `checkpoint`: everything up to here was looked at, and none of it was for this reader.

A comment comes every 15 seconds when there is nothing to say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from uuid import UUID

from starlette.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from app.events.access_log import Reader
from app.events.fan_out import FanOut
from app.events.following import Following, Step
from app.events.tail import Entry, Subscriber
from app.http.streaming import Write, direct_writer
from app.system import System
from domain.errors import Unavailable
from domain.ports import EventFilter, RecordedEvent

SSE = "text/event-stream"
PIECE = 64 * 1024  # bytes that are written before a slow reader is waited for, or one event
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
_HEARTBEAT_FRAME = b": heartbeat\n"  # no empty line: some clients take that for an event

Note = Callable[[Iterable[RecordedEvent]], None]
"""Is told what the reader was given."""


def frames(step: Step) -> bytes:
    """A step as it goes over the wire; empty if there is nothing to say."""
    if step.entries:
        return b"".join([entry.frame for entry in step.entries])
    if step.mark is None:
        return b""
    if step.mark == "heartbeat":
        return _HEARTBEAT_FRAME
    return b'id: %d\nevent: %b\ndata: {"position":%d}\n\n' % (
        step.position,
        step.mark.encode(),
        step.position,
    )


class EventStream(StreamingResponse):
    """The answer that goes on; it ends when the sign-in (`credential`), the server or the reader does."""

    def __init__(
        self,
        system: System,
        fan_out: FanOut,
        reader: Reader,
        *,
        credential: UUID | None,
        after: int,
        where: EventFilter,
    ) -> None:
        super().__init__((), headers=_HEADERS, media_type=SSE)
        self._fan_out = fan_out
        self._tail = fan_out.tail
        self._key = (reader, credential, where)
        self._note = partial(system.accesses.note, reader)
        self._following = Following(system, self._tail, reader.person, after=after, where=where)

        self._write: Write | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        self._write = direct_writer(scope)
        await super().__call__(scope, receive, send)

    async def stream_response(self, send: Send) -> None:
        """What Starlette runs until the reader is gone."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        with suppress(Unavailable):  # the client comes back, and is then told why
            async with self._tail.reading(self._key[1]) as subscriber:
                while not subscriber.over.is_set():
                    await self._go_on(subscriber, send)
        await send(_body(b"", more=False))

    async def _go_on(self, subscriber: Subscriber, send: Send) -> None:
        following = self._following
        if following.waits and self._write is not None:
            reached = await self._fan_out.ride(self._key, following.position, self._write, subscriber)
            following.go_on(reached)
            return
        step = await following.next(subscriber)
        for part in _parts(step):
            self._note(entry.event for entry in part.entries)  # it may be the last that arrives
            if data := frames(part):
                await send(_body(data, more=True))


def _parts(step: Step) -> Iterator[Step]:
    """A step in parts of a bounded size, so that a slow reader is waited for in between."""
    part: list[Entry] = []
    size = 0
    for entry in step.entries:
        if part and size + len(entry.frame) > PIECE:
            yield Step(part[-1].event.position, part)
            part, size = [], 0
        part.append(entry)
        size += len(entry.frame)
    yield Step(step.position, part, step.mark)


def _body(data: bytes, *, more: bool) -> Message:
    return {"type": "http.response.body", "body": data, "more_body": more}
