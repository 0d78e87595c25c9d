"""The read models of an export: rows as the live views hold them, and as the events give them when replayed.

A replay runs the views' own `apply` and their own statements, through the code that also runs live, on
SQLite in memory: whoever verifies has no PostgreSQL.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from app.audit.archive import NotAnArchive, strict_json
from app.audit.checks import Check
from app.audit.lines import time_of
from app.audit.records import LogRecord
from app.database.postgres import Pool
from domain.ports import RecordedEvent
from domain.registry import dump
from projections.catalogue import VIEWS
from projections.ports import View
from projections.runner import changes, collect

_BATCH = 500  # events carried out together
_PLACES = ("process", "asset", "document", "thing", "id")  # what says which process a row belongs to
_ANY = "SELECT to_regclass('views') IS NOT NULL"  # a server that never ran made none
_POSITIONS = "SELECT name, version, position FROM views"
_BY_NAME: Mapping[str, View] = {view.name: view for view in VIEWS}


class Replayed:
    """The tables of all views, filled by the events that it is fed with, in the order of the log."""

    def __init__(self, views: Sequence[View] = VIEWS) -> None:
        self.views = views
        self.stopped: int | None = None
        """The first position that could not be applied."""
        self._db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        self._db.create_collation("C", lambda a, b: (a > b) - (a < b))
        self._db.create_function("least", -1, min, deterministic=True)
        self._db.create_function("greatest", -1, max, deterministic=True)
        for view in views:
            self._db.executescript(view.ddl)
        self._waiting: list[RecordedEvent] = []

    def close(self) -> None:
        """Let go of the tables."""
        self._db.close()

    def feed(self, event: RecordedEvent, *, through: Mapping[str, int] | None = None) -> None:
        """Take the next event in. `through`: the position up to which each view goes, by name."""
        if any(through is None or event.position <= through.get(view.name, 0) for view in self.views):
            self._waiting.append(event)
        if len(self._waiting) >= _BATCH:
            self.flush(through=through)

    def flush(self, *, through: Mapping[str, int] | None = None) -> None:
        """Carry out what was fed."""
        events, self._waiting = self._waiting, []
        self._db.execute("BEGIN")
        for view in self.views if self.stopped is None else ():
            end = None if through is None else through.get(view.name, 0)
            mine = [event for event in events if end is None or event.position <= end]
            try:
                for sql, rows in collect(changes({view: 0}, mine)):
                    self._db.executemany(sql, [_bound(row) for row in rows])
            except Exception:  # whatever an unknown or damaged payload makes of a view's code
                self.stopped = mine[0].position if self.stopped is None else self.stopped
        self._db.execute("COMMIT")

    def columns(self, table: str) -> dict[str, str]:
        """The columns of a table, each with its type in the view's DDL."""
        return {row[1]: row[2] for row in self._db.execute(f"PRAGMA table_info({table})")}

    def rows(self) -> Iterator[tuple[View, str, dict[str, Any]]]:
        """View, table and row, as JSON values."""
        for view in self.views:
            for table in view.tables:
                columns = self.columns(table)
                for row in self._db.execute(f"SELECT * FROM {table}"):
                    yield view, table, _plain_row(dict(zip(columns, row, strict=True)), columns)

    def lines(self, positions: Mapping[str, int]) -> list[bytes]:
        """The lines of an export: which views, up to where, and then all their rows in one order."""
        found = (_line(table, row) for view, table, row in self.rows() if view.name in positions)
        return [_header(positions), *sorted(found)]

    def ids(self) -> list[UUID]:
        """Whatever is named in the rows by an id."""
        found = set()
        for _, table, row in self.rows():
            kinds = self.columns(table)
            found |= {value for name, value in row.items() if kinds[name] == "uuid" and value}
        return [UUID(id) for id in sorted(found)]


async def live_lines(log: Pool, process: UUID | None, replayed: Replayed) -> list[bytes]:
    """The lines of an export, of the rows that the live views hold; raises Unavailable.

    Of a process those that belong to it, or to what `replayed` names. A view of another version than
    this code's is left out.
    """
    known_views = await log.fetch(_POSITIONS) if await log.fetchval(_ANY) else []
    versions = {row["name"]: row for row in known_views}
    positions: dict[str, int] = {}
    found: list[bytes] = []
    ids = [] if process is None else [process, *replayed.ids()]
    for view in replayed.views:
        known = versions.get(view.name)
        if known is None or known["version"] != view.version:
            continue
        positions[view.name] = known["position"]
        for table in view.tables:
            columns = replayed.columns(table)
            found += [
                _line(table, _plain_row(dict(row), columns))
                for row in await _live_rows(log, table, columns, process, ids)
            ]
    return [_header(positions), *sorted(found)]


async def _live_rows(
    log: Pool, table: str, columns: Mapping[str, str], process: UUID | None, ids: Sequence[UUID]
) -> Sequence[Any]:
    if process is None:
        return list(await log.fetch(f"SELECT * FROM {table}"))
    place = next(name for name in _PLACES if name in columns)
    wanted = [process] if place == "process" else ids
    return list(await log.fetch(f"SELECT * FROM {table} WHERE {place} = ANY ($1)", wanted))


class ModelsTold:
    """The check that replaying the events gives the read models in an archive."""

    def __init__(self, process: UUID | None, lines: Callable[[], Iterator[bytes]]) -> None:
        """`lines` gives those of the export; raises NotAnArchive."""
        self.check = Check("read models")
        self._process = process
        self._replayed = Replayed()
        self._positions: dict[str, int] = {}
        self._told: Iterator[bytes] = iter(())
        try:
            self._told = lines()
            self._positions = _read_header(next(self._told, b""))
        except NotAnArchive as error:
            self.check.fail(str(error))

    def feed(self, record: LogRecord) -> None:
        """Look at the next record."""
        if self.check.ok and self._process in (None, record.event.process):
            self._replayed.feed(record.event, through=self._positions)

    def results(self) -> list[Check]:
        """What was found, once all records were fed."""
        try:
            if self.check.ok:
                self._replayed.flush(through=self._positions)
                self._compare()
        finally:
            self._replayed.close()
        return [self.check]

    def _compare(self) -> None:
        if self._replayed.stopped is not None:
            self.check.fail("the event can't be applied", self._replayed.stopped)
        try:
            for expected in self._replayed.lines(self._positions)[1:]:
                self.check.seen += 1
                if next(self._told, b"") != expected:
                    self.check.fail(f"{expected[:200].decode(errors='replace')} is not in the archive")
            if next(self._told, None) is not None:
                self.check.fail("the archive has more rows than the events give")
        except NotAnArchive as error:
            self.check.fail(str(error))


def _read_header(line: bytes) -> dict[str, int]:
    positions = strict_json(line).get("positions")
    if not isinstance(positions, dict) or not positions.keys() <= _BY_NAME.keys():
        raise NotAnArchive("it does not say which read models it holds")
    if not all(type(position) is int and position >= 0 for position in positions.values()):
        raise NotAnArchive("it does not say up to where its read models go")
    return positions


def _header(positions: Mapping[str, int]) -> bytes:
    return dump({"positions": positions})


def _line(table: str, row: Mapping[str, Any]) -> bytes:
    return dump({"table": table, "row": row})


def _plain_row(row: Mapping[str, Any], columns: Mapping[str, str]) -> dict[str, Any]:
    return {name: _plain(value, columns[name]) for name, value in row.items()}


def _plain(value: Any, kind: str) -> Any:
    """A value of either database as JSON has it."""
    if value is None:
        return None
    if kind == "boolean":
        return bool(value)
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime):
        return time_of(value)
    return json.loads(value) if isinstance(value, str) and kind in ("jsonb", "text[]") else value


def _bound(row: Sequence[Any]) -> dict[str, Any]:
    """The arguments of a statement by number, as SQLite takes them."""
    return {str(number): _stored(value) for number, value in enumerate(row, 1)}


def _stored(value: Any) -> Any:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime):
        return time_of(value)
    return dump(value).decode() if isinstance(value, list | tuple) else value
