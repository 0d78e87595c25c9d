"""One event to many streams: those that want the same and may see the same are served together.

A stream that has caught up rides with a group: whoever reads by the same credential with the same
filter. What comes is chosen and put into bytes once, and then handed to each connection in one go,
without a task switch for each. A stream that isn't ready to take it leaves the group and goes its own
way (app/events/following.py), at its own pace, until it has caught up again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias
from uuid import UUID

import structlog
from starlette.types import Message

from app.events.access_log import AccessLog, Reader
from app.events.following import Following, Step
from app.events.tail import Entry, Tail
from app.system import System
from domain.ports import EventFilter

log = structlog.get_logger(__name__)

TOGETHER = 64 * 1024  # bytes that are handed to all; more goes to each at its own pace

Send: TypeAlias = Callable[[Message], Coroutine[Any, Any, None]]
Key: TypeAlias = tuple[Reader, UUID | None, EventFilter]
"""Who reads, the session or access token that it ends with (its id), and what they want."""
Frames: TypeAlias = Callable[[Step], bytes]
"""How a step looks on the wire; empty if there is nothing to say."""


@dataclass(eq=False, slots=True)
class Rider:
    """A stream in a group. `left` tells when it is out of it again, with what is left to be awaited."""

    send: Send
    position: int  # everything up to here was handed over
    left: asyncio.Future[Awaitable[None] | None]


class FanOut:
    """The groups of one node."""

    def __init__(self, system: System, tail: Tail, frames: Frames) -> None:
        self._system = system
        self.tail = tail
        self._frames = frames
        self._groups: dict[Key, _Group] = {}

    async def ride(self, key: Key, position: int, send: Send) -> int:
        """Hand over what comes after a position, as long as it is taken at once; answers how far.

        Comes back when it was not, when the sign-in or the tail ends, or when the log is away.
        """
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = _Group(self._system, self.tail, self._frames, key, position)
            group.task.add_done_callback(lambda _: self._drop(key, group))
        rider = Rider(send, position, asyncio.get_running_loop().create_future())
        group.riders.add(rider)
        try:
            if (rest := await rider.left) is not None:
                await rest
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
            for rider in list(self.riders):
                self._leave(rider, None)

    def _hand_out(self, before: int, step: Step) -> None:
        chunk = self._frames(step)
        if not chunk:
            return
        if len(chunk) > TOGETHER:
            for rider in list(self.riders):
                self._leave(rider, None)
            return
        events = [entry.event for entry in step.entries]
        message = body(chunk)
        alike = [rider for rider in self.riders if rider.position <= before]
        ahead = [rider for rider in self.riders if rider.position > before]
        self._accesses.note(self._reader, events, times=len(alike))
        for rider in alike:
            self._give(rider, message, step.position)
        for rider in ahead:
            self._give_rest(rider, step)

    def _give_rest(self, rider: Rider, step: Step) -> None:
        """For one that came when it had read further than the group."""
        if step.mark is not None or step.position <= rider.position:
            return
        entries: Sequence[Entry] = [e for e in step.entries if e.event.position > rider.position]
        self._accesses.note(self._reader, [entry.event for entry in entries])
        if chunk := self._frames(Step(step.position, entries)):
            self._give(rider, body(chunk), step.position)

    def _give(self, rider: Rider, message: Message, position: int) -> None:
        rider.position = max(rider.position, position)
        try:
            rest = begin(rider.send(message))
        except Exception as error:  # this connection is of no more use
            rider.left.set_exception(error)
            self.riders.discard(rider)
            return
        if rest is not None:
            self._leave(rider, rest)

    def _leave(self, rider: Rider, rest: Awaitable[None] | None) -> None:
        self.riders.discard(rider)
        if not rider.left.done():
            rider.left.set_result(rest)


def body(chunk: bytes) -> Message:
    """The ASGI message that sends this and lets more follow."""
    return {"type": "http.response.body", "body": chunk, "more_body": True}


def begin(work: Coroutine[Any, Any, None]) -> Awaitable[None] | None:
    """Run a coroutine up to where it has to wait; what is then left of it, None if it is done.

    What asyncio's eager tasks do (from Python 3.12 on), without a task where none is needed.
    """
    try:
        waits_for = work.send(None)
    except StopIteration:
        return None
    if waits_for is not None:
        waits_for._asyncio_future_blocking = False  # as a task does: others may await the same
    return _Begun(work, waits_for)


class _Begun:
    """The rest of a coroutine that waits for something."""

    def __init__(self, work: Coroutine[Any, Any, None], waits_for: Any) -> None:
        self._work = work
        self._waits_for = waits_for

    def __await__(self) -> Generator[Any, Any, None]:
        waits_for = self._waits_for
        if waits_for is not None:
            waits_for._asyncio_future_blocking = True
        while True:
            thrown: BaseException | None = None
            try:
                yield waits_for
            except BaseException as error:
                thrown = error
            try:
                waits_for = self._work.send(None) if thrown is None else self._work.throw(thrown)
            except StopIteration:
                return
