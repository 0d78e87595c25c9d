"""A subscription: whose, to which events, from where on, and how it stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from app.events.filters import Filter

Kind = Literal["webhook", "pull"]
State = Literal["active", "paused", "failing", "disabled"]

PER_PERSON = 100
CREDENTIAL_ENDED = "the access token that it was made with is no longer good"


@dataclass(frozen=True, slots=True)
class Subscription:
    """As stored. `cursor` is the log position up to which events were looked at.

    It ends with `credential`, the id of an access token; None: it was made in a session and is its
    owner's as long as there is one. `settings` are its kind's own (a pull group's: `lease_seconds`,
    `max_deliveries`). `failing` still delivers; `disabled` does not until it is resumed.
    """

    id: UUID
    owner: UUID
    credential: UUID | None
    kind: Kind
    name: str
    filter: Filter
    settings: Mapping[str, Any]
    start: str
    state: State
    cursor: int
    last_error: str | None
    last_error_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class NewSubscription:
    """What a subscription begins with. `start` is what was asked for, `cursor` the position it means."""

    id: UUID
    owner: UUID
    credential: UUID | None
    kind: Kind
    name: str
    filter: Filter
    settings: Mapping[str, Any]
    start: str
    cursor: int


@dataclass(frozen=True, slots=True)
class Parked:
    """An event that could not be delivered, after how many attempts, and what the last one met."""

    position: int
    attempts: int
    error: str | None
    since: datetime
