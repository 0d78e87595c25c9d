"""The view `access`: who holds which rights on which process or node.

For lists and for people to see. Whether somebody may do something is decided by
app/authorization.py from the log itself, never from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from domain.ports import RecordedEvent
from domain.rights import RIGHTS, Grant, GranteeKind, Right, effective
from projections.ports import Change, Connection, Statement, View, later, process_of

DDL = """
CREATE TABLE view_access_grants (
    permission uuid PRIMARY KEY,
    process uuid NOT NULL,
    grantee uuid NOT NULL,
    grantee_kind text NOT NULL,
    node uuid,
    rights text[] NOT NULL,
    position bigint NOT NULL,
    granted_at timestamptz NOT NULL,
    granted_by uuid
);
CREATE INDEX view_access_grants_grantee ON view_access_grants (grantee, process);
CREATE INDEX view_access_grants_process ON view_access_grants (process, position);
"""

GRANT = Statement(
    "view_access_grants",
    "INSERT INTO view_access_grants "
    "(permission, process, grantee, grantee_kind, node, rights, position, granted_at, granted_by) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (permission) DO UPDATE SET "
    "process = excluded.process, grantee = excluded.grantee, grantee_kind = excluded.grantee_kind, "
    "node = excluded.node, rights = excluded.rights, position = excluded.position, "
    "granted_at = excluded.granted_at, granted_by = excluded.granted_by",
    merge=later,
)
REVOKE = Statement("view_access_grants", "DELETE FROM view_access_grants WHERE permission = $1", merge=later)


def apply(event: RecordedEvent, payload: Mapping[str, Any]) -> list[Change]:
    """A grant comes or goes."""
    if event.type == "process.right_revoked":
        return [Change(REVOKE, (payload["permission"],))]
    facts = (payload[name] for name in ("grantee", "grantee_kind", "node", "rights"))
    told = (event.position, event.recorded_at, event.actor)
    return [Change(GRANT, (payload["permission"], process_of(event), *facts, *told))]


VIEW = View(
    name="access",
    ddl=DDL,
    tables=("view_access_grants",),
    types=frozenset({"process.right_granted", "process.right_revoked"}),
    apply=apply,
)


@dataclass(frozen=True, slots=True)
class GrantRow:
    """Rights that somebody holds, on the process (`node` None) or on one node and all below it."""

    permission: UUID
    grantee: UUID
    grantee_kind: GranteeKind
    node: UUID | None
    rights: tuple[Right, ...]
    granted_at: datetime
    granted_by: UUID | None


@dataclass(frozen=True, slots=True)
class PersonRow:
    """A person in a process: their rights on the whole of it, and the nodes with grants of their own."""

    person: UUID
    rights: tuple[Right, ...]
    nodes: tuple[UUID, ...]


_GRANTS = """
SELECT permission, grantee, grantee_kind, node, rights, granted_at, granted_by
FROM view_access_grants WHERE process = $1 ORDER BY position
"""


async def grants(c: Connection, process: UUID) -> list[GrantRow]:
    """The grants of a process, oldest first."""
    rows = await c.fetch(_GRANTS, process)
    return [GrantRow(**{**row, "rights": tuple(row["rights"])}) for row in rows]


async def who(c: Connection, process: UUID) -> list[PersonRow]:
    """The persons who hold any right in a process, in the order in which they first got one."""
    held: dict[UUID, list[GrantRow]] = {}
    for row in await grants(c, process):
        if row.grantee_kind == "person":
            held.setdefault(row.grantee, []).append(row)
    return [_person(person, rows) for person, rows in held.items()]


def _person(person: UUID, rows: list[GrantRow]) -> PersonRow:
    allowed = effective(
        [Grant(r.permission, r.grantee, r.grantee_kind, r.node, frozenset(r.rights)) for r in rows], [person]
    )
    nodes = tuple(dict.fromkeys(r.node for r in rows if r.node is not None))
    return PersonRow(person, tuple(right for right in RIGHTS if right in allowed), nodes)
