"""A hocuspocus connection: one socket, many documents, a token for each."""

from __future__ import annotations

import asyncio

from realtime.channel import Channel
from realtime.connection import Connection
from realtime.hocuspocus import protocol as hocuspocus
from realtime.hocuspocus.addressed import AddressedChannel
from realtime.hocuspocus.place import Admit, Door, Place
from realtime.hocuspocus.protocol import CLOSE, Addressed, Envelope, Ping, Pong
from realtime.limits import Limits
from realtime.metrics import Metrics
from realtime.ports import Socket
from realtime.protocol import AUTH, AWARENESS, QUERY_AWARENESS, Close, Refusal
from realtime.wire import Malformed, read_varuint

_PINGS_SINCE = 4  # the client's major version that knows pings; older ones trip over them
_COME_BACK = 4500  # close codes from here on mean: not now
_TOO_MUCH_AHEAD = "too much said before a token was checked"


class Multiplex(Connection):
    """Runs with `serve`. Documents are known by the address that their messages carry."""

    def __init__(self, socket: Socket, door: Door, admit: Admit, *, limits: Limits, metrics: Metrics) -> None:
        super().__init__(socket, limits=limits, metrics=metrics)
        self.limits = limits
        self._door = door
        self._admit = admit
        self._places: dict[bytes, Place] = {}
        self._departing: set[Place] = set()
        self._checks: set[asyncio.Task[None]] = set()
        self._held = 0  # messages to documents whose token is not checked
        self._held_bytes = 0
        self._heard = self.loop.time()
        self._pings = False
        self._deadline_to_enter: asyncio.TimerHandle | None = None
        self._next_beat: asyncio.TimerHandle | None = None

    async def serve(self) -> None:
        """Read until the connection ends."""
        self._deadline_to_enter = self.loop.call_later(self.limits.handshake, self._nobody_came)
        self._next_beat = self.loop.call_later(self.limits.heartbeat / 2, self._beat)
        try:
            await self.run()
        finally:
            self._next_beat.cancel()
            self.welcomed()
            for place in (*self._places.values(), *self._departing):
                place.leave()
            for check in self._checks:
                check.cancel()
            await asyncio.gather(*self._checks, return_exceptions=True)

    # --- reading

    def parse(self, frame: bytes) -> Addressed | Envelope | Ping | Pong | Refusal:
        """What a frame says; the body stays unread if the sender may not say it yet."""
        message = hocuspocus.open_frame(frame, self.limits.frame)
        if not isinstance(message, Envelope):
            return message
        if message.kind not in (AUTH, CLOSE):
            place = self._places.get(message.address)
            if place is None or not place.open:
                return message
        body = hocuspocus.read(message)
        return body if isinstance(body, Refusal) else Addressed(message, body)

    def is_presence(self, frame: bytes) -> bool:
        """Whether a frame tells or asks of presence, or of being there at all."""
        if len(frame) == 1:
            return True
        try:
            size, at = read_varuint(frame, 0)
        except Malformed:
            return False
        return frame[at + size : at + size + 1] in (bytes((AWARENESS,)), bytes((QUERY_AWARENESS,)))

    def handle(self, message: Addressed | Envelope | Ping | Pong | Refusal, now: float) -> None:
        """Pass a message to its document; a refusal ends the connection."""
        self._heard = now
        if isinstance(message, Refusal):
            self.close(message.code, message.reason)
        elif isinstance(message, Ping):
            self.say(hocuspocus.PONG_FRAME)
        elif not isinstance(message, Pong):
            envelope = message if isinstance(message, Envelope) else message.envelope
            place = self._places.get(envelope.address) or self._new_place(envelope)
            if place is not None:
                self._pass(message, place, now)

    def _pass(self, message: Addressed | Envelope, place: Place, now: float) -> None:
        if isinstance(message, Addressed):
            if place.open or message.envelope.kind in (AUTH, CLOSE):
                place.receive(message.body, now)
            else:  # closed while this was parsed
                place.hold(message.envelope)
        elif not place.open:
            place.hold(message)
        else:  # opened while this was parsed
            body = hocuspocus.read(message)
            if isinstance(body, Refusal):
                self.close(body.code, body.reason)
            else:
                place.receive(body, now)

    def _new_place(self, envelope: Envelope) -> Place | None:
        if envelope.kind == CLOSE:
            return None
        pending = sum(place.pending for place in self._places.values())
        if pending >= self.limits.pending_documents:
            self.close(Close.TOO_FAST, "too many documents at once")
            return None
        if len(self._places) >= self.limits.documents_per_connection:
            self.close(Close.TOO_FAST, "too many documents on one connection")
            return None
        place = self._places[envelope.address] = Place(self, envelope, door=self._door, admit=self._admit)
        return place

    # --- what places ask for

    def hold(self, size: int) -> bool:
        """Account for a message that has to wait; False: that was one too many."""
        self._held += 1
        self._held_bytes += size
        if self._held <= self.limits.pending_messages and self._held_bytes <= self.limits.pending_bytes:
            return True
        self.close(Close.TOO_FAST, _TOO_MUCH_AHEAD)
        return False

    def release(self, size: int) -> None:
        """A message waits no longer."""
        self._held -= 1
        self._held_bytes -= size

    def may_check(self) -> bool:
        """Whether another token may be checked at the same time."""
        if len(self._checks) < self.limits.pending_documents:
            return True
        self.close(Close.TOO_FAST, "too many tokens at once")
        return False

    def checking(self, check: asyncio.Task[None]) -> None:
        """A token is being checked."""
        self._checks.add(check)
        check.add_done_callback(self._checks.discard)

    def welcomed(self) -> None:
        """A token was good: the connection may stay."""
        if self._deadline_to_enter is not None:
            self._deadline_to_enter.cancel()

    def knows(self, version: str | None) -> None:
        """The client library's version was told."""
        major = (version or "").partition(".")[0][:9]  # no number of thousands of digits
        self._pings = self._pings or (major.isdecimal() and int(major) >= _PINGS_SINCE)

    def count(self, code: int) -> None:
        """Somebody was refused or put out."""
        self._metrics.refused[code] += 1

    def remove(self, place: Place) -> None:
        """The client is done with a document."""
        del self._places[place.address]
        self._departing = {each for each in self._departing if not each.gone} | {place}
        place.depart()

    # --- what rooms ask for

    def answer(self, channel: Channel, taken: bool) -> None:
        """Tell a client that counts its unsaved changes."""
        assert isinstance(channel, AddressedChannel)
        if not channel.over:
            for status in channel.place.receipts.answer(taken):
                channel.place.say(hocuspocus.sync_status(status))

    def drop(self, channel: Channel, code: int, reason: str) -> None:
        """End the stay in one document; who shall come back has to open another socket for that."""
        assert isinstance(channel, AddressedChannel)
        if code == Close.MALFORMED or code >= _COME_BACK:
            self.close(code, reason)
        elif not channel.over:
            channel.place.close(code, reason)

    # --- time

    def _nobody_came(self) -> None:
        if self._checks:
            self.close(Close.SHUTTING_DOWN, "tokens can't be checked now")
        else:
            self.close(Close.SIGN_IN, "no good token was shown in time")

    def _beat(self) -> None:
        """One heartbeat for all documents: rooms need not look after each."""
        now = self.loop.time()
        if now - self._heard > self.limits.dead_after:
            self.close(Close.HEARTBEAT_LOST, "nothing heard for too long")
            return
        for place in self._places.values():
            if place.seat is not None:
                member = place.seat.member
                member.heard = max(member.heard, self._heard)
                if self._pings:
                    member.beat_at = now + 2 * self.limits.heartbeat
        if self._pings:
            self.say(hocuspocus.PING_FRAME)
        self._next_beat = self.loop.call_later(self.limits.heartbeat / 2, self._beat)
