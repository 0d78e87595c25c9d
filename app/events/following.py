"""One reader's way through the log: what was, then what happens. What all live transports share.

A reader asks for the next step when there is room for it, so nothing waits in memory for a slow one.
Whether they may see an event is asked when it is handed over.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias
from uuid import UUID

from app.events.access import EventAccess, matches
from app.events.pages import Pace
from app.events.tail import Entry, Subscriber, Tail
from app.system import System
from domain.ports import EventFilter, RecordedEvent

HEARTBEAT = 15.0  # seconds
CHECKPOINT = 1.0  # seconds between checkpoints at least
PAGE = 500  # events
STEP = 1024 * 1024  # bytes that are handed over at once, or one event
_SHORTEST_PAGE = 50  # events; a reader with room for few may have to look at many

Mark: TypeAlias = Literal["caughtup", "checkpoint", "heartbeat"]
"""`caughtup`: everything so far was handed over, what follows is live. `checkpoint`: everything so far
was looked at, and nothing more of it is for this reader. `heartbeat`: nothing happened for 15 s."""


@dataclass(frozen=True, slots=True)
class Step:
    """Events to hand over, or a mark to tell, or neither; `position`: everything up to it is done."""

    position: int
    entries: Sequence[Entry] = ()
    mark: Mark | None = None


def _any(event: RecordedEvent) -> bool:
    return True


class Following:
    """A reader's place in the log. `where` is asked of the log, `wanted` of each event besides."""

    def __init__(
        self,
        system: System,
        tail: Tail,
        person: UUID,
        *,
        after: int,
        where: EventFilter,
        wanted: Callable[[RecordedEvent], bool] = _any,
        live: bool = False,
    ) -> None:
        self._system = system
        self._tail = tail
        self._where = where
        self._wanted = wanted
        self._access = EventAccess(system, person, tail.rights_changed)
        self._pace = Pace()
        self._position = after  # everything up to here was looked at
        self._told = after  # the newest position that the reader knows of
        self._told_at = time.monotonic()
        self._live = live  # the reader was told that it caught up

    @property
    def position(self) -> int:
        """Everything up to here was looked at."""
        return self._position

    @property
    def at_head(self) -> bool:
        """Whether everything so far was looked at: the next step hands nothing over."""
        return self._position >= self._tail.head

    @property
    def waits(self) -> bool:
        """Whether nothing is left to hand over, and the reader knows."""
        return self._live and self.at_head

    def go_on(self, position: int) -> None:
        """The reader was brought up to here in another way."""
        self._position = max(self._position, position)
        self._tell(self._position)

    def at_once(self, limit: int = PAGE) -> Step | None:
        """What `next` answers if it need not ask anything, without waiting; None: it must ask."""
        entries = self._tail.since(self._position)
        if entries is None:
            return None
        if not entries:
            return self._quiet()
        try:
            next(self._choose(entries, entries[-1].event.position, limit))
        except StopIteration as end:
            step: Step = end.value
            return step
        return None

    async def next(self, subscriber: Subscriber, limit: int = PAGE) -> Step:
        """The next step, of at most `limit` events, as soon as there is one; an empty one at times.

        With a limit of 0 it goes up to the first event that would be handed over, and no further.
        Raises Unavailable. `subscriber` is who is in `Tail.reading`.
        """
        entries = self._tail.since(self._position)
        if entries is None:
            self._live = False
            entries, reached = await self._page(min(PAGE, max(limit, _SHORTEST_PAGE)))
            return await self._asked(self._choose(entries, reached, limit))
        if entries:
            return await self._asked(self._choose(entries, entries[-1].event.position, limit))
        if self._live:
            pause = max(0.0, self._due - time.monotonic())
            if await self._tail.beyond(self._position, pause, subscriber) or subscriber.over.is_set():
                return Step(self._position)
        return self._quiet()

    @property
    def _due(self) -> float:
        """When the reader is told something, if nothing comes."""
        return self._told_at + (CHECKPOINT if self._position > self._told else HEARTBEAT)

    def _quiet(self) -> Step:
        """What there is to say when nothing came."""
        if not self._live:
            self._live = True
            return self._mark("caughtup")
        if time.monotonic() < self._due:
            return Step(self._position)
        return self._mark("checkpoint" if self._position > self._told else "heartbeat")

    async def _page(self, size: int) -> tuple[Sequence[Entry], int]:
        """Older events that fit the filter, and the position up to which there are no others.

        None is newer than what the tail has seen: it must know of each change of rights before them.
        """
        size, head = min(size, self._pace.events), self._tail.head
        events = await self._system.log.read(
            after=self._position, before=head + 1, limit=size, where=self._where
        )
        self._pace.heard(events)
        source = self._system.settings.address
        reached = events[-1].position if len(events) == size else head
        return [Entry(event, source) for event in events], max(reached, self._position)

    async def _asked(self, choice: Generator[RecordedEvent, bool, Step]) -> Step:
        """The choice, with all that it asks answered."""
        try:
            event = next(choice)
            while True:
                event = choice.send(await self._access.may_see(event))
        except StopIteration as end:
            step: Step = end.value
            return step

    def _choose(
        self, entries: Sequence[Entry], reached: int, limit: int
    ) -> Generator[RecordedEvent, bool, Step]:
        """The step made of these entries; asks whether events may be seen of which that is not known.

        Nothing is done until it ends.
        """
        chosen: list[Entry] = []
        size, looked_at = 0, self._position
        for entry in entries:
            event = entry.event
            if matches(self._where, event) and self._wanted(event):
                known = self._access.known(event)
                if (yield event) if known is None else known:
                    if len(chosen) == limit or (chosen and size + entry.size > STEP):
                        break
                    chosen.append(entry)
                    size += entry.size
            looked_at = event.position
        else:
            looked_at = reached
        self._position = looked_at
        if chosen:
            self._tell(chosen[-1].event.position)
            return Step(looked_at, chosen)
        if time.monotonic() - self._told_at >= CHECKPOINT:
            return self._mark("checkpoint")
        return Step(looked_at)

    def _mark(self, mark: Mark) -> Step:
        self._tell(self._position)
        return Step(self._position, mark=mark)

    def _tell(self, position: int) -> None:
        self._told = position
        self._told_at = time.monotonic()
