"""The view `activity`: what happened, told one row per event worth telling.

Bursts of editing are gathered as they arrive: one person's bursts in one document make one *sitting*
as long as each begins no later than 30 minutes after the sitting's last one ended, whoever else
writes there meanwhile. A sitting stands where its newest burst stands.

Rows hold ids only. Titles are kept with the position from which they hold, so that a row is shown
with the titles of its time; names of persons are joined by the caller and are never stored here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from domain.ports import RecordedEvent
from projections.ports import (
    Args,
    Change,
    Connection,
    Page,
    Statement,
    View,
    check_limit,
    page,
    process_of,
    read_cursor,
)

SITTING_GAP = timedelta(minutes=30)

DDL = """
CREATE TABLE view_activity (
    position bigint NOT NULL,
    at timestamptz NOT NULL,
    process uuid NOT NULL,
    actor uuid,
    type text NOT NULL,
    node uuid,
    asset uuid,
    data jsonb NOT NULL,
    PRIMARY KEY (process, position)
);
CREATE TABLE view_activity_sittings (
    first bigint PRIMARY KEY,
    document uuid NOT NULL,
    actor uuid,
    process uuid NOT NULL,
    position bigint NOT NULL,
    at timestamptz NOT NULL,
    began timestamptz NOT NULL,
    ended timestamptz NOT NULL,
    bursts bigint NOT NULL,
    edits bigint NOT NULL,
    inserted bigint NOT NULL,
    deleted bigint NOT NULL
);
CREATE INDEX view_activity_sittings_process ON view_activity_sittings (process, position);
CREATE INDEX view_activity_sittings_document ON view_activity_sittings (document, position);
CREATE TABLE view_activity_titles (
    thing uuid NOT NULL,
    position bigint NOT NULL,
    title text NOT NULL,
    PRIMARY KEY (thing, position)
);
CREATE TABLE view_activity_assets (asset uuid PRIMARY KEY, node uuid NOT NULL, document uuid);
CREATE INDEX view_activity_assets_document ON view_activity_assets (document);
"""

TELL = Statement(
    "view_activity",
    "INSERT INTO view_activity (position, at, process, actor, type, node, asset, data) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
)
TITLE = Statement(
    "view_activity_titles",
    "INSERT INTO view_activity_titles (thing, position, title) VALUES ($1, $2, $3)",
    key=2,
)
PLACE = Statement(
    "view_activity_assets",
    "INSERT INTO view_activity_assets (asset, node, document) VALUES ($1, $2, $3)",
)


def _continue(first: Args, second: Args) -> Args | None:
    """Two bursts of one person in one document as one, if the second continues the first.

    What decides whether they join an earlier sitting stays what the first began soon enough after ($6).
    """
    document, actor, process, start, _, joining, _, began, ended, *counts = first
    if second[5] > ended:
        return None
    position, at = second[4], second[6]
    span = (min(began, second[7]), max(ended, second[8]))
    sums = (a + b for a, b in zip(counts, second[9:], strict=True))
    return (document, actor, process, start, position, joining, at, *span, *sums)


SIT = Statement(
    "view_activity_sittings",
    """
    INSERT INTO view_activity_sittings AS sitting
        (document, actor, process, first, position, at, began, ended, bursts, edits, inserted, deleted)
    SELECT $1, $2, $3, coalesce(
            (SELECT last.first FROM (
                SELECT s.first, s.ended FROM view_activity_sittings s
                WHERE s.document = $1 AND s.actor IS NOT DISTINCT FROM $2
                ORDER BY s.position DESC LIMIT 1) last
             WHERE $6 <= last.ended),
            $4),
        $5, $7, $8, $9, $10, $11, $12, $13
    ON CONFLICT (first) DO UPDATE SET
        position = excluded.position, at = excluded.at,
        began = least(sitting.began, excluded.began), ended = greatest(sitting.ended, excluded.ended),
        bursts = sitting.bursts + excluded.bursts, edits = sitting.edits + excluded.edits,
        inserted = sitting.inserted + excluded.inserted, deleted = sitting.deleted + excluded.deleted
    """,
    key=2,
    merge=_continue,
)

_SUBJECT = {"process": "process", "plan": "node", "asset": "asset"}
_TOLD = {  # what of the payload a reader needs, besides titles
    "process.started": (),
    "process.described": (),
    "process.right_granted": ("permission", "grantee", "grantee_kind", "rights"),
    "process.right_revoked": ("permission", "grantee", "grantee_kind"),
    "process.keeping_decided": ("ground",),
    "plan.node_added": ("kind",),
    "plan.node_renamed": (),
    "plan.node_described": (),
    "plan.node_moved": ("parent",),
    "plan.task_status_set": ("status",),
    "plan.node_disabled": (),
    "plan.node_restored": (),
    "asset.created": ("kind",),
    "asset.renamed": (),
    "asset.disabled": (),
    "asset.restored": (),
}


def apply(event: RecordedEvent, payload: Mapping[str, Any]) -> list[Change]:
    """What an event adds to the story, and the titles it gives."""
    if event.type == "document.edited":
        return [Change(SIT, _burst(event, payload))]
    asset = str(event.stream) if event.type.startswith("asset.") else None
    node = payload.get("node")
    changes: list[Change] = []
    if "title" in payload:
        thing = asset or node or str(event.stream)
        changes.append(Change(TITLE, (thing, event.position, payload["title"])))
    if event.type == "asset.created":
        changes.append(Change(PLACE, (asset, node, payload["document"])))
    if not _is_founding(event, payload):
        data = json.dumps({name: payload[name] for name in _TOLD[event.type]}, sort_keys=True)
        row = (event.position, event.recorded_at, process_of(event), event.actor, event.type)
        changes.append(Change(TELL, (*row, node, asset, data)))
    return changes


def _is_founding(event: RecordedEvent, payload: Mapping[str, Any]) -> bool:
    """Whether a grant is the one that makes a process's creator its administrator: no news of its own."""
    is_grant = event.type == "process.right_granted" and event.version == 2
    return is_grant and payload["grantee"] == str(event.actor)


def _burst(event: RecordedEvent, payload: Mapping[str, Any]) -> Args:
    began = datetime.fromisoformat(payload["began"])
    ended = datetime.fromisoformat(payload["ended"])
    place = (event.stream, event.actor, process_of(event), event.position, event.position)
    counts = (1, payload["edits"], payload["inserted"], payload["deleted"])
    return (*place, began - SITTING_GAP, event.recorded_at, began, ended, *counts)


VIEW = View(
    name="activity",
    ddl=DDL,
    tables=("view_activity", "view_activity_sittings", "view_activity_titles", "view_activity_assets"),
    types=frozenset(_TOLD) | {"document.edited"},
    apply=apply,
)


@dataclass(frozen=True, slots=True)
class ActivityRow:
    """One thing that happened; titles are those of that time.

    `data` by `type`: `process.right_granted` permission, grantee, grantee_kind, rights;
    `process.right_revoked` permission, grantee, grantee_kind; `process.keeping_decided` ground (or null);
    `plan.node_added` and `asset.created`
    kind; `plan.node_moved` parent and parent_title; `plan.task_status_set` status; `document.edited`
    began and ended (RFC 3339), bursts, edits, inserted, deleted (UTF-16 units and other CRDT items);
    `*_renamed` and `process.described` previous_title.
    """

    position: int
    at: datetime
    actor: UUID | None
    type: str
    process: UUID
    process_title: str
    node: UUID | None
    node_title: str | None
    asset: UUID | None
    asset_title: str | None
    document: UUID | None
    data: dict[str, Any]


_UTC = """to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
_SITTING_COLUMNS = f"""s.position, s.at, s.process, s.actor, 'document.edited', NULL::uuid, a.asset,
    jsonb_build_object('began', {_UTC.format("s.began")}, 'ended', {_UTC.format("s.ended")},
        'bursts', s.bursts, 'edits', s.edits, 'inserted', s.inserted, 'deleted', s.deleted)"""

_SHOWN = """
SELECT t.position, t.at, t.actor, t.type, t.process, t.asset, t.data, a.document,
    coalesce(t.node, a.node) AS node,
    (SELECT title FROM view_activity_titles WHERE thing = t.process AND position <= t.position
     ORDER BY position DESC LIMIT 1) AS process_title,
    (SELECT title FROM view_activity_titles WHERE thing = coalesce(t.node, a.node)
     AND position <= t.position ORDER BY position DESC LIMIT 1) AS node_title,
    (SELECT title FROM view_activity_titles WHERE thing = t.asset AND position <= t.position
     ORDER BY position DESC LIMIT 1) AS asset_title,
    (SELECT title FROM view_activity_titles WHERE thing = (t.data ->> 'parent')::uuid
     AND position <= t.position ORDER BY position DESC LIMIT 1) AS parent_title,
    (SELECT title FROM view_activity_titles WHERE thing = coalesce(t.asset, t.node, t.process)
     AND position < t.position ORDER BY position DESC LIMIT 1) AS previous_title
FROM told t LEFT JOIN view_activity_assets a ON a.asset = t.asset
ORDER BY t.position DESC
"""

_OF_PROCESS = f"""
WITH told AS (
    (SELECT position, at, process, actor, type, node, asset, data FROM view_activity
     WHERE process = $1 AND position < $2 ORDER BY position DESC LIMIT $3)
    UNION ALL
    (SELECT {_SITTING_COLUMNS} FROM view_activity_sittings s
     LEFT JOIN view_activity_assets a ON a.document = s.document
     WHERE s.process = $1 AND s.position < $2 ORDER BY s.position DESC LIMIT $3)
    ORDER BY position DESC LIMIT $3
)
{_SHOWN}
"""

# A grant on the process shows all of it; grants on single nodes show what lies at and below them.
_OF_PERSON = f"""
WITH RECURSIVE mine AS (
    SELECT process, bool_or(node IS NULL) AS whole FROM view_access_grants WHERE grantee = $1 GROUP BY process
), visible AS (
    SELECT node FROM view_access_grants WHERE grantee = $1 AND node IS NOT NULL
    UNION
    SELECT n.id FROM view_plan_nodes n JOIN visible v ON n.parent = v.node
), told AS (
    SELECT t.* FROM mine, LATERAL (
        (SELECT v.position, v.at, v.process, v.actor, v.type, v.node, v.asset, v.data FROM view_activity v
         LEFT JOIN view_activity_assets a ON a.asset = v.asset
         WHERE v.process = mine.process AND v.position < $2
            AND (mine.whole OR coalesce(v.node, a.node) IN (SELECT node FROM visible))
         ORDER BY v.position DESC LIMIT $3)
        UNION ALL
        (SELECT {_SITTING_COLUMNS} FROM view_activity_sittings s
         LEFT JOIN view_activity_assets a ON a.document = s.document
         WHERE s.process = mine.process AND s.position < $2
            AND (mine.whole OR a.node IN (SELECT node FROM visible))
         ORDER BY s.position DESC LIMIT $3)
    ) t
    ORDER BY t.position DESC LIMIT $3
)
{_SHOWN}
"""

# Bursts are gathered into sittings: one alone, and what else is said of documents, comes from the event.
_OF_EVENTS = f"""
WITH told AS (
    SELECT position, at, process, actor, type, node, asset, data FROM view_activity
    WHERE process = $1 AND position = ANY ($2::bigint[])
    UNION ALL
    SELECT e.position, e.at, $1, e.actor, e.type, NULL::uuid, a.asset, e.data::jsonb
    FROM unnest($3::bigint[], $4::timestamptz[], $5::uuid[], $6::text[], $7::uuid[], $8::text[])
        AS e (position, at, actor, type, document, data)
    JOIN view_activity_assets a ON a.document = e.document
)
{_SHOWN}
"""

_FIRST_TITLES = """
SELECT DISTINCT ON (thing) thing, title FROM view_activity_titles
WHERE thing = ANY ($1::uuid[]) ORDER BY thing, position
"""


async def of_events(c: Connection, process: UUID, events: Sequence[RecordedEvent]) -> dict[int, ActivityRow]:
    """What is told of each of these events of a process, by position; a burst of editing by itself."""
    of_documents = [event for event in events if event.type.startswith("document.")]
    facts = [[e.position, e.recorded_at, e.actor, e.type, e.stream] for e in of_documents]
    columns = [list(column) for column in zip(*facts, strict=True)] or [[]] * 5
    data = [event.payload.decode() for event in of_documents]
    rows = await c.fetch(_OF_EVENTS, process, [event.position for event in events], *columns, data)
    found = {row["position"]: _row(row) for row in rows}
    untitled = {row.asset for row in found.values() if row.asset is not None and row.asset_title is None}
    if untitled:  # a document comes into the log just before the asset that gives it a title
        first = {row["thing"]: row["title"] for row in await c.fetch(_FIRST_TITLES, list(untitled))}
        for position, row in found.items():
            if row.asset in first and row.asset_title is None:
                found[position] = replace(row, asset_title=first[row.asset])
    return found


async def of_process(
    c: Connection, process: UUID, *, before: str | None = None, limit: int = 50
) -> Page[ActivityRow]:
    """What happened in a process, newest first; raises Invalid for a bad cursor or limit."""
    return await _page(c, _OF_PROCESS, process, before, limit)


async def of_person(
    c: Connection, person: UUID, *, before: str | None = None, limit: int = 50
) -> Page[ActivityRow]:
    """What happened, newest first, wherever the person holds a right; raises Invalid likewise."""
    return await _page(c, _OF_PERSON, person, before, limit)


async def _page(c: Connection, sql: str, whose: UUID, before: str | None, limit: int) -> Page[ActivityRow]:
    check_limit(limit)
    rows = await c.fetch(sql, whose, read_cursor("activity", before), limit + 1)
    return page("activity", [_row(row) for row in rows], limit, lambda row: row.position)


def _row(row: Any) -> ActivityRow:
    facts = dict(row)
    data: dict[str, Any] = json.loads(facts.pop("data"))
    parent_title, previous_title = facts.pop("parent_title"), facts.pop("previous_title")
    if row["type"] == "plan.node_moved":
        data["parent_title"] = parent_title
    if row["type"] in ("plan.node_renamed", "asset.renamed", "process.described"):
        data["previous_title"] = previous_title
    return ActivityRow(**facts, data=data)
