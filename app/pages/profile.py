"""One's own profile: name, language, and access tokens for programs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from starlette.responses import RedirectResponse, Response

from app.commands import person
from app.pages.next import safe_next
from app.pages.page import NO_STORE, Page
from app.web.locale import LANGUAGES
from domain.errors import Conflict, Invalid

LIVES = {"7": timedelta(days=7), "90": timedelta(days=90), "365": timedelta(days=365), "never": None}
SCOPES = ("read", "write", "live")


async def show(page: Page, secret: str | None = None) -> Response:
    """Name, language and tokens; `secret` is a token made just now, shown this once."""
    return page.render(
        "profile.html",
        profile=page.profile,
        tokens=await page.system.sign_in.tokens(page.person),
        secret=secret,
        lives=list(LIVES),
        scopes=SCOPES,
    )


async def change(page: Page) -> Response:
    """Change name and language."""
    form = await page.submitted("profile")
    try:
        if form["language"] not in LANGUAGES:
            raise Invalid("not a language of these pages", code="language_unknown", field="language")
        done = await person.update(
            page.system, page.context(form), name=form["name"], language=form["language"]
        )
    except Invalid as refusal:
        return await show(page.refused(form, refusal))
    return await page.done(done.position, "/profile", done="saved")


async def change_language(page: Page) -> Response:
    """Change the language alone, from the foot of any page, and go back there."""
    form = await page.submitted("language")
    if form["language"] in LANGUAGES:
        await person.update(page.system, page.context(form), language=form["language"])
    return RedirectResponse(safe_next(form["next"]), 303, NO_STORE)


async def create_token(page: Page) -> Response:
    """Make an access token. Its secret is in this answer only, so there is no redirect to it."""
    data = await page.request.form()
    form = await page.submitted("token")
    scopes = [scope for scope in SCOPES if scope in data.getlist("scopes")]
    try:
        if form["life"] not in LIVES:
            raise Invalid("no such period", code="expiry_invalid", field="life")
        life = LIVES[form["life"]]
        expires = None if life is None else datetime.now(UTC) + life
        _, secret = await page.system.sign_in.create_token(
            page.person, name=form["name"], scopes=scopes, expires=expires
        )
    except (Invalid, Conflict) as refusal:
        return await show(page.refused(form, refusal))
    return await show(page, secret)


async def revoke_token(page: Page) -> Response:
    """End an access token."""
    await page.system.sign_in.revoke_token(page.person, page.id("token"))
    return RedirectResponse("/profile?done=token_revoked#tokens", 303, NO_STORE)
