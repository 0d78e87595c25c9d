"""What a person may do, computed from grants. Pure; the one place where rights are decided.

The most specific node wins per grantee (a team, or the person); what the person's grantees allow
is then united. One team's narrower grant never takes away what another team gives.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args
from uuid import UUID

Right = Literal["view", "comment", "suggest", "edit", "delete", "manage", "administer"]
GranteeKind = Literal["person", "team"]

RIGHTS: tuple[Right, ...] = get_args(Right)
ALL: frozenset[Right] = frozenset(RIGHTS)


@dataclass(frozen=True, slots=True)
class Grant:
    """Rights of one grantee on a process (`node` None) or on one node and all below it."""

    permission: UUID
    grantee: UUID
    grantee_kind: GranteeKind
    node: UUID | None
    rights: frozenset[Right]


def effective(
    grants: Iterable[Grant], grantees: Iterable[UUID], path: Sequence[UUID] = ()
) -> frozenset[Right]:
    """The rights that `grantees` (a person and their teams) hold together.

    `path` leads from the phase down to the node asked about; empty asks about the process.
    Whoever administers the process holds every right on every node.
    """
    depth: dict[UUID | None, int] = {None: 0} | {node: i for i, node in enumerate(path, 1)}
    wanted = frozenset(grantees)
    nearest: dict[UUID, int] = {}
    rights: dict[UUID, frozenset[Right]] = {}
    for grant in grants:
        if grant.grantee not in wanted:
            continue
        if "administer" in grant.rights:
            return ALL
        level = depth.get(grant.node)
        if level is None or level < nearest.get(grant.grantee, 0):
            continue
        same = rights.get(grant.grantee, frozenset()) if nearest.get(grant.grantee) == level else frozenset()
        nearest[grant.grantee] = level
        rights[grant.grantee] = same | grant.rights
    return frozenset().union(*rights.values())


def sees_any(grants: Iterable[Grant], grantees: Iterable[UUID]) -> bool:
    """Whether `grantees` may view the process or at least one of its nodes."""
    wanted = frozenset(grantees)
    return any(g.grantee in wanted and not g.rights.isdisjoint(("view", "administer")) for g in grants)
