"""A place in an open document."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from realtime.cell import Cell
from realtime.member import Member
from realtime.protocol import Close, Message


class Refused(Exception):
    """A connection can't be let in."""

    def __init__(self, code: Close, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class Seat:
    """A member's place in an open document, from `Hub.join` until `leave`."""

    __slots__ = ("_left", "cell", "member")

    def __init__(self, member: Member, cell: Cell, left: Callable[[Seat], None]) -> None:
        self.member = member
        self.cell = cell
        self._left: Callable[[Seat], None] | None = left

    def receive(self, message: Message, now: float, at: datetime) -> None:
        """The member said something, at `now` (monotonic seconds), `at` (UTC)."""
        self.cell.receive(self.member, message, now, at)

    def leave(self) -> None:
        """Give the place up. Doing it again changes nothing."""
        left, self._left = self._left, None
        if left is not None:
            left(self)
