"""One websocket: reads until it ends, sends at once or queues within bounds.

A reader past its bound gets nothing until it reads again, then one diff from what it surely has.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Protocol

from realtime import protocol
from realtime.limits import Limits
from realtime.member import Member
from realtime.metrics import Metrics
from realtime.ports import PushSocket, Socket, SocketClosed
from realtime.protocol import Close, Message, Refusal, Step1
from realtime.wire import read_state_vector, state_vector

logger = logging.getLogger(__name__)


class Source(Protocol):
    """Where a reader that fell behind catches up."""

    @property
    def version(self) -> int:
        """Counts the changes of the document."""
        ...

    def state_vector(self) -> bytes:
        """What the document has now."""
        ...

    def catch_up(self, member: Member, state_vector: bytes) -> list[bytes]:
        """Frames that bring a reader from a state vector to now."""
        ...


Receive = Callable[["Session", Message, float, datetime], None]


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


class Session:
    """The connection of one member."""

    def __init__(
        self, socket: Socket, member: Member, source: Source, *, limits: Limits, metrics: Metrics
    ) -> None:
        self.member = member
        self._socket = socket
        self._source = source
        self._limits = limits
        self._metrics = metrics
        self._loop = asyncio.get_running_loop()
        now = self._loop.time()
        window = limits.rate_window
        self._updates = Allowance(limits.updates_per_second, window, now)
        self._bytes = Allowance(limits.update_bytes_per_second, window, now)
        self._presence = Allowance(limits.awareness_frames_per_second, window, now)
        self._backlog: deque[tuple[bytes, int]] = deque()  # frames, and the version each came with
        self._backlog_bytes = 0
        self._base = (0, b"\x00")  # when the backlog began: the version, and its state vector
        self._behind: bytes | None = None  # the reader gets the diff from this state vector instead
        self._busy = False  # a large frame is being parsed; the next ones come after it
        self._writer: asyncio.Task[None] | None = None
        self._closing: tuple[int, str] | None = None
        self._deadline: asyncio.Timeout | None = None

    # --- reading

    async def run(self, receive: Receive) -> None:
        """Read until the connection ends, handing each message to `receive`."""
        try:
            async with asyncio.timeout(None) as self._deadline:
                if self._closing is not None:
                    self._deadline.reschedule(self._loop.time() + self._limits.close_timeout)
                if isinstance(self._socket, PushSocket):
                    self._socket.attach(partial(self._offered, receive))
                while True:
                    frame = await self._socket.receive()
                    if len(frame) > _LARGE:
                        await self._take_large(frame, receive)
                    else:
                        self.take(frame, receive)
        except (SocketClosed, TimeoutError):
            pass
        finally:
            if self._closing is None:
                self._closing = (1000, "")
            if self._writer is not None:
                self._writer.cancel()
                await asyncio.gather(self._writer, return_exceptions=True)

    def _offered(self, receive: Receive, frame: bytes) -> bool:
        """Take a frame at once, if that is quick."""
        if self._busy or len(frame) > _LARGE:
            return False
        try:
            self.take(frame, receive)
        except Exception:  # nobody above but the transport, whom it does not concern
            logger.exception("a live connection failed")
            self.close(_FAILED, "internal error")
        return True

    def take(self, frame: bytes, receive: Receive) -> None:
        """One frame came in."""
        now = self._loop.time()
        if self._closing is None and self._allowed(frame, now):
            self._handle(protocol.parse(frame, self._limits.frame), now, receive)

    async def _take_large(self, frame: bytes, receive: Receive) -> None:
        """The same, without keeping the other connections waiting meanwhile."""
        now = self._loop.time()
        if self._closing is None and self._allowed(frame, now):
            self._busy = True
            message = await asyncio.to_thread(protocol.parse, frame, self._limits.frame)
            self._busy = False
            if self._closing is None:
                self._handle(message, now, receive)

    def _allowed(self, frame: bytes, now: float) -> bool:
        count = self._presence if frame[:1] in (b"\x01", b"\x03") else self._updates
        if count.spend(1, now) and self._bytes.spend(len(frame), now):
            return True
        self.close(Close.TOO_FAST, "too fast")
        return False

    def _handle(self, message: Message | Refusal, now: float, receive: Receive) -> None:
        if isinstance(message, Refusal):
            self.close(message.code, message.reason)
        elif isinstance(message, Step1) and self._writer is not None:
            # it does not read: don't encode for it now
            self._fall_behind(_lower(self._base[1], message.state_vector))
        else:
            receive(self, message, now, datetime.now(UTC))

    # --- writing

    def deliver(self, frame: bytes) -> None:
        """Send a frame, now or as soon as the reader takes it."""
        if self._closing is not None:
            return
        if self._writer is None:
            if self._socket.send_now(frame):
                return
            self._base = (self._source.version, self._source.state_vector())
            self._writer = asyncio.create_task(self._drain())
        if self._behind is not None:
            return  # part of what catching up will bring
        self._backlog.append((frame, self._source.version))
        self._backlog_bytes += len(frame)
        if self._backlog_bytes > self._limits.outbound:
            self._fall_behind(self._base[1])

    def _fall_behind(self, base: bytes) -> None:
        """Drop what came after the backlog began; the diff from `base` will hold it."""
        self._metrics.conflated += 1
        self._behind = base if self._behind is None else _lower(self._behind, base)
        kept = [(frame, version) for frame, version in self._backlog if version <= self._base[0]]
        self._backlog = deque(kept)
        self._backlog_bytes = sum(len(frame) for frame, _ in kept)

    async def _drain(self) -> None:
        try:
            while self._backlog or self._behind is not None:
                if not self._backlog:
                    base, self._behind = self._behind or b"\x00", None
                    frames = self._source.catch_up(self.member, base)
                    self._base = (self._source.version, self._source.state_vector())
                    self._backlog.extend((frame, self._base[0]) for frame in frames)
                    self._backlog_bytes = sum(map(len, frames))
                frame, _ = self._backlog.popleft()
                self._backlog_bytes -= len(frame)
                await self._socket.send(frame)
        except SocketClosed:
            pass  # the reading side sees it too
        finally:
            if self._writer is asyncio.current_task():
                self._writer = None

    # --- ending

    def close(self, code: int, reason: str) -> None:
        """End the connection; nothing is sent or taken after it."""
        if self._closing is not None:
            return
        self._closing = (code, reason)
        if code != 1000:
            self._metrics.refused[code] += 1
        self._backlog.clear()
        self._behind = None
        if self._deadline is not None and not self._deadline.expired():
            self._deadline.reschedule(self._loop.time() + self._limits.close_timeout)
        previous = self._writer
        self._writer = asyncio.create_task(self._close(previous, code, reason))

    async def _close(self, previous: asyncio.Task[None] | None, code: int, reason: str) -> None:
        if previous is not None:
            previous.cancel()
            await asyncio.gather(previous, return_exceptions=True)
        await self._socket.close(code, reason)


_FAILED = 1011
_LARGE = 64 * 1024  # bytes; parsing more takes long enough to be noticed elsewhere


def _lower(one: bytes, other: bytes) -> bytes:
    """What both state vectors have."""
    a, b = read_state_vector(one), read_state_vector(other)
    return state_vector({client: min(clock, b[client]) for client, clock in a.items() if client in b})
