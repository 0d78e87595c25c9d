"""The other end of a hocuspocus connection, in this process, frame by frame; and a door for its tokens."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import pycrdt

from realtime import protocol
from realtime.hocuspocus import protocol as hocuspocus
from realtime.hub import Hub
from realtime.ports import Admission
from realtime.protocol import Close
from realtime.seat import Refused
from realtime.wire import sized
from tests.realtime.peers import Pipe, admission


class Door:
    """Knows tokens. What is not known is refused; `away`: nobody can be asked now; `hold`: it takes time."""

    def __init__(self, document: UUID | None = None) -> None:
        self.document = document or uuid4()
        self.tokens: dict[str, Admission] = {}
        self.asked: list[tuple[str, str]] = []
        self.away = False
        self._open = asyncio.Event()
        self._open.set()

    def gives(self, token: str, *, may_edit: bool = True, person: UUID | None = None) -> UUID:
        """Make a token for a person; who that is."""
        admitted = admission(self.document, person, may_edit=may_edit)
        self.tokens[token] = replace(admitted, read_only=not may_edit)
        return admitted.person

    def expires(self, token: str, at: datetime) -> None:
        self.tokens[token] = replace(self.tokens[token], expires=at)

    def hold(self) -> None:
        self._open.clear()

    def let_go(self) -> None:
        self._open.set()

    async def admit(self, name: str, token: str) -> Admission:
        self.asked.append((name, token))
        await self._open.wait()
        await asyncio.sleep(0)
        if self.away:
            raise Refused(Close.SHUTTING_DOWN, "try again")
        if token not in self.tokens:
            raise Refused(Close.SIGN_IN, "sign in")
        admitted = self.tokens[token]
        if name == "d":
            return replace(admitted, session=uuid4())
        try:
            return replace(admitted, session=uuid4(), document=UUID(name))
        except ValueError:
            raise Refused(Close.NOT_FOUND, "no such document") from None


class Line:
    """`frames` that came and were not looked at yet."""

    def __init__(self, hub: Hub, door: Door) -> None:
        self.pipe = Pipe()
        self.frames = self.pipe.frames
        self.task = asyncio.create_task(hub.serve_many(self.pipe, door.admit))

    def say(self, *written: str | bytes) -> None:
        """Send frames; text is hexadecimal."""
        for each in written:
            self.pipe.inbound.put_nowait(bytes.fromhex(each) if isinstance(each, str) else each)

    async def hears(self, *written: str | bytes) -> None:
        """The next frames are these."""
        for each in written:
            wanted = bytes.fromhex(each) if isinstance(each, str) else each
            await self.until(lambda: bool(self.frames))
            got = self.frames.popleft()
            assert got == wanted, f"{got!r} instead of {wanted!r}"

    async def until(self, holds: Callable[[], bool], seconds: float = 60) -> None:
        """Wait until something holds."""
        async with asyncio.timeout(seconds):
            while not holds():  # noqa: ASYNC110  it may be anything
                await asyncio.sleep(0.002)

    async def finds(self, frame: bytes) -> None:
        """Among the next frames is this one; those before it are dropped."""
        await self.until(lambda: frame in self.frames)
        while self.frames.popleft() != frame:
            pass

    async def closed(self) -> tuple[int, str] | None:
        """How the server ended it."""
        async with asyncio.timeout(60):
            await self.task
        return self.pipe.closed

    async def end(self) -> None:
        """Hang up."""
        self.pipe.inbound.put_nowait(None)
        await self.task

    async def quiet(self) -> None:
        """Everything that was said is dealt with, and nothing came back."""
        self.say(b"\x09")
        await self.hears(b"\x0a")


def to(name: str, message: bytes) -> bytes:
    """A frame about a document."""
    return hocuspocus.address(name) + message


def auth(name: str, token: str, version: str | None = "4.8.0") -> bytes:
    """What a client begins with."""
    told = b"" if version is None else sized(version.encode())
    return to(name, b"\x02\x00" + sized(token.encode()) + told)


def typed(text: str, doc: pycrdt.Doc[Any] | None = None) -> bytes:
    """A frame's message: somebody writes."""
    doc = doc if doc is not None else pycrdt.Doc()
    before = doc.get_state()
    doc.get("content", type=pycrdt.Text).insert(0, text)
    return protocol.update(doc.get_update(before))
