"""Any aggregate as it was at a log position, by the code that also runs live."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from eventsourcing.domain import Aggregate

from app.database.postgres import Pool
from app.eventlog.versions import version_at
from app.past import states
from app.past.kept import Kept, KeptStates, Of
from domain.catalogue import EVENTS
from domain.errors import NotFound
from domain.ports import EventLog, RecordedEvent
from domain.registry import EventType

_CHUNK = 200  # events read at once
_AT_ONCE = 2  # replays; more would be felt by everybody else


@dataclass(frozen=True, slots=True)
class PastState:
    """An aggregate at the last event of its stream up to a moment: that event's version, position, time.

    `type` is what its event types begin with, such as `plan`.
    """

    stream: UUID
    type: str
    version: int
    position: int
    recorded_at: datetime
    aggregate: Aggregate

    @property
    def state(self) -> dict[str, Any]:
        """What it says, as JSON values."""
        return states.plain(self.aggregate)


class PastAggregates:
    """The pasts of all aggregates in a log."""

    def __init__(self, pool: Pool, log: EventLog, kept: KeptStates) -> None:
        self._pool = pool
        self._log = log
        self._kept = kept
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def ends(self, stream: UUID, position: int) -> tuple[RecordedEvent, RecordedEvent]:
        """The first event of a stream, and the last one up to a position; raises NotFound."""
        version = await self._version(stream, position)
        first = await self._log.read_stream(stream, limit=1)
        return first[0], (await self._log.read_stream(stream, after=version - 1, limit=1))[0]

    async def at(self, stream: UUID, position: int) -> PastState:
        """The aggregate as it was after everything up to a position; raises NotFound if it was not yet.

        Raises UnknownEventType if its events are of a kind that this code does not know.
        """
        version = await self._version(stream, position)
        async with self._turns:
            first = (await self._log.read_stream(stream, limit=1))[0]
            replay = _Replay(self._log, self._kept, EVENTS[first.type], stream)
            await replay.run(version, position)
        assert replay.aggregate is not None
        return PastState(
            stream=stream,
            type=first.type.partition(".")[0],
            version=version,
            position=replay.position,
            recorded_at=replay.aggregate.modified_on,
            aggregate=replay.aggregate,
        )

    async def _version(self, stream: UUID, position: int) -> int:
        version = await version_at(self._pool, stream, position)
        if not version:
            raise NotFound("nothing of this id was there at that moment")
        return version


class _Replay:
    """One aggregate on its way from the nearest kept state to a version."""

    def __init__(self, log: EventLog, kept: KeptStates, entry: EventType, stream: UUID) -> None:
        cls = entry.aggregate_class
        self._log = log
        self._kept = kept
        self._cls = cls
        self._of = Of(stream, f"aggregate.{entry.name.partition('.')[0]}", states.code_of_aggregate(cls))
        self.aggregate: Aggregate | None = None
        self.position = 0
        self._version = 0
        self._next = 0  # the version to be kept next

    async def run(self, version: int, position: int) -> None:
        """Up to a version, which stands at or before the position."""
        generation = await self._kept.generation()
        found = await self._kept.nearest(self._of, position)
        if found is not None:
            self.aggregate = states.decode(self._cls, found.state)
            self.position, self._version = found.position, found.version
        self._next = self._version + self._kept.apart(len(found.state) if found else 0)
        while self._version < version:
            limit = min(_CHUNK, version - self._version)
            for event in await self._log.read_stream(self._of.thing, after=self._version, limit=limit):
                self.aggregate = EVENTS.decode(event).mutate(self.aggregate)
                self.position, self._version = event.position, event.version
                if self._version >= self._next:
                    await self._keep(generation)

    async def _keep(self, generation: int) -> None:
        assert self.aggregate is not None
        try:
            state = states.encode(self.aggregate)
        except states.NotKept:
            self._next = self._version + self._kept.apart(0)
            return
        await self._kept.keep(self._of, Kept(self.position, self._version, state), generation)
        self._next = self._version + self._kept.apart(len(state))
