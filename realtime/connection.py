"""One socket: reads until it ends, sends at once or queues within bounds.

A reader past its bound gets nothing until it reads again, then for each of its documents one diff
from what it surely has.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from typing import Any

from realtime.channel import Channel, addressed
from realtime.limits import Limits
from realtime.metrics import Metrics
from realtime.ports import Socket, SocketClosed
from realtime.protocol import Close
from realtime.wire import read_state_vector, state_vector

logger = logging.getLogger(__name__)

_FAILED = 1011
_LARGE = 64 * 1024  # bytes; parsing more takes long enough to be noticed elsewhere
_CONTROL = 2000  # frames of no document that may wait for a reader


class Allowance:
    """A token bucket: `rate` per second on average over `window` seconds."""

    __slots__ = ("_at", "_full", "_left", "_rate")

    def __init__(self, rate: float, window: float, now: float) -> None:
        self._rate, self._full, self._left, self._at = rate, rate * window, rate * window, now

    def spend(self, amount: float, now: float) -> bool:
        """Take `amount`; False if there is not enough."""
        left = min(self._full, self._left + (now - self._at) * self._rate) - amount
        self._at, self._left = now, left
        return left >= 0


class Connection(ABC):
    """A socket with the protocol that a subclass speaks on it."""

    def __init__(self, socket: Socket, *, limits: Limits, metrics: Metrics) -> None:
        self.socket = socket
        self.writer: asyncio.Task[None] | None = None  # there while a reader does not keep up
        self.closing: tuple[int, str] | None = None
        self.loop = asyncio.get_running_loop()
        self._limits = limits
        self._metrics = metrics
        now = self.loop.time()
        window = limits.rate_window
        self._updates = Allowance(limits.updates_per_second, window, now)
        self._bytes = Allowance(limits.update_bytes_per_second, window, now)
        self._presence = Allowance(limits.awareness_frames_per_second, window, now)
        self._backlog: deque[tuple[bytes, Channel | None, int]] = (
            deque()
        )  # each with the version it came with
        self._backlog_bytes = 0
        self._lagging: dict[Channel, None] = {}
        self._control = 0
        self._busy = False  # a large frame is being parsed; the next ones come after it
        self._deadline: asyncio.Timeout | None = None

    # --- what a protocol adds

    @abstractmethod
    def parse(self, frame: bytes) -> Any:
        """What a frame says; pure, and never raises."""

    @abstractmethod
    def is_presence(self, frame: bytes) -> bool:
        """Whether a frame counts as presence, by a quick look."""

    @abstractmethod
    def handle(self, message: Any, now: float) -> None:
        """Act on what `parse` gave."""

    @abstractmethod
    def answer(self, channel: Channel, taken: bool) -> None:
        """An edit that came on this channel is durable, or was not taken."""

    @abstractmethod
    def drop(self, channel: Channel, code: int, reason: str) -> None:
        """End the membership of one channel."""

    # --- reading

    async def run(self) -> None:
        """Read until the connection ends."""
        try:
            async with asyncio.timeout(None) as self._deadline:
                if self.closing is not None:
                    self._deadline.reschedule(self.loop.time() + self._limits.close_timeout)
                attach: Callable[[Callable[[bytes], bool]], None] | None
                if (attach := getattr(self.socket, "attach", None)) is not None:  # see PushSocket
                    attach(self._offered)
                while True:
                    frame = await self.socket.receive()
                    if len(frame) > _LARGE:
                        await self._take_large(frame)
                    else:
                        self.take(frame)
        except (SocketClosed, TimeoutError):
            pass
        finally:
            if self.closing is None:
                self.closing = (1000, "")
            if self.writer is not None:
                self.writer.cancel()
                await asyncio.gather(self.writer, return_exceptions=True)

    def _offered(self, frame: bytes) -> bool:
        """Take a frame at once, if that is quick."""
        if self._busy or len(frame) > _LARGE:
            return False
        try:
            self.take(frame)
        except Exception:  # nobody above but the transport, whom it does not concern
            logger.exception("a live connection failed")
            self.close(_FAILED, "internal error")
        return True

    def take(self, frame: bytes) -> None:
        """One frame came in."""
        now = self.loop.time()
        if self.closing is None and self._allowed(frame, now):
            self.handle(self.parse(frame), now)

    async def _take_large(self, frame: bytes) -> None:
        """The same, without keeping the other connections waiting meanwhile."""
        now = self.loop.time()
        if self.closing is None and self._allowed(frame, now):
            self._busy = True
            try:
                message = await asyncio.to_thread(self.parse, frame)
            finally:
                self._busy = False
            if self.closing is None:
                self.handle(message, now)

    def _allowed(self, frame: bytes, now: float) -> bool:
        count = self._presence if self.is_presence(frame) else self._updates
        if count.spend(1, now) and self._bytes.spend(len(frame), now):
            return True
        self.close(Close.TOO_FAST, "too fast")
        return False

    # --- writing

    def say(self, frame: bytes) -> None:
        """Send a frame of no document (it is never replaced by a diff), now or when the reader reads."""
        if self.closing is not None or (self.writer is None and self.socket.send_now(frame)):
            return
        if self._control >= _CONTROL:
            self.close(Close.TOO_FAST, "answers are not read")
            return
        self._control += 1
        self.queue(frame, None)

    def queue(self, frame: bytes, channel: Channel | None) -> None:
        """Keep a frame until the reader takes it."""
        if self.writer is None:
            self.writer = asyncio.create_task(self._drain())
        self._backlog.append((frame, channel, channel.source.version if channel else 0))
        self._backlog_bytes += len(frame)
        if channel is not None:
            channel.queued += 1
            if self._backlog_bytes > self._limits.outbound:
                for each in dict.fromkeys(channel for _, channel, _ in self._backlog if channel):
                    self.lag(each, None)

    def lag(self, channel: Channel, have: bytes | None) -> None:
        """Drop what the channel got after its backlog began; a diff will hold it."""
        base = channel.base[1] if channel.queued or have is None else have
        if have is not None:
            base = _lower(base, have)
        if channel.behind is None:
            self._metrics.conflated += 1
            channel.behind = base
        else:
            channel.behind = _lower(channel.behind, base)
        self._lagging[channel] = None
        backlog = self._backlog
        self._backlog = deque(
            item for item in backlog if item[1] is not channel or item[2] <= channel.base[0]
        )
        channel.queued -= len(backlog) - len(self._backlog)
        self._backlog_bytes = sum(len(item[0]) for item in self._backlog)

    def forget(self, channel: Channel) -> None:
        """Send nothing more of a channel."""
        self._lagging.pop(channel, None)
        channel.behind = None
        self._backlog = deque(item for item in self._backlog if item[1] is not channel)
        self._backlog_bytes = sum(len(item[0]) for item in self._backlog)
        channel.queued = 0

    async def _drain(self) -> None:
        try:
            while self._backlog or self._lagging:
                if not self._backlog:
                    self._catch_up(next(iter(self._lagging)))
                    continue
                frame, channel, _ = self._backlog.popleft()
                self._backlog_bytes -= len(frame)
                if channel is None:
                    self._control -= 1
                else:
                    channel.queued -= 1
                await self.socket.send(frame)
        except SocketClosed:
            pass  # the reading side sees it too
        finally:
            if self.writer is asyncio.current_task():
                self.writer = None

    def _catch_up(self, channel: Channel) -> None:
        del self._lagging[channel]
        have, channel.behind = channel.behind or b"\x00", None
        frames = channel.catch_up(have)
        channel.base = (channel.source.version, channel.source.state_vector())
        for frame in frames:
            self._backlog.append((addressed(channel.address, frame), channel, channel.base[0]))
            self._backlog_bytes += len(channel.address) + len(frame)
        channel.queued += len(frames)

    # --- ending

    def close(self, code: int, reason: str) -> None:
        """End the connection; nothing is sent or taken after it."""
        if self.closing is not None:
            return
        self.closing = (code, reason)
        if code != 1000:
            self._metrics.refused[code] += 1
        self._backlog.clear()
        self._lagging.clear()
        if self._deadline is not None and not self._deadline.expired():
            self._deadline.reschedule(self.loop.time() + self._limits.close_timeout)
        previous = self.writer
        self.writer = asyncio.create_task(self._close(previous, code, reason))

    async def _close(self, previous: asyncio.Task[None] | None, code: int, reason: str) -> None:
        if previous is not None:
            previous.cancel()
            await asyncio.gather(previous, return_exceptions=True)
        await self.socket.close(code, reason)


def _lower(one: bytes, other: bytes) -> bytes:
    """What both state vectors have."""
    a, b = read_state_vector(one), read_state_vector(other)
    return state_vector({client: min(clock, b[client]) for client, clock in a.items() if client in b})
