"""Builds a view anew beside the live one, in the schema `rebuild`, and puts it in its place.

Readers see the old tables up to one moment and the new ones from then on. The live writer, in
whichever process it runs, waits for that moment at the view's row in `views`, then goes on from
the position that it finds there.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress

from domain.errors import Conflict, Unavailable
from domain.ports import EventFilter, EventLog
from projections.ports import Session, View
from projections.runner import BATCH, announce, changes, execute

Progress = Callable[[int, int], None]
"""Told how many events of how many are done."""

_LOCK = 703_599_103  # first half of an advisory lock's key, arbitrary but fixed; the second is the view's
_PATIENCE = 200  # attempts to get hold of the live tables
_BEGINNINGS = 20
_LOCK_NOT_AVAILABLE, _DEADLOCK = "55P03", "40P01"
_CLAIM = "SELECT pg_try_advisory_lock($1, hashtext($2))"
_GENERATION = "SELECT generation FROM past_generation"
_SAME_GENERATION = "SELECT generation = $1 FROM past_generation FOR SHARE"
_POSITION = "SELECT position FROM views WHERE name = $1 FOR UPDATE"
_SWITCHED = """
UPDATE views SET version = $2, position = $3, updated_at = now(),
    failed_position = NULL, failed_type = NULL, failed_error = NULL
WHERE name = $1
"""


class _Rewritten(Exception):
    """The log is not what it was when the rebuild began."""


class Rebuild:
    """One rebuild of one view, on a session to be closed afterwards: it keeps a lock and a search path."""

    def __init__(self, session: Session, log: EventLog, view: View, progress: Progress | None = None) -> None:
        self._session = session
        self._log = log
        self._view = view
        self._progress = progress or (lambda done, total: None)
        self._schema = "public"

    async def run(self) -> int:
        """Rebuild and switch; returns the position of the new tables.

        Raises Conflict if another rebuild of this view runs, Unavailable if readers never let go of
        the old tables or the log is rewritten again and again, and whatever `apply` raises; the live
        view is then as it was.
        """
        if not await self._session.fetchval(_CLAIM, _LOCK, self._view.name):
            raise Conflict("this view is being rebuilt already", code="rebuild_running")
        self._schema = await self._session.fetchval("SELECT quote_ident(current_schema())")
        for _ in range(_BEGINNINGS):
            generation = await self._session.fetchval(_GENERATION)
            await self._lay_out()
            with suppress(_Rewritten):
                return await self._switch(await self._catch_up(), generation)
        raise Unavailable("the log is being rewritten")

    async def _lay_out(self) -> None:
        await self._session.execute("CREATE SCHEMA IF NOT EXISTS rebuild")
        await self._session.execute(f"SET search_path TO rebuild, {self._schema}")
        async with self._session.transaction():
            for table in self._view.tables:
                await self._session.execute(f"DROP TABLE IF EXISTS rebuild.{table}")
            await self._session.execute(self._view.ddl)

    async def _catch_up(self) -> int:
        """Apply the log from its beginning to what is its head at the end; returns the position."""
        position, head = 0, await self._log.head()
        self._progress(0, head)
        while position < head:
            async with self._session.transaction():
                position = await self._step(position, head)
            self._progress(position, head)
            if position == head:
                head = await self._log.head()
        return position

    async def _step(self, position: int, head: int) -> int:
        where = EventFilter(types=tuple(sorted(self._view.types)))
        events = await self._log.read(after=position, before=head + 1, limit=BATCH, where=where)
        await execute(self._session, changes({self._view: position}, events))
        return events[-1].position if len(events) == BATCH else head

    async def _switch(self, position: int, generation: int) -> int:
        for _ in range(_PATIENCE):
            try:
                return await self._try_switch(position, generation)
            except Exception as error:
                if getattr(error, "sqlstate", None) not in (_LOCK_NOT_AVAILABLE, _DEADLOCK):
                    raise
            await asyncio.sleep(random.uniform(0.01, 0.1))
        raise Unavailable("the old tables are in use without end")

    async def _try_switch(self, position: int, generation: int) -> int:
        """Stop the live writer, pass it, exchange the tables; all in one transaction."""
        view = self._view
        async with self._session.transaction():
            # Readers who hold one table and want the next must never wait for us and we for them
            # until the deadlock detector comes: we are the one to give up, and try again.
            await self._session.execute("SET LOCAL lock_timeout = '300ms'")
            if not await self._session.fetchval(_SAME_GENERATION, generation):
                raise _Rewritten
            live = await self._session.fetchval(_POSITION, view.name)
            while position < live:
                position = await self._step(position, live)
            tables = ", ".join(f"{self._schema}.{table}" for table in view.tables)
            await self._session.execute(f"DROP TABLE IF EXISTS {tables}")
            for table in view.tables:
                await self._session.execute(f"ALTER TABLE rebuild.{table} SET SCHEMA {self._schema}")
            await self._session.execute(_SWITCHED, view.name, view.version, position)
            await announce(self._session, {view.name: position})
        return position
