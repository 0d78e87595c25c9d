"""Any view as it was at a log position, of one process: its own `apply`, in tables of its own.

The tables are temporary, carry the view's names, and are gone when the reader is done, so that the same
query functions read the past and the present.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

from app.database.postgres import Pool
from app.past.kept import Kept, KeptStates, Of
from app.past.states import code_of
from domain.ports import EventFilter, EventLog, RecordedEvent
from projections.ports import Session, View
from projections.runner import changes, execute

_CHUNK = 500  # events read at once
_AT_ONCE = 2  # each holds a connection while it needs another one


class PastViews:
    """The pasts of all views. Each has rows of one process only."""

    def __init__(self, pool: Pool, log: EventLog, kept: KeptStates) -> None:
        self._pool = pool
        self._log = log
        self._kept = kept
        self._turns = asyncio.Semaphore(_AT_ONCE)

    @asynccontextmanager
    async def at(self, process: UUID, position: int, *views: View) -> AsyncIterator[Session]:
        """A connection on which these views' tables hold what they held of a process at a position.

        Raises whatever `apply` raises.
        """
        async with self._turns, self._pool.acquire() as connection:
            transaction = connection.transaction()
            await transaction.start()
            try:
                await connection.execute("SET LOCAL search_path TO pg_temp")
                await _Replay(self._log, self._kept, process, connection).run(views, position)
                yield connection
            finally:
                await transaction.rollback()


async def digest(c: Session, *views: View) -> str:
    """SHA-256, in hex, of all rows of the views' tables, whatever their order."""
    found = hashlib.sha256()
    for table in sorted(table for view in views for table in view.tables):
        rows = sorted(row[0] for row in await c.fetch(f"SELECT t::text FROM {table} t"))
        found.update(json.dumps([table, rows]).encode())
    return found.hexdigest()


class _Replay:
    """The rows of one process on their way to a position, on one session."""

    def __init__(self, log: EventLog, kept: KeptStates, process: UUID, session: Session) -> None:
        self._log = log
        self._kept = kept
        self._process = process
        self._session = session
        self._positions: dict[View, int] = {}
        self._since: dict[View, int] = {}  # events that a view took in since its last kept state
        self._apart: dict[View, int] = {}

    async def run(self, views: Sequence[View], position: int) -> None:
        """Make the tables and bring them up to a position."""
        generation = await self._kept.generation()
        for view in views:
            await self._begin(view, position)
        types = tuple(sorted(frozenset[str]().union(*(view.types for view in views))))
        where = EventFilter(types=types, process=self._process)
        after = min(self._positions.values(), default=position)
        while after < position:
            events = await self._log.read(after=after, before=position + 1, limit=_CHUNK, where=where)
            await execute(self._session, changes(self._positions, events))
            if len(events) < _CHUNK:
                # a view that was kept later than others may stand after the last of these events
                self._move(events, events[-1].position if events else after)
                await self._keep(generation)
                return
            after = events[-1].position
            self._move(events, after)
            await self._keep(generation)

    async def _begin(self, view: View, position: int) -> None:
        await self._session.execute(view.ddl)
        kept = await self._kept.nearest(self._of(view), position)
        self._positions[view], self._since[view] = 0, 0
        self._apart[view] = self._kept.apart(len(kept.state) if kept else 0)
        if kept is not None:
            self._positions[view] = kept.position
            for table, rows in json.loads(kept.state).items():
                await self._session.execute(_fill(table), json.dumps(rows))

    def _move(self, events: Sequence[RecordedEvent], to: int) -> None:
        for view, position in self._positions.items():
            mine = (event for event in events if event.type in view.types and event.position > position)
            self._since[view] += sum(1 for _ in mine)
            self._positions[view] = max(position, to)

    async def _keep(self, generation: int) -> None:
        """Keep the views that have come far enough."""
        for view, since in self._since.items():
            if since < self._apart[view]:
                continue
            rows = {table: json.loads(await self._session.fetchval(_rows(table))) for table in view.tables}
            state = json.dumps(rows, separators=(",", ":")).encode()
            kept = Kept(self._positions[view], 0, state)
            await self._kept.keep(self._of(view), kept, generation)
            self._since[view], self._apart[view] = 0, self._kept.apart(len(state))

    def _of(self, view: View) -> Of:
        return Of(self._process, f"view.{view.name}", code_of(view.apply, facts=view.version))


def _rows(table: str) -> str:
    return f"SELECT coalesce(json_agg(t), '[]')::text FROM {table} t"


def _fill(table: str) -> str:
    return f"INSERT INTO {table} SELECT * FROM json_populate_recordset(NULL::{table}, $1::json)"
