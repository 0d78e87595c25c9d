"""Which events one reader may see, decided event by event at the moment of reading.

An event of a process is for those who may view the node that it is about, or the whole process if
it is about no node; an event of a person is for that person. That payloads were replaced (somebody was
erased) is for all who have signed in: it holds ids only, and whoever verifies or keeps copies must know.
What `Authorization` answered is kept until rights in that process change, or for a moment where nobody
tells of changes.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TypeVar
from uuid import UUID

from app.http.consistency import MAX_POSITION
from app.system import System
from domain.asset import Asset
from domain.catalogue import REWRITING
from domain.document import Document
from domain.errors import NotFound
from domain.ports import EventFilter, RecordedEvent

K = TypeVar("K")
V = TypeVar("V")

KEPT = 5.0  # seconds that an answer holds at most, unless changes are told
_ENTRIES = 10_000


class EventAccess:
    """One reader's access. `changes` tells a number that grows when rights in a process change.

    It must tell of every change (`Tail.rights_changed` does); without it answers are soon asked anew.
    """

    def __init__(self, system: System, person: UUID, changes: Callable[[UUID], int] | None = None) -> None:
        self._system = system
        self._person = person
        self._changes = changes
        self._known: dict[tuple[UUID, UUID | None], tuple[bool, float]] = {}

    async def may_see(self, event: RecordedEvent) -> bool:
        """Whether the reader may see this event now."""
        known = self.known(event)
        return await self._ask(event) if known is None else known

    async def event_at(self, position: int) -> RecordedEvent:
        """The event at a log position; raises NotFound if there is none that the reader may see."""
        possible = 0 < position <= MAX_POSITION
        found = await self._system.log.read(after=position - 1, limit=1) if possible else ()
        if not found or not await self.may_see(found[0]):
            raise NotFound("no such event")
        return found[0]

    def known(self, event: RecordedEvent) -> bool | None:
        """What `may_see` answers, if that is known without a look at the log; else None."""
        process, subject = event.process, event.type.partition(".")[0]
        if process is None or event.type in REWRITING:
            return event.type in REWRITING or event.stream == self._person
        node = None
        if subject == "plan":
            node = _node_named(event.payload)
        elif subject in _PLACED:
            node = self._system.repository.known_node(event.stream)
            if node is None:
                return None
        return self._answered(process, node)

    async def _ask(self, event: RecordedEvent) -> bool:
        process, subject = event.process, event.type.partition(".")[0]
        assert process is not None
        node = None
        if subject == "plan":
            node = _node_named(event.payload)
        elif subject in _PLACED:
            try:
                node = await self._system.repository.node_of(_PLACED[subject], event.stream)
            except NotFound:
                return False
        answered = self._answered(process, node)
        return await self._may_view(process, node) if answered is None else answered

    def _answered(self, process: UUID, node: UUID | None) -> bool | None:
        """What `Authorization` said of it, if that still holds."""
        found = self._known.get((process, node))
        return found[0] if found is not None and found[1] >= self._mark(process) else None

    async def _may_view(self, process: UUID, node: UUID | None) -> bool:
        # taken before asking: what changes meanwhile makes the answer old, even if it was in it
        mark = self._mark(process) if self._changes else time.monotonic()
        authorization = self._system.authorization
        if node is None:
            allowed = await authorization.sees_whole(self._person, process)
        else:
            allowed = "view" in await authorization.rights(self._person, process, node)
        _bounded(self._known)[process, node] = (allowed, mark)
        return allowed

    def _mark(self, process: UUID) -> float:
        """How new an answer about a process has to be."""
        return time.monotonic() - KEPT if self._changes is None else self._changes(process)


_PLACED: Mapping[str, type[Asset | Document]] = {"asset": Asset, "document": Document}


@lru_cache(maxsize=1_000)
def _node_named(payload: bytes) -> UUID | None:
    """The node that an event of a plan is about; asked of the same event for each of many readers."""
    node = json.loads(payload).get("node")
    return None if node is None else UUID(node)


def _bounded(kept: dict[K, V]) -> dict[K, V]:
    if len(kept) >= _ENTRIES:
        kept.clear()
    return kept


def matches(where: EventFilter, event: RecordedEvent) -> bool:
    """Whether an event is one that the filter asks for; what the log does in SQL, for events at hand."""
    return (
        (not where.types or any(_is_of(event.type, wanted) for wanted in where.types))
        and where.stream in (None, event.stream)
        and where.process in (None, event.process)
        and where.actor in (None, event.actor)
        and (not where.tags or set(where.tags) <= set(event.tags))
    )


def _is_of(type: str, wanted: str) -> bool:
    return type.startswith(wanted[:-1]) if wanted.endswith(".*") else type == wanted
