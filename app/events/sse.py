"""Events as Server-Sent Events (WHATWG HTML, 9.2): what was, then what happens, until either side ends.

A frame's `id` is the log position, so that a browser comes back with `Last-Event-ID` and misses
nothing. Besides unnamed frames with one CloudEvent each there are, by `event` name:

- `caughtup`: everything up to here was sent; what follows is live.
- `checkpoint`: everything up to here was looked at, and none of it was for this reader.

A comment comes every 15 seconds when there is nothing to say.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from uuid import UUID

from app.events.following import Following, Step
from app.events.tail import Tail
from domain.errors import Unavailable
from domain.ports import RecordedEvent

_HEARTBEAT_FRAME = b": heartbeat\n"  # no empty line: some clients take that for an event

Note = Callable[[Iterable[RecordedEvent]], None]
"""Is told what the reader was given."""


async def frames(
    tail: Tail, following: Following, credential: UUID | None, note: Note
) -> AsyncIterator[bytes]:
    """What goes over the wire, for ever; ends when the sign-in (`credential`: its id) or the server does."""
    try:
        async with tail.reading(credential) as subscriber:
            while not subscriber.over.is_set():
                step = await following.next(subscriber)
                if chunk := _chunk(step):
                    note(entry.event for entry in step.entries)  # it may be the last that arrives
                    yield chunk
    except Unavailable:
        return  # the client comes back, and is then told why


def _chunk(step: Step) -> bytes:
    """A step as frames; empty if there is nothing to say."""
    if step.entries:
        return b"".join(entry.frame for entry in step.entries)
    if step.mark is None:
        return b""
    if step.mark == "heartbeat":
        return _HEARTBEAT_FRAME
    return b'id: %d\nevent: %b\ndata: {"position":%d}\n\n' % (
        step.position,
        step.mark.encode(),
        step.position,
    )
