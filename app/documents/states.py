"""Document states kept in PostgreSQL, from which earlier moments are replayed.

They lie with the kept states of aggregates and views, and go like those: in the transaction that rewrites
events. Those of a document go too when an epoch of it ends, or when a burst of it is set aside or released
(migration 0015). Their key names code and epoch, so that none outlives what it was made by and of.
"""

from __future__ import annotations

from importlib.metadata import version
from uuid import UUID

from app.database.postgres import Pool
from app.documents.postgres import EPOCH
from app.past.kept import Kept, KeptStates, Of
from app.past.states import code_of
from realtime.crdt import Replica
from realtime.history.deliveries import Log
from realtime.history.states import PastState, PastStates

EVERY = 64
"""Bursts between two kept states, at least."""

KIND = "document"
_BYTES_PER_BURST = 1024  # of a state: packed, about half of what a burst takes in the log


class DocumentStates:
    """The Keeper of document histories. `every`: how many bursts lie between two kept states, at least."""

    def __init__(self, pool: Pool, *, every: int = EVERY) -> None:
        self._pool = pool
        self._kept = KeptStates(pool, every=every, bytes_per_event=_BYTES_PER_BURST)
        self._code = code_of(PastStates, Log, Replica, facts=[version("pycrdt")])

    async def of(self, document: UUID) -> _Kept:
        """The kept states of a document in its epoch, as long as no event is rewritten."""
        generation = await self._kept.generation()
        epoch = await self._pool.fetchval(EPOCH, document)
        return _Kept(self._kept, Of(document, KIND, f"{self._code}.{epoch}"), generation)


class _Kept:
    """The kept states of one document. A state holds all it was made of: its `version` counts nothing."""

    def __init__(self, kept: KeptStates, of: Of, generation: int) -> None:
        self._kept = kept
        self._of = of
        self._generation = generation
        self.apart = kept.apart

    async def nearest(self, position: int) -> PastState | None:
        found = await self._kept.nearest(self._of, position)
        return PastState(found.position, found.state) if found else None

    async def keep(self, state: PastState) -> None:
        await self._kept.keep(self._of, Kept(state.moment, 0, state.update), self._generation)
