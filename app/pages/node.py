"""One phase, objective or task: what stands in it, and every change to it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import cast
from uuid import UUID

from starlette.responses import Response

from app.commands import Done, asset, plan
from app.pages.form import Form
from app.pages.page import Page
from app.pages.scope import Scope, open_scope, visible_tree
from domain.asset import Asset
from domain.asset import Kind as AssetKind
from domain.document import Format
from domain.errors import Conflict, Invalid, NotFound
from domain.plan import PARENT_KIND, Status
from domain.ports import Context
from projections import plan as plan_view
from projections.plan import NodeRow


async def show(page: Page) -> Response:
    """The node with its description, what is inside, and the forms that the reader may use."""
    scope = await open_scope(page)
    node = await plan_view.node(page.system.pool, page.id("node"))
    if node is None or node.process != scope.process.id or not scope.may("view", node.id):
        raise NotFound("no such node")
    return page.render(
        "process/node.html",
        scope=scope,
        node=node,
        children=scope.visible(node.children),
        path=[step for step in node.path if scope.may("view", step.id)],
        places=await _places(page, scope, node),
    )


async def _places(page: Page, scope: Scope, node: NodeRow) -> list[tuple[UUID, str]]:
    """The parents that the node could move under: id and title."""
    wanted = PARENT_KIND[node.kind]
    phases = await visible_tree(page, scope)
    inside = [child for phase in phases for child in phase.children]
    found = [n for n in [*phases, *inside] if n.kind == wanted and scope.may("manage", n.id)]
    return [(n.id, n.title) for n in found]


Change = Callable[[Page, Context, UUID, Form], Awaitable[Done]]


async def _describe(page: Page, context: Context, node: UUID, form: Form) -> Done:
    return await plan.change_node(
        page.system, context, node=node, title=form["title"], description=form["description"]
    )


async def _status(page: Page, context: Context, node: UUID, form: Form) -> Done:
    return await plan.set_status(page.system, context, node=node, status=cast(Status, form["status"]))


async def _move(page: Page, context: Context, node: UUID, form: Form) -> Done:
    return await plan.move_node(page.system, context, node=node, parent=form.uuid("parent", "parent_unfit"))


async def _disable(page: Page, context: Context, node: UUID, form: Form) -> Done:
    return await plan.disable_node(page.system, context, node=node)


async def _restore(page: Page, context: Context, node: UUID, form: Form) -> Done:
    return await plan.restore_node(page.system, context, node=node)


_CHANGES: dict[str, tuple[Change, str]] = {
    "describe": (_describe, "saved"),
    "status": (_status, "status"),
    "move": (_move, "moved"),
    "disable": (_disable, "out"),
    "restore": (_restore, "back"),
}


async def change(page: Page) -> Response:
    """Carry out the change that the path names, and go back to where the form stood."""
    name, process, node = page.request.path_params["change"], page.id("process"), page.id("node")
    if name not in _CHANGES:
        raise NotFound("no such change")
    form = await page.submitted(name)
    run, notice = _CHANGES[name]
    try:
        done = await run(page, page.context(form), node, form)
    except (Invalid, Conflict) as refusal:
        return await show(page.refused(form, refusal))
    if name == "disable":
        return await page.done(done.position, f"/processes/{process}/plan", done=notice, out=node)
    if form["from"] == "plan" or name == "restore":
        return await page.done(done.position, f"/processes/{process}/plan#n-{node}", done=notice)
    return await page.done(done.position, f"/processes/{process}/nodes/{node}", done=notice)


async def add_asset(page: Page) -> Response:
    """Put a document or a link under the node; a new document opens at once."""
    process, node = page.id("process"), page.id("node")
    form = await page.submitted(f"add-{page.request.path_params['kind']}")
    kind = cast(AssetKind, page.request.path_params["kind"])
    try:
        done = await asset.create(
            page.system,
            page.context(form),
            node=node,
            kind=kind,
            title=form["title"],
            format=cast(Format, form["format"] or "richtext"),
            url=form["url"] if kind == "link" else None,
        )
    except (Invalid, Conflict) as refusal:
        return await show(page.refused(form, refusal))
    if done.document is not None:
        return await page.done(done.position, f"/documents/{done.document}")
    return await page.done(done.position, f"/processes/{process}/nodes/{node}", done="added")


async def change_asset(page: Page) -> Response:
    """Rename an asset, take it out of use, or put it back."""
    process, id, name = page.id("process"), page.id("asset"), page.request.path_params["change"]
    form = await page.submitted(f"{name}-{id}")
    found = await page.system.repository.load(Asset, id)
    page.request.path_params["node"] = found.node
    try:
        if name == "rename":
            done = await asset.rename(page.system, page.context(form), asset=id, title=form["title"])
        else:
            run = {"disable": asset.disable, "restore": asset.restore}.get(name)
            if run is None:
                raise NotFound("no such change")
            done = await run(page.system, page.context(form), asset=id)
    except (Invalid, Conflict) as refusal:
        return await show(page.refused(form, refusal))
    notice = {"rename": "saved", "disable": "asset_out", "restore": "asset_back"}[name]
    return await page.done(done.position, f"/processes/{process}/nodes/{found.node}", done=notice, asset=id)
