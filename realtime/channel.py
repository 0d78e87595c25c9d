"""One document on a connection: what its room says to one member goes through here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from realtime import protocol
from realtime.member import Member

if TYPE_CHECKING:
    from realtime.connection import Connection


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


class Channel:
    """One document on a connection. `address` (may be empty) goes before each of its frames."""

    __slots__ = ("_connection", "_send_now", "address", "base", "behind", "member", "queued", "source")

    def __init__(self, connection: Connection, member: Member, source: Source, address: bytes = b"") -> None:
        self.member = member
        self.source = source
        self.address = address
        self.queued = 0  # frames in the connection's backlog
        self.base = (0, b"\x00")  # when they began to queue: the version, and its state vector
        self.behind: bytes | None = None  # the reader gets the diff from this state vector instead
        self._connection = connection
        self._send_now = connection.socket.send_now

    def deliver(self, frame: bytes) -> None:
        """Send a frame, now or as soon as the reader takes it."""
        connection = self._connection
        if connection.closing is not None:
            return
        if self.address:
            frame = addressed(self.address, frame)
        if connection.writer is None and self._send_now(frame):
            return
        if self.behind is None:  # else it is part of what catching up will bring
            if not self.queued:
                self.base = (self.source.version, self.source.state_vector())
            connection.queue(frame, self)

    def fall_behind(self, have: bytes | None = None) -> None:
        """Let one diff replace what is not sent: from what is queued first, or from less (`have`)."""
        self._connection.lag(self, have)

    def answer(self, taken: bool) -> None:
        """Tell that an edit is durable, or was not taken."""
        self._connection.answer(self, taken)

    def rights(self, may_edit: bool) -> None:
        """Tell what the member may do from now on; this protocol has a word for less only."""
        if not may_edit:
            self.deliver(protocol.denied("you may not edit this document any more"))

    def catch_up(self, have: bytes) -> list[bytes]:
        """Frames, without the address, that bring the reader to now."""
        return self.source.catch_up(self.member, have)

    def close(self, code: int, reason: str) -> None:
        """End this membership."""
        self._connection.drop(self, code, reason)


class _LastAddressed:
    """Remembers the last frame put under an address: the next reader mostly gets the same."""

    def __init__(self) -> None:
        self._frame: bytes | None = None
        self._made: dict[bytes, bytes] = {}

    def __call__(self, address: bytes, frame: bytes) -> bytes:
        if not address:
            return frame
        if frame is not self._frame:
            self._frame, self._made = frame, {}
        made = self._made.get(address)
        if made is None:
            made = self._made[address] = address + frame
        return made


addressed = _LastAddressed()
