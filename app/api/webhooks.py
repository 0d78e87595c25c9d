"""What webhooks have beside other subscriptions: their keys, and the log of its deliveries."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import Field

from app.api.writing import Items, Output
from app.http.binding import Input
from app.http.endpoint import Call, endpoint, routes_of
from app.http.problems import Problem
from app.subscriptions.courier import Courier
from app.subscriptions.delivery_log import Delivery, DeliveryLog
from app.subscriptions.message import ping
from app.subscriptions.webhook import Webhook, Webhooks
from domain.errors import Conflict, NotFound

ONE = "/api/v1/subscriptions/{subscription}"


class Keys(Output):
    """What verifies its messages: `secret` (HMAC, shown this once) and `public_key` (Ed25519).

    Messages carry signatures of the previous keys too until `old_sign_until`.
    """

    id: UUID
    secret: str
    public_key: str
    old_sign_until: datetime | None = None


class Attempted(Output):
    """One message and how it went: `status` null, and the class of the `error`, if nothing came back."""

    id: UUID
    at: datetime
    cause: str
    positions: list[int]
    attempt: int
    outcome: str
    status: int | None
    error: str | None
    duration_ms: int


class Page(Input):
    """Which page of the log, newest first; it goes back 30 days or 1,000 attempts."""

    cursor: UUID | None = None
    limit: int = Field(50, ge=1, le=200)


def webhooks(call: Call) -> Webhooks:
    """The webhooks of the system that is called."""
    return Webhooks(call.system.pool, call.system.settings.signing_key())


async def _mine(call: Call, subscription: UUID) -> Webhook:
    found = await webhooks(call).find(subscription, owner=call.person)
    if found is None:
        raise NotFound("no such webhook")
    return found


def _attempted(delivery: Delivery) -> Attempted:
    return Attempted.model_validate(delivery)


def shown_once(call: Call) -> None:
    """Raises Conflict for a command that is repeated: what it answered was not kept."""
    if call.command is not None and call.command.repeated:
        raise Conflict("a secret is shown once; rotate it for another", code="secret_shown_once")


@endpoint("POST", ONE + "/secret", scope="write", summary="Rotate a webhook's keys")
async def rotate(call: Call, subscription: UUID) -> Keys:
    """New keys, shown once. The previous ones sign beside them for a day."""
    shown_once(call)
    await _mine(call, subscription)
    keys = await webhooks(call).rotate(subscription)
    return Keys(
        id=subscription,
        secret=keys.secret,
        public_key=keys.public_key,
        old_sign_until=keys.old_sign_until,
    )


@endpoint("GET", ONE + "/deliveries", scope="read", summary="What was sent to a webhook")
async def deliveries(call: Call, subscription: UUID, query: Page) -> Items[Attempted]:
    """The attempts of late, newest first; not what was in them."""
    await _mine(call, subscription)
    log = DeliveryLog(call.system.pool)
    found = await log.newest(subscription, limit=query.limit, after=query.cursor)
    following = str(found[-1].id) if len(found) == query.limit else None
    return Items(items=[_attempted(one) for one in found], next=following)


@endpoint("POST", ONE + "/deliveries/{delivery}/redeliver", scope="write", summary="Send events once more")
async def redeliver(call: Call, subscription: UUID, delivery: UUID) -> Attempted:
    """Send now what an attempt sent, as far as you may still see it, whatever the subscription's state."""
    webhook = await _mine(call, subscription)
    found = await DeliveryLog(call.system.pool).find(subscription, delivery)
    if found is None or not found.positions:
        raise NotFound("no such delivery")
    async with Courier(call.system) as courier:
        events = await courier.events(webhook, found.positions)
        if not events:
            raise Problem(409, "nothing_to_send", "you may no longer see what was sent")
        positions = [event.position for event in events]
        message = courier.compose(webhook, events)
        return _attempted(await courier.send_once(webhook, message, cause="redelivery", positions=positions))


@endpoint("POST", ONE + "/ping", scope="write", summary="Try a webhook")
async def try_(call: Call, subscription: UUID) -> Attempted:
    """Send a `webhook.ping` now and tell how it went."""
    webhook = await _mine(call, subscription)
    async with Courier(call.system) as courier:
        message = ping(webhook.id, call.system.settings.address)
        return _attempted(await courier.send_once(webhook, message, cause="ping"))


routes = routes_of(rotate, deliveries, redeliver, try_)
