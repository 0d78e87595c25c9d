"""Receivers of webhooks on loopback that behave as told, well or badly."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from ssl import SSLContext

Behaviour = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Message:
    """A request as it came."""

    target: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """A server of bytes. `behave` may be changed at any time; `received` is everything that came whole."""

    port: int = 0
    behave: Behaviour = field(default_factory=lambda: answer(204))
    received: list[Message] = field(default_factory=list)
    connections: int = 0
    arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    async def wait_for(self, count: int, timeout: float = 60) -> list[Message]:
        """Everything received, once that is so many; raises TimeoutError."""
        async with asyncio.timeout(timeout), self.arrived:
            await self.arrived.wait_for(lambda: len(self.received) >= count)
        return self.received

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with suppress(OSError, asyncio.IncompleteReadError):
            try:
                while True:
                    message = await _read(reader)
                    async with self.arrived:
                        self.received.append(message)
                        self.arrived.notify_all()
                    await self.behave(writer)
                    await writer.drain()
                    if writer.is_closing():
                        return
            finally:
                writer.transport.abort()


async def _read(reader: asyncio.StreamReader) -> Message:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Message(head[0].split(" ")[1], headers, body)


@asynccontextmanager
async def receiving(
    behave: Behaviour | None = None, ssl: SSLContext | None = None, port: int = 0
) -> AsyncIterator[Receiver]:
    """A receiver during this block; its connections are cut at the end."""
    receiver = Receiver(behave=behave or answer(204))
    tasks: set[asyncio.Task[None]] = set()

    def start(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(receiver.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(start, "127.0.0.1", port, ssl=ssl)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)  # in which the connections end


def answer(status: int, *headers: str, body: bytes = b"") -> Behaviour:
    """Answer every request so."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        head = [f"HTTP/1.1 {status} Said", *headers, f"Content-Length: {len(body)}"]
        writer.write("\r\n".join(head).encode() + b"\r\n\r\n" + body)

    return behave


async def hang_up(writer: asyncio.StreamWriter) -> None:
    """Say nothing, and hang up."""
    writer.close()


async def never(writer: asyncio.StreamWriter) -> None:
    """Say nothing, for ever."""
    await asyncio.Event().wait()


async def break_off(writer: asyncio.StreamWriter) -> None:
    """Say that all is well, and hang up in the middle of the sentence."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nwell")
    await writer.drain()
    writer.close()


async def drip(writer: asyncio.StreamWriter) -> None:
    """Say that all is well, and then one byte at a time, for ever."""
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"1\r\n.\r\n")
        await writer.drain()
        await asyncio.sleep(0.02)


async def flood(writer: asyncio.StreamWriter) -> None:
    """Say that all is well, and then everything else, for ever."""
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"10000\r\n" + b"." * 0x10000 + b"\r\n")
        await writer.drain()


async def gibberish(writer: asyncio.StreamWriter) -> None:
    """Speak no HTTP."""
    writer.write(b"\x00\xffSSH-2.0\r\n\r\n")
    await writer.drain()
    writer.close()
