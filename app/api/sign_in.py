"""Signing in to a demo, and out of anything."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from starlette.responses import JSONResponse, Response

from app.api.writing import Output
from app.http.binding import Input
from app.http.endpoint import Call, endpoint, routes_of
from app.settings import Settings
from app.sign_in import COOKIE, SCOPES, SESSION_LIFE
from domain.errors import NotFound

TOKEN_LIFE = timedelta(hours=12)


class DemoPerson(Input):
    """Who to be. Somebody with this e-mail is found as they are; else they are made."""

    email: str
    name: str
    language: str = "en"


class SignedIn(Output):
    """Who one is now, and an access token (read, write, live) for 12 hours."""

    person: UUID
    token: str
    csrf: str


@endpoint(
    "POST",
    "/auth/demo",
    scope=None,
    summary="Sign in to a demo",
    produces={"application/json": SignedIn},
)
async def demo(call: Call, body: DemoPerson) -> Response:
    """Be anybody, by e-mail and name; only with AUTH_MODE=demo. Also sets a session cookie."""
    system = call.system
    if system.settings.auth_mode != "demo":
        raise NotFound("this installation is no demo", code="demo_off")
    profile = await system.people.register(None, email=body.email, name=body.name, language=body.language)
    cookie, principal = await system.sign_in.open_session(profile.person)
    _, token = await system.sign_in.create_token(
        profile.person, name="demo sign-in", scopes=SCOPES, expires=datetime.now(UTC) + TOKEN_LIFE
    )
    response = JSONResponse(
        {"person": str(profile.person), "token": token, "csrf": principal.csrf},
        headers={"Cache-Control": "no-store"},
    )
    set_session(response, cookie, system.settings)
    return response


@endpoint("POST", "/auth/logout", scope=None, status=204, summary="Sign out")
async def logout(call: Call) -> Response:
    """End the session whose cookie is sent, if any; tokens stay. Answers 204 in any case."""
    cookie = call.request.cookies.get(COOKIE)
    if cookie:
        await call.system.sign_in.close_session(cookie)
    response = Response(None, 204)
    response.delete_cookie(
        COOKIE, path="/", httponly=True, samesite="lax", secure=_is_secure(call.system.settings)
    )
    return response


def set_session(response: Response, cookie: str, settings: Settings) -> None:
    """Let the browser keep a session, out of reach of scripts and of other sites' requests."""
    response.set_cookie(
        COOKIE,
        cookie,
        max_age=int(SESSION_LIFE.total_seconds()),
        path="/",
        httponly=True,
        samesite="lax",
        secure=_is_secure(settings),
    )


def _is_secure(settings: Settings) -> bool:
    return settings.address.startswith("https:")


routes = routes_of(demo, logout)
