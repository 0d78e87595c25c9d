"""What may be asked of the event log, and which part of it that is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from app.http.binding import Input
from app.http.consistency import MAX_POSITION
from app.moments import instant
from app.system import System
from domain.errors import Invalid
from domain.ports import EventFilter

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


async def stretch_of(system: System, query: Wanted) -> Stretch:
    """The positions that a query means; raises Invalid for what is no time, or is yet to come."""
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


def is_settled(stretch: Stretch, head: int, *, full: bool) -> bool:
    """Whether a page stays as it is however the log (now up to `head`) grows; `full`: it has all it may."""
    ended = stretch.before is not None and stretch.before <= head + 1
    return ended or (full and stretch.direction == "forwards")
