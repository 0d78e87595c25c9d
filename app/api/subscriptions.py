"""Subscriptions to the event log, and pull groups: any number of workers that take events in turns.

Reading and working (pull, acknowledge) needs the scope `read`, changing a subscription `write`. Each is
there for its owner alone, and ends with the access token that it was made with.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints, model_validator
from starlette.responses import Response

from app.api.events import CloudEvent
from app.api.writing import Items, Output
from app.commands import new_id
from app.events.access_log import Reader
from app.events.cloud_events import encode
from app.events.filters import Filter
from app.http.binding import Input
from app.http.consistency import MAX_POSITION, check_reached
from app.http.endpoint import Call, endpoint, routes_of
from app.http.principal import authenticate
from app.http.problems import Problem
from app.moments import position_of
from app.subscriptions.queue import ERROR_LENGTH, Queue
from app.subscriptions.store import Subscriptions
from app.subscriptions.subscription import NewSubscription, Subscription
from app.subscriptions.taking import Taken, take
from domain import text

PATH = "/api/v1/subscriptions"
ONE = PATH + "/{subscription}"
_POLL = (0.02, 0.25)  # seconds between looks while a pull waits: the first, and the longest
_DAY = 86_400.0
_AckId = Annotated[str, StringConstraints(min_length=1, max_length=100)]
_Position = Annotated[int, Field(ge=1, le=MAX_POSITION)]
_Expressions = Annotated[list[dict[str, Any]], Field(max_length=100)]
_LeaseSeconds = Annotated[float, Field(ge=1, le=43_200, allow_inf_nan=False)]
_MaxDeliveries = Annotated[int, Field(ge=1, le=1000)]


class NewPullGroup(Input):
    """A pull group. `filter`: CloudEvents filter expressions, all of which must hold; none: every event.

    `start` is `beginning`, `now`, or a moment: the log position or RFC 3339 time after which it begins.
    """

    kind: Literal["pull"]
    name: str
    filter: _Expressions = Field([])
    start: Annotated[str, StringConstraints(max_length=100)] = "now"
    lease_seconds: _LeaseSeconds = 60.0
    max_deliveries: _MaxDeliveries = 10


class Change(Input):
    """What is to change; what is left out stays."""

    name: str | None = None
    filter: _Expressions | None = None
    lease_seconds: _LeaseSeconds | None = None
    max_deliveries: _MaxDeliveries | None = None


class Seek(Input):
    """Where to go on: `beginning`, `now`, or the moment after which."""

    to: Annotated[str, StringConstraints(max_length=100)]


class Replay(Input):
    """Positions, both included."""

    first: _Position = Field(alias="from")
    last: _Position = Field(alias="to")

    @model_validator(mode="after")
    def _ordered(self) -> Replay:
        if self.last < self.first:
            raise ValueError("a replay goes forwards")
        return self


class Pull(Input):
    """How many events at most, and for how many seconds to wait when there is none."""

    max: int = Field(10, ge=1, le=1000)
    wait: float = Field(0, ge=0, le=60, allow_inf_nan=False)


class Ack(Input):
    """What was dealt with."""

    ack_ids: list[_AckId] = Field(min_length=1, max_length=1000)


class Nack(Input):
    """What was not, and what then: again (`delay`, in seconds), aside (`park`), or never (`skip`)."""

    ack_id: _AckId
    action: Literal["delay", "park", "skip"] = "delay"
    delay: float = Field(0, ge=0, le=_DAY, allow_inf_nan=False)
    error: str = Field("", max_length=ERROR_LENGTH)


class Extend(Input):
    """For how many seconds from now the lease is to last."""

    ack_id: _AckId
    seconds: _LeaseSeconds = 60.0


class ParkedReplay(Input):
    """Which positions to take up again; left out: all that are parked."""

    positions: Annotated[list[_Position], Field(max_length=1000)] | None = None


class ParkedQuery(Input):
    """Which page of the parked events."""

    cursor: int = Field(0, ge=0, le=MAX_POSITION)
    limit: int = Field(50, ge=1, le=500)


class Shown(Output):
    """A subscription as it stands. `lag`: events of the log it has yet to deal with; times are UTC."""

    id: UUID
    kind: str
    name: str
    filter: list[dict[str, Any]]
    settings: dict[str, Any]
    start: str
    state: Literal["active", "paused", "failing", "disabled"]
    position: int
    pending: int
    leased: int
    parked: int
    lag: int
    last_error: str | None
    last_error_at: datetime | None
    created: datetime


class Counted(Output):
    """How many it held for."""

    count: int


class ParkedEvent(Output):
    """An event that was given up, after how many attempts, and why."""

    position: int
    attempts: int
    error: str | None
    since: datetime


class Delivery(BaseModel):
    """An event on lease: acknowledge it with `ack_id`. `attempt` counts from 1."""

    ack_id: UUID
    attempt: int
    replayed: bool
    event: CloudEvent


class Deliveries(BaseModel):
    """Ascending by position; of one stream at most one at a time."""

    items: list[Delivery]


async def _shown(call: Call, *found: Subscription) -> list[Shown]:
    counts = await Queue(call.system.pool).counts_of([one.id for one in found])
    return [
        Shown(
            **{name: getattr(one, name) for name in _SAME},
            filter=one.filter.to_json(),
            settings={name: value for name, value in one.settings.items() if name in _SETTINGS},
            position=one.cursor,
            created=one.created_at,
            **{name: getattr(counts[one.id], name) for name in ("pending", "leased", "parked", "lag")},
        )
        for one in found
        if one.id in counts  # else it was deleted at this moment
    ]


_SAME = ("id", "kind", "name", "start", "state", "last_error", "last_error_at")
_SETTINGS = ("lease_seconds", "max_deliveries", "url", "batch", "thin")


async def _position(call: Call, start: str, field: str) -> int:
    if start == "beginning":
        return 0
    return await call.system.log.head() if start == "now" else await position_of(call.system, start, field)


def _store(call: Call) -> Subscriptions:
    return Subscriptions(call.system.pool)


async def _mine(call: Call, subscription: UUID) -> Subscription:
    return await _store(call).get(call.person, subscription)


@endpoint("POST", PATH, scope="write", status=201, summary="Make a pull group")
async def create(call: Call, body: NewPullGroup) -> Shown:
    """Subscribe to the events that fit the filter and that you may see."""
    assert call.principal is not None
    new = NewSubscription(
        id=new_id(call.context, "subscription"),
        owner=call.person,
        credential=call.principal.token,
        kind=body.kind,
        name=text.name(body.name),
        filter=Filter.parse(body.filter),
        settings={"lease_seconds": body.lease_seconds, "max_deliveries": body.max_deliveries},
        start=body.start,
        cursor=await _position(call, body.start, "start"),
    )
    return (await _shown(call, await _store(call).create(new)))[0]


@endpoint("GET", PATH, scope="read", summary="My subscriptions")
async def list_(call: Call) -> Items[Shown]:
    """All of them, newest first; there are at most 100."""
    return Items(items=await _shown(call, *await _store(call).list(call.person)))


@endpoint("GET", ONE, scope="read", summary="How a subscription stands")
async def show(call: Call, subscription: UUID) -> Shown:
    """State, lag, counts and last error."""
    return (await _shown(call, await _mine(call, subscription)))[0]


@endpoint("PATCH", ONE, scope="write", summary="Change a subscription")
async def change(call: Call, subscription: UUID, body: Change) -> Shown:
    """A new filter holds for the events that were not yet looked at."""
    settings = body.model_dump(include={"lease_seconds", "max_deliveries"}, exclude_none=True)
    found = await _mine(call, subscription)
    if settings and found.kind != "pull":
        raise Problem(422, "invalid", "leases are settings of pull groups")
    changed = await _store(call).change(
        call.person,
        subscription,
        name=None if body.name is None else text.name(body.name),
        filter=None if body.filter is None else Filter.parse(body.filter),
        settings=settings,
    )
    return (await _shown(call, changed))[0]


@endpoint("DELETE", ONE, scope="write", summary="End a subscription")
async def delete(call: Call, subscription: UUID) -> None:
    """Its leases are no longer good, and what it had yet to deliver is forgotten."""
    await _store(call).delete(call.person, subscription)


@endpoint("POST", ONE + "/pause", scope="write", summary="Pause a subscription")
async def pause(call: Call, subscription: UUID) -> Shown:
    """Nothing is handed out until it is resumed; leases that are out can still be acknowledged."""
    return (await _shown(call, await _store(call).pause(call.person, subscription)))[0]


@endpoint("POST", ONE + "/resume", scope="write", summary="Resume a subscription")
async def resume(call: Call, subscription: UUID) -> Shown:
    """Go on where it stood. From now on it ends with the access token of this request."""
    assert call.principal is not None
    found = await _store(call).resume(call.person, subscription, call.principal.token)
    return (await _shown(call, found))[0]


@endpoint("POST", ONE + "/seek", scope="write", summary="Go on elsewhere")
async def seek(call: Call, subscription: UUID, body: Seek) -> Shown:
    """Go on after a moment, earlier or later. What is open is dropped, what is parked stays."""
    position = await _position(call, body.to, "to")
    return (await _shown(call, await _store(call).seek(call.person, subscription, position)))[0]


@endpoint("POST", ONE + "/replay", scope="write", summary="Deliver events again")
async def replay(call: Call, subscription: UUID, body: Replay) -> Shown:
    """Deliver what fits of a range again, marked as replayed."""
    await check_reached(call.system, body.last, "to")
    await _store(call).replay(call.person, subscription, body.first, body.last)
    return (await _shown(call, await _mine(call, subscription)))[0]


@endpoint(
    "POST",
    ONE + "/pull",
    scope="read",
    summary="Take events on lease",
    produces={"application/json": Deliveries},
)
async def pull(call: Call, subscription: UUID, body: Pull) -> Response:
    """Events that are due, each with the `ack_id` to acknowledge it by before its lease runs out.

    In order within each stream: the next of a stream comes when the one before was dealt with.
    """
    found = await _mine(call, subscription)
    if found.kind != "pull":
        raise Problem(409, "not_a_pull_group", "this subscription delivers by itself")
    taken = await _wait(call, found, body)
    assert call.principal is not None
    call.system.accesses.note(Reader(call.person, call.principal.token, "pull"), [one.event for one in taken])
    return Response(
        _encoded(taken, call.system.settings.address),
        headers={"Cache-Control": "no-store"},
        media_type="application/json",
    )


async def _wait(call: Call, group: Subscription, body: Pull) -> list[Taken]:
    """What there is, as soon as there is something, or nothing after the time that was given.

    Whoever loses their sign-in meanwhile gets nothing.
    """
    loop = asyncio.get_running_loop()
    deadline, pause = loop.time() + body.wait, _POLL[0]
    seconds = float(group.settings["lease_seconds"])
    while True:
        taken = await take(call.system, call.person, group.id, max=body.max, seconds=seconds)
        left = deadline - loop.time()
        if taken or left <= 0:
            return taken
        await asyncio.sleep(min(pause, left))
        pause = min(2 * pause, _POLL[1])
        if await authenticate(call.request, call.system.sign_in) != call.principal:
            return []


def _encoded(taken: Sequence[Taken], source: str) -> bytes:
    return b'{"items":[%b]}' % b",".join(
        b'{"ack_id":"%b","attempt":%d,"replayed":%b,"event":%b}'
        % (
            one.lease.ack_id.encode(),
            one.lease.attempt,
            b"true" if one.lease.replayed else b"false",
            encode(one.event, source),
        )
        for one in taken
    )


@endpoint("POST", ONE + "/ack", scope="read", summary="Acknowledge events")
async def ack(call: Call, subscription: UUID, body: Ack) -> Counted:
    """These are dealt with. `count`: how many still had their lease; the others come again."""
    await _mine(call, subscription)
    return Counted(count=await Queue(call.system.pool).ack(subscription, body.ack_ids))


@endpoint("POST", ONE + "/nack", scope="read", summary="Give an event back")
async def nack(call: Call, subscription: UUID, body: Nack) -> Counted:
    """Deliver it again later, park it with an error, or never deliver it again."""
    await _mine(call, subscription)
    queue = Queue(call.system.pool)
    if body.action == "park":
        done = await queue.park(subscription, body.ack_id, error=body.error)
    elif body.action == "skip":
        done = await queue.skip(subscription, body.ack_id)
    else:
        done = await queue.nack(subscription, body.ack_id, delay=body.delay, error=body.error)
    return Counted(count=int(done))


@endpoint("POST", ONE + "/extend", scope="read", summary="Keep an event longer")
async def extend(call: Call, subscription: UUID, body: Extend) -> Counted:
    """Let a lease last longer. `count` 0: it is over, and the event perhaps in other hands."""
    await _mine(call, subscription)
    done = await Queue(call.system.pool).extend(subscription, body.ack_id, seconds=body.seconds)
    return Counted(count=int(done))


@endpoint("GET", ONE + "/parked", scope="read", summary="Events that were given up")
async def parked(call: Call, subscription: UUID, query: ParkedQuery) -> Items[ParkedEvent]:
    """Ascending by position, each with its last error."""
    await _mine(call, subscription)
    found = await _store(call).parked(subscription, after=query.cursor, limit=query.limit)
    following = str(found[-1].position) if len(found) == query.limit else None
    return Items(items=[ParkedEvent.model_validate(one) for one in found], next=following)


@endpoint("POST", ONE + "/parked/replay", scope="write", summary="Take parked events up again")
async def replay_parked(call: Call, subscription: UUID, body: ParkedReplay) -> Counted:
    """Deliver them again, marked as replayed, with all attempts anew."""
    await _mine(call, subscription)
    return Counted(count=await Queue(call.system.pool).replay_parked(subscription, body.positions))


routes = routes_of(
    *(create, list_, show, change, delete, pause, resume, seek, replay),
    *(pull, ack, nack, extend, parked, replay_parked),
)
