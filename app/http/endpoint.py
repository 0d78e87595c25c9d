"""Typed endpoints on plain Starlette: one declaration gives the route, the checks and the OpenAPI.

    @endpoint("POST", "/api/v1/processes/{process}/nodes", status=201, scope="write", summary="Add a node")
    async def add(call: Call, process: UUID, body: NewNode) -> Written: ...

The handler's own signature tells the rest: `body` and `query` are pydantic models, every other
parameter is a part of the path, and what it returns is what is sent.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_type_hints
from uuid import UUID

from pydantic import BaseModel, TypeAdapter
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from app.http import body_limit, idempotency
from app.http.binding import read_body, read_path, read_query
from app.http.consistency import wait_for_position
from app.http.idempotency import Command
from app.http.principal import CHALLENGE
from app.http.problems import Problem
from app.sign_in import Principal
from app.system import System
from domain.ports import Context

Method = Literal["GET", "POST", "PATCH", "DELETE"]
Handler = Callable[..., Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Call:
    """One request, understood: who asks, on which system, as which command."""

    request: Request
    system: System
    principal: Principal | None
    command: Command | None = None

    @property
    def person(self) -> UUID:
        """Who asks. Only for endpoints with a scope: nobody else gets there."""
        assert self.principal is not None
        return self.principal.person

    @property
    def context(self) -> Context:
        """What a command needs to know of this request."""
        assert self.command is not None
        return Context(actor=self.person, command_id=self.command.id)


@dataclass(frozen=True)
class Endpoint:
    """What `endpoint` declares, and the way of one request through it.

    `scope` None lets anyone in. `waits` is for reads of views. `produces` describes answers that
    the handler makes itself, `consumes` bodies that it reads itself: a type for each content type
    (None: opaque).
    """

    method: Method
    path: str
    handler: Handler
    summary: str
    status: int
    scope: str | None
    waits: bool
    limit: int
    produces: Mapping[str, Any]
    consumes: Mapping[str, Any]
    parts: Mapping[str, type]
    body: type[BaseModel] | None
    query: type[BaseModel] | None
    result: Any
    _adapter: TypeAdapter[Any] | None = field(repr=False)

    @property
    def sends_json(self) -> bool:
        """Whether what the handler returns is serialised as JSON."""
        return self._adapter is not None

    async def answer(self, request: Request) -> Response:
        """Check, call, and serialise; raises Problem and DomainError."""
        principal: Principal | None = request.state.principal
        self._admit(principal)
        arguments: dict[str, Any] = read_path(self.parts, request.path_params)
        if self.query is not None:
            arguments["query"] = read_query(self.query, request, waits=self.waits)
        canonical = b""
        body_limit.allow(request.scope, self.limit)
        if self.body is not None:
            arguments["body"], canonical = await read_body(self.body, request)
        system: System = request.app.state.system
        if self.waits:
            await wait_for_position(system, request)
        call = Call(request, system, principal, await self._command(system, request, canonical))
        return self._respond(await self.handler(call, **arguments))

    def _admit(self, principal: Principal | None) -> None:
        if self.scope is None:
            return
        if principal is None:
            headers = {CHALLENGE: 'Bearer realm="interlink"'}
            raise Problem(401, "sign_in_needed", "sign in, or send an access token", headers=headers)
        if self.scope not in principal.scopes:
            headers = {CHALLENGE: f'Bearer error="insufficient_scope", scope="{self.scope}"'}
            raise Problem(403, "scope_missing", f"this needs the scope {self.scope}", headers=headers)

    async def _command(self, system: System, request: Request, canonical: bytes) -> Command | None:
        principal: Principal | None = request.state.principal
        if self.method == "GET" or principal is None:
            return None
        keys = request.headers.getlist(idempotency.HEADER)
        target = f"{self.method} {request.url.path}".encode("utf-8", "surrogatepass")
        return await idempotency.command(system.pool, principal.person, keys, target, canonical)

    def _respond(self, result: Any) -> Response:
        if isinstance(result, Response):
            return result
        headers = {"Cache-Control": "no-store"}
        if self._adapter is None:
            return Response(None, 204, headers)
        content = self._adapter.dump_json(result, by_alias=True)
        return Response(content, self.status, headers, media_type="application/json")


def endpoint(
    method: Method,
    path: str,
    *,
    summary: str,
    scope: str | None,
    status: int = 200,
    waits: bool = False,
    limit: int = body_limit.LIMIT,
    produces: Mapping[str, Any] | None = None,
    consumes: Mapping[str, Any] | None = None,
) -> Callable[[Handler], Endpoint]:
    """Make an Endpoint of a handler `async (call, [parts of the path], [query], [body]) -> result`."""

    def declare(handler: Handler) -> Endpoint:
        hints = get_type_hints(handler)
        names = list(inspect.signature(handler).parameters)[1:]
        parts = {name: hints[name] for name in names if name not in ("body", "query")}
        if set(parts) != set(re.findall(r"{(\w+)}", path)):
            raise TypeError(f"{handler.__qualname__} does not take the parts of {path}")
        result = hints["return"]
        made_elsewhere = result is type(None) or (isinstance(result, type) and issubclass(result, Response))
        return Endpoint(
            method=method,
            path=path,
            handler=handler,
            summary=summary,
            status=204 if result is type(None) else status,
            scope=scope,
            waits=waits,
            limit=limit,
            produces=produces or {},
            consumes=consumes or {},
            parts=parts,
            body=hints.get("body"),
            query=hints.get("query"),
            result=result,
            _adapter=None if made_elsewhere else TypeAdapter(result),
        )

    return declare


class Resource:
    """All endpoints of one path, as an ASGI application: the method chooses."""

    def __init__(self, endpoints: Iterable[Endpoint]) -> None:
        self.endpoints: dict[str, Endpoint] = {e.method: e for e in endpoints}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        request = Request(scope, receive, send)
        method = "GET" if request.method == "HEAD" else request.method
        found = self.endpoints.get(method)
        if found is not None:
            response = await found.answer(request)
        elif method == "OPTIONS":
            response = Response(None, 204, {"Allow": self.allow})
        else:
            raise Problem(
                405, "method_not_allowed", f"this answers {self.allow}", headers={"Allow": self.allow}
            )
        await response(scope, receive, send)

    @property
    def allow(self) -> str:
        """The methods that this path answers, as the header lists them."""
        also = ["HEAD"] if "GET" in self.endpoints else []
        return ", ".join(sorted([*self.endpoints, *also, "OPTIONS"]))


def routes_of(*endpoints: Endpoint) -> list[Route]:
    """One route for each path, in the order given."""
    by_path: dict[str, list[Endpoint]] = {}
    for found in endpoints:
        by_path.setdefault(found.path, []).append(found)
    return [Route(path, Resource(group)) for path, group in by_path.items()]
