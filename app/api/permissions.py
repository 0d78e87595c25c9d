"""Who may do what in a process, and why."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import Field

from app.api.writing import Items, Output, Written
from app.commands import process as commands
from app.http.binding import Input
from app.http.endpoint import Call, endpoint, routes_of
from domain.errors import NotFound
from domain.plan import Plan
from domain.process import Process
from domain.rights import RIGHTS, Grant, GranteeKind, Right
from projections import access


class Grantee(Input):
    """Who gets rights."""

    person: UUID


class NewPermission(Input):
    """Rights for somebody, on the whole process or on one node and all below it."""

    grantee: Grantee
    rights: list[str] = Field(min_length=1, max_length=20)
    node: UUID | None = None


class Permission(Output):
    """Rights that somebody holds, on the process (`node` null) or on one node and all below it."""

    id: UUID = Field(validation_alias="permission")
    grantee: UUID
    grantee_kind: GranteeKind
    node: UUID | None
    rights: list[Right]
    granted: datetime = Field(validation_alias="granted_at")
    granted_by: UUID | None


class Question(Input):
    """May this person (you, unless named) do this with the process, or with this node?"""

    right: Right
    person: UUID | None = None
    node: UUID | None = None


Role = Literal["decides", "overridden", "elsewhere"]


class Reason(Output):
    """A grant of the person, and its part in the answer.

    `decides`: the answer follows from it. `overridden`: a grant nearer to the node counts instead.
    `elsewhere`: it is for another part of the plan.
    """

    permission: UUID
    node: UUID | None
    rights: list[Right]
    role: Role


class Answer(Output):
    """Whether the person holds the right, all rights they hold there, and the grants that say so."""

    allowed: bool
    person: UUID
    node: UUID | None
    right: Right
    rights: list[Right]
    reasons: list[Reason]


@endpoint("POST", "/api/v1/processes/{process}/permissions", scope="write", status=201, summary="Give rights")
async def grant(call: Call, process: UUID, body: NewPermission) -> Written:
    """Give a person rights. Needs `administer`. Answers the id of the permission."""
    return Written.of(
        await commands.grant(
            call.system,
            call.context,
            process=process,
            grantee=body.grantee.person,
            rights=body.rights,
            node=body.node,
        )
    )


@endpoint(
    "GET", "/api/v1/processes/{process}/permissions", scope="read", waits=True, summary="Who holds rights"
)
async def list_(call: Call, process: UUID) -> Items[Permission]:
    """All grants of a process, oldest first: whoever takes part may know who decides."""
    await call.system.authorization.require(call.person, "view", process)
    rows = await access.grants(call.system.pool, process)
    return Items(items=[Permission.model_validate(row) for row in rows])


@endpoint("DELETE", "/api/v1/permissions/{permission}", scope="write", summary="Take rights back")
async def revoke(call: Call, permission: UUID) -> Written:
    """Revoke a permission; live connections follow at once. Needs `administer`."""
    return Written.of(await commands.revoke(call.system, call.context, permission=permission))


@endpoint("GET", "/api/v1/processes/{process}/why", scope="read", summary="Why may somebody do something")
async def why(call: Call, process: UUID, query: Question) -> Answer:
    """Explain a right from the grants, as they stand in the log."""
    system, person = call.system, query.person or call.person
    await system.authorization.require(call.person, "view", process, query.node)
    path: tuple[UUID, ...] = ()
    if query.node is not None:
        plan = await system.repository.load(Plan, Plan.create_id(process))
        if query.node not in plan.nodes:
            raise NotFound("no such node")
        path = plan.path(query.node)
    grants = [
        g for g in (await system.repository.load(Process, process)).grants.values() if g.grantee == person
    ]
    held = await system.authorization.rights(person, process, query.node)
    return Answer(
        allowed=query.right in held,
        person=person,
        node=query.node,
        right=query.right,
        rights=_ordered(held),
        reasons=[
            Reason(permission=g.permission, node=g.node, rights=_ordered(g.rights), role=role)
            for g, role in _roles(grants, path, query.right)
        ],
    )


def _roles(grants: list[Grant], path: tuple[UUID, ...], right: Right) -> list[tuple[Grant, Role]]:
    """The part that each grant of one grantee has in the answer, after `domain.rights`."""
    on_the_way: list[UUID | None] = [None, *path]
    administers = any("administer" in g.rights for g in grants)
    nearest = max((on_the_way.index(g.node) for g in grants if g.node in on_the_way), default=0)

    def role(g: Grant) -> Role:
        if administers:
            return "decides" if "administer" in g.rights else "overridden"
        if g.node in on_the_way:
            return "decides" if on_the_way.index(g.node) == nearest else "overridden"
        opens_process = right == "view" and not path and "view" in g.rights
        return "decides" if opens_process else "elsewhere"

    return [(g, role(g)) for g in grants]


def _ordered(rights: frozenset[Right]) -> list[Right]:
    return [right for right in RIGHTS if right in rights]


routes = routes_of(grant, list_, revoke, why)
