"""Every refusal over HTTP, as RFC 9457 problem+json.

`code` is stable and machine-readable; `errors` names fields. What the domain refuses is mapped
to a status here, once. What nobody foresaw becomes a 500 with an id that is also in the log, and
nothing about the inside.
"""

from __future__ import annotations

import json
import math
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from uuid import uuid4

import asyncpg
import structlog
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from domain.errors import Conflict, DomainError, Forbidden, Invalid, NotFound, Unavailable

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
ERRORS_SHOWN = 50
NAME_SHOWN = 100  # characters of a field's name, which anybody may have made up

_STATUS: dict[type[DomainError], int] = {
    Invalid: 422,
    NotFound: 404,
    Forbidden: 403,
    Conflict: 409,
    Unavailable: 503,
    DomainError: 422,
}
_CODES = {
    400: "bad_request",
    401: "sign_in_needed",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "wrong_content_type",
}
_DATABASE_AWAY = (
    OSError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
)


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field of a request; `field` is a dotted path."""

    field: str
    code: str
    message: str


@dataclass(eq=False)
class Problem(Exception):
    """A refusal as the client gets it. Raise it, or send `response()`."""

    status: int
    code: str
    detail: str
    errors: Sequence[FieldError] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    instance: str | None = None

    def body(self) -> dict[str, Any]:
        """The members of RFC 9457, with `code` and, where there are any, `errors`."""
        shown: dict[str, Any] = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
        }
        if self.instance:
            shown["instance"] = self.instance
        if self.errors:
            shown["errors"] = [
                {"field": e.field, "code": e.code, "message": e.message} for e in self.errors[:ERRORS_SHOWN]
            ]
        return shown

    def response(self) -> Response:
        """The answer; never cached."""
        return Response(
            json.dumps(self.body()),
            self.status,
            {"Cache-Control": "no-store", **self.headers},
            media_type=MEDIA_TYPE,
        )


def of_fields(error: ValidationError) -> Problem:
    """The problem of a request whose fields do not fit; of what was sent it repeats names of fields alone."""
    found = [
        FieldError(".".join(str(part) for part in e["loc"])[:NAME_SHOWN], e["type"], e["msg"])
        for e in error.errors(include_url=False, include_context=False, include_input=False)
    ]
    return Problem(422, "invalid", "the request does not have the shape that is needed", found)


def of(error: Exception) -> Problem:
    """The problem that an exception stands for. An unexpected one is logged with its id."""
    match error:
        case Problem():
            return error
        case DomainError():
            return _of_domain(error)
        case HTTPException():
            code = _CODES.get(error.status_code, "http_error")
            return Problem(error.status_code, code, error.detail, headers=error.headers or {})
        case _ if isinstance(error, _DATABASE_AWAY):
            log.error("database_away", error=type(error).__name__)
            return Problem(503, "unavailable", "try again in a moment", headers={"Retry-After": "1"})
    return _unexpected(error)


def _of_domain(error: DomainError) -> Problem:
    status = next(_STATUS[cls] for cls in type(error).__mro__ if cls in _STATUS)
    errors = [FieldError(error.field, error.code, str(error))] if error.field else []
    headers = {}
    if isinstance(error, Unavailable):
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after)))
    return Problem(status, error.code, str(error), errors, headers)


def _unexpected(error: Exception) -> Problem:
    """Log where it happened but not the message, which may quote what people wrote."""
    id = uuid4()
    frames = [f"{f.filename}:{f.lineno} {f.name}" for f in traceback.extract_tb(error.__traceback__)]
    log.error("unexpected", id=str(id), error=type(error).__name__, frames=frames[-12:])
    return Problem(500, "internal", "something went wrong here; it was noted", instance=f"urn:uuid:{id}")


async def handle(request: Request, error: Exception) -> Response:
    """The answer to an exception: a page for who reads pages, else problem+json.

    `app.state.error_page(request, problem)`, where set, renders the page.
    """
    problem = of(error)
    page = getattr(request.app.state, "error_page", None)
    if page is not None and _reads_pages(request):
        response: Response = await page(request, problem)
        for name, value in problem.headers.items():
            response.headers[name] = value
        return response
    return problem.response()


def _reads_pages(request: Request) -> bool:
    return not request.url.path.startswith(("/api/", "/auth/")) and "text/html" in request.headers.get(
        "accept", ""
    )


class ProblemMiddleware:
    """Answers what the routes and the other middlewares raise, unless an answer has begun."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = False

        async def noting(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, noting)
        except Exception as error:
            if begun:
                raise
            response = await handle(Request(scope, receive), error)
            await response(scope, receive, send)


exception_handlers: dict[Any, Any] = {HTTPException: handle, DomainError: handle, Problem: handle}
