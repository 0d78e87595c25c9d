"""Websockets of live documents: over any ASGI server, and handed over at once on LiveProtocol."""

from __future__ import annotations

import asyncio
import random
import socket
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
import uvicorn
from hypothesis import given
from hypothesis import strategies as st
from starlette.websockets import WebSocket, WebSocketDisconnect
from websockets.asyncio.client import ClientConnection, connect
from websockets.frames import Frame, Opcode

from app.live_socket import _LARGE, AsgiSocket, DirectSocket, LiveProtocol, _LastFrame, open_socket
from realtime.ports import SocketClosed


def binary(data: bytes) -> bytes:
    return Frame(Opcode.BINARY, data).serialize(mask=False)


@given(st.lists(st.sampled_from([0, 1, 125, 126, _LARGE, _LARGE + 1, 65_535, 65_536]), max_size=8))
def test_the_last_frame_is_that_of_the_last_message(sizes: list[int]) -> None:
    last = _LastFrame()
    kept = [b"".join([bytes([n])] * size) for n, size in enumerate(sizes)]
    for data in [*kept, *reversed(kept), *kept]:
        last.encode(data)
        assert last.frame == binary(data)
        assert last.data is data


def test_a_large_message_is_put_into_a_frame_once_for_all_newcomers() -> None:
    last, large = _LastFrame(), b"x" * (_LARGE + 1)
    last.encode(large)
    first = last.frame
    last.encode(b"between")
    last.encode(large)
    assert last.frame is first


class Wire:
    """The two ends of an ASGI websocket that has been accepted."""

    def __init__(self, *received: dict[str, Any], **extensions: object) -> None:
        self._received = deque([{"type": "websocket.connect"}, *received])
        self.sent: list[Any] = []
        self.failure: Exception | None = None
        scope = {"type": "websocket", "path": "/", "headers": [], "extensions": extensions}
        self.websocket = WebSocket(scope, self._receive, self._send)

    async def _receive(self) -> Any:
        return self._received.popleft()

    async def _send(self, message: Any) -> None:
        if self.failure is not None:
            raise self.failure
        self.sent.append(message)

    async def accepted(self) -> WebSocket:
        await self.websocket.accept()
        self.sent.clear()
        return self.websocket


async def test_messages_come_as_bytes_and_text_as_none_until_the_other_side_is_gone() -> None:
    wire = Wire(
        {"type": "websocket.receive", "bytes": b"one"},
        {"type": "websocket.receive", "text": "two"},
        {"type": "websocket.receive", "text": None, "bytes": b""},
        {"type": "websocket.disconnect", "code": 1006},
    )
    asgi = AsgiSocket(await wire.accepted())
    assert [await asgi.receive() for _ in range(3)] == [b"one", b"", b""]
    for _ in range(2):  # and stays so
        with pytest.raises(SocketClosed):
            await asgi.receive()


@pytest.mark.parametrize("failure", [WebSocketDisconnect(1006), RuntimeError("closed"), OSError("reset")])
async def test_whatever_ends_a_connection_is_told_as_its_end(failure: Exception) -> None:
    wire = Wire()
    asgi = AsgiSocket(await wire.accepted())
    await asgi.send(b"data")
    assert wire.sent == [{"type": "websocket.send", "bytes": b"data"}]
    wire.failure = failure
    with pytest.raises(SocketClosed):
        await asgi.send(b"data")
    await asgi.close(4400, "no matter")  # nobody is there to hear it


async def test_it_is_closed_once_with_its_code() -> None:
    wire = Wire()
    asgi = AsgiSocket(await wire.accepted())
    for code in (4401, 4503):
        await asgi.close(code, "sign in")
    assert wire.sent == [{"type": "websocket.close", "code": 4401, "reason": "sign in"}]


class Connection:
    """What a DirectSocket uses of its LiveProtocol."""

    def __init__(self) -> None:
        self.reads = True
        self.offer: Any = None
        self.written: list[bytes] = []
        self.write = self.written.append
        self.aborted = False
        self.transport = SimpleNamespace(abort=lambda: setattr(self, "aborted", True))


async def test_a_connection_that_is_in_the_scope_is_used_directly() -> None:
    assert type(open_socket(await Wire().accepted())) is AsgiSocket
    connection = Connection()
    direct = open_socket(await Wire(**{"interlink.connection": connection}).accepted())
    assert isinstance(direct, DirectSocket)
    direct.attach(len)  # type: ignore[arg-type]
    assert connection.offer is len


async def test_a_reader_that_keeps_up_is_written_to_at_once_and_a_slow_one_is_not() -> None:
    connections = [Connection(), Connection()]
    directs = [DirectSocket(await Wire().accepted(), one) for one in connections]  # type: ignore[arg-type]
    connections[1].reads = False
    for data in (b"an edit", b"", b"x" * 70_000, b"an edit"):
        assert [direct.send_now(data) for direct in directs] == [True, False]
        assert connections[0].written.pop() == binary(data)
    assert connections[1].written == []
    for direct in directs:
        direct.finish()
    assert [one.aborted for one in connections] == [False, True]
    assert not AsgiSocket(await Wire().accepted()).send_now(b"an edit")


Application = Callable[[WebSocket], Awaitable[None]]


@asynccontextmanager
async def served(application: Application) -> AsyncIterator[ClientConnection]:
    """A client of an application on LiveProtocol."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        websocket = WebSocket(scope, receive, send)
        await websocket.accept()
        await application(websocket)

    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        app,
        lifespan="off",
        log_config=None,
        ws=LiveProtocol,
        ws_ping_interval=None,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server._serve([listener]))
    async with asyncio.timeout(120):
        while not server.started:  # noqa: ASYNC110  uvicorn has no event for it
            await asyncio.sleep(0.005)
        url = f"ws://127.0.0.1:{listener.getsockname()[1]}/"
        async with connect(url, proxy=None, compression=None, open_timeout=60, close_timeout=60) as client:
            yield client
        server.should_exit = True
        await task


async def test_messages_keep_their_order_whichever_way_they_come() -> None:
    chance = random.Random(7)
    heard: list[bytes] = []
    ways = {"offered": 0, "received": 0}
    over = asyncio.Event()

    async def application(websocket: WebSocket) -> None:
        direct = open_socket(websocket)
        assert isinstance(direct, DirectSocket)

        def offer(data: bytes) -> bool:
            if chance.random() < 0.3:
                return False
            heard.append(data)
            ways["offered"] += 1
            return True

        direct.attach(offer)
        while True:
            try:
                data = await direct.receive()
            except SocketClosed:
                over.set()
                return
            heard.append(data)
            ways["received"] += 1

    sent = [bytes([n]) * chance.choice([0, 1, 125, 126, 65_537]) for n in range(120)]
    async with served(application) as client:
        for data in sent:
            if chance.random() < 0.3:
                await client.send([data[:1], data[1:]])  # in several frames
            else:
                await client.send(data)
        await client.close()
        await over.wait()
    assert heard == sent
    assert min(ways.values()) > 10
