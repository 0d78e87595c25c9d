"""One's access tokens, with which programs act in one's name."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from starlette.responses import RedirectResponse, Response

from app.pages.page import NO_STORE, Page
from domain.errors import Conflict, Invalid

HERE = "/integrations/tokens"
LIVES = {"7": timedelta(days=7), "90": timedelta(days=90), "365": timedelta(days=365), "never": None}
SCOPES = ("read", "write", "live")


async def show(page: Page, secret: str | None = None) -> Response:
    """All of one's tokens; `secret` is one made just now, shown this once."""
    return page.render(
        "integrations/tokens.html",
        tokens=await page.system.sign_in.tokens(page.person),
        secret=secret,
        lives=list(LIVES),
        scopes=SCOPES,
        now=datetime.now(UTC),
    )


async def create(page: Page) -> Response:
    """Make a token. Its secret is in this answer only, so there is no redirect to it."""
    form = await page.submitted("token")
    try:
        if form["life"] not in LIVES:
            raise Invalid("no such period", code="expiry_invalid", field="life")
        life = LIVES[form["life"]]
        _, secret = await page.system.sign_in.create_token(
            page.person,
            name=form["name"],
            scopes=[scope for scope in SCOPES if form[f"scope-{scope}"]],
            expires=None if life is None else datetime.now(UTC) + life,
        )
    except (Invalid, Conflict) as refusal:
        return await show(page.refused(form, refusal))
    return await show(page, secret)


async def revoke(page: Page) -> Response:
    """End a token."""
    await page.system.sign_in.revoke_token(page.person, page.id("token"))
    return RedirectResponse(f"{HERE}?done=token_revoked", 303, NO_STORE)
