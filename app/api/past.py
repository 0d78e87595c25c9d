"""What was: the state of any stream as of a moment, with the proof's place in the log."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field

from app.api.writing import Output
from app.events.access import EventAccess
from app.http.binding import Input
from app.http.endpoint import Call, endpoint, routes_of
from app.moments import position_of
from app.past.states import digest
from domain.errors import NotFound


class Moment(Input):
    """Which stream, and when: a log position or an RFC 3339 time; absent: now."""

    stream: UUID
    at: str | None = Field(None, min_length=1, max_length=40)


class State(Output):
    """A stream's state after its event of this version, the last one up to the moment asked for.

    `position` and `recorded_at` are that event's; `digest` is the SHA-256 of the canonical JSON (sorted
    keys, no spaces, UTF-8) of `state`.
    """

    stream: UUID
    type: str
    version: int
    position: int
    recorded_at: datetime
    digest: str
    state: dict[str, Any]


@endpoint("GET", "/api/v1/audit/state", scope="read", summary="What was, as of a moment")
async def state(call: Call, query: Moment) -> State:
    """The state of one stream, replayed from its events. For whoever may see these events; else 404."""
    system = call.system
    at = await system.log.head() if query.at is None else await position_of(system, query.at, "at")
    access = EventAccess(system, call.person)
    for event in await system.past.aggregates.ends(query.stream, at):
        if not await access.may_see(event):
            raise NotFound("nothing of this id was there at that moment")
    found = await system.past.aggregates.at(query.stream, at)
    return State(
        stream=found.stream,
        type=found.type,
        version=found.version,
        position=found.position,
        recorded_at=found.recorded_at,
        digest=digest(found.state),
        state=found.state,
    )


routes = routes_of(state)
