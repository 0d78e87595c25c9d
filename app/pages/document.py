"""A live document: its text for everyone, the editor for who has a script."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from app.pages.conversion import transfer
from app.pages.page import Page
from app.people import Profile
from app.web import prose
from app.web.locale import N_, Locale
from domain.errors import NotFound
from projections import documents, plan, processes
from realtime import crdt

# What the editor says, by the names it knows them under (src/editor/config.ts). Braces are filled there.
MESSAGES = {
    "connecting": N_("Connecting…"),
    "saving": N_("Saving…"),
    "saved": N_("Saved"),
    "reconnecting": N_("Reconnecting — your changes are kept in this window"),
    "reading": N_("Up to date"),
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
    "4404": N_("This document was closed. What you see here stays readable."),
    "4409": N_("The server refused a change that was not yours. Copy what you need, then reload the page."),
    "4413": N_("The document or your change is too large. Copy what you need, then reload the page."),
}


async def show(page: Page) -> Response:
    """The document as it is committed; the editor replaces it once it is connected."""
    access = await page.system.authorization.document(page.person, page.id("document"))
    if not access.enabled:
        raise NotFound("this document is out of use")
    process = await processes.one(page.system.pool, access.process)
    node = await plan.node(page.system.pool, access.node)
    if process is None or node is None or page.profile is None:
        raise NotFound("no such document")
    state = await page.system.hub.read(access.document)
    return page.render(
        "document.html",
        access=access,
        process=process,
        node=node,
        text=prose.html(crdt.json_of(state, access.format), access.format),
        may_edit="edit" in access.rights,
        transfer=transfer(page),
        config=_config(page, page.profile, access),
    )


async def history(page: Page) -> Response:
    """Who wrote when and how much, newest first."""
    access = await page.system.authorization.document(page.person, page.id("document"))
    found = await documents.history(page.system.pool, access.document, before=page.query("older"))
    names = await page.system.people.names({row.author for row in found.items if row.author})
    return page.render("history.html", access=access, bursts=found.items, older=found.next, names=names)


def _config(page: Page, profile: Profile, access: Any) -> dict[str, Any]:
    return {
        "document": str(access.document),
        "format": access.format,
        "language": access.language,
        "mayEdit": "edit" in access.rights,
        "csrf": page.principal.csrf if page.principal else "",
        "user": {"id": str(profile.person), "name": profile.name, "color": profile.colour},
        "messages": _messages(page.locale),
    }


def _messages(locale: Locale) -> dict[str, Any]:
    gettext = locale.translations.gettext
    told: dict[str, Any] = {name: gettext(message) for name, message in MESSAGES.items()}
    told["refused"] = {code: gettext(message) for code, message in REFUSED.items()}
    return told
