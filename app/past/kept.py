"""States at earlier positions, kept in the database so that a replay begins near its end.

How far kept states stand apart grows with their size: what is kept never takes much more room than the
events, and what is replayed never much more time than reading the kept state.
"""

from __future__ import annotations

import asyncio
import zlib
from dataclasses import dataclass
from uuid import UUID

from app.database.postgres import Pool

EVERY = 256
"""Events between two kept states, at least."""

BYTES_PER_EVENT = 64
"""Of a state: about what reading it costs against replaying an event."""

_NEAREST = """
SELECT position, version, state FROM past_states
WHERE thing = $1 AND kind = $2 AND code = $3 AND position <= $4 ORDER BY position DESC LIMIT 1
"""
_GENERATION = "SELECT generation FROM past_generation"
_KEEP = """
INSERT INTO past_states (thing, kind, code, position, version, state)
SELECT $1, $2, $3, $4, $5, $6 FROM (SELECT FROM past_generation WHERE generation = $7 FOR SHARE) AS current
ON CONFLICT (thing, kind, position) DO UPDATE SET
    code = excluded.code, version = excluded.version, state = excluded.state, kept_at = excluded.kept_at
WHERE past_states.code <> excluded.code
"""


@dataclass(frozen=True, slots=True)
class Of:
    """Whose states: a thing (a stream, a process), as what (`kind`), made by which code."""

    thing: UUID
    kind: str
    code: str


@dataclass(frozen=True, slots=True)
class Kept:
    """A state as of a position. `version` counts what was replayed to get there."""

    position: int
    version: int
    state: bytes


class KeptStates:
    """The kept states of all things.

    `every` is how many events lie between two of them, at least; `bytes_per_event` how large a state may
    be for each event that lies before the next.
    """

    def __init__(self, pool: Pool, *, every: int = EVERY, bytes_per_event: int = BYTES_PER_EVENT) -> None:
        self._pool = pool
        self._every = every
        self._bytes_per_event = bytes_per_event

    async def generation(self) -> int:
        """To be asked before events are read whose state is to be kept; see `keep`."""
        found: int = await self._pool.fetchval(_GENERATION)
        return found

    async def nearest(self, of: Of, position: int) -> Kept | None:
        """The last state kept up to a position, made by the same code; None also if it is damaged."""
        row = await self._pool.fetchrow(_NEAREST, of.thing, of.kind, of.code, position)
        if row is None:
            return None
        try:
            state = await asyncio.to_thread(zlib.decompress, row["state"])
        except zlib.error:
            return None
        return Kept(row["position"], row["version"], state)

    async def keep(self, of: Of, kept: Kept, generation: int) -> None:
        """Keep a state, unless the log was rewritten since `generation` was asked for."""
        packed = await asyncio.to_thread(zlib.compress, kept.state, 1)
        facts = (of.thing, of.kind, of.code, kept.position, kept.version, packed)
        await self._pool.execute(_KEEP, *facts, generation)

    def apart(self, size: int) -> int:
        """How many events to let pass after a state of so many bytes before the next is kept."""
        return max(self._every, size // self._bytes_per_event)
