"""Subscriptions to the event log: webhooks, and pull groups. What their owners do with both kinds.

Looking needs the scope `read`, changing a subscription `write`. Each is there for its owner alone, and
ends with the access token that it was made with. What only webhooks have is in app/api/webhooks.py,
and what workers do in app/api/pull_groups.py.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator

from app.api.pull_groups import Counted, LeaseSeconds
from app.api.webhooks import shown_once, webhooks
from app.api.writing import Items, Output
from app.commands import new_id
from app.events.filters import Filter
from app.http.binding import Input
from app.http.consistency import MAX_POSITION, check_reached
from app.http.endpoint import Call, endpoint, routes_of
from app.moments import position_of
from app.subscriptions.address_guard import URL_LENGTH
from app.subscriptions.queue import Queue
from app.subscriptions.store import Subscriptions
from app.subscriptions.subscription import Kind, NewSubscription, Subscription
from app.subscriptions.webhook import BATCH, checked_url
from domain import text
from domain.errors import Invalid

PATH = "/api/v1/subscriptions"
ONE = PATH + "/{subscription}"
_Position = Annotated[int, Field(ge=1, le=MAX_POSITION)]
_Expressions = Annotated[list[dict[str, Any]], Field(max_length=100)]


class Settings(Input):
    """Of a webhook: `url`, `batch` (events in one message at most), `thin` (events without their data).
    Of a pull group: `lease_seconds` to deal with an event, and `max_deliveries` before it is parked.
    """

    url: Annotated[str, Field(max_length=URL_LENGTH)] | None = None
    batch: Annotated[int, Field(ge=1, le=BATCH)] | None = None
    thin: bool | None = None
    lease_seconds: LeaseSeconds | None = None
    max_deliveries: Annotated[int, Field(ge=1, le=1000)] | None = None


class New(Settings):
    """A webhook or a pull group, with the settings of its kind; a webhook needs a `url`.

    `filter`: CloudEvents filter expressions, all of which must hold; none: every event. `start` is
    `beginning`, `now`, or a moment: the log position or RFC 3339 time after which it begins.
    """

    kind: Kind
    name: str
    filter: _Expressions = Field([])
    start: Annotated[str, StringConstraints(max_length=100)] = "now"


class Change(Settings):
    """What is to change; what is left out stays."""

    name: str | None = None
    filter: _Expressions | None = None


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


class Made(Shown):
    """The new subscription. What verifies a webhook's messages is in it: `secret` (HMAC), which is shown
    this once, and `public_key` (Ed25519); null for a pull group.
    """

    secret: str | None = None
    public_key: str | None = None


class ParkedEvent(Output):
    """An event that was given up, after how many attempts, and why."""

    position: int
    attempts: int
    error: str | None
    since: datetime


async def _shown(call: Call, *found: Subscription) -> list[Shown]:
    counts = await _queue(call).counts_of([one.id for one in found])
    return [
        Shown(
            **{name: getattr(one, name) for name in _SAME},
            filter=one.filter.to_json(),
            settings={name: value for name, value in one.settings.items() if name in _DEFAULTS[one.kind]},
            position=one.cursor,
            created=one.created_at,
            **{name: getattr(counts[one.id], name) for name in ("pending", "leased", "parked", "lag")},
        )
        for one in found
        if one.id in counts  # else it was deleted at this moment
    ]


_SAME = ("id", "kind", "name", "start", "state", "last_error", "last_error_at")
_DEFAULTS: dict[Kind, dict[str, Any]] = {
    "webhook": {"url": None, "batch": 1, "thin": False},
    "pull": {"lease_seconds": 60.0, "max_deliveries": 10},
}


def _settings(call: Call, kind: Kind, given: Settings) -> dict[str, Any]:
    """What is given of a kind's settings; raises Invalid for those of the other kind, or a bad URL."""
    settings = given.model_dump(include=set(Settings.model_fields), exclude_none=True)
    for name in settings:
        if name not in _DEFAULTS[kind]:
            raise Invalid(f"no setting of a {kind} subscription", field=name)
    if "url" in settings:
        checked_url(settings["url"], allow_private=call.system.settings.webhook_allow_private)
    return settings


async def _position(call: Call, start: str, field: str) -> int:
    if start == "beginning":
        return 0
    return await call.system.log.head() if start == "now" else await position_of(call.system, start, field)


def _store(call: Call) -> Subscriptions:
    return Subscriptions(call.system.pool)


def _queue(call: Call) -> Queue:
    return Queue(call.system.pool, call.system.news)


async def _mine(call: Call, subscription: UUID) -> Subscription:
    return await _store(call).get(call.person, subscription)


@endpoint("POST", PATH, scope="write", status=201, summary="Subscribe to events")
async def create(call: Call, body: New) -> Made:
    """Have the events that fit the filter, and that you may see, sent to a URL, signed; or pull them."""
    assert call.principal is not None
    if body.kind == "webhook":
        shown_once(call)
    settings = _DEFAULTS[body.kind] | _settings(call, body.kind, body)
    if None in settings.values():
        raise Invalid("a webhook needs a URL", code="missing", field="url")
    new = NewSubscription(
        id=new_id(call.context, "subscription"),
        owner=call.person,
        credential=call.principal.token,
        kind=body.kind,
        name=text.name(body.name),
        filter=Filter.parse(body.filter),
        settings=settings,
        start=body.start,
        cursor=await _position(call, body.start, "start"),
    )
    made = await _store(call).create(new)
    keys = await webhooks(call).rotate(made.id) if body.kind == "webhook" else None
    [shown] = await _shown(call, made)
    return Made(
        **dict(shown),
        secret=None if keys is None else keys.secret,
        public_key=None if keys is None else keys.public_key,
    )


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
    found = await _mine(call, subscription)
    changed = await _store(call).change(
        call.person,
        subscription,
        name=None if body.name is None else text.name(body.name),
        filter=None if body.filter is None else Filter.parse(body.filter),
        settings=_settings(call, found.kind, body),
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
    call.system.news.tell([subscription])
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
    return Counted(count=await _queue(call).replay_parked(subscription, body.positions))


routes = routes_of(
    *(create, list_, show, change, delete, pause, resume, seek, replay),
    *(parked, replay_parked),
)
