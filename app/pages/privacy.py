"""What is known of oneself: taken along as a file, or erased."""

from __future__ import annotations

from datetime import timedelta

from starlette.responses import RedirectResponse, Response, StreamingResponse

from app.pages.page import NO_STORE, Page
from app.privacy.keeping import kept_of
from app.privacy.my_data import my_data
from app.privacy.requests import ErasureRequests
from app.web.activity import GROUNDS
from app.web.locale import N_
from domain.errors import Conflict, Invalid, NotFound

FATES = {
    "redact": (
        N_("Remove the text that I wrote"),
        N_("It is blotted out in every document and in its history. What others wrote stays."),
    ),
    "keep": (
        N_("Keep the text, as a former participant’s"),
        N_("The documents stay whole. Your name is no longer beside your text."),
    ),
}
_FILE = {**NO_STORE, "Content-Disposition": 'attachment; filename="my-data.json"'}


async def show(page: Page) -> Response:
    """What is kept, the way to take it along, and the way to be forgotten."""
    return page.render(
        "privacy.html",
        profile=page.profile,
        erasure=await ErasureRequests(page.system.pool).pending(page.person),
        days=page.system.settings.erasure_delay_days,
        kept=await _kept(page),
        fates={fate: tuple(map(page.locale.gettext, told)) for fate, told in FATES.items()},
    )


async def _kept(page: Page) -> list[tuple[str, str]]:
    """Titles of the processes in which the reader's text would stay, and why."""
    found = await kept_of(page.system, page.person)
    return [(each.title, page.locale.gettext(GROUNDS[each.ground])) for each in found]


async def download(page: Page) -> Response:
    """Everything that is known of the reader, as a JSON file."""
    pieces = my_data(page.system, page.person)
    return StreamingResponse(pieces, headers=_FILE, media_type="application/json")


async def ask(page: Page) -> Response:
    """Ask to be erased; whoever asks confirms it by a mark of their own."""
    form = await page.submitted("erasure")
    try:
        if form["sure"] != "yes":
            raise Invalid("not confirmed", code="not_confirmed", field="sure")
        await ErasureRequests(page.system.pool).ask(
            page.person,
            basis="consent_withdrawn",
            text=form["text"],
            by=page.person,
            delay=timedelta(days=page.system.settings.erasure_delay_days),
        )
    except (Invalid, Conflict) as refusal:
        return await show(page.refused(form, refusal))
    return RedirectResponse("/privacy?done=erasure_asked", 303, NO_STORE)


async def call_back(page: Page) -> Response:
    """Call the request back; sent twice it is done once."""
    try:
        await ErasureRequests(page.system.pool).call_back(page.person)
    except NotFound:
        pass
    except Conflict as refusal:
        return await show(page.refused(await page.submitted("call-back"), refusal))
    return RedirectResponse("/privacy?done=erasure_called_back", 303, NO_STORE)
