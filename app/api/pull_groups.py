"""Pull groups: any number of workers that take events in turns, on lease, and acknowledge them.

Working needs the scope `read`. How groups are made and changed: app/api/subscriptions.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints
from starlette.responses import Response

from app.api.events import CloudEvent, reader
from app.api.writing import Output
from app.events.cloud_events import encode
from app.http.binding import Input
from app.http.endpoint import Call, endpoint, routes_of
from app.http.principal import check_still_signed_in
from app.http.problems import Problem
from app.subscriptions.queue import ERROR_LENGTH, Queue
from app.subscriptions.store import Subscriptions
from app.subscriptions.subscription import Subscription
from app.subscriptions.taking import Taken, take

ONE = "/api/v1/subscriptions/{subscription}"
_DAY = 86_400.0
LeaseSeconds = Annotated[float, Field(ge=1, le=43_200, allow_inf_nan=False)]
_AckId = Annotated[str, StringConstraints(min_length=1, max_length=100)]


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
    seconds: LeaseSeconds = 60.0


class Counted(Output):
    """How many it held for."""

    count: int


class Delivery(BaseModel):
    """An event on lease: acknowledge it with `ack_id`. `attempt` counts from 1."""

    ack_id: UUID
    attempt: int
    replayed: bool
    event: CloudEvent


class Deliveries(BaseModel):
    """Ascending by position; of one stream at most one at a time."""

    items: list[Delivery]


def _queue(call: Call) -> Queue:
    return Queue(call.system.pool, call.system.news)


async def _mine(call: Call, subscription: UUID) -> Subscription:
    return await Subscriptions(call.system.pool).get(call.person, subscription)


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
    call.system.accesses.note(reader(call, "pull"), [one.event for one in taken])
    return Response(
        _encoded(taken, call.system.settings.address),
        headers={"Cache-Control": "no-store"},
        media_type="application/json",
    )


async def _wait(call: Call, group: Subscription, body: Pull) -> list[Taken]:
    """What there is, as soon as there is something, or nothing after the time that was given.

    Raises a Problem (401) for whoever loses their sign-in meanwhile.
    """
    assert call.principal is not None
    news, loop = call.system.news, asyncio.get_running_loop()
    deadline, seconds = loop.time() + body.wait, float(group.settings["lease_seconds"])
    with news.waiting(group.id, call.principal.credential) as waiter:
        while True:
            taken = await take(call.system, call.person, group.id, max=body.max, seconds=seconds)
            if taken:
                news.wake(group.id)  # there may be more
            left = deadline - loop.time()
            if taken or left <= 0:
                return taken
            await waiter.next(left)
            await check_still_signed_in(call.request, call.system.sign_in, call.principal)


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
    return Counted(count=await _queue(call).ack(subscription, body.ack_ids))


@endpoint("POST", ONE + "/nack", scope="read", summary="Give an event back")
async def nack(call: Call, subscription: UUID, body: Nack) -> Counted:
    """Deliver it again later, park it with an error, or never deliver it again."""
    await _mine(call, subscription)
    queue = _queue(call)
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
    done = await _queue(call).extend(subscription, body.ack_id, seconds=body.seconds)
    return Counted(count=int(done))


routes = routes_of(pull, ack, nack, extend)
