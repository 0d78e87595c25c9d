"""A live document: its text for everyone, the editor for who has a script."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, Response

from app.documents import redaction
from app.pages.conversion import transfer
from app.pages.page import Page
from app.people import Profile
from app.web import prose
from app.web.bundle import DIST, URL, entry
from app.web.locale import N_, Locale
from domain.errors import NotFound
from projections import plan, processes
from realtime import crdt

EDITOR, WORKER = "src/editor/index.ts", "src/worker.ts"

# What the editor says, by the names it knows them under (src/editor/config.ts). Braces are filled there.
MESSAGES = {
    "connecting": N_("Connecting…"),
    "saving": N_("Saving…"),
    "saved": N_("Saved"),
    "device": N_("Saved on this device — not sent yet"),
    "reconnecting": N_("Reconnecting — you can go on writing"),
    "unsaved": N_("Not saved — keep this window open"),
    "reading": N_("Up to date"),
    "outOfDate": N_("Reconnecting — this may not be the newest text"),
    "returned": N_("While you were away, the text changed in {number} places."),
    "returnedOne": N_("While you were away, the text changed in one place."),
    "refusedOther": N_("The connection was closed (code {code}). Copy what you need, then reload the page."),
    "you": N_("{name} (you)"),
    "joined": N_("{name} joined"),
    "left": N_("{name} left"),
    "edited": N_("{name} edited the text"),
    "textLabel": N_("Text of the document"),
    "textHelp": N_("Press Escape to reach the toolbar."),
    "linkInvalid": N_("Enter a web address, such as https://example.org, or an e-mail address."),
}
REFUSED = {
    "4400": N_("The editor and the server did not understand each other. Reload the page."),
    "4401": N_("You are no longer signed in. Copy what is not saved, then sign in again."),
    "4403": N_("You may not edit or see this document any more. What you see here stays readable."),
    "4404": N_("This document was closed or is no longer shared with you. What you see here stays readable."),
    "4409": N_("The server refused a change that was not yours. Copy what you need, then reload the page."),
    "4413": N_("The document or your change is too large. Copy what you need, then reload the page."),
}


async def show(page: Page) -> Response:
    """The document as it is committed; the editor replaces it once it is connected.

    With `?offline`, the page without the text: browsers keep it to open it without a network.
    """
    kept = "offline" in page.request.query_params
    access = await page.system.authorization.document(page.person, page.id("document"))
    if not access.enabled:
        raise NotFound("this document is out of use")
    process = await processes.one(page.system.pool, access.process)
    node = await plan.node(page.system.pool, access.node)
    if process is None or node is None or page.profile is None:
        raise NotFound("no such document")
    state = b"" if kept else await page.system.hub.read(access.document)
    return page.render(
        "document.html",
        access=access,
        process=process,
        node=node,
        text=prose.html(crdt.json_of(state, access.format), access.format) if state else "",
        may_edit="edit" in access.rights,
        transfer=transfer(page),
        config=_config(page, page.profile, access)
        | {"kept": kept, "epoch": await redaction.epoch(page.system.pool, access.document)},
    )


async def worker(request: Request) -> Response:
    """The service worker of document pages: its address alone is what it may act on."""
    file = DIST / entry(WORKER).script.removeprefix(URL)
    return FileResponse(file, media_type="text/javascript", headers={"Cache-Control": "no-cache"})


def _config(page: Page, profile: Profile, access: Any) -> dict[str, Any]:
    return {
        "document": str(access.document),
        "format": access.format,
        "language": access.language,
        "locale": page.locale.code,
        "mayEdit": "edit" in access.rights,
        "csrf": page.principal.csrf if page.principal else "",
        "script": entry(EDITOR).script,
        "user": {"id": str(profile.person), "name": profile.name, "color": profile.colour},
        "messages": _messages(page.locale),
    }


def _messages(locale: Locale) -> dict[str, Any]:
    gettext = locale.translations.gettext
    told: dict[str, Any] = {name: gettext(message) for name, message in MESSAGES.items()}
    told["refused"] = {code: gettext(message) for code, message in REFUSED.items()}
    return told
