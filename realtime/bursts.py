"""When what people wrote is to be sealed: pure bookkeeping of the journal rows of one open document.

The sealed log must hold nothing that leans on what is not in it. So a burst is sealed together with
the bursts it leans on: at once when its bound of time or size is reached, and before that as soon
as everybody concerned is idle or gone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from realtime.limits import Limits


@dataclass(slots=True)
class Open:
    """One person's unsealed rows, up to row id `through`."""

    began: datetime
    ended: datetime
    through: int
    size: int = 0
    left: bool = False
    leans_on: set[UUID] = field(default_factory=set)


class Bursts:
    """The open bursts of one document, by person."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._open: dict[UUID, Open] = {}

    def __bool__(self) -> bool:
        return bool(self._open)

    def add(self, person: UUID, row: int, at: datetime, size: int, leans_on: Iterable[UUID]) -> None:
        """A person's update was committed as a row."""
        burst = self._open.get(person)
        if burst is None:
            burst = self._open[person] = Open(at, at, row)
        burst.ended = at
        burst.through = max(burst.through, row)
        burst.size += size
        burst.left = False
        for other in leans_on:
            burst.leans_on.add(other)

    def left(self, person: UUID) -> None:
        """A person's last connection is gone."""
        if person in self._open:
            self._open[person].left = True

    def take(self, now: datetime, *, everything: bool = False) -> dict[UUID, Open]:
        """Remove and return what is to be sealed now."""
        if everything:
            taken, self._open = self._open, {}
            return taken
        people: set[UUID] = set()
        for person in self._open:
            if person not in people:
                group = self._group(person)
                if self._full(self._open[person], now) or all(self._idle(self._open[p], now) for p in group):
                    people |= group
        return {person: self._open.pop(person) for person in people}

    def put_back(self, taken: dict[UUID, Open]) -> None:
        """Sealing failed: these are open still."""
        for person, burst in taken.items():
            newer = self._open.get(person)
            if newer is not None:
                burst.ended, burst.left = newer.ended, newer.left
                burst.through = max(burst.through, newer.through)
                burst.size += newer.size
                burst.leans_on |= newer.leans_on
            self._open[person] = burst

    def _group(self, person: UUID) -> set[UUID]:
        """A person and everybody whose open burst theirs leans on, directly or not."""
        group: set[UUID] = set()
        waiting = [person]
        while waiting:
            current = waiting.pop()
            if current in self._open and current not in group:
                group.add(current)
                waiting += self._open[current].leans_on
        return group

    def _full(self, burst: Open, now: datetime) -> bool:
        open_for = (now - burst.began).total_seconds()
        return burst.size >= self._limits.seal_bytes or open_for >= self._limits.seal_after

    def _idle(self, burst: Open, now: datetime) -> bool:
        return burst.left or (now - burst.ended).total_seconds() >= self._limits.seal_idle
