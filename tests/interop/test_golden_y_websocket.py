"""Golden transcripts: byte for byte what our server answers, and what the unmodified clients say."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection, connect

from app.database.postgres import Pool
from realtime import protocol
from realtime.limits import Limits
from tests.interop.golden import Line, encoded, read
from tests.interop.live_server import colleague, live_system, place, served
from tests.nodejs import Node

pytestmark = pytest.mark.interop

GOLDEN = Path(__file__).parent / "golden" / "y-websocket"
TRANSCRIPTS = sorted(path.stem for path in GOLDEN.glob("*.txt"))
PLAYED_BY_CLIENTS = [name for name in TRANSCRIPTS if "\ndo " in (GOLDEN / f"{name}.txt").read_text()]


@pytest.mark.parametrize("name", TRANSCRIPTS)
async def test_our_server_answers_so(pool: Pool, name: str) -> None:
    limits = Limits(heartbeat=0.3 if name == "heartbeat" else 3600.0, seal_idle=3600.0, seal_after=3600.0)
    async with live_system(pool, limits) as system:
        at = await place(system)
        people = {1: at.owner, 2: await colleague(system, at, "view", "edit")}
        profiles = {number: await system.people.get(person) for number, person in people.items()}
        colours = {f"colour_{number}": profile.colour for number, profile in profiles.items()}
        words = {str(number): str(person) for number, person in people.items()} | colours
        tickets = {number: system.sign_in.ticket(person, at.document)[0] for number, person in people.items()}
        async with served(system) as url:
            urls = {number: f"{url}/{at.document}?token={ticket}" for number, ticket in tickets.items()}
            await _play(read(GOLDEN / f"{name}.txt", **words), urls)


async def _play(lines: list[Line], urls: dict[int, str]) -> None:
    async with AsyncExitStack() as stack:
        ends: dict[int, End] = {}
        for line in lines:
            if line.number not in ends:
                socket = await stack.enter_async_context(connect(urls[line.number], compression=None))
                ends[line.number] = End(socket)
            async with asyncio.timeout(60):
                await _say_or_hear(ends[line.number], line)
        for end in ends.values():
            async with asyncio.timeout(60):
                await end.nothing_more()


async def _say_or_hear(end: End, line: Line) -> None:
    if line.who == "C":
        await end.socket.send(line.frame)
    elif line.close is not None:
        assert await end.closed() == line.close
    elif line.who == "S":
        frame = await end.next(sync=line.frame[0] == protocol.SYNC)
        while frame == protocol.HEARTBEAT and line.frame == protocol.QUERY:
            frame = await end.next(sync=False)  # it was heard of a moment after it came, and not asked yet
        assert frame.hex(" ") == line.frame.hex(" ")


class End:
    """A client's end of a connection. Edits come in order, and presence does, but not one with the other."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self._heard: deque[bytes] = deque()

    async def next(self, *, sync: bool) -> bytes:
        """The next frame about the document (`sync`), or the next about presence."""
        while True:
            for frame in self._heard:
                if (frame[0] == protocol.SYNC) == sync:
                    self._heard.remove(frame)
                    return frame
            frame = await self.socket.recv()
            assert isinstance(frame, bytes)
            self._heard.append(frame)

    async def closed(self) -> tuple[int | None, str | None]:
        """Code and reason, once the server has ended the connection without another word."""
        await self.socket.wait_closed()
        assert not self._heard
        return self.socket.close_code, self.socket.close_reason

    async def nothing_more(self) -> None:
        """The answer to a question comes next, so nothing else was on its way; but the heart may beat."""
        if self.socket.close_code is None:
            await self.socket.send(b"\x00\x00\x03\x01\x7f\x00")
            assert (await self.next(sync=True))[:2] == b"\x00\x01"
            assert set(self._heard) <= {protocol.HEARTBEAT, protocol.QUERY}


@pytest.mark.parametrize("version", [2, 3, 4])
@pytest.mark.parametrize("name", PLAYED_BY_CLIENTS)
def test_unmodified_clients_say_so(node: Node, name: str, version: int) -> None:
    lines = [
        {"who": line.who, "frame": line.frame.hex(" "), "done": line.done}
        for line in read(GOLDEN / f"{name}.txt", **{"1": "0" * 36, "colour_1": "#000000"})
    ]
    said = json.loads(node.run("golden_client.mjs", str(version), stdin=json.dumps(lines), timeout=60))
    assert said == [line["frame"] for line in lines if line["who"] == "C"]


def test_the_notation() -> None:
    assert encoded('00 [ 01 "a{1}" [ ] ] # comment', {"1": "b"}) == bytes.fromhex("00 05 01 02 61 62 00")
    with pytest.raises(ValueError, match="0g"):
        encoded("0g", {})
