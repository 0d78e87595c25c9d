"""One document on a socket that carries many: on the way in, in, or out again, by its own token.

What is said before the token is checked waits, within bounds. A stock client that was refused or
put out does not come back by itself, so what may pass is tried again here; and who comes in again is
brought up to date by the server, because its client thinks that it is.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from realtime import protocol
from realtime.cell import Cell
from realtime.hocuspocus import protocol as hocuspocus
from realtime.hocuspocus.addressed import AddressedChannel
from realtime.hocuspocus.protocol import Body, Detach, Envelope, Stateless, Token
from realtime.hocuspocus.receipts import Receipts
from realtime.member import Member, Outlet
from realtime.ports import Admission
from realtime.protocol import STEP1, Close, Edit, Refusal, Step1
from realtime.seat import Refused, Seat

if TYPE_CHECKING:
    from realtime.hocuspocus.multiplex import Multiplex

logger = logging.getLogger(__name__)

_COME_BACK = 4500  # close codes from here on mean: not now
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0  # seconds between two attempts
_LARGE = 64 * 1024  # bytes; parsing more takes long enough to be noticed elsewhere
_FAILED = 1011

Admit = Callable[[str, str], Awaitable[Admission]]
"""(document as the client calls it, token) → who may enter; raises Refused."""


class Door(Protocol):
    """Lets people into documents: the hub."""

    async def join(self, admission: Admission, outlet: Callable[[Member, Cell], Outlet]) -> Seat:
        """Let somebody in; raises Refused."""
        ...

    def renew(self, seat: Seat, admission: Admission) -> None:
        """A member showed a new token; raises Refused."""
        ...


class Place:
    """A document's name on a connection, from its first message until the client is done with it."""

    def __init__(self, connection: Multiplex, envelope: Envelope, *, door: Door, admit: Admit) -> None:
        self.address = envelope.address
        self.document = envelope.document
        self.receipts = Receipts()
        self.seat: Seat | None = None
        self.over = False  # refused or put out; only a new token counts
        self._connection = connection
        self._door = door
        self._admit = admit
        self._channel: AddressedChannel | None = None
        self._held: deque[Envelope] = deque()
        self._holds = True  # else what is said now is made good once there is a seat
        self._out_of_step = False  # the client thinks that it has said and heard everything
        self._token: Token | None = None  # to be checked
        self._newer = asyncio.Event()
        self._departing = False  # the client is done here; what it said before is still taken
        self.gone = False
        self._task: asyncio.Task[None] | None = None
        self._timers: list[asyncio.TimerHandle] = []
        self._expires: datetime | None = None
        limits = connection.limits
        self._deadline = connection.loop.call_later(limits.handshake, self._expect_token)

    @property
    def pending(self) -> bool:
        """Whether it is not known yet if the client may enter."""
        return self.seat is None and not self.over

    @property
    def open(self) -> bool:
        """Whether messages go straight to the room."""
        return self.seat is not None and not self._held

    def say(self, message: bytes) -> None:
        """Send a message that no diff replaces."""
        if not self._departing:
            self._connection.say(self.address + message)

    # --- what the client says

    def hold(self, envelope: Envelope) -> None:
        """Something is said before the client may; what comes after the end is not read at all."""
        if self.seat is None and (self.over or not self._holds):
            self._overlook(envelope)
        elif self._connection.hold(len(envelope.frame)):
            self._held.append(envelope)

    def receive(self, body: Body, now: float) -> None:
        """Something is said by who is in; tokens and farewells by anybody."""
        if isinstance(body, Token):
            self._shown(body)
        elif isinstance(body, Detach):
            self._connection.remove(self)
        elif self.seat is not None and self._channel is not None and not isinstance(body, Stateless):
            if type(body) is Step1:
                self.receipts.began()
                self.say(protocol.step1(self.seat.cell.state_vector()))
                if self._connection.writer is not None:
                    self._channel.fall_behind(body.state_vector)  # it does not read: encode later
                    return
            elif type(body) is Edit:
                self.receipts.edit(step2=body.step2)
            self.seat.receive(body, now, datetime.now(UTC))
            self.receipts.handled()

    def _overlook(self, envelope: Envelope) -> None:
        self._out_of_step = True
        if envelope.step == STEP1:
            self.receipts.missed_step1()
        elif envelope.step is not None:
            self.receipts.missed_edit()

    # --- the way in

    def _shown(self, shown: Token) -> None:
        self._connection.knows(shown.version)
        self._deadline.cancel()
        self._token = shown
        self._newer.set()
        if self.over:
            self.over, self._holds = False, True
        if self._task is None and self._connection.may_check():
            self._task = asyncio.create_task(self._check())
            self._connection.checking(self._task)

    async def _check(self) -> None:
        pause = _FIRST_PAUSE
        try:
            while (shown := self._token) is not None:
                self._newer.clear()
                if await self._passes(shown.token):
                    pause = _FIRST_PAUSE
                    if self._token is shown:
                        self._token = None
                elif self._departing:
                    break
                elif not self._newer.is_set():
                    await self._patience(pause)
                    pause = min(pause * 2, _LONGEST_PAUSE)
        except Exception:
            logger.exception("a live connection failed")
            self._connection.close(_FAILED, "internal error")
        finally:
            self._task = None
            if self._departing:
                self.leave()

    async def _passes(self, token: str) -> bool:
        """Decide on a token; False: that is not possible now."""
        try:
            admission = await self._admit(self.document, token)
            self._connection.welcomed()
            if self.gone:
                return True
            if self.seat is None:
                seat = await self._door.join(admission, self._enter)
                if self.gone:
                    seat.leave()
                    return True
                self.seat, self.over = seat, False
                self._follow(admission.expires)
                await self._catch_up()
            else:
                self._door.renew(self.seat, admission)
                self.say(hocuspocus.authenticated(self.seat.member.may_edit))
                self._follow(admission.expires)
        except Refused as refused:
            if refused.code >= _COME_BACK:
                return False
            if self.seat is None:
                self._deny(refused.code)
            else:
                self.close(refused.code, str(refused))
        return True

    async def _patience(self, pause: float) -> None:
        if self.seat is None:
            self._holds = False
            while self._held:
                self._overlook(self._let_go())
        try:
            async with asyncio.timeout(pause):
                await self._newer.wait()
        except TimeoutError:
            return

    def _enter(self, member: Member, cell: Cell) -> AddressedChannel:
        member.asked = self._connection.loop.time()  # each step1 of the client is answered with one here
        self.say(hocuspocus.authenticated(member.may_edit))
        self._channel = AddressedChannel(self._connection, member, cell, self)
        self._channel.over = self._departing
        return self._channel

    async def _catch_up(self) -> None:
        """Take what was said meanwhile; later messages queue up behind it."""
        if self._out_of_step and not any(envelope.step == STEP1 for envelope in self._held):
            self._bring_in_step()
        self._out_of_step = False
        while self._held and self.seat is not None and self._connection.closing is None:
            envelope = self._held[0]
            if len(envelope.frame) > _LARGE:
                body = await asyncio.to_thread(hocuspocus.read, envelope)
            else:
                body = hocuspocus.read(envelope)
                await asyncio.sleep(0)
            if not self._held or self._held[0] is not envelope:  # put out meanwhile
                break
            self._let_go()
            if isinstance(body, Refusal):
                self._connection.close(body.code, body.reason)
            else:
                self.receive(body, self._connection.loop.time())

    def _bring_in_step(self) -> None:
        """Start the exchange that the client starts when it opens a socket."""
        assert self.seat is not None
        self.receipts.ask()
        self.say(protocol.step1(self.seat.cell.state_vector()))
        self.seat.receive(Step1(b"\x00"), self._connection.loop.time(), datetime.now(UTC))
        self.say(protocol.QUERY)

    def _let_go(self) -> Envelope:
        envelope = self._held.popleft()
        self._connection.release(len(envelope.frame))
        return envelope

    def _expect_token(self) -> None:
        """No token was shown in time."""
        if self.pending:
            self._deny(Close.SIGN_IN)

    def _deny(self, code: Close) -> None:
        self._connection.count(code)
        self._end()
        self.say(hocuspocus.denied("permission-denied"))

    # --- the way out

    def _follow(self, expires: datetime | None) -> None:
        """Ask for a new token before this one expires, once; then close."""
        for timer in self._timers:
            timer.cancel()
        asked, self._expires = self._expires == expires, expires
        if expires is None:
            return
        later = self._connection.loop.call_later
        left = max(0.0, (expires - datetime.now(UTC)).total_seconds())
        self._timers = [later(left, self.close, Close.SIGN_IN, "sign in again")]
        if not asked:
            ask_in = max(left - self._connection.limits.renew_before, left / 2)
            self._timers.append(later(ask_in, self.say, hocuspocus.ask_for_token()))

    def close(self, code: int, reason: str) -> None:
        """End the stay, and say so; the client may show another token."""
        if (seat := self.seat) is not None:
            self._connection.count(code)
            self._end()
            self.say(hocuspocus.closed(reason))
            self._connection.loop.call_soon(seat.leave)  # the room may be in the middle of something

    def depart(self) -> None:
        """The client is done with this document; what it said before its token was checked counts."""
        if self._task is None or not self._held:
            self.leave()
            return
        self._departing = True
        self._newer.set()
        if self._channel is not None:
            self._channel.over = True

    def leave(self) -> None:
        """Let go of everything."""
        self.gone = True
        if self.seat is not None:
            self.seat.leave()
        self._end()
        self._token = None
        self._newer.set()

    def _end(self) -> None:
        self.over = True
        self._deadline.cancel()
        self._expires = None
        for timer in self._timers:
            timer.cancel()
        while self._held:
            self._overlook(self._let_go())
        if self.seat is not None and self._channel is not None:
            self.seat, self._out_of_step = None, True
            self._channel.over = True
            self._connection.forget(self._channel)
            self.receipts.lost()
