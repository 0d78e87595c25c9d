"""Edits that may hold what another node committed and this one has not heard of yet.

A client that comes from another node hands over what it was shown there: other people's edits too.
Taken for its own they would be forgeries, or deletions under the wrong name. So such an edit waits
for a reading of the store, after which only what is really new in it is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from realtime.limits import Limits
from realtime.member import Member
from realtime.protocol import Edit


@dataclass(slots=True)
class Held:
    """One edit in doubt, received `at` (UTC), `since` (monotonic seconds)."""

    member: Member
    edit: Edit
    at: datetime
    since: float


class Doubts:
    """The edits in doubt of one document, in the order in which they came."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._held: list[Held] = []
        self._bytes = 0

    def put(self, held: Held) -> bool:
        """Keep an edit; False if too much waits already."""
        size = self._bytes + len(held.edit.data)
        if len(self._held) >= self._limits.parked_updates or (
            self._held and size > self._limits.parked_bytes
        ):
            return False
        self._held.append(held)
        self._bytes = size
        return True

    def take(self) -> list[Held]:
        """All of them, for a reading that begins now."""
        held, self._held, self._bytes = self._held, [], 0
        return held

    def put_back(self, held: Sequence[Held]) -> None:
        """The reading failed."""
        self._held[:0] = held
        self._bytes += sum(len(each.edit.data) for each in held)

    def expired(self, now: float) -> list[Held]:
        """Remove and return those that waited too long."""
        late = [each for each in self._held if now - each.since > self._limits.parked_for]
        if late:
            self._held = [each for each in self._held if each not in late]
            self._bytes -= sum(len(each.edit.data) for each in late)
        return late
