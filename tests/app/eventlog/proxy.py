"""A proxy in front of PostgreSQL that loses what it is told to lose."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Literal
from urllib.parse import parse_qs, urlsplit

from tests.ports import kept_port

Fault = Literal["acknowledgement", "commit", "late commit"]

LATE = 0.3  # seconds that a late commit spends on its way


class Proxy:
    """Forwards bytes between clients on a loopback port and the server's Unix socket.

    `fault` strikes the next message from a client that commits, once:
    "acknowledgement"  it reaches the server, the answer never reaches the client
    "commit"           it is lost with the connection
    "late commit"      the client's connection is lost, the message reaches the server after a while
    With `and_away` new connections are refused from then on.
    """

    def __init__(self, url: str) -> None:
        self._target = urlsplit(url)
        self._sessions: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._port = kept_port(self)  # also while it is stopped
        self.fault: Fault | None = None
        self.and_away = False
        self.struck = 0

    @property
    def url(self) -> str:
        """Where clients connect."""
        netloc = f"{self._target.username}:@127.0.0.1:{self._port}"
        return self._target._replace(netloc=netloc, query="sslmode=disable").geturl()

    async def start(self) -> None:
        """Accept connections, on the same port each time."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self._port)

    async def stop(self) -> None:
        """Refuse connections and cut those that are."""
        assert self._server is not None
        self._server.close()
        await self.cut()

    async def cut(self) -> None:
        """Cut all connections, and go on accepting new ones."""
        for session in list(self._sessions):
            session.cancel()
        await asyncio.gather(*self._sessions, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = asyncio.current_task()
        assert session is not None
        self._sessions.add(session)
        try:
            directory = parse_qs(self._target.query)["host"][0]
            server = await asyncio.open_unix_connection(f"{directory}/.s.PGSQL.{self._target.port or 5432}")
            await self._forward(reader, writer, *server)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._sessions.discard(session)
            writer.close()

    async def _forward(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        server_reader: asyncio.StreamReader,
        server_writer: asyncio.StreamWriter,
    ) -> None:
        answers = asyncio.create_task(_copy(server_reader, writer))
        try:
            while message := await reader.read(2**18):
                if self.fault and b"COMMIT" in message:
                    fault, self.fault = self.fault, None
                    self.struck += 1
                    if self.and_away and self._server is not None:
                        self._server.close()
                    answers.cancel()
                    await asyncio.wait([answers])
                    if fault == "late commit":
                        writer.close()
                        await asyncio.sleep(LATE)
                    if fault != "commit":
                        server_writer.write(message)
                        await server_reader.read(1)  # the server has answered: it is committed
                    return
                server_writer.write(message)
                await server_writer.drain()
        finally:
            answers.cancel()
            server_writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(2**18):
            writer.write(data)
            await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def proxy_to(url: str) -> AsyncIterator[Proxy]:
    """A running proxy."""
    proxy = Proxy(url)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.stop()
