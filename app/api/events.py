"""The event log for integrators: one resource, as a batch, as lines, as a stream.

Authorisation is asked for each event when it is read (app/events/access.py).
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any, Literal
from urllib.parse import urlencode
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from app.eventlog.schemas import Schemas
from app.events.access_log import Reader
from app.events.cloud_events import BATCH, NDJSON, encode
from app.events.following import Following
from app.events.pages import Page, read_page
from app.events.sse import frames
from app.events.tail import Tail
from app.http.binding import Input
from app.http.consistency import MAX_POSITION, check_reached, parse_position
from app.http.endpoint import Call, endpoint, routes_of
from app.http.problems import Problem
from app.system import System
from domain.access import Way
from domain.errors import NotFound
from domain.ports import EventFilter
from domain.registry import UnknownEventType

SSE = "text/event-stream"
SCHEMAS = Schemas()
_OFFERED = (BATCH, NDJSON, SSE)
_ANYTHING = ("*/*", "application/*", "application/json")
_TypeName = Annotated[str, StringConstraints(pattern=r"^[a-z_]+(\.[a-z_]+)*(\.\*)?$", max_length=100)]


class Wanted(Input):
    """Which events. `type` may come several times, and end in `.*`; positions are exclusive.

    `wait` is for how many seconds to wait when there is nothing yet.
    """

    after: int = Field(0, ge=0, le=MAX_POSITION)
    before: int | None = Field(None, ge=0, le=MAX_POSITION)
    limit: int = Field(100, ge=1, le=1000)
    type: list[_TypeName] = Field([], max_length=50)
    stream: UUID | None = None
    process: UUID | None = None
    actor: UUID | None = None
    direction: Literal["forwards", "backwards"] = "forwards"
    wait: float = Field(0, ge=0, le=60, allow_inf_nan=False)

    @property
    def where(self) -> EventFilter:
        """The filter as the log takes it."""
        return EventFilter(types=tuple(self.type), stream=self.stream, process=self.process, actor=self.actor)


class CloudEvent(BaseModel):
    """A CloudEvent 1.0. `sequence` is the log position; `data` follows the schema in `dataschema`."""

    specversion: Literal["1.0"]
    id: UUID
    source: str
    type: str
    subject: UUID
    time: str
    datacontenttype: Literal["application/json"]
    dataschema: str
    sequence: str = Field(pattern="^[0-9]{20}$")
    streamversion: int
    process: UUID | None = None
    actor: UUID | None = None
    correlationid: UUID | None = None
    causationid: UUID | None = None
    data: dict[str, Any]


@endpoint(
    "GET",
    "/api/v1/events",
    scope="read",
    summary="Read or follow the event log",
    produces={BATCH: list[CloudEvent], NDJSON: CloudEvent, SSE: str},
)
async def read(call: Call, query: Wanted) -> Response:
    """The events that you may see, in the form that `Accept` asks for.

    Batches and lines come with `Link: rel="next"` and `Interlink-Position`, up to which everything
    was looked at: go on from there, also when nothing came.
    """
    accepted = _accepted(call.request)
    if accepted == SSE:
        return await _stream(call, query)
    await check_reached(call.system, query.after, "after")
    page = await _page(call, query)
    call.system.accesses.note(reader(call, "page"), page.events)
    source = call.system.settings.address
    lines = [encode(event, source) for event in page.events]
    body = b"".join(line + b"\n" for line in lines) if accepted == NDJSON else b"[%b]" % b",".join(lines)
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {
        "ETag": tag,
        "Cache-Control": "private, no-cache",
        "Vary": "Accept, Authorization, Cookie",
        "Interlink-Position": str(page.position),
        "Link": f'<{_next(call.request, query, page)}>; rel="next"',
    }
    if tag in call.request.headers.get("if-none-match", ""):
        return Response(None, 304, headers)
    return Response(body, headers=headers, media_type=accepted)


async def _page(call: Call, query: Wanted) -> Page:
    """A page; with `wait`, not an empty one unless nothing came for so long."""
    deadline = asyncio.get_running_loop().time() + query.wait
    page = await read_page(call.system, call.person, query.where, query)
    while not page.events and query.direction == "forwards" and query.before is None:
        left = deadline - asyncio.get_running_loop().time()
        if left <= 0:
            break
        if not page.more:
            try:
                await call.system.log.wait(page.position + 1, left)
            except TimeoutError:
                break
        query = query.model_copy(update={"after": page.position})
        page = await read_page(call.system, call.person, query.where, query)
    return page


def reader(call: Call, way: Way) -> Reader:
    """Who reads, for the access log."""
    assert call.principal is not None
    return Reader(call.person, call.principal.token, way)


def _next(request: Request, query: Wanted, page: Page) -> str:
    name = "after" if query.direction == "forwards" else "before"
    kept = [(key, value) for key, value in request.query_params.multi_items() if key != name]
    return f"{request.url.path}?{urlencode([*kept, (name, str(page.position))])}"


async def _stream(call: Call, query: Wanted) -> Response:
    if query.before is not None or query.direction != "forwards":
        raise Problem(422, "invalid", "a stream goes forwards, without end")
    after, field = query.after, "after"
    last = call.request.headers.get("last-event-id")
    if last:
        after, field = parse_position(last, "Last-Event-ID"), "Last-Event-ID"
    await check_reached(call.system, after, field)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    if call.request.method == "HEAD":
        return Response(None, headers=headers, media_type=SSE)

    tail = tail_of(call.request.app)
    following = Following(call.system, tail, call.person, after=after, where=query.where)
    assert call.principal is not None
    note = partial(call.system.accesses.note, reader(call, "stream"))
    return StreamingResponse(
        frames(tail, following, call.principal.credential, note), headers=headers, media_type=SSE
    )


def tail_of(app: Starlette) -> Tail:
    """The one Tail of this application, at `app.state.event_tail`, made when it is first needed."""
    tail: Tail | None = getattr(app.state, "event_tail", None)
    if tail is None:
        system: System = app.state.system
        tail = Tail(system.log, system.settings.address, system.sign_in.ended)
        app.state.event_tail = tail
    return tail


async def close_streams(app: Starlette) -> None:
    """End the streams that this application serves; to be awaited before its server shuts down."""
    tail: Tail | None = getattr(app.state, "event_tail", None)
    if tail is not None:
        await tail.close()


def _accepted(request: Request) -> str:
    """The content type that the client likes best of those that there are; raises a Problem (406)."""
    chosen: list[tuple[float, str]] = []
    for part in request.headers.get("accept", "*/*").split(","):
        kind, *parameters = (piece.strip().lower() for piece in part.split(";"))
        found = BATCH if kind in _ANYTHING else kind
        if found in _OFFERED:
            chosen.append((_quality(parameters), found))
    best = max(chosen, key=lambda pair: pair[0], default=(0.0, ""))
    if best[0] <= 0:
        raise Problem(406, "not_acceptable", f"events come as {', '.join(_OFFERED)}")
    return best[1]


def _quality(parameters: Sequence[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name == "q":
            try:
                return min(1.0, max(0.0, float(value)))
            except ValueError:
                return 0.0
    return 1.0


@endpoint(
    "GET",
    "/schemas/{type}/{version}.json",
    scope=None,
    summary="What an event type's data holds",
    produces={"application/schema+json": dict[str, object]},
)
async def data_schema(call: Call, type: str, version: int) -> Response:
    """The JSON Schema of a type's `data`, also of versions that have been superseded."""
    try:
        found = SCHEMAS.sent(type, version, call.system.settings.address)
    except UnknownEventType:
        raise NotFound("no such event type and version") from None
    return JSONResponse(
        found, headers={"Cache-Control": "public, max-age=3600"}, media_type="application/schema+json"
    )


routes = routes_of(read, data_schema)
