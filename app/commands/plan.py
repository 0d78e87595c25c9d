"""Changing the plan: phases, objectives, tasks. All need the right to `manage`.

A node is asked about where it stands, so that somebody who manages one phase can work inside it.
"""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from app.commands import Done, new_id, once
from app.system import System
from domain.plan import Kind, Plan, Status
from domain.ports import Appended, Context


async def add_node(
    system: System,
    context: Context,
    *,
    process: UUID,
    kind: Kind,
    title: str,
    parent: UUID | None = None,
    description: str = "",
    before: UUID | None = None,
) -> Done:
    """Add a phase, an objective or a task, last or just before a sibling.

    Needs `manage` on `parent` (on the process for a phase).
    Raises Invalid, Forbidden, NotFound, Conflict (the parent is disabled).
    """
    node = new_id(context, "plan.node")

    async def change() -> Appended:
        await system.authorization.require(context.actor, "manage", process, parent)
        plan = await system.repository.load(Plan, Plan.create_id(process))
        plan.add(node=node, kind=kind, title=title, parent=parent, description=description, before=before)
        return await system.repository.save(context, plan, process=process)

    return Done(node, await once(system, context, change))


async def change_node(
    system: System, context: Context, *, node: UUID, title: str | None = None, description: str | None = None
) -> Done:
    """Change what is given; raises Invalid, Forbidden, NotFound."""

    def change(plan: Plan) -> None:
        if title is not None:
            plan.rename(node, title)
        if description is not None:
            plan.describe(node, description)

    return await _change(system, context, node, change)


async def move_node(
    system: System, context: Context, *, node: UUID, parent: UUID | None, before: UUID | None = None
) -> Done:
    """Put a node under `parent`, last or just before a sibling. Needs `manage` in both places.

    Raises Invalid, Forbidden, NotFound, Conflict (the parent is disabled).
    """
    process = await system.repository.process_of(f"node:{node}")

    async def change() -> Appended:
        await system.authorization.require(context.actor, "manage", process, node)
        await system.authorization.require(context.actor, "manage", process, parent)
        plan = await system.repository.load(Plan, Plan.create_id(process))
        plan.move(node, parent=parent, before=before)
        return await system.repository.save(context, plan, process=process)

    return Done(node, await once(system, context, change))


async def set_status(system: System, context: Context, *, node: UUID, status: Status) -> Done:
    """Set a task's status; raises Invalid (not a task), Forbidden, NotFound, Conflict (disabled)."""
    return await _change(system, context, node, lambda plan: plan.set_status(node, status))


async def disable_node(system: System, context: Context, *, node: UUID) -> Done:
    """Take a node and all below it out of the plan; raises Forbidden, NotFound."""
    return await _change(system, context, node, lambda plan: plan.disable(node))


async def restore_node(system: System, context: Context, *, node: UUID) -> Done:
    """Bring a disabled node back; raises Forbidden, NotFound."""
    return await _change(system, context, node, lambda plan: plan.restore(node))


async def _change(system: System, context: Context, node: UUID, apply: Callable[[Plan], None]) -> Done:
    process = await system.repository.process_of(f"node:{node}")

    async def change() -> Appended:
        await system.authorization.require(context.actor, "manage", process, node)
        plan = await system.repository.load(Plan, Plan.create_id(process))
        apply(plan)
        return await system.repository.save(context, plan, process=process)

    return Done(node, await once(system, context, change))
