"""One event on record: who did it, on whose behalf, because of what, under which right and agreement."""

from __future__ import annotations

from starlette.responses import Response

from app.events.access import EventAccess
from app.pages.events import entries_of, signed
from app.pages.moment import position
from app.pages.page import Page
from app.pages.scope import open_scope, titles, visible_tree
from app.past.grounds import grounds_of
from app.web.activity import RIGHTS
from domain.errors import NotFound


async def show(page: Page) -> Response:
    """What `/api/v1/audit/events/{position}` tells, in words. For whoever may see the event; else 404."""
    scope = await open_scope(page)
    found = await EventAccess(page.system, page.person).event_at(
        position(page.request.path_params["position"]) or 0
    )
    if found.process != scope.process.id:
        raise NotFound("it belongs to another process")
    [told] = await entries_of(page, scope, [found])
    return page.render(
        "process/event.html",
        scope=scope,
        event=found,
        told=told,
        grounds=await grounds_of(page.system, found),
        rights=RIGHTS,
        titles=titles(await visible_tree(page, scope, disabled=True)),
        signed=await signed(page),
    )
