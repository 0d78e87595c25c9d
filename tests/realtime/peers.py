"""The other end of a connection, in the same process: a socket pair and a small y-websocket client."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pycrdt

from realtime import protocol, wire
from realtime.awareness import read_entries
from realtime.hub import Hub
from realtime.ports import Admission, SocketClosed


def admission(
    document: UUID, person: UUID | None = None, *, may_edit: bool = True, name: str = "Ilze"
) -> Admission:
    return Admission(document, person or uuid4(), uuid4(), name, "#123456", may_edit, "text")


class Pipe:
    """Implements Socket; `frames` is what the server sent. `stalled`: the reader does not read."""

    def __init__(self) -> None:
        self.inbound: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.frames: deque[bytes] = deque()
        self.arrived: Callable[[bytes], None] = self.frames.append
        self.closed: tuple[int, str] | None = None
        self.ended = asyncio.Event()
        self._reading = asyncio.Event()
        self._reading.set()

    @property
    def stalled(self) -> bool:
        return not self._reading.is_set()

    @stalled.setter
    def stalled(self, value: bool) -> None:
        if value:
            self._reading.clear()
        else:
            self._reading.set()

    async def receive(self) -> bytes:
        if self.closed is not None:
            raise SocketClosed
        frame = await self.inbound.get()
        if frame is None:
            raise SocketClosed
        return frame

    def send_now(self, data: bytes) -> bool:
        if self.stalled:
            return False
        self.arrived(data)
        return True

    async def send(self, data: bytes) -> None:
        await self._reading.wait()
        if self.closed is not None:
            raise SocketClosed
        self.arrived(data)

    async def close(self, code: int, reason: str) -> None:
        if self.closed is None:
            self.closed = (code, reason)
        self.inbound.put_nowait(None)
        self.ended.set()


class Peer:
    """A client with a document of its own that does what y-websocket does."""

    def __init__(self, hub: Hub, admitted: Admission, *, doc: pycrdt.Doc[Any] | None = None) -> None:
        self.person = admitted.person
        self.pipe = Pipe()
        self.pipe.arrived = self._arrived
        self.doc = doc if doc is not None else pycrdt.Doc()
        self.text = self.doc.get("content", type=pycrdt.Text)
        self.synced = asyncio.Event()
        self.changed = asyncio.Condition()
        self.presence: dict[int, Any] = {}
        self.denied: list[str] = []
        self.heard = bytearray()
        self._quiet = False
        self._subscription = self.doc.observe(self._edited)
        self.task = asyncio.create_task(hub.serve(self.pipe, admitted))
        self.say(protocol.step1(self.doc.get_state()))

    def say(self, frame: bytes) -> None:
        """Send a frame."""
        self.pipe.inbound.put_nowait(frame)

    def present(self, client: int, clock: int, state: Any) -> None:
        """Tell of a presence."""
        entry = wire.varuint(client) + wire.varuint(clock) + wire.sized(json.dumps(state).encode())
        self.say(protocol.awareness([entry]))

    async def leave(self) -> None:
        """Hang up."""
        self.pipe.inbound.put_nowait(None)
        await self.task
        self.doc.unobserve(self._subscription)

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds for this client."""
        async with asyncio.timeout(60):
            while not holds():  # noqa: ASYNC110  it may be anything
                await asyncio.sleep(0.005)

    def _edited(self, event: Any) -> None:
        if not self._quiet:
            self.say(protocol.update(event.update))

    def _arrived(self, frame: bytes) -> None:
        self.heard.append(frame[0])
        if frame[0] == protocol.AUTH:
            self.denied.append(wire.read_string(frame, 2)[0])
        elif frame[0] == protocol.AWARENESS:
            for client, _, state in read_entries(wire.read_bytes(frame, 1)[0]):
                self.presence[client] = json.loads(state)
        elif frame[0] == protocol.SYNC:
            self._synced(frame[1], wire.read_bytes(frame, 2)[0])

    def _synced(self, step: int, body: bytes) -> None:
        if step == protocol.STEP1:
            self.say(protocol.step2(self.doc.get_update(body)))
            return
        self._quiet = True
        self.doc.apply_update(body)
        self._quiet = False
        if step == protocol.STEP2:
            self.synced.set()
