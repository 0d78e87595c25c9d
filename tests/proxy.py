"""A TCP proxy between a program and a server, that can be cut or held up."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from tests.ports import kept_port


class PortProxy:
    """Forwards bytes between a loopback port of its own and another one.

    `cut`: connections are lost and new ones refused. `hold`: bytes wait, in both directions, and
    nobody is told: a network without answer.
    """

    def __init__(self, target: int, port: int = 0) -> None:
        self._target = target
        self.port = port or kept_port(self)
        self._server: asyncio.Server | None = None
        self._open = False
        self._sessions: set[asyncio.Task[None]] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self.delay = 0.0  # seconds that each piece waits

    @property
    def redis_url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    async def start(self) -> None:
        """Accept connections, on the same port each time."""
        self._open = True
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)

    async def cut(self) -> None:
        """Lose all connections and refuse new ones, until `start`."""
        self._open = False
        if self._server is not None:
            self._server.close()
            self._server = None
        for session in list(self._sessions):
            session.cancel()
        await asyncio.gather(*self._sessions, return_exceptions=True)

    def hold(self) -> None:
        """Let nothing through."""
        self._flowing.clear()

    def let_go(self) -> None:
        """Let everything through again."""
        self._flowing.set()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._open:  # it came just before the cut
            writer.close()
            return
        session = asyncio.current_task()
        assert session is not None
        self._sessions.add(session)
        server_writer: asyncio.StreamWriter | None = None
        try:
            server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self._target)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._copy(reader, server_writer))
                group.create_task(self._copy(server_reader, writer))
        except* (OSError, asyncio.CancelledError):
            pass
        finally:
            self._sessions.discard(session)
            writer.close()
            if server_writer is not None:
                server_writer.close()

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(2**16):
                await self._flowing.wait()
                if self.delay:
                    await asyncio.sleep(self.delay)
                writer.write(data)
                await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def proxy_to_port(target: int) -> AsyncIterator[PortProxy]:
    """A running proxy."""
    proxy = PortProxy(target)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.cut()
