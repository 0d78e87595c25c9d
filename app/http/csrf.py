"""A page elsewhere can make a browser send our cookie, but not the token that only our pages know.

Unsafe requests of a session carry it in `X-CSRF-Token`, or in the form field `csrf`. Requests
with an access token need none: browsers do not send those by themselves.
"""

from __future__ import annotations

import hmac

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.http.body_limit import allow_file
from app.http.problems import Problem

HEADER = "X-CSRF-Token"
FIELD = "csrf"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_NOT_BY_COOKIE = frozenset({"/auth/demo"})  # signs in anew: what the cookie says plays no part


class CsrfMiddleware:
    """Refuses (403) an unsafe request of a session without the session's token."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http" or scope["method"] in _SAFE or scope["path"] in _NOT_BY_COOKIE:
            await self.app(scope, receive, send)
            return
        request = Request(scope, receive)
        principal = request.state.principal
        if principal is not None and principal.kind == "session":
            given = request.headers.get(HEADER)
            if given is None and request.headers.get("content-type", "").startswith(_FORMS):
                allow_file(scope)
                body = await request.body()
                given, receive = await _from_form(scope, body), _again(body, receive)
            if given is None or not hmac.compare_digest(given.encode(), (principal.csrf or "").encode()):
                raise Problem(403, "csrf_failed", f"send the session's token in {HEADER}")
        await self.app(scope, receive, send)


async def _from_form(scope: Scope, body: bytes) -> str | None:
    try:
        async with Request(scope, _again(body)).form() as form:
            value = form.get(FIELD)
            return value if isinstance(value, str) else None
    except HTTPException:
        return None


def _again(body: bytes, then: Receive | None = None) -> Receive:
    """A receive that gives a body that was read already, then what comes after it."""
    given = False

    async def receive() -> Message:
        nonlocal given
        if not given:
            given = True
            return {"type": "http.request", "body": body, "more_body": False}
        return await then() if then else {"type": "http.disconnect"}

    return receive
