"""Which events one reader may see, decided event by event at the moment of reading.

An event of a process is for those who may view the node that it is about, or the whole process if
it is about no node; an event of a person is for that person. That somebody was erased is for all who
have signed in: it holds ids only, and whoever verifies or keeps copies must know. What `Authorization`
answered is kept for a moment, and forgotten at once when the rights in that process change.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from uuid import UUID

from app.system import System
from domain.asset import Asset
from domain.document import Document
from domain.errors import NotFound
from domain.person import Person
from domain.ports import EventFilter, RecordedEvent

KEPT = 5.0  # seconds that an answer holds at most
_ENTRIES = 10_000


class EventAccess:
    """One reader's access. `changes` tells a number that grows when rights in a process change."""

    def __init__(
        self, system: System, person: UUID, changes: Callable[[UUID], int] = lambda process: 0
    ) -> None:
        self._system = system
        self._person = person
        self._changes = changes
        self._known: dict[tuple[UUID, UUID | None], tuple[bool, int, float]] = {}

    async def may_see(self, event: RecordedEvent) -> bool:
        """Whether the reader may see this event now."""
        if event.type == Person.Erased.TOPIC:
            return True
        if event.process is None:
            return event.stream == self._person
        try:
            node = await _node_of(self._system, event)
        except NotFound:
            return False
        return await self._may_view(event.process, node)

    async def _may_view(self, process: UUID, node: UUID | None) -> bool:
        known, changes, now = self._known.get((process, node)), self._changes(process), time.monotonic()
        if known is not None and known[1] == changes and now - known[2] < KEPT:
            return known[0]
        authorization = self._system.authorization
        if node is None:
            allowed = await authorization.sees_whole(self._person, process)
        else:
            allowed = "view" in await authorization.rights(self._person, process, node)
        if len(self._known) >= _ENTRIES:
            self._known.clear()
        self._known[process, node] = (allowed, changes, now)
        return allowed


async def _node_of(system: System, event: RecordedEvent) -> UUID | None:
    """The node that an event is about. An asset never leaves its node, nor a document its asset."""
    subject = event.type.partition(".")[0]
    if subject == "plan":
        node = json.loads(event.payload).get("node")
        return None if node is None else UUID(node)
    asset = event.stream
    if subject == "document":
        asset = (await system.repository.created(Document, event.stream)).asset
    elif subject != "asset":
        return None
    return (await system.repository.created(Asset, asset)).node


def matches(where: EventFilter, event: RecordedEvent) -> bool:
    """Whether an event is one that the filter asks for; what the log does in SQL, for events at hand."""
    return (
        (not where.types or any(_is_of(event.type, wanted) for wanted in where.types))
        and where.stream in (None, event.stream)
        and where.process in (None, event.process)
        and where.actor in (None, event.actor)
        and set(where.tags) <= set(event.tags)
    )


def _is_of(type: str, wanted: str) -> bool:
    return type.startswith(wanted[:-1]) if wanted.endswith(".*") else type == wanted
