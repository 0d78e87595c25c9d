"""No request body is larger than its route allows: 1 MiB unless the route says otherwise.

Of those that are larger, only some are received at a time, since they are held in memory.
"""

from __future__ import annotations

import re

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.http.problems import Problem

LIMIT = 1024 * 1024
ENVELOPE = 64 * 1024  # around a file in a form
LARGE_AT_ONCE = 16
_KEY = "interlink.body_limit"
_BRINGS_FILE = re.compile(r"/documents/[^/]+/import")


def allow(scope: Scope, size: int) -> None:
    """Let this request's body have `size` bytes. To be called before the body is read."""
    scope[_KEY] = size


def allow_file(scope: Scope) -> None:
    """Let a page's form that brings a file be as large as files may be: it is read before its route."""
    if _BRINGS_FILE.fullmatch(scope["path"]):
        allow(scope, scope["app"].state.system.settings.conversion.upload + ENVELOPE)


class BodyLimitMiddleware:
    """Counts what is received. Reading on past the limit raises a Problem (413, or 503: not just now)."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._large = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        announced = _announced(scope)
        received = 0
        large = False

        async def counting() -> Message:
            nonlocal received, large
            limit = scope.get(_KEY, LIMIT)
            if announced > limit:
                raise _too_large(limit)
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                raise _too_large(limit)
            if received > LIMIT and not large:
                if self._large >= LARGE_AT_ONCE:
                    raise _busy()
                self._large += 1
                large = True
            return message

        try:
            await self.app(scope, counting, send)
        finally:
            self._large -= large


def _announced(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value[:20])
    return 0


def _busy() -> Problem:
    headers = {"Connection": "close", "Retry-After": "5"}
    return Problem(503, "unavailable", "too many large files are on their way, try again", headers=headers)


def _too_large(limit: int) -> Problem:
    return Problem(
        413, "too_large", f"a request body has at most {limit} bytes here", headers={"Connection": "close"}
    )
