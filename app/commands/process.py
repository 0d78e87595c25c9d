"""Starting a process, saying what it is about, and deciding who may do what in it."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from app.commands import Done, new_id, once
from app.system import System
from domain.errors import Forbidden, Invalid
from domain.plan import Plan
from domain.ports import Appended, Context
from domain.process import Process


async def start(
    system: System, context: Context, *, title: str, description: str = "", language: str
) -> Done:
    """Begin a process with an empty plan; the actor administers it. Raises Invalid, Forbidden."""
    actor = context.actor
    if actor is None:
        raise Forbidden("only somebody who has signed in starts a process")
    id = new_id(context, "process")

    async def change() -> Appended:
        process = Process.start(
            id=id,
            title=title,
            description=description,
            language=language,
            administrator=actor,
            permission=new_id(context, "permission"),
        )
        return await system.repository.save(context, process, Plan.open(id), process=id)

    return Done(id, await once(system, context, change))


async def describe(
    system: System,
    context: Context,
    *,
    process: UUID,
    title: str | None = None,
    description: str | None = None,
    language: str | None = None,
) -> Done:
    """Change what is given. Needs `manage`; raises Invalid, Forbidden, NotFound."""

    async def change() -> Appended:
        await system.authorization.require(context.actor, "manage", process)
        found = await system.repository.load(Process, process)
        found.describe(title=title, description=description, language=language)
        return await system.repository.save(context, found, process=process)

    return Done(process, await once(system, context, change))


async def decide_keeping(system: System, context: Context, *, process: UUID, ground: str | None) -> Done:
    """Keep text when its authors are erased, on this ground, or (None) no longer.

    Needs `administer`; raises Invalid, Forbidden, NotFound.
    """

    async def change() -> Appended:
        await system.authorization.require(context.actor, "administer", process)
        found = await system.repository.load(Process, process)
        found.decide_keeping(ground)
        return await system.repository.save(context, found, process=process)

    return Done(process, await once(system, context, change))


async def grant(
    system: System,
    context: Context,
    *,
    process: UUID,
    grantee: UUID,
    rights: Iterable[str],
    node: UUID | None = None,
) -> Done:
    """Give a person rights on the process, or on one node and all below; answers the permission's id.

    Needs `administer`; raises Invalid (also for a person or node that is not known), Forbidden, NotFound.
    """
    permission, wanted = new_id(context, "permission"), list(rights)

    async def change() -> Appended:
        await system.authorization.require(context.actor, "administer", process)
        if not await system.people.names([grantee]):
            raise Invalid("no such person", code="grantee_unknown", field="grantee")
        if node is not None:
            await _check_node(system, process, node)
        found = await system.repository.load(Process, process)
        found.grant(permission=permission, grantee=grantee, rights=wanted, node=node)
        return await system.repository.save(context, found, process=process)

    return Done(permission, await once(system, context, change))


async def revoke(system: System, context: Context, *, permission: UUID) -> Done:
    """Take a grant back. Needs `administer`; raises Forbidden, NotFound, Conflict (last administrator)."""
    process = await system.repository.process_of(f"permission:{permission}")

    async def change() -> Appended:
        await system.authorization.require(context.actor, "administer", process)
        found = await system.repository.load(Process, process)
        found.revoke(permission)
        return await system.repository.save(context, found, process=process)

    return Done(permission, await once(system, context, change))


async def _check_node(system: System, process: UUID, node: UUID) -> None:
    plan = await system.repository.load(Plan, Plan.create_id(process))
    if node not in plan.nodes:
        raise Invalid("no such node in this plan", code="node_unknown", field="node")
