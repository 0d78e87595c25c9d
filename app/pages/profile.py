"""One's own profile: name and language."""

from __future__ import annotations

from starlette.responses import RedirectResponse, Response

from app.commands import person
from app.pages.next import safe_next
from app.pages.page import NO_STORE, Page
from app.web.locale import LANGUAGES
from domain.errors import Invalid


async def show(page: Page) -> Response:
    """Name, language, and the ways to what else is one's own."""
    return page.render("profile.html", profile=page.profile)


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
