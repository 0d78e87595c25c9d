"""Carries views along the log: changes and position in one transaction, so exactly once in effect.

All given views move together over one reading of the log. A view that cannot go past an event
drops out just before it and tells; the others go on.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from typing import Any

from domain.catalogue import EVENTS
from domain.ports import EventLog, RecordedEvent
from projections.ports import Args, Change, Connection, Session, Statement, View

BATCH = 1_000
CHANNEL = "interlink_views"
"""Where each transaction that moves views tells it: a JSON object from view name to position."""

_PREPARE_LOCK = 7_035_991_002  # pg_advisory_lock key, arbitrary but fixed
_POSITIONS_DDL = """
CREATE TABLE IF NOT EXISTS views (
    name text PRIMARY KEY,
    version text NOT NULL,
    position bigint NOT NULL,
    updated_at timestamptz NOT NULL,
    failed_position bigint,
    failed_type text,
    failed_error text
)
"""
_NEW = """
INSERT INTO views (name, version, position, updated_at) VALUES ($1, $2, 0, now())
ON CONFLICT (name) DO UPDATE SET version = excluded.version, position = 0, updated_at = excluded.updated_at,
    failed_position = NULL, failed_type = NULL, failed_error = NULL
"""
_EXISTING = "SELECT count(*) FROM unnest($1::text[]) AS t(name) WHERE to_regclass(t.name) IS NOT NULL"
_KNOWN = "SELECT name FROM views"
_LOCK = "SELECT name, version, position FROM views WHERE name = ANY ($1::text[]) ORDER BY name FOR UPDATE"
_ADVANCE = """
UPDATE views SET position = $2, updated_at = now(),
    failed_position = CASE WHEN failed_position > $2 THEN failed_position END,
    failed_type = CASE WHEN failed_position > $2 THEN failed_type END,
    failed_error = CASE WHEN failed_position > $2 THEN failed_error END
WHERE name = ANY ($1::text[])
"""
_FAIL = "UPDATE views SET failed_position = $2, failed_type = $3, failed_error = $4 WHERE name = $1"
_NOTIFY = "SELECT pg_notify($1, $2)"

Failed = Callable[[View, RecordedEvent, Exception], None]
Moved = Callable[[str, int], None]


class Displaced(RuntimeError):
    """The tables are not where this runner left them: restored, rolled back, or of another version."""


async def prepare(session: Session, views: Iterable[View]) -> None:
    """Make what is missing: the table `views`, and the tables of views that were never built or lost some.

    Safe to call from many nodes at once. A view of another version is left as it is, to be rebuilt.
    """
    async with session.transaction():
        await session.execute("SELECT pg_advisory_xact_lock($1)", _PREPARE_LOCK)
        await session.execute(_POSITIONS_DDL)
        known = {row["name"] for row in await session.fetch(_KNOWN)}
        for view in views:
            existing = await session.fetchval(_EXISTING, list(view.tables))
            if view.name not in known or existing < len(view.tables):
                await session.execute(f"DROP TABLE IF EXISTS {', '.join(view.tables)}")
                await session.execute(view.ddl)
                await session.execute(_NEW, view.name, view.version)


class _Run:
    """Equal statements, to be executed together."""

    def __init__(self, statement: Statement) -> None:
        self.statement = statement
        self.rows: list[Args] = []
        self._latest: dict[Args, int] = {}

    def add(self, key: Args, args: Args) -> None:
        known, merge = self._latest.get(key), self.statement.merge
        merged = merge(self.rows[known], args) if known is not None and merge is not None else None
        if known is not None and merged is not None:
            self.rows[known] = merged
        else:
            self._latest[key] = len(self.rows)
            self.rows.append(args)


class _Table:
    """The runs of one table. A change may join an earlier run if no later one touches its key."""

    def __init__(self) -> None:
        self.runs: list[_Run] = []
        self._last: dict[Args, int] = {}

    def add(self, change: Change) -> None:
        key = change.args[: change.statement.key]
        index = self._last.get(key, 0)
        while index < len(self.runs) and self.runs[index].statement is not change.statement:
            index += 1
        if index == len(self.runs):
            self.runs.append(_Run(change.statement))
        self.runs[index].add(key, change.args)
        self._last[key] = index


def collect(changes: Iterable[Change]) -> list[tuple[str, list[Args]]]:
    """Changes as few statements with many argument rows each, to be executed in this order."""
    tables: dict[str, _Table] = {}
    for change in changes:
        tables.setdefault(change.statement.table, _Table()).add(change)
    return [(run.statement.sql, run.rows) for table in tables.values() for run in table.runs]


def changes(views: Mapping[View, int], events: Sequence[RecordedEvent]) -> list[Change]:
    """What the events mean to views that stand at these positions. Each payload is read once."""
    wanted: dict[str, list[tuple[View, int]]] = {}
    for view, position in views.items():
        for type in view.types:
            wanted.setdefault(type, []).append((view, position))
    result: list[Change] = []
    for event in events:
        readers = wanted.get(event.type, ())
        payload = EVENTS.payload(event) if readers else {}
        for view, position in readers:
            if event.position > position:
                result += view.apply(event, payload)
    return result


async def execute(session: Session, found: Iterable[Change]) -> None:
    """Carry changes out on the session's tables."""
    for sql, rows in collect(found):
        await session.executemany(sql, rows)


async def announce(c: Connection, positions: Mapping[str, int]) -> None:
    """Tell all nodes where views stand, once the transaction commits."""
    await c.execute(_NOTIFY, CHANNEL, json.dumps(positions))


async def lock_positions(session: Session, views: Iterable[View]) -> dict[View, int]:
    """Where the views stand, held until the transaction ends; raises Displaced for another version."""
    by_name = {view.name: view for view in views}
    rows = await session.fetch(_LOCK, list(by_name))
    positions = {
        by_name[row["name"]]: int(row["position"])
        for row in rows
        if row["version"] == by_name[row["name"]].version
    }
    if len(positions) < len(by_name):
        raise Displaced("a view has another version, or is gone")
    return positions


class Runner:
    """Some views that move together, on one session.

    `moved` is called after each commit, `failed` for a view that dropped out. An error for which
    `lost` is true says nothing about a view or an event (the database went away): it ends `run`.
    """

    def __init__(
        self,
        session: Session,
        log: EventLog,
        views: Iterable[View],
        *,
        lost: Callable[[Exception], bool],
        moved: Moved,
        failed: Failed,
        batch: int = BATCH,
    ) -> None:
        self._session = session
        self._log = log
        self._running = list(views)
        self._lost = lost
        self._moved = moved
        self._failed = failed
        self._batch = batch

    async def run(self) -> None:
        """Apply what comes, until no view is left. Raises Displaced and whatever `lost` knows."""
        async with self._session.transaction():
            positions = await lock_positions(self._session, self._running)
        for view, position in positions.items():
            self._moved(view.name, position)
        batches = self._log.follow(min(positions.values()))
        try:
            async for events in batches:
                for start in range(0, len(events), self._batch):
                    await self._advance(self._running, events[start : start + self._batch])
                if not self._running:
                    return
        finally:
            await _close(batches)

    async def _advance(self, views: Sequence[View], events: Sequence[RecordedEvent]) -> None:
        """Move views over events; on an error find the view and the event that it is about."""
        views = [view for view in views if view in self._running]
        if not views:
            return
        try:
            await self._commit(views, events)
        except Exception as error:
            if self._lost(error) or isinstance(error, Displaced):
                raise
            if len(views) > 1:
                for view in views:
                    await self._advance([view], events)
            elif len(events) > 1:
                middle = len(events) // 2
                await self._advance(views, events[:middle])
                await self._advance(views, events[middle:])
            else:
                await self._drop(views[0], events[0], error)

    async def _commit(self, views: Sequence[View], events: Sequence[RecordedEvent]) -> None:
        last = events[-1].position
        async with self._session.transaction():
            positions = await lock_positions(self._session, views)
            if min(positions.values()) < events[0].position - 1:
                raise Displaced("a view stands before the events at hand")
            behind = {view: position for view, position in positions.items() if position < last}
            if behind:
                names = [view.name for view in behind]
                await execute(self._session, changes(behind, events))
                await self._session.execute(_ADVANCE, names, last)
                await announce(self._session, dict.fromkeys(names, last))
        for view, position in positions.items():
            self._moved(view.name, max(position, last))

    async def _drop(self, view: View, event: RecordedEvent, error: Exception) -> None:
        self._running.remove(view)
        name = type(error).__name__  # never the message, which may quote the payload
        await self._session.execute(_FAIL, view.name, event.position, event.type, name)
        self._failed(view, event, error)


async def _close(batches: AsyncIterator[Any]) -> None:
    close = getattr(batches, "aclose", None)  # an async generator has it, a plain iterator need not
    if close is not None:
        await close()
