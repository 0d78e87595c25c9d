"""One event to many streams, served together: each is put into bytes once, and written to all in one go.

A stream that has caught up rides along, in a group of those who read by the same credential with the
same filter. One task brings all groups forward, without a task switch for each; only a group of which
it has to be asked what it may see does that in a task of its own. A stream that isn't ready to take
what comes leaves, and goes its own way (app/events/following.py), at its own pace, until it has caught
up again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeAlias
from uuid import UUID

import structlog

from app.events.access_log import AccessLog, Reader
from app.events.following import Following, Step
from app.events.tail import Subscriber, Tail
from app.http.streaming import Write, chunk
from app.system import System
from domain.ports import EventFilter

log = structlog.get_logger(__name__)

TOGETHER = 64 * 1024  # bytes that are handed to all; more goes to each at its own pace
_SLICE = 0.004  # seconds of handing out between two breaths
_ROUND = 0.5  # seconds after which it is looked who is to be told that nothing came

Key: TypeAlias = tuple[Reader, UUID | None, EventFilter]
"""Who reads, the session or access token that it ends with (its id), and what they want."""
Frames: TypeAlias = Callable[[Step], bytes]
"""How a step looks on the wire; empty if there is nothing to say."""


@dataclass(eq=False, slots=True)
class Rider:
    """A stream in a group. `left` is set when it is out of it again."""

    write: Write
    subscriber: Subscriber
    position: int  # everything up to here was handed over
    left: asyncio.Event


class FanOut:
    """The groups of one node."""

    def __init__(self, system: System, tail: Tail, frames: Frames) -> None:
        self._system = system
        self.tail = tail
        self._frames = frames
        self._groups: dict[Key, _Group] = {}
        self._task: asyncio.Task[None] | None = None

    async def ride(self, key: Key, position: int, write: Write, subscriber: Subscriber) -> int:
        """Hand over what comes after a position, as long as it is taken at once; answers how far.

        Comes back when it was not, when the sign-in or the tail ends, or when the log is away.
        `subscriber` is who is in `Tail.reading`, with the credential of the key.
        """
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = _Group(self._system, self.tail, self._frames, key, position)
        rider = Rider(write, subscriber, position, asyncio.Event())
        group.riders.add(rider)
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="event fan-out")
        try:
            await rider.left.wait()
        finally:
            group.riders.discard(rider)
            if not group.riders and self._groups.get(key) is group:
                del self._groups[key]
                group.close()
            if not self._groups and self._task is not None:
                self._task.cancel()
                self._task = None
        return rider.position

    async def _run(self) -> None:
        while True:
            news = self.tail.news  # taken first: what comes meanwhile is for the next round
            breath = time.monotonic() + _SLICE
            for group in list(self._groups.values()):
                group.go_on()
                if time.monotonic() > breath:  # now the loop writes what it was given so far
                    await asyncio.sleep(0)
                    breath = time.monotonic() + _SLICE
            with suppress(TimeoutError):
                async with asyncio.timeout(_ROUND):
                    await news.wait()


class _Group:
    """Streams of one reader that want the same, and how far they are."""

    def __init__(self, system: System, tail: Tail, frames: Frames, key: Key, position: int) -> None:
        self.riders: set[Rider] = set()
        self._accesses: AccessLog = system.accesses
        self._frames = frames
        self._reader, _, where = key
        self._following = Following(system, tail, self._reader.person, after=position, where=where, live=True)
        self._asking: asyncio.Task[None] | None = None

    def close(self) -> None:
        """Nobody is left."""
        if self._asking is not None:
            self._asking.cancel()

    def go_on(self) -> None:
        """Hand over what is new, or have it found out whether that may be seen. Raises nothing."""
        if any(rider.subscriber.over.is_set() for rider in self.riders):
            self._leave(list(self.riders))
        elif self._asking is None:
            try:
                if not self._hand_over():
                    self._asking = asyncio.create_task(self._ask(), name="event fan-out, asking")
            except Exception as error:
                self._fail(error)

    def _hand_over(self) -> bool:
        """Hand over what is new; False: it must be asked first whether it may be seen."""
        before = self._following.position
        step = self._following.at_once()
        if step is None:
            return False
        self._hand_out(before, step)
        return True

    async def _ask(self) -> None:
        try:
            while self.riders and not self._hand_over():
                before = self._following.position
                self._hand_out(before, await self._following.next(next(iter(self.riders)).subscriber))
        except Exception as error:
            self._fail(error)
        finally:
            self._asking = None

    def _fail(self, error: Exception) -> None:
        """Each goes on alone, and ends if it can't either."""
        log.warning("fan_out_ended", error=type(error).__name__)
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
