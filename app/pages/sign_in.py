"""Signing in and out. In demo mode the page offers the people of the demo."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.api.sign_in import set_session
from app.pages.next import safe_next
from app.pages.page import NO_STORE, Page
from app.seed import demo_people
from app.sign_in import COOKIE
from domain.errors import Forbidden, Invalid, NotFound


@dataclass(frozen=True)
class DemoGroup:
    """Those of the demo's people who speak one language, with their names and addresses."""

    language: str
    people: list[dict[str, str]]


async def show(page: Page) -> Response:
    """The ways to sign in here; who has signed in already goes on."""
    if page.profile is not None and page.status == 200:
        return RedirectResponse(safe_next(page.query("next")), 303, NO_STORE)
    return page.render(
        "sign_in.html",
        groups=list(_groups()),
        next=safe_next(page.query("next")),
    )


async def enter(page: Page) -> Response:
    """Sign in as somebody of the demo, or as whoever one says one is (demo mode only)."""
    if page.system.settings.auth_mode != "demo":
        raise NotFound("people sign in elsewhere")
    _check_origin(page.request)
    form = await page.submitted("enter")
    try:
        profile = await page.system.people.register(
            None,
            email=form["email"],
            name=form["name"],
            language=form["language"] or page.locale.code,
        )
    except Invalid as refusal:
        return await show(page.refused(form, refusal))
    cookie, _ = await page.system.sign_in.open_session(profile.person)
    response = RedirectResponse(safe_next(form["next"] or page.query("next")), 303, NO_STORE)
    set_session(response, cookie, page.system.settings)
    return response


async def leave(page: Page) -> Response:
    """End this session."""
    cookie = page.request.cookies.get(COOKIE)
    if cookie is not None:
        await page.system.sign_in.close_session(cookie)
    response = RedirectResponse("/sign-in", 303, NO_STORE)
    response.delete_cookie(COOKIE, path="/")
    return response


def _check_origin(request: Request) -> None:
    """Nobody else's page signs people in here; there is no session yet whose token could prove it."""
    origin = request.headers.get("origin")
    site = request.headers.get("sec-fetch-site", "same-origin")
    if site not in ("same-origin", "none") or (
        origin is not None and urlsplit(origin).netloc != request.headers.get("host")
    ):
        raise Forbidden("this form was sent from another site", code="csrf_failed")


def _groups() -> Iterator[DemoGroup]:
    for language, people in groupby(demo_people(), key=lambda person: person["language"]):
        yield DemoGroup(language, list(people))
