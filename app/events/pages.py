"""One page of the log for one reader: bounded in events, in bytes, and in what is looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol
from uuid import UUID

from app.events.access import EventAccess
from app.system import System
from domain.ports import EventFilter, RecordedEvent

LOOKED_AT = 10_000  # events
BYTES = 8 * 1024 * 1024
_AT_ONCE = 1024 * 1024  # bytes that one look at the log should bring
_FIRST, _MOST = 200, 500  # events that it asks for


class Range(Protocol):
    """Which part of the log, from which end, and how many events at most."""

    @property
    def after(self) -> int: ...
    @property
    def before(self) -> int | None: ...
    @property
    def limit(self) -> int: ...
    @property
    def direction(self) -> Literal["forwards", "backwards"]: ...


@dataclass(frozen=True, slots=True)
class Page:
    """Events in the order of reading, and the position up to which everything was looked at.

    `more` tells that there is more to look at already.
    """

    events: list[RecordedEvent]
    position: int
    more: bool


class Pace:
    """How many events to ask the log for at once: many small ones, few large ones."""

    def __init__(self) -> None:
        self.events = _FIRST

    def heard(self, events: Sequence[RecordedEvent]) -> None:
        """These came; the next ones are likely to be about as large."""
        if events:
            average = sum(map(size_of, events)) // len(events) + 1
            self.events = max(1, min(2 * self.events, _MOST, _AT_ONCE // average))


def size_of(event: RecordedEvent) -> int:
    """The bytes that an event holds."""
    return len(event.payload) + len(event.attachment or b"")


async def read_page(system: System, person: UUID, where: EventFilter, wanted: Range) -> Page:
    """What the person may see of a range of the log; raises Unavailable."""
    access, pace = EventAccess(system, person), Pace()
    backwards = wanted.direction == "backwards"
    head = await system.log.head()
    low, high = wanted.after, head + 1 if wanted.before is None else min(wanted.before, head + 1)
    found: list[RecordedEvent] = []
    looked_at = size = 0
    while low + 1 < high:
        asked = min(pace.events, max(_FIRST, wanted.limit))
        chunk = await system.log.read(after=low, before=high, limit=asked, where=where, backwards=backwards)
        pace.heard(chunk)
        for event in chunk:
            low, high = (low, event.position) if backwards else (event.position, high)
            looked_at += 1
            if await access.may_see(event):
                found.append(event)
                size += size_of(event)
            if len(found) == wanted.limit or size >= BYTES or looked_at >= LOOKED_AT:
                return Page(found, high if backwards else low, True)
        if len(chunk) < asked:
            break
    # nothing is left: forwards, go on from where this looked; backwards, there is nothing before
    return Page(found, low + 1 if backwards else max(low, high - 1), False)
