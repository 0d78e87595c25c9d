"""What was: the state of any stream as of a moment; who did what, because of what, under which right."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field

from app.api.writing import Output
from app.eventlog.reading import EVENT
from app.eventlog.reading import event as of_row
from app.events.access import EventAccess
from app.http.binding import Input
from app.http.endpoint import Call, endpoint, routes_of
from app.moments import position_of
from app.past.grounds import Grounds, grounds_of
from app.past.states import digest
from domain.errors import NotFound
from domain.ports import RecordedEvent
from domain.rights import RIGHTS, Right


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


class Allowing(Output):
    """A grant from which a right followed: on the process (`node` null), or on one node and all below it."""

    permission: UUID
    node: UUID | None
    rights: list[Right]


class Agreement(Output):
    """The process whose grants stood: its version then, and the position of its last event up to then."""

    process: UUID
    version: int
    position: int


class UnderRight(Output):
    """The right `needed` on a node (null: on the process), all rights `held` there and by which grants.

    As of position `as_of`: right before the event; of an edit, when it was made.
    """

    needed: Right
    node: UUID | None
    held: list[Right]
    grants: list[Allowing]
    as_of: int
    agreement: Agreement


class Account(Output):
    """Who did what, on whose behalf, because of what.

    `cause` is the position of the event that caused it, if you may see that one; `under` is null if no
    right was needed. What the event says is at `/api/v1/events`, its proof at `/audit/proof/{position}`.
    """

    position: int
    id: UUID
    type: str
    stream: UUID
    version: int
    process: UUID | None
    recorded_at: datetime
    actor: UUID | None
    on_behalf_of: UUID | None
    command: UUID
    correlation: UUID | None
    causation: UUID | None
    cause: int | None
    under: UnderRight | None


@endpoint("GET", "/api/v1/audit/events/{position}", scope="read", summary="Who did it, under which right")
async def account(call: Call, position: int) -> Account:
    """Account for one event that you may see: its actor, its cause, the right it was done under."""
    system, access = call.system, EventAccess(call.system, call.person)
    event = await access.event_at(position)
    grounds = await grounds_of(system, event)
    return Account(
        position=event.position,
        id=event.event_id,
        type=event.type,
        stream=event.stream,
        version=event.version,
        process=event.process,
        recorded_at=event.recorded_at,
        actor=event.actor,
        on_behalf_of=event.on_behalf_of,
        command=event.command_id,
        correlation=event.correlation_id,
        causation=event.causation_id,
        cause=await _cause(call, access, event),
        under=_under(grounds) if grounds else None,
    )


async def _cause(call: Call, access: EventAccess, event: RecordedEvent) -> int | None:
    if event.causation_id is None:
        return None
    row = await call.system.pool.fetchrow(f"{EVENT} WHERE event_id = $1", event.causation_id)
    cause = of_row(row) if row else None
    return cause.position if cause and await access.may_see(cause) else None


def _under(grounds: Grounds) -> UnderRight:
    agreement = grounds.agreement
    return UnderRight(
        needed=grounds.needed,
        node=grounds.node,
        held=_ordered(grounds.held),
        grants=[
            Allowing(permission=grant.permission, node=grant.node, rights=_ordered(grant.rights))
            for grant in grounds.grants
        ],
        as_of=grounds.as_of,
        agreement=Agreement(process=agreement.stream, version=agreement.version, position=agreement.position),
    )


def _ordered(rights: frozenset[Right]) -> list[Right]:
    return [right for right in RIGHTS if right in rights]


routes = routes_of(state, account)
