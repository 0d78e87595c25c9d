"""The event log for integrators: one resource, as a batch, as lines, as a stream.

Authorisation is asked for each event when it is read (app/events/access.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
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
from app.events.fan_out import FanOut
from app.events.lines import Lines
from app.events.pages import Page, read_page
from app.events.sse import SSE, EventStream, frames
from app.events.tail import Tail
from app.events.validators import Tag, Validator, newest_change
from app.http.binding import Input
from app.http.consistency import MAX_POSITION, check_reached, parse_position
from app.http.endpoint import Call, endpoint, routes_of
from app.http.principal import check_still_signed_in
from app.http.problems import Problem
from app.moments import instant
from app.system import System
from domain.access import Way
from domain.errors import Invalid, NotFound
from domain.ports import EventFilter
from domain.registry import UnknownEventType

SCHEMAS = Schemas()
_OFFERED = (BATCH, NDJSON, SSE)
_ANYTHING = ("*/*", "application/*", "application/json")
_TypeName = Annotated[str, StringConstraints(pattern=r"^[a-z_]+(\.[a-z_]+)*(\.\*)?$", max_length=100)]
_Time = Annotated[str, StringConstraints(max_length=40)]
_INSTANT = timedelta(microseconds=1)


class Wanted(Input):
    """Which events. `type` may come several times, and end in `.*`; positions are exclusive.

    `since` and `until` are RFC 3339 times: events recorded at or after the one, and before the other.
    `limit` may be `all` for lines, which then go on up to the end of the log as it is now. `wait` is for
    how many seconds to wait when there is nothing yet.
    """

    after: int = Field(0, ge=0, le=MAX_POSITION)
    before: int | None = Field(None, ge=0, le=MAX_POSITION)
    since: _Time | None = None
    until: _Time | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] | Literal["all"] = 100
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


@dataclass(frozen=True, slots=True)
class Stretch:
    """The part of the log that is wanted, by positions. `before` is None if it has no end."""

    after: int
    before: int | None
    limit: int
    direction: Literal["forwards", "backwards"]


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
    await check_reached(call.system, query.after, "after")
    head = await call.system.log.head()
    stretch = await _stretch(call.system, query, head)
    validator = await _validator(call, query, stretch, accepted)
    known = validator.known(call.request.headers.get("if-none-match", ""), head)
    if known is not None:
        return Response(None, 304, _headers(call.request, query, known, validator))
    if query.limit == "all":
        return await _all(call, query, accepted, validator)
    page = await _page(call, query, stretch)
    call.system.accesses.note(reader(call, "page"), page.events)
    source = call.system.settings.address
    lines = [encode(event, source) for event in page.events]
    body = b"\n".join([*lines, b""]) if accepted == NDJSON else b"[%b]" % b",".join(lines)
    tag = Tag(page.position, 0 if _is_settled(stretch, page, head) else head)
    return Response(body, headers=_headers(call.request, query, tag, validator), media_type=accepted)


async def _stretch(system: System, query: Wanted, head: int) -> Stretch:
    """The positions that the query means; raises Invalid for what is no time, or is yet to come."""
    after, before = query.after, query.before
    if query.since is not None:
        since = instant(query.since, "since")
        if since > datetime.now(UTC):
            raise Invalid("that time is yet to come", code="moment_future", field="since")
        after = max(after, await _recorded_before(system, since))
    if query.until is not None:
        until = instant(query.until, "until")
        if until <= datetime.now(UTC):  # else it may be that more is recorded before
            end = await _recorded_before(system, until) + 1
            before = end if before is None else min(before, end)
    limit = MAX_POSITION if query.limit == "all" else query.limit
    return Stretch(after, before, limit, query.direction)


async def _recorded_before(system: System, time: datetime) -> int:
    first = datetime.min.replace(tzinfo=UTC)
    return 0 if time == first else await system.log.position_at(time - _INSTANT)


async def _validator(call: Call, query: Wanted, stretch: Stretch, accepted: str) -> Validator:
    asked = query.model_dump(exclude={"wait", "since", "until"}) | {"accepted": accepted}
    asked |= {"after": stretch.after, "before": stretch.before, "source": call.system.settings.address}
    return Validator(asked, call.person, await newest_change(call.system.pool))


def _is_settled(stretch: Stretch, page: Page, head: int) -> bool:
    """Whether the page stays the same however the log grows."""
    ended = stretch.before is not None and stretch.before <= head + 1
    return ended or (page.more and stretch.direction == "forwards")


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


async def _all(call: Call, query: Wanted, accepted: str, validator: Validator) -> Response:
    """Lines up to where the log ends now."""
    if accepted != NDJSON or query.direction != "forwards":
        raise Problem(422, "invalid", f"limit=all is for {NDJSON}, forwards")
    head = await call.system.log.head()
    stretch = await _stretch(call.system, query, head)
    last = head if stretch.before is None else min(head, max(stretch.before - 1, stretch.after))
    settled = stretch.before is not None and stretch.before <= head + 1
    headers = _headers(call.request, query, Tag(last, 0 if settled else head), validator)
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
    after = max(after, (await _stretch(call.system, query, after)).after)
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
