"""The pages of one process: what it is about, what happened, and starting a new one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from starlette.responses import Response

from app.commands import process as processes
from app.pages.page import Page
from app.pages.scope import open_scope, visible_activity, visible_tree
from app.pages.sentences import tell
from domain.errors import Conflict, Invalid
from domain.plan import STATUSES, Status
from projections import documents
from projections.plan import TreeNode

NEWS = 8
ACTIVITY_SHOWN = 40


async def overview(page: Page) -> Response:
    """Progress with the table behind it, documents, and the newest activity."""
    scope = await open_scope(page)
    tree = await visible_tree(page, scope)
    news, _ = await visible_activity(page, scope, limit=NEWS)
    found = await documents.of_process(page.system.pool, scope.process.id)
    return page.render(
        "process/overview.html",
        scope=scope,
        tree=tree,
        counts={node.id: _statuses([node]) for node in tree},
        total=_statuses(tree),
        documents=[row for row in found if row.enabled and scope.may("view", row.node)],
        days=await tell(page, news),
    )


async def show_activity(page: Page) -> Response:
    """Everything that happened, newest first, page by page."""
    scope = await open_scope(page)
    rows, older = await visible_activity(page, scope, before=page.query("older"), limit=ACTIVITY_SHOWN)
    return page.render(
        "process/activity.html",
        scope=scope,
        days=await tell(page, rows),
        older=older,
        is_first_page=page.query("older") is None,
    )


async def new(page: Page) -> Response:
    """The form that starts a process."""
    return page.render("process/new.html")


async def start(page: Page) -> Response:
    """Start a process and go to it."""
    form = await page.submitted("start")
    try:
        done = await processes.start(
            page.system,
            page.context(form),
            title=form["title"],
            description=form["description"],
            language=form["language"],
        )
    except (Invalid, Conflict) as refusal:
        return await new(page.refused(form, refusal))
    return await page.done(done.position, f"/processes/{done.id}/plan", done="started")


async def edit(page: Page) -> Response:
    """The form that changes what a process says about itself."""
    scope = await open_scope(page)
    await page.system.authorization.require(page.person, "manage", scope.process.id)
    return page.render("process/edit.html", scope=scope)


async def describe(page: Page) -> Response:
    """Change title, description and language."""
    form = await page.submitted("describe")
    process = page.id("process")
    try:
        done = await processes.describe(
            page.system,
            page.context(form),
            process=process,
            title=form["title"],
            description=form["description"],
            language=form["language"],
        )
    except (Invalid, Conflict) as refusal:
        return await edit(page.refused(form, refusal))
    return await page.done(done.position, f"/processes/{process}", done="saved")


def _statuses(nodes: Iterable[TreeNode]) -> dict[Status, int]:
    """How many tasks below these nodes are in each state."""
    found: Counter[Status] = Counter()
    for node in nodes:
        if node.kind == "task":
            found[node.status] += 1
        found.update(_statuses(node.children))
    return {status: found[status] for status in STATUSES}
