"""The view `documents`: live documents with their place, who edited them when, and their named versions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from domain.document import Format
from domain.ports import RecordedEvent
from projections.ports import (
    Args,
    Change,
    Connection,
    Page,
    Statement,
    View,
    check_limit,
    overlay,
    page,
    process_of,
    read_cursor,
)

DDL = """
CREATE TABLE view_documents (
    id uuid PRIMARY KEY,
    process uuid NOT NULL,
    asset uuid NOT NULL,
    position bigint NOT NULL,
    format text NOT NULL,
    language text NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE INDEX view_documents_process ON view_documents (process, position);
CREATE TABLE view_document_assets (
    asset uuid PRIMARY KEY,
    node uuid NOT NULL,
    title text NOT NULL,
    enabled boolean NOT NULL
);
CREATE TABLE view_document_edits (
    document uuid PRIMARY KEY,
    edits bigint NOT NULL,
    edited_at timestamptz NOT NULL,
    edited_by uuid
);
CREATE TABLE view_document_bursts (
    position bigint NOT NULL,
    document uuid NOT NULL,
    author uuid,
    began timestamptz NOT NULL,
    ended timestamptz NOT NULL,
    edits bigint NOT NULL,
    inserted bigint NOT NULL,
    deleted bigint NOT NULL,
    PRIMARY KEY (document, position)
);
CREATE TABLE view_document_versions (
    id uuid PRIMARY KEY,
    document uuid NOT NULL,
    position bigint NOT NULL,
    through bigint NOT NULL,
    name text NOT NULL,
    reason text NOT NULL,
    author uuid,
    at timestamptz NOT NULL
);
CREATE INDEX view_document_versions_document ON view_document_versions (document, position);
CREATE TABLE view_document_restorations (
    position bigint NOT NULL,
    document uuid NOT NULL,
    through bigint NOT NULL,
    version uuid,
    author uuid,
    at timestamptz NOT NULL,
    PRIMARY KEY (document, position)
);
"""

CREATE = Statement(
    "view_documents",
    "INSERT INTO view_documents (id, process, asset, position, format, language, created_at) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7)",
)
PLACE = Statement(
    "view_document_assets",
    "INSERT INTO view_document_assets (asset, node, title, enabled) VALUES ($1, $2, $3, true)",
)
CHANGE_ASSET = Statement(
    "view_document_assets",
    "UPDATE view_document_assets SET title = coalesce($2, title), enabled = coalesce($3, enabled) "
    "WHERE asset = $1",
    merge=overlay,
)
BURST = Statement(
    "view_document_bursts",
    "INSERT INTO view_document_bursts (position, document, author, began, ended, edits, inserted, deleted) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
)
COUNT = Statement(
    "view_document_edits",
    "INSERT INTO view_document_edits AS sum (document, edits, edited_at, edited_by) VALUES ($1, $2, $3, $4) "
    "ON CONFLICT (document) DO UPDATE SET edits = sum.edits + excluded.edits, "
    "edited_at = excluded.edited_at, edited_by = excluded.edited_by",
    merge=lambda first, second: (first[0], first[1] + second[1], *second[2:]),
)

NAME = Statement(
    "view_document_versions",
    "INSERT INTO view_document_versions (id, document, position, through, name, reason, author, at) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
)
RESTORE = Statement(
    "view_document_restorations",
    "INSERT INTO view_document_restorations (position, document, through, version, author, at) "
    "VALUES ($1, $2, $3, $4, $5, $6)",
)


def apply(event: RecordedEvent, payload: Mapping[str, Any]) -> list[Change]:
    """What a document event, or one of its asset, changes."""
    if event.type == "document.edited":
        return _burst(event, payload)
    if event.type == "document.created":
        told = (payload["asset"], event.position, payload["format"], payload["language"], event.recorded_at)
        return [Change(CREATE, (event.stream, process_of(event), *told))]
    if event.type == "document.version_named":
        named = (payload["through"], payload["name"], payload["reason"], event.actor, event.recorded_at)
        return [Change(NAME, (payload["version"], event.stream, event.position, *named))]
    if event.type == "document.restored":
        what = (payload["through"], payload["version"], event.actor, event.recorded_at)
        return [Change(RESTORE, (event.position, event.stream, *what))]
    if event.type == "asset.created":
        if payload["document"] is None:
            return []
        return [Change(PLACE, (event.stream, payload["node"], payload["title"]))]
    # Of an asset that is no document, this finds no row.
    enabled = {"asset.disabled": False, "asset.restored": True}.get(event.type)
    return [Change(CHANGE_ASSET, (event.stream, payload.get("title"), enabled))]


def _burst(event: RecordedEvent, payload: Mapping[str, Any]) -> list[Change]:
    began = datetime.fromisoformat(payload["began"])
    ended = datetime.fromisoformat(payload["ended"])
    counts = (payload["edits"], payload["inserted"], payload["deleted"])
    row: Args = (event.position, event.stream, event.actor, began, ended, *counts)
    return [Change(BURST, row), Change(COUNT, (event.stream, payload["edits"], ended, event.actor))]


VIEW = View(
    name="documents",
    ddl=DDL,
    tables=(
        "view_documents",
        "view_document_assets",
        "view_document_edits",
        "view_document_bursts",
        "view_document_versions",
        "view_document_restorations",
    ),
    types=frozenset(
        {
            "document.created",
            "document.edited",
            "document.version_named",
            "document.restored",
            "asset.created",
            "asset.renamed",
            "asset.disabled",
            "asset.restored",
        }
    ),
    apply=apply,
)


@dataclass(frozen=True, slots=True)
class DocumentRow:
    """A live document. `enabled` asks its asset, its node and all above; `edits` counts single edits.

    `edited_at` and `edited_by` tell of the newest edit in the log; None if there is none.
    """

    id: UUID
    asset: UUID
    process: UUID
    node: UUID
    title: str
    format: Format
    language: str
    enabled: bool
    created_at: datetime
    edits: int
    edited_at: datetime | None
    edited_by: UUID | None


@dataclass(frozen=True, slots=True)
class BurstRow:
    """One person's burst of editing, from `began` to `ended`.

    `added` and `removed` count UTF-16 units and other CRDT items; `edits` the single updates.
    """

    position: int
    author: UUID | None
    began: datetime
    ended: datetime
    edits: int
    added: int
    removed: int


@dataclass(frozen=True, slots=True)
class VersionRow:
    """A named version: the content at log position `through`, named at `position` by `author`."""

    id: UUID
    position: int
    through: int
    name: str
    reason: str
    author: UUID | None
    at: datetime


@dataclass(frozen=True, slots=True)
class MomentRow:
    """Something that happened to a document's text: `edited` (a burst), `named` or `restored`.

    `through` is the position of the content that it is about: for a burst its own. `added` and
    `removed` are a burst's; `version`, `name` and `reason` are a named version's, or of the one restored.
    """

    position: int
    kind: Literal["edited", "named", "restored"]
    author: UUID | None
    began: datetime
    at: datetime
    added: int
    removed: int
    through: int
    version: UUID | None
    name: str
    reason: str


_ROW = """
SELECT d.id, d.asset, d.process, a.node, a.title, d.format, d.language, d.created_at,
    coalesce(e.edits, 0) AS edits, e.edited_at, e.edited_by,
    a.enabled AND coalesce(task.enabled, true) AND coalesce(objective.enabled, true)
        AND coalesce(phase.enabled, true) AS enabled
FROM view_documents d
JOIN view_document_assets a ON a.asset = d.asset
LEFT JOIN view_document_edits e ON e.document = d.id
LEFT JOIN view_plan_nodes task ON task.id = a.node
LEFT JOIN view_plan_nodes objective ON objective.id = task.parent
LEFT JOIN view_plan_nodes phase ON phase.id = objective.parent
"""
_OF_PROCESS = f"{_ROW} WHERE d.process = $1 ORDER BY d.position"
_ONE = f"{_ROW} WHERE d.id = $1"
_HISTORY = """
SELECT position, author, began, ended, edits, inserted AS added, deleted AS removed
FROM view_document_bursts WHERE document = $1 AND position < $2 ORDER BY position DESC LIMIT $3
"""

_VERSIONS = """
SELECT id, position, through, name, reason, author, at
FROM view_document_versions WHERE document = $1 AND position < $2 ORDER BY position DESC LIMIT $3
"""
_MOMENTS = """
(SELECT position, 'edited' AS kind, author, began, ended AS at, inserted AS added, deleted AS removed,
    position AS through, NULL::uuid AS version, '' AS name, '' AS reason
 FROM view_document_bursts WHERE document = $1 AND position < $2 ORDER BY position DESC LIMIT $3)
UNION ALL
(SELECT position, 'named', author, at, at, 0, 0, through, id, name, reason
 FROM view_document_versions WHERE document = $1 AND position < $2 ORDER BY position DESC LIMIT $3)
UNION ALL
(SELECT r.position, 'restored', r.author, r.at, r.at, 0, 0, r.through, r.version,
    coalesce(v.name, ''), coalesce(v.reason, '')
 FROM view_document_restorations r LEFT JOIN view_document_versions v ON v.id = r.version
 WHERE r.document = $1 AND r.position < $2 ORDER BY r.position DESC LIMIT $3)
ORDER BY position DESC LIMIT $3
"""


async def of_process(c: Connection, process: UUID) -> list[DocumentRow]:
    """The documents of a process, oldest first, disabled ones too."""
    return [DocumentRow(**row) for row in await c.fetch(_OF_PROCESS, process)]


async def one(c: Connection, document: UUID) -> DocumentRow | None:
    """One document, or None if the view knows none of this id."""
    row = await c.fetchrow(_ONE, document)
    return None if row is None else DocumentRow(**row)


async def history(
    c: Connection, document: UUID, *, before: str | None = None, limit: int = 50
) -> Page[BurstRow]:
    """The bursts of a document, newest first; raises Invalid for a bad cursor or limit."""
    check_limit(limit)
    rows = await c.fetch(_HISTORY, document, read_cursor("history", before), limit + 1)
    return page("history", [BurstRow(**row) for row in rows], limit, lambda row: row.position)


async def versions(
    c: Connection, document: UUID, *, before: str | None = None, limit: int = 50
) -> Page[VersionRow]:
    """The named versions of a document, newest first; raises Invalid for a bad cursor or limit."""
    check_limit(limit)
    rows = await c.fetch(_VERSIONS, document, read_cursor("versions", before), limit + 1)
    return page("versions", [VersionRow(**row) for row in rows], limit, lambda row: row.position)


async def moments(
    c: Connection, document: UUID, *, before: str | None = None, limit: int = 50
) -> Page[MomentRow]:
    """Bursts, named versions and restorations, newest first; raises Invalid for a bad cursor or limit."""
    check_limit(limit)
    rows = await c.fetch(_MOMENTS, document, read_cursor("moments", before), limit + 1)
    return page("moments", [MomentRow(**row) for row in rows], limit, lambda row: row.position)
