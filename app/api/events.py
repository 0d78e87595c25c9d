"""The event log for integrators: one resource, as a batch, as lines, as a stream.

Authorisation is asked for each event when it is read (app/events/access.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Literal
from urllib.parse import urlencode
from uuid import UUID

from pydantic import BaseModel, Field
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from app.api.event_query import Stretch, Wanted, is_settled, stretch_of
from app.eventlog.schemas import Schemas
from app.events.access_log import Reader
from app.events.cloud_events import BATCH, NDJSON, encode
from app.events.fan_out import FanOut
from app.events.lines import Lines
from app.events.pages import Page, read_page
from app.events.sse import SSE, EventStream, frames
from app.events.tail import Tail
from app.events.validators import Tag, Validator, newest_change
from app.http.consistency import check_reached, parse_position
from app.http.endpoint import Call, endpoint, routes_of
from app.http.principal import check_still_signed_in
from app.http.problems import Problem
from app.system import System
from domain.access import Way
from domain.errors import NotFound
from domain.registry import UnknownEventType

SCHEMAS = Schemas()
_OFFERED = (BATCH, NDJSON, SSE)
_ANYTHING = ("*/*", "application/*", "application/json")


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
    was looked at: go on from there, also when nothing came. Send `If-None-Match` to have a page only
    if it is no longer what it was.
    """
    accepted = _accepted(call.request)
    if accepted == SSE:
        return await _stream(call, query)
    if query.limit == "all" and (accepted != NDJSON or query.direction != "forwards"):
        raise Problem(422, "invalid", f"limit=all is for {NDJSON}, forwards")
    await check_reached(call.system, query.after, "after")
    head = await call.system.log.head()
    stretch = await stretch_of(call.system, query)
    validator = await _validator(call, query, stretch, accepted)
    kept = call.request.headers.get("if-none-match", "")
    if not query.wait and (known := validator.known(kept, head)) is not None:
        return Response(None, 304, _headers(call.request, query, known, validator))
    if query.limit == "all":
        return await _all(call, query, stretch, head, validator)
    page = await _page(call, query, stretch)
    tag = Tag(page.position, 0 if is_settled(stretch, head, full=page.more) else head)
    headers = _headers(call.request, query, tag, validator)
    if headers["ETag"] in kept:  # after waiting in vain
        return Response(None, 304, headers)
    call.system.accesses.note(reader(call, "page"), page.events)
    source = call.system.settings.address
    lines = [encode(event, source) for event in page.events]
    body = b"\n".join([*lines, b""]) if accepted == NDJSON else b"[%b]" % b",".join(lines)
    return Response(body, headers=headers, media_type=accepted)


async def _validator(call: Call, query: Wanted, stretch: Stretch, accepted: str) -> Validator:
    asked = query.model_dump(exclude={"wait", "since", "until"}) | {"accepted": accepted}
    asked |= {"after": stretch.after, "before": stretch.before, "source": call.system.settings.address}
    return Validator(asked, call.person, await newest_change(call.system.pool))


def _headers(request: Request, query: Wanted, tag: Tag, validator: Validator) -> dict[str, str]:
    return {
        "ETag": validator.tag(tag),
        "Cache-Control": "private, no-cache",
        "Vary": "Accept, Authorization, Cookie",
        "Interlink-Position": str(tag.end),
        "Link": f'<{_next(request, query, tag.end)}>; rel="next"',
    }


async def _page(call: Call, query: Wanted, stretch: Stretch) -> Page:
    """A page; with `wait`, not an empty one unless nothing came for so long."""
    deadline = asyncio.get_running_loop().time() + query.wait
    page = await read_page(call.system, call.person, query.where, stretch)
    while not page.events and stretch.direction == "forwards" and stretch.before is None:
        left = deadline - asyncio.get_running_loop().time()
        if left <= 0:
            break
        if not page.more:
            try:
                await call.system.log.wait(page.position + 1, left)
            except TimeoutError:
                break
            await check_still_signed_in(call.request, call.system.sign_in, call.principal)
        stretch = replace(stretch, after=page.position)
        page = await read_page(call.system, call.person, query.where, stretch)
    return page


async def _all(call: Call, query: Wanted, stretch: Stretch, head: int, validator: Validator) -> Response:
    """Lines up to where the log ends now."""
    last = head if stretch.before is None else min(head, max(stretch.before - 1, stretch.after))
    tag = Tag(last, 0 if is_settled(stretch, head, full=False) else head)
    headers = _headers(call.request, query, tag, validator)
    if call.request.method == "HEAD":
        return Response(None, headers=headers, media_type=NDJSON)
    lines = Lines(
        call.system,
        tail_of(call.request.app),
        call.person,
        after=stretch.after,
        before=last + 1,
        where=query.where,
    )
    who = reader(call, "page")
    read = lines.read(who.credential, partial(call.system.accesses.note, who))
    return StreamingResponse(read, headers=headers, media_type=NDJSON)


def reader(call: Call, way: Way) -> Reader:
    """Who reads, for the access log."""
    assert call.principal is not None
    return Reader(call.person, call.principal.token, way)


def _next(request: Request, query: Wanted, position: int) -> str:
    name = "after" if query.direction == "forwards" else "before"
    kept = [(key, value) for key, value in request.query_params.multi_items() if key != name]
    return f"{request.url.path}?{urlencode([*kept, (name, str(position))])}"


async def _stream(call: Call, query: Wanted) -> Response:
    if query.before is not None or query.until is not None or query.direction != "forwards":
        raise Problem(422, "invalid", "a stream goes forwards, without end")
    after, field = query.after, "after"
    last = call.request.headers.get("last-event-id")
    if last:
        after, field = parse_position(last, "Last-Event-ID"), "Last-Event-ID"
    await check_reached(call.system, after, field)
    after = max(after, (await stretch_of(call.system, query)).after)
    assert call.principal is not None
    answer = EventStream(
        call.system,
        fan_out_of(call.request.app),
        reader(call, "stream"),
        credential=call.principal.credential,
        after=after,
        where=query.where,
    )
    if call.request.method == "HEAD":
        return Response(None, headers=dict(answer.headers))
    return answer


def tail_of(app: Starlette) -> Tail:
    """The one Tail of this application, at `app.state.event_tail`, made when it is first needed."""
    tail: Tail | None = getattr(app.state, "event_tail", None)
    if tail is None:
        system: System = app.state.system
        tail = Tail(system.log, system.settings.address, system.sign_in.ended)
        app.state.event_tail = tail
    return tail


def fan_out_of(app: Starlette) -> FanOut:
    """The one FanOut of this application, on its Tail, made when it is first needed."""
    fan_out: FanOut | None = getattr(app.state, "event_fan_out", None)
    if fan_out is None:
        fan_out = app.state.event_fan_out = FanOut(app.state.system, tail_of(app), frames)
    return fan_out


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
