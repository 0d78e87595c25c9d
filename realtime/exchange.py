"""Live documents by request and answer, where nothing keeps a socket open.

Each request is a short membership of the room: the room's own rules decide, the same journal
stores, and an answer says nothing that is not committed. Nothing has to be remembered between two
requests, so they may go to any node; presence lingers until it expires or the client comes again.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from realtime import protocol
from realtime.awareness import read_entries
from realtime.connection import Allowance
from realtime.framing import body_of
from realtime.hub import Hub, Refused, Seat
from realtime.limits import Limits
from realtime.ports import Admission
from realtime.protocol import Awareness, Close, Edit, Message, Refusal, Step1
from realtime.wire import read_state_vector, read_varuint, sized, varuint

_STEP1 = b"\x00\x00"  # how a step 1 begins
_LARGE = 64 * 1024  # bytes; parsing more takes long enough to be noticed elsewhere
_AT_ONCE = 50  # messages; then others get their turn
_REMEMBERED = 1000  # allowances; more are looked through for those that are whole again


class Incomplete(Exception):
    """An update leans on others that are not here: its author has to send those too."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a client says and wants to know.

    `frames` are messages of the y-websocket protocol; without a step 1 among them, the answer brings
    no content. `known` is the version of the last answer, `wait` for how many seconds to wait for another.
    With `presence`, presence is part of the version and of the answer, but that of client `but`.
    """

    frames: Sequence[bytes] = ()
    known: str | None = None
    wait: float = 0.0
    presence: bool = False
    but: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """Frames that bring the client up to date, none if nothing came; and the version it has then.

    A presence frame names everybody who is there: who is not in it, is gone.
    """

    frames: tuple[bytes, ...]
    version: str


class Exchanges:
    """The requests to one node. Each person has one rate for each document, over all requests."""

    def __init__(self, hub: Hub, limits: Limits) -> None:
        self._hub = hub
        self._limits = limits
        self._allowances: dict[tuple[UUID, UUID], _Allowances] = {}

    async def run(self, admission: Admission, question: Question) -> Answer:
        """Answer one question; raises Refused and Incomplete.

        An edit is answered once it is committed. One that was refused because it could not be
        committed in time may be committed later: sending it again is harmless.
        """
        inbox = _Inbox()
        seat = await self._hub.join(admission, lambda member, cell: inbox)  # first: now it hears of rights
        seat.member.lingers = True
        try:
            visit = _Visit(seat, inbox, question)
            await visit.say(await self._read(admission, question))
            try:
                async with asyncio.timeout(self._limits.handshake):
                    await visit.committed()
            except TimeoutError:
                raise Refused(Close.SHUTTING_DOWN, "this is not saved yet; send it again") from None
            if question.wait:
                await visit.news()
            return visit.answer()
        finally:
            seat.leave()

    async def _read(self, admission: Admission, question: Question) -> list[Message]:
        allowances, now = self._allowances_of(admission), asyncio.get_running_loop().time()
        if not all(allowances.spend(frame, now) for frame in question.frames):
            raise Refused(Close.TOO_FAST, "too fast")
        if sum(map(len, question.frames)) > _LARGE:
            return await asyncio.to_thread(_parsed, question.frames, self._limits.frame)
        return _parsed(question.frames, self._limits.frame)

    def _allowances_of(self, admission: Admission) -> _Allowances:
        now = asyncio.get_running_loop().time()
        if len(self._allowances) > _REMEMBERED:
            window = self._limits.rate_window
            self._allowances = {key: a for key, a in self._allowances.items() if now - a.used < window}
        key = (admission.document, admission.person)
        found = self._allowances.get(key)
        if found is None:
            found = self._allowances[key] = _Allowances(self._limits, now)
        return found


def _parsed(frames: Iterable[bytes], limit: int) -> list[Message]:
    messages: list[Message] = []
    for frame in frames:
        message = protocol.parse(frame, limit)
        if isinstance(message, Refusal):
            raise Refused(message.code, message.reason)
        messages.append(message)
    return messages


class _Allowances:
    """What one person may send to one document."""

    def __init__(self, limits: Limits, now: float) -> None:
        window = limits.rate_window
        self.used = now
        self._updates = Allowance(limits.updates_per_second, window, now)
        self._bytes = Allowance(limits.update_bytes_per_second, window, now)
        self._presence = Allowance(limits.awareness_frames_per_second, window, now)

    def spend(self, frame: bytes, now: float) -> bool:
        self.used = now
        count = self._presence if frame[:1] in (b"\x01", b"\x03") else self._updates
        return count.spend(1, now) and self._bytes.spend(len(frame), now)


class _Inbox:
    """Implements Outlet: what the room says wakes the request, which then looks for itself."""

    def __init__(self) -> None:
        self.answers: list[bool] = []  # one for each edit
        self.denied: list[bytes] = []  # frames that say that a right ended
        self.sync: list[bytes] | None = None  # sync frames, while they are wanted
        self.closed: tuple[int, str] | None = None
        self.woken = asyncio.Event()

    def deliver(self, frame: bytes) -> None:
        """Note a frame."""
        if frame[0] == protocol.SYNC and self.sync is not None:
            self.sync.append(frame)
        self.woken.set()

    def answer(self, taken: bool) -> None:
        """Note that an edit is durable, or was not taken."""
        self.answers.append(taken)
        self.woken.set()

    def rights(self, may_edit: bool) -> None:
        """Note that the right to edit ended; that there is one now, the next request finds out."""
        if not may_edit:
            self.denied.append(protocol.denied("you may not edit this document any more"))
        self.woken.set()

    def close(self, code: int, reason: str) -> None:
        """Note the end."""
        self.closed = self.closed or (code, reason)
        self.woken.set()


class _Visit:
    """A request's time in the room."""

    def __init__(self, seat: Seat, inbox: _Inbox, question: Question) -> None:
        self._seat = seat
        self._inbox = inbox
        self._question = question
        self._content = seat.cell.room.content
        self._edits = 0
        self._vector: bytes | None = None  # what the client has
        self._heard: list[bytes] | None = None  # all that came since it had everything

    async def say(self, messages: Iterable[Message]) -> None:
        """Tell the room; raises Refused and Incomplete."""
        for count, message in enumerate(messages, 1):
            if count % _AT_ONCE == 0:
                await asyncio.sleep(0)
            if isinstance(message, Step1):
                self._vector = message.state_vector
            elif isinstance(message, Awareness):
                self._receive(message)
            elif isinstance(message, Edit):
                self._edits += 1
                if any(frame[:2] == _STEP1 for frame in self._receive(message)):
                    raise Incomplete

    async def committed(self) -> None:
        """Return once all edits are durable; raises Refused."""
        answers = self._inbox.answers
        while True:
            if False in answers:
                raise Refused(Close.FORBIDDEN, "you may not edit this document")
            if len(answers) == self._edits:
                return
            await self._woken()

    async def news(self) -> None:
        """Return once there is something that the client does not have, or after its patience."""
        if self._lacks_inserts():
            return
        known = self._question.known
        if known is None:
            known = self.version()
        elif known == self.version():
            self._inbox.sync = self._heard = []
        try:
            async with asyncio.timeout(self._question.wait):
                while self.version() == known and not self._inbox.denied:
                    await self._woken()
        except TimeoutError:
            return

    def _lacks_inserts(self) -> bool:
        have = read_state_vector(self._vector) if self._vector else {}
        clocks = read_state_vector(self._content.state_vector())
        return self._vector is not None and any(clock > have.get(c, 0) for c, clock in clocks.items())

    def answer(self) -> Answer:
        """What the client lacks now."""
        version = self.version()
        denied = self._inbox.denied
        if self._question.wait and version == self._question.known and not denied:
            return Answer((), version)
        frames = [*denied, *self._content_frames()]
        if self._question.presence:
            frames.append(protocol.awareness(self._present()))
        return Answer(tuple(frames), version)

    def _content_frames(self) -> list[bytes]:
        if self._vector is None:
            return []
        if self._heard is not None and self._seat.member.may_edit:
            return [*self._heard, protocol.step1(self._content.state_vector())]
        return self._heard if self._heard is not None else self._receive(Step1(self._vector))

    def version(self) -> str:
        """Names what is there; other content, or presence if that counts, has another name."""
        name = "{}-{}".format(*self._content.totals())
        if not self._question.presence:
            return name
        clocks = sorted(entry[: _clock_end(entry)] for entry in self._present())
        return f"{name}-{hashlib.sha256(b''.join(clocks)).hexdigest()[:12]}"

    def _present(self) -> list[bytes]:
        frames = self._seat.cell.room.presence_for(self._seat.member)
        entries = [entry for frame in frames for entry in read_entries(body_of(frame))]
        return [
            varuint(client) + varuint(clock) + sized(state)
            for client, clock, state in entries
            if client != self._question.but
        ]

    def _receive(self, message: Message) -> list[bytes]:
        """Tell the room one thing; returns the sync frames that it says to that at once."""
        said: list[bytes] = []
        self._inbox.sync = said
        self._seat.receive(message, asyncio.get_running_loop().time(), datetime.now(UTC))
        self._inbox.sync = None
        self._check()
        return said

    async def _woken(self) -> None:
        await self._inbox.woken.wait()
        self._inbox.woken.clear()
        self._check()

    def _check(self) -> None:
        if self._inbox.closed is not None:
            code, reason = self._inbox.closed
            raise Refused(Close(code), reason)


def _clock_end(entry: bytes) -> int:
    """Where the clock of a presence entry ends."""
    return read_varuint(entry, read_varuint(entry, 0)[1])[1]
