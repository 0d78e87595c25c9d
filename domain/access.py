"""Reading is recorded too: who looked at the log, at which part of it, by which way."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar, Literal, get_args
from uuid import UUID

from eventsourcing.domain import Aggregate

Way = Literal["page", "stream", "socket", "pull", "webhook", "state", "export"]
WAYS: tuple[Way, ...] = get_args(Way)


class Access(Aggregate):
    """What one person read of one process's events in a short while. The reader is the event's actor."""

    class Recorded(Aggregate.Created):
        """Somebody read events.

        `credential` is the id of the access token, None for a session; `events` were given to them between
        `began` and `ended`, all from positions `first` to `last`, with those between that they may see.
        """

        TOPIC = "access.recorded"
        EXPIRED: ClassVar[Mapping[str, object]] = {"credential": None, "events": 0, "first": 0, "last": 0}
        credential: UUID | None
        way: Way
        began: datetime
        ended: datetime
        events: int
        first: int
        last: int

    def __init__(
        self,
        credential: UUID | None,
        way: Way,
        began: datetime,
        ended: datetime,
        events: int,
        first: int,
        last: int,
    ) -> None:
        self.credential = credential
        self.way = way
        self.began = began
        self.ended = ended
        self.events = events
        self.first = first
        self.last = last
