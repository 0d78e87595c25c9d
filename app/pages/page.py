"""What every page has: who reads it, in which language, and the ways to answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode
from uuid import UUID, uuid4, uuid5

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from app.pages.form import Form, Forms
from app.pages.next import path_and_query
from app.people import Profile
from app.sign_in import Principal
from app.system import System
from app.web import templating
from app.web.locale import LANGUAGES, Locale, choose, locale
from app.web.refusals import refusal
from domain.errors import Conflict, DomainError, NotFound
from domain.ports import Context

LANGUAGE_COOKIE = "interlink_language"
NO_STORE = {"Cache-Control": "no-store"}


@dataclass(frozen=True)
class Page:
    """One request for a page. `status` and `forms` change when a form was refused."""

    request: Request
    system: System
    locale: Locale
    principal: Principal | None
    profile: Profile | None
    status: int = 200
    forms: Forms = field(default_factory=Forms)

    @property
    def person(self) -> UUID:
        """Who reads; raises NotFound if nobody has signed in."""
        if self.principal is None:
            raise NotFound("nobody has signed in")
        return self.principal.person

    def id(self, name: str) -> UUID:
        """A UUID from the path."""
        found: UUID = self.request.path_params[name]
        return found

    def query(self, name: str) -> str | None:
        """A value from the query string; None if absent or empty."""
        return self.request.query_params.get(name) or None

    def render(self, template: str, **values: Any) -> Response:
        """The page as an answer; never kept by caches, since it is one person's."""
        html = templating.render(
            self.locale.code,
            template,
            page=self,
            form=self.forms.named,
            csrf=self.principal.csrf if self.principal else "",
            once=uuid4(),
            **values,
        )
        response = HTMLResponse(html, self.status, NO_STORE)
        response.headers["Content-Language"] = self.locale.code
        return response

    async def submitted(self, name: str) -> Form:
        """The form that was sent, by the name its page gives it."""
        data: FormData = await self.request.form()
        return Form(name, {key: value for key, value in data.items() if isinstance(value, str)})

    def context(self, form: Form) -> Context:
        """The command that a form asks for: sent twice it is done once, changed it is another."""
        sent = f"{form.once} {self.request.url.path} {sorted(form.entered.items())}"
        return Context(actor=self.person, command_id=uuid5(self.person, sent))

    def refused(self, form: Form, error: DomainError) -> Page:
        """The same page again, keeping what was typed and saying what to change."""
        told = form.with_error(error.field, refusal(error, self.locale))
        status = 409 if isinstance(error, Conflict) else 422
        return replace(self, status=status, forms=Forms(told))

    async def done(self, position: int, url: str, **notice: object) -> Response:
        """Go on to `url` (303) once every view has taken in `position`, with a notice to show there."""
        await self.system.views.wait_all(position)
        path, _, fragment = url.partition("#")
        query = f"?{urlencode(notice)}" if notice else ""
        return RedirectResponse(path + query + (f"#{fragment}" if fragment else ""), 303)


Handler = Callable[[Page], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]


async def open_page(request: Request) -> Page:
    """The page of a request, in the reader's language: of their profile, else as asked for, else English."""
    system: System = request.app.state.system
    principal: Principal | None = getattr(request.state, "principal", None)
    if principal is not None and principal.kind != "session":
        principal = None
    profile = None
    if principal is not None:
        profile = (await system.people.names([principal.person])).get(principal.person)
    code = choose(
        profile.language if profile else None,
        request.query_params.get("lang"),
        request.cookies.get(LANGUAGE_COOKIE),
        accept=request.headers.get("accept-language", ""),
    )
    return Page(request, system, locale(code), principal, profile)


def public(handler: Handler) -> Endpoint:
    """A page for everybody; `?lang=` chooses its language and is remembered."""

    async def endpoint(request: Request) -> Response:
        response = await handler(await open_page(request))
        wish = request.query_params.get("lang", "")
        if wish in LANGUAGES:
            response.set_cookie(
                LANGUAGE_COOKIE, wish, max_age=365 * 86400, httponly=True, samesite="lax", path="/"
            )
        return response

    return endpoint


def private(handler: Handler) -> Endpoint:
    """A page for who has signed in; others are sent to sign in and come back here."""

    async def endpoint(request: Request) -> Response:
        page = await open_page(request)
        if page.profile is None:
            back = path_and_query(request) if request.method == "GET" else "/"
            return RedirectResponse(f"/sign-in?{urlencode({'next': back})}", 303, NO_STORE)
        return await handler(page)

    return endpoint
