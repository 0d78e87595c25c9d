"""Phases, objectives and tasks."""

from __future__ import annotations

from typing import Self
from uuid import UUID

from pydantic import model_validator

from app.api.tree import Step, TreeNode, of_node
from app.api.writing import Written
from app.commands import plan
from app.http.binding import Input
from app.http.endpoint import Call, endpoint, routes_of
from domain.errors import NotFound
from domain.plan import Kind, Status
from projections import plan as view


class NewNode(Input):
    """A phase (no parent), an objective (in a phase) or a task (in an objective).

    It becomes the last among its siblings, or stands just before the sibling `before`.
    """

    kind: Kind
    title: str
    parent: UUID | None = None
    description: str = ""
    before: UUID | None = None


class NodeChange(Input):
    """What to change; what is left out stays."""

    title: str | None = None
    description: str | None = None

    @model_validator(mode="after")
    def _asks_for_something(self) -> Self:
        if self.title is None and self.description is None:
            raise ValueError("give a title, a description, or both")
        return self


class Place(Input):
    """Under which parent (null for a phase), last or just before the sibling `before`."""

    parent: UUID | None
    before: UUID | None = None


class NewStatus(Input):
    """The status of a task."""

    status: Status


class NodeShown(TreeNode):
    """A node with all below it, its process, and the way to it from its phase down."""

    process: UUID
    path: list[Step]


@endpoint("POST", "/api/v1/processes/{process}/nodes", scope="write", status=201, summary="Add to the plan")
async def add(call: Call, process: UUID, body: NewNode) -> Written:
    """Add a phase, objective or task. Needs `manage` where it is added."""
    return Written.of(
        await plan.add_node(
            call.system,
            call.context,
            process=process,
            kind=body.kind,
            title=body.title,
            parent=body.parent,
            description=body.description,
            before=body.before,
        )
    )


@endpoint("GET", "/api/v1/nodes/{node}", scope="read", waits=True, summary="One node of a plan")
async def show(call: Call, node: UUID) -> NodeShown:
    """A node with everything below it that you may view."""
    process = await call.system.repository.process_of(f"node:{node}")
    await call.system.authorization.require(call.person, "view", process, node)
    found = await view.node(call.system.pool, node)
    if found is None:
        raise NotFound("no such node")
    rights = await call.system.authorization.rights_by_node(call.person, process)
    return NodeShown(
        **of_node(found, rights), process=process, path=[Step.model_validate(step) for step in found.path]
    )


@endpoint("PATCH", "/api/v1/nodes/{node}", scope="write", summary="Rename or describe a node")
async def change(call: Call, node: UUID, body: NodeChange) -> Written:
    """Change title or description. Needs `manage`."""
    return Written.of(
        await plan.change_node(
            call.system, call.context, node=node, title=body.title, description=body.description
        )
    )


@endpoint("POST", "/api/v1/nodes/{node}/move", scope="write", summary="Move a node")
async def move(call: Call, node: UUID, body: Place) -> Written:
    """Put a node elsewhere, with all below it. Needs `manage`, here and there."""
    return Written.of(
        await plan.move_node(call.system, call.context, node=node, parent=body.parent, before=body.before)
    )


@endpoint("POST", "/api/v1/nodes/{node}/status", scope="write", summary="Set a task's status")
async def set_status(call: Call, node: UUID, body: NewStatus) -> Written:
    """A task awaits, is in progress, or is finished; what is above it follows. Needs `manage`."""
    return Written.of(await plan.set_status(call.system, call.context, node=node, status=body.status))


@endpoint("POST", "/api/v1/nodes/{node}/disable", scope="write", summary="Take a node out of the plan")
async def disable(call: Call, node: UUID) -> Written:
    """The node and all below it no longer count; it can be restored. Needs `manage`."""
    return Written.of(await plan.disable_node(call.system, call.context, node=node))


@endpoint("POST", "/api/v1/nodes/{node}/restore", scope="write", summary="Bring a node back")
async def restore(call: Call, node: UUID) -> Written:
    """A disabled node counts again. Needs `manage`."""
    return Written.of(await plan.restore_node(call.system, call.context, node=node))


routes = routes_of(add, show, change, move, set_status, disable, restore)
