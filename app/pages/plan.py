"""The plan as a tree, and adding to it."""

from __future__ import annotations

from typing import cast
from uuid import UUID

from starlette.responses import Response

from app.commands import plan as plans
from app.pages.page import Page
from app.pages.scope import open_scope, visible_tree
from domain.errors import Conflict, Invalid
from domain.plan import Kind, Plan, Status

NEXT_STATUS: dict[Status, Status] = {
    "awaiting": "in_progress",
    "in_progress": "finished",
    "finished": "in_progress",
}


async def show(page: Page) -> Response:
    """The tree, with what the reader may change; `?disabled=1` also shows what was taken out."""
    scope = await open_scope(page)
    disabled = page.query("disabled") == "1"
    return page.render(
        "process/plan.html",
        scope=scope,
        tree=await visible_tree(page, scope, disabled=disabled),
        disabled=disabled,
        next_status=NEXT_STATUS,
        undo=_undo(page),
    )


async def add(page: Page) -> Response:
    """Add a phase, or an objective or task below another node."""
    process, parent = page.id("process"), page.request.query_params.get("parent", "")
    form = await page.submitted(f"add-{parent or 'phase'}")
    try:
        done = await plans.add_node(
            page.system,
            page.context(form),
            process=process,
            kind=cast(Kind, form["kind"]),
            title=form["title"],
            parent=form.uuid("parent", "parent_unfit"),
        )
    except (Invalid, Conflict) as refusal:
        return await show(page.refused(form, refusal))
    return await page.done(done.position, f"/processes/{process}/plan#n-{done.id}", done="added")


async def shift(page: Page) -> Response:
    """Move a node one place up or down among its siblings; at the end it stays where it is."""
    process, node = page.id("process"), page.id("node")
    await page.system.authorization.require(page.person, "manage", process, node)
    form = await page.submitted("shift")
    plan = await page.system.repository.load(Plan, Plan.create_id(process))
    found = plan.find(node)
    siblings = [n.id for n in plan.children(found.parent) if n.enabled or n.id == node]
    at = siblings.index(node)
    before: UUID | None
    if form["to"] == "up" and at > 0:
        before = siblings[at - 1]
    elif form["to"] == "down" and at + 1 < len(siblings):
        before = siblings[at + 2] if at + 2 < len(siblings) else None
    else:
        return await page.done(0, f"/processes/{process}/plan#n-{node}")
    done = await plans.move_node(
        page.system, page.context(form), node=node, parent=found.parent, before=before
    )
    return await page.done(done.position, f"/processes/{process}/plan#n-{node}", done="moved")


def _undo(page: Page) -> UUID | None:
    """The node that was just taken out, which the notice offers to bring back."""
    try:
        return UUID(page.query("out") or "")
    except ValueError:
        return None
