"""A y-websocket connection: one socket, one document."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from realtime import protocol
from realtime.channel import Channel, Source
from realtime.connection import Connection
from realtime.member import Member
from realtime.protocol import Close, Message, Refusal, Step1

Receive = Callable[[Message, float, datetime], None]


class Session(Connection):
    """`open` first, then `serve`."""

    _channel: Channel
    _receive: Receive

    def open(self, member: Member, source: Source) -> Channel:
        """The one channel of this connection."""
        self._channel = Channel(self, member, source)
        return self._channel

    async def serve(self, receive: Receive) -> None:
        """Read until the connection ends, handing each message to `receive`."""
        self._receive = receive
        await self.run()

    def parse(self, frame: bytes) -> Message | Refusal:
        """What a frame says."""
        return protocol.parse(frame, self._limits.frame)

    def is_presence(self, frame: bytes) -> bool:
        """Whether a frame tells or asks of presence."""
        return frame[:1] in (b"\x01", b"\x03")

    def handle(self, message: Message | Refusal, now: float) -> None:
        """Pass a message on; a refusal ends the connection."""
        if isinstance(message, Refusal):
            self.close(message.code, message.reason)
        elif isinstance(message, Step1) and self.writer is not None:
            # it does not read: don't encode for it now
            self._channel.fall_behind(message.state_vector)
        else:
            self._receive(message, now, datetime.now(UTC))

    def answer(self, channel: Channel, taken: bool) -> None:
        """Clients take the echo of an edit as its receipt. Who may not edit, and does, is shown out."""
        if not taken and not channel.member.may_edit:
            self.close(Close.FORBIDDEN, "you may not edit this document")

    def drop(self, channel: Channel, code: int, reason: str) -> None:
        """Without its document, the connection has no use."""
        self.close(code, reason)
