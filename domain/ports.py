"""What the domain needs from outside: one append-only event log."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID, uuid4


@dataclass(frozen=True, slots=True)
class Context:
    """Who does something, for whom, and because of what. Ids only: no personal data.

    `command_id` makes an append repeatable: a second append with the same id stores nothing
    and returns the first result.
    """

    actor: UUID | None = None
    on_behalf_of: UUID | None = None
    command_id: UUID = field(default_factory=uuid4)
    correlation_id: UUID | None = None
    causation_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event on its way into the log.

    `version` is the stream version this event must get (first event of a stream: 1), or None
    for "whatever comes next". `payload` is stored byte for byte; `attachment` holds bytes that
    do not belong in JSON (a CRDT update), whose digest the payload names.
    """

    stream: UUID
    type: str
    payload: bytes
    version: int | None = None
    schema_version: int = 1
    attachment: bytes | None = None
    process: UUID | None = None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """An event as the log holds it, at its place for ever.

    `position` is global, contiguous from 1 and in commit order; `recorded_at` (UTC) never
    decreases with position.
    """

    position: int
    event_id: UUID
    stream: UUID
    version: int
    type: str
    schema_version: int
    recorded_at: datetime
    actor: UUID | None
    on_behalf_of: UUID | None
    command_id: UUID
    correlation_id: UUID | None
    causation_id: UUID | None
    process: UUID | None
    tags: tuple[str, ...]
    payload: bytes
    attachment: bytes | None


@dataclass(frozen=True, slots=True)
class AppendCondition:
    """Holds when no event of one of these types carrying all of these tags stands after `after`.

    Empty `types` means any type; empty `tags` means any tags.
    """

    types: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    after: int = 0


@dataclass(frozen=True, slots=True)
class Appended:
    """Where the events of one append stand: positions `first` to `last`, both included.

    `repeated` tells that the command id was known: this is the first result, given again.
    An append of no events answers with the head as `last` and `first = last + 1`.
    """

    first: int
    last: int
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events a reader wants; everything None or empty: all of them.

    A type ending in `.*` is a prefix (`document.*`); an event must carry all of `tags`.
    """

    types: tuple[str, ...] = ()
    stream: UUID | None = None
    process: UUID | None = None
    actor: UUID | None = None
    tags: tuple[str, ...] = ()


Alongside = Callable[[Any], Awaitable[None]]
"""Work that must commit with an append, or not at all; gets the transaction's connection."""


class EventLog(Protocol):
    """One ordered, append-only log."""

    async def append(
        self,
        events: Sequence[NewEvent],
        context: Context,
        *,
        condition: AppendCondition | None = None,
        alongside: Alongside | None = None,
    ) -> Appended:
        """Store `events` together or not at all, durably.

        Returns only after the commit. Cancelling the caller does not cancel the commit.
        Raises VersionConflict (a version is taken or skipped, or the condition fails) and
        Unavailable (queue full, or the database is away and it is certain that nothing was
        stored).
        """
        ...

    async def result_of(self, command_id: UUID) -> Appended | None:
        """What the append of this command id answered (`repeated` set); None if nothing is stored."""
        ...

    async def head(self) -> int:
        """The last committed position; 0 for an empty log."""
        ...

    async def read(
        self,
        *,
        after: int = 0,
        before: int | None = None,
        limit: int = 1000,
        where: EventFilter | None = None,
        backwards: bool = False,
    ) -> Sequence[RecordedEvent]:
        """Events with `after < position < before`, ascending (or descending if `backwards`)."""
        ...

    async def read_stream(
        self, stream: UUID, *, after: int = 0, limit: int | None = None
    ) -> Sequence[RecordedEvent]:
        """Events of one stream with `version > after`, ascending by version."""
        ...

    def follow(
        self, after: int = 0, *, where: EventFilter | None = None
    ) -> AsyncIterator[Sequence[RecordedEvent]]:
        """Batches of committed events after a position, for ever, without polling delay."""
        ...

    async def wait(self, position: int, timeout: float | None = None) -> int:
        """Return the head once it is at least `position`; raises TimeoutError."""
        ...

    async def position_at(self, moment: datetime) -> int:
        """The last position recorded at or before `moment`; 0 if there is none."""
        ...
