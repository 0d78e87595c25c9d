"""One connection, as a room knows it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from realtime.ports import Admission


@dataclass(slots=True, eq=False)
class Member:
    """Compared by identity. `session` belongs to the shell; no rule looks at it."""

    person: UUID
    connection: UUID
    name: str
    colour: str
    may_edit: bool
    read_only: bool = False
    clients: set[int] = field(default_factory=set)  # awareness ids that it announced
    heard: float = 0.0  # when it last said anything
    beat_at: float = 0.0  # when it must be told something
    asked: float = float("-inf")  # when it was last sent a step1
    session: Any = None

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
        )
