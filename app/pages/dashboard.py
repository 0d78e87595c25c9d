"""The first page after signing in: one's processes, and what happened in them."""

from __future__ import annotations

from starlette.responses import Response

from app.pages.page import Page
from app.pages.sentences import tell
from projections import activity, processes

SHOWN = 20
NEWS = 8


async def show(page: Page) -> Response:
    """One's processes, found by title and paged, beside the newest activity."""
    search = page.query("search") or ""
    found = await processes.mine(
        page.system.pool, page.person, search=search[:200], after=page.query("older"), limit=SHOWN
    )
    news = await activity.of_person(page.system.pool, page.person, limit=NEWS)
    return page.render(
        "dashboard.html",
        processes=found.items,
        older=found.next,
        search=search,
        is_first_page=page.query("older") is None,
        days=await tell(page, news.items),
    )
