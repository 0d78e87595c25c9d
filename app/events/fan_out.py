"""One event to many streams: those that want the same and may see the same are served together.

A stream that has caught up rides with a group: whoever reads by the same credential with the same
filter. What comes is chosen and put into bytes once, and then written to each connection in one go,
without a task switch for each. A stream that isn't ready to take it leaves the group and goes its own
way (app/events/following.py), at its own pace, until it has caught up again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias
from uuid import UUID

import structlog

from app.events.access_log import AccessLog, Reader
from app.events.following import Following, Step
from app.events.tail import Tail
from app.http.streaming import Write, chunk
from app.system import System
from domain.ports import EventFilter

log = structlog.get_logger(__name__)

TOGETHER = 64 * 1024  # bytes that are handed to all; more goes to each at its own pace

Key: TypeAlias = tuple[Reader, UUID | None, EventFilter]
"""Who reads, the session or access token that it ends with (its id), and what they want."""
Frames: TypeAlias = Callable[[Step], bytes]
"""How a step looks on the wire; empty if there is nothing to say."""


@dataclass(eq=False, slots=True)
class Rider:
    """A stream in a group. `left` is set when it is out of it again."""

    write: Write
    position: int  # everything up to here was handed over
    left: asyncio.Event


class FanOut:
    """The groups of one node."""

    def __init__(self, system: System, tail: Tail, frames: Frames) -> None:
        self._system = system
        self.tail = tail
        self._frames = frames
        self._groups: dict[Key, _Group] = {}

    async def ride(self, key: Key, position: int, write: Write) -> int:
        """Hand over what comes after a position, as long as it is taken at once; answers how far.

        Comes back when it was not, when the sign-in or the tail ends, or when the log is away.
        """
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = _Group(self._system, self.tail, self._frames, key, position)
            group.task.add_done_callback(lambda _: self._drop(key, group))
        rider = Rider(write, position, asyncio.Event())
        group.riders.add(rider)
        try:
            await rider.left.wait()
        finally:
            group.riders.discard(rider)
            if not group.riders:
                group.task.cancel()
                self._drop(key, group)
        return rider.position

    def _drop(self, key: Key, group: _Group) -> None:
        if self._groups.get(key) is group:
            del self._groups[key]


class _Group:
    """Streams of one reader that want the same, and how far they are."""

    def __init__(self, system: System, tail: Tail, frames: Frames, key: Key, position: int) -> None:
        self.riders: set[Rider] = set()
        self._accesses: AccessLog = system.accesses
        self._tail = tail
        self._frames = frames
        self._reader, self._credential, where = key
        self._following = Following(system, tail, self._reader.person, after=position, where=where, live=True)
        self.task = asyncio.create_task(self._run(), name="event fan-out")

    async def _run(self) -> None:
        try:
            async with self._tail.reading(self._credential) as subscriber:
                while not subscriber.over.is_set():
                    before = self._following.position
                    self._hand_out(before, await self._following.next(subscriber))
        except Exception as error:  # each goes on alone, and ends if it can't either
            log.warning("fan_out_ended", error=type(error).__name__)
        finally:
            self._leave(list(self.riders))

    def _hand_out(self, before: int, step: Step) -> None:
        data = self._frames(step)
        if len(data) > TOGETHER:
            self._leave(list(self.riders))
        elif data:
            alike = [rider for rider in self.riders if rider.position <= before]
            ahead = [rider for rider in self.riders if rider.position > before]
            self._give(alike, data, step)
            for rider in ahead:
                self._give_rest(rider, step)

    def _give_rest(self, rider: Rider, step: Step) -> None:
        """For one that came when it had read further than the group."""
        entries = [entry for entry in step.entries if entry.event.position > rider.position]
        if entries:
            rest = Step(step.position, entries)
            self._give([rider], self._frames(rest), rest)

    def _give(self, riders: Iterable[Rider], data: bytes, step: Step) -> None:
        """Write to all of them; who can't take it now leaves."""
        framed, given = chunk(data), 0
        slow: list[Rider] = []
        for rider in riders:
            if rider.write(framed):
                rider.position = step.position
                given += 1
            else:
                slow.append(rider)
        self._accesses.note(self._reader, [entry.event for entry in step.entries], times=given)
        self._leave(slow)

    def _leave(self, riders: Iterable[Rider]) -> None:
        for rider in riders:
            self.riders.discard(rider)
            rider.left.set()
