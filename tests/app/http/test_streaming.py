"""Answers that are written to their connection as they are."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx
import uvicorn
from starlette.types import Receive, Scope, Send
from websockets.asyncio.client import connect

from app.http.streaming import StreamingProtocol, Write, chunk, direct_writer

PIECE = b"x" * 64 * 1024


class Streams:
    """An application whose answers are written to from outside."""

    def __init__(self) -> None:
        self.writers: list[Write] = []
        self.end = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.send", "text": "a websocket"})
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"begun ", "more_body": True})
        write = direct_writer(scope)
        assert write is not None
        self.writers.append(write)
        await self.end.wait()
        await send({"type": "http.response.body", "body": b" ended", "more_body": False})


@asynccontextmanager
async def served(app: Streams) -> AsyncIterator[int]:
    config = uvicorn.Config(app, http=StreamingProtocol, lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        task = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield listener.getsockname()[1]
        finally:
            app.end.set()
            server.should_exit = True
            await task


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110  what is waited for has no event of its own
            await asyncio.sleep(0.005)


async def test_what_is_written_stands_between_what_is_sent() -> None:
    app = Streams()
    async with (
        served(app) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as client,
    ):
        for _ in range(2):  # two answers on one connection
            app.end.clear()
            answer = asyncio.create_task(client.get("/"))
            await until(lambda: app.writers != [])
            assert app.writers.pop()(chunk(b"written"))
            app.end.set()
            assert (await answer).text == "begun written ended"


async def test_nothing_is_written_to_who_does_not_read_or_is_gone() -> None:
    app = Streams()
    async with served(app) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
        await until(lambda: app.writers != [])
        write = app.writers.pop()
        pieces = 0
        while pieces < 1000 and write(chunk(PIECE)):
            pieces += 1
        assert 0 < pieces < 1000
        async with asyncio.timeout(60):
            while not write(chunk(b"again")):
                await reader.read(2**20)
        writer.transport.abort()
        await until(lambda: not write(chunk(b"gone")))


async def test_websockets_begin_as_ever() -> None:
    async with served(Streams()) as port, connect(f"ws://127.0.0.1:{port}/", open_timeout=60) as websocket:
        assert await websocket.recv() == "a websocket"


def test_where_the_server_has_no_such_thing_there_is_no_writer() -> None:
    assert direct_writer({"type": "http"}) is None
    assert direct_writer({"type": "http", "extensions": {}}) is None
    assert direct_writer({"type": "http", "extensions": None}) is None


def test_a_chunk_is_as_rfc_9112_has_it() -> None:
    assert chunk(b"0123456789abcdef") == b"10\r\n0123456789abcdef\r\n"
