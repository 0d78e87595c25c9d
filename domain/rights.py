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


def deciding(grants: Iterable[Grant], grantees: Iterable[UUID], path: Sequence[UUID] = ()) -> list[Grant]:
    """The grants from which the rights of `grantees` follow; see `effective`."""
    wanted = frozenset(grantees)
    theirs = [grant for grant in grants if grant.grantee in wanted]
    if administering := [grant for grant in theirs if "administer" in grant.rights]:
        return administering
    depth: dict[UUID | None, int] = {None: 0} | {node: i for i, node in enumerate(path, 1)}
    on_the_way = [grant for grant in theirs if grant.node in depth]
    nearest: dict[UUID, int] = {}
    for grant in on_the_way:
        nearest[grant.grantee] = max(depth[grant.node], nearest.get(grant.grantee, 0))
    return [grant for grant in on_the_way if depth[grant.node] == nearest[grant.grantee]]


def effective(
    grants: Iterable[Grant], grantees: Iterable[UUID], path: Sequence[UUID] = ()
) -> frozenset[Right]:
    """The rights that `grantees` (a person and their teams) hold together.

    `path` leads from the phase down to the node asked about; empty asks about the process.
    Whoever administers the process holds every right on every node.
    """
    held = frozenset[Right]().union(*(grant.rights for grant in deciding(grants, grantees, path)))
    return ALL if "administer" in held else held


def sees_any(grants: Iterable[Grant], grantees: Iterable[UUID]) -> bool:
    """Whether `grantees` may view the process or at least one of its nodes."""
    wanted = frozenset(grantees)
    return any(g.grantee in wanted and not g.rights.isdisjoint(("view", "administer")) for g in grants)
