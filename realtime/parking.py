"""Updates that came before what they lean on.

Nobody was told that they were kept, so the bound may drop them: their author's client still has
them and sends them again when asked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from realtime.limits import Limits
from realtime.member import Member
from realtime.metrics import Metrics
from realtime.update import Update


@dataclass(slots=True)
class Parked:
    """One early update, received `at` (UTC), `since` (monotonic seconds)."""

    member: Member
    data: bytes
    update: Update
    at: datetime
    since: float


class Parking:
    """Bounded, oldest dropped first."""

    def __init__(self, limits: Limits, metrics: Metrics) -> None:
        self._limits = limits
        self._metrics = metrics
        self._parked: list[Parked] = []
        self._bytes = 0

    def __bool__(self) -> bool:
        return bool(self._parked)

    def put(self, parked: Parked) -> list[Parked]:
        """Keep an update until what it leans on comes; returns what was dropped to make room."""
        self._metrics.parked += 1
        self._parked.append(parked)
        self._bytes += len(parked.data)
        dropped: list[Parked] = []
        while self._parked and (
            len(self._parked) > self._limits.parked_updates or self._bytes > self._limits.parked_bytes
        ):
            dropped.append(self._drop(self._parked[0]))
        return dropped

    def take(self, complete: Callable[[Update], bool]) -> Parked | None:
        """The first update whose turn has come, or None."""
        for parked in self._parked:
            if complete(parked.update):
                self._remove(parked)
                return parked
        return None

    def members(self) -> set[Member]:
        """Whose updates wait."""
        return {parked.member for parked in self._parked}

    def forget(self, member: Member) -> list[Parked]:
        """Drop and return what a connection parked."""
        return [self._drop(parked) for parked in list(self._parked) if parked.member is member]

    def expire(self, now: float) -> list[Parked]:
        """Drop and return what waited too long."""
        dropped: list[Parked] = []
        while self._parked and now - self._parked[0].since > self._limits.parked_for:
            dropped.append(self._drop(self._parked[0]))
        return dropped

    def _drop(self, parked: Parked) -> Parked:
        self._metrics.parked_dropped += 1
        self._remove(parked)
        return parked

    def _remove(self, parked: Parked) -> None:
        self._parked.remove(parked)
        self._bytes -= len(parked.data)
