"""No request body is larger than its route allows: 1 MiB unless the route says otherwise."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.http.problems import Problem

LIMIT = 1024 * 1024
_KEY = "interlink.body_limit"


def allow(scope: Scope, size: int) -> None:
    """Let this request's body have `size` bytes. To be called before the body is read."""
    scope[_KEY] = size


class BodyLimitMiddleware:
    """Counts what is received. Reading on past the limit raises a Problem (413)."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        announced = _announced(scope)
        received = 0

        async def counting() -> Message:
            nonlocal received
            limit = scope.get(_KEY, LIMIT)
            if announced > limit:
                raise _too_large(limit)
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                raise _too_large(limit)
            return message

        await self.app(scope, counting, send)


def _announced(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value[:20])
    return 0


def _too_large(limit: int) -> Problem:
    return Problem(
        413, "too_large", f"a request body has at most {limit} bytes here", headers={"Connection": "close"}
    )
