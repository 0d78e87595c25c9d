"""One connection, as a room knows it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from realtime.ports import Admission


class Outlet(Protocol):
    """How the shell reaches a member. None of it waits or raises."""

    def deliver(self, frame: bytes) -> None:
        """Send a frame of the y-websocket protocol."""
        ...

    def answer(self, taken: bool) -> None:
        """Say that an edit is durable, or that it was not taken; once for each edit received."""
        ...

    def rights(self, may_edit: bool) -> None:
        """Say that the member may edit from now on, or may not any more."""
        ...

    def close(self, code: int, reason: str) -> None:
        """End this membership; see Close."""
        ...


@dataclass(slots=True, eq=False)
class Member:
    """Compared by identity. `outlet` belongs to the shell; no rule looks at it."""

    person: UUID
    connection: UUID
    name: str
    colour: str
    may_edit: bool
    read_only: bool = False
    credential: UUID | None = None  # what it was let in by, if that may be ended
    lingers: bool = False  # its presence outlives it until it expires: it comes again by another request
    clients: set[int] = field(default_factory=set)  # awareness ids that it announced
    heard: float = 0.0  # when it last said anything
    beat_at: float = 0.0  # when it must be told something
    asked: float = float("-inf")  # when it was last sent a step1
    outlet: Outlet = field(init=False, repr=False)

    @classmethod
    def of(cls, admission: Admission) -> Member:
        """The member that an admission makes."""
        return cls(
            admission.person,
            admission.session,
            admission.name,
            admission.colour,
            admission.may_edit and not admission.read_only,
            admission.read_only,
            admission.credential,
        )
