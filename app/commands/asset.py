"""What a part of the plan produces or uses: documents and links."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from app.commands import Done, new_id, once
from app.system import System
from domain.asset import Asset, Kind
from domain.document import Document, Format
from domain.plan import Plan
from domain.ports import Appended, Context, EventFilter
from domain.process import Process
from domain.rights import Right


async def create(
    system: System,
    context: Context,
    *,
    node: UUID,
    kind: Kind,
    title: str,
    format: Format = "richtext",
    url: str | None = None,
    language: str | None = None,
) -> Done:
    """Put a document or a link under a node; a document's language is the process's unless given.

    The first asset that a task ever gets starts it: if it is awaiting, it is in progress from the
    same append on. Needs `edit`; raises Invalid, Forbidden, NotFound, Conflict (the node is disabled).
    """
    process = await system.repository.process_of(f"node:{node}")
    id = new_id(context, "asset")
    document = new_id(context, "document") if kind == "document" else None

    async def change() -> Appended:
        await system.authorization.require(context.actor, "edit", process, node)
        asset = Asset.create(
            id=id, process=process, node=node, kind=kind, title=title, document=document, url=url
        )
        plan = await system.repository.load(Plan, Plan.create_id(process))
        plan.check_enabled(node)
        if await _is_first(system, node):
            plan.begin(node)
        new: list[Asset | Document] = [asset]
        if document is not None:
            chosen = language or (await system.repository.load(Process, process)).language
            new.insert(
                0,
                Document.create(id=document, process=process, asset=id, format=format, language=chosen),
            )
        return await system.repository.save(context, *new, plan, process=process)

    return Done(id, await once(system, context, change), document)


async def rename(system: System, context: Context, *, asset: UUID, title: str) -> Done:
    """Give an asset another title. Needs `edit`; raises Invalid, Forbidden, NotFound."""
    return await _change(system, context, asset, "edit", lambda found: found.rename(title))


async def disable(system: System, context: Context, *, asset: UUID) -> Done:
    """Take an asset out of use. Needs `delete`; raises Forbidden, NotFound."""
    return await _change(system, context, asset, "delete", lambda found: found.disable())


async def restore(system: System, context: Context, *, asset: UUID) -> Done:
    """Put an asset back into use. Needs `delete`; raises Forbidden, NotFound."""
    return await _change(system, context, asset, "delete", lambda found: found.restore())


async def _is_first(system: System, node: UUID) -> bool:
    """Whether the node never had an asset, as the log knows it: `asset.created` is tagged with its node.

    Two first assets at once both find none; both then write the plan, so one of them is run again.
    """
    where = EventFilter(types=("asset.created",), tags=(f"node:{node}",))
    return not await system.log.read(where=where, limit=1)


async def _change(
    system: System, context: Context, asset: UUID, right: Right, apply: Callable[[Asset], None]
) -> Done:
    async def change() -> Appended:
        found = await system.repository.load(Asset, asset)
        await system.authorization.require(context.actor, right, found.process, found.node)
        apply(found)
        return await system.repository.save(context, found, process=found.process)

    return Done(asset, await once(system, context, change))
