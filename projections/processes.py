"""The view `processes`: what each process is about, and when something last happened in it."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from domain import text
from domain.access import Access
from domain.catalogue import EVENTS
from domain.payloads import Payloads
from domain.person import Person
from domain.ports import RecordedEvent
from projections import plan
from projections.ports import (
    Change,
    Connection,
    Page,
    Statement,
    View,
    check_limit,
    later,
    page,
    process_of,
    read_cursor,
)

DDL = """
CREATE TABLE view_processes (
    id uuid PRIMARY KEY,
    title text NOT NULL,
    description text NOT NULL,
    language text NOT NULL,
    searchable text NOT NULL,
    started_at timestamptz NOT NULL,
    started_by uuid
);
CREATE TABLE view_process_changes (
    process uuid PRIMARY KEY,
    position bigint NOT NULL,
    changed_at timestamptz NOT NULL
);
CREATE INDEX view_process_changes_position ON view_process_changes (position);
"""

START = Statement(
    "view_processes",
    "INSERT INTO view_processes (id, title, description, language, searchable, started_at, started_by) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7)",
)
DESCRIBE = Statement(
    "view_processes",
    "UPDATE view_processes SET title = $2, description = $3, language = $4, searchable = $5 WHERE id = $1",
    merge=later,
)
TOUCH = Statement(
    "view_process_changes",
    "INSERT INTO view_process_changes (process, position, changed_at) VALUES ($1, $2, $3) "
    "ON CONFLICT (process) DO UPDATE SET position = excluded.position, changed_at = excluded.changed_at",
    merge=later,
)


_ELSEWHERE = (Person, Access, Payloads)  # their events are about no process, or change nothing in it


def apply(event: RecordedEvent, payload: Mapping[str, Any]) -> list[Change]:
    """Every change touches its process, reading does not; two events say what it is about."""
    process = process_of(event)
    changes = [Change(TOUCH, (process, event.position, event.recorded_at))]
    if event.type in ("process.started", "process.described"):
        title = payload["title"]
        told = (process, title, payload["description"], payload["language"], fold(title))
        if event.type == "process.started":
            changes.append(Change(START, (*told, event.recorded_at, event.actor)))
        else:
            changes.append(Change(DESCRIBE, told))
    return changes


VIEW = View(
    name="processes",
    ddl=DDL,
    tables=("view_processes", "view_process_changes"),
    types=frozenset(entry.name for entry in EVENTS if entry.aggregate_class not in _ELSEWHERE),
    apply=apply,
)


@dataclass(frozen=True, slots=True)
class ProcessRow:
    """A process as lists and its own page show it.

    `position` and `changed_at` are those of its newest event; `people` counts who holds a right in
    it; `tasks` and `finished_tasks` count enabled tasks; `progress` is 0 to 100.
    """

    id: UUID
    title: str
    description: str
    language: str
    started_at: datetime
    started_by: UUID | None
    changed_at: datetime
    position: int
    people: int
    tasks: int
    finished_tasks: int
    progress: int


_ROW = """
SELECT p.id, p.title, p.description, p.language, p.started_at, p.started_by, c.changed_at, c.position,
    (SELECT count(DISTINCT g.grantee) FROM view_access_grants g
     WHERE g.process = p.id AND g.grantee_kind = 'person') AS people
FROM view_processes p JOIN view_process_changes c ON c.process = p.id
"""
_MINE = f"""{_ROW}
WHERE p.id IN (SELECT process FROM view_access_grants WHERE grantee = $1)
    AND c.position < $2
    AND ($3::text IS NULL OR p.language = $3 OR starts_with(p.language, $3 || '-'))
    AND p.searchable LIKE ALL ($4::text[])
ORDER BY c.position DESC LIMIT $5
"""
_ONE = f"{_ROW} WHERE p.id = $1"


async def mine(
    c: Connection,
    person: UUID,
    *,
    language: str | None = None,
    search: str = "",
    after: str | None = None,
    limit: int = 50,
) -> Page[ProcessRow]:
    """Processes in which the person holds any right, also on a single node; newest activity first.

    `language` also finds its regional forms (`pt`: `pt-BR`); each word of `search` must stand in
    the title, whatever its case and accents. Raises Invalid for a bad cursor, limit or language.
    """
    check_limit(limit)
    before = read_cursor("processes", after)
    wanted = None if language is None else text.language(language)
    words = [f"%{_escape(word)}%" for word in fold(search).split()]
    rows = await c.fetch(_MINE, person, before, wanted, words, limit + 1)
    return page("processes", await _rows(c, rows), limit, lambda row: row.position)


async def one(c: Connection, process: UUID) -> ProcessRow | None:
    """One process, or None if the view knows none of this id."""
    rows = await _rows(c, await c.fetch(_ONE, process))
    return rows[0] if rows else None


async def _rows(c: Connection, rows: list[Any]) -> list[ProcessRow]:
    totals = await plan.totals(c, [row["id"] for row in rows])
    return [ProcessRow(**row, **totals[row["id"]]._asdict()) for row in rows]


def fold(value: str) -> str:
    """A text without case, accents and what cannot be printed, to be searched."""
    decomposed = unicodedata.normalize("NFKD", value.casefold())
    kept = (c if c.isprintable() else " " for c in decomposed if not unicodedata.combining(c))
    return "".join(kept)


def _escape(word: str) -> str:
    return word.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
