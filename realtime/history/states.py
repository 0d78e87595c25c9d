"""A document's content as of a log position, replayed by the engine from the nearest kept state.

A state is kept of a whole moment only (see `Log`): it holds every id that the log held then, so that
its clocks alone tell what later bursts may lean on. Kept states are a cache. Without them, or if one
can't be read, the replay begins at the first burst and gives the same content.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from realtime import crdt
from realtime.crdt import EngineError, Replica
from realtime.history.deliveries import Log
from realtime.history.structs import decode
from realtime.ports import Sealed
from realtime.update import EMPTY

_AT_ONCE = 2  # replays, each in a thread; more would be felt in open rooms


@dataclass(frozen=True, slots=True)
class PastState:
    """Everything up to a whole moment, a log position (0: nothing yet), as a Yjs update (format v1)."""

    moment: int
    update: bytes


NOTHING = PastState(0, EMPTY)


class Bursts(Protocol):
    """What is replayed: the part of a DocumentStore that it needs."""

    def bursts(self, document: UUID, *, after: int, through: int) -> AsyncIterator[Sequence[Sealed]]:
        """The bursts after a log position up to another, ascending, in pages."""
        ...


class KeptStates(Protocol):
    """Where states of one document are kept, as long as what they are made of stays as it is."""

    async def nearest(self, position: int) -> PastState | None:
        """The last one kept of a moment up to a position."""
        ...

    async def keep(self, state: PastState) -> None:
        """Keep one, unless stored bursts were replaced since these kept states were asked for."""
        ...

    def apart(self, size: int) -> int:
        """How many bursts to let pass after a state of so many bytes before the next is kept."""
        ...


class Keeper(Protocol):
    """Where states of all documents are kept."""

    async def of(self, document: UUID) -> KeptStates:
        """To be asked for before bursts are read whose state may be kept."""
        ...


class PastStates:
    """The states of documents at earlier moments. With no `keeper`, each is replayed from the first burst."""

    def __init__(self, store: Bursts, keeper: Keeper | None = None) -> None:
        self._store = store
        self._keeper = keeper
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def at(self, document: UUID, position: int) -> PastState:
        """The state at the last whole moment up to a position.

        Raises Malformed or EngineError if something stored can't be read.
        """
        async with self._turns:
            kept = await self._keeper.of(document) if self._keeper else None
            found = await kept.nearest(position) if kept else None
            try:
                return await self._replayed(document, position, kept, found or NOTHING)
            except EngineError:
                if found is None:
                    raise
            return await self._replayed(document, position, None, NOTHING)  # what was kept may be damaged

    async def _replayed(
        self, document: UUID, position: int, kept: KeptStates | None, start: PastState
    ) -> PastState:
        replay: _Replay | None = None
        since, apart = 0, kept.apart(len(start.update)) if kept else 0
        async for page in self._store.bursts(document, after=start.moment, through=position):
            for bursts in _parts(page, apart):
                if replay is None:
                    replay = await asyncio.to_thread(_Replay, start)
                await asyncio.to_thread(replay.feed, bursts)
                since += len(bursts)
                if kept and since >= apart and replay.moment > start.moment:
                    start = await asyncio.to_thread(replay.state)
                    await kept.keep(start)
                    since, apart = 0, kept.apart(len(start.update))
        if replay is None or replay.moment == start.moment:
            return start
        return await asyncio.to_thread(replay.state)


class _Replay:
    """A replica on its way from one whole moment to others."""

    def __init__(self, start: PastState) -> None:
        self._replica = Replica()
        if start.moment:
            self._replica.apply(start.update)
        self._log = Log(self._replica.clocks())
        self._group: list[bytes] = []  # bursts that lean on what did not come yet
        self.moment = start.moment

    def feed(self, bursts: Sequence[Sealed]) -> None:
        """Take in the next bursts; those that lean on each other are merged first."""
        for burst in bursts:
            self._group.append(burst.update)
            if self._log.note(burst.position, *decode(burst.update)):
                self._replica.apply(crdt.merge(self._group))
                self._group.clear()
                self.moment = burst.position

    def state(self) -> PastState:
        return PastState(self.moment, self._replica.state())


def _parts(page: Sequence[Sealed], size: int) -> Iterator[Sequence[Sealed]]:
    """A page in parts after which a state may be kept; size 0: all in one."""
    step = size or len(page) or 1
    for start in range(0, len(page), step):
        yield page[start : start + step]
